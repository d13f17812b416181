//! An error as one sentence, with what would be right and where to look.

use std::error::Error;

use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError, SchemaError};
use datafusion::sql::sqlparser::parser::ParserError;

use super::names::{self, Known};
use super::place::Place;
use super::types::in_words;
use super::{arrow, calls, texts};

/// What is said of an error.
#[derive(Debug, Clone, Default)]
pub(super) struct Explained {
    /// What is wrong.
    pub(super) message: String,
    /// What would be right.
    pub(super) help: Option<String>,
    /// The help instead, if the words in question stand in double quotes.
    pub(super) if_quoted: Option<String>,
    /// Where it may stand; the first that is found counts.
    pub(super) places: Vec<Place>,
}

impl Explained {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    pub(super) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(super) fn at(mut self, place: Place) -> Self {
        self.places.push(place);
        self
    }

    /// For where there is one line only.
    pub(super) fn line(self) -> String {
        match self.help {
            Some(help) => format!("{}; {help}", self.message),
            None => self.message,
        }
    }
}

pub(super) fn explain(error: &DataFusionError, known: &Known) -> Explained {
    match error {
        // Which rule or stage met the error says nothing to the person who wrote the query.
        DataFusionError::Context(what, inner) if is_stage(what) => explain(inner, known),
        DataFusionError::Context(what, inner) => {
            let whole = format!("{what}: {}", raw(inner));
            texts::explain(&whole, known).unwrap_or_else(|| {
                let inner = explain(inner, known);
                Explained { message: format!("{what}: {}", inner.message), ..inner }
            })
        }
        DataFusionError::Diagnostic(diagnostic, inner) => {
            let mut explained = explain(inner, known);
            if is_ambiguous(inner) {
                let columns: Vec<&str> = diagnostic
                    .notes
                    .iter()
                    .filter_map(|note| note.message.strip_prefix("possible column "))
                    .collect();
                if !columns.is_empty() {
                    explained.help = Some(format!("write {}", columns.join(" or ")));
                }
            }
            if let Some(span) = diagnostic.span {
                // The engine knows the place of a column; that of a word or a call is found better among the words.
                let first = explained.places.first();
                let is_word = matches!(first, Some(Place::Keyword(_) | Place::Call(_) | Place::Subquery));
                explained.places.insert(usize::from(is_word), Place::Span(span));
            }
            explained
        }
        DataFusionError::Shared(inner) => explain(inner, known),
        // One after the other: the next one shows when this one is mended.
        DataFusionError::Collection(all) => {
            all.first().map_or_else(|| Explained::new(error.to_string()), |first| explain(first, known))
        }
        DataFusionError::SchemaError(schema, _) => of_schema(schema),
        DataFusionError::ArrowError(arrow, _) => of_arrow(arrow, known),
        DataFusionError::External(inner) => of_source(inner.as_ref(), known),
        DataFusionError::ResourcesExhausted(text) => of_memory(&without_trace(text)),
        DataFusionError::IoError(_) | DataFusionError::ParquetError(_) | DataFusionError::ObjectStore(_) => {
            Explained::new(raw(error))
        }
        _ => of_text(error, known),
    }
}

/// A stage of the engine, or what it calls the operation that the statement names itself.
pub(super) fn is_stage(context: &str) -> bool {
    context.contains("rule")
        || context == "type_coercion"
        || context == "declared_properties"
        || context == "Check optimizer-specific invariants"
        || context.contains(" operation on table '")
        || context.starts_with("Not enough memory to continue external sort")
}

/// The engine lists its operators with what each one holds; who asked wants to know the limit, and how to raise it.
fn of_memory(text: &str) -> Explained {
    const REFUSED: &str = "Failed to allocate additional {} for {} with {} already allocated for this \
                           reservation - {} remain available for the total memory pool: {}pool_size: {})";
    let refused = text.find("Failed to allocate").map_or("", |at| &text[at..]);
    match texts::holes(REFUSED, refused).as_deref() {
        Some([more, operator, _, free, _, limit]) => {
            let operator = operator.split(['[', '#']).next().unwrap_or_default();
            Explained::new(format!(
                "not enough memory: {operator} needs {more} more, of the limit of {limit} there are {free} left"
            ))
            .with_help("--memory-limit SIZE raises the limit, as in --memory-limit 4GB")
        }
        _ => Explained::new(format!("not enough memory: {text}")),
    }
}

fn is_ambiguous(error: &DataFusionError) -> bool {
    let DataFusionError::SchemaError(schema, _) = error else {
        return false;
    };
    matches!(schema.as_ref(), SchemaError::AmbiguousReference { .. })
}

