//! How time is cut into numbered periods: which one holds a day or a number, and where does it begin?
//!
//! ```text
//! Days, length 7, first -3 (Monday, 29 December 1969):   …│ 0: 29 Dec – 4 Jan │ 1: 5 – 11 Jan │…
//! Months, length 1, first 0:                             …│ 0: January 1970   │ 1: February   │…
//! ```
//!
//! A day is a day of the local calendar, so a period of days or months is as long as the clocks of its zone make it: 23,
//! 24 or 25 hours a day. What the zone has to do with it is decided before, by `local`; here are whole numbers only.
//!
//! Stored before each bitmap: one byte of version, one of kind, then `length` (varint) and `first` (zigzag varint).

use serde::{Deserialize, Serialize};

use crate::functions::bytes::{read_number, read_signed, write_number, write_signed};

/// Periods of one length; period 0 begins at `first`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Periods {
    pub(crate) unit: Unit,
    pub(crate) length: i64,
    pub(crate) first: i64,
}

/// What `length` and `first` count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    /// Days of the local calendar since 1970-01-01.
    Days,
    /// Months of the local calendar since January 1970.
    Months,
    /// Microseconds since 1970-01-01 00:00 UTC.
    Micros,
    /// Numbers whose meaning is the user's.
    Numbers,
}

const VERSION: u8 = 1;

impl Periods {
    pub(crate) const DAY: Periods = Periods { unit: Unit::Days, length: 1, first: 0 };

    /// The period that holds this local day; the unit must be days or months.
    pub(crate) fn of_day(&self, day: i64) -> i64 {
        match self.unit {
            Unit::Months => self.of_number(month_of(day)),
            _ => self.of_number(day),
        }
    }

    /// The period that holds this number of the unit.
    pub(crate) fn of_number(&self, number: i64) -> i64 {
        let distance = number.saturating_sub(self.first);
        if self.length == 1 { distance } else { distance.div_euclid(self.length) }
    }

    /// Where the period begins, in the unit; saturates.
    pub(crate) fn start(&self, period: i64) -> i64 {
        self.first.saturating_add(period.saturating_mul(self.length))
    }

    /// The local day on which the period begins; the unit must be days or months.
    pub(crate) fn first_day(&self, period: i64) -> i64 {
        match self.unit {
            Unit::Months => day_of_month(self.start(period)),
            _ => self.start(period),
        }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.push(match self.unit {
            Unit::Days => 1,
            Unit::Months => 2,
            Unit::Micros => 3,
            Unit::Numbers => 4,
        });
        write_number(out, self.length as u64);
        write_signed(out, self.first);
    }

    /// The periods and the bytes after them; `None` for bytes that [`Self::write`] does not write.
    pub(crate) fn read(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let [VERSION, kind, rest @ ..] = bytes else {
            return None;
        };
        let unit = match kind {
            1 => Unit::Days,
            2 => Unit::Months,
            3 => Unit::Micros,
            4 => Unit::Numbers,
            _ => return None,
        };
        let mut rest = rest;
        let length = i64::try_from(read_number(&mut rest).ok()?).ok().filter(|length| *length > 0)?;
        let first = read_signed(&mut rest).ok()?;
        Some((Self { unit, length, first }, rest))
    }
}

impl std::fmt::Display for Periods {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let unit = match self.unit {
            Unit::Days => "days",
            Unit::Months => "months",
            Unit::Micros => "microseconds",
            Unit::Numbers => "numbers",
        };
        write!(f, "{} {unit} from {unit} {}", self.length, self.first)
    }
}

/// Months since January 1970 at a day since 1970-01-01, by the Gregorian calendar's 400 years of 146,097 days.
pub(crate) fn month_of(day: i64) -> i64 {
    // Years begin in March here, so that the leap day is the last of a year.
    let day = day.saturating_add(719_468);
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let month = (5 * (day - (365 * year + year / 4 - year / 100)) + 2) / 153;
    (era * 400 + year) * 12 + month + 2 - 1970 * 12
}

/// The first day of a month: the inverse of [`month_of`].
pub(crate) fn day_of_month(month: i64) -> i64 {
    // Beyond this no day fits; nothing real is near it.
    let month = month.clamp(-1 << 50, 1 << 50) + 1970 * 12 - 2;
    let (year, month) = (month.div_euclid(12), month.rem_euclid(12));
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    era * 146_097 + 365 * year + year / 4 - year / 100 + (153 * month + 2) / 5 - 719_468
}
