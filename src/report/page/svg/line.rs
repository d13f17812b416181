//! Lines over days or other places in order: several figures of one size together, others one at a time.
//!
//! A gap in the values is a gap in the line. A period that is not over is hatched, and its piece of line is dashed.

use super::super::chart::{Chart, Grid};
use super::super::input::Kind;
use super::super::text;
use super::super::view::View;
use super::scale::{Scale, every, hours};
use super::{Canvas, NARROW, Plot, STYLES, WIDE, grid_lines, left_out, margin, n};

/// What one picture shows: per series its name and values by place, the last of them for comparison or not.
struct Lines {
    x: usize,
    kind: Kind,
    places: Vec<(String, usize)>,
    series: Vec<(String, Vec<Option<f64>>)>,
    compared: usize,
    title: String,
}

pub(super) fn plots(view: View<'_>, chart: &Chart) -> Vec<Plot> {
    let (Some(x), y) = (chart.column("x"), chart.columns("y")) else { return Vec::new() };
    let rows = view.rows();
    let mut plots = Vec::new();
    if let Some(series) = chart.column("series") {
        for &y in y {
            let mut grid = Grid::new(view.shown, &rows, x, Some(series), y);
            let all = grid.series.len();
            grid.keep(STYLES);
            let named = |(of, name): (usize, &String)| {
                let name = view.long(series, name);
                (name, grid.values.iter().map(|values| values[of]).collect())
            };
            let series: Vec<_> = grid.series.iter().enumerate().map(named).collect();
            let notes = left_out(view, series.len(), all);
            let title = view.label(y).to_string();
            let lines = Lines { x, kind: view.kind(y), places: grid.places, series, compared: 0, title };
            plots.push(plot(view, &lines, notes));
        }
        return only_named(plots, y.len());
    }
    let groups = groups(view, y);
    let count = groups.len();
    for group in groups {
        let compare = if count == 1 { chart.columns("compare") } else { &[] };
        let columns: Vec<usize> = group.iter().chain(compare).copied().collect();
        let grid = |column: usize| Grid::new(view.shown, &rows, x, None, column);
        let lines = Lines {
            x,
            kind: view.kind(columns[0]),
            places: grid(columns[0]).places,
            series: columns
                .iter()
                .map(|column| (view.label(*column).to_string(), grid(*column).values.concat()))
                .collect(),
            compared: compare.len(),
            title: columns.iter().map(|c| view.label(*c)).collect::<Vec<_>>().join(view.book.ui.comma),
        };
        plots.push(plot(view, &lines, Vec::new()));
    }
    only_named(plots, count)
}

fn only_named(mut plots: Vec<Plot>, count: usize) -> Vec<Plot> {
    if count == 1 {
        plots.iter_mut().for_each(|plot| plot.label.clear());
    }
    plots
}

/// All figures in one picture if one scale suits them, else each in its own.
fn groups(view: View<'_>, y: &[usize]) -> Vec<Vec<usize>> {
    let most = |column: usize| {
        view.rows().iter().filter_map(|row| view.cell(*row, column).number()).fold(0.0, f64::max)
    };
    let sizes: Vec<f64> = y.iter().map(|column| most(*column)).collect();
    let is_alike = y.iter().all(|column| view.kind(*column) == view.kind(y[0]));
    let largest = sizes.iter().copied().fold(0.0, f64::max);
    let smallest = sizes.iter().copied().fold(f64::INFINITY, f64::min);
    if y.len() <= 3 && is_alike && largest <= 8.0 * smallest {
        vec![y.to_vec()]
    } else {
        y.iter().map(|column| vec![*column]).collect()
    }
}

fn plot(view: View<'_>, lines: &Lines, mut notes: Vec<String>) -> Plot {
    notes.extend(view.incomplete_notes(lines.x, &lines.places));
    Plot {
        label: lines.title.clone(),
        legend: if lines.series.len() > 1 {
            lines.series.iter().map(|(name, _)| name.clone()).collect()
        } else {
            Vec::new()
        },
        narrow: draw(view, lines, NARROW),
        wide: Some(draw(view, lines, WIDE)),
        notes,
    }
}

