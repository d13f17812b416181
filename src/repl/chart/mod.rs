//! `\chart`: a result as a picture of letters, in at most 80 cells, with colour or without.
//!
//! | kind | picture | wants |
//! |---|---|---|
//! | `line` | curves of braille dots over days, times or numbers | x, and columns of numbers; or x, a number and a series |
//! | `bar` | a bar for each row, to an eighth of a cell | a label, and columns of numbers; or a label, a number and a series |
//! | `heat` | shaded cells, a retention triangle among them | rows, headings and a value; or a label and columns of numbers |
//! | `funnel` | a bar for each step, with its share of the first step and of the one before | a step and a number |
//!
//! Without a kind the columns' types decide, see [`guess`].

mod bar;
mod funnel;
mod guess;
mod heat;
mod line;
mod report;
mod scale;

use std::str::FromStr;

use crate::error::did_you_mean;
use crate::repl::grid::{Cell, Grid, Kind};
use crate::repl::pivot::pivot;
use crate::repl::text::{cut, one_line};

use guess::repeats;

pub use guess::guess;
pub use report::draw_report;

/// A kind of picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChartKind {
    Line,
    Bar,
    Heat,
    Funnel,
}

impl ChartKind {
    pub const NAMES: [&'static str; 4] = ["line", "bar", "heat", "funnel"];
    const ALL: [Self; 4] = [Self::Line, Self::Bar, Self::Heat, Self::Funnel];
}

impl FromStr for ChartKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match Self::NAMES.iter().position(|name| *name == text.to_lowercase()) {
            Some(at) => Ok(Self::ALL[at]),
            None => Err(format!(
                "'{text}' is not a kind of chart: {}{}",
                Self::NAMES.join(", "),
                did_you_mean(text, &Self::NAMES)
            )),
        }
    }
}

/// The room for a picture.
#[derive(Debug, Clone, Copy)]
pub struct Canvas {
    /// Cells of a line, at least 20.
    pub width: usize,
    /// Lines of the picture without its axis and its legend.
    pub height: usize,
    pub colour: bool,
}

impl Canvas {
    pub fn new(width: usize, colour: bool) -> Self {
        Self { width: width.clamp(20, 200), height: 12, colour }
    }
}

/// Draws the result: of this kind, from these columns, where they are given. No line is wider than the canvas.
pub fn draw(
    grid: &Grid,
    kind: Option<ChartKind>,
    names: &[String],
    canvas: Canvas,
) -> Result<Vec<String>, String> {
    if grid.rows.is_empty() {
        return Err("\\chart: the result has no rows".to_string());
    }
    let (kind, columns) = guess(grid, kind, names)?;
    if let Some([x, series, y]) = by_series(grid, kind, &columns, names) {
        return draw_series(
            grid,
            kind,
            [x, series, y].map(|column| grid.columns[column].name.as_str()),
            canvas,
        );
    }
    let (drawn, left_out) = match kind {
        ChartKind::Line | ChartKind::Bar => largest(grid, &columns),
        ChartKind::Heat | ChartKind::Funnel => (columns, Vec::new()),
    };
    let mut lines = match kind {
        ChartKind::Line => line::draw(grid, &drawn, canvas)?,
        ChartKind::Bar => bar::draw(grid, &drawn, canvas)?,
        ChartKind::Heat => heat::draw(grid, &drawn, canvas)?,
        ChartKind::Funnel => funnel::draw(grid, &drawn, canvas)?,
    };
    if !left_out.is_empty() {
        let names = one_line(&left_out.join(", "));
        lines.push(cut(&format!("the {MOST_SERIES} largest; not drawn: {names}"), canvas.width));
    }
    Ok(lines)
}

/// x, series and figure of a result whose lines or bars are those of a third column: the only text beside x, where there is
/// one figure, and x has several rows.
fn by_series(grid: &Grid, kind: ChartKind, columns: &[usize], names: &[String]) -> Option<[usize; 3]> {
    let is_text = |column: &usize| matches!(grid.columns[*column].kind, Kind::Text | Kind::Bool);
    let all: Vec<usize> = match names {
        [] => (0..grid.columns.len()).collect(),
        names => names.iter().filter_map(|name| grid.find(name)).collect(),
    };
    let (ChartKind::Line | ChartKind::Bar, [x, y]) = (kind, columns) else { return None };
    let others: Vec<usize> = all.iter().copied().filter(|column| column != x && column != y).collect();
    match others.as_slice() {
        [series]
            if is_text(series) && x != y && all.len() == 3 && (!names.is_empty() || repeats(grid, *x)) =>
        {
            Some([*x, *series, *y])
        }
        _ => None,
    }
}

/// Turns the values of the series into columns and draws these.
pub(super) fn draw_series(
    grid: &Grid,
    kind: ChartKind,
    [x, series, y]: [&str; 3],
    canvas: Canvas,
) -> Result<Vec<String>, String> {
    let turned = pivot(grid, &[x, series, y].map(str::to_string));
    let turned = turned.map_err(|e| e.replacen("\\pivot", "\\chart", 1))?;
    let all: Vec<String> = turned.names().into_iter().map(str::to_string).collect();
    let mut lines = vec![cut(&one_line(&format!("{y} by {series}")), canvas.width)];
    lines.extend(draw(&turned, Some(kind), &all, canvas)?);
    Ok(lines)
}

/// As many series as have marks of their own: the first column is what they are over.
fn largest<'a>(grid: &'a Grid, columns: &[usize]) -> (Vec<usize>, Vec<&'a str>) {
    if columns.len() <= 1 + MOST_SERIES {
        return (columns.to_vec(), Vec::new());
    }
    let size = |column: &usize| {
        grid.rows.iter().filter_map(|row| row.get(*column).and_then(Cell::value)).map(f64::abs).sum::<f64>()
    };
    let sizes: Vec<f64> = columns.iter().map(size).collect();
    let mut order: Vec<usize> = (1..columns.len()).collect();
    order.sort_by(|a, b| sizes[*b].total_cmp(&sizes[*a]));
    order.truncate(MOST_SERIES);
    let is_drawn = |place: &usize| *place == 0 || order.contains(place);
    let (drawn, left_out): (Vec<usize>, Vec<usize>) = (0..columns.len()).partition(is_drawn);
    let name = |place: usize| grid.columns[columns[place]].name.as_str();
    (drawn.into_iter().map(|place| columns[place]).collect(), left_out.into_iter().map(name).collect())
}

/// Series that marks tell apart, by sign or by colour and body.
const MOST_SERIES: usize = 12;

/// Colours of series, told apart on dark and on light ground: blue, orange, green, purple, red, cyan.
const COLOURS: [u8; 6] = [33, 208, 35, 135, 160, 37];

fn coloured(text: &str, series: usize, colour: bool) -> String {
    match colour {
        true => format!("\u{1b}[38;5;{}m{text}\u{1b}[0m", COLOURS[series % COLOURS.len()]),
        false => text.to_string(),
    }
}
