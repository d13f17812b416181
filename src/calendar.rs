//! Local days: on which day of a zone's calendar is an instant, and does that day ever go back?

#[cfg(feature = "store")]
use std::collections::HashMap;
#[cfg(feature = "store")]
use std::sync::{LazyLock, Mutex};

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

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
            let offset = self::offset(self.zone, micros);
            let from = utc_day.saturating_mul(DAY);
            if self::offset(self.zone, from) == offset
                && self::offset(self.zone, from.saturating_add(DAY - 1)) == offset
            {
                self.offsets[slot] = (utc_day, offset);
            }
            offset
        };
        micros.saturating_add(offset).div_euclid(DAY) as i32
    }

    /// Instants from `micros`, for which [`Self::day`] was asked last, to before this one are on the same local day. At the latest
    /// the next midnight, there or in UTC; `micros` itself on a day on which the clocks change.
    pub(crate) fn same_until(&self, micros: i64) -> i64 {
        let utc_day = micros.div_euclid(DAY);
        let midnight = utc_day.saturating_add(1).saturating_mul(DAY);
        if self.offsets.is_empty() {
            return midnight;
        }
        let (known_day, offset) = self.offsets[utc_day.rem_euclid(SLOTS as i64) as usize];
        if known_day != utc_day {
            return micros;
        }
        let day = micros.saturating_add(offset).div_euclid(DAY);
        midnight.min(day.saturating_add(1).saturating_mul(DAY).saturating_sub(offset))
    }
}

/// What local clocks are ahead of UTC at `micros` since 1970, in microseconds; 0 beyond the calendar.
fn offset(zone: Tz, micros: i64) -> i64 {
    DateTime::from_timestamp_micros(micros).map_or(0, |instant| {
        let offset = zone.offset_from_utc_datetime(&instant.naive_utc()).fix();
        i64::from(offset.local_minus_utc()) * SECOND
    })
}

/// Whether the local date of a later instant is never the earlier date: clocks are nowhere put back over a midnight, as
/// St. John's did at 00:01. Checked from 1990, before which a store takes no event, to 2040.
#[cfg(feature = "store")]
pub(crate) fn days_only_rise(zone: &str) -> bool {
    static KNOWN: LazyLock<Mutex<HashMap<String, bool>>> = LazyLock::new(Mutex::default);
    let Ok(mut known) = KNOWN.lock() else { return false };
    *known.entry(zone.to_string()).or_insert_with(|| zone.parse().is_ok_and(only_rise))
}

#[cfg(feature = "store")]
fn only_rise(zone: Tz) -> bool {
    let days = 631_152_000 * SECOND..2_208_988_800 * SECOND;
    days.step_by(DAY as usize).all(|day| {
        // Clocks are put back at most once a day.
        let (mut before, mut after) = (day, day + DAY);
        if offset(zone, after) >= offset(zone, before) {
            return true;
        }
        while after - before > 1 {
            let middle = (before + after) / 2;
            if offset(zone, middle) < offset(zone, day) { after = middle } else { before = middle }
        }
        (before + offset(zone, before)).div_euclid(DAY) <= (after + offset(zone, after)).div_euclid(DAY)
    })
}
