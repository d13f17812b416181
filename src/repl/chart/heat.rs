//! Shaded cells: rows × headings, the darker the more. Where there is no value the place stays blank, so a retention table is
//! a triangle.
//!
//! ```text
//! day         0    1    2
//! 03-01     80█  31▒  22░
//! 03-02     76█  29▒
//! ```
//! With colour the ground of a cell says how much it is; the number stands in it either way where there is room.

use super::Canvas;
use super::scale::short;
use crate::repl::grid::{Cell, Grid};
use crate::repl::pivot::pivot;
use crate::repl::text::{cut, fitted, one_line, width};

const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];
/// Blues of the 256 colours, light to dark, and whether the text on them is white.
const GROUNDS: [(u8, bool); 6] =
    [(195, false), (153, false), (111, false), (69, true), (26, true), (18, true)];
const MOST: usize = 100;

pub(super) fn draw(grid: &Grid, columns: &[usize], canvas: Canvas) -> Result<Vec<String>, String> {
    let is_long = columns.len() == 3 && {
        let mut seen = std::collections::HashSet::new();
        grid.rows.iter().any(|row| !seen.insert(row[columns[0]].shown()))
    };
    let matrix = if is_long {
        let names: Vec<String> = columns.iter().map(|column| grid.columns[*column].name.clone()).collect();
        pivot(grid, &names).map_err(|e| e.replacen("\\pivot", "\\chart heat", 1))?
    } else {
        let pick = |row: &Vec<Cell>| columns.iter().map(|column| row[*column].clone()).collect();
        Grid {
            columns: columns.iter().map(|column| grid.columns[*column].clone()).collect(),
            rows: grid.rows.iter().map(pick).collect(),
        }
    };
    Ok(shade(&matrix, canvas))
}

/// The first column is the label, the others are cells.
fn shade(matrix: &Grid, canvas: Canvas) -> Vec<String> {
    let rows = &matrix.rows[..matrix.rows.len().min(MOST)];
    let heads: Vec<String> = matrix.columns[1..].iter().map(|column| one_line(&column.name)).collect();
    let label_name = one_line(&matrix.columns[0].name);
    let labels: Vec<String> = rows.iter().map(|row| one_line(row[0].shown())).collect();
    let label_width = labels
        .iter()
        .chain([&label_name])
        .map(|text| width(text))
        .max()
        .unwrap_or(1)
        .clamp(1, canvas.width / 3);
    let values = || rows.iter().flat_map(|row| row[1..].iter().filter_map(Cell::value));
    let (low, high) = values()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    // Counts are shaded from 0.
    let low = if low > 0.0 { 0.0 } else { low };
    let number_width = values().map(|value| width(&short(value))).max().unwrap_or(1);
    let head_width = heads.iter().map(|head| width(head)).max().unwrap_or(1);
    let room = canvas.width - label_width;
    let with_numbers = number_width.max(head_width.min(10)) + 2;
    // As many columns as possible; numbers only where all fit with them, or where the cells could not be told apart.
    let (cell, numbers) = match heads.len() {
        0 => (with_numbers, true),
        count if count * with_numbers <= room => (with_numbers, true),
        count if count * (number_width + 2) <= room => (number_width + 2, true),
        _ => (2, false),
    };
    let count = heads.len().min(room / cell);
    let mut lines = vec![heading(&label_name, label_width, &heads[..count], cell)];
    for (row, label) in rows.iter().zip(&labels) {
        let mut line = fitted(label, label_width, false);
        for value in &row[1..=count] {
            line.push_str(&match value.value() {
                Some(value) => {
                    let share = match high > low {
                        true => (value - low) / (high - low),
                        false => f64::from(u8::from(value != 0.0)),
                    };
                    filled(&short(value), share, cell, numbers, canvas.colour)
                }
                None => " ".repeat(cell),
            });
        }
        lines.push(line.trim_end().to_string());
    }
    let mut notes = Vec::new();
    if values().next().is_some() {
        notes.push(format!("{} to {}", short(low), short(high)));
    }
    if count < heads.len() {
        notes.push(format!("{count} of {} columns", heads.len()));
    }
    match step(&heads[..count], cell) {
        1 => {}
        step => notes.push(format!("one of {step} columns is named")),
    }
    if rows.len() < matrix.rows.len() {
        notes.push(format!("the first {MOST} of {} rows", matrix.rows.len()));
    }
    lines.push(cut(&notes.join("; "), canvas.width));
    lines
}

/// The headings; where cells are narrower than these, every second, third, … stands above its cell.
fn heading(label: &str, label_width: usize, heads: &[String], cell: usize) -> String {
    let mut line = fitted(label, label_width, false);
    let step = step(heads, cell);
    for group in heads.chunks(step) {
        let cells = cell * group.len();
        let head = cut(&group[0], cells.saturating_sub(1).max(1));
        line.push_str(&fitted(&head, cells, step == 1));
    }
    line.trim_end().to_string()
}

/// Of so many columns one is named.
fn step(heads: &[String], cell: usize) -> usize {
    let widest = heads.iter().map(|head| width(head)).max().unwrap_or(1).min(10);
    (widest + 1).div_ceil(cell).max(1)
}

fn filled(number: &str, share: f64, cell: usize, numbers: bool, colour: bool) -> String {
    let share = share.clamp(0.0, 1.0);
    if colour {
        let (ground, white) = GROUNDS[((share * GROUNDS.len() as f64) as usize).min(GROUNDS.len() - 1)];
        let ink = if white { 231 } else { 16 };
        let text = if numbers { fitted(number, cell - 1, true) + " " } else { " ".repeat(cell) };
        return format!("\u{1b}[48;5;{ground}m\u{1b}[38;5;{ink}m{text}\u{1b}[0m");
    }
    // Blank is for what is not there, so the least shade is a light one unless the value is the least of all.
    let shade = SHADES[((share * 4.0).ceil() as usize).min(4)];
    match numbers {
        true => fitted(number, cell - 1, true) + &shade.to_string(),
        false => shade.to_string().repeat(cell),
    }
}
