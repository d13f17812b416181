//! What the parser says, its place, and the slip that is behind it most often.

use std::ops::Range;

use datafusion::common::DataFusionError;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::explain::{Explained, raw};
use super::place::{Found, Words};
use super::{Located, Source};
use crate::error::nearest;

/// Words that are misspelt where the parser expects something else.
const CLAUSES: [&str; 30] = [
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP",
    "HAVING",
    "ORDER",
    "LIMIT",
    "OFFSET",
    "QUALIFY",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    "JOIN",
    "INNER",
    "LEFT",
    "RIGHT",
    "LIKE",
    "BETWEEN",
    "NULL",
    "VALUES",
    "WITH",
    "DESC",
    "INTERVAL",
    "EXPLAIN",
    "ANALYZE",
    "DESCRIBE",
    "CREATE",
    "INSERT",
    "UPDATE",
    "DELETE",
];

/// A syntax error with its place in `source`; `number` is that of the statement, 0 where the text could not be split.
pub(in crate::ask) fn syntax(error: &DataFusionError, source: &Source, number: usize) -> DataFusionError {
    let (message, place) = match find_parser_error(error) {
        Some(parser) => parser_message(parser),
        None => (raw(error), None),
    };
    let is_placed = place.is_some();
    let (line, column) = place.filter(|(line, _)| *line > 0).unwrap_or_else(|| source.end());
    let words = Words::of(source, |_| true);
    let at = words
        .tokens()
        .iter()
        .position(|token| (token.span.start.line, token.span.start.column) >= (line, column));
    let at = at.unwrap_or(words.tokens().len());
    let mut found = match words.tokens().get(at) {
        Some(token) if (token.span.start.line, token.span.start.column) == (line, column) => {
            words.stretch(at, at)
        }
        _ => Found { line, column, width: 1 },
    };
    let mut explained = Explained::new(said(&message));
    if let Some(slip) = slip(&words, at, &message, is_placed) {
        if let Some(message) = slip.message {
            explained.message = format!("syntax error: {message}");
        }
        explained.help = Some(slip.help);
        if let Some(token) = slip.token {
            found = words.stretch(token, token);
        }
    } else if let Some(help) = unclosed(&message) {
        explained.help = Some(help.to_string());
    }
    DataFusionError::External(Box::new(Located::new(explained, source, number, &found)))
}

fn find_parser_error(error: &DataFusionError) -> Option<&ParserError> {
    match error {
        DataFusionError::SQL(parser, _) => Some(parser),
        DataFusionError::Diagnostic(_, inner) | DataFusionError::Context(_, inner) => {
            find_parser_error(inner)
        }
        _ => None,
    }
}

/// The parser's message, and the place it puts at the message's end.
fn parser_message(error: &ParserError) -> (String, Option<(u64, u64)>) {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.as_str(),
        ParserError::RecursionLimitExceeded => {
            return ("the statement is nested too deeply".to_string(), None);
        }
    };
    let place = text.rsplit_once(" at Line: ").and_then(|(message, place)| {
        let (line, column) = place.split_once(", Column: ")?;
        Some((message, (line.trim().parse().ok()?, column.trim().parse().ok()?)))
    });
    match place {
        Some((message, place)) => (message.to_string(), Some(place)),
        None => (text.to_string(), None),
    }
}

/// `Expected: ), found: from` as "expected ')', found 'from'".
fn said(message: &str) -> String {
    let Some((expected, found)) =
        message.strip_prefix("Expected: ").and_then(|message| message.split_once(", found: "))
    else {
        return format!("syntax error: {}", in_plain_words(message));
    };
    let is_sign = expected.chars().all(|c| !c.is_alphanumeric());
    let expected = match expected {
        "identifier" => "a name".to_string(),
        sign if is_sign && !sign.contains('\'') => format!("'{sign}'"),
        other => other.to_string(),
    };
    let found = match found.trim() {
        "EOF" => "the end".to_string(),
        "" => "a blank".to_string(),
        other => format!("'{other}'"),
    };
    format!("syntax error: expected {expected}, found {found}")
}

fn in_plain_words(message: &str) -> String {
    match message {
        "Unterminated string literal" => "the text in quotes is not closed".to_string(),
        "Expected close delimiter '\"' before EOF." => "the name in double quotes is not closed".to_string(),
        "Unexpected EOF while in a multi-line comment" => "the comment is not closed".to_string(),
        other => {
            let mut rest = other.chars();
            rest.next().map(|first| first.to_lowercase().chain(rest).collect()).unwrap_or_default()
        }
    }
}

fn unclosed(message: &str) -> Option<&'static str> {
    match message {
        "Unterminated string literal" => Some("a quote within a text is written twice: 'it''s'"),
        "Expected close delimiter '\"' before EOF." => Some("a name ends with the quote it begins with"),
        "Unexpected EOF while in a multi-line comment" => Some("/* begins a comment, */ ends it"),
        _ => None,
    }
}

/// What probably was the slip.
struct Slip {
    /// Instead of the parser's.
    message: Option<String>,
    help: String,
    /// Where it is, if it is not where the parser stopped.
    token: Option<usize>,
}

impl Slip {
    fn new(help: impl Into<String>) -> Self {
        Self { message: None, help: help.into(), token: None }
    }

    fn at(self, token: usize) -> Self {
        Self { token: Some(token), ..self }
    }

