//! From a place to candidates: which names fit what was typed, and in which order?

use std::collections::HashSet;

use super::options::{options, texts};
use super::place::{Clause, Place, Wants};
use super::scope::Scope;
use super::vocabulary as words;
use super::{Candidate, Catalogue, Completion, Function, Item};
use crate::ask::quoted;

/// More are no help.
const MOST: usize = 500;

pub(super) fn candidates(
    place: &Place,
    scope: &Scope,
    text: &str,
    cursor: usize,
    catalogue: &dyn Catalogue,
) -> Completion {
    let mut offer =
        Offer { place, scope, catalogue, rest: &text[cursor..], found: Vec::new(), seen: HashSet::new() };
    offer.fill();
    // Stable: within a rank the order of the lists stays.
    offer.found.sort_by_key(|(rank, _)| *rank);
    offer.found.truncate(MOST);
    let candidates = offer.found.into_iter().map(|(_, candidate)| candidate).collect();
    Completion { start: place.start, candidates }
}

struct Offer<'a> {
    place: &'a Place,
    scope: &'a Scope,
    catalogue: &'a dyn Catalogue,
    rest: &'a str,
    found: Vec<(u8, Candidate)>,
    seen: HashSet<String>,
}

impl<'a> Offer<'a> {
    fn fill(&mut self) {
        let place = self.place;
        match &place.wants {
            Wants::Nothing => {}
            Wants::Statement => self.keywords(words::STATEMENTS),
            Wants::Relation => self.relations(),
            Wants::File => {
                for file in self.catalogue.files(&place.typed) {
                    self.quoted(&file, "");
                }
            }
            Wants::Setting => {
                for setting in self.catalogue.settings() {
                    self.add(&setting.name, &setting.name, &setting.detail);
                }
            }
            Wants::Parameter => {
                for parameter in self.catalogue.parameters() {
                    let name = format!("${}", parameter.name);
                    self.add(&name, &name, &parameter.detail);
                }
            }
            Wants::Member(qualifier) => self.members(qualifier),
            Wants::Operand { after_select } => {
                self.operands();
                if *after_select {
                    self.keywords(words::SELECT);
                }
            }
            Wants::Value(column) => {
                let is_known = self.values(column);
                if place.quote.is_none() && !is_known {
                    self.operands();
                } else if place.quote.is_none() && !place.typed.is_empty() {
                    self.columns();
                    self.functions();
                }
            }
            Wants::Keyword(clause) => self.keywords(match clause {
                Clause::None => words::AFTER_CONDITION,
                Clause::With => &["SELECT", "FROM"],
                Clause::Select => words::AFTER_SELECT,
                Clause::From => words::AFTER_FROM,
                Clause::Condition => words::AFTER_CONDITION,
                Clause::Group => words::AFTER_GROUP,
                Clause::Order => words::AFTER_ORDER,
                Clause::Limit => words::AFTER_LIMIT,
                Clause::Window => words::WINDOW,
            }),
            Wants::Words(list) => {
                self.keywords(list);
                // An operand is possible there, too: `not page is null`, `case event when …`.
                let is_before_operand =
                    list.first().is_some_and(|word| ["NULL", "IN", "WHEN"].contains(word));
                if is_before_operand && !place.typed.is_empty() {
                    self.operands();
                }
            }
            Wants::OptionName(function) => self.option_names(function),
            Wants::OptionValue { function, option } => self.option_values(function, option),
            Wants::ArgumentText(function) => self.argument_texts(function),
        }
    }

    /// Adds `text` if what was typed fits `name`.
    fn add(&mut self, name: &str, text: &str, detail: &str) {
        if let Some(rank) = rank(name, &self.place.typed)
            && self.seen.insert(text.to_string())
        {
            let label = name.to_string();
            self.found.push((rank, Candidate { text: text.to_string(), label, detail: detail.to_string() }));
        }
    }

