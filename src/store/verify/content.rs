//! Is a data file what the log says of it?

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Field, Int64Type, Schema, SchemaRef, TimestampMicrosecondType,
};
use datafusion::arrow::temporal_conversions::date32_to_datetime;
use datafusion::common::Result;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt};
use parquet::arrow::async_reader::ParquetRecordBatchStreamBuilder;
use xxhash_rust::xxh3::Xxh3;

use crate::calendar::LocalDays;
use crate::store::Store;
use crate::store::data_file::{DataFile, FileRange};
use crate::store::object_reader::ObjectReader;
use crate::store::reader::UserRange;
use crate::store::schema::timestamp;

/// What was expected, and what was found.
type Finding = (String, String);

/// Bytes that are read at once for the checksum.
const BLOCK: u64 = 8 << 20;

/// All that differs; only the first thing where the bytes are not those that were written.
pub(super) async fn file_problems(store: &Store, table: &str, file: &DataFile) -> Result<Vec<Finding>> {
    let location = store.location(table, &file.path)?;
    let size = match store.objects().head(&location).await {
        Ok(meta) => meta.size,
        Err(Error::NotFound { .. }) => return Ok(vec![differ("a file", "none")]),
        Err(e) => return Err(e.into()),
    };
    if size != file.size {
        return Ok(vec![differ(format!("{} bytes", file.size), format!("{size} bytes"))]);
    }
    let checksum = checksum(store, &location, size).await?;
    if checksum != file.checksum {
        let text = |checksum: u64| format!("checksum {checksum:016x}");
        return Ok(vec![differ(text(file.checksum), text(checksum))]);
    }
    match &file.range {
        Some(range) if table == "events" => Events::read(store, file).await?.compare(file, range),
        None if table == "events" => Ok(vec![differ("bounds of its events in the log", "none")]),
        _ => {
            let rows = rows_of(store, location, size).await?;
            Ok(if rows == file.rows { vec![] } else { vec![rows_differ(file, rows)] })
        }
    }
}

fn differ(expected: impl Into<String>, found: impl Into<String>) -> Finding {
    (expected.into(), found.into())
}

fn rows_differ(file: &DataFile, found: u64) -> Finding {
    differ(format!("{} rows", file.rows), format!("{found} rows"))
}

async fn checksum(store: &Store, location: &Path, size: u64) -> Result<u64> {
    let mut hash = Xxh3::new();
    let mut at = 0;
    while at < size {
        let end = (at + BLOCK).min(size);
        hash.update(&store.objects().get_range(location, at..end).await?);
        at = end;
    }
    Ok(hash.digest())
}

/// Rows of a file of any table, every column of each.
async fn rows_of(store: &Store, location: Path, size: u64) -> Result<u64> {
    let reader = ObjectReader { store: Arc::clone(store.objects()), location, size };
    let mut batches = ParquetRecordBatchStreamBuilder::new(reader).await?.build()?;
    let mut rows = 0;
    while let Some(batch) = batches.try_next().await? {
        rows += batch.num_rows() as u64;
    }
    Ok(rows)
}

/// The columns that an event cannot lack; here they may, so that a NULL is found and not refused.
fn needed() -> SchemaRef {
    let field = |name: &str, data_type| Field::new(name, data_type, true);
    Arc::new(Schema::new(vec![
        field("user_id", DataType::Utf8View),
        field("ts", timestamp()),
        field("seq", DataType::Int64),
        field("event", DataType::Utf8View),
        field("dt", DataType::Date32),
    ]))
}

/// What a file of events holds.
struct Events {
    rows: u64,
    /// Names of needed columns with a NULL.
    lacking: Vec<String>,
    range: Option<FileRange>,
    days: BTreeMap<i32, u64>,
    /// First row (from 0) that comes before its predecessor in the order of the store.
    unsorted: Option<u64>,
    /// First row whose `dt` is not the local day of its `ts`: its number, that day, and what stands there.
    misdated: Option<(u64, i32, i32)>,
    last: Option<(String, i64, i64)>,
    calendar: LocalDays,
}

impl Events {
    async fn read(store: &Store, file: &DataFile) -> Result<Self> {
        let mut events = Self {
            rows: 0,
            lacking: Vec::new(),
            range: None,
            days: BTreeMap::new(),
            unsorted: None,
            misdated: None,
            last: None,
            calendar: LocalDays::new(store.time_zone()),
        };
        let mut batches = store.read(file, &needed(), UserRange::default())?.open().await?;
        while let Some(batch) = batches.try_next().await? {
            events.add(&batch);
        }
        Ok(events)
    }

