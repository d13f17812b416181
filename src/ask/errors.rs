//! What went wrong, where, in words for the person who wrote the query.
//!
//! ```text
//! column 'usr' not found
//!   --> trend.sql:3:8, statement 2
//!    |
//!  3 | select usr from events
//!    |        ^^^
//! ```

use std::error::Error;
use std::fmt::{self, Display};

use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError, Span};
use datafusion::sql::sqlparser::parser::ParserError;
use unicode_width::UnicodeWidthStr;

use crate::ask::script::{Parsed, Source};

/// What was asked for cannot be asked: wrong parameters, reports that do not exist. The command line exits with 2.
#[derive(Debug)]
pub struct Usage(pub String);

impl Usage {
    pub(crate) fn error(message: impl Into<String>) -> DataFusionError {
        DataFusionError::External(Box::new(Self(message.into())))
    }
}

impl Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Usage {}

/// An error with its place in a text of SQL.
#[derive(Debug)]
pub struct Located {
    /// What is wrong, and what would be right.
    pub message: String,
    /// File, or what stands for one.
    pub source_name: String,
    /// 1-based.
    pub line: u64,
    /// 1-based, in characters; 0 where only the statement is known.
    pub column: u64,
    /// 1-based; 0 where the text is not split into statements.
    pub statement: usize,
    /// The line and the carets below it; empty where only the statement is known.
    snippet: String,
}

impl Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  --> {}:{}", self.message, self.source_name, self.line)?;
        if self.column > 0 {
            write!(f, ":{}", self.column)?;
        }
        if self.statement > 0 {
            write!(f, ", statement {}", self.statement)?;
        }
        f.write_str(&self.snippet)
    }
}

impl Error for Located {}

/// The message alone: no chain of wrappers, no prefix that names a stage of the engine, no backtrace.
pub fn plain(error: &DataFusionError) -> String {
    let text = match error {
        // Which rule or stage met the error says nothing to the person who wrote the query.
        DataFusionError::Context(what, inner) if is_stage(what) => return plain(inner),
        DataFusionError::Context(what, inner) => return format!("{what}: {}", plain(inner)),
        DataFusionError::Diagnostic(_, inner) => return plain(inner),
        DataFusionError::Shared(inner) => return plain(inner),
        DataFusionError::Collection(all) => {
            return all.iter().map(plain).collect::<Vec<_>>().join("\n");
        }
        DataFusionError::SQL(parser, _) => parser_message(parser).0,
        DataFusionError::SchemaError(schema, _) => schema.to_string(),
        DataFusionError::Plan(text)
        | DataFusionError::Execution(text)
        | DataFusionError::Configuration(text) => text.clone(),
        DataFusionError::NotImplemented(text) => format!("not supported: {text}"),
        DataFusionError::ResourcesExhausted(text) => format!("not enough memory: {text}"),
        DataFusionError::ArrowError(arrow, _) => match arrow.as_ref() {
            ArrowError::ExternalError(inner) => return chain(inner.as_ref()),
            other => other.to_string(),
        },
        DataFusionError::External(inner) => return chain(inner.as_ref()),
        DataFusionError::IoError(io) => chain(io),
        DataFusionError::ParquetError(parquet) => chain(parquet.as_ref()),
        DataFusionError::ObjectStore(store) => chain(store.as_ref()),
        other => other.to_string(),
    };
    let message = match text.split_once(DataFusionError::BACK_TRACE_SEP) {
        Some((message, _)) => message.to_string(),
        None => text,
    };
    // What the engine says around a function's own words about its arguments.
    let message = match message.split_once("user-defined coercion failed with: Error during planning: ") {
        Some((_, words)) => words
            .split_once(". No function matches the given name")
            .map_or(words, |(words, _)| words)
            .to_string(),
        None => message,
    };
    // Without OVER the planner looks for a scalar function of that name.
    match ["sessionize", "session_info"]
        .iter()
        .find(|name| message.contains(&format!("Invalid function '{name}'")))
    {
        Some(name) => {
            format!("{name} is a window function: write {name}(…) OVER (PARTITION BY user_id ORDER BY ts)")
        }
        None => message,
    }
}

fn is_stage(context: &str) -> bool {
    context.contains("rule") || context == "type_coercion" || context == "Check optimizer-specific invariants"
}

/// The error and its causes, each said once.
fn chain(error: &(dyn Error + 'static)) -> String {
    if let Some(inner) = error.downcast_ref::<DataFusionError>() {
        return plain(inner);
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = match error.downcast_ref::<DataFusionError>() {
            Some(inner) => plain(inner),
            None => error.to_string(),
        };
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

/// The error with its place in `source`: where the engine knows the words it is about, else the statement's start.
pub fn locate(error: &DataFusionError, source: &Source, statement: &Parsed) -> DataFusionError {
    match error {
        // About the command or the machine, not about a place in the text.
        DataFusionError::External(inner) if inner.is::<Usage>() => return Usage::error(plain(error)),
        DataFusionError::IoError(io) => {
            return DataFusionError::IoError(std::io::Error::new(io.kind(), plain(error)));
        }
        _ => {}
    }
    let span = error.diagnostic().and_then(|diagnostic| diagnostic.span);
    let (line, column, width) = match span {
        Some(span) => (span.start.line, span.start.column, span_width(&span)),
        None => (statement.line, 0, 0),
    };
    located(plain(error), source, statement.number, line, column, width)
}

/// A syntax error with its place in `source`.
pub(super) fn syntax(error: &DataFusionError, source: &Source, number: usize) -> DataFusionError {
    let (message, place) = match find_parser_error(error) {
        Some(parser) => parser_message(parser),
        None => (plain(error), None),
    };
    let (line, column) = place.unwrap_or_else(|| source.end());
    located(message, source, number, line, column, 1)
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
        Some((message, place)) => (format!("syntax error: {message}"), Some(place)),
        None => (format!("syntax error: {text}"), None),
    }
}

fn span_width(span: &Span) -> usize {
    let same_line = span.start.line == span.end.line && span.end.column > span.start.column;
    if same_line { (span.end.column - span.start.column) as usize } else { 1 }
}

fn located(
    message: String,
    source: &Source,
    statement: usize,
    line: u64,
    column: u64,
    width: usize,
) -> DataFusionError {
    let snippet = snippet(source, line, column, width).unwrap_or_default();
    DataFusionError::External(Box::new(Located {
        message,
        source_name: source.name.clone(),
        line,
        column,
        statement,
        snippet,
    }))
}

/// The line in question with carets under the words in question.
fn snippet(source: &Source, line: u64, column: u64, width: usize) -> Option<String> {
    let column = usize::try_from(column).ok()?.checked_sub(1)?;
    let text = source.text.lines().nth(usize::try_from(line).ok()?.checked_sub(1)?)?;
    let expand = |part: &str| part.replace('\t', "    ");
    let before = expand(&text.chars().take(column).collect::<String>());
    let marked = expand(&text.chars().skip(column).take(width).collect::<String>());
    let number = line.to_string();
    let margin = " ".repeat(number.len());
    Some(format!(
        "\n {margin} |\n {number} | {}\n {margin} | {}{}",
        expand(text),
        " ".repeat(before.width()),
        "^".repeat(marked.width().max(1)),
    ))
}
