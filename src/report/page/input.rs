//! What a page is made of: results as plain text and numbers, and what the headers of the reports say about them.

use super::chart::Chart;
use super::period::{self, Period};

/// Everything that one page shows.
#[derive(Debug, Clone)]
pub struct Page {
    /// What the store is called, `shop`.
    pub name: String,
    /// The zone of every day on the page, `Asia/Shanghai`.
    pub zone: String,
    /// First and last local day, `2026-03-01`.
    pub from: String,
    pub to: String,
    /// The first and the last local day of which the store can have everything: its first day, and the last day that is
    /// over. A week or month that reaches beyond them is incomplete.
    pub complete_from: String,
    pub complete_to: String,
    /// Local time of the newest event, `2026-03-31 23:59:58`; empty for an empty store.
    pub newest: String,
    /// The version of the events that was read.
    pub version: String,
    pub language: Language,
    /// In the order of the pack; `section` puts well-known areas and reports into the order of the screens.
    pub reports: Vec<Shown>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    En,
    Zh,
}

/// A report with its answer.
#[derive(Debug, Clone)]
pub struct Shown {
    /// `access/visit_trend_day`; what stands before the slash is the area.
    pub name: String,
    pub title: Words,
    pub question: Words,
    pub columns: Vec<Column>,
    /// As many cells as columns each.
    pub rows: Vec<Vec<Cell>>,
    pub chart: Option<Chart>,
    pub sql: String,
    /// Values that the query got, in their order.
    pub parameters: Vec<(String, String)>,
    /// Reports of one group share a panel, where one of them is chosen by its label. Empty: from the name, whose end
    /// `_day`, `_week` or `_month` makes a group of the three.
    pub choice: Option<Choice>,
}

/// The place of a report in a panel that has several.
#[derive(Debug, Clone)]
pub struct Choice {
    pub group: String,
    pub label: Words,
}

#[derive(Debug, Clone)]
pub struct Column {
    pub name: String,
    pub label: Words,
    pub definition: Words,
    pub kind: Kind,
}

/// How the numbers or texts of a column are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// A day, a week or a month, in any spelling that `period` reads.
    Day,
    /// A local time.
    Time,
    Number,
    /// 45.2 is 45.2 %.
    Percent,
    /// 0.452 is 45.2 %.
    Share,
    Seconds,
}

impl Kind {
    pub fn is_number(self) -> bool {
        matches!(self, Self::Number | Self::Percent | Self::Share | Self::Seconds)
    }

    /// The kind of a column, from its cells and from the unit that its definition states in English.
    pub fn of<'a>(name: &str, definition: &str, cells: impl Iterator<Item = &'a Cell> + Clone) -> Self {
        let mut texts = cells.clone().filter_map(|cell| match cell {
            Cell::Text(text) if !text.is_empty() => Some(text.as_str()),
            _ => None,
        });
        if let Some(first) = texts.next() {
            return match () {
                () if period::is_time(first) && texts.all(period::is_time) => Self::Time,
                () if Period::parse(first).is_some() && texts.all(|text| Period::parse(text).is_some()) => {
                    Self::Day
                }
                () => Self::Text,
            };
        }
        let mut numbers = cells.filter_map(Cell::number).peekable();
        if numbers.peek().is_none() {
            return Self::Text;
        }
        let definition = definition.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| definition.contains(word));
        let is_named = |words: &[&str]| words.iter().any(|word| name.contains(word));
        if says(&["percent,", "percent of", "in percent", " %"]) {
            Self::Percent
        } else if says(&["fraction of 1"])
            || is_named(&["rate", "share", "conv", "ratio"]) && cells_are_fractions(numbers)
        {
            Self::Share
        } else if says(&["seconds,", "in seconds", ", s,"]) || definition.ends_with("seconds") {
            Self::Seconds
        } else {
            Self::Number
        }
    }
}

/// Whether numbers can be parts of a whole: none above 1, and not just counts of none and one.
fn cells_are_fractions(numbers: impl Iterator<Item = f64>) -> bool {
    let mut has_part = false;
    for number in numbers {
        if !(0.0..=1.0).contains(&number) {
            return false;
        }
        has_part |= number > 0.0;
    }
    has_part
}

#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Null,
    Int(i64),
    Float(f64),
    Text(String),
}

impl Cell {
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) if value.is_finite() => Some(*value),
            _ => None,
        }
    }

    /// The value as it is written to CSV: nothing rounded, nothing grouped.
    pub fn plain(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Int(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// One text in the languages of the page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    pub en: String,
    pub zh: String,
}

impl Words {
    /// Reads `English | 中文`; a text without a bar is the same in both.
    pub fn parse(text: &str) -> Self {
        let (en, zh) = text.split_once(" | ").unwrap_or((text, text));
        Self { en: en.trim().to_string(), zh: zh.trim().to_string() }
    }

    pub fn get(&self, language: Language) -> &str {
        match language {
            Language::En => &self.en,
            Language::Zh => &self.zh,
        }
    }
}

impl Column {
    /// Reads what stands behind `-- column `: `visit_uv = visitors | 访问人数 : distinct users of the day | 当日的去重用户数`.
    /// The kind is for the caller to say, who knows the type of the result's column.
    pub fn parse(text: &str) -> Result<Self, String> {
        const FORM: &str = "a column is described as `-- column name = label | 名称 : definition | 定义`";
        let (head, definition) = text.split_once(" : ").unwrap_or((text, ""));
        let (name, label) = head.split_once('=').ok_or_else(|| format!("'{text}' has no '='; {FORM}"))?;
        let name = name.trim();
        if name.is_empty() || label.trim().is_empty() {
            return Err(format!("'{text}' lacks the name or the label; {FORM}"));
        }
        Ok(Self {
            name: name.to_string(),
            label: Words::parse(label.trim()),
            definition: Words::parse(definition),
            kind: Kind::Text,
        })
    }
}
