//! What could stand at the cursor?
//!
//! ```text
//! text, cursor ─▶ place (which kind of word?) ─┬─▶ tables, columns of the FROM tables, functions, keywords
//!                  scope (which relations?) ───┘    options and their values, settings, files, commands, reports
//! ```
//! The text is taken apart by the parser's own tokenizer, up to the cursor for the place, beyond it for the tables: in
//! `select | from events` the columns are known before the FROM is reached.

mod commands;
mod offer;
mod options;
mod place;
mod scope;
mod vocabulary;

use crate::repl::lex::{is_line_comment, words};

pub use options::{options, texts};

/// The names that a completion may choose from.
pub trait Catalogue {
    fn tables(&self) -> &[Table];
    fn functions(&self) -> &[Function];
    fn settings(&self) -> &[Item];
    fn reports(&self) -> &[Report];
    /// Values of a column with few of them, the most frequent first.
    fn values(&self, column: &str) -> &[String];
    /// Parameters that have a value.
    fn parameters(&self) -> &[Item];
    /// Columns of the last result.
    fn result(&self) -> &[Item];
    /// Files and folders whose names begin so; a folder's name ends in `/`.
    fn files(&self, beginning: &str) -> Vec<String> {
        files(beginning)
    }
}

/// A name and what it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Item {
    pub name: String,
    pub detail: String,
}

impl Item {
    pub fn new(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { name: name.into(), detail: detail.into() }
    }
}

/// A table or a view.
#[derive(Debug, Clone, Default)]
pub struct Table {
    pub name: String,
    pub detail: String,
    /// Names and types.
    pub columns: Vec<Item>,
}

/// A function as its documentation tells it.
#[derive(Debug, Clone, Default)]
pub struct Function {
    pub name: String,
    /// How a call is written.
    pub syntax: String,
    /// The first line of its description.
    pub doc: String,
    /// Arguments and options, with their meanings.
    pub arguments: Vec<(String, String)>,
    /// Stands in FROM.
    pub is_relation: bool,
    /// One of Footfall's own.
    pub is_ours: bool,
}

/// A report and its parameters.
#[derive(Debug, Clone, Default)]
pub struct Report {
    pub name: String,
    pub title: String,
    pub parameters: Vec<ReportParameter>,
}

/// A parameter of a report.
#[derive(Debug, Clone, Default)]
pub struct ReportParameter {
    pub name: String,
    pub detail: String,
    /// The only values that it takes; empty: any of its type.
    pub accepted: Vec<String>,
    pub takes: Takes,
}

/// What a parameter's value is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Takes {
    #[default]
    Other,
    /// A value of this column.
    Value(String),
    /// Values of this column with commas between.
    Values(String),
    /// A column of events or users.
    Column,
    /// A condition on their columns.
    Filter,
}

/// Names in plain lists.
#[derive(Debug, Clone, Default)]
pub struct Names {
    pub tables: Vec<Table>,
    pub functions: Vec<Function>,
    pub settings: Vec<Item>,
    pub reports: Vec<Report>,
    /// Column and its values.
    pub values: Vec<(String, Vec<String>)>,
    pub parameters: Vec<Item>,
    pub result: Vec<Item>,
}

impl Catalogue for Names {
    fn tables(&self) -> &[Table] {
        &self.tables
    }
    fn functions(&self) -> &[Function] {
        &self.functions
    }
    fn settings(&self) -> &[Item] {
        &self.settings
    }
    fn reports(&self) -> &[Report] {
        &self.reports
    }
    fn values(&self, column: &str) -> &[String] {
        self.values.iter().find(|(name, _)| name == column).map_or(&[], |(_, values)| values.as_slice())
    }
    fn parameters(&self) -> &[Item] {
        &self.parameters
    }
    fn result(&self) -> &[Item] {
        &self.result
    }
}

/// One thing that could stand there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What takes the place of the text from [`Completion::start`] to the cursor.
    pub text: String,
    /// What the list shows.
    pub label: String,
    /// Its type, or its first line.
    pub detail: String,
}

/// The candidates, the most likely first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Completion {
    pub start: usize,
    pub candidates: Vec<Candidate>,
}

/// What could stand at the cursor, a byte of `text`.
pub fn complete(text: &str, cursor: usize, catalogue: &dyn Catalogue) -> Completion {
    let cursor = floor(text, cursor);
    let before = &text[..cursor];
    let line = before.trim_start();
    if let Some(command) = line.strip_prefix('\\') {
        return commands::complete(command, cursor - command.len(), catalogue);
    }
    let mut head = words(before);
    if head.all.last().is_some_and(|last| is_line_comment(&last.token) && !before.ends_with('\n')) {
        return Completion { start: cursor, candidates: Vec::new() };
    }
    let tail = words(after(text, cursor, head.open));
    scope::current_statement(&mut head);
    let place = place::find(before, &head);
    let relations = scope::Scope::of(&head, &tail, place.cut, catalogue);
    offer::candidates(&place, &relations, text, cursor, catalogue)
}

/// The call around the cursor, such as `window_funnel(window, [mode, ...] ts, c1, ..., cn)`: for the line of hints.
pub fn signature<'a>(text: &str, cursor: usize, catalogue: &'a dyn Catalogue) -> Option<&'a Function> {
    let before = &text[..floor(text, cursor)];
    if before.trim_start().starts_with('\\') {
        return None;
    }
    let mut head = words(before);
    scope::current_statement(&mut head);
    let name = place::enclosing_call(&head)?;
    catalogue.functions().iter().find(|function| function.name.eq_ignore_ascii_case(&name))
}

fn floor(text: &str, cursor: usize) -> usize {
    let mut cursor = cursor.min(text.len());
    while !text.is_char_boundary(cursor) {
        cursor -= 1;
    }
    cursor
}

/// The text behind the cursor; inside a quote, behind the quote.
fn after(text: &str, cursor: usize, open: Option<usize>) -> &str {
    let rest = &text[cursor..];
    let quote = open.and_then(|open| text[open..].chars().next());
    match quote.filter(|quote| ['\'', '"', '`'].contains(quote)) {
        Some(quote) => match rest.find(['\n', quote]) {
            Some(end) => &rest[end + 1..],
            None => "",
        },
        None => {
            // The rest of the word in which the cursor stands belongs to what is replaced later, not to the tables.
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            &rest[end..]
        }
    }
}

/// Names in the file system that begin so, without hidden ones unless they are asked for.
fn files(beginning: &str) -> Vec<String> {
    const MOST: usize = 200;
    let (folder, name) = match beginning.rfind('/') {
        Some(at) => (&beginning[..=at], &beginning[at + 1..]),
        None => ("", beginning),
    };
    let path = if folder.is_empty() { std::path::Path::new(".") } else { std::path::Path::new(folder) };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        let Ok(file) = entry.file_name().into_string() else {
            continue;
        };
        if !file.starts_with(name) || file.starts_with('.') && !name.starts_with('.') {
            continue;
        }
        let end = if entry.path().is_dir() { "/" } else { "" };
        found.push(format!("{folder}{file}{end}"));
    }
    found.sort();
    found.truncate(MOST);
    found
}
