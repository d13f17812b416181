//! Charts as inline SVG, made once: classes and CSS variables only, so that light, dark and print need no second
//! drawing; a title, so that it can be read out; the same bytes for the same rows.
//!
//! A chart is drawn for a width of 400, which a phone and half a screen show, and where it takes the whole width a
//! second time for 960; the style sheet shows the one that fits.

mod bar;
mod calendar;
mod funnel;
mod heat;
mod line;
mod sankey;
mod scale;
mod spark;
mod stacked;
mod tips;

use std::fmt::Write as _;

use super::chart::Form;
use super::text::escape;
use super::view::View;

pub(super) use spark::spark;

/// One picture; a report may have several, between which a reader chooses.
pub(super) struct Plot {
    /// What the picture shows, for the choice among several; empty for a single one.
    pub label: String,
    /// Names of the series in the order of their styles.
    pub legend: Vec<String>,
    pub narrow: String,
    pub wide: Option<String>,
    /// What a reader must know: what is not drawn, what is incomplete.
    pub notes: Vec<String>,
}

/// The pictures of a report's chart; none for a table, or where there is nothing to draw.
pub(super) fn plots(view: View<'_>) -> Vec<Plot> {
    let Some(chart) = view.shown.chart.as_ref().filter(|_| !view.shown.rows.is_empty()) else {
        return Vec::new();
    };
    let mut plots = match chart.kind {
        Form::Cards | Form::Table => Vec::new(),
        Form::Line => line::plots(view, chart),
        Form::Bar => bar::plots(view, chart),
        Form::Stacked => stacked::plots(view, chart),
        Form::Heat => heat::plots(view, chart),
        Form::Funnel => funnel::plots(view, chart),
        Form::Sankey => sankey::plots(view, chart),
        Form::Calendar => calendar::plots(view, chart),
    };
    // Rows without a number leave nothing to look at; the table shows them.
    plots.retain(|plot| plot.narrow.contains(" data-tips=\""));
    plots
}

/// How many series have a style of their own.
const STYLES: usize = 6;

const NARROW: f64 = 400.0;
const WIDE: f64 = 960.0;

/// Whether a form wants the whole width.
pub(super) fn is_wide(form: Form) -> bool {
    matches!(form, Form::Line | Form::Heat | Form::Sankey | Form::Stacked)
}

/// A drawing under way.
struct Canvas {
    width: f64,
    body: String,
    /// What holds of all marks, for the style sheet or the script.
    of_marks: String,
    /// What each mark says; empty in a wide picture.
    tips: Vec<String>,
}

impl Canvas {
    fn new(width: f64) -> Self {
        Self { width, body: String::new(), of_marks: String::new(), tips: Vec::new() }
    }

    fn is_wide(&self) -> bool {
        self.width > NARROW
    }

    /// The finished element. Its children are decoration to a screen reader, which is told the title, and finds the
    /// numbers in the table; `tabindex` lets a keyboard walk the marks.
    fn finish(self, height: f64, title: &str, zone: Option<&str>) -> String {
        let tips = match self.tips.as_slice() {
            [] => String::new(),
            tips => format!(" data-tips=\"{}\"", escape(&tips::packed(tips))),
        };
        format!(
            "<svg class=\"{}\" viewBox=\"0 0 {} {}\" role=\"img\" tabindex=\"0\"{}{}{tips}><title>{}{}</title>{}</svg>",
            if self.is_wide() { "w" } else { "s" },
            n(self.width),
            n(height),
            zone.map_or_else(String::new, |zone| format!(" data-zone=\"{}\"", escape(zone))),
            self.of_marks,
            escape(title),
            zone.map_or_else(String::new, |zone| format!(" · {}", escape(zone))),
            self.body
        )
    }

    /// A text around a place, moved inwards where it would be cut off.
    fn label(&mut self, x: f64, y: f64, text: &str) {
        let half = super::text::width(text) * 6.5;
        self.text(x.min(self.width - half).max(half), y, "mid", text);
    }

    fn text(&mut self, x: f64, y: f64, class: &str, text: &str) {
        let _ = write!(
            self.body,
            "<text x=\"{}\" y=\"{}\"{}>{}</text>",
            n(x),
            n(y),
            class_of(class),
            escape(text)
        );
    }

