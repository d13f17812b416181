//! One value as text or as JSON.

use std::fmt::Write;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::Result;

use crate::ask::output::Numbers;

/// The batch's columns in forms that [`Cells`] knows: no dictionaries, no runs.
pub(crate) fn columns(batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
    batch.columns().iter().map(plain).collect()
}

fn plain(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Dictionary(_, values) => Ok(cast(array, values)?),
        DataType::RunEndEncoded(_, values) => Ok(cast(array, values.data_type())?),
        DataType::Float16 => Ok(cast(array, &DataType::Float32)?),
        _ => Ok(ArrayRef::clone(array)),
    }
}

/// A column whose values can be written.
pub(crate) struct Cells<'a> {
    array: &'a ArrayRef,
    kind: Kind<'a>,
    numbers: Numbers,
}

enum Kind<'a> {
    Null,
    /// Numbers and Booleans: the same in JSON as in text.
    Bare(ArrayFormatter<'a>),
    /// Texts and all that JSON has no form for.
    Quoted(ArrayFormatter<'a>),
    Float32,
    Float64,
    Nested,
}

impl<'a> Cells<'a> {
    pub(crate) fn all(columns: &'a [ArrayRef], numbers: Numbers) -> Result<Vec<Self>> {
        columns.iter().map(|column| Self::new(column, numbers)).collect()
    }

    fn new(array: &'a ArrayRef, numbers: Numbers) -> Result<Self> {
        let formatter = || ArrayFormatter::try_new(array.as_ref(), &FormatOptions::new());
        let kind = match array.data_type() {
            DataType::Null => Kind::Null,
            DataType::Float32 => Kind::Float32,
            DataType::Float64 => Kind::Float64,
            DataType::Boolean => Kind::Bare(formatter()?),
            number if number.is_numeric() => Kind::Bare(formatter()?),
            nested if is_nested(nested) => Kind::Nested,
            _ => Kind::Quoted(formatter()?),
        };
        Ok(Self { array, kind, numbers })
    }

    pub(crate) fn is_null(&self, row: usize) -> bool {
        matches!(self.kind, Kind::Null) || self.array.is_null(row)
    }

    /// Appends the value as text; nothing if it is NULL. Lists and structs are JSON.
    pub(crate) fn text(&self, row: usize, out: &mut String) -> Result<()> {
        if self.is_null(row) {
            return Ok(());
        }
        match &self.kind {
            Kind::Null => {}
            Kind::Bare(formatter) | Kind::Quoted(formatter) => formatter.value(row).write(out)?,
            Kind::Float32 => self.float32(row, out),
            Kind::Float64 => self.float64(row, out),
            Kind::Nested => nested(self.array, row, self.numbers, out)?,
        }
        Ok(())
    }

    /// Appends the value as JSON.
    pub(crate) fn json(&self, row: usize, out: &mut String) -> Result<()> {
        if self.is_null(row) {
            out.push_str("null");
            return Ok(());
        }
        match &self.kind {
            Kind::Null => out.push_str("null"),
            Kind::Bare(formatter) => formatter.value(row).write(out)?,
            Kind::Quoted(formatter) => quote(&formatter.value(row).try_to_string()?, out),
            // JSON has no word for what is not a number.
            Kind::Float32 if !self.array.as_primitive::<Float32Type>().value(row).is_finite() => {
                out.push_str("null")
            }
            Kind::Float64 if !self.array.as_primitive::<Float64Type>().value(row).is_finite() => {
                out.push_str("null")
            }
            Kind::Float32 => self.float32(row, out),
            Kind::Float64 => self.float64(row, out),
            Kind::Nested => nested(self.array, row, self.numbers, out)?,
        }
        Ok(())
    }

    fn float32(&self, row: usize, out: &mut String) {
        let value = self.array.as_primitive::<Float32Type>().value(row);
        match self.numbers {
            Numbers::Figures if value.is_finite() => {
                let fixed = format!("{value:.6}");
                let short = fixed.trim_end_matches('0').trim_end_matches('.');
                out.push_str(if short == "-0" { "0" } else { short });
            }
            _ => push_float(f64::from(value), value, out),
        }
    }

    fn float64(&self, row: usize, out: &mut String) {
        let value = self.array.as_primitive::<Float64Type>().value(row);
        push_float(value, value, out);
    }
}

/// The shortest text that reads back as the same number; a whole number has no point.
fn push_float<T: std::fmt::Display + std::fmt::LowerExp>(magnitude: f64, value: T, out: &mut String) {
    let size = magnitude.abs();
    let written = if size == 0.0 {
        out.push('0');
        Ok(())
    } else if size.is_finite() && !(1e-5..1e16).contains(&size) {
        write!(out, "{value:e}")
    } else {
        write!(out, "{value}")
    };
    written.expect("a String takes every text");
}

/// Appends a JSON string.
pub(crate) fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => write!(out, "\\u{:04x}", u32::from(c)).expect("a String takes every text"),
            c => out.push(c),
        }
    }
    out.push('"');
}

fn is_nested(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::List(_)
            | DataType::LargeList(_)
            | DataType::ListView(_)
            | DataType::LargeListView(_)
            | DataType::FixedSizeList(..)
            | DataType::Struct(_)
            | DataType::Map(..)
    )
}

fn nested(array: &ArrayRef, row: usize, numbers: Numbers, out: &mut String) -> Result<()> {
    match array.data_type() {
        DataType::List(_) => list(&array.as_list::<i32>().value(row), numbers, out),
        DataType::LargeList(_) => list(&array.as_list::<i64>().value(row), numbers, out),
        DataType::ListView(_) => list(&array.as_list_view::<i32>().value(row), numbers, out),
        DataType::LargeListView(_) => list(&array.as_list_view::<i64>().value(row), numbers, out),
        DataType::FixedSizeList(..) => list(&array.as_fixed_size_list().value(row), numbers, out),
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            map(entries.column(0), entries.column(1), numbers, out)
        }
        _ => object(array, row, numbers, out),
    }
}

fn list(elements: &ArrayRef, numbers: Numbers, out: &mut String) -> Result<()> {
    let elements = plain(elements)?;
    let cells = Cells::new(&elements, numbers)?;
    out.push('[');
    for at in 0..elements.len() {
        if at > 0 {
            out.push(',');
        }
        cells.json(at, out)?;
    }
    out.push(']');
    Ok(())
}

fn map(keys: &ArrayRef, values: &ArrayRef, numbers: Numbers, out: &mut String) -> Result<()> {
    let (keys, values) = (plain(keys)?, plain(values)?);
    let (names, cells) = (Cells::new(&keys, numbers)?, Cells::new(&values, numbers)?);
    out.push('{');
    for at in 0..keys.len() {
        if at > 0 {
            out.push(',');
        }
        let mut name = String::new();
        names.text(at, &mut name)?;
        quote(&name, out);
        out.push(':');
        cells.json(at, out)?;
    }
    out.push('}');
    Ok(())
}

fn object(array: &ArrayRef, row: usize, numbers: Numbers, out: &mut String) -> Result<()> {
    let fields = array.as_struct();
    out.push('{');
    for (at, (name, column)) in fields.column_names().into_iter().zip(fields.columns()).enumerate() {
        if at > 0 {
            out.push(',');
        }
        quote(name, out);
        out.push(':');
        // One row of it: what is built for a column is built for one value here.
        let value = plain(&column.slice(row, 1))?;
        Cells::new(&value, numbers)?.json(0, out)?;
    }
    out.push('}');
    Ok(())
}
