//! Which rows did not land, and why? A bad row keeps its place in the input, its text and one reason; the rest lands.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::arrow::array::{
    BooleanArray, Int64Builder, RecordBatch, StringViewBuilder, TimestampMicrosecondArray,
};
use datafusion::common::Result;

use super::check::MAX_TEXT;
use super::sources::shown;
use crate::store::schema::quarantine_schema;

/// What is wrong with a row.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    /// The event column or raw field, where it is one.
    pub(super) column: Option<String>,
    pub(super) reason: String,
}

impl Fault {
    pub(super) fn of_row(reason: impl Into<String>) -> Self {
        Self { column: None, reason: reason.into() }
    }

    pub(super) fn of_column(column: &str, reason: impl Into<String>) -> Self {
        Self { column: Some(column.to_owned()), reason: reason.into() }
    }
}

/// A row that does not land.
#[derive(Debug)]
pub(super) struct Reject {
    /// Line of a text file, number of the row in Parquet; counted from 1.
    pub(super) row: i64,
    pub(super) text: String,
    pub(super) fault: Fault,
}

/// The faults of a batch by row. The first fault of a row is the one that is told.
#[derive(Debug, Default)]
pub(super) struct Faults(BTreeMap<usize, Fault>);

impl Faults {
    pub(super) fn add(&mut self, row: usize, fault: Fault) {
        self.0.entry(row).or_insert(fault);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// True for each of `rows` rows that has no fault.
    pub(super) fn sound(&self, rows: usize) -> BooleanArray {
        let mut sound = vec![true; rows];
        self.0.keys().for_each(|row| sound[*row] = false);
        BooleanArray::from(sound)
    }

    pub(super) fn into_rows(self) -> impl Iterator<Item = (usize, Fault)> {
        self.0.into_iter()
    }
}

/// Rejected rows of one input on their way to the quarantine table.
pub(super) struct Quarantine {
    file: String,
    landed_at: i64,
    rejects: Vec<Reject>,
    bytes: usize,
}

/// Rows and bytes of text after which a batch is written.
const BATCH_ROWS: usize = 1024;
const BATCH_BYTES: usize = 4 << 20;

impl Quarantine {
    pub(super) fn new(source: &Path, landed_at: DateTime<Utc>) -> Self {
        Self { file: shown(source), landed_at: landed_at.timestamp_micros(), rejects: vec![], bytes: 0 }
    }

    pub(super) fn push(&mut self, reject: Reject) {
        self.bytes += reject.text.len();
        self.rejects.push(reject);
    }

    pub(super) fn is_full(&self) -> bool {
        self.rejects.len() >= BATCH_ROWS || self.bytes >= BATCH_BYTES
    }

    /// What was pushed since the last time.
    pub(super) fn take(&mut self) -> Result<RecordBatch> {
        self.bytes = 0;
        let rejects = std::mem::take(&mut self.rejects);
        let mut file = StringViewBuilder::new();
        let mut row = Int64Builder::new();
        let mut text = StringViewBuilder::new();
        let mut reason = StringViewBuilder::new();
        let mut column = StringViewBuilder::new();
        for reject in &rejects {
            file.append_value(&self.file);
            row.append_value(reject.row);
            text.append_value(shortened(&reject.text));
            reason.append_value(shortened(&reject.fault.reason));
            column.append_option(reject.fault.column.as_deref());
        }
        let landed_at = TimestampMicrosecondArray::from_value(self.landed_at, rejects.len());
        Ok(RecordBatch::try_new(
            quarantine_schema(),
            vec![
                Arc::new(file.finish()),
                Arc::new(row.finish()),
                Arc::new(text.finish()),
                Arc::new(reason.finish()),
                Arc::new(column.finish()),
                Arc::new(landed_at.with_timezone("UTC")),
            ],
        )?)
    }
}

/// The longest prefix of whole characters that a text column takes.
pub(super) fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT)]
}
