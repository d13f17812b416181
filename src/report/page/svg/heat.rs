//! A heat map: a row for each value of y, a column for each of x, the darker the more. Every cell bears its number, so
//! that colour says nothing alone. Cells without a value, such as days that have not come yet, stay empty.

use super::super::chart::{Chart, Grid};
use super::super::input::Kind;
use super::super::text;
use super::super::view::View;
use super::{Canvas, NARROW, Plot, WIDE, left_out};

/// Rows of one picture, of which the newest are kept, and columns, of which the first.
const MOST: usize = 45;
const COLUMNS: usize = 31;

pub(super) fn plots(view: View<'_>, chart: &Chart) -> Vec<Plot> {
    let (Some(x), Some(y)) = (chart.column("x"), chart.column("y")) else { return Vec::new() };
    let mut plots = Vec::new();
    for &value in chart.columns("value") {
        for (part, rows) in view.parts(chart.column("series")) {
            let mut grid = Grid::new(view.shown, &rows, y, Some(x), value);
            let all = grid.places.len();
            let first = all.saturating_sub(MOST);
            grid.places.drain(..first);
            grid.values.drain(..first);
            grid.rows.drain(..first);
            let mut notes = left_out(view, grid.places.len(), all);
            notes.extend(left_out(view, grid.series.len().min(COLUMNS), grid.series.len()));
            grid.series.truncate(COLUMNS);
            grid.values.iter_mut().for_each(|values| values.truncate(COLUMNS));
            if grid.values.iter().flatten().any(Option::is_none) {
                notes.push(view.book.ui.empty_cells.to_string());
            }
            let label = match part.as_str() {
                "" => view.label(value).to_string(),
                part if chart.columns("value").len() > 1 => format!("{part} · {}", view.label(value)),
                part => part.to_string(),
            };
            plots.push(Plot {
                narrow: draw(view, [x, y, value], &grid, &label, NARROW),
                wide: Some(draw(view, [x, y, value], &grid, &label, WIDE)),
                label,
                legend: Vec::new(),
                notes,
            });
        }
    }
    if plots.len() == 1 {
        plots[0].label.clear();
    }
    plots
}

/// The step of colour, 0 to 9, of a value between 0 and the most.
pub(super) fn step(value: f64, most: f64) -> usize {
    if value <= 0.0 || most <= 0.0 { 0 } else { (1.0 + value / most * 8.999) as usize }.min(9)
}

/// The class of a text on a cell, where the cell is too dark for the usual ink.
pub(super) fn ink(shade: usize) -> String {
    if shade < 7 { String::new() } else { format!(" t{shade}") }
}

fn draw(view: View<'_>, [x, y, value]: [usize; 3], grid: &Grid, label: &str, width: f64) -> String {
    let mut canvas = Canvas::new(width);
    let (row_height, size) = if canvas.is_wide() { (28.0, 12.0) } else { (24.0, 10.5) };
    let names: Vec<String> = grid.places.iter().map(|(name, _)| view.short(y, name)).collect();
    let widest = names.iter().map(|name| text::width(name) * 12.5).fold(30.0, f64::max);
    let left = (widest + 10.0).min(width * 0.32);
    let cell = (width - left) / grid.series.len() as f64;
    let top = 26.0;
    // A first column that is all 100 % is the size of the cohort; it would leave no shades for the rest.
    let is_whole = |values: &Vec<Option<f64>>| match (values[0], view.kind(value)) {
        (Some(first), Kind::Share) => first == 1.0,
        (Some(first), Kind::Percent) => first == 100.0,
        _ => values[0].is_none(),
    };
    let skipped = usize::from(grid.series.len() > 1 && grid.values.iter().all(is_whole));
    let most =
        grid.values.iter().flat_map(|values| &values[skipped..]).flatten().copied().fold(0.0, f64::max);
    for (of, name) in grid.series.iter().enumerate() {
        let room = (cell - 2.0) / 12.0;
        let middle = left + cell * (of as f64 + 0.5);
        canvas.text(middle, 16.0, "mid", &text::fitted(&view.short(x, name), room));
    }
    canvas.cells([cell - 2.0, row_height - 2.0]);
    for (at, (place, _)) in grid.places.iter().enumerate() {
        let y_top = top + row_height * at as f64;
        canvas.text(
            left - 8.0,
            y_top + row_height / 2.0 + 4.0,
            "end",
            &text::fitted(&names[at], (left - 8.0) / 12.5),
        );
        for (of, number) in grid.values[at].iter().enumerate() {
            let (Some(number), Some(row)) = (number, grid.rows[at][of]) else { continue };
            let shade = if of < skipped { 0 } else { step(*number, most) };
            let mut tip = view.long(y, place);
            tip += &format!("\n{}", view.long(x, &grid.series[of]));
            let others = (0..view.shown.columns.len())
                .filter(|c| ![x, y, value].contains(c) && view.cell(row, *c).number().is_some());
            for column in std::iter::once(value).chain(others.take(1)) {
                tip += &format!("\n{}", view.pair(row, column));
            }
            let x_left = left + cell * of as f64;
            canvas.cell(&format!("q{shade}"), &tip, [x_left, y_top]);
            let digits = if cell > 60.0 { 2 } else { 1 };
            let plain = match view.kind(value) {
                Kind::Share => text::decimals(number * 100.0, digits),
                Kind::Percent => text::decimals(*number, digits),
                kind => text::short(*number, kind, view.book.language),
            };
            let with_unit = match view.kind(value) {
                Kind::Share | Kind::Percent => format!("{plain}%"),
                _ => plain.clone(),
            };
            let text = if text::width(&with_unit) * size < cell - 5.0 { with_unit } else { plain };
            let middle = x_left + cell / 2.0 - 1.0;
            canvas.text(middle, y_top + row_height / 2.0 + 3.0, &format!("c{}", ink(shade)), &text);
        }
    }
    let height = top + row_height * grid.places.len() as f64;
    canvas.finish(height, &format!("{label} · {} × {}", view.label(y), view.label(x)), view.zone(y))
}