fn of_schema(error: &SchemaError) -> Explained {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => names::column(field, valid_fields),
        SchemaError::AmbiguousReference { field } => {
            Explained::new(format!("column '{}' is ambiguous", field.name()))
                .with_help(format!("write the table before it, as in t.{}", field.name()))
                .at(Place::Name(field.flat_name()))
        }
        SchemaError::DuplicateQualifiedField { qualifier, .. } => {
            let name = qualifier.table();
            Explained::new(format!("two tables are called '{name}'"))
                .with_help("give one of them another alias")
                .at(Place::Alias(name.to_string()))
        }
        SchemaError::DuplicateUnqualifiedField { name } => {
            Explained::new(format!("two columns are called '{name}'"))
                .with_help("give one of them another name with AS")
                .at(Place::Alias(name.clone()))
        }
    }
}

fn of_arrow(error: &ArrowError, known: &Known) -> Explained {
    match error {
        ArrowError::ExternalError(inner) => of_source(inner.as_ref(), known),
        other => arrow::explain(other),
    }
}

/// An error from below, if it is one that can be said better than by its own text.
fn of_source(error: &(dyn Error + 'static), known: &Known) -> Explained {
    if let Some(inner) = error.downcast_ref::<DataFusionError>() {
        return explain(inner, known);
    }
    match error.downcast_ref::<ArrowError>() {
        Some(inner) => of_arrow(inner, known),
        None => {
            let text = chain(error);
            texts::explain(&text, known).unwrap_or_else(|| Explained::new(text))
        }
    }
}

fn of_text(error: &DataFusionError, known: &Known) -> Explained {
    let text = raw(error);
    // All of it: what a call may look like stands behind what the engine says of bugs.
    calls::explain(&error.to_string()).or_else(|| texts::explain(&text, known)).unwrap_or_else(|| {
        let unsupported = matches!(error, DataFusionError::NotImplemented(_));
        let text = in_words(&without_debug(&without_prefixes(&text)));
        Explained::new(if unsupported { format!("not supported: {text}") } else { text })
    })
}

/// The text of an error as the engine says it.
pub(super) fn raw(error: &DataFusionError) -> String {
    let text = match error {
        DataFusionError::Context(what, inner) if is_stage(what) => return raw(inner),
        DataFusionError::Context(what, inner) => return format!("{what}: {}", raw(inner)),
        DataFusionError::Diagnostic(_, inner) => return raw(inner),
        DataFusionError::Shared(inner) => return raw(inner),
        DataFusionError::Collection(all) => return all.first().map(raw).unwrap_or_default(),
        DataFusionError::SQL(parser, _) => match parser.as_ref() {
            ParserError::TokenizerError(text) | ParserError::ParserError(text) => {
                format!("syntax error: {text}")
            }
            ParserError::RecursionLimitExceeded => "the statement is nested too deeply".to_string(),
        },
        DataFusionError::Plan(text)
        | DataFusionError::Execution(text)
        | DataFusionError::Configuration(text)
        | DataFusionError::Internal(text)
        | DataFusionError::NotImplemented(text)
        | DataFusionError::ResourcesExhausted(text) => text.clone(),
        DataFusionError::SchemaError(schema, _) => of_schema(schema).message,
        DataFusionError::ArrowError(arrow, _) => chain(arrow.as_ref()),
        DataFusionError::External(inner) => return chain(inner.as_ref()),
        DataFusionError::IoError(io) => chain(io),
        DataFusionError::ParquetError(parquet) => chain(parquet.as_ref()),
        DataFusionError::ObjectStore(store) => chain(store.as_ref()),
        other => other.to_string(),
    };
    without_trace(&text)
}

/// The error and its causes, each said once.
fn chain(error: &(dyn Error + 'static)) -> String {
    if let Some(inner) = error.downcast_ref::<DataFusionError>() {
        return raw(inner);
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = match error.downcast_ref::<DataFusionError>() {
            Some(inner) => raw(inner),
            None => error.to_string(),
        };
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

fn without_trace(text: &str) -> String {
    let text = text.split(DataFusionError::BACK_TRACE_SEP).next().unwrap_or_default();
    // Whose bug an internal error is, the person who asked cannot know.
    text.split("\nThis issue was likely caused by a bug").next().unwrap_or_default().trim_end().to_string()
}

/// Without the names of variants that stand within a text.
fn without_prefixes(text: &str) -> String {
    const PREFIXES: [&str; 8] = [
        "Error during planning: ",
        "Execution error: ",
        "Internal error: ",
        "Arrow error: ",
        "External error: ",
        "Parser error: ",
        "Cast error: ",
        "Invalid argument error: ",
    ];
    PREFIXES.iter().fold(text.to_string(), |text, prefix| text.replace(prefix, ""))
}

/// Without the parts of the syntax tree that the engine prints where it has no words.
fn without_debug(text: &str) -> String {
    const SIGNS: [&str; 4] = ["Span(Location", "ValueWithSpan", "Ident { ", " { inner: "];
    let Some(at) = SIGNS.iter().filter_map(|sign| text.find(sign)).min() else {
        return text.to_string();
    };
    let head = &text[..at];
    let end = head.find([':', '{', '(']).unwrap_or(head.len());
    head[..end].trim_end().to_string()
}
