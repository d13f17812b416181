//! Which relations can the words at the cursor come from, and what are their columns?

use std::collections::HashMap;

use datafusion::sql::sqlparser::tokenizer::Token;

use super::vocabulary::RESERVED;
use super::{Catalogue, Item};
use crate::repl::lex::{Lexed, Words, is_word, says_something};

/// The relations of the query around the cursor, the innermost first.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub(super) relations: Vec<Relation>,
    /// Names of the common table expressions that may stand in FROM.
    pub(super) ctes: Vec<String>,
    /// Whether the select list, the FROM clause and so on belong to a query at all.
    pub(super) has_from: bool,
    /// Whether the query's keywords are written in small letters.
    pub(super) small_letters: bool,
}

/// Something in FROM.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    /// Alias, else the last part of the name.
    pub(super) name: String,
    pub(super) columns: Vec<Item>,
}

/// Keeps the tokens of the statement in which the text ends.
pub(super) fn current_statement(words: &mut Words) {
    if let Some(at) = words.all.iter().rposition(|word| word.token == Token::SemiColon) {
        words.all.drain(..=at);
    }
}

impl Scope {
    /// The first `cut` words of `head` stand before the cursor; `tail` is what stands behind it.
    pub(super) fn of(head: &Words, tail: &Words, cut: usize, catalogue: &dyn Catalogue) -> Self {
        let mut tokens: Vec<&Token> =
            head.all.iter().map(|word| &word.token).filter(|token| says_something(token)).take(cut).collect();
        let small_letters = letters(&tokens);
        let cursor = tokens.len();
        let is_end = |word: &&Lexed| word.token != Token::SemiColon;
        tokens.extend(
            tail.all.iter().take_while(is_end).map(|word| &word.token).filter(|token| says_something(token)),
        );
        let reader = Reader { tokens: &tokens, catalogue };
        let mut scope = Self { small_letters, ..Self::default() };
        let mut known: HashMap<String, Vec<Item>> = HashMap::new();
        let mut groups = reader.groups(cursor);
        // Outermost first, because an outer WITH is seen inside.
        for group in &groups {
            reader.read_ctes(group.clone(), cursor, &mut known, &mut scope.ctes);
        }
        groups.reverse();
        for group in groups {
            let part = reader.part(group.clone(), cursor);
            let found = match reader.form(&group) {
                Some(first) => reader.relation(first, group.end, &known).map(|(relation, _)| vec![relation]),
                None => reader.is_query(&part).then(|| reader.relations(part.clone(), &known)),
            };
            let Some(found) = found else {
                continue;
            };
            scope.has_from |= !found.is_empty();
            scope.relations.extend(found);
            // A subquery in FROM or in WITH does not see the query around it.
            let opened_by = group.start.checked_sub(2).map(|at| tokens[at]);
            let is_closed = opened_by.is_none_or(|token| {
                *token == Token::Comma
                    || ["AS", "FROM", "JOIN", "MATERIALIZED"].iter().any(|word| is_word(token, word))
            });
            if is_closed || reader.form(&group).is_some() {
                break;
            }
        }
        scope
    }
}

/// Whether the keywords so far are in small letters; without any, capital ones are the custom.
fn letters(tokens: &[&Token]) -> bool {
    let mut words = tokens.iter().filter_map(|token| match token {
        Token::Word(word) if RESERVED.contains(&word.value.to_ascii_uppercase().as_str()) => {
            Some(&word.value)
        }
        _ => None,
    });
    words.next().is_some_and(|word| word.chars().all(|c| !c.is_uppercase()))
}

type Range = std::ops::Range<usize>;

struct Reader<'a> {
    tokens: &'a [&'a Token],
    catalogue: &'a dyn Catalogue,
}

