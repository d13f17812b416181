//! Is the row an event? Each rule is first asked of the whole column; only if that fails, of its rows.
//!
//! | column | a row is rejected if |
//! |---|---|
//! | `user_id` | missing, empty, over 512 bytes |
//! | `ts` | missing, before 1990-01-01, more than 24 hours after `received_at` (the landing where that is NULL) |
//! | `event` | missing, empty |
//! | any text, any property | over 64 KiB |
//! | `props` | more than 256 properties |

use chrono::{DateTime, TimeDelta, Utc};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, MapArray, StringViewArray};
use datafusion::arrow::datatypes::{DataType, SchemaRef, TimestampMicrosecondType};

use super::instant::other_unit;
use super::quarantine::{Fault, Faults};

/// Longest text of a column, in bytes.
pub(super) const MAX_TEXT: usize = 64 << 10;
/// Longest `user_id`, in bytes.
pub(super) const MAX_USER: usize = 512;
pub(super) const MAX_PROPERTIES: usize = 256;

/// Which times are possible.
pub(super) struct Limits {
    pub(super) earliest: DateTime<Utc>,
    /// How far a client's clock may be ahead of the server's.
    pub(super) future: TimeDelta,
    pub(super) now: DateTime<Utc>,
}

/// Checks `columns` of `schema`, the schema of events.
pub(super) fn check(schema: &SchemaRef, columns: &[ArrayRef], limits: &Limits, faults: &mut Faults) {
    let received_at = schema.index_of("received_at").ok().map(|index| &columns[index]);
    for (field, column) in schema.fields().iter().zip(columns) {
        let name = field.name().as_str();
        match (name, column.data_type()) {
            ("ts", _) => check_times(column, received_at, limits, faults),
            ("user_id" | "event", _) => check_needed(name, column.as_string_view(), faults),
            _ if column.null_count() == column.len() => {}
            (_, DataType::Utf8View) => check_length(name, column.as_string_view(), MAX_TEXT, faults),
            (_, DataType::Map(..)) => check_props(column.as_map(), faults),
            _ => {}
        }
    }
}

fn check_needed(name: &str, column: &StringViewArray, faults: &mut Faults) {
    if column.null_count() > 0 || column.lengths().any(|bytes| bytes == 0) {
        for row in 0..column.len() {
            if column.is_null(row) {
                faults.add(row, Fault::of_column(name, format!("{name} is missing")));
            } else if column.value(row).is_empty() {
                faults.add(row, Fault::of_column(name, format!("{name} is empty")));
            }
        }
    }
    check_length(name, column, if name == "user_id" { MAX_USER } else { MAX_TEXT }, faults);
}

fn check_length(name: &str, column: &StringViewArray, most: usize, faults: &mut Faults) {
    // Without a branch, so that the compiler can take several at once. A NULL may have any length.
    let longest = column.lengths().fold(0, u32::max) as usize;
    if longest <= most {
        return;
    }
    for (row, text) in column.iter().enumerate() {
        if text.is_some_and(|text| text.len() > most) {
            faults.add(row, Fault::of_column(name, format!("{name} is longer than {}", size(most))));
        }
    }
}

fn check_times(column: &ArrayRef, received_at: Option<&ArrayRef>, limits: &Limits, faults: &mut Faults) {
    let times = column.as_primitive::<TimestampMicrosecondType>();
    let received = received_at.filter(|received| received.null_count() < received.len());
    let received = received.map(|received| received.as_primitive::<TimestampMicrosecondType>());
    let earliest = limits.earliest.timestamp_micros();
    let future = limits.future.num_microseconds().unwrap_or(i64::MAX);
    let now = limits.now.timestamp_micros();
    let latest = now.saturating_add(future);
    if times.null_count() == 0 && received.is_none() {
        let (first, last) = times
            .values()
            .iter()
            .fold((i64::MAX, i64::MIN), |(first, last), t| (first.min(*t), last.max(*t)));
        if first >= earliest && last <= latest {
            return;
        }
    }
    for row in 0..times.len() {
        if times.is_null(row) {
            faults.add(row, Fault::of_column("ts", "ts is missing"));
            continue;
        }
        let time = times.value(row);
        let received = received.filter(|received| received.is_valid(row)).map(|received| received.value(row));
        let (latest, after) = match received {
            // What is received after the landing is no less impossible.
            Some(received) if received < now => (received.saturating_add(future), "received_at"),
            Some(_) => (latest, "the landing"),
            None => (latest, "the landing"),
        };
        if time < earliest {
            let day = limits.earliest.format("%Y-%m-%d");
            let reason = format!("ts is before {day}{}", other_unit(time, earliest, latest));
            faults.add(row, Fault::of_column("ts", reason));
        } else if time > latest {
            let hours = limits.future.num_hours();
            let reason =
                format!("ts is more than {hours} hours after {after}{}", other_unit(time, earliest, latest));
            faults.add(row, Fault::of_column("ts", reason));
        }
    }
}

fn check_props(column: &MapArray, faults: &mut Faults) {
    let offsets = column.value_offsets();
    if offsets.windows(2).any(|pair| (pair[1] - pair[0]) as usize > MAX_PROPERTIES) {
        for row in (0..column.len()).filter(|row| column.value_length(*row) as usize > MAX_PROPERTIES) {
            let reason = format!("more than {MAX_PROPERTIES} properties");
            faults.add(row, Fault::of_column("props", reason));
        }
    }
    let (keys, values) = (column.keys().as_string::<i32>(), column.values().as_string::<i32>());
    let too_long = |entry: usize| {
        keys.value_length(entry) as usize > MAX_TEXT || values.value_length(entry) as usize > MAX_TEXT
    };
    let (first, end) = (offsets[0] as usize, offsets[column.len()] as usize);
    if (first..end).any(too_long) {
        for row in 0..column.len() {
            if (offsets[row] as usize..offsets[row + 1] as usize).any(too_long) {
                let reason = format!("a property is longer than {}", size(MAX_TEXT));
                faults.add(row, Fault::of_column("props", reason));
            }
        }
    }
}

fn size(bytes: usize) -> String {
    match bytes.is_multiple_of(1024) {
        true => format!("{} KiB", bytes / 1024),
        false => format!("{bytes} bytes"),
    }
}
