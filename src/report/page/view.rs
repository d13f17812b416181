//! One report as it is about to be shown: its words in the page's language, its periods, its rows in parts.

use std::collections::HashMap;

use super::cards;
use super::input::{Cell, Column, Kind, Language, Page, Shown};
use super::period::{Date, Period};
use super::text;
use super::words::{self, Ui};

/// What everything on the page is drawn with.
pub(super) struct Book<'a> {
    pub page: &'a Page,
    pub ui: &'static Ui,
    pub language: Language,
    complete_to: Option<Date>,
    complete_from: Option<Date>,
    /// Columns by their names: values such as `visit_uv` in a column `figure` are shown by that column's label.
    columns: HashMap<&'a str, &'a Column>,
}

impl<'a> Book<'a> {
    pub(super) fn new(page: &'a Page) -> Self {
        // The overview and the trend say what a figure is called; others may narrow its name down to their own view.
        let mut reports: Vec<&Shown> = page.reports.iter().collect();
        let place =
            |name: &str| ["overview/trend", "access/visit_trend_day"].iter().position(|known| *known == name);
        reports.sort_by_key(|shown| place(&shown.name).unwrap_or(2));
        let mut columns = HashMap::new();
        for column in reports.into_iter().flat_map(|shown| &shown.columns) {
            columns.entry(column.name.as_str()).or_insert(column);
        }
        let date = |text: &str| Period::parse(text).map(|period| period.last);
        Self {
            page,
            ui: words::of(page.language),
            language: page.language,
            complete_to: date(&page.complete_to),
            complete_from: date(&page.complete_from),
            columns,
        }
    }

