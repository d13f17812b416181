//! A local day, and the stretches of the calendar into which a range of days falls.

use std::fmt::{self, Display};
use std::str::FromStr;

use chrono::{Datelike, Days, Months, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::ask::Period;

/// A day of the store's calendar, counted from 1970-01-01; written as `2026-03-01`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(pub i32);

/// A day, week or month, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// `2026-03-01`, `2026-W09`, `2026-03`: the name of its folder.
    pub name: String,
    pub from: Day,
    pub to: Day,
}

impl Day {
    fn date(self) -> NaiveDate {
        NaiveDate::from_epoch_days(self.0).unwrap_or_default()
    }

    fn of(date: NaiveDate) -> Self {
        Self(date.to_epoch_days())
    }
}

impl Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.date().format("%Y-%m-%d"))
    }
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .map(Self::of)
            .map_err(|_| format!("'{text}' is not a day as YYYY-MM-DD"))
    }
}

impl TryFrom<String> for Day {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

/// The days, or the whole weeks or months, that the range `from` to `to` touches, in order.
pub fn stretches(period: Period, from: Day, to: Day) -> Vec<Stretch> {
    let mut all = Vec::new();
    let mut next = from;
    while next <= to {
        let stretch = around(period, next.date());
        next = Day(stretch.to.0.saturating_add(1));
        all.push(stretch);
    }
    all
}

/// The day, week or month in which `date` lies.
fn around(period: Period, date: NaiveDate) -> Stretch {
    let (first, last, name) = match period {
        Period::Day => (date, date, date.format("%Y-%m-%d")),
        Period::Week => {
            let first = date - Days::new(u64::from(date.weekday().num_days_from_monday()));
            (first, first + Days::new(6), date.format("%G-W%V"))
        }
        Period::Month => {
            let first = date - Days::new(u64::from(date.day0()));
            (first, first + Months::new(1) - Days::new(1), date.format("%Y-%m"))
        }
    };
    Stretch { name: name.to_string(), from: Day::of(first), to: Day::of(last) }
}
