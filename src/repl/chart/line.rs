//! Curves over days, times or numbers: two dots by four in each cell. Several series differ by colour, without colour by sign.

use super::bar::legend;
use super::scale::{place, range, short};
use super::{COLOURS, Canvas, MOST_SERIES, coloured};
use crate::repl::grid::{Grid, Kind};
use crate::repl::text::{cut, fitted, one_line, pad, width};

/// Bits of a braille sign, by column and row.
const DOTS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
const SIGNS: [char; MOST_SERIES] = ['*', 'o', '+', 'x', '#', '@', '%', '&', '=', '~', '$', '^'];

pub(super) fn draw(grid: &Grid, columns: &[usize], canvas: Canvas) -> Result<Vec<String>, String> {
    let (x, figures) = columns.split_first().ok_or("\\chart line: no columns")?;
    let (places, rows) = places(grid, *x);
    let values = |column: usize| rows.iter().map(move |row| grid.rows[*row][column].value());
    let Some((low, high)) = range(figures.iter().flat_map(|column| values(*column).flatten())) else {
        return Err("\\chart line: no value is a number".to_string());
    };
    let axis = [high, (low + high) / 2.0, low].map(short);
    let margin = axis.iter().map(|text| width(text)).max().unwrap_or(1);
    let room = canvas.width.saturating_sub(margin + 2).max(2);
    let mut picture = Picture::new(room, canvas.height);
    // Signs of their own where neither colour nor shape would tell the curves apart.
    let by_sign = figures.len() > 1 && !canvas.colour || figures.len() > COLOURS.len();
    let (from, to) = (places.first().copied().unwrap_or(0.0), places.last().copied().unwrap_or(1.0));
    let (across, down) = if by_sign { (room, canvas.height) } else { (room * 2, canvas.height * 4) };
    for (series, column) in figures.iter().enumerate() {
        let point = |at: usize, value: f64| {
            let x = if to > from { (places[at] - from) / (to - from) } else { 0.5 };
            let y = (high - value) / (high - low);
            ((x * (across - 1) as f64).round() as i64, (y * (down - 1) as f64).round() as i64)
        };
        let mut before: Option<(i64, i64)> = None;
        for (at, value) in values(*column).enumerate() {
            // A missing value is a gap.
            let now = value.map(|value| point(at, value));
            if let Some(now) = now {
                for (x, y) in segment(before.unwrap_or(now), now) {
                    match by_sign {
                        true => picture.sign(x as usize, y as usize, SIGNS[series % SIGNS.len()], series),
                        false => picture.dot(x as usize, y as usize, series),
                    }
                }
            }
            before = now;
        }
    }
    let name = |column: usize| one_line(&grid.columns[column].name);
    let mut lines = if figures.len() > 1 {
        let names = figures.iter().enumerate().map(|(series, column)| {
            let sign = if by_sign { SIGNS[series % SIGNS.len()] } else { '━' };
            (series, format!("{sign} {}", name(*column)))
        });
        legend(names, canvas)
    } else {
        vec![cut(&name(figures[0]), canvas.width)]
    };
    for row in 0..canvas.height {
        let label = match row {
            0 => &axis[0],
            row if row == canvas.height / 2 => &axis[1],
            row if row == canvas.height - 1 => &axis[2],
            _ => "",
        };
        lines.push(format!("{} ┤{}", pad(label, margin, true), picture.row(row, canvas.colour)));
    }
    let first = rows.first().map(|row| one_line(grid.rows[*row][*x].shown())).unwrap_or_default();
    let last = rows.last().map(|row| one_line(grid.rows[*row][*x].shown())).unwrap_or_default();
    lines.push(format!("{} └{}", " ".repeat(margin), "─".repeat(room)));
    let half = room / 2;
    lines.push(format!(
        "{}{}{}",
        " ".repeat(margin + 2),
        fitted(&first, half, false),
        fitted(&last, room - half, true)
    ));
    Ok(lines)
}

/// Where each row stands on the axis, ascending, and which rows these are: by value where the kind has one, else in order.
fn places(grid: &Grid, x: usize) -> (Vec<f64>, Vec<usize>) {
    let kind = grid.columns[x].kind;
    let by_value: Vec<(f64, usize)> = match kind {
        Kind::Number | Kind::Date | Kind::Time => grid
            .rows
            .iter()
            .enumerate()
            .filter_map(|(row, cells)| Some((place(&cells[x], kind)?, row)))
            .collect(),
        _ => Vec::new(),
    };
    if by_value.is_empty() {
        return ((0..grid.rows.len()).map(|at| at as f64).collect(), (0..grid.rows.len()).collect());
    }
    let mut sorted = by_value;
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    sorted.into_iter().unzip()
}

/// The points of a straight line between two points, both included.
fn segment((x0, y0): (i64, i64), (x1, y1): (i64, i64)) -> impl Iterator<Item = (i64, i64)> {
    let steps = (x1 - x0).abs().max((y1 - y0).abs()).max(1);
    (0..=steps).map(move |step| {
        let along =
            |from: i64, to: i64| from + ((to - from) as f64 * step as f64 / steps as f64).round() as i64;
        (along(x0, x1), along(y0, y1))
    })
}

/// Cells with dots or a sign, and the series that drew last in each.
struct Picture {
    width: usize,
    cells: Vec<(u8, char, usize)>,
}

impl Picture {
    fn new(width: usize, height: usize) -> Self {
        Self { width, cells: vec![(0, ' ', 0); width * height] }
    }

    fn dot(&mut self, x: usize, y: usize, series: usize) {
        if let Some(cell) = self.cells.get_mut(y / 4 * self.width + x / 2) {
            cell.0 |= DOTS[x % 2][y % 4];
            cell.2 = series;
        }
    }

    fn sign(&mut self, x: usize, y: usize, sign: char, series: usize) {
        if let Some(cell) = self.cells.get_mut(y * self.width + x) {
            cell.1 = sign;
            cell.2 = series;
        }
    }

    fn row(&self, row: usize, colour: bool) -> String {
        let cells = &self.cells[row * self.width..(row + 1) * self.width];
        let mut line = String::new();
        for (dots, sign, series) in cells {
            let c = match dots {
                0 => *sign,
                dots => char::from_u32(0x2800 + u32::from(*dots)).unwrap_or(' '),
            };
            match c {
                ' ' => line.push(' '),
                c => line.push_str(&coloured(&c.to_string(), *series, colour)),
            }
        }
        line.trim_end().to_string()
    }
}
