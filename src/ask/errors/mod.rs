//! What went wrong, where, and what would be right, in words for the person who wrote the query.
//!
//! ```text
//! column 'usr_id' not found
//!   --> trend.sql:3:8, statement 2
//!    |
//!  3 | select usr_id from events
//!    |        ^^^^^^
//!   help: did you mean 'user_id'?
//! ```
//!
//! ```text
//! error ─▶ explain: by its variant ─▶ names: columns, tables, functions, settings
//!             │                     ─▶ arrow: values that do not fit
//!             └─ else by its text   ─▶ calls: arguments of the wrong type ─▶ texts: one table of all other sentences
//! ─▶ own: what our functions say ─▶ place: where it stands ─▶ Located
//! ```

mod arrow;
mod calls;
mod explain;
mod json_fields;
mod names;
mod own;
mod place;
mod properties;
mod syntax;
mod texts;
mod types;

use std::error::Error;
use std::fmt::{self, Display};

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DataFusionError;
use datafusion::prelude::SessionContext;
use unicode_width::UnicodeWidthStr;

use crate::ask::script::{Parsed, Source};
use explain::{Explained, explain, is_stage};
use names::Known;
use place::{Found, Place, Words};

pub(super) use place::PAGE;
pub(super) use syntax::syntax;

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
    /// What is wrong.
    pub message: String,
    /// What would be right, where that is known.
    pub help: Option<String>,
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
    /// Whether it is an error of usage, see [`Usage`].
    is_usage: bool,
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
        f.write_str(&self.snippet)?;
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

impl Error for Located {}

/// The message alone: no chain of wrappers, no prefix that names a stage of the engine, no backtrace.
pub fn plain(error: &DataFusionError) -> String {
    match error {
        DataFusionError::Context(what, inner) if !is_stage(what) && told(inner).is_some() => {
            format!("{what}: {}", plain(inner))
        }
        _ => match told(error) {
            Some(text) => text,
            None => explain(error, &Known::default()).line(),
        },
    }
}

/// The message and its help without a place, for where the text is none that the person wrote.
#[cfg(feature = "store")]
pub(crate) fn sentence(error: &DataFusionError) -> String {
    let located = match error {
        DataFusionError::External(inner) => inner.downcast_ref::<Located>(),
        _ => None,
    };
    match located {
        Some(Located { message, help: Some(help), .. }) => format!("{message}; {help}"),
        Some(located) => located.message.clone(),
        None => plain(error),
    }
}

/// A type as errors name it.
pub(super) fn type_in_words(data_type: &DataType) -> String {
    types::in_words(&data_type.to_string())
}

/// The text of an error that is in our words already.
fn told(error: &DataFusionError) -> Option<String> {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => told(inner),
        DataFusionError::Shared(inner) => told(inner),
        DataFusionError::External(inner) if inner.is::<Usage>() || inner.is::<Located>() => {
            Some(inner.to_string())
        }
        _ => None,
    }
}

/// Whether the command was given wrongly, so that nothing ran.
pub fn is_usage(error: &DataFusionError) -> bool {
    match error {
        DataFusionError::External(inner) => {
            inner.is::<Usage>() || inner.downcast_ref::<Located>().is_some_and(|located| located.is_usage)
        }
        _ => false,
    }
}

/// The error with its place in `source`, where a statement that was planned failed while it ran.
pub fn locate(error: &DataFusionError, source: &Source, statement: &Parsed) -> DataFusionError {
    located_among(error, source, statement, &[], &Known::default())
}

