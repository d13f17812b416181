//! The key figures: each with its changes against one day, seven days and one month earlier, and the line of its days.

use super::chart::Form;
use super::input::{Cell, Kind, Shown};
use super::svg;
use super::text::{self, escape};
use super::view::{Book, View};

/// The columns of a report of figures: by its chart line, or by the names that `overview/summary` gives them.
struct Columns {
    figure: usize,
    value: usize,
    changes: Vec<usize>,
}

fn columns(shown: &Shown) -> Option<Columns> {
    if let Some(chart) = shown.chart.as_ref().filter(|chart| chart.kind == Form::Cards) {
        return Some(Columns {
            figure: chart.column("figure")?,
            value: chart.column("value")?,
            changes: chart.columns("change").to_vec(),
        });
    }
    let named = |name: &str| shown.columns.iter().position(|column| column.name == name);
    let changes = ["change_day", "change_week", "change_month"].into_iter().filter_map(named);
    let is_plain = shown.chart.is_none();
    Some(Columns {
        figure: named("figure").filter(|_| is_plain)?,
        value: named("value")?,
        changes: changes.collect(),
    })
    .filter(|columns| columns.changes.len() == 3)
}

pub(super) fn are_shown(shown: &Shown) -> bool {
    columns(shown).is_some()
}

/// A list of cards. A card's label opens what explains the panel, at the figure's own definition.
pub(super) fn cards(view: View<'_>, dialog: &str) -> String {
    let Some(columns) = columns(view.shown) else { return String::new() };
    let (book, ui) = (view.book, view.book.ui);
    let mut html = String::from("<ul class=\"cards\">");
    for row in view.rows() {
        let figure = view.cell(row, columns.figure).plain();
        let column = book.column_named(&figure);
        let label = view.figure(row, &figure);
        let kind = column.map_or(Kind::Number, |column| column.kind);
        let value = view.cell(row, columns.value);
        let large =
            value.number().map_or_else(|| "–".to_string(), |value| text::large(value, kind, book.language));
        html += &format!(
            "<li class=\"card\"><button class=\"name\" data-open=\"{dialog}\" data-at=\"{dialog}-{}\" \
             aria-haspopup=\"dialog\">{}<span class=\"vh\"> · {}</span></button><p class=\"big\">{}</p>{}",
            text::slug(&figure),
            escape(&label),
            ui.explain,
            escape(&large),
            svg::spark(&days_of(book, &figure))
        );
        html += "<ul class=\"changes\">";
        for (at, change) in columns.changes.iter().enumerate() {
            let against = ui.changes.get(at).copied().unwrap_or_else(|| view.label(*change));
            html += &format!("<li>{}<span>{against}</span></li>", change_of(view, row, *change));
        }
        html += "</ul></li>";
    }
    html + "</ul>"
}

/// A change with its arrow, sign and colour; only the colour could be missed.
fn change_of(view: View<'_>, row: usize, column: usize) -> String {
    let Some(change) = view.cell(row, column).number() else {
        return format!("<b class=\"flat\" title=\"{}\">–</b>", view.book.ui.no_base);
    };
    let (class, arrow, sign) = match change {
        change if change > 0.0 => ("up", "▲", "+"),
        change if change < 0.0 => ("down", "▼", "−"),
        _ => ("flat", "", ""),
    };
    let size = text::decimals(change.abs(), 1);
    let size = if size.contains('.') { size } else { format!("{size}.0") };
    let size =
        text::grouped(if change.abs() >= 100.0 { size.split('.').next().unwrap_or(&size) } else { &size });
    format!("<b class=\"{class}\"><i aria-hidden=\"true\">{arrow}</i>{sign}{size}%</b>")
}

/// The figure's value on each day, from the first report by days that has it.
fn days_of(book: &Book<'_>, figure: &str) -> Vec<f64> {
    let has = |shown: &&Shown| {
        let days = shown.columns.first().is_some_and(|column| column.kind == Kind::Day);
        let is_trend = matches!(shown.chart.as_ref().map(|chart| chart.kind), Some(Form::Line));
        days && is_trend
            && shown.columns.iter().any(|column| column.name == figure)
            && !shown.name.ends_with("_week")
            && !shown.name.ends_with("_month")
    };
    let Some(shown) = book.page.reports.iter().find(has) else { return Vec::new() };
    let column = shown.columns.iter().position(|column| column.name == figure).unwrap_or_default();
    // Of several periods or groups the first one.
    let series = shown.chart.as_ref().and_then(|chart| chart.column("series"));
    let first = series.and_then(|series| shown.rows.first().map(|row| (series, &row[series])));
    let is_first = |row: &&Vec<Cell>| first.is_none_or(|(series, value)| row[series] == *value);
    shown.rows.iter().filter(is_first).filter_map(|row| row[column].number()).collect()
}
