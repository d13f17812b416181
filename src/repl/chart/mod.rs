//! `\chart`: a result as a picture of letters, in at most 80 cells, with colour or without.
//!
//! | kind | picture | wants |
//! |---|---|---|
//! | `line` | curves of braille dots over days, times or numbers | x, and one or more columns of numbers |
//! | `bar` | a bar for each row, to an eighth of a cell | a label, and one or more columns of numbers |
//! | `heat` | shaded cells, a retention triangle among them | rows, headings and a value; or a label and columns of numbers |
//! | `funnel` | a bar for each step, with its share of the first step and of the one before | a step and a number |
//!
//! Without a kind the columns' types decide, see [`guess`].

mod bar;
mod funnel;
mod guess;
mod heat;
mod line;
mod scale;

use std::str::FromStr;

use crate::error::did_you_mean;
use crate::repl::grid::Grid;

pub use guess::guess;

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
    match kind {
        ChartKind::Line => line::draw(grid, &columns, canvas),
        ChartKind::Bar => bar::draw(grid, &columns, canvas),
        ChartKind::Heat => heat::draw(grid, &columns, canvas),
        ChartKind::Funnel => funnel::draw(grid, &columns, canvas),
    }
}

/// Colours of series, told apart on dark and on light ground: blue, orange, green, purple, red, cyan.
const COLOURS: [u8; 6] = [33, 208, 35, 135, 160, 37];

fn coloured(text: &str, series: usize, colour: bool) -> String {
    match colour {
        true => format!("\u{1b}[38;5;{}m{text}\u{1b}[0m", COLOURS[series % COLOURS.len()]),
        false => text.to_string(),
    }
}
