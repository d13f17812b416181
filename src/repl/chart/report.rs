//! The picture that a report asks for in its header, with what a terminal has: curves, bars, heat and funnels.
//!
//! | header | picture |
//! |---|---|
//! | `line`, `bar`, `stacked` | `line`, `bar`; of one figure a `series` becomes columns, of several each value a picture |
//! | `heat`, `funnel` | the same; each value of `series` is a picture |
//! | `calendar` | `line` |
//! | `cards`, `sankey`, `table` | none: the columns' types decide |

use std::collections::HashMap;

use super::{Canvas, ChartKind, draw};
use crate::ask::{Chart, ChartKind as Asked};
use crate::repl::grid::Grid;
use crate::repl::pivot::{Key, key, pivot};
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
        Asked::Cards | Asked::Sankey | Asked::Table => return None,
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
        let turned = pivot(grid, &[x.clone(), series.to_string(), y.clone()]).ok()?;
        let all: Vec<String> = turned.names().into_iter().map(str::to_string).collect();
        let mut lines = vec![cut(&format!("{y} by {series}"), canvas.width)];
        lines.extend(draw(&turned, Some(kind), &all, canvas).ok()?);
        return Some(lines);
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
