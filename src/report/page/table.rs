//! A report's rows as a table that sorts, folds and becomes CSV. What is shown is what was computed: numbers grouped, not
//! rounded further than the report did, except shares, whose exact value the cell carries.

use super::input::Kind;
use super::text::{self, escape};
use super::view::View;

/// Rows that one table of the page holds; more are for the command line.
const MOST: usize = 1000;
/// Rows that are seen before "show all"; the style sheet knows the number too.
const FOLDED: usize = 10;

/// The table with its buttons. `id` is unique on the page.
pub(super) fn table(view: View<'_>, id: &str) -> String {
    let (book, shown, ui) = (view.book, view.shown, view.book.ui);
    let count = shown.rows.len().min(MOST);
    // Which columns are numbers is said once, not in each cell.
    let is_number = |column: &usize| view.kind(*column).is_number();
    let numbers: Vec<String> =
        (0..shown.columns.len()).filter(is_number).map(|column| format!(" n{}", column + 1)).collect();
    let mut html = format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}\"><table id=\"{id}\" class=\"{}{}\"><thead><tr>",
        escape(&format!("{} · {}", shown.title.get(book.language), ui.table)),
        if count > FOLDED + 2 { "folded" } else { "" },
        numbers.concat()
    );
    let readings: Vec<Reading> = (0..shown.columns.len()).map(|column| Reading::of(view, column)).collect();
    for (column, reading) in shown.columns.iter().zip(&readings) {
        let zone = match column.kind {
            Kind::Day | Kind::Time => format!(" <small>{}</small>", escape(&book.page.zone)),
            _ => String::new(),
        };
        html += &format!(
            "<th scope=\"col\"{}{} data-n=\"{}\"><button type=\"button\" data-tip=\"{}\">{}{zone}</button></th>",
            if column.kind.is_number() { " class=\"n\"" } else { "" },
            reading.word(),
            escape(&column.name),
            escape(tip(column.definition.get(book.language), ui.sort)),
            escape(column.label.get(book.language)),
        );
    }
    html += "</tr></thead><tbody>";
    for row in 0..count {
        html += "<tr>";
        for (column, reading) in readings.iter().enumerate() {
            html += &cell(view, row, column, *reading);
        }
    }
    html += "</tbody></table></div>";
    if count > FOLDED + 2 {
        let all = ui.show_all.replace("{count}", &count.to_string());
        html += &format!(
            "<button class=\"link unfold\" data-unfold=\"{id}\" data-fewer=\"{}\" aria-expanded=\"false\">{all}</button>",
            ui.show_fewer
        );
    }
    if shown.rows.len() > MOST {
        let note = ui.only_first.replace("{shown}", &text::grouped(&MOST.to_string()));
        let note = note.replace("{all}", &text::grouped(&shown.rows.len().to_string()));
        html += &format!("<p class=\"note\">{}</p>", escape(&note.replace("{name}", &shown.name)));
    }
    html
}

/// The button that saves the table.
pub(super) fn csv_button(view: View<'_>, id: &str) -> String {
    format!(
        "<button class=\"tool\" data-csv=\"{id}\" data-file=\"{}.csv\" aria-label=\"{}\">{}</button>",
        escape(&view.shown.name.replace('/', "-")),
        escape(&format!(
            "{}{}{}",
            view.book.ui.csv,
            view.book.ui.colon,
            view.shown.title.get(view.book.language)
        )),
        view.book.ui.csv
    )
}

fn tip<'a>(definition: &'a str, sort: &'a str) -> &'a str {
    if definition.is_empty() { sort } else { definition }
}

/// How the script has a column's values back from what its cells show.
#[derive(Debug, Clone, Copy)]
enum Reading {
    Text,
    Number,
    /// `27.58%` is 0.2758.
    Share,
    /// `2026-03-01 Sun` is 2026-03-01.
    Day,
    /// `2026-03-01 Sun` is 20260301.
    Digits,
}

impl Reading {
    fn of(view: View<'_>, column: usize) -> Self {
        let has_dashes = || view.shown.rows.iter().any(|row| row[column].plain().contains('-'));
        match view.kind(column) {
            Kind::Share => Self::Share,
            Kind::Day if has_dashes() => Self::Day,
            Kind::Day => Self::Digits,
            kind if kind.is_number() => Self::Number,
            _ => Self::Text,
        }
    }

    /// What the head of the column says to the script; numbers are known by their class.
    fn word(self) -> &'static str {
        match self {
            Self::Text | Self::Number => "",
            Self::Share => " data-k=\"share\"",
            Self::Day => " data-k=\"day\"",
            Self::Digits => " data-k=\"digits\"",
        }
    }

    /// The value that the script reads, letter for letter.
    fn back(self, text: &str) -> String {
        if text == "–" {
            return String::new();
        }
        let day = || text.chars().take(10);
        let number = || text.replace(',', "").replace('−', "-").trim_end_matches('%').to_string();
        match self {
            Self::Text => text.to_string(),
            Self::Number => number(),
            Self::Share => number()
                .parse::<f64>()
                .map_or_else(|_| text.to_string(), |percent| text::decimals(percent / 100.0, 4)),
            Self::Day => day().collect(),
            Self::Digits => day().filter(|c| *c != '-').collect(),
        }
    }
}

/// A cell, whose end tag HTML leaves to the reader; where the script could not have the value back from what is shown,
/// the cell carries it.
fn cell(view: View<'_>, row: usize, column: usize, reading: Reading) -> String {
    let plain = view.cell(row, column).plain();
    let text = view.text(row, column);
    let mark = if view.is_incomplete(column, &plain) {
        format!(" <em>{}</em>", view.book.ui.incomplete_short)
    } else {
        String::new()
    };
    // With a mark the shown text is not the value.
    let value = if mark.is_empty() && reading.back(&text) == plain {
        String::new()
    } else {
        format!(" data-v=\"{}\"", escape(&plain))
    };
    format!("<td{value}>{}{mark}", escape(&text))
}
