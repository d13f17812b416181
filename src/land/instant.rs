//! When was it? Every form a log has for a time becomes microseconds since the epoch, in UTC.
//!
//! Text is RFC 3339 or one of its relatives (a space for the T, no zone, a date alone), or a number. A number counts the
//! field's unit since the epoch. A time without a zone is read in the mapping's zone: of an hour that occurs twice the
//! first, and in an hour that is skipped by the offset before the change.

use std::sync::Arc;

use chrono::{DateTime, Days, MappedLocalTime, NaiveDateTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, TimestampMicrosecondArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::compute::kernels::cast_utils::string_to_datetime;
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{Result, exec_err};
use serde::Deserialize;

use crate::store::schema::timestamp;

/// What a number counts.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Unit {
    S,
    Ms,
    Us,
    Ns,
}

impl Unit {
    fn micros(self, number: i64) -> Option<i64> {
        match self {
            Self::S => number.checked_mul(1_000_000),
            Self::Ms => number.checked_mul(1_000),
            Self::Us => Some(number),
            Self::Ns => Some(number.div_euclid(1_000)),
        }
    }

    fn micros_of_fraction(self, number: f64) -> Option<i64> {
        let micros = match self {
            Self::S => number * 1e6,
            Self::Ms => number * 1e3,
            Self::Us => number,
            Self::Ns => number / 1e3,
        };
        // Beyond this no date of the calendar is meant, and the cast stays exact.
        (micros.abs() < 9e18).then(|| micros.round() as i64)
    }
}

/// How times without a unit or a zone are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    pub(super) unit: Option<Unit>,
    pub(super) zone: Tz,
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
                text.as_string_view().iter().map(|text| text.and_then(|text| parse(text, reading))),
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

fn parse(text: &str, reading: Reading) -> Option<i64> {
    let text = text.trim();
    if !text.is_ascii() {
        return None;
    }
    if let Some(unit) = reading.unit
        && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'))
    {
        if let Ok(number) = text.parse::<i64>() {
            return unit.micros(number);
        }
        if let Ok(number) = text.parse::<f64>() {
            return unit.micros_of_fraction(number);
        }
    }
    if let Ok(instant) = string_to_datetime(&reading.zone, text) {
        return Some(instant.timestamp_micros());
    }
    // A time that names its zone fails again here; what passes is local, and twice or never on the clock.
    let local = string_to_datetime(&Utc, text).ok()?;
    local_to_utc(local.timestamp_micros(), reading.zone)
}

/// `micros` since the epoch on the wall clock of `zone`.
fn local_to_utc(micros: i64, zone: Tz) -> Option<i64> {
    let local: NaiveDateTime = DateTime::from_timestamp_micros(micros)?.naive_utc();
    match zone.from_local_datetime(&local) {
        MappedLocalTime::Single(instant) | MappedLocalTime::Ambiguous(instant, _) => {
            Some(instant.timestamp_micros())
        }
        MappedLocalTime::None => {
            let day_before = local.checked_sub_days(Days::new(1))?;
            let offset = zone.offset_from_utc_datetime(&day_before).fix().local_minus_utc();
            micros.checked_sub(i64::from(offset) * 1_000_000)
        }
    }
}
