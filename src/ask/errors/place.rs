//! Where in a statement is what an error is about?
//!
//! The engine knows the place of columns and tables. Other things are looked for among the statement's words, and a place is
//! given only where there is no second one like it: a wrong place is worse than none.

use datafusion::common::Span;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use crate::ask::script::Source;

/// The lines of a statement are counted from 1, those of the first value in it from here, those of the second from twice as
/// much: so the engine's spans tell the text that they are of.
pub(in crate::ask) const PAGE: u64 = 1 << 32;

/// How to find the words in question.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// The engine knows.
    Span(Span),
    /// A name, with or without the names before it.
    Name(String),
    /// The last time that a name stands for itself, such as behind AS.
    Alias(String),
    /// A text in single quotes, or a number.
    Literal(String),
    /// A character of a text in single quotes, counted from 1.
    Inside(String, u64),
    /// `$name`.
    Parameter(String),
    /// The name of a function.
    Call(String),
    /// An argument of a function, counted from 1.
    Argument(String, usize),
    /// The name of an option of a function.
    Option(String, String),
    Keyword(String),
    /// What stands behind a keyword.
    After(&'static str),
    /// The sign of a division.
    Division,
    /// A query in brackets.
    Subquery,
}

impl Place {
    /// The text that the engine says it is in: 0 is the statement, then its values.
    pub(super) fn page(&self) -> Option<u64> {
        match self {
            Self::Span(span) => Some(span.start.line / PAGE),
            _ => None,
        }
    }

    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            _ => None,
        }
    }
}

/// A stretch of one line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    /// 1-based.
    pub(super) line: u64,
    /// 1-based, in characters; 0: only the line is known.
    pub(super) column: u64,
    pub(super) width: usize,
}

/// The words and signs of a statement, or of a value in it.
pub(super) struct Words {
    tokens: Vec<TokenWithSpan>,
    page: u64,
}

impl Words {
    /// Those of the value of this page.
    pub(super) fn of_value(source: &Source, page: u64) -> Self {
        Self { page, ..Self::of(source, |_| true) }
    }

    /// Those whose place is `within` the statement; none of a text that is no SQL.
    pub(super) fn of(source: &Source, within: impl Fn(Location) -> bool) -> Self {
        let tokens = Tokenizer::new(&GenericDialect {}, &source.text).tokenize_with_location();
        let mut tokens = tokens.unwrap_or_default();
        tokens.retain(|token| {
            !matches!(token.token, Token::Whitespace(_) | Token::EOF) && within(token.span.start)
        });
        Self { tokens, page: 0 }
    }

    pub(super) fn tokens(&self) -> &[TokenWithSpan] {
        &self.tokens
    }

    pub(super) fn find(&self, place: &Place) -> Option<Found> {
        match place {
            Place::Span(span) => {
                let line =
                    |line: u64| line.checked_sub(self.page * PAGE).filter(|line| (1..PAGE).contains(line));
                let (first, last) = (line(span.start.line)?, line(span.end.line)?);
                Some(Found::between((first, span.start.column), (last, span.end.column)))
            }
            Place::Name(name) => self.only(|at| {
                let (written, last) = self.name_at(at)?;
                is_name(&written, name).then_some(last)
            }),
            Place::Alias(name) => {
                let stands = |at: &usize| {
                    self.is_word(*at, name)
                        && !self.is_sign(at + 1, &Token::Period)
                        && !(*at > 0 && self.is_sign(at - 1, &Token::Period))
                };
                (0..self.tokens.len()).rev().find(stands).map(|at| self.stretch(at, at))
            }
            Place::Literal(text) => self.only(|at| self.is_literal(at, text).then_some(at)),
            Place::Inside(text, character) => {
                let found = self.only(|at| self.is_literal(at, text).then_some(at))?;
                Some(Found { column: found.column + character, width: 1, ..found })
            }
            Place::Parameter(name) => {
                let first = (0..self.tokens.len()).find(|at| self.is_parameter(*at, name))?;
                Some(self.stretch(first, first))
            }
            Place::Call(name) => self.only(|at| self.is_call(at, name).then_some(at)),
            Place::Argument(name, number) => {
                let (first, last) = *self.arguments(name)?.get(number.checked_sub(1)?)?;
                Some(self.stretch(first, last))
            }
            Place::Option(name, option) => {
                let arguments = self.arguments(name)?;
                let (first, last) = (arguments.first()?.0, arguments.last()?.1);
                self.only(|at| {
                    let is_it = self.is_word(at, option) || self.is_literal(at, option);
                    (is_it && (first..=last).contains(&at)).then_some(at)
                })
            }
            Place::Keyword(word) => self.only(|at| self.is_word(at, word).then_some(at)),
            Place::After(word) => {
                let mut behind = (0..self.tokens.len()).filter(|at| self.is_word(*at, word)).map(|at| at + 1);
                let first = behind.next().filter(|at| *at < self.tokens.len())?;
                let is_negative = self.is_sign(first, &Token::Minus) && first + 1 < self.tokens.len();
                behind.next().is_none().then(|| self.stretch(first, first + usize::from(is_negative)))
            }
            Place::Division => {
                self.only(|at| (self.is_sign(at, &Token::Div) || self.is_sign(at, &Token::Mod)).then_some(at))
            }
            Place::Subquery => self.only(|at| {
                let is_query = self.is_word(at, "select") || self.is_word(at, "with");
                (is_query && at > 0 && self.is_sign(at - 1, &Token::LParen)).then_some(at)
            }),
        }
    }

