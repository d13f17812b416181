//! Columns made of several series: one above the other, or side by side where they are to be compared.

use super::super::chart::{Chart, Grid};
use super::super::text;
use super::super::view::View;
use super::scale::every;
use super::{Canvas, NARROW, Plot, STYLES, WIDE, grid_lines, left_out, margin};

pub(super) fn plots(view: View<'_>, chart: &Chart) -> Vec<Plot> {
    pictures(view, chart, true)
}

/// The bars of a chart `bar` with series.
pub(super) fn side_by_side(view: View<'_>, chart: &Chart) -> Vec<Plot> {
    pictures(view, chart, false)
}

fn pictures(view: View<'_>, chart: &Chart, is_stacked: bool) -> Vec<Plot> {
    let (Some(x), y) = (chart.column("x"), chart.columns("y")) else { return Vec::new() };
    let series = chart.column("series");
    let mut grids: Vec<(String, usize, Grid, usize)> = Vec::new();
    if series.is_some() {
        for &y in y {
            let grid = Grid::new(view.shown, &view.rows(), x, series, y);
            let all = grid.series.len();
            grids.push((view.label(y).to_string(), y, grid, all));
        }
    } else if let Some(&first) = y.first() {
        // Several columns of a row are its series.
        let mut grid = Grid::new(view.shown, &view.rows(), x, None, first);
        grid.series = y.iter().map(|column| view.label(*column).to_string()).collect();
        for (values, (_, row)) in grid.values.iter_mut().zip(&grid.places) {
            *values = y.iter().map(|column| view.cell(*row, *column).number()).collect();
        }
        grids.push((String::new(), first, grid, y.len()));
    }
    let count = grids.len();
    grids
        .into_iter()
        .map(|(label, y, mut grid, all)| {
            if series.is_some() {
                grid.keep(STYLES);
            }
            let name = |name: &String| match series {
                Some(series) => view.long(series, name),
                None => name.clone(),
            };
            let legend: Vec<String> = grid.series.iter().map(name).collect();
            let mut notes = left_out(view, legend.len(), all);
            notes.extend(view.incomplete_notes(x, &grid.places));
            let draw = |width| draw(view, [x, y], &grid, &legend, is_stacked, width);
            Plot {
                label: if count > 1 { label } else { String::new() },
                narrow: draw(NARROW),
                wide: is_stacked.then(|| draw(WIDE)),
                legend,
                notes,
            }
        })
        .collect()
}

fn draw(
    view: View<'_>,
    [x, y]: [usize; 2],
    grid: &Grid,
    legend: &[String],
    is_stacked: bool,
    width: f64,
) -> String {
    let mut canvas = Canvas::new(width);
    let height = if canvas.is_wide() { 280.0 } else { 230.0 };
    let sum = |values: &Vec<Option<f64>>| values.iter().flatten().sum::<f64>();
    let most = if is_stacked { grid.values.iter().map(sum).fold(0.0, f64::max) } else { grid.most() };
    let left = margin(view, view.kind(y), [0.0, most], width);
    let (right, top, bottom) = (width - 8.0, 12.0, height - 30.0);
    let scale = grid_lines(&mut canvas, view, view.kind(y), [0.0, most], [left, right, top, bottom]);
    let band = (right - left) / grid.places.len() as f64;
    let is_shown = every(grid.places.len(), ((right - left) / 44.0) as usize);
    for (at, (name, _)) in grid.places.iter().enumerate() {
        let begin = left + band * at as f64;
        let mut tip = view.long(x, name);
        for (series, value) in legend.iter().zip(&grid.values[at]) {
            let value = value.map_or_else(|| "–".to_string(), |value| text::figure(value, view.kind(y)));
            tip += &format!("\n{series}{}{value}", view.book.ui.colon);
        }
        let open = if view.is_incomplete(x, name) { " open" } else { "" };
        canvas.mark("band", &tip, |canvas| {
            canvas.rect("hit", [begin, top, band, bottom - top], 0.0);
            let room = (band * 0.72).min(if is_stacked { 44.0 } else { 64.0 });
            let mut below = 0.0;
            for (of, value) in grid.values[at].iter().enumerate() {
                let Some(value) = value.filter(|value| *value > 0.0) else { continue };
                let class = format!("f{}{open}", of + 1);
                if is_stacked {
                    let (low, high) = (scale.at(below), scale.at(below + value));
                    let gap = if below > 0.0 && low - high > 2.0 { 1.0 } else { 0.0 };
                    canvas.rect(&class, [begin + (band - room) / 2.0, high, room, low - high - gap], 0.0);
                    below += value;
                } else {
                    let each = room / grid.series.len() as f64;
                    let place = begin + (band - room) / 2.0 + each * of as f64;
                    canvas.rect(&class, [place, scale.at(value), each - 1.0, bottom - scale.at(value)], 1.0);
                }
            }
        });
        if is_shown(at) {
            let label = view.short(x, name);
            canvas.label(
                begin + band / 2.0,
                height - 9.0,
                &text::fitted(&label, (band * 1.4 / 12.0).max(4.0)),
            );
        }
    }
    canvas.finish(
        height,
        &format!("{} · {} · {}", view.label(y), view.label(x), legend.join(view.book.ui.comma)),
        view.zone(x),
    )
}
