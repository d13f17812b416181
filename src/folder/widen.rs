//! Which type can hold both? The columns of several files become one schema.
//!
//! | one file | another | together |
//! |---|---|---|
//! | integers | integers | the wider; a decimal where signed and unsigned need more than 64 bits |
//! | integers, decimals | floats | Float64 |
//! | integers, decimals | decimals | a decimal that holds both |
//! | dates | timestamps without zone | the timestamp, at midnight |
//! | timestamps | timestamps | the finer unit; of two zones UTC; a zone and none clash |
//! | text in any form | text in any form | text |
//! | lists, maps, structs | the same | so of their values, structs by name |
//!
//! Anything else clashes: a number never becomes text, a boolean never a number.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, Field, FieldRef, Fields, Schema, SchemaRef,
};
use datafusion::common::{Result, exec_err};

/// A column on the way through the files.
struct Column<'a> {
    data_type: DataType,
    nullable: bool,
    /// The file that gave it its type.
    file: &'a str,
    /// Files that have it.
    files: usize,
}

/// The schema of all files together: columns by name, in the order in which they first appear.
pub(super) fn merge<'a>(files: impl Iterator<Item = (&'a str, &'a SchemaRef)>) -> Result<SchemaRef> {
    let mut names: Vec<&str> = vec![];
    let mut columns: HashMap<&str, Column> = HashMap::new();
    let mut count = 0;
    for (file, schema) in files {
        count += 1;
        for (index, field) in schema.fields().iter().enumerate() {
            let name = field.name().as_str();
            if schema.fields()[..index].iter().any(|other| other.name() == name) {
                return exec_err!("file '{file}' has column '{name}' twice");
            }
            let Some(column) = columns.get_mut(name) else {
                names.push(name);
                let (data_type, nullable) = (field.data_type().clone(), field.is_nullable());
                columns.insert(name, Column { data_type, nullable, file, files: 1 });
                continue;
            };
            let Some(wider) = common(&column.data_type, field.data_type()) else {
                return exec_err!(
                    "column '{name}' is {} in file '{}' and {} in file '{file}', which have no common type; \
                     read the files apart and cast one of them",
                    described(&column.data_type),
                    column.file,
                    described(field.data_type())
                );
            };
            if wider != column.data_type {
                column.data_type = wider;
                column.file = file;
            }
            column.nullable |= field.is_nullable();
            column.files += 1;
        }
    }
    let fields = names.into_iter().map(|name| {
        let column = &columns[name];
        Field::new(name, column.data_type.clone(), column.nullable || column.files < count)
    });
    Ok(Arc::new(Schema::new(fields.collect::<Vec<_>>())))
}

/// The narrowest type that both can be read as.
fn common(a: &DataType, b: &DataType) -> Option<DataType> {
    if a == b {
        return Some(a.clone());
    }
    let is_binary =
        |found: &DataType| matches!(found, DataType::Binary | DataType::LargeBinary | DataType::BinaryView);
    match (a, b) {
        (DataType::Null, other) | (other, DataType::Null) => Some(other.clone()),
        (DataType::Dictionary(_, value), other) | (other, DataType::Dictionary(_, value)) => {
            common(value, other)
        }
        _ if a.is_string() && b.is_string() => Some(DataType::Utf8View),
        _ if is_binary(a) && is_binary(b) => Some(DataType::BinaryView),
        (DataType::Date32, DataType::Date64) | (DataType::Date64, DataType::Date32) => Some(DataType::Date32),
        (DataType::Date32 | DataType::Date64, DataType::Timestamp(unit, None))
        | (DataType::Timestamp(unit, None), DataType::Date32 | DataType::Date64) => {
            Some(DataType::Timestamp(*unit, None))
        }
        (DataType::Timestamp(a, zone_a), DataType::Timestamp(b, zone_b)) => {
            let zone = match (zone_a, zone_b) {
                (None, None) => None,
                (Some(a), Some(b)) if a == b => Some(Arc::clone(a)),
                (Some(_), Some(_)) => Some("UTC".into()),
                // Which instant a time without a zone means, nobody said.
                _ => return None,
            };
            Some(DataType::Timestamp(*a.max(b), zone))
        }
        (DataType::List(a), DataType::List(b)) => Some(DataType::List(common_field(a, b)?)),
        (DataType::LargeList(a), DataType::LargeList(b)) => Some(DataType::LargeList(common_field(a, b)?)),
        (DataType::Map(a, sorted), DataType::Map(b, _)) => Some(DataType::Map(common_field(a, b)?, *sorted)),
        (DataType::Struct(a), DataType::Struct(b)) => common_fields(a, b).map(DataType::Struct),
        _ => common_number(a, b),
    }
}

