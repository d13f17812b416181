//! Completion behind a `\`: the commands, and what each of them takes.

use std::collections::HashSet;

use super::offer::rank;
use super::{Candidate, Catalogue, Completion, Item, Report, Takes};
use crate::repl::chart::ChartKind;
use crate::repl::meta::COMMANDS;

/// The forms of output that a prompt can show.
const FORMATS: [&str; 9] =
    ["table", "vertical", "csv", "tsv", "json", "ndjson", "markdown", "parquet", "agent"];

/// `line` is what stands behind the `\`, up to the cursor; it begins at byte `offset` of the text.
pub(super) fn complete(line: &str, offset: usize, catalogue: &dyn Catalogue) -> Completion {
    let Some(space) = line.find(char::is_whitespace) else {
        let mut list = List { typed: line, start: offset, found: Vec::new() };
        for (name, arguments, meaning) in COMMANDS {
            let end = if arguments.is_empty() { "" } else { " " };
            if name.starts_with(line) {
                list.found.push((
                    u8::from(name != line),
                    Candidate {
                        text: format!("{name}{end}"),
                        label: format!("\\{name} {arguments}"),
                        detail: meaning.to_string(),
                    },
                ));
            }
        }
        return list.finish();
    };
    let (name, rest) = line.split_at(space);
    if name == "report"
        && let Some(completion) = parameter(rest, offset + space, catalogue)
    {
        return completion;
    }
    let word_start = rest.rfind([' ', '\t', '=']).map_or(0, |at| at + 1);
    let typed = &rest[word_start..];
    let before: Vec<&str> = rest[..word_start].split_whitespace().collect();
    let mut list = List { typed, start: offset + space + word_start, found: Vec::new() };
    match name {
        "d" | "dt" | "d+" | "summary" if before.is_empty() => {
            for table in catalogue.tables() {
                list.add(&table.name, &table.detail);
            }
        }
        "df" | "h" if before.is_empty() => {
            let functions = catalogue.functions();
            for function in functions.iter().filter(|function| function.is_ours) {
                list.add(&function.name, &function.doc);
            }
            for function in functions.iter().filter(|function| !function.is_ours) {
                list.add(&function.name, &function.doc);
            }
        }
        "chart" => {
            if before.is_empty() {
                ChartKind::NAMES.iter().for_each(|kind| list.add(kind, "kind of chart"));
            }
            list.items(catalogue.result());
        }
        "pivot" | "crosstabview" => list.items(catalogue.result()),
        "format" => FORMATS.iter().for_each(|format| list.add(format, "")),
        "x" => ["on", "off", "auto"].iter().for_each(|word| list.add(word, "")),
        "timing" => ["on", "off"].iter().for_each(|word| list.add(word, "")),
        "set" | "unset" if before.is_empty() => list.items(catalogue.parameters()),
        "watch" if !before.is_empty() && !before.contains(&"until") => {
            list.add("until", "stops once this is true")
        }
        "i" | "o" | "e" => catalogue.files(typed).iter().for_each(|file| list.add(file, "")),
        "report" => report(&mut list, &before, catalogue),
        _ => {}
    }
    list.finish()
}

