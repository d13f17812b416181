//! What does a text say? The one reading of numbers, truth values and times: of foreign columns while they land, and of
//! declared properties, also those of files that were written before the declaration.
//!
//! | reading | accepted, with spaces around it |
//! |---|---|
//! | [`integer`] | a whole number that fits 64 bits; 1001.0 and 1e3 are whole, 12.5 is not |
//! | [`number`] | a finite number: no NaN, no infinity, also none by overflow |
//! | [`truth`] | `true`, `false`, `1`, `0` in any case; `yes`, `on` and `t` are words |
//! | [`instant`] | RFC 3339 or one of its relatives (a space for the T, no zone, a date alone), or a number |
//!
//! A number that is a time counts a unit since the epoch. A time without a zone is read in a given one: of an hour that
//! occurs twice the first, and in an hour that is skipped by the offset before the change.

use chrono::{DateTime, Days, MappedLocalTime, NaiveDateTime, Offset, TimeZone, Utc};
use chrono_tz::Tz;
use datafusion::arrow::compute::kernels::cast_utils::string_to_datetime;
use serde::{Deserialize, Serialize};

pub(crate) fn integer(text: &str) -> Option<i64> {
    let text = text.trim();
    match text.parse() {
        Ok(number) => Some(number),
        Err(_) => text.parse().ok().and_then(whole),
    }
}

/// A float that is an integer, as far as every integer is a float.
pub(crate) fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

pub(crate) fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

pub(crate) fn truth(text: &str) -> Option<bool> {
    match text.trim() {
        "1" => Some(true),
        "0" => Some(false),
        text if text.eq_ignore_ascii_case("true") => Some(true),
        text if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Microseconds since the epoch.
pub(crate) fn instant(text: &str, reading: Reading) -> Option<i64> {
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

/// How times without a unit or a zone are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) unit: Option<Unit>,
    pub(crate) zone: Tz,
}

/// What a number counts.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unit {
    S,
    Ms,
    Us,
    Ns,
}

impl Unit {
    pub(crate) const NAMES: [&'static str; 4] = ["s", "ms", "us", "ns"];

    pub(crate) fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::S, Self::Ms, Self::Us, Self::Ns].into_iter().find(|unit| unit.name() == name)
    }

    pub(crate) fn micros(self, number: i64) -> Option<i64> {
        match self {
            Self::S => number.checked_mul(1_000_000),
            Self::Ms => number.checked_mul(1_000),
            Self::Us => Some(number),
            Self::Ns => Some(number.div_euclid(1_000)),
        }
    }

    pub(crate) fn micros_of_fraction(self, number: f64) -> Option<i64> {
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

/// `micros` since the epoch on the wall clock of `zone`.
pub(crate) fn local_to_utc(micros: i64, zone: Tz) -> Option<i64> {
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