/// As [`locate`], or with its place in one of the expressions that are values of the statement's parameters.
pub(super) fn locate_with(
    values: &[Value<'_>],
    error: &DataFusionError,
    source: &Source,
    statement: &Parsed,
) -> DataFusionError {
    located_among(error, source, statement, values, &Known::default())
}

/// As [`locate_with`], of a statement that could not be planned: the names that it could have meant are those of the session.
pub(super) fn locate_in(
    context: &SessionContext,
    values: &[Value<'_>],
    error: &DataFusionError,
    source: &Source,
    statement: &Parsed,
) -> DataFusionError {
    located_among(error, source, statement, values, &Known::of(context, statement))
}

/// An expression that is the value of a parameter.
pub(super) struct Value<'a> {
    parameter: &'a str,
    source: Source,
}

impl<'a> Value<'a> {
    pub(super) fn new(parameter: &'a str, text: &str) -> Self {
        Self { parameter, source: Source::new(format!("<{parameter}>"), text) }
    }
}

/// A value that is no expression: `error` is the parser's; `accepted` is said where nothing better is known.
pub(super) fn syntax_of(value: &Value<'_>, error: &DataFusionError, accepted: &str) -> DataFusionError {
    match syntax(error, &value.source, 0) {
        DataFusionError::External(inner) => match inner.downcast::<Located>() {
            Ok(located) => {
                let located = *located;
                DataFusionError::External(Box::new(Located {
                    message: format!("parameter {}: {}", value.parameter, located.message),
                    help: Some(located.help.unwrap_or_else(|| format!("accepted is {accepted}"))),
                    is_usage: true,
                    ..located
                }))
            }
            Err(inner) => DataFusionError::External(inner),
        },
        other => other,
    }
}

fn located_among(
    error: &DataFusionError,
    source: &Source,
    statement: &Parsed,
    values: &[Value<'_>],
    known: &Known,
) -> DataFusionError {
    match error {
        // About the command or the machine, not about a place in the text.
        DataFusionError::External(inner) if inner.is::<Usage>() => return Usage::error(plain(error)),
        DataFusionError::IoError(io) => {
            return DataFusionError::IoError(std::io::Error::new(io.kind(), plain(error)));
        }
        _ => {}
    }
    let mut explained = explain(error, known);
    own::polish(&mut explained);
    let words = Words::of(source, |place| statement.holds(place));
    let mut explained = json_fields::told(explained, &words);
    let found = first(&explained.places, &words);
    // Where the engine knows that it is a value, it is this one; else the statement comes first.
    let page = explained.places.iter().find_map(Place::page).filter(|page| *page > 0);
    if (page.is_some() || found.is_none())
        && let Some((value, words, found)) = in_value(&explained.places, values, page)
    {
        take_help(&mut explained, &words, &found);
        explained.message = format!("parameter {}: {}", value.parameter, explained.message);
        let mut located = Located::new(explained, &value.source, 0, &found);
        // Nothing has run.
        located.is_usage = known.is_planning();
        return DataFusionError::External(Box::new(located));
    }
    // The value is one of the rows; what is in the text is the comparison.
    if found.is_none()
        && let Some(compared) = properties::compared(&explained, source, &words, values)
    {
        let number = if compared.parameter.is_none() { statement.number } else { 0 };
        let explained = compared.told(explained);
        let located = Located::new(explained, compared.source, number, &compared.found);
        return DataFusionError::External(Box::new(located));
    }
    if let Some(found) = &found {
        take_help(&mut explained, &words, found);
    }
    let found = found.unwrap_or(Found { line: statement.line, column: 0, width: 0 });
    DataFusionError::External(Box::new(Located::new(explained, source, statement.number, &found)))
}

/// The first of the places that is among the words.
fn first(places: &[Place], words: &Words) -> Option<Found> {
    let (place, found) = places.iter().find_map(|place| Some((place, words.find(place)?)))?;
    Some(match (place, places.iter().find_map(Place::name)) {
        // The engine takes a table's alias for a part of its name.
        (Place::Span(_), Some(name)) => {
            found.at_most(name.chars().count() + 2 * usize::from(words.is_quoted(&found)))
        }
        _ => found,
    })
}

/// The value that the places are in: the one of this page, or any.
fn in_value<'a>(
    places: &[Place],
    values: &'a [Value<'a>],
    page: Option<u64>,
) -> Option<(&'a Value<'a>, Words, Found)> {
    (1_u64..).zip(values).filter(|(number, _)| page.is_none_or(|page| page == *number)).find_map(
        |(number, value)| {
            let words = Words::of_value(&value.source, number);
            let found = first(places, &words)?;
            Some((value, words, found))
        },
    )
}

/// The help for a name in double quotes, where it is one.
fn take_help(explained: &mut Explained, words: &Words, found: &Found) {
    if let Some(help) = explained.if_quoted.take()
        && words.is_quoted(found)
    {
        explained.help = Some(help);
    }
}

/// The error as one about a line of a text, unless it knows its place already.
pub fn at_line(error: DataFusionError, source_name: &str, line: u64) -> DataFusionError {
    let is_closed = |e: &std::io::Error| e.kind() == std::io::ErrorKind::BrokenPipe;
    if Located::of(&error).is_some() || matches!(&error, DataFusionError::IoError(e) if is_closed(e)) {
        return error;
    }
    let mut explained = Explained::new(plain(&error));
    own::polish(&mut explained);
    let found = Found { line, column: 0, width: 0 };
    let mut located = Located::new(explained, &Source::new(source_name, ""), 0, &found);
    located.is_usage = is_usage(&error);
    DataFusionError::External(Box::new(located))
}

/// A value that a statement needs and nobody gave: an error of usage, at the first `$name`.
pub(super) fn missing_parameter(
    name: &str,
    message: String,
    help: String,
    source: &Source,
    statement: &Parsed,
) -> DataFusionError {
    let words = Words::of(source, |place| statement.holds(place));
    let found = words.find(&Place::Parameter(name.to_string()));
    let found = found.unwrap_or(Found { line: statement.line, column: 0, width: 0 });
    let mut located = Located::new(Explained::new(message).with_help(help), source, statement.number, &found);
    located.is_usage = true;
    DataFusionError::External(Box::new(located))
}

impl Located {
    /// The one that an error is, below what it is about.
    pub(super) fn of(error: &DataFusionError) -> Option<&Self> {
        match error {
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => Self::of(inner),
            DataFusionError::Shared(inner) => Self::of(inner),
            DataFusionError::External(inner) => inner.downcast_ref::<Self>(),
            _ => None,
        }
    }

    pub(super) fn with_help(self, help: String) -> Self {
        Self { help: Some(help), ..self }
    }

    fn new(explained: Explained, source: &Source, statement: usize, found: &Found) -> Self {
        Self {
            message: explained.message,
            help: explained.help,
            source_name: source.name.clone(),
            line: source.line(found.line),
            column: found.column,
            statement,
            snippet: snippet(source, found).unwrap_or_default(),
            is_usage: false,
        }
    }
}

/// The line in question with carets under the words in question.
fn snippet(source: &Source, found: &Found) -> Option<String> {
    let column = usize::try_from(found.column).ok()?.checked_sub(1)?;
    let text = source.text.lines().nth(usize::try_from(found.line).ok()?.checked_sub(1)?)?;
    let expand = |part: &str| part.replace('\t', "    ");
    let before = expand(&text.chars().take(column).collect::<String>());
    let marked = expand(&text.chars().skip(column).take(found.width).collect::<String>());
    let number = source.line(found.line).to_string();
    let margin = " ".repeat(number.len());
    Some(format!(
        "\n {margin} |\n {number} | {}\n {margin} | {}{}",
        expand(text),
        " ".repeat(before.width()),
        "^".repeat(marked.width().max(1)),
    ))
}
