//! A panel: a title, the choice between its reports, and of each report its pictures, table and explanation.

use super::chart::Form;
use super::section::Panel;
use super::svg::{self, Plot};
use super::text::escape;
use super::view::{Book, View};
use super::{cards, explain, table};

pub(super) fn panel(book: &Book<'_>, panel: &Panel<'_>, is_alone: bool) -> String {
    let title = panel.title.get(book.language);
    let id = &panel.id;
    let is_cards = panel.reports.iter().any(|(_, shown)| cards::are_shown(shown));
    let class = match () {
        () if is_cards => "panel bare wide",
        () if is_wide(panel) => "panel wide",
        () if is_alone => "panel wide split",
        () => "panel",
    };
    let mut html = format!("<article class=\"{class}\" id=\"{id}\" aria-labelledby=\"{id}-t\"><header><div>");
    html += &format!("<h3 id=\"{id}-t\">{}</h3></div>", escape(title));
    if panel.reports.len() > 1 {
        html += &format!(
            "<div class=\"seg\" role=\"group\" aria-label=\"{}\">",
            escape(&format!("{} · {}", book.ui.choose_grain, title))
        );
        for (at, (label, _)) in panel.reports.iter().enumerate() {
            html += &format!(
                "<button data-show=\"{id}-{at}\" aria-pressed=\"{}\">{}</button>",
                at == 0,
                escape(label.get(book.language))
            );
        }
        html += "</div>";
    }
    html += "</header>";
    for (at, (_, shown)) in panel.reports.iter().enumerate() {
        let view = View::new(book, shown);
        html += &format!("<div class=\"view{}\" id=\"{id}-{at}\">", if at == 0 { " on" } else { "" });
        html += &report(view, &format!("{id}-{at}"), is_alone);
        html += "</div>";
    }
    html + "</article>"
}

/// Lines and matrices want the whole width, and so do tables of many columns.
pub(super) fn is_wide(panel: &Panel<'_>) -> bool {
    panel.reports.iter().any(|(_, shown)| {
        cards::are_shown(shown)
            || match shown.chart.as_ref().map(|chart| chart.kind) {
                None | Some(Form::Table) => shown.columns.len() > 4,
                Some(form) => svg::is_wide(form),
            }
    })
}

fn report(view: View<'_>, id: &str, is_alone: bool) -> String {
    let (book, ui) = (view.book, view.book.ui);
    let shown = view.shown;
    let dialog = format!("{id}-d");
    let table_id = format!("{id}-r");
    let question = shown.question.get(book.language);
    let mut html = String::new();
    if !question.is_empty() {
        html += &format!("<p class=\"question\">{}</p>", escape(question));
    }
    let plots = svg::plots(view);
    if shown.rows.is_empty() {
        html += &format!("<p class=\"empty\">{}</p>", ui.empty);
    } else if cards::are_shown(shown) {
        html += &cards::cards(view, &dialog);
    }
    html += &pictures(view, &plots, id);
    let tools = format!(
        "<div class=\"tools\">{}<button class=\"tool\" data-open=\"{dialog}\" aria-haspopup=\"dialog\" \
         aria-label=\"{}\">{}</button></div>",
        if shown.rows.is_empty() { String::new() } else { table::csv_button(view, &table_id) },
        escape(&format!("{}{}{}", ui.explain, ui.colon, shown.title.get(book.language))),
        ui.explain
    );
    if plots.is_empty() && !cards::are_shown(shown) {
        if !shown.rows.is_empty() {
            html += &table::table(view, &table_id);
        }
        html += &tools;
    } else {
        html += &format!(
            "<div class=\"under\"><details class=\"data\"{}><summary>{} <span>{} {}</span></summary>{}</details>{tools}</div>",
            if is_alone { " open" } else { "" },
            ui.table,
            shown.rows.len(),
            if shown.rows.len() == 1 { ui.row } else { ui.rows },
            table::table(view, &table_id)
        );
    }
    html + &explain::dialog(view, &dialog)
}

fn pictures(view: View<'_>, plots: &[Plot], id: &str) -> String {
    let ui = view.book.ui;
    let mut html = String::new();
    if plots.len() > 1 {
        html += &format!("<div class=\"chips\" role=\"group\" aria-label=\"{}\">", ui.choose_figure);
        for (at, plot) in plots.iter().enumerate() {
            html += &format!(
                "<button data-show=\"{id}-p{at}\" aria-pressed=\"{}\">{}</button>",
                at == 0,
                escape(&plot.label)
            );
        }
        html += "</div>";
    }
    for (at, plot) in plots.iter().enumerate() {
        html += &format!("<figure class=\"view{}\" id=\"{id}-p{at}\">", if at == 0 { " on" } else { "" });
        html += &legend(view, plot);
        let class = if plot.wide.is_some() { "chart two" } else { "chart" };
        html += &format!(
            "<div class=\"{class}\">{}{}</div>",
            plot.narrow,
            plot.wide.as_deref().unwrap_or_default()
        );
        if !plot.notes.is_empty() {
            let notes: Vec<_> = plot.notes.iter().map(|note| escape(note)).collect();
            html += &format!("<figcaption>{}</figcaption>", notes.join(" · "));
        }
        html += "</figure>";
    }
    html
}

/// The names of the series with the marks they are drawn with.
fn legend(view: View<'_>, plot: &Plot) -> String {
    if plot.legend.is_empty() {
        return String::new();
    }
    let chart = view.shown.chart.as_ref();
    let is_line = chart.is_some_and(|chart| chart.kind == Form::Line);
    let compared = chart.map_or(0, |chart| chart.columns("compare").len());
    let mut html = String::from("<ul class=\"legend\">");
    for (of, name) in plot.legend.iter().enumerate() {
        let style = if of + compared >= plot.legend.len() && is_line && compared > 0 {
            "c".to_string()
        } else {
            (of + 1).to_string()
        };
        let mark = if is_line {
            format!(
                "<svg viewBox=\"0 0 22 8\" aria-hidden=\"true\"><path class=\"l k{style}\" d=\"M1 4H21\"/></svg>"
            )
        } else {
            format!(
                "<svg viewBox=\"0 0 12 8\" aria-hidden=\"true\"><rect class=\"f{style}\" width=\"12\" height=\"8\" rx=\"2\"/></svg>"
            )
        };
        html += &format!("<li>{mark}{}</li>", escape(name));
    }
    html + "</ul>"
}
