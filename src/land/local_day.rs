//! Which local day is an instant on? A log is mostly in time order, so the bounds of the last day answer nearly always.

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 86_400 * SECOND;

pub(super) struct LocalDays {
    zone: Tz,
    /// The last answer, and the half-open span of instants for which it holds.
    day: i32,
    from: i64,
    until: i64,
}

impl LocalDays {
    pub(super) fn new(zone: Tz) -> Self {
        Self { zone, day: 0, from: 0, until: 0 }
    }

    /// Days since the epoch on the zone's calendar at `micros` since the epoch.
    pub(super) fn day(&mut self, micros: i64) -> i32 {
        if micros < self.from || micros >= self.until {
            self.look_up(micros);
        }
        self.day
    }

    fn look_up(&mut self, micros: i64) {
        let offset = self.offset(micros);
        let day = micros.saturating_add(offset).div_euclid(DAY);
        let from = (day * DAY).saturating_sub(offset);
        let until = from.saturating_add(DAY);
        // On a day when the clocks change, the day's span is not one piece of 24 hours. Clocks change on whole minutes.
        let steady = self.offset(from) == offset && self.offset(until.saturating_sub(1)) == offset;
        let minute = micros.div_euclid(MINUTE) * MINUTE;
        (self.from, self.until) =
            if steady { (from, until) } else { (minute, minute.saturating_add(MINUTE)) };
        self.day = day as i32;
    }

    /// What local clocks are ahead of UTC.
    fn offset(&self, micros: i64) -> i64 {
        DateTime::from_timestamp_micros(micros).map_or(0, |instant| {
            let offset = self.zone.offset_from_utc_datetime(&instant.naive_utc()).fix();
            i64::from(offset.local_minus_utc()) * SECOND
        })
    }
}
