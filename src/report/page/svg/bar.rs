//! Bars: a ranking of names lies, with room for the names; buckets, days and numbers stand.

use super::super::chart::{Chart, Grid};
use super::super::input::Kind;
use super::super::text;
use super::super::view::View;
use super::{Canvas, NARROW, Plot, grid_lines, left_out, margin, stacked};

/// More bars than this are a table.
const MOST: usize = 12;

pub(super) fn plots(view: View<'_>, chart: &Chart) -> Vec<Plot> {
    let (Some(x), y) = (chart.column("x"), chart.columns("y")) else { return Vec::new() };
    let mut plots: Vec<Plot> = match chart.column("series") {
        Some(series) if shares_places(view, x, series) => return stacked::side_by_side(view, chart),
        // Each value of the series has places of its own, such as genders and cities: a picture each.
        series if series.is_some() => {
            let parts = view.parts(series);
            parts.into_iter().map(|(part, rows)| plot(view, x, &y[..y.len().min(2)], &rows, part)).collect()
        }
        _ => y.iter().map(|y| plot(view, x, &[*y], &view.rows(), view.label(*y).to_string())).collect(),
    };
    if plots.len() == 1 {
        plots[0].label.clear();
    }
    plots
}

/// Whether most places have a value in more than one series.
fn shares_places(view: View<'_>, x: usize, series: usize) -> bool {
    let grid = Grid::new(view.shown, &view.rows(), x, Some(series), x);
    let pairs = grid.rows.iter().flatten().flatten().count();
    grid.series.len() == 1 || pairs as f64 > 1.5 * grid.places.len() as f64
}

fn plot(view: View<'_>, x: usize, y: &[usize], rows: &[usize], label: String) -> Plot {
    let mut grid = Grid::new(view.shown, rows, x, None, y[0]);
    let all = grid.places.len();
    let stands = y.len() == 1 && all <= 40 && stands(view, x, &grid);
    if !stands {
        grid.places.truncate(MOST);
    }
    let legend =
        if y.len() > 1 { y.iter().map(|y| view.label(*y).to_string()).collect() } else { Vec::new() };
    let mut notes = left_out(view, grid.places.len(), all);
    notes.extend(view.incomplete_notes(x, &grid.places));
    let narrow = if stands { standing(view, x, y[0], &grid) } else { lying(view, x, y, &grid) };
    Plot { label, legend, narrow, wide: None, notes }
}

/// Whether the places are short and in an order of their own: days, buckets such as `3-5` and `>10`, rising numbers.
fn stands(view: View<'_>, x: usize, grid: &Grid) -> bool {
    let names: Vec<String> = grid.places.iter().map(|(name, _)| view.short(x, name)).collect();
    if view.kind(x) == Kind::Text {
        let is_bucket = |name: &String| name.starts_with(|c: char| c.is_ascii_digit() || "<>≤≥".contains(c));
        let widest = names.iter().map(|name| text::width(name)).fold(0.0, f64::max);
        return names.iter().all(is_bucket) && widest * 11.0 * names.len() as f64 <= 350.0;
    }
    // Numbers in no order, such as scenes by their opens, are names.
    !view.kind(x).is_number() || grid.places.is_sorted_by_key(|(_, row)| view.cell(*row, x).number())
}

fn tip(view: View<'_>, x: usize, y: &[usize], name: &str, row: usize) -> String {
    let mut tip = view.long(x, name);
    let is_other = |c: &usize| *c != x && !y.contains(c) && view.cell(row, *c).number().is_some();
    let also = (0..view.shown.columns.len()).filter(is_other).take(2);
    for column in y.iter().copied().chain(also) {
        tip += &format!("\n{}", view.pair(row, column));
    }
    tip
}

fn lying(view: View<'_>, x: usize, y: &[usize], grid: &Grid) -> String {
    let mut canvas = Canvas::new(NARROW);
    let step = 30.0 + 8.0 * y.len() as f64;
    let number = |row: usize, y: usize| view.cell(row, y).number();
    let rows = || grid.places.iter().map(|(_, row)| *row);
    let most = rows()
        .flat_map(|row| y.iter().filter_map(move |y| number(row, *y)))
        .fold(f64::MIN_POSITIVE, f64::max);
    for (at, (name, row)) in grid.places.iter().enumerate() {
        let top = at as f64 * step + 4.0;
        let numbers: Vec<String> = y.iter().map(|y| view.text(*row, *y)).collect();
        let numbers = numbers.join(" · ");
        let room = (NARROW - text::width(&numbers) * 13.0 - 24.0) / 13.0;
        canvas.mark("", &tip(view, x, y, name, *row), |canvas| {
            canvas.rect("hit", [0.0, top - 4.0, NARROW, step], 0.0);
            canvas.text(0.0, top + 13.0, "t", &text::fitted(&view.short(x, name), room));
            canvas.text(NARROW, top + 13.0, "t end", &numbers);
            for (of, y) in y.iter().enumerate() {
                let bar = top + 20.0 + 8.0 * of as f64;
                let length = number(*row, *y).unwrap_or_default().max(0.0) / most * NARROW;
                canvas.rect("track", [0.0, bar, NARROW, 6.0], 3.0);
                if length > 0.0 {
                    canvas.rect(&format!("f{}", of + 1), [0.0, bar, length.max(3.0), 6.0], 3.0);
                }
            }
        });
    }
    let labels: Vec<_> = y.iter().map(|y| view.label(*y)).collect();
    let title = format!("{} · {}", labels.join(view.book.ui.comma), view.label(x));
    canvas.finish(grid.places.len() as f64 * step + 2.0, &title, view.zone(x))
}

fn standing(view: View<'_>, x: usize, y: usize, grid: &Grid) -> String {
    let mut canvas = Canvas::new(NARROW);
    let left = margin(view, view.kind(y), [0.0, grid.most()], NARROW);
    let (right, top, bottom) = (NARROW - 4.0, 22.0, 206.0);
    let scale = grid_lines(&mut canvas, view, view.kind(y), [0.0, grid.most()], [left, right, top, bottom]);
    let band = (right - left) / grid.places.len() as f64;
    let is_shown = super::scale::every(grid.places.len(), (350.0 / 34.0) as usize);
    for (at, (name, row)) in grid.places.iter().enumerate() {
        let middle = left + band * (at as f64 + 0.5);
        let width = (band * 0.66).min(40.0);
        canvas.mark("", &tip(view, x, &[y], name, *row), |canvas| {
            canvas.rect("hit", [left + band * at as f64, top, band, bottom - top], 0.0);
            if let Some(value) = grid.values[at][0].filter(|value| *value > 0.0) {
                let class = if view.is_incomplete(x, name) { "f1 open" } else { "f1" };
                let height = (bottom - scale.at(value)).max(1.0);
                canvas.rect(class, [middle - width / 2.0, bottom - height, width, height], 2.0);
            }
        });
        if is_shown(at) {
            let label = view.short(x, name);
            canvas.label(middle, bottom + 20.0, &text::fitted(&label, (band * 1.2 / 12.0).max(3.0)));
        }
    }
    canvas.text(right, bottom + 40.0, "end", view.label(x));
    canvas.finish(bottom + 48.0, &format!("{} · {}", view.label(y), view.label(x)), view.zone(x))
}
