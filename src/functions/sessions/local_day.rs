//! What is one tick of `ts` worth, and on which local day does it fall?

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;

const DAY: i64 = 86_400 * 1_000_000;

/// The unit in which the machines of this folder count time: the unit of the `ts` column, so that nothing is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// An instant: so many nanoseconds a tick.
    Nanos(i64),
    /// An integer in a unit that nobody has stated.
    Number,
    /// The same, unsigned: `TimeType` shifts it by 2^63 to keep order and distance.
    UnsignedNumber,
}

impl Unit {
    /// Only an instant has a local day, a length in minutes, a midnight.
    pub(crate) fn is_instant(self) -> bool {
        matches!(self, Unit::Nanos(_))
    }

    /// Microseconds since the epoch; the number itself where the unit is unknown.
    pub(crate) fn micros(self, ticks: i64) -> i64 {
        match self {
            Unit::Nanos(nanos) if nanos >= 1_000 => ticks.saturating_mul(nanos / 1_000),
            Unit::Nanos(nanos) => ticks.div_euclid(1_000 / nanos),
            Unit::Number => ticks,
            Unit::UnsignedNumber => ticks ^ i64::MIN,
        }
    }

    /// Whole milliseconds of a length of time, rounded down; the number itself where the unit is unknown.
    pub(crate) fn millis(self, ticks: i64) -> i64 {
        match self {
            Unit::Nanos(nanos) if nanos >= 1_000_000 => ticks.saturating_mul(nanos / 1_000_000),
            Unit::Nanos(nanos) => ticks.div_euclid(1_000_000 / nanos),
            Unit::Number | Unit::UnsignedNumber => ticks,
        }
    }
}

/// The calendar of one zone.
///
/// Rows come user by user, so the day jumps back and forth all the time and remembering the last answer is not enough.
/// What hardly ever changes is the zone's distance from UTC: it is kept for each UTC day on which it is constant, and the
/// zone database is asked again only for a day not met lately or one on which the clocks change.
#[derive(Debug, Clone)]
pub(crate) struct LocalDays {
    zone: Tz,
    /// Per UTC day (modulo the number of slots): that day and the offset on it in microseconds.
    offsets: Vec<(i64, i64)>,
}

const SLOTS: usize = 1 << 9;

impl LocalDays {
    pub(crate) fn new(zone: Tz) -> Self {
        let offsets = if zone == Tz::UTC { vec![] } else { vec![(i64::MIN, 0); SLOTS] };
        Self { zone, offsets }
    }

    /// Days since the epoch on the zone's calendar.
    pub(crate) fn day(&mut self, micros: i64) -> i32 {
        if self.offsets.is_empty() {
            return micros.div_euclid(DAY) as i32;
        }
        let utc_day = micros.div_euclid(DAY);
        let slot = utc_day.rem_euclid(SLOTS as i64) as usize;
        let (known_day, known_offset) = self.offsets[slot];
        let offset = if known_day == utc_day {
            known_offset
        } else {
            let offset = self.offset(micros);
            let from = utc_day.saturating_mul(DAY);
            if self.offset(from) == offset && self.offset(from.saturating_add(DAY - 1)) == offset {
                self.offsets[slot] = (utc_day, offset);
            }
            offset
        };
        micros.saturating_add(offset).div_euclid(DAY) as i32
    }

    /// What local clocks are ahead of UTC, in microseconds; 0 beyond the calendar.
    fn offset(&self, micros: i64) -> i64 {
        DateTime::from_timestamp_micros(micros).map_or(0, |instant| {
            let offset = self.zone.offset_from_utc_datetime(&instant.naive_utc()).fix();
            i64::from(offset.local_minus_utc()) * 1_000_000
        })
    }
}
