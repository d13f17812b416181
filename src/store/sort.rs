//! Sorting a run of events in memory: by days first where they go to different files, then by (user_id, ts, seq).
//!
//! Comparing texts through an array costs two look-ups a comparison. The first 16 bytes of a user id as one integer
//! decide almost every comparison, and all of them where ids are that short.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use datafusion::arrow::array::{
    ArrayRef, Date32Array, Int64Array, RecordBatch, StringViewArray, TimestampMicrosecondArray, UInt32Array,
};
use datafusion::arrow::compute::take;
use datafusion::common::cast::{
    as_date32_array, as_int64_array, as_string_view_array, as_timestamp_microsecond_array,
};
use datafusion::common::{Result, exec_datafusion_err};

/// Adjacent days share a file until it holds so many rows.
const ROWS_OF_A_FILE: usize = 200_000;

/// The sort columns of a batch.
pub(crate) struct SortKeys<'a> {
    pub(crate) users: &'a StringViewArray,
    pub(crate) ts: &'a TimestampMicrosecondArray,
    pub(crate) seq: &'a Int64Array,
    pub(crate) dt: &'a Date32Array,
}

impl<'a> SortKeys<'a> {
    pub(crate) fn of(batch: &'a RecordBatch) -> Result<Self> {
        let column = |name: &str| {
            batch
                .column_by_name(name)
                .ok_or_else(|| exec_datafusion_err!("a run of events has no column {name}"))
        };
        Ok(Self {
            users: as_string_view_array(column("user_id")?)?,
            ts: as_timestamp_microsecond_array(column("ts")?)?,
            seq: as_int64_array(column("seq")?)?,
            dt: as_date32_array(column("dt")?)?,
        })
    }
}

/// Cuts the run into the parts that become one file each, every part sorted by (user_id, ts, seq).
pub(crate) fn sorted_parts(run: &RecordBatch) -> Result<Vec<RecordBatch>> {
    let keys = SortKeys::of(run)?;
    file_of_day(keys.dt)
        .into_iter()
        .map(|rows| {
            let indices = sorted_rows(&keys, rows);
            let columns = run
                .columns()
                .iter()
                .map(|column| Ok(take(column, &indices, None)?))
                .collect::<Result<Vec<ArrayRef>>>()?;
            Ok(RecordBatch::try_new(run.schema(), columns)?)
        })
        .collect()
}

/// The rows of each file: one a day, but days with few rows share one.
fn file_of_day(dt: &Date32Array) -> Vec<Vec<u32>> {
    let mut rows_of_day: BTreeMap<i32, usize> = BTreeMap::new();
    for &day in dt.values() {
        *rows_of_day.entry(day).or_default() += 1;
    }
    let mut file_of_day: BTreeMap<i32, usize> = BTreeMap::new();
    let mut sizes: Vec<usize> = Vec::new();
    for (&day, &rows) in &rows_of_day {
        match sizes.last_mut() {
            Some(size) if *size + rows <= ROWS_OF_A_FILE => *size += rows,
            _ => sizes.push(rows),
        }
        file_of_day.insert(day, sizes.len() - 1);
    }
    let mut files: Vec<Vec<u32>> = sizes.into_iter().map(Vec::with_capacity).collect();
    if let [only] = files.as_mut_slice() {
        only.extend(0..dt.len() as u32);
    } else {
        let mut last = None;
        for (row, &day) in dt.values().iter().enumerate() {
            let file = match last {
                Some((known, file)) if known == day => file,
                _ => file_of_day[&day],
            };
            last = Some((day, file));
            files[file].push(row as u32);
        }
    }
    files
}

fn sorted_rows(keys: &SortKeys<'_>, rows: Vec<u32>) -> UInt32Array {
    struct Row {
        prefix: u128,
        ts: i64,
        row: u32,
    }
    let longest = keys.users.views().iter().map(|view| *view as u32).max().unwrap_or(0);
    let mut order: Vec<Row> = rows
        .into_iter()
        .map(|row| Row {
            prefix: prefix(keys.users.value(row as usize).as_bytes()),
            ts: keys.ts.value(row as usize),
            row,
        })
        .collect();
    let user = |row: &Row| keys.users.value(row.row as usize);
    // A prefix is padded with zeros: ids that differ only in trailing NUL bytes or beyond 16 bytes need the whole text.
    let whole_texts =
        longest > 16 || order.iter().any(|row| row.prefix & 0xff == 0 && user(row).contains('\0'));
    order.sort_unstable_by(|a, b| {
        a.prefix
            .cmp(&b.prefix)
            .then_with(|| if whole_texts { user(a).cmp(user(b)) } else { Ordering::Equal })
            .then_with(|| a.ts.cmp(&b.ts))
            .then_with(|| keys.seq.value(a.row as usize).cmp(&keys.seq.value(b.row as usize)))
            .then_with(|| a.row.cmp(&b.row))
    });
    order.into_iter().map(|row| row.row).collect::<Vec<u32>>().into()
}

/// The first 16 bytes, big-endian, so that integers compare as texts do.
fn prefix(text: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    let length = text.len().min(16);
    bytes[..length].copy_from_slice(&text[..length]);
    u128::from_be_bytes(bytes)
}
