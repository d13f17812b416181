//! A funnel: a bar for each step, as a share of the first step and of the step before it. What was lost since the step
//! before is hatched. Where a later step has more than the first, as open funnels may, the bars fit the largest.

use super::super::chart::Chart;
use super::super::text;
use super::super::view::View;
use super::{Canvas, NARROW, Plot, left_out};

/// Steps of one picture.
const MOST: usize = 20;

pub(super) fn plots(view: View<'_>, chart: &Chart) -> Vec<Plot> {
    let (Some(step), Some(value)) = (chart.column("step"), chart.column("value")) else { return Vec::new() };
    let label = chart.column("label");
    let parts = view.parts(chart.column("series"));
    let is_single = parts.len() == 1;
    parts
        .into_iter()
        .take(12)
        .map(|(part, rows)| Plot {
            narrow: draw(view, [step, value], label, &rows[..rows.len().min(MOST)], &part),
            label: if is_single { String::new() } else { part },
            legend: Vec::new(),
            wide: None,
            notes: left_out(view, rows.len().min(MOST), rows.len()),
        })
        .collect()
}

fn draw(
    view: View<'_>,
    [step, value]: [usize; 2],
    label: Option<usize>,
    rows: &[usize],
    part: &str,
) -> String {
    const STEP: f64 = 66.0;
    let ui = view.book.ui;
    let mut canvas = Canvas::new(NARROW);
    let values: Vec<f64> =
        rows.iter().map(|row| view.cell(*row, value).number().unwrap_or_default()).collect();
    let most = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let first = values.first().copied().unwrap_or_default();
    let of = |value: f64, whole: f64| {
        if whole > 0.0 { format!("{}%", text::decimals(value / whole * 100.0, 2)) } else { "–".to_string() }
    };
    for (at, &row) in rows.iter().enumerate() {
        let top = at as f64 * STEP;
        let before = if at > 0 { values[at - 1] } else { values[at] };
        let name = match label {
            Some(label) => view.text(row, label),
            None => view.text(row, step),
        };
        let number = text::figure(values[at], view.kind(value));
        let mut tip = format!("{name}\n{}{}{number}", view.label(value), ui.colon);
        if at > 0 {
            tip += &format!("\n{}{}{}", ui.of_first, ui.colon, of(values[at], first));
            tip += &format!("\n{}{}{}", ui.of_previous, ui.colon, of(values[at], before));
            tip +=
                &format!("\n{}{}{}", ui.lost, ui.colon, text::figure(before - values[at], view.kind(value)));
        }
        canvas.mark("", &tip, |canvas| {
            canvas.rect("hit", [0.0, top, NARROW, STEP - 2.0], 0.0);
            canvas.path("badge", &format!("M10 {}h0", super::n(top + 14.0)));
            canvas.text(10.0, top + 18.0, "c onk", &(at + 1).to_string());
            let share = of(values[at], first);
            let right = text::width(&number) * 14.0 + text::width(&share) * 13.0 + 34.0;
            canvas.text(28.0, top + 18.5, "t", &text::fitted(&name, (NARROW - 28.0 - right) / 13.0));
            canvas.text(NARROW - text::width(&share) * 13.0 - 12.0, top + 18.5, "t bold end", &number);
            canvas.text(NARROW, top + 18.5, "end", &share);
            canvas.rect("track", [0.0, top + 28.0, NARROW, 12.0], 3.0);
            let (here, was) = (values[at] / most * NARROW, before / most * NARROW);
            if was > here {
                canvas.rect("lost", [0.0, top + 28.0, was, 12.0], 3.0);
            }
            if here > 0.0 {
                canvas.rect("f1", [0.0, top + 28.0, here.max(3.0), 12.0], 3.0);
            }
            if at > 0 {
                let share = of(values[at], before);
                let lost = text::figure(values[at] - before, view.kind(value));
                let line = ui.from_previous.replace("{share}", &share).replace("{lost}", &lost);
                canvas.text(0.0, top + 55.0, "", &line);
            }
        });
    }
    let title = match (values.first(), values.last()) {
        (Some(first), Some(last)) => format!(
            "{}{}{} → {} ({})",
            if part.is_empty() { view.shown.title.get(view.book.language) } else { part },
            ui.colon,
            text::figure(*first, view.kind(value)),
            text::figure(*last, view.kind(value)),
            of(*last, *first)
        ),
        _ => String::new(),
    };
    canvas.finish(rows.len() as f64 * STEP, &title, None)
}
