//! Calendar slots: at which tick does the day, week, month, hour or fixed span begin in which a time lies?
//!
//! Days, weeks and months are those of a zone, so a day may have 23 or 25 hours. Parts of a day (a length that divides
//! 24 hours) are read off the local clock from midnight on; an hour that the clock shows twice is two slots. Every other
//! length, and a number of ticks, is counted from 1970-01-01 00:00 UTC or from tick 0.

use chrono::{
    DateTime, Datelike, Days, Duration, LocalResult, NaiveDate, NaiveDateTime, Offset, TimeZone, Utc,
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// How the time line is cut.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Slot {
    /// A fixed number of ticks.
    Ticks(u64),
    /// A part of a day, in nanoseconds.
    Clock(i64),
    /// So many days, counted from Monday 5 January 1970: seven are a week.
    Days(u32),
    /// So many months, counted from January 1970: three are a quarter, twelve a year.
    Months(u32),
}

pub(super) const HOUR: i64 = 3_600_000_000_000;
pub(super) const DAY: i64 = 24 * HOUR;
const SECOND: i128 = 1_000_000_000;

/// Finds the slots of times.
#[derive(Debug)]
pub(super) struct Slots {
    slot: Slot,
    zone: Tz,
    nanos_per_tick: i128,
    /// The tick from which a fixed number of them is counted.
    origin: i64,
    /// Days or months met before: where they begin and where the next one begins, ascending.
    known: Vec<(i64, i64)>,
}

/// Enough for ten years of days.
const MAX_KNOWN: usize = 4096;

impl Slots {
    pub(super) fn new(slot: Slot, zone: Tz, nanos_per_tick: i128) -> Self {
        Self { slot, zone, nanos_per_tick, origin: 0, known: Vec::new() }
    }

    pub(super) fn with_origin(self, origin: i64) -> Self {
        Self { origin, ..self }
    }

    /// The first tick of the slot of `ts`. A time beyond the calendar (years ±250,000) is a slot of its own.
    pub(super) fn start(&mut self, ts: i64) -> i64 {
        match self.slot {
            Slot::Ticks(ticks) => {
                let distance = i128::from(ts) - i128::from(self.origin);
                let into = distance.rem_euclid(i128::from(ticks.max(1)));
                i64::try_from(i128::from(ts) - into).unwrap_or(i64::MIN)
            }
            Slot::Clock(nanos) => self.clock_start(ts, nanos).unwrap_or(ts),
            Slot::Days(_) | Slot::Months(_) => self.known_start(ts),
        }
    }

    /// Heap bytes by capacity.
    pub(super) fn heap(&self) -> usize {
        self.known.capacity() * size_of::<(i64, i64)>()
    }

    fn known_start(&mut self, ts: i64) -> i64 {
        let place = self.known.partition_point(|(start, _)| *start <= ts);
        if let Some(&(start, end)) = place.checked_sub(1).and_then(|place| self.known.get(place))
            && ts < end
        {
            return start;
        }
        let Some((start, end)) = self.bounds(ts) else {
            return ts;
        };
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        let place = self.known.partition_point(|(known, _)| *known < start);
        self.known.insert(place, (start, end));
        start
    }

    fn bounds(&self, ts: i64) -> Option<(i64, i64)> {
        let date = self.local(ts)?.date();
        let (start, end) = match self.slot {
            Slot::Months(months) => {
                let months = i64::from(months);
                let month = (i64::from(date.year()) - 1970) * 12 + i64::from(date.month0());
                let first = month.div_euclid(months) * months;
                (first_of_month(first)?, first_of_month(first + months)?)
            }
            Slot::Days(days) => {
                let monday = NaiveDate::from_ymd_opt(1970, 1, 5)?;
                let into = date.signed_duration_since(monday).num_days().rem_euclid(i64::from(days));
                let start = date.checked_sub_days(Days::new(into as u64))?;
                (start, start.checked_add_days(Days::new(u64::from(days)))?)
            }
            Slot::Ticks(_) | Slot::Clock(_) => return None,
        };
        Some((
            self.ticks(self.first_valid(start.and_hms_opt(0, 0, 0)?)?)?,
            self.ticks(self.first_valid(end.and_hms_opt(0, 0, 0)?)?)?,
        ))
    }

    fn clock_start(&self, ts: i64, nanos: i64) -> Option<i64> {
        if nanos <= HOUR {
            // By the offset of this very moment, which tells the two hours apart that the clock shows twice.
            let offset = self.zone.offset_from_utc_datetime(&self.utc(ts)?.naive_utc()).fix();
            let local = i128::from(ts) * self.nanos_per_tick + i128::from(offset.local_minus_utc()) * SECOND;
            let start = i128::from(ts) * self.nanos_per_tick - local.rem_euclid(i128::from(nanos));
            return i64::try_from(start.div_euclid(self.nanos_per_tick)).ok();
        }
        let local = self.local(ts)?;
        let midnight = local.date().and_hms_opt(0, 0, 0)?;
        let into = local.signed_duration_since(midnight).num_nanoseconds()?;
        let start = midnight.checked_add_signed(Duration::nanoseconds(into - into % nanos))?;
        self.ticks(self.first_valid(start)?)
    }

    fn utc(&self, ts: i64) -> Option<DateTime<Utc>> {
        // Beyond these seconds a change of zone may leave the calendar.
        const LAST: i64 = 7_900_000_000_000;
        let nanos = i128::from(ts) * self.nanos_per_tick;
        let seconds = i64::try_from(nanos.div_euclid(SECOND)).ok().filter(|seconds| seconds.abs() < LAST)?;
        DateTime::from_timestamp(seconds, u32::try_from(nanos.rem_euclid(SECOND)).ok()?)
    }

    fn local(&self, ts: i64) -> Option<NaiveDateTime> {
        Some(self.utc(ts)?.with_timezone(&self.zone).naive_local())
    }

    fn ticks(&self, time: DateTime<Tz>) -> Option<i64> {
        let nanos = i128::from(time.timestamp()) * SECOND + i128::from(time.timestamp_subsec_nanos());
        i64::try_from(nanos.div_euclid(self.nanos_per_tick)).ok()
    }

    /// When the clocks of the zone show `local` for the first time; if they skip it, what they show next.
    fn first_valid(&self, mut local: NaiveDateTime) -> Option<DateTime<Tz>> {
        for _ in 0..200 {
            match self.zone.from_local_datetime(&local) {
                LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => return Some(time),
                LocalResult::None => local = local.checked_add_signed(Duration::minutes(15))?,
            }
        }
        None
    }
}

/// The first day of the month that many months after January 1970.
fn first_of_month(month: i64) -> Option<NaiveDate> {
    let year = i32::try_from(1970 + month.div_euclid(12)).ok()?;
    NaiveDate::from_ymd_opt(year, month.rem_euclid(12) as u32 + 1, 1)
}
