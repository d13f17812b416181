//! A calendar: a month is a block of weeks, Monday first; the darker a day, the more. The number of the day stands in its
//! cell, its value below.

use super::super::chart::{Chart, Grid};
use super::super::input::Language;
use super::super::period::{Date, MONTHS, Period, WEEKDAYS, WEEKDAYS_ZH};
use super::super::text;
use super::super::view::View;
use super::{Canvas, NARROW, Plot, heat, left_out};

/// Months of one picture; the newest are kept.
const MOST: usize = 24;

pub(super) fn plots(view: View<'_>, chart: &Chart) -> Vec<Plot> {
    let Some(x) = chart.column("x") else { return Vec::new() };
    let mut plots = Vec::new();
    for &value in chart.columns("value") {
        for (part, rows) in view.parts(chart.column("series")) {
            let grid = Grid::new(view.shown, &rows, x, None, value);
            let mut months = months(&grid);
            let all = months.len();
            months.drain(..all.saturating_sub(MOST));
            let label = if part.is_empty() { view.label(value).to_string() } else { part };
            plots.push(Plot {
                narrow: draw(view, [x, value], &grid, &months, &label),
                label,
                legend: Vec::new(),
                wide: None,
                notes: left_out(view, months.len(), all),
            });
        }
    }
    if plots.len() == 1 {
        plots[0].label.clear();
    }
    plots
}

/// Year, month, and the places of its days.
type Month = (i64, i64, Vec<(Date, usize)>);

fn months(grid: &Grid) -> Vec<Month> {
    let mut months: Vec<Month> = Vec::new();
    for (place, (name, _)) in grid.places.iter().enumerate() {
        let Some(Period { first: day, .. }) = Period::parse(name) else { continue };
        match months.last_mut() {
            Some((year, month, days)) if (*year, *month) == (day.year, day.month) => days.push((day, place)),
            _ => months.push((day.year, day.month, vec![(day, place)])),
        }
    }
    months
}

fn draw(view: View<'_>, [x, value]: [usize; 2], grid: &Grid, months: &[Month], label: &str) -> String {
    let mut canvas = Canvas::new(NARROW);
    let language = view.book.language;
    let across = if months.len() == 1 { 1 } else { 2 };
    let gap = 24.0;
    let width = (NARROW - gap * (across - 1) as f64) / across as f64;
    let cell = width / 7.0;
    let row_height = if across == 1 { 38.0 } else { 24.0 };
    let most = grid.most();
    canvas.cells([cell - 2.0, row_height - 2.0]);
    let (mut top, mut tallest) = (0.0, 0.0f64);
    for (at, (year, month, days)) in months.iter().enumerate() {
        if at > 0 && at % across == 0 {
            top += tallest + 16.0;
            tallest = 0.0;
        }
        let left = (at % across) as f64 * (width + gap);
        let name = match language {
            Language::Zh => format!("{year}年{month}月"),
            Language::En => format!("{} {year}", MONTHS[*month as usize - 1]),
        };
        canvas.text(left, top + 13.0, "t", &name);
        for day in 0..7 {
            let name = match language {
                Language::Zh => WEEKDAYS_ZH[day].to_string(),
                Language::En => WEEKDAYS[day].chars().take(if across == 1 { 3 } else { 1 }).collect(),
            };
            canvas.text(left + cell * (day as f64 + 0.5), top + 33.0, "mid", &name);
        }
        let first = Date { year: *year, month: *month, day: 1 };
        let week = |day: Date| (day.day as usize - 1 + first.weekday()) / 7;
        for (day, place) in days {
            let number = grid.values[*place][0];
            let shade = heat::step(number.unwrap_or_default(), most);
            let tip = format!(
                "{}\n{}",
                view.long(x, &grid.places[*place].0),
                view.pair(grid.places[*place].1, value)
            );
            let (cx, cy) = (left + cell * day.weekday() as f64, top + 42.0 + row_height * week(*day) as f64);
            canvas.cell(&format!("q{shade}"), &tip, [cx, cy]);
            let middle = cx + cell / 2.0 - 1.0;
            let ink = heat::ink(shade);
            if across == 1 {
                let number = number.map_or_else(String::new, |v| text::short(v, view.kind(value), language));
                canvas.text(middle, cy + 15.0, &format!("c day{ink}"), &day.day.to_string());
                canvas.text(middle, cy + 29.0, &format!("c{ink}"), &number);
            } else {
                canvas.text(middle, cy + row_height / 2.0 + 3.0, &format!("c{ink}"), &day.day.to_string());
            }
        }
        let weeks = days.last().map_or(0, |(day, _)| week(*day) + 1);
        tallest = tallest.max(42.0 + row_height * weeks as f64);
    }
    canvas.finish(top + tallest, &format!("{label} · {}", view.label(x)), view.zone(x))
}
