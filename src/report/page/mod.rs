//! The data assistant page: the answers of many reports as one HTML file, for a phone first, that needs nothing else.
//!
//! Text, tables and pictures are in the file when it is written, so it shows at once, prints, and reads without its script;
//! the script only switches, sorts, saves and explains. The same input gives the same bytes.
//!
//! ```text
//! Page ─▶ section: which screen ─▶ panel ─┬─ svg: pictures
//!         (reports)                       ├─ cards, table
//!                                         └─ explain: definitions, SQL
//! ```
//! Nothing here knows Arrow or DataFusion.

mod cards;
mod chart;
mod explain;
mod input;
mod panel;
mod period;
mod section;
mod svg;
mod table;
mod text;
mod view;
mod words;

pub use chart::{Chart, Form};
pub use input::{Cell, Choice, Column, Kind, Language, Page, Shown, Words};

use section::Section;
use text::escape;
use view::Book;

/// The whole file.
pub fn write(page: &Page) -> String {
    let book = Book::new(page);
    let ui = book.ui;
    let sections = section::sections(page);
    let tabs: String = sections.iter().enumerate().map(|(at, section)| tab(&book, at, section)).collect();
    let screens: String =
        sections.iter().enumerate().map(|(at, section)| screen(&book, at, section)).collect();
    let period =
        if page.from == page.to { page.from.clone() } else { format!("{} – {}", page.from, page.to) };
    let fresh = if page.newest.is_empty() {
        ui.no_events.to_string()
    } else {
        format!("{} {} · {} {}", ui.newest_event, page.newest, ui.version, page.version)
    };
    fill(
        include_str!("page.html"),
        &[
            ("lang", ui.lang),
            ("title", &escape(&format!("{} · {} · {period}", page.name, ui.product))),
            ("style", include_str!("page.css")),
            ("script", include_str!("page.js")),
            ("name", &escape(&page.name)),
            ("product", ui.product),
            ("period", &escape(&period)),
            ("zone", &escape(&page.zone)),
            ("fresh", &escape(&fresh)),
            ("areas", ui.areas),
            ("theme", ui.theme),
            ("print", ui.print),
            ("tabs", &tabs),
            ("screens", &screens),
            ("footer", ui.footer),
        ],
    )
}

/// Puts values into the places `{{name}}` of the template.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::new();
    let mut parts = template.split("{{");
    filled += parts.next().unwrap_or_default();
    for part in parts {
        let (name, rest) = part.split_once("}}").unwrap_or(("", part));
        filled += values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
        filled += rest;
    }
    filled
}

fn tab(book: &Book<'_>, at: usize, section: &Section<'_>) -> String {
    format!(
        "<a role=\"tab\" id=\"tab-{at}\" href=\"#s-{at}\" aria-controls=\"s-{at}\" aria-selected=\"{}\"{}>{}</a>",
        at == 0,
        if at == 0 { "" } else { " tabindex=\"-1\"" },
        escape(section.label.get(book.language))
    )
}

/// A screen. All but the first stand in `noscript`, which a browser without scripts reads as usual, and one with scripts
/// takes for mere text: so the first screen is there before the others are read. The script unpacks a screen when it is
/// opened, and all of them to print.
fn screen(book: &Book<'_>, at: usize, section: &Section<'_>) -> String {
    let label = escape(section.label.get(book.language));
    let (class, pack, unpack) =
        if at == 0 { ("screen on", "", "") } else { ("screen", "<noscript>", "</noscript>") };
    let mut html = format!(
        "<section class=\"{class}\" id=\"s-{at}\" role=\"tabpanel\" aria-labelledby=\"tab-{at}\"><h2>{label}</h2>{pack}"
    );
    if section.panels.len() > 3 {
        html += &format!("<nav class=\"jump\" aria-label=\"{label}\">");
        for panel in &section.panels {
            html += &format!("<a href=\"#{}\">{}</a>", panel.id, escape(panel.title.get(book.language)));
        }
        html += "</nav>";
    }
    html += "<div class=\"panels\">";
    // Panels of half a width stand in pairs; a last one alone takes the whole, its table beside its picture.
    let halves = section.panels.iter().filter(|panel| !panel::is_wide(panel)).count();
    let alone = section.panels.iter().rposition(|panel| !panel::is_wide(panel)).filter(|_| halves % 2 == 1);
    for (at, panel) in section.panels.iter().enumerate() {
        html += &panel::panel(book, panel, alone == Some(at));
    }
    html + "</div>" + unpack + "</section>"
}
