//! Numbers of an axis: how they are written, and the round ones around the data.

use crate::repl::grid::{Cell, Kind, plain_number};

/// The least and the greatest of the values, with 0 among them where that costs less than half of the picture.
pub(super) fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let (low, high) = values
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low > high {
        return None;
    }
    let (low, high) = if low > 0.0 && low <= high / 2.0 { (0.0, high) } else { (low, high) };
    let (low, high) = if high < 0.0 && high >= low / 2.0 { (low, 0.0) } else { (low, high) };
    if low == high {
        let by = if low == 0.0 { 1.0 } else { low.abs() / 2.0 };
        return Some((low - by, high + by));
    }
    Some((low, high))
}

/// 1234567 as 1.23M: what stands beside an axis.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    let (divisor, unit) = match size {
        s if s >= 1e12 => return format!("{value:.1e}"),
        s if s >= 1e9 => (1e9, "G"),
        s if s >= 1e6 => (1e6, "M"),
        s if s >= 1e4 => (1e3, "k"),
        _ => return plain_number(value),
    };
    format!("{}{unit}", plain_number((value / divisor * 100.0).round() / 100.0))
}

/// Where a cell stands on an axis of its kind: days and seconds since 1970, or the number itself.
pub(super) fn place(cell: &Cell, kind: Kind) -> Option<f64> {
    match (cell, kind) {
        (Cell::Number(..), _) => cell.value(),
        (Cell::Text(text), Kind::Date | Kind::Time) => seconds(text),
        _ => None,
    }
}

/// Seconds since 1970 of YYYY-MM-DD, or with HH:MM:SS behind a T or a blank.
fn seconds(text: &str) -> Option<f64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    // Days of the civil calendar, counted in years that begin in March.
    let (y, m) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let era = y.div_euclid(400);
    let of_era = y.rem_euclid(400);
    let of_year = (153 * m + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    let clock = match (number(11, 13), number(14, 16)) {
        (Some(hour), Some(minute)) => hour * 3600 + minute * 60 + number(17, 19).unwrap_or(0),
        _ => 0,
    };
    Some((days * 86_400 + clock) as f64)
}