    fn saying(self, message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), ..self }
    }
}

/// Looks at the words around the place where the parser stopped.
fn slip(words: &Words, at: usize, message: &str, is_placed: bool) -> Option<Slip> {
    // Some messages have no place; then any word may be the slip.
    let near = if is_placed { at.saturating_sub(1)..at + 1 } else { 0..words.tokens().len() };
    let tokens = words.tokens();
    let is_end = |token: usize| words.is_sign(token, &Token::SemiColon);
    let begin = (0..at.min(tokens.len())).rev().find(|token| is_end(*token)).map_or(0, |token| token + 1);
    let end = (at..tokens.len()).find(|token| is_end(*token)).unwrap_or(tokens.len());
    bracket(words, begin, end, at)
        .or_else(|| misspelt(words, near))
        .or_else(|| without_by(words, at))
        .or_else(|| comma(words, begin, at))
        .or_else(|| case(words, begin, end))
        .or_else(|| second_statement(words, at).filter(|_| message.contains("';' or the end")))
        .or_else(|| missing(words, begin, at, end).filter(|_| message.contains("found: EOF")))
}

/// A bracket that is never closed, or one that closes nothing.
fn bracket(words: &Words, begin: usize, end: usize, at: usize) -> Option<Slip> {
    let mut open: Vec<(usize, &str, &str)> = Vec::new();
    for (token, found) in words.tokens().iter().enumerate().take(end).skip(begin) {
        let closing = match &found.token {
            Token::LParen => {
                open.push((token, "(", ")"));
                continue;
            }
            Token::LBracket => {
                open.push((token, "[", "]"));
                continue;
            }
            Token::LBrace => {
                open.push((token, "{", "}"));
                continue;
            }
            Token::RParen => ")",
            Token::RBracket => "]",
            Token::RBrace => "}",
            _ => continue,
        };
        match open.pop() {
            Some((_, _, expected)) if expected == closing => {}
            Some((place, sign, _)) => {
                return Some(
                    Slip::new(format!("it ends with '{closing}'"))
                        .saying(format!("'{sign}' is not closed"))
                        .at(place),
                );
            }
            None if token == at => {
                let help = "take it out, or open a bracket before it";
                return Some(Slip::new(help).saying(format!("'{closing}' closes nothing")));
            }
            None => return None,
        }
    }
    // Behind a bracket that was never closed nothing is as the parser takes it.
    let (place, sign, closing) = open.into_iter().find(|(place, _, _)| *place < at)?;
    Some(Slip::new(format!("'{closing}' is missing")).saying(format!("'{sign}' is not closed")).at(place))
}

/// A word that is nearly a clause's, the last one first.
fn misspelt(words: &Words, near: Range<usize>) -> Option<Slip> {
    for token in near.rev() {
        let Some(Token::Word(word)) = words.tokens().get(token).map(|token| &token.token) else {
            continue;
        };
        // A keyword is spelt right.
        if word.quote_style.is_some() || word.keyword != Keyword::NoKeyword {
            continue;
        }
        if let Some(near) = nearest(&word.value, &CLAUSES) {
            return Some(Slip::new(format!("did you mean {near}?")).at(token));
        }
    }
    None
}

fn without_by(words: &Words, at: usize) -> Option<Slip> {
    ["GROUP", "ORDER", "PARTITION"]
        .into_iter()
        .find(|word| words.is_word(at, word) && !words.is_word(at + 1, "by"))
        .map(|word| Slip::new(format!("write {word} BY")))
}

/// One comma too many: before a clause, or behind another one.
fn comma(words: &Words, begin: usize, at: usize) -> Option<Slip> {
    const CLAUSES: [&str; 7] = ["FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "UNION"];
    let is_comma = |token: usize| words.is_sign(token, &Token::Comma);
    let before = |token: &usize| {
        is_comma(*token)
            && (is_comma(token + 1) || CLAUSES.iter().any(|clause| words.is_word(token + 1, clause)))
    };
    let token = (begin..at).rev().find(before)?;
    Some(Slip::new("one comma too many").at(token))
}

fn case(words: &Words, begin: usize, end: usize) -> Option<Slip> {
    let count = |word: &str| (begin..end).filter(|token| words.is_word(*token, word)).count();
    if count("case") > count("end") {
        Some(Slip::new("CASE WHEN … THEN … needs END"))
    } else if count("case") > count("when") {
        Some(Slip::new("CASE needs WHEN … THEN … before END"))
    } else {
        None
    }
}

fn second_statement(words: &Words, at: usize) -> Option<Slip> {
    let begins = ["SELECT", "INSERT", "CREATE", "DROP", "SET", "EXPLAIN"];
    let is_second = at > 0 && begins.iter().any(|word| words.is_word(at, word));
    is_second.then(|| Slip::new("a semicolon stands between two statements"))
}

/// The text ends in the middle.
fn missing(words: &Words, begin: usize, at: usize, end: usize) -> Option<Slip> {
    let last = at.checked_sub(1).filter(|last| at >= end && *last >= begin)?;
    let token = &words.tokens()[last].token;
    let said = match token {
        Token::Word(word) if word.quote_style.is_none() => word.value.to_uppercase(),
        other => format!("'{other}'"),
    };
    Some(Slip::new(format!("something is missing behind {said}")))
}