impl Reader<'_> {
    /// The statement and the brackets around the cursor, outermost first; a range leaves out the brackets themselves.
    fn groups(&self, cursor: usize) -> Vec<Range> {
        let mut groups: Vec<Range> = Vec::from([Range { start: 0, end: self.tokens.len() }]);
        let mut open: Vec<usize> = Vec::new();
        for (at, token) in self.tokens[..cursor].iter().enumerate() {
            match token {
                Token::LParen => open.push(at),
                Token::RParen => drop(open.pop()),
                _ => {}
            }
        }
        groups.extend(open.into_iter().map(|at| at + 1..self.close(at)));
        groups
    }

    /// The place of the bracket that closes the one at `open`; the end where there is none.
    fn close(&self, open: usize) -> usize {
        let mut depth = 0;
        for (at, token) in self.tokens.iter().enumerate().skip(open) {
            match token {
                Token::LParen => depth += 1,
                Token::RParen => {
                    depth -= 1;
                    if depth == 0 {
                        return at;
                    }
                }
                _ => {}
            }
        }
        self.tokens.len()
    }

    /// The places in `range` that are in no inner bracket.
    fn flat(&self, range: Range) -> Vec<usize> {
        let mut depth = 0_usize;
        let mut places = Vec::new();
        for at in range {
            match self.tokens[at] {
                Token::LParen | Token::LBrace | Token::LBracket => {
                    if depth == 0 {
                        places.push(at);
                    }
                    depth += 1;
                }
                Token::RParen | Token::RBrace | Token::RBracket => depth = depth.saturating_sub(1),
                _ if depth == 0 => places.push(at),
                _ => {}
            }
        }
        places
    }

    fn is(&self, at: usize, words: &[&str]) -> bool {
        self.tokens.get(at).is_some_and(|token| words.iter().any(|word| is_word(token, word)))
    }

    /// The SELECT of a UNION in which the cursor stands.
    fn part(&self, group: Range, cursor: usize) -> Range {
        let mut part = group.clone();
        for at in self.flat(group) {
            if self.is(at, &["UNION", "EXCEPT", "INTERSECT"]) {
                if at < cursor {
                    part.start = at + 1;
                } else {
                    part.end = at;
                    break;
                }
            }
        }
        part
    }

    fn is_query(&self, part: &Range) -> bool {
        part.start == 0 || self.flat(part.clone()).into_iter().any(|at| self.is(at, &["SELECT", "FROM"]))
    }

    /// Where the first argument of a table form begins, if the group is the brackets of one.
    fn form(&self, group: &Range) -> Option<usize> {
        let name = match self.tokens.get(group.start.checked_sub(2)?)? {
            Token::Word(word) => &word.value,
            _ => return None,
        };
        let is_form = |name: &str| {
            self.catalogue
                .functions()
                .iter()
                .any(|function| function.is_relation && function.name.eq_ignore_ascii_case(name))
        };
        let follows = group
            .start
            .checked_sub(3)
            .is_some_and(|at| *self.tokens[at] == Token::Comma || self.is(at, &["FROM", "JOIN", "LATERAL"]));
        (follows && is_form(name)).then_some(group.start)
    }

    /// Reads the WITH at the head of a group, as far as it stands before the cursor.
    fn read_ctes(
        &self,
        group: Range,
        cursor: usize,
        known: &mut HashMap<String, Vec<Item>>,
        names: &mut Vec<String>,
    ) {
        let places = self.flat(group.clone());
        let Some(with) = places.iter().copied().find(|at| self.is(*at, &["WITH"])) else {
            return;
        };
        let mut at = with + 1;
        if self.is(at, &["RECURSIVE"]) {
            at += 1;
        }
        while at < group.end {
            let Some(Token::Word(word)) = self.tokens.get(at) else {
                return;
            };
            let name = word.value.clone();
            at += 1;
            let mut given: Vec<String> = Vec::new();
            if self.tokens.get(at) == Some(&&Token::LParen) {
                let close = self.close(at);
                given = self.tokens[at + 1..close]
                    .iter()
                    .filter_map(|token| match token {
                        Token::Word(word) => Some(word.value.clone()),
                        _ => None,
                    })
                    .collect();
                at = close + 1;
            }
            if !self.is(at, &["AS"]) {
                return;
            }
            at += 1;
            while self.is(at, &["NOT", "MATERIALIZED"]) {
                at += 1;
            }
            if self.tokens.get(at) != Some(&&Token::LParen) {
                return;
            }
            let close = self.close(at);
            // Inside its own body a name does not exist yet.
            let is_inside = (at + 1..=close).contains(&cursor);
            if !is_inside {
                let mut columns = self.output(at + 1..close, known);
                for (column, name) in columns.iter_mut().zip(&given) {
                    column.name.clone_from(name);
                }
                known.insert(name.to_lowercase(), columns);
                names.push(name);
            }
            at = close + 1;
            if is_inside || self.tokens.get(at) != Some(&&Token::Comma) {
                return;
            }
            at += 1;
        }
    }

    /// The relations of a query's FROM clause.
    fn relations(&self, part: Range, known: &HashMap<String, Vec<Item>>) -> Vec<Relation> {
        let mut found = Vec::new();
        let mut in_from = false;
        let mut skip_to = part.start;
        for at in self.flat(part.clone()) {
            if at < skip_to {
                continue;
            }
            let ends = ["WHERE", "GROUP", "ORDER", "HAVING", "QUALIFY", "LIMIT", "SELECT", "WINDOW"];
            if self.is(at, &["FROM", "JOIN"]) {
                in_from = true;
            } else if self.is(at, &ends) {
                in_from = false;
                continue;
            } else if !(in_from && *self.tokens[at] == Token::Comma) {
                continue;
            }
            if let Some((relation, end)) = self.relation(at + 1, part.end, known) {
                found.push(relation);
                skip_to = end;
            }
        }
        found
    }

    /// One relation with its alias, and where it ends.
    fn relation(
        &self,
        start: usize,
        end: usize,
        known: &HashMap<String, Vec<Item>>,
    ) -> Option<(Relation, usize)> {
        let mut at = start;
        if self.is(at, &["LATERAL"]) {
            at += 1;
        }
        let (name, columns) = match self.tokens.get(at).filter(|_| at < end)? {
            Token::LParen => {
                let close = self.close(at);
                let columns = self.output(at + 1..close, known);
                at = close + 1;
                (String::new(), columns)
            }
            Token::SingleQuotedString(file) => {
                at += 1;
                (file.clone(), self.columns(file, known))
            }
            Token::Word(word) if !is_reserved(&word.value, word.quote_style) => {
                let mut name = word.value.clone();
                at += 1;
                while self.tokens.get(at) == Some(&&Token::Period)
                    && let Some(Token::Word(word)) = self.tokens.get(at + 1)
                {
                    name = format!("{name}.{}", word.value);
                    at += 2;
                }
                if self.tokens.get(at) == Some(&&Token::LParen) {
                    // What a form gives is in its documentation, not here.
                    at = self.close(at) + 1;
                    (name, Vec::new())
                } else {
                    let columns = self.columns(&name, known);
                    (name, columns)
                }
            }
            _ => return None,
        };
        let mut relation =
            Relation { name: name.rsplit('.').next().unwrap_or_default().to_string(), columns };
        if self.is(at, &["AS"]) {
            at += 1;
        }
        if at < end
            && let Some(Token::Word(word)) = self.tokens.get(at)
            && !is_reserved(&word.value, word.quote_style)
        {
            relation.name.clone_from(&word.value);
            at += 1;
            if self.tokens.get(at) == Some(&&Token::LParen) {
                let close = self.close(at);
                let names = self.tokens[at + 1..close].iter().filter_map(|token| match token {
                    Token::Word(word) => Some(word.value.as_str()),
                    _ => None,
                });
                relation.columns = names.map(|name| Item::new(name, "")).collect();
                at = close + 1;
            }
        }
        Some((relation, at))
    }

    fn columns(&self, name: &str, known: &HashMap<String, Vec<Item>>) -> Vec<Item> {
        if let Some(columns) = known.get(&name.to_lowercase()) {
            return columns.clone();
        }
        let tables = self.catalogue.tables();
        let exact = tables.iter().find(|table| table.name.eq_ignore_ascii_case(name));
        let last = || tables.iter().find(|table| Some(table.name.as_str()) == name.rsplit('.').next());
        exact.or_else(last).map(|table| table.columns.clone()).unwrap_or_default()
    }

    /// The columns that a query gives.
    fn output(&self, range: Range, known: &HashMap<String, Vec<Item>>) -> Vec<Item> {
        let mut inner = known.clone();
        self.read_ctes(range.clone(), usize::MAX, &mut inner, &mut Vec::new());
        let part = self.part(range.clone(), range.start);
        let flat = self.flat(part.clone());
        let select = flat.iter().copied().find(|at| self.is(*at, &["SELECT"]));
        let relations = || self.relations(part.clone(), &inner);
        let Some(select) = select else {
            // FROM alone gives everything.
            return relations().into_iter().flat_map(|relation| relation.columns).collect();
        };
        let stop = flat
            .iter()
            .copied()
            .find(|at| *at > select && self.is(*at, &["FROM", "WHERE", "GROUP", "ORDER", "LIMIT"]));
        let list: Vec<usize> =
            flat.into_iter().filter(|at| *at > select && *at < stop.unwrap_or(part.end)).collect();
        let mut columns = Vec::new();
        for item in list.split(|at| *self.tokens[*at] == Token::Comma) {
            let Some(last) = item.last() else {
                continue;
            };
            match self.tokens[*last] {
                Token::Mul => match item.get(item.len().wrapping_sub(3)).map(|at| self.tokens[*at]) {
                    Some(Token::Word(word)) => {
                        let of = relations().into_iter().filter(|relation| relation.name == word.value);
                        columns.extend(of.flat_map(|relation| relation.columns));
                    }
                    _ => columns.extend(relations().into_iter().flat_map(|relation| relation.columns)),
                },
                Token::Word(word) if !is_reserved(&word.value, word.quote_style) => {
                    let known = relations().into_iter().flat_map(|relation| relation.columns);
                    let detail =
                        known.filter(|column| column.name == word.value).map(|column| column.detail).next();
                    columns.push(Item::new(&word.value, detail.unwrap_or_default()));
                }
                // A call without an alias has its own name, which nobody types.
                _ => {}
            }
        }
        columns
    }
}

fn is_reserved(word: &str, quote: Option<char>) -> bool {
    quote.is_none() && RESERVED.contains(&word.to_ascii_uppercase().as_str())
}
