//! When was it? Every form a log has for a time becomes microseconds since the epoch, in UTC.
//!
//! What a text says, and what a time without a zone means, is said in `store::values`.

use std::sync::Arc;

use chrono::DateTime;
use chrono_tz::Tz;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, TimestampMicrosecondArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{Result, exec_err};

use crate::store::schema::timestamp;
pub(super) use crate::store::values::{Reading, Unit};
use crate::store::values::{instant, local_to_utc};

/// The words that follow the reason why a time before `first` or after `last` is not possible, where another unit makes it
/// possible: seconds read as milliseconds are of January 1970.
pub(super) fn other_unit(micros: i64, first: i64, last: i64) -> String {
    let (other, units) = match micros < first {
        true => (micros.saturating_mul(1_000), "is its unit s instead of ms?"),
        false => (micros / 1_000, "is its unit ms instead of s?"),
    };
    match DateTime::from_timestamp_micros(other).filter(|_| (first..=last).contains(&other)) {
        Some(time) => {
            format!(", but would be {} in another unit; {units}", time.format("%Y-%m-%dT%H:%M:%SZ"))
        }
        None => String::new(),
    }
}

/// Times as `Timestamp(µs, "UTC")`; what is not a time becomes NULL.
pub(super) fn to_instants(array: &ArrayRef, reading: Reading) -> Result<ArrayRef> {
    let instants: TimestampMicrosecondArray = match array.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
            array.as_primitive::<TimestampMicrosecondType>().clone()
        }
        DataType::Timestamp(_, Some(_)) => {
            cast(array, &timestamp())?.as_primitive::<TimestampMicrosecondType>().clone()
        }
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
            let local = cast(array, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
            let local = local.as_primitive::<TimestampMicrosecondType>();
            match reading.zone {
                Tz::UTC => local.clone(),
                zone => local.unary_opt(|micros| local_to_utc(micros, zone)),
            }
        }
        found if found.is_integer() => {
            let numbers = cast(array, &DataType::Int64)?;
            let unit = unit_of(reading, found)?;
            numbers.as_primitive::<Int64Type>().unary_opt(|number| unit.micros(number))
        }
        found if found.is_numeric() => {
            let numbers = cast(array, &DataType::Float64)?;
            let unit = unit_of(reading, found)?;
            numbers.as_primitive::<Float64Type>().unary_opt(|number| unit.micros_of_fraction(number))
        }
        _ => {
            let text = cast(array, &DataType::Utf8View)?;
            TimestampMicrosecondArray::from_iter(
                text.as_string_view().iter().map(|text| text.and_then(|text| instant(text, reading))),
            )
        }
    };
    Ok(Arc::new(instants.with_timezone("UTC")))
}

fn unit_of(reading: Reading, found: &DataType) -> Result<Unit> {
    match reading.unit {
        Some(unit) => Ok(unit),
        None => exec_err!("a time of type {found} has no unit"),
    }
}
