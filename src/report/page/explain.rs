//! What stands one tap behind a figure: the question, every column's definition, the parameters, how fresh the data is,
//! and the SQL.

use super::input::{Column, Language};
use super::text::{escape, slug};
use super::view::View;

/// A dialog of this id.
pub(super) fn dialog(view: View<'_>, id: &str) -> String {
    let (book, shown, ui) = (view.book, view.shown, view.book.ui);
    let page = book.page;
    let mut html = format!(
        "<dialog id=\"{id}\" aria-labelledby=\"{id}-t\"><div class=\"sheet\"><header><h2 id=\"{id}-t\">{}</h2>\
         <button class=\"icon\" data-close aria-label=\"{}\">✕</button></header><p class=\"question\">{}</p>",
        escape(shown.title.get(book.language)),
        ui.close,
        escape(shown.question.get(book.language))
    );
    html += &format!("<h3>{}</h3><dl>", ui.definitions);
    for column in &shown.columns {
        html += &definition(id, column, book.language);
    }
    if super::cards::are_shown(shown) {
        // The rows name figures that other reports define.
        let names = (0..shown.rows.len()).map(|row| view.cell(row, 0).plain());
        for column in names.filter_map(|name| book.column_named(&name)) {
            html += &definition(id, column, book.language);
        }
    }
    html += "</dl>";
    html += &format!("<h3>{}</h3><p>", ui.freshness);
    html += &escape(&format!(
        "{} – {} · {} · {} {} · {} {}",
        page.from, page.to, page.zone, ui.newest_event, page.newest, ui.version, page.version
    ));
    html += "</p>";
    if !shown.parameters.is_empty() {
        html += &format!("<h3>{}</h3><p>", ui.parameters);
        let texts: Vec<_> = shown
            .parameters
            .iter()
            .map(|(name, value)| format!("<code>${}</code> {}", escape(name), escape(value)))
            .collect();
        html += &texts.join(" · ");
        html += "</p>";
    }
    html += &format!(
        "<div class=\"sqlhead\"><h3>{}</h3><button class=\"tool\" data-copy=\"{id}-q\" data-done=\"{}\">{}</button></div>\
         <pre id=\"{id}-q\" tabindex=\"0\" role=\"region\" aria-label=\"{}\"><code>{}</code></pre></div></dialog>",
        ui.sql,
        ui.copied,
        ui.copy,
        ui.sql,
        escape(&unsaid(&shown.sql))
    );
    html
}

/// The SQL without those lines of its header that are told above in words.
fn unsaid(sql: &str) -> String {
    let mut is_header = true;
    let mut is_said = false;
    let unsaid = sql.trim().lines().filter(|line| {
        let comment = line.trim().strip_prefix("--");
        is_header &= comment.is_some() || line.trim().is_empty();
        let Some(comment) = comment.filter(|_| is_header) else { return true };
        // A line that is set in goes on with the one before.
        if !comment.starts_with("  ") {
            let comment = comment.trim();
            is_said = ["question:", "chart:"].iter().any(|word| comment.starts_with(word))
                || comment.starts_with("column ") && comment.contains('=');
        }
        !is_said
    });
    unsaid.collect::<Vec<_>>().join("\n")
}

fn definition(id: &str, column: &Column, language: Language) -> String {
    let text = column.definition.get(language);
    format!(
        "<div id=\"{id}-{}\"><dt>{} <code>{}</code></dt><dd>{}</dd></div>",
        slug(&column.name),
        escape(column.label.get(language)),
        escape(&column.name),
        escape(if text.is_empty() { "–" } else { text })
    )
}
