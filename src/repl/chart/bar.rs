//! A bar for each row, to an eighth of a cell.
//!
//! ```text
//! pages/home    ████████████████████████▌  1,204
//! pages/item    ███████████▎                 560
//! ```
//! Where values are negative, bars begin at a common zero and go both ways.

use super::{COLOURS, Canvas, MOST_SERIES, coloured};
use crate::repl::grid::Grid;
use crate::repl::text::{cut, fitted, one_line, pad, width};

const EIGHTHS: [char; 9] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
/// More rows than this are no picture.
const MOST: usize = 100;

pub(super) fn draw(grid: &Grid, columns: &[usize], canvas: Canvas) -> Result<Vec<String>, String> {
    let (label, figures) = columns.split_first().ok_or("\\chart bar: no columns")?;
    let several = figures.len() > 1;
    let rows = &grid.rows[..grid.rows.len().min(MOST)];
    let labels: Vec<String> = rows.iter().map(|row| one_line(row[*label].shown())).collect();
    let label_width = labels.iter().map(|text| width(text)).max().unwrap_or(0).clamp(1, canvas.width / 3);
    let shown = |row: usize, column: usize| one_line(rows[row][column].shown());
    let value_width = (0..rows.len())
        .flat_map(|row| figures.iter().map(move |column| (row, *column)))
        .map(|(row, column)| width(&shown(row, column)))
        .max()
        .unwrap_or(0)
        .min(canvas.width / 4);
    let room = canvas.width.saturating_sub(label_width + value_width + 2).max(1);
    let values = || rows.iter().flat_map(|row| figures.iter().filter_map(|column| row[*column].value()));
    let low = values().fold(0.0_f64, f64::min);
    let high = values().fold(0.0_f64, f64::max);
    let mut lines = Vec::new();
    if several {
        let names = figures.iter().enumerate().map(|(series, column)| {
            let name = one_line(&grid.columns[*column].name);
            (series, format!("{} {name}", mark(series, canvas.colour)))
        });
        lines.extend(legend(names, canvas));
    } else {
        lines.push(cut(&one_line(&grid.columns[figures[0]].name), canvas.width));
    }
    for (at, row) in rows.iter().enumerate() {
        for (series, column) in figures.iter().enumerate() {
            let name = if series == 0 { labels[at].as_str() } else { "" };
            let bar = match row[*column].value() {
                Some(value) => {
                    bar(value, low, high, room, if several { mark(series, canvas.colour) } else { '█' })
                }
                None => String::new(),
            };
            let bar = coloured(&pad(&bar, room, false), series, canvas.colour);
            let value = fitted(&shown(at, *column), value_width, true);
            lines.push(format!("{} {bar} {value}", fitted(name, label_width, false)));
        }
    }
    if rows.len() < grid.rows.len() {
        lines.push(cut(&format!("the first {MOST} of {} rows", grid.rows.len()), canvas.width));
    }
    Ok(lines)
}

/// Bodies of bars that are told apart.
const BODIES: [char; MOST_SERIES] = ['█', '▒', '░', '▓', '▪', '▫', '=', '#', '+', 'o', '-', '~'];

/// The body of a series' bars: another one where the colours begin again, without colour for each series.
fn mark(series: usize, colour: bool) -> char {
    let body = if colour { series / COLOURS.len() } else { series };
    BODIES[body % BODIES.len()]
}

/// Names of series in as few lines as they need.
pub(super) fn legend(names: impl Iterator<Item = (usize, String)>, canvas: Canvas) -> Vec<String> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (series, name) in names {
        let name = cut(&name, canvas.width);
        let cells = width(&name);
        let text = coloured(&name, series, canvas.colour);
        match lines.last_mut() {
            Some((used, line)) if *used + 2 + cells <= canvas.width => {
                line.push_str("  ");
                line.push_str(&text);
                *used += 2 + cells;
            }
            _ => lines.push((cells, text)),
        }
    }
    lines.into_iter().map(|(_, line)| line).collect()
}

/// The bar of `value` in `room` cells that reach from `low` (at most 0) to `high` (at least 0).
pub(super) fn bar(value: f64, low: f64, high: f64, room: usize, body: char) -> String {
    if high <= low {
        return String::new();
    }
    let cell = |value: f64| (value - low) / (high - low) * room as f64;
    let zero = cell(0.0).round() as usize;
    if value < 0.0 {
        let length = ((zero as f64 - cell(value)).round() as usize).clamp(1, zero.max(1));
        return " ".repeat(zero.saturating_sub(length)) + &body.to_string().repeat(length.min(zero));
    }
    let space = room - zero.min(room);
    let eighths = if high > 0.0 { (value / high * space as f64 * 8.0).round() as usize } else { 0 };
    let eighths = eighths.min(space * 8);
    let mut bar = " ".repeat(zero) + &body.to_string().repeat(eighths / 8);
    if eighths % 8 > 0 && body == '█' {
        bar.push(EIGHTHS[eighths % 8]);
    } else if eighths % 8 >= 4 {
        bar.push(body);
    }
    bar
}
