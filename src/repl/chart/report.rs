//! The picture that a report asks for in its header, with what a terminal has: curves, bars, heat and funnels.
//!
//! | header | picture |
//! |---|---|
//! | `line`, `bar`, `stacked` | `line`, `bar`; of one figure a `series` becomes columns, of several each value a picture |
//! | `heat`, `funnel` | the same; each value of `series` is a picture |
//! | `calendar` | `line` |
//! | `cards` | `bar` of the changes, which are all percentages; the figures are of different units |
//! | `sankey`, `table` | none: the columns' types decide |

use std::collections::HashMap;

use super::{Canvas, ChartKind, draw, draw_series};
use crate::ask::{Chart, ChartKind as Asked};
use crate::repl::grid::Grid;
use crate::repl::pivot::{Key, key};
use crate::repl::text::{cut, one_line};

/// Values of a series that are each a picture.
const MOST_PARTS: usize = 6;

/// Draws the first of a report's charts that can be drawn; `None` if none can.
pub fn draw_report(grid: &Grid, charts: &[Chart], canvas: Canvas) -> Option<Vec<String>> {
    charts.iter().find_map(|chart| drawn(grid, chart, canvas))
}

fn drawn(grid: &Grid, chart: &Chart, canvas: Canvas) -> Option<Vec<String>> {
    let (kind, roles): (ChartKind, &[&str]) = match chart.kind {
        Asked::Line => (ChartKind::Line, &["x", "y", "compare"]),
        Asked::Bar | Asked::Stacked => (ChartKind::Bar, &["x", "y"]),
        Asked::Heat => (ChartKind::Heat, &["y", "x", "value"]),
        Asked::Funnel => (ChartKind::Funnel, &["step", "value"]),
        Asked::Calendar => (ChartKind::Line, &["x", "value"]),
        Asked::Cards => return cards(grid, chart, canvas),
        Asked::Sankey | Asked::Table => return None,
    };
    let names: Vec<String> = roles.iter().flat_map(|role| chart.columns(role)).cloned().collect();
    let parts = match chart.column("series").and_then(|series| grid.find(series)) {
        Some(series) => parts(grid, series),
        None => Vec::new(),
    };
    let Some(series) = chart.column("series").filter(|_| parts.len() > 1) else {
        return draw(grid, Some(kind), &names, canvas).ok();
    };
    if let (ChartKind::Line | ChartKind::Bar, [x, y]) = (kind, names.as_slice()) {
        return draw_series(grid, kind, [x.as_str(), series, y.as_str()], canvas).ok();
    }
    let mut lines = Vec::new();
    for (value, part) in parts.iter().take(MOST_PARTS) {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.push(cut(&format!("{series} {}", one_line(value)), canvas.width));
        lines.extend(draw(part, Some(kind), &names, canvas).ok()?);
    }
    if parts.len() > MOST_PARTS {
        let names: Vec<String> = parts[MOST_PARTS..].iter().map(|(value, _)| one_line(value)).collect();
        lines.push(cut(&format!("not drawn: {series} {}", names.join(", ")), canvas.width));
    }
    Some(lines)
}

/// Users, seconds and pages share no scale: their changes do.
fn cards(grid: &Grid, chart: &Chart, canvas: Canvas) -> Option<Vec<String>> {
    let value = chart.column("value").filter(|value| grid.find(value).is_some())?;
    let note = format!("{value}: figures of different units share no scale; \\last shows them");
    let has_numbers = |name: &&String| {
        let column = grid.find(name);
        column.is_some_and(|column| grid.rows.iter().any(|row| row[column].value().is_some()))
    };
    let changes = chart.columns("change").iter().filter(has_numbers);
    let names: Vec<String> = chart.columns("figure").iter().chain(changes).cloned().collect();
    let mut lines = match names.len() {
        0 | 1 => Vec::new(),
        _ => draw(grid, Some(ChartKind::Bar), &names, canvas).ok()?,
    };
    lines.push(cut(&note, canvas.width));
    Some(lines)
}

/// The rows of each value of a column, in the order in which the values come.
fn parts(grid: &Grid, column: usize) -> Vec<(String, Grid)> {
    let mut parts: Vec<(String, Grid)> = Vec::new();
    let mut part_of: HashMap<Key<'_>, usize> = HashMap::new();
    for row in &grid.rows {
        let part = *part_of.entry(key(&row[column])).or_insert_with(|| {
            let part = Grid { columns: grid.columns.clone(), rows: Vec::new() };
            parts.push((row[column].shown().to_string(), part));
            parts.len() - 1
        });
        parts[part].1.rows.push(row.clone());
    }
    parts
}