    /// Whether what was found stands in double quotes.
    pub(super) fn is_quoted(&self, found: &Found) -> bool {
        self.tokens.iter().any(|token| {
            (token.span.start.line, token.span.start.column) == (found.line, found.column)
                && matches!(&token.token, Token::Word(word) if word.quote_style == Some('"'))
        })
    }

    /// The one stretch that begins at some token and ends at the one that `last` gives for it.
    fn only(&self, last: impl Fn(usize) -> Option<usize>) -> Option<Found> {
        let mut all = (0..self.tokens.len()).filter_map(|at| Some((at, last(at)?)));
        let (first, end) = all.next()?;
        all.next().is_none().then(|| self.stretch(first, end))
    }

    pub(super) fn stretch(&self, first: usize, last: usize) -> Found {
        let (begin, end) = (self.tokens[first].span.start, self.tokens[last].span.end);
        Found::between((begin.line, begin.column), (end.line, end.column))
    }

    fn word(&self, at: usize) -> Option<&str> {
        match &self.tokens.get(at)?.token {
            Token::Word(word) => Some(&word.value),
            _ => None,
        }
    }

    pub(super) fn is_word(&self, at: usize, word: &str) -> bool {
        self.word(at).is_some_and(|found| found.eq_ignore_ascii_case(word))
    }

    pub(super) fn is_sign(&self, at: usize, sign: &Token) -> bool {
        self.tokens.get(at).is_some_and(|token| token.token == *sign)
    }

    fn is_literal(&self, at: usize, text: &str) -> bool {
        match self.tokens.get(at).map(|token| &token.token) {
            Some(Token::SingleQuotedString(found)) => found == text,
            Some(Token::Number(found, _)) => found == text,
            _ => false,
        }
    }

    fn is_parameter(&self, at: usize, name: &str) -> bool {
        match &self.tokens[at].token {
            Token::Placeholder(text) => text.strip_prefix('$') == Some(name),
            _ => false,
        }
    }

    fn is_call(&self, at: usize, name: &str) -> bool {
        self.is_word(at, name) && self.is_sign(at + 1, &Token::LParen)
    }

    /// The dotted name that begins at a word, and where its last word stands.
    fn name_at(&self, at: usize) -> Option<(Vec<&str>, usize)> {
        if at > 0 && self.is_sign(at - 1, &Token::Period) {
            return None;
        }
        let mut parts = vec![self.word(at)?];
        let mut last = at;
        while self.is_sign(last + 1, &Token::Period)
            && let Some(part) = self.word(last + 2)
        {
            parts.push(part);
            last += 2;
        }
        Some((parts, last))
    }

    /// First and last token of each argument of the only call of a function.
    fn arguments(&self, name: &str) -> Option<Vec<(usize, usize)>> {
        let mut calls = (0..self.tokens.len()).filter(|at| self.is_call(*at, name));
        let call = calls.next()?;
        if calls.next().is_some() {
            return None;
        }
        let mut arguments = Vec::new();
        let mut depth = 0_usize;
        let mut first = call + 2;
        for at in call + 2..self.tokens.len() {
            let ends = match &self.tokens[at].token {
                Token::LParen | Token::LBracket | Token::LBrace => {
                    depth += 1;
                    false
                }
                Token::RParen | Token::RBracket | Token::RBrace if depth > 0 => {
                    depth -= 1;
                    false
                }
                Token::RParen | Token::Comma => depth == 0,
                _ => false,
            };
            if !ends {
                continue;
            }
            if at > first {
                arguments.push((first, at - 1));
            }
            if self.is_sign(at, &Token::RParen) {
                return Some(arguments);
            }
            first = at + 1;
        }
        None
    }
}

/// Whether a dotted name as it is written is the one that an error speaks of, which may leave out what stands before it.
fn is_name(written: &[&str], name: &str) -> bool {
    let whole = written.join(".");
    let is = |name: &str| whole.eq_ignore_ascii_case(name);
    is(name)
        || name.rsplit('.').next().is_some_and(is)
        || written.last().is_some_and(|last| last.eq_ignore_ascii_case(name))
}

impl Found {
    pub(super) fn at_most(self, width: usize) -> Self {
        Self { width: self.width.min(width), ..self }
    }

    fn between(begin: (u64, u64), end: (u64, u64)) -> Self {
        let same_line = begin.0 == end.0 && end.1 > begin.1;
        let width = if same_line { usize::try_from(end.1 - begin.1).unwrap_or(1) } else { 1 };
        Self { line: begin.0, column: begin.1, width }
    }
}
