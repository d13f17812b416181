//! Is the value of the type that was declared? Foreign columns become text, numbers, times and properties; a value that
//! does not fit becomes NULL, and [`unfit`] tells which rows those are.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringViewBuilder};
use datafusion::arrow::compute::{can_cast_types, cast};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type};
use datafusion::arrow::json::writer::{EncoderOptions, make_encoder};
use datafusion::common::{Result, plan_err};
use serde::Deserialize;

use super::instant::{Reading, to_instants};
use super::props::to_props;
use crate::store::schema::{properties, timestamp};
use crate::store::values::{integer, whole};

/// What a value is to be.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Text,
    Int,
    Float,
    Bool,
    Timestamp,
    /// Text of a JSON value, whatever it is.
    Json,
    /// The keys and values of a JSON object, as text.
    Map,
}

impl Kind {
    /// What an event column of type `target` is.
    pub(super) fn of(target: &DataType) -> Self {
        match target {
            DataType::Int32 | DataType::Int64 => Self::Int,
            DataType::Float64 => Self::Float,
            DataType::Boolean => Self::Bool,
            DataType::Timestamp(..) => Self::Timestamp,
            DataType::Map(..) => Self::Map,
            _ => Self::Text,
        }
    }

    /// The type that [`convert`] makes of `found`; an error says what is accepted.
    pub(super) fn output(self, found: &DataType, reading: Reading) -> Result<DataType> {
        if found.is_null() {
            return Ok(DataType::Null);
        }
        let plain = flat(found);
        let fits = match self {
            Self::Json if plain.is_nested() => true,
            Self::Text | Self::Json => !plain.is_nested() && can_cast_types(plain, &DataType::Utf8View),
            Self::Int => plain.is_numeric() || plain.is_string(),
            Self::Float => plain.is_numeric() || plain.is_string(),
            Self::Bool => *plain == DataType::Boolean || plain.is_string(),
            Self::Timestamp => {
                let date = matches!(plain, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64);
                if plain.is_numeric() && reading.unit.is_none() {
                    return plan_err!(
                        "found {found}, a number without a unit; declare the field with type = \"timestamp\" and a unit"
                    );
                }
                date || plain.is_numeric() || plain.is_string()
            }
            Self::Map => matches!(plain, DataType::Map(..) | DataType::Struct(_)) || plain.is_string(),
        };
        if !fits {
            return plan_err!("found {found}, accepted is {}", self.accepted());
        }
        Ok(match self {
            Self::Text | Self::Json => DataType::Utf8View,
            Self::Int if found.is_integer() && *found != DataType::UInt64 => found.clone(),
            Self::Int => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Bool => DataType::Boolean,
            Self::Timestamp => timestamp(),
            Self::Map => properties(),
        })
    }

    fn accepted(self) -> &'static str {
        match self {
            Self::Text => "text, or a number, boolean or time to be written as text",
            Self::Json => "anything that can be written as text",
            Self::Int => "an integer, or text that is one",
            Self::Float => "a number, or text that is one",
            Self::Bool => "a boolean, or text that is one",
            Self::Timestamp => "a timestamp or date, text, or a number with a unit",
            Self::Map => "a map, a struct, or text that is a JSON object",
        }
    }

    /// What is wrong with a value that does not fit.
    pub(super) fn complaint(self) -> &'static str {
        match self {
            Self::Text | Self::Json => "is not text",
            Self::Int => "is not an integer",
            Self::Float => "is not a number",
            Self::Bool => "is not true or false",
            Self::Timestamp => "is not a time",
            Self::Map => "is not a JSON object",
        }
    }
}

/// `array` as [`Kind::output`] says. A column that has the type already is passed on as it is.
pub(super) fn convert(array: &ArrayRef, kind: Kind, reading: Reading) -> Result<ArrayRef> {
    let found = array.data_type();
    let target = kind.output(found, reading)?;
    if *found == target {
        return Ok(Arc::clone(array));
    }
    match kind {
        Kind::Int => to_integers(array),
        Kind::Timestamp => to_instants(array, reading),
        Kind::Map if is_map_of_text(found) || !found.is_nested() => to_props(array),
        Kind::Map => to_props(&to_json(array)?),
        Kind::Json if found.is_nested() => to_json(array),
        Kind::Text | Kind::Json | Kind::Float | Kind::Bool => Ok(cast(array, &target)?),
    }
}

/// The rows whose value was lost on the way from `before` to `after`.
pub(super) fn unfit(before: &dyn Array, after: &dyn Array) -> Vec<usize> {
    if before.logical_null_count() == after.logical_null_count() {
        return vec![];
    }
    let (before, after) = (before.logical_nulls(), after.logical_nulls());
    let Some(after) = after else { return vec![] };
    (0..after.len())
        .filter(|row| after.is_null(*row) && before.as_ref().is_none_or(|before| before.is_valid(*row)))
        .collect()
}

/// Whole numbers only: 1001.0 is one, 12.5 is not, in text as in floats.
fn to_integers(array: &ArrayRef) -> Result<ArrayRef> {
    let plain = flat(array.data_type());
    if plain.is_integer() {
        return Ok(cast(array, &DataType::Int64)?);
    }
    if plain.is_numeric() {
        let numbers = cast(array, &DataType::Float64)?;
        let whole: Int64Array = numbers.as_primitive::<Float64Type>().unary_opt(whole);
        return Ok(Arc::new(whole));
    }
    let integers = cast(array, &DataType::Int64)?;
    let lost = unfit(array, &integers);
    if lost.is_empty() {
        return Ok(integers);
    }
    let text = cast(array, &DataType::Utf8View)?;
    let text = text.as_string_view();
    let mut integers: Vec<Option<i64>> = integers.as_primitive::<Int64Type>().iter().collect();
    for row in lost {
        integers[row] = integer(text.value(row));
    }
    Ok(Arc::new(Int64Array::from(integers)))
}

/// Nested values as JSON lines have them.
pub(super) fn to_json(array: &ArrayRef) -> Result<ArrayRef> {
    let field: FieldRef = Arc::new(Field::new("value", array.data_type().clone(), true));
    let options = EncoderOptions::default().with_explicit_nulls(true);
    let mut encoder = make_encoder(&field, array.as_ref(), &options)?;
    let mut values = StringViewBuilder::with_capacity(array.len());
    let mut text = vec![];
    for row in 0..array.len() {
        if encoder.is_null(row) {
            values.append_null();
        } else {
            text.clear();
            encoder.encode(row, &mut text);
            values.append_value(String::from_utf8_lossy(&text));
        }
    }
    Ok(Arc::new(values.finish()))
}

fn is_map_of_text(found: &DataType) -> bool {
    let DataType::Map(entries, _) = found else { return false };
    let DataType::Struct(fields) = entries.data_type() else { return false };
    fields
        .iter()
        .all(|field| !field.data_type().is_nested() && can_cast_types(field.data_type(), &DataType::Utf8))
}

/// The type of a dictionary's values, else the type itself.
fn flat(found: &DataType) -> &DataType {
    match found {
        DataType::Dictionary(_, value) => value,
        found => found,
    }
}
