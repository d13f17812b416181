//! From when to when: the local days of a zone as instants.

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, TimeDelta, TimeZone};
use chrono_tz::Tz;
use datafusion::common::{Result, plan_err};

/// Most days of a span: ten years.
const MAX_DAYS: u32 = 3660;

/// Consecutive local days.
#[derive(Debug)]
pub(super) struct Span {
    /// Instant at which each day starts, in milliseconds since 1970, and the instant at which the last ends.
    starts: Vec<i64>,
    /// Day of the week of the first day, from Monday as 0.
    first_weekday: usize,
    pub(super) year: i32,
}

impl Span {
    pub(super) fn new(from: NaiveDate, days: u32, zone: Tz) -> Result<Self> {
        if days == 0 || days > MAX_DAYS {
            return plan_err!("days: found {days}, accepted are 1 to {MAX_DAYS}");
        }
        if !(1991..2200).contains(&from.year()) {
            return plan_err!("from: found {from}, accepted are days from 1991-01-01 to 2199-12-31");
        }
        let dates = (0..=days).filter_map(|day| from.checked_add_days(Days::new(u64::from(day))));
        Ok(Self {
            starts: dates.map(|date| start_of(date, zone)).collect(),
            first_weekday: from.weekday().num_days_from_monday() as usize,
            year: from.year(),
        })
    }

    pub(super) fn days(&self) -> u32 {
        self.starts.len() as u32 - 1
    }

    pub(super) fn start(&self) -> i64 {
        self.starts[0]
    }

    pub(super) fn end(&self) -> i64 {
        self.starts[self.starts.len() - 1]
    }

    /// Start and length of a day, from 0. A day on which clocks change has 23 or 25 hours.
    pub(super) fn day(&self, day: u32) -> (i64, i64) {
        let day = day as usize;
        (self.starts[day], self.starts[day + 1] - self.starts[day])
    }

    /// From Monday as 0.
    pub(super) fn weekday(&self, day: u32) -> usize {
        (self.first_weekday + day as usize) % 7
    }
}

/// The first instant of a local day; where clocks skip midnight, that is when they are put forward.
fn start_of(date: NaiveDate, zone: Tz) -> i64 {
    let midnight = NaiveDateTime::from(date);
    let quarters = (0..96).map(|quarter| midnight + TimeDelta::minutes(15 * quarter));
    let instants = quarters.filter_map(|local| zone.from_local_datetime(&local).earliest());
    let first = instants.map(|instant| instant.timestamp_millis()).next();
    // A day that a zone leaves out as a whole, as Samoa did in 2011, is as long as nothing.
    first.unwrap_or_else(|| match date.succ_opt() {
        Some(next) => start_of(next, zone),
        None => midnight.and_utc().timestamp_millis(),
    })
}
