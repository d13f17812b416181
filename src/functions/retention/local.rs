//! The zone's part in periods: on which local day is an instant, and when does a local day begin?

use chrono::{DateTime, Duration, LocalResult, NaiveDate, NaiveTime, Offset, TimeZone};
use chrono_tz::Tz;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};
use serde::{Deserialize, Serialize};

use crate::functions::options::Options;

pub(super) const SECOND: i64 = 1_000_000;
pub(super) const DAY: i64 = 86_400 * SECOND;

/// A point on the calendar or in the count of periods, as an option names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Moment {
    /// A local day since 1970-01-01.
    Day(i64),
    /// A number: of a period, or of an integer ts.
    Number(i64),
}

impl Moment {
    /// The option `name`; `None` when it is absent or NULL.
    pub(super) fn of_option(function: &str, options: &Options, name: &str) -> Result<Option<Self>> {
        match options.value(name, "a DATE literal or an integer")? {
            None => Ok(None),
            Some(value) => Self::new(function, &format!("option '{name}'"), &value).map(Some),
        }
    }

    /// Reads a literal that is not NULL; `what` names it in an error.
    pub(super) fn new(function: &str, what: &str, value: &ScalarValue) -> Result<Self> {
        let data_type = value.data_type();
        if data_type.is_integer()
            && let Ok(ScalarValue::Int64(Some(number))) = value.cast_to(&DataType::Int64)
        {
            return Ok(Self::Number(number));
        }
        if (data_type.is_string() || data_type.is_temporal())
            && let Ok(ScalarValue::Date32(Some(day))) = value.cast_to(&DataType::Date32)
        {
            return Ok(Self::Day(i64::from(day)));
        }
        plan_err!(
            "{function}: {what} must be a date such as DATE '2026-01-31' or an integer, found {value} of type \
             {data_type}"
        )
    }
}

/// When a local day begins, in microseconds of UTC: its first instant where the clocks skip or repeat midnight.
pub(super) fn midnight(day: i64, zone: Tz) -> i64 {
    let plain = day.saturating_mul(DAY);
    let date = i32::try_from(day)
        .ok()
        .and_then(|day| NaiveDate::from_num_days_from_ce_opt(day.checked_add(719_163)?));
    let Some(mut local) = date.map(|date| date.and_time(NaiveTime::MIN)) else {
        return plain;
    };
    // No zone has ever skipped more than a day.
    for _ in 0..100 {
        match zone.from_local_datetime(&local) {
            LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => return time.timestamp_micros(),
            LocalResult::None => match local.checked_add_signed(Duration::minutes(15)) {
                Some(later) => local = later,
                None => return plain,
            },
        }
    }
    plain
}

/// The local day since 1970-01-01 of an instant.
pub(super) fn day(micros: i64, zone: Tz) -> i64 {
    micros.saturating_add(offset(micros, zone)).div_euclid(DAY)
}

/// What local clocks are ahead of UTC, in microseconds; 0 beyond the calendar.
pub(super) fn offset(micros: i64, zone: Tz) -> i64 {
    if zone == Tz::UTC {
        return 0;
    }
    DateTime::from_timestamp_micros(micros).map_or(0, |instant| {
        i64::from(zone.offset_from_utc_datetime(&instant.naive_utc()).fix().local_minus_utc()) * SECOND
    })
}