    fn keywords(&mut self, list: &[&str]) {
        let typed = &self.place.typed;
        let small = match typed.chars().find(|c| c.is_alphabetic()) {
            Some(first) => first.is_lowercase(),
            None => self.scope.small_letters,
        };
        for word in list {
            let word = if small { word.to_lowercase() } else { (*word).to_string() };
            // The middle of a keyword is not what anybody types.
            if word.to_lowercase().starts_with(&typed.to_lowercase()) {
                self.add(&word, &word, "");
            }
        }
    }

    fn relations(&mut self) {
        for cte in &self.scope.ctes {
            self.name(cte, "common table expression");
        }
        let catalogue = self.catalogue;
        for table in catalogue.tables().iter().filter(|table| !table.name.contains('.')) {
            self.name(&table.name, &table.detail);
        }
        if self.place.quote.is_none() {
            for function in catalogue.functions().iter().filter(|function| function.is_relation) {
                self.call(function);
            }
        }
        for table in catalogue.tables().iter().filter(|table| table.name.contains('.')) {
            self.add(&table.name, &table.name, &table.detail);
        }
    }

    fn members(&mut self, qualifier: &str) {
        let scope = self.scope;
        let of = scope.relations.iter().filter(|relation| relation.name.eq_ignore_ascii_case(qualifier));
        for column in of.flat_map(|relation| &relation.columns) {
            self.name(&column.name, &column.detail);
        }
        // A schema, such as information_schema.
        let catalogue = self.catalogue;
        for table in catalogue.tables() {
            if let Some((schema, name)) = table.name.rsplit_once('.')
                && schema.eq_ignore_ascii_case(qualifier)
            {
                self.name(name, &table.detail);
            }
            if self.found.is_empty() && table.name.eq_ignore_ascii_case(qualifier) {
                for column in &table.columns {
                    self.name(&column.name, &column.detail);
                }
            }
        }
    }

    fn operands(&mut self) {
        self.columns();
        if self.place.quote.is_some() {
            return;
        }
        self.functions();
        self.keywords(words::OPERANDS);
    }

    /// The columns of the FROM clause; where there is none yet, of all tables.
    fn columns(&mut self) {
        let (scope, catalogue) = (self.scope, self.catalogue);
        for relation in &scope.relations {
            for column in &relation.columns {
                self.name(&column.name, &column.detail);
            }
        }
        if self.place.quote.is_none() {
            for relation in &scope.relations {
                if !relation.name.is_empty()
                    && !relation.name.contains(['/', '.'])
                    && !self.place.typed.is_empty()
                {
                    self.name(&relation.name, "relation");
                }
            }
        }
        if !scope.has_from {
            let tables = catalogue.tables().iter().filter(|table| !table.name.contains('.'));
            // `events` is what most questions are about.
            let (events, others): (Vec<_>, Vec<_>) = tables.partition(|table| table.name == "events");
            for table in events.into_iter().chain(others) {
                for Item { name, detail } in &table.columns {
                    self.name(name, &format!("{detail}, {}", table.name));
                }
            }
        }
    }

    fn functions(&mut self) {
        let catalogue = self.catalogue;
        let all = || catalogue.functions().iter().filter(|function| !function.is_relation);
        let is_common = |function: &Function| words::COMMON.contains(&function.name.as_str());
        for name in words::COMMON {
            for function in all().filter(|function| function.name == *name) {
                self.call(function);
            }
        }
        for function in all().filter(|function| function.is_ours && !is_common(function)) {
            self.call(function);
        }
        for function in all().filter(|function| !function.is_ours && !is_common(function)) {
            self.call(function);
        }
    }

    fn call(&mut self, function: &Function) {
        let open = if self.rest.starts_with('(') { "" } else { "(" };
        let detail = match (function.syntax.is_empty(), function.doc.is_empty()) {
            (false, false) => format!("{}  {}", function.syntax, function.doc),
            _ => format!("{}{}", function.syntax, function.doc),
        };
        self.add(&function.name, &format!("{}{open}", function.name), &detail);
    }

