//! Does the local date ever go back in a zone? Only where clocks are put back over a midnight.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use chrono::{DateTime, NaiveDate, Offset, TimeZone, Utc};
use chrono_tz::Tz;

/// The years for which zones are checked, as seconds since 1970: a store takes no event before 1990, and rules of zones
/// are not known for ever.
const CHECKED: std::ops::Range<i64> = 631_152_000..2_208_988_800;

const DAY: i64 = 86_400;

/// Whether the local date of a later instant is never the earlier date. St. John's, for one, put clocks back at 00:01.
pub(super) fn only_rise(zone: &str) -> bool {
    static KNOWN: LazyLock<Mutex<HashMap<String, bool>>> = LazyLock::new(Mutex::default);
    let Ok(mut known) = KNOWN.lock() else { return false };
    *known.entry(zone.to_string()).or_insert_with(|| zone.parse().is_ok_and(check))
}

fn check(zone: Tz) -> bool {
    CHECKED.step_by(DAY as usize).all(|day| {
        // Clocks are put back at most once a day.
        let (mut before, mut after) = (day, day + DAY);
        if offset(zone, after) >= offset(zone, before) {
            return true;
        }
        while after - before > 1 {
            let middle = (before + after) / 2;
            if offset(zone, middle) < offset(zone, day) { after = middle } else { before = middle }
        }
        date(zone, before) <= date(zone, after)
    })
}

fn instant(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

fn offset(zone: Tz, seconds: i64) -> i32 {
    zone.offset_from_utc_datetime(&instant(seconds).naive_utc()).fix().local_minus_utc()
}

fn date(zone: Tz, seconds: i64) -> NaiveDate {
    instant(seconds).with_timezone(&zone).date_naive()
}
