//! Sorted rows to the bytes of a Parquet file.
//!
//! Row groups are cut at the split points, so that a shard's reader touches only its own. Columns without any value
//! are left out: a reader fills them with NULL.

use bytes::Bytes;
use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::compute::{max, min};
use datafusion::common::{Result, exec_datafusion_err};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use xxhash_rust::xxh3::xxh3_64;

use super::data_file::{DataFile, FileRange, Rank, Stamp};
use super::sort::SortKeys;
use super::splits::Splits;

/// Rows of a row group at most: what a reader holds compressed in memory for each file that it merges.
const ROW_GROUP: usize = 512 * 1024;

/// Rows of one sorted part as a file at `path`.
pub(crate) fn encode_events(
    part: &RecordBatch,
    splits: &Splits,
    stamp: Stamp,
    path: String,
) -> Result<(Bytes, DataFile)> {
    let mut writer = EventWriter::new(path, stamp);
    let keys = SortKeys::of(part)?;
    let mut start = 0;
    for point in splits.points.iter().map(|point| first_row_from(keys.users, point)).chain([part.num_rows()])
    {
        if point > start {
            writer.write(&part.slice(start, point - start))?;
            writer.cut()?;
            start = point;
        }
    }
    writer.finish()
}

/// First row whose user is `point` or later.
pub(crate) fn first_row_from(users: &datafusion::arrow::array::StringViewArray, point: &str) -> usize {
    let (mut low, mut high) = (0, users.len());
    while low < high {
        let middle = (low + high) / 2;
        if users.value(middle) < point { low = middle + 1 } else { high = middle }
    }
    low
}

/// Writes one data file in memory, batch by batch.
pub(crate) struct EventWriter {
    path: String,
    stamp: Stamp,
    writer: Option<ArrowWriter<Vec<u8>>>,
    range: Option<FileRange>,
    days: DayCounts,
    rows: u64,
}

impl EventWriter {
    pub(crate) fn new(path: String, stamp: Stamp) -> Self {
        Self { path, stamp, writer: None, range: None, days: DayCounts::default(), rows: 0 }
    }

    /// Appends rows that follow the last ones in the order of the store.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.rows += batch.num_rows() as u64;
        let keys = SortKeys::of(batch)?;
        self.widen(&keys)?;
        self.days.add(keys.dt.values());
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(parquet_writer(batch)?),
        };
        writer.write(batch)?;
        Ok(())
    }

    /// Ends the row group.
    pub(crate) fn cut(&mut self) -> Result<()> {
        if let Some(writer) = &mut self.writer {
            writer.flush()?;
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<(Bytes, DataFile)> {
        let writer =
            self.writer.ok_or_else(|| exec_datafusion_err!("{}: a data file without rows", self.path))?;
        let bytes = Bytes::from(writer.into_inner()?);
        let file = DataFile {
            path: self.path,
            size: bytes.len() as u64,
            rows: self.rows,
            range: self.range,
            checksum: xxh3_64(&bytes),
            splits: self.stamp.splits,
            rank: self.stamp.rank,
            days: self.days.finish(),
            declared: self.stamp.declared,
            input: None,
        };
        Ok((bytes, file))
    }

    fn widen(&mut self, keys: &SortKeys<'_>) -> Result<()> {
        let last = keys.users.value(keys.users.len() - 1);
        let bounds = (min(keys.ts), max(keys.ts), min(keys.dt), max(keys.dt));
        let (Some(ts_min), Some(ts_max), Some(dt_min), Some(dt_max)) = bounds else {
            return Err(exec_datafusion_err!("{}: an event without time", self.path));
        };
        match &mut self.range {
            Some(range) => {
                range.users.1 = last.to_string();
                range.ts = (range.ts.0.min(ts_min), range.ts.1.max(ts_max));
                range.dt = (range.dt.0.min(dt_min), range.dt.1.max(dt_max));
            }
            none => {
                *none = Some(FileRange {
                    users: (keys.users.value(0).to_string(), last.to_string()),
                    ts: (ts_min, ts_max),
                    dt: (dt_min, dt_max),
                });
            }
        }
        Ok(())
    }
}

/// Rows by day. The days of a file lie close together, while its rows, sorted by user, jump between them.
#[derive(Default)]
struct DayCounts {
    first: i32,
    rows: Vec<u64>,
}

impl DayCounts {
    fn add(&mut self, days: &[i32]) {
        let (Some(low), Some(high)) = (days.iter().min(), days.iter().max()) else { return };
        if self.rows.is_empty() {
            self.first = *low;
        } else if *low < self.first {
            let more = (self.first - low) as usize;
            self.rows.splice(0..0, std::iter::repeat_n(0, more));
            self.first = *low;
        }
        let span = (high - self.first) as usize + 1;
        if self.rows.len() < span {
            self.rows.resize(span, 0);
        }
        for day in days {
            self.rows[(day - self.first) as usize] += 1;
        }
    }

    fn finish(self) -> Vec<(i32, u64)> {
        (self.first..).zip(self.rows).filter(|(_, rows)| *rows > 0).collect()
    }
}

/// Any table's rows as a Parquet file in memory: the quarantine, which has no order.
pub(crate) fn encode_rows(batches: &[RecordBatch], path: String) -> Result<(Bytes, DataFile)> {
    let first = batches.first().ok_or_else(|| exec_datafusion_err!("{path}: a data file without rows"))?;
    let mut writer = parquet_writer(first)?;
    for batch in batches {
        writer.write(batch)?;
    }
    let rows = batches.iter().map(|batch| batch.num_rows() as u64).sum();
    let bytes = Bytes::from(writer.into_inner()?);
    let (size, checksum) = (bytes.len() as u64, xxh3_64(&bytes));
    let file = DataFile {
        path,
        size,
        rows,
        range: None,
        checksum,
        splits: 0,
        rank: Rank::default(),
        days: Vec::new(),
        declared: 0,
        input: None,
    };
    Ok((bytes, file))
}

fn parquet_writer(batch: &RecordBatch) -> Result<ArrowWriter<Vec<u8>>> {
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("footfall ", env!("CARGO_PKG_VERSION")).to_string())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(Some(ROW_GROUP));
    // Times and counters hardly repeat: a dictionary of them is built in vain, their differences are small.
    for column in ["ts", "seq", "received_at", "duration_ms"] {
        properties = properties
            .set_column_dictionary_enabled(column.into(), false)
            .set_column_encoding(column.into(), Encoding::DELTA_BINARY_PACKED);
    }
    // Ids of events never repeat, but those of one upload share their beginnings.
    properties = properties
        .set_column_dictionary_enabled("event_id".into(), false)
        .set_column_encoding("event_id".into(), Encoding::DELTA_BYTE_ARRAY);
    for column in ["user_id", "ts", "dt"] {
        properties = properties.set_column_statistics_enabled(column.into(), EnabledStatistics::Page);
    }
    // The Arrow schema is not embedded: it would name string views, which other engines do not know.
    let options =
        ArrowWriterOptions::new().with_properties(properties.build()).with_skip_arrow_metadata(true);
    Ok(ArrowWriter::try_new_with_options(Vec::new(), batch.schema(), options)?)
}