    pub(super) fn column_named(&self, name: &str) -> Option<&'a Column> {
        self.columns.get(name).copied()
    }

    /// A value that names a figure, by that figure's label.
    pub(super) fn figure(&self, name: &str) -> String {
        self.columns
            .get(name)
            .map_or_else(|| self.value(name), |column| column.label.get(self.language).to_string())
    }

    /// A value in words: the reports' own values in the page's language, all others as they are.
    pub(super) fn value(&self, value: &str) -> String {
        match words::VALUES.iter().find(|(known, ..)| *known == value) {
            _ if value.is_empty() => self.ui.unknown.to_string(),
            Some((_, zh)) if self.language == Language::Zh => (*zh).to_string(),
            _ => value.to_string(),
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub book: &'a Book<'a>,
    pub shown: &'a Shown,
    /// `day`, `week` or `month` where the report's name says so.
    pub grain: Option<&'a str>,
    /// The column that says in both languages what the figures of cards are.
    meaning: Option<usize>,
    /// Bit by column, whether all its values are names of figures, such as `visit_uv`.
    figures: u64,
}

impl<'a> View<'a> {
    pub(super) fn new(book: &'a Book<'a>, shown: &'a Shown) -> Self {
        let end = shown.name.rsplit('_').next().unwrap_or_default();
        let grain = ["day", "week", "month"].into_iter().find(|grain| *grain == end);
        let is_figure =
            |cell: &Cell| matches!(cell, Cell::Text(text) if book.columns.contains_key(text.as_str()));
        let has_figures = |column: usize| shown.rows.iter().all(|row| is_figure(&row[column]));
        let figures =
            (0..shown.columns.len().min(64)).filter(|c| has_figures(*c)).fold(0, |bits, c| bits | 1 << c);
        let meaning = shown.columns.iter().position(|column| column.name == "meaning");
        let meaning = meaning.filter(|_| cards::are_shown(shown));
        Self { book, shown, grain, meaning, figures }
    }

    /// A value of a column of texts, in words.
    fn named(&self, column: usize, value: &str) -> String {
        if self.meaning == Some(column) {
            text::half(value, self.book.language).to_string()
        } else if column < 64 && self.figures >> column & 1 == 1 {
            self.book.figure(value)
        } else {
            self.book.value(value)
        }
    }

    /// What the figure of a row is called: as its column is, or else as the row itself says.
    pub(super) fn figure(&self, row: usize, name: &str) -> String {
        match self.meaning {
            Some(column) if self.book.column_named(name).is_none() => self.text(row, column),
            _ => self.book.figure(name),
        }
    }

    pub(super) fn kind(&self, column: usize) -> Kind {
        self.shown.columns[column].kind
    }

    pub(super) fn label(&self, column: usize) -> &'a str {
        self.shown.columns[column].label.get(self.book.language)
    }

    pub(super) fn rows(&self) -> Vec<usize> {
        (0..self.shown.rows.len()).collect()
    }

    /// The rows by the values of a column, in the order of their first appearance; one part without a column.
    pub(super) fn parts(&self, column: Option<usize>) -> Vec<(String, Vec<usize>)> {
        let Some(column) = column else { return vec![(String::new(), self.rows())] };
        let mut parts: Vec<(String, Vec<usize>)> = Vec::new();
        for row in self.rows() {
            let value = self.shown.rows[row][column].plain();
            match parts.iter_mut().find(|(name, _)| *name == value) {
                Some((_, rows)) => rows.push(row),
                None => parts.push((value, vec![row])),
            }
        }
        for (name, _) in &mut parts {
            *name = if self.kind(column).is_number() {
                self.long(column, name)
            } else {
                self.named(column, name)
            };
        }
        parts
    }

    fn period(&self, text: &str) -> Option<Period> {
        Period::parse(text).map(|period| period.widened(self.grain))
    }

    /// A value of x on an axis.
    pub(super) fn short(&self, column: usize, value: &str) -> String {
        match (self.kind(column), self.period(value)) {
            (Kind::Day, Some(period)) => period.short(self.book.language),
            (Kind::Time, _) => value.split(['T', ' ']).next_back().unwrap_or(value).chars().take(5).collect(),
            (kind, _) if kind.is_number() && !value.is_empty() => value.to_string(),
            _ => self.named(column, value),
        }
    }

    /// A value of x in a tooltip; the script sets the zone beside a day or time.
    pub(super) fn long(&self, column: usize, value: &str) -> String {
        match (self.kind(column), self.period(value)) {
            (Kind::Day, Some(period)) => {
                let note = if self.is_incomplete(column, value) { self.book.ui.incomplete_mark } else { "" };
                format!("{}{note}", period.long(self.book.language))
            }
            (kind, _) if kind.is_number() && !value.is_empty() => {
                format!("{} {value}", self.label(column))
            }
            _ => self.named(column, value),
        }
    }

    /// What a picture says about its incomplete periods, which it hatches.
    pub(super) fn incomplete_notes(&self, column: usize, places: &[(String, usize)]) -> Vec<String> {
        let open = places.iter().filter(|(place, _)| self.is_incomplete(column, place));
        let name = |place: &str| self.period(place).map(|period| period.long(self.book.language));
        open.filter_map(|(place, _)| Some(self.book.ui.incomplete.replace("{period}", &name(place)?)))
            .collect()
    }

    /// The zone where a column has days or times.
    pub(super) fn zone(&self, column: usize) -> Option<&'a str> {
        matches!(self.kind(column), Kind::Day | Kind::Time).then_some(self.book.page.zone.as_str())
    }

    /// Whether a period reaches beyond the days of which the store has everything.
    pub(super) fn is_incomplete(&self, column: usize, value: &str) -> bool {
        let (Kind::Day, Some(period), Some(last)) =
            (self.kind(column), self.period(value), self.book.complete_to)
        else {
            return false;
        };
        period.last > last || self.book.complete_from.is_some_and(|from| period.first < from)
    }

    pub(super) fn cell(&self, row: usize, column: usize) -> &'a Cell {
        &self.shown.rows[row][column]
    }

    /// A cell as the table shows it.
    pub(super) fn text(&self, row: usize, column: usize) -> String {
        let (cell, kind) = (self.cell(row, column), self.kind(column));
        match (cell, kind) {
            (Cell::Text(value), Kind::Day) => {
                self.period(value).map_or_else(|| value.clone(), |period| period.long(self.book.language))
            }
            (Cell::Text(value), Kind::Text) => self.named(column, value),
            _ => text::shown(cell, kind, self.book.language),
        }
    }

    /// `label: value` of a row.
    pub(super) fn pair(&self, row: usize, column: usize) -> String {
        format!("{}{}{}", self.label(column), self.book.ui.colon, self.text(row, column))
    }
}