    fn add(&mut self, batch: &RecordBatch) {
        let schema = batch.schema();
        for (field, column) in schema.fields().iter().zip(batch.columns()) {
            if column.null_count() > 0 && !self.lacking.contains(field.name()) {
                self.lacking.push(field.name().clone());
            }
        }
        let users = batch.column(0).as_string_view();
        let ts = batch.column(1).as_primitive::<TimestampMicrosecondType>().values();
        let seq = batch.column(2).as_primitive::<Int64Type>().values();
        let dt = batch.column(4).as_primitive::<Date32Type>().values();
        // A user's rows stand together and mostly in few days: whoever and whichever day it is, is looked up once a run.
        let mut run: (i32, u64) = (0, 0);
        for row in 0..batch.num_rows() {
            let (user, at) = (users.value(row), (ts[row], seq[row]));
            let is_sorted = match row.checked_sub(1) {
                Some(before) => (users.value(before), (ts[before], seq[before])) <= (user, at),
                None => {
                    self.last.as_ref().is_none_or(|last| (last.0.as_str(), (last.1, last.2)) <= (user, at))
                }
            };
            let number = self.rows + row as u64;
            if !is_sorted {
                self.unsorted.get_or_insert(number);
            }
            let day = self.calendar.day(ts[row]);
            if day != dt[row] {
                self.misdated.get_or_insert((number, day, dt[row]));
            }
            if run.1 > 0 && run.0 != dt[row] {
                *self.days.entry(run.0).or_default() += run.1;
                run.1 = 0;
            }
            run = (dt[row], run.1 + 1);
            self.widen(user, ts[row], dt[row], row > 0 && users.value(row - 1) == user);
        }
        if run.1 > 0 {
            *self.days.entry(run.0).or_default() += run.1;
        }
        if let Some(end) = batch.num_rows().checked_sub(1) {
            self.last = Some((users.value(end).to_string(), ts[end], seq[end]));
        }
        self.rows += batch.num_rows() as u64;
    }

    fn widen(&mut self, user: &str, ts: i64, dt: i32, same_user: bool) {
        let Some(range) = &mut self.range else {
            self.range =
                Some(FileRange { users: (user.to_string(), user.to_string()), ts: (ts, ts), dt: (dt, dt) });
            return;
        };
        range.ts = (range.ts.0.min(ts), range.ts.1.max(ts));
        range.dt = (range.dt.0.min(dt), range.dt.1.max(dt));
        if !same_user {
            if user < range.users.0.as_str() {
                range.users.0 = user.to_string();
            }
            if user > range.users.1.as_str() {
                range.users.1 = user.to_string();
            }
        }
    }

    fn compare(self, file: &DataFile, range: &FileRange) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        if self.rows != file.rows {
            findings.push(rows_differ(file, self.rows));
        }
        for name in &self.lacking {
            findings.push(differ(format!("a value of {name} in every row"), "NULL"));
        }
        if let Some(row) = self.unsorted {
            findings.push(differ(
                "rows sorted by (user_id, ts, seq)",
                format!("row {row} after one that follows it"),
            ));
        }
        if let Some((row, day, dt)) = self.misdated {
            findings.push(differ(
                format!("dt {} in row {row}, the local day of its ts", date(day)),
                format!("dt {}", date(dt)),
            ));
        }
        let found =
            self.range.unwrap_or(FileRange { users: (String::new(), String::new()), ts: (0, 0), dt: (0, 0) });
        bounds(&mut findings, "user_id", &range.users, &found.users);
        bounds(&mut findings, "ts (in µs)", &range.ts, &found.ts);
        let dates = |(first, last): (i32, i32)| (date(first), date(last));
        bounds(&mut findings, "dt", &dates(range.dt), &dates(found.dt));
        let days: Vec<(i32, u64)> = self.days.into_iter().collect();
        // A file from before the log said it has none.
        if !file.days.is_empty() && days != file.days {
            findings.push(differ(rows_a_day(&file.days), rows_a_day(&days)));
        }
        Ok(findings)
    }
}

fn bounds<T: Debug + PartialEq>(findings: &mut Vec<Finding>, name: &str, expected: &(T, T), found: &(T, T)) {
    if expected != found {
        let text = |bounds: &(T, T)| format!("{name} from {:?} to {:?}", bounds.0, bounds.1);
        findings.push(differ(text(expected), text(found)));
    }
}

fn rows_a_day(days: &[(i32, u64)]) -> String {
    let days: Vec<String> = days.iter().map(|(day, rows)| format!("{rows} on {}", date(*day))).collect();
    format!("rows by day: {}", if days.is_empty() { "none".to_string() } else { days.join(", ") })
}

fn date(day: i32) -> String {
    match date32_to_datetime(day) {
        Some(date) => date.format("%Y-%m-%d").to_string(),
        None => format!("day {day}"),
    }
}
