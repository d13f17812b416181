//! Time as whole ticks: a `ts` column of any type becomes `i64`, and a window becomes "the last tick that still counts".
//!
//! Everything after this file compares plain integers. A tick is the unit of the column: seconds to nanoseconds of a
//! timestamp, days of a `Date32`, milliseconds of a `Date64`, one of an integer.

use std::sync::Arc;

use chrono::{DateTime, Duration, LocalResult, Months, NaiveDateTime, TimeZone, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, UInt64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, TimeUnit, UInt64Type};
use datafusion::common::{Result, ScalarValue, plan_err};

use serde::{Deserialize, Serialize};

use super::options::interval;
use crate::error::did_you_mean;

/// The type of a time column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct TimeType {
    #[serde(with = "type_name")]
    data_type: DataType,
}

impl TimeType {
    pub(crate) fn new(function: &str, argument: &str, data_type: &DataType) -> Result<Self> {
        let data_type = match data_type {
            DataType::Timestamp(_, _) | DataType::Date32 | DataType::Date64 | DataType::Null => {
                data_type.clone()
            }
            integer if integer.is_integer() => integer.clone(),
            other => {
                return plan_err!(
                    "{function}: argument {argument} must be a timestamp, a date or an integer, found {other}"
                );
            }
        };
        Ok(Self { data_type })
    }

    pub(crate) fn data_type(&self) -> &DataType {
        &self.data_type
    }

    /// The column as ticks, NULL where it is NULL.
    pub(crate) fn ticks(&self, array: &ArrayRef) -> Result<Int64Array> {
        Ok(match array.data_type() {
            DataType::Null => Int64Array::new_null(array.len()),
            // Shifted by 2^63, so that order and distance survive the change of sign.
            DataType::UInt64 => array.as_primitive::<UInt64Type>().unary(|v| (v ^ SIGN) as i64),
            _ => cast(array, &DataType::Int64)?.as_primitive().clone(),
        })
    }

    /// The inverse of [`Self::ticks`].
    pub(crate) fn array(&self, ticks: Vec<i64>) -> Result<ArrayRef> {
        let ticks = Int64Array::from(ticks);
        Ok(match &self.data_type {
            DataType::UInt64 => {
                let values: UInt64Array = ticks.unary(|v| v as u64 ^ SIGN);
                Arc::new(values)
            }
            DataType::Null => datafusion::arrow::array::new_null_array(&DataType::Null, ticks.len()),
            other => cast(&ticks, other)?,
        })
    }

    /// Whole milliseconds of a distance; `None` for integers, whose unit nobody has stated.
    pub(crate) fn millis(&self, distance: i64) -> Option<i64> {
        let nanos = i128::from(self.nanos_per_tick()?);
        i64::try_from(i128::from(distance) * nanos / 1_000_000).ok()
    }

    pub(crate) fn nanos_per_tick(&self) -> Option<i64> {
        match &self.data_type {
            DataType::Timestamp(unit, _) => Some(match unit {
                TimeUnit::Second => 1_000_000_000,
                TimeUnit::Millisecond => 1_000_000,
                TimeUnit::Microsecond => 1_000,
                TimeUnit::Nanosecond => 1,
            }),
            DataType::Date32 => Some(86_400_000_000_000),
            DataType::Date64 => Some(1_000_000),
            _ => None,
        }
    }
}

const SIGN: u64 = 1 << 63;

/// How long after its start a chain may still grow; the bound itself is inside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Window {
    /// A fixed number of ticks.
    Ticks(u64),
    /// Calendar months in a zone, then a fixed number of ticks.
    Months {
        months: u32,
        ticks: u64,
        #[serde(with = "zone_name")]
        zone: Tz,
        nanos_per_tick: i64,
    },
}

impl Window {
    pub(crate) const UNBOUNDED: Window = Window::Ticks(u64::MAX);