fn common_field(a: &FieldRef, b: &FieldRef) -> Option<FieldRef> {
    let data_type = common(a.data_type(), b.data_type())?;
    Some(Arc::new(Field::new(a.name(), data_type, a.is_nullable() || b.is_nullable())))
}

/// The fields of `a`, then those that only `b` has; what one of them lacks may be NULL.
fn common_fields(a: &Fields, b: &Fields) -> Option<Fields> {
    let optional = |field: &FieldRef| Arc::new(field.as_ref().clone().with_nullable(true));
    let mut fields: Vec<FieldRef> = vec![];
    for field in a {
        fields.push(match b.iter().find(|other| other.name() == field.name()) {
            Some(other) => common_field(field, other)?,
            None => optional(field),
        });
    }
    fields.extend(b.iter().filter(|other| a.find(other.name()).is_none()).map(optional));
    Some(fields.into())
}

fn common_number(a: &DataType, b: &DataType) -> Option<DataType> {
    if !a.is_numeric() || !b.is_numeric() {
        return None;
    }
    match (a.is_floating(), b.is_floating()) {
        (true, true) if *a != DataType::Float64 && *b != DataType::Float64 => Some(DataType::Float32),
        (true, _) | (_, true) => Some(DataType::Float64),
        (false, false) => match (integer(a), integer(b)) {
            (Some(a), Some(b)) => common_integer(a, b),
            _ => common_decimal(a, b),
        },
    }
}

/// Whether the type has a sign, and its bits.
fn integer(found: &DataType) -> Option<(bool, u32)> {
    Some(match found {
        DataType::Int8 => (true, 8),
        DataType::Int16 => (true, 16),
        DataType::Int32 => (true, 32),
        DataType::Int64 => (true, 64),
        DataType::UInt8 => (false, 8),
        DataType::UInt16 => (false, 16),
        DataType::UInt32 => (false, 32),
        DataType::UInt64 => (false, 64),
        _ => return None,
    })
}

fn common_integer(a: (bool, u32), b: (bool, u32)) -> Option<DataType> {
    let ((signed, a), (also_signed, b)) = (a, b);
    let bits = match (signed, also_signed) {
        (true, false) => a.max(b * 2),
        (false, true) => b.max(a * 2),
        _ => a.max(b),
    };
    Some(match (signed || also_signed, bits) {
        (true, 8) => DataType::Int8,
        (true, 16) => DataType::Int16,
        (true, 32) => DataType::Int32,
        (true, 64) => DataType::Int64,
        (false, 8) => DataType::UInt8,
        (false, 16) => DataType::UInt16,
        (false, 32) => DataType::UInt32,
        (false, 64) => DataType::UInt64,
        // UInt64 beside a type with a sign.
        _ => DataType::Decimal128(20, 0),
    })
}

fn common_decimal(a: &DataType, b: &DataType) -> Option<DataType> {
    let ((whole_a, scale_a), (whole_b, scale_b)) = (digits(a)?, digits(b)?);
    let scale = scale_a.max(scale_b);
    let precision = u8::try_from(whole_a.max(whole_b) + i16::from(scale)).ok()?;
    if precision <= DECIMAL128_MAX_PRECISION {
        Some(DataType::Decimal128(precision, scale))
    } else if precision <= DECIMAL256_MAX_PRECISION {
        Some(DataType::Decimal256(precision, scale))
    } else {
        None
    }
}

/// Digits before and after the point.
fn digits(found: &DataType) -> Option<(i16, i8)> {
    match found {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => {
            let scale = (*scale).max(0);
            Some((i16::from(*precision) - i16::from(scale), scale))
        }
        _ => {
            let digits = match integer(found)?.1 {
                8 => 3,
                16 => 5,
                32 => 10,
                _ => 20,
            };
            Some((digits, 0))
        }
    }
}

/// A type in the words of a message: text is text, however it is laid out.
fn described(data_type: &DataType) -> String {
    match data_type {
        DataType::Dictionary(_, value) => described(value),
        found if found.is_string() => "text".to_string(),
        DataType::Timestamp(unit, None) => format!("Timestamp({unit}) without a zone"),
        found => found.to_string(),
    }
}
