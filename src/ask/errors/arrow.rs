//! Values that do not fit, as Arrow reports them. Its errors have variants, but what matters stands in their texts.

use chrono_tz::TZ_VARIANTS;
use datafusion::arrow::error::ArrowError;

use super::explain::Explained;
use super::place::Place;
use super::texts::holes;
use super::types::in_words;
use crate::error::nearest;

pub(super) fn explain(error: &ArrowError) -> Explained {
    match error {
        ArrowError::DivideByZero => Explained::new("division by zero")
            .with_help("nullif(x, 0) makes NULL of a zero, and so of the quotient")
            .at(Place::Division),
        ArrowError::ArithmeticOverflow(_) => too_large(),
        ArrowError::ComputeError(text) if text.contains("verflow") => too_large(),
        ArrowError::CastError(text) => cast(text),
        ArrowError::ParseError(text) => parsed(text),
        ArrowError::JsonError(text) => {
            Explained::new(format!("broken JSON: {}", text.trim_start_matches("Not valid JSON: ")))
                .with_help("each line is one JSON object")
        }
        ArrowError::CsvError(text) => Explained::new(format!("broken CSV: {text}")),
        ArrowError::ComputeError(text)
        | ArrowError::InvalidArgumentError(text)
        | ArrowError::SchemaError(text)
        | ArrowError::MemoryError(text)
        | ArrowError::NotYetImplemented(text)
        | ArrowError::ParquetError(text) => Explained::new(in_words(text)),
        other => Explained::new(other.to_string()),
    }
}

fn too_large() -> Explained {
    Explained::new("a result is too large for its type").with_help("CAST(… AS DOUBLE) of one side makes room")
}

fn cast(text: &str) -> Explained {
    let of_text = holes("Cannot cast string '{}' to value of {} type", text);
    if let Some([value, kind]) =
        of_text.or_else(|| holes("Cannot cast value '{}' to value of {} type", text)).as_deref()
    {
        return not_a(value, kind);
    }
    match holes("Can't cast value {} to type {}", text).as_deref() {
        Some([value, _]) => Explained::new(format!("{value} is too large for the type that it is cast to"))
            .with_help("BIGINT holds 18 digits, DOUBLE more; TRY_CAST gives NULL where a value does not fit")
            .at(Place::Literal((*value).to_string())),
        _ => Explained::new(in_words(text)),
    }
}

fn parsed(text: &str) -> Explained {
    if let Some([value, _]) = holes("Error parsing timestamp from '{}': {}", text).as_deref() {
        return not_a(value, "Timestamp");
    }
    if let Some([value, _]) = holes("Invalid input syntax for type interval: \"{}\"{}", text).as_deref() {
        return Explained::new(format!("'{value}' is not an interval"))
            .with_help("an interval is written as INTERVAL '1 day' or INTERVAL '30 minutes'")
            .at(Place::Literal((*value).to_string()));
    }
    if let Some([zone, _]) = holes("Invalid timezone \"{}\"{}", text).as_deref() {
        let zones: Vec<&str> = TZ_VARIANTS.iter().map(|zone| zone.name()).collect();
        return Explained::new(format!("unknown time zone '{zone}'"))
            .with_help(match nearest(zone, &zones) {
                Some(near) => format!("did you mean '{near}'?"),
                None => "a zone is a name such as 'Asia/Shanghai' or 'UTC'".to_string(),
            })
            .at(Place::Literal((*zone).to_string()));
    }
    Explained::new(in_words(text))
}

/// A text that is no value of a type.
fn not_a(value: &str, kind: &str) -> Explained {
    const OR_NULL: &str = "TRY_CAST gives NULL where a value does not fit";
    let (kind, help) = if kind.starts_with("Date") {
        ("a date", "a date is written as '2026-03-01'")
    } else if kind.starts_with("Timestamp") {
        ("a timestamp", "a timestamp is written as '2026-03-01 08:00:00'")
    } else if kind.starts_with("Int") || kind.starts_with("UInt") {
        ("a whole number", OR_NULL)
    } else if kind.starts_with("Float") || kind.starts_with("Decimal") {
        ("a number", OR_NULL)
    } else if kind == "Boolean" {
        ("true or false", OR_NULL)
    } else {
        ("a value of the type that is needed", OR_NULL)
    };
    Explained::new(format!("'{value}' is not {kind}")).with_help(help).at(Place::Literal(value.to_string()))
}