/// The value of a report's parameter, if that is what is being typed.
fn parameter(rest: &str, offset: usize, catalogue: &dyn Catalogue) -> Option<Completion> {
    let start = last_word(rest);
    let name = rest[..start].split_whitespace().find(|word| !word.starts_with('-') && !word.contains('='))?;
    let report = find(name, catalogue)?;
    let word = &rest[start..];
    let bare = word.trim_start_matches(['\'', '"']);
    let (name, value) = bare.split_once('=')?;
    let name = name.strip_prefix("-p").unwrap_or(name);
    let parameter = report.parameters.iter().find(|parameter| parameter.name == name)?;
    let quotes = if bare == word { value.len() - value.trim_start_matches('"').len() } else { 0 };
    let value = &value[quotes..];
    // Where the value begins in the whole line.
    let begins = offset + rest.len() - value.len();
    if parameter.takes == Takes::Filter {
        return Some(condition(value, begins, catalogue));
    }
    let element = match parameter.takes {
        Takes::Values(_) => value.rfind(',').map_or(0, |comma| comma + 1),
        _ => 0,
    };
    let mut list = List { typed: &value[element..], start: begins + element, found: Vec::new() };
    match &parameter.takes {
        Takes::Value(column) | Takes::Values(column) => {
            catalogue.values(column).iter().for_each(|value| list.add(value, ""));
        }
        Takes::Column => {
            for table in catalogue.tables().iter().filter(|table| of_filters(&table.name)) {
                list.items(&table.columns);
            }
            // `user_id` is in both.
            let mut seen = HashSet::new();
            list.found.retain(|(_, candidate)| seen.insert(candidate.text.clone()));
        }
        Takes::Filter | Takes::Other => {
            parameter.accepted.iter().for_each(|value| list.add(value, ""));
        }
    }
    Some(list.finish())
}

/// Whether conditions and groups of reports know the columns of this table.
fn of_filters(table: &str) -> bool {
    ["events", "users"].contains(&table)
}

/// What could stand in the condition, over the tables that filters of reports know.
fn condition(value: &str, begins: usize, catalogue: &dyn Catalogue) -> Completion {
    const BEFORE: &str = "select * from events join users using (user_id) where ";
    let text = format!("{BEFORE}{value}");
    let found = super::complete(&text, text.len(), catalogue);
    Completion { start: begins + found.start.saturating_sub(BEFORE.len()), ..found }
}

/// Where the last word begins; a quote that is open holds blanks together.
fn last_word(rest: &str) -> usize {
    let mut start = 0;
    let mut quote = None;
    for (at, c) in rest.char_indices() {
        match quote {
            None if c.is_whitespace() => start = at + c.len_utf8(),
            None if matches!(c, '\'' | '"') => quote = Some(c),
            Some(open) if c == open => quote = None,
            _ => {}
        }
    }
    start
}

fn find<'a>(name: &str, catalogue: &'a dyn Catalogue) -> Option<&'a Report> {
    let matches = |known: &str| known == name || known.rsplit('/').next() == Some(name);
    catalogue.reports().iter().find(|report| matches(&report.name))
}

fn report(list: &mut List<'_>, before: &[&str], catalogue: &dyn Catalogue) {
    let Some(name) = before.iter().find(|word| !word.starts_with('-')) else {
        for report in catalogue.reports() {
            list.add(&report.name, &report.title);
        }
        return;
    };
    let Some(report) = find(name, catalogue) else {
        return;
    };
    if before.last() == Some(&"-p") {
        for parameter in &report.parameters {
            list.push(&parameter.name, &format!("{}=", parameter.name), &parameter.detail);
        }
        return;
    }
    for parameter in &report.parameters {
        let text = format!("-p {}=", parameter.name);
        let typed = list.typed.trim_start_matches('-').trim_start_matches('p');
        if parameter.name.starts_with(typed) || list.typed.is_empty() {
            list.found.push((
                1,
                Candidate { text, label: format!("-p {}", parameter.name), detail: parameter.detail.clone() },
            ));
        }
    }
}

struct List<'a> {
    typed: &'a str,
    start: usize,
    found: Vec<(u8, Candidate)>,
}

impl List<'_> {
    fn add(&mut self, name: &str, detail: &str) {
        self.push(name, name, detail);
    }

    fn push(&mut self, name: &str, text: &str, detail: &str) {
        if let Some(rank) = rank(name, self.typed) {
            let candidate =
                Candidate { text: text.to_string(), label: name.to_string(), detail: detail.to_string() };
            self.found.push((rank, candidate));
        }
    }

    fn items(&mut self, items: &[Item]) {
        items.iter().for_each(|item| self.add(&item.name, &item.detail));
    }

    fn finish(mut self) -> Completion {
        self.found.sort_by_key(|(rank, _)| *rank);
        let candidates = self.found.into_iter().map(|(_, candidate)| candidate).collect();
        Completion { start: self.start, candidates }
    }
}