    fn path(&mut self, class: &str, d: &str) {
        let _ = write!(self.body, "<path{} d=\"{d}\"/>", class_of(class));
    }

    fn rect(&mut self, class: &str, [x, y, width, height]: [f64; 4], radius: f64) {
        let _ = write!(
            self.body,
            "<rect{} x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
            class_of(class),
            n(x),
            n(y),
            n(width.max(0.0)),
            n(height.max(0.0))
        );
        if radius > 0.0 {
            let _ = write!(self.body, " rx=\"{}\"", n(radius));
        }
        self.body.push_str("/>");
    }

    /// What is drawn together is a mark, and says the same when it is pointed at.
    fn mark(&mut self, class: &str, tip: &str, draw: impl FnOnce(&mut Self)) {
        self.tip(tip);
        let _ = write!(self.body, "<g class=\"m{}{class}\">", space(class));
        draw(self);
        self.body.push_str("</g>");
    }

    /// The words of the next mark: a first line that names it and a line for each value. The wide picture has the same
    /// marks in the same order and leaves the words to the narrow one, where the script finds them.
    fn tip(&mut self, tip: &str) {
        if !self.is_wide() {
            self.tips.push(tip.to_string());
        }
    }

    /// The size of all cells, which so is said once.
    fn cells(&mut self, [width, height]: [f64; 2]) {
        self.of_marks = format!(" style=\"--w:{}px;--h:{}px\"", n(width.max(0.0)), n(height.max(0.0)));
    }

    /// A rectangle that is a mark by itself.
    fn cell(&mut self, class: &str, tip: &str, [x, y]: [f64; 2]) {
        self.tip(tip);
        let _ = write!(self.body, "<rect class=\"m {class}\" x=\"{}\" y=\"{}\"/>", n(x), n(y));
    }

    /// Marks that nobody sees until they are pointed at, one for each place from left to right: the script draws them
    /// when it is asked for the first. Each place has a `tip`.
    fn bands(&mut self, [left, right, top, bottom]: [f64; 4]) {
        self.of_marks = format!(" data-bands=\"{} {} {} {}\"", n(left), n(right), n(top), n(bottom));
    }
}

fn space(class: &str) -> &'static str {
    if class.is_empty() { "" } else { " " }
}

fn class_of(class: &str) -> String {
    if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") }
}

/// A coordinate, to a tenth.
fn n(value: f64) -> String {
    let tenths = (value * 10.0).round() as i64;
    match (tenths / 10, tenths % 10) {
        (whole, 0) => whole.to_string(),
        (0, rest) if rest < 0 => format!("-0.{}", -rest),
        (whole, rest) => format!("{whole}.{}", rest.abs()),
    }
}

/// The room that the numbers of the horizontal lines take.
fn margin(view: View<'_>, kind: super::input::Kind, [least, most]: [f64; 2], width: f64) -> f64 {
    let (scale, step) = scale::Scale::round(least, most, ticks(width), 0.0, 1.0);
    let width_of = |tick| super::text::width(&super::text::short(tick, kind, view.book.language));
    scale.ticks(step).into_iter().map(width_of).fold(2.9, f64::max) * 12.5 + 10.0
}

fn ticks(width: f64) -> usize {
    if width > NARROW { 4 } else { 3 }
}

/// The horizontal lines with their numbers, and the numbers' scale.
fn grid_lines(
    canvas: &mut Canvas,
    view: View<'_>,
    kind: super::input::Kind,
    [least, most]: [f64; 2],
    [left, right, top, bottom]: [f64; 4],
) -> scale::Scale {
    let (scale, step) = scale::Scale::round(least, most, ticks(canvas.width), bottom, top);
    for tick in scale.ticks(step) {
        let y = scale.at(tick);
        let class = if tick == 0.0 { "base" } else { "grid" };
        canvas.path(class, &format!("M{} {}H{}", n(left), n(y), n(right)));
        canvas.text(left - 8.0, y + 4.0, "end", &super::text::short(tick, kind, view.book.language));
    }
    scale
}

/// The note on what is not drawn.
fn left_out(view: View<'_>, shown: usize, all: usize) -> Vec<String> {
    if shown == all {
        return Vec::new();
    }
    vec![view.book.ui.left_out.replace("{shown}", &shown.to_string()).replace("{all}", &all.to_string())]
}