    /// The values of a column; whether it has any.
    fn values(&mut self, column: &str) -> bool {
        let catalogue = self.catalogue;
        let values = catalogue.values(column);
        for value in values {
            match self.place.quote {
                Some(_) => self.quoted(value, ""),
                // A number stands without quotes, as the column `scene` does.
                None if value.parse::<i64>().is_ok() && column == "scene" => self.add(value, value, ""),
                None => self.add(value, &in_quotes(value), ""),
            }
        }
        !values.is_empty()
    }

    fn function(&self, name: &str) -> Option<&'a Function> {
        let name = name.trim_start_matches('\0');
        self.catalogue.functions().iter().find(|function| function.name.eq_ignore_ascii_case(name))
    }

    fn option_names(&mut self, function: &str) {
        let Some(function) = self.function(function) else {
            return;
        };
        for (name, meaning, _) in options(function, self.catalogue) {
            self.add(name, &format!("{name}: "), meaning);
        }
    }

    fn option_values(&mut self, function: &str, option: &str) {
        let found =
            self.function(function).map(|function| options(function, self.catalogue)).unwrap_or_default();
        if let Some((_, meaning, texts)) =
            found.into_iter().find(|(name, ..)| name.eq_ignore_ascii_case(option))
        {
            for text in &texts {
                match self.place.quote {
                    Some(_) => self.quoted(text, ""),
                    None => self.add(text, &in_quotes(text), ""),
                }
            }
            if meaning.contains("Boolean") || meaning.contains("true") {
                self.keywords(&["TRUE", "FALSE"]);
            }
            if texts.is_empty() && self.place.quote.is_none() {
                self.operands();
            }
        }
    }

    fn argument_texts(&mut self, function: &str) {
        let Some(function) = self.function(function) else {
            return;
        };
        for (_, meaning) in function.arguments.iter().filter(|(_, meaning)| !meaning.starts_with("Option")) {
            for text in texts(meaning) {
                self.quoted(text, "");
            }
        }
    }

    /// A name of a column or table, in quotes where it needs some.
    fn name(&mut self, name: &str, detail: &str) {
        match self.place.quote {
            Some(quote) => self.close(name, quote, detail),
            None => self.add(name, &identifier(name), detail),
        }
    }

    /// A text inside the single quotes that are open.
    fn quoted(&mut self, value: &str, detail: &str) {
        self.close(value, '\'', detail);
    }

    fn close(&mut self, value: &str, quote: char, detail: &str) {
        let doubled = format!("{quote}{quote}");
        let inner = value.replace(quote, &doubled);
        // A folder goes on.
        let end = if value.ends_with('/') || self.rest.starts_with(quote) {
            String::new()
        } else {
            quote.to_string()
        };
        self.add(value, &format!("{quote}{inner}{end}"), detail);
    }
}

fn in_quotes(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The name as SQL wants it: unquoted names are read in small letters.
fn identifier(name: &str) -> String {
    let first = name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
    let is_plain = first
        && name.chars().all(|c| (c.is_alphanumeric() && !c.is_uppercase()) || c == '_')
        && !words::RESERVED.contains(&name.to_ascii_uppercase().as_str());
    if is_plain { name.to_string() } else { quoted(name) }
}

/// How well a name fits what was typed: the same, begins so, a part begins so, holds it; `None` if not at all.
pub(super) fn rank(name: &str, typed: &str) -> Option<u8> {
    if typed.is_empty() {
        return Some(1);
    }
    let (name, typed) = (name.to_lowercase(), typed.to_lowercase());
    if name == typed {
        return Some(0);
    }
    if name.starts_with(&typed) {
        return Some(1);
    }
    let at = name.find(&typed)?;
    let is_part = name[..at].ends_with(|c: char| !c.is_alphanumeric());
    match (is_part, typed.chars().count()) {
        (true, _) => Some(2),
        (false, 3..) => Some(3),
        (false, _) => None,
    }
}