fn draw(view: View<'_>, lines: &Lines, width: f64) -> String {
    let mut canvas = Canvas::new(width);
    let (height, top) = if canvas.is_wide() { (280.0, 14.0) } else { (220.0, 12.0) };
    let values = || lines.series.iter().flat_map(|(_, values)| values).flatten().copied();
    let range = [values().fold(0.0, f64::min), values().fold(0.0, f64::max)];
    let (left, right, bottom) = (margin(view, lines.kind, range, width), width - 12.0, height - 30.0);
    let scale = grid_lines(&mut canvas, view, lines.kind, range, [left, right, top, bottom]);

    let count = lines.places.len();
    let band = (right - left) / count as f64;
    let at = |place: usize| left + band * (place as f64 + 0.5);
    let fits = ((right - left) / if canvas.is_wide() { 84.0 } else { 60.0 }) as usize;
    let names: Vec<String> = lines.places.iter().map(|(name, _)| view.short(lines.x, name)).collect();
    let is_labelled: Vec<bool> = match view.kind(lines.x) {
        Kind::Time if names.iter().filter(|name| name.ends_with(":00")).count() > 1 => hours(&names, fits),
        _ => (0..count).map(every(count, fits)).collect(),
    };
    for (place, (name, _)) in lines.places.iter().enumerate() {
        if view.is_incomplete(lines.x, name) {
            canvas.rect("hatch", [at(place) - band / 2.0, top, band, bottom - top], 0.0);
        }
        if is_labelled[place] {
            canvas.label(
                at(place),
                height - 9.0,
                &text::fitted(&names[place], (band * 6.0).max(60.0) / 12.0),
            );
        }
    }
    let is_dashed = |place: usize| view.is_incomplete(lines.x, &lines.places[place].0);
    let own = lines.series.len() - lines.compared;
    for (of, (_, values)) in lines.series.iter().enumerate().rev() {
        let class = if of < own { format!("l k{}", of + 1) } else { "l kc".to_string() };
        let point = |place: usize| values[place].map(|value| (at(place), scale.at(value)));
        let (mut solid, mut dashed) = (String::new(), String::new());
        let mut pen = None;
        for place in 0..count {
            let Some((x, y)) = point(place) else {
                pen = None;
                continue;
            };
            if let Some((before, from)) = pen {
                let target = if is_dashed(place) || is_dashed(before) { &mut dashed } else { &mut solid };
                let (fx, fy): (f64, f64) = from;
                if !target.ends_with(&format!("{} {}", n(fx), n(fy))) {
                    *target += &format!("M{} {}", n(fx), n(fy));
                }
                *target += &format!("L{} {}", n(x), n(y));
            } else if place + 1 == count || values[place + 1].is_none() {
                // A value on its own has no line; a round end makes a dot of a length of nothing.
                solid += &format!("M{} {}h0", n(x), n(y));
            }
            pen = Some((place, (x, y)));
        }
        if lines.series.len() == 1 {
            canvas.path("area", &area(values, &at, &scale, bottom));
        }
        if !solid.is_empty() {
            canvas.path(&class, &solid);
        }
        if !dashed.is_empty() {
            canvas.path(&format!("{class} open"), &dashed);
        }
    }
    for (place, (name, _)) in lines.places.iter().enumerate() {
        let mut tip = view.long(lines.x, name);
        for (series, values) in &lines.series {
            let value =
                values[place].map_or_else(|| "–".to_string(), |value| text::figure(value, lines.kind));
            tip += &format!("\n{series}{}{value}", view.book.ui.colon);
        }
        canvas.tip(&tip);
    }
    canvas.bands([left, right, top, bottom]);
    canvas.finish(height, &title(view, lines), view.zone(lines.x))
}

/// The area under a line, one piece for each run of values.
fn area(values: &[Option<f64>], at: &impl Fn(usize) -> f64, scale: &Scale, bottom: f64) -> String {
    let mut d = String::new();
    let mut place = 0;
    while place < values.len() {
        let run = values[place..].iter().take_while(|value| value.is_some()).count();
        if run > 1 {
            d += &format!("M{} {}", n(at(place)), n(bottom));
            for (here, value) in values.iter().enumerate().skip(place).take(run) {
                d += &format!("L{} {}", n(at(here)), n(scale.at(value.unwrap_or_default())));
            }
            d += &format!("V{}Z", n(bottom));
        }
        place += run.max(1);
    }
    d
}

fn title(view: View<'_>, lines: &Lines) -> String {
    let (Some(first), Some(last)) = (lines.places.first(), lines.places.last()) else {
        return lines.title.clone();
    };
    let (first, last) = (view.short(lines.x, &first.0), view.short(lines.x, &last.0));
    format!("{}{}{first} – {last}", lines.title, view.book.ui.colon)
}