    /// Reads the window of a call: an interval over a time, or an integer in the unit of an integer or a date.
    pub(crate) fn new(
        function: &str,
        value: &ScalarValue,
        time: &TimeType,
        zone: Option<Tz>,
    ) -> Result<Self> {
        if let Some(interval) = interval(value) {
            let Some(nanos_per_tick) = time.nanos_per_tick() else {
                return plan_err!(
                    "{function}: the window {value} is an interval, but ts is of type {}, whose unit is unknown; \
                     write the window as an integer in that unit",
                    time.data_type
                );
            };
            let nanos = i128::from(interval.days) * 86_400_000_000_000 + i128::from(interval.nanoseconds);
            let Ok(months) = u32::try_from(interval.months) else {
                return negative(function, value);
            };
            if nanos < 0 {
                return negative(function, value);
            }
            let ticks = u64::try_from(nanos / i128::from(nanos_per_tick)).unwrap_or(u64::MAX);
            return Ok(match months {
                0 => Window::Ticks(ticks),
                months => Window::Months {
                    months,
                    ticks,
                    // A date names a day by itself, no zone can move it.
                    zone: match time.data_type {
                        DataType::Timestamp(_, _) => zone.unwrap_or(Tz::UTC),
                        _ => Tz::UTC,
                    },
                    nanos_per_tick,
                },
            });
        }
        if value.is_null() || !value.data_type().is_integer() {
            return plan_err!(
                "{function}: the window must be an interval such as INTERVAL '1 day', or an integer where ts is an \
                 integer or a date; found {value} of type {}",
                value.data_type()
            );
        }
        if matches!(time.data_type, DataType::Timestamp(_, _)) {
            return plan_err!(
                "{function}: the window {value} has no unit, but ts is a {}; write an interval such as \
                 INTERVAL '{value} seconds'",
                time.data_type
            );
        }
        match value.cast_to(&DataType::UInt64) {
            Ok(ScalarValue::UInt64(Some(ticks))) => Ok(Window::Ticks(ticks)),
            _ => negative(function, value),
        }
    }

    /// The last tick that belongs to a chain starting at `start`; saturates at the end of time.
    pub(crate) fn deadline(&self, start: i64) -> i64 {
        match self {
            Window::Ticks(ticks) => start.saturating_add_unsigned(*ticks),
            Window::Months { months, ticks, zone, nanos_per_tick } => {
                add_months(start, *months, *zone, *nanos_per_tick)
                    .map_or(i64::MAX, |end| end.saturating_add_unsigned(*ticks))
            }
        }
    }
}

/// A type as Arrow writes it, for what is stored.
pub(crate) mod type_name {
    use datafusion::arrow::datatypes::DataType;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(data_type: &DataType, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(data_type)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DataType, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// A zone by its name, for what is stored.
pub(crate) mod zone_name {
    use chrono_tz::Tz;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(zone: &Tz, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(zone.name())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tz, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The zone of that name in the IANA database.
pub(crate) fn zone(function: &str, name: &str) -> Result<Tz> {
    name.parse::<Tz>().or_else(|_| {
        let names: Vec<&str> = TZ_VARIANTS.iter().map(|zone| zone.name()).collect();
        plan_err!(
            "{function}: unknown time zone '{name}'; write a name such as 'Asia/Shanghai' or 'UTC'{}",
            did_you_mean(name, &names)
        )
    })
}

fn negative<T>(function: &str, window: &ScalarValue) -> Result<T> {
    plan_err!("{function}: the window must not be negative, found {window}")
}

/// The same local time `months` later, its day clamped to the end of the month; `None` beyond the calendar.
fn add_months(start: i64, months: u32, zone: Tz, nanos_per_tick: i64) -> Option<i64> {
    const SECOND: i128 = 1_000_000_000;
    let nanos_per_tick = i128::from(nanos_per_tick);
    let nanos = i128::from(start) * nanos_per_tick;
    let seconds = i64::try_from(nanos.div_euclid(SECOND)).ok()?;
    let rest = u32::try_from(nanos.rem_euclid(SECOND)).ok()?;
    let local = DateTime::<Utc>::from_timestamp(seconds, rest)?
        .with_timezone(&zone)
        .naive_local()
        .checked_add_months(Months::new(months))?;
    let end = first_valid(local, zone)?;
    let nanos = i128::from(end.timestamp()) * SECOND + i128::from(end.timestamp_subsec_nanos());
    i64::try_from(nanos.div_euclid(nanos_per_tick)).ok()
}

/// A local time that the clocks skip is read as the next one they show; one they show twice as the later of the two.
fn first_valid(mut local: NaiveDateTime, zone: Tz) -> Option<DateTime<Tz>> {
    for _ in 0..200 {
        match zone.from_local_datetime(&local) {
            LocalResult::Single(time) => return Some(time),
            LocalResult::Ambiguous(_, later) => return Some(later),
            LocalResult::None => local = local.checked_add_signed(Duration::minutes(15))?,
        }
    }
    None
}
