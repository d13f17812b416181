//! Profiles and the rows of a users file, both sorted by user, become profiles again: one row a user, column by column.
//!
//! A row's value replaces the present one unless it is NULL, or both were set at a known time and the row's is earlier.
//! Rows come in the order of landing, and within a file in that of the file, so the answer is one fold over them:
//!
//! ```text
//! stored   ann  city Paris (set at 5)   vip NULL
//! file     ann  city Rome  (set at 3)   vip true   ─▶  ann  city Paris (5)   vip true (3)
//! ```

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{
    Array, ArrayBuilder, ArrayRef, AsArray, MapArray, NullBufferBuilder, RecordBatch, StringBuilder,
    StringViewArray, StructArray, TimestampMicrosecondBuilder, UInt32Array, new_empty_array, new_null_array,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::{cast, interleave, take_record_batch};
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef, TimestampMicrosecondType};
use datafusion::common::{Result, exec_datafusion_err};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::columns::{UPDATED_AT, UPDATED_AT_OF, time_entries, times};
use crate::error::footfall_internal_err;

/// Rows that are merged at once.
const BATCH: usize = 8192;

/// See the module.
pub(super) struct Merger {
    schema: SchemaRef,
    /// Sorted by user; rows of one user in their order.
    rows: RecordBatch,
    /// When each row was set, as it says itself.
    row_times: Vec<Option<i64>>,
    /// The first row that is not merged yet.
    next: usize,
    merged: Vec<RecordBatch>,
    merged_rows: usize,
}

/// A user: the stored row, if there is one, and the file's rows.
struct User {
    stored: Option<usize>,
    rows: Range<usize>,
}

impl Merger {
    /// `schema` has the columns of the profiles and of `rows`, which come from [`sorted`].
    pub(super) fn new(schema: SchemaRef, rows: &RecordBatch) -> Result<Self> {
        let rows = conform(rows, &schema)?;
        let row_times = set_at(&rows)?;
        Ok(Self { schema, rows, row_times, next: 0, merged: Vec::new(), merged_rows: 0 })
    }

    /// Merges the profiles of a data file, whose users come after those of the one before.
    pub(super) fn add(&mut self, file: Bytes) -> Result<()> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)?.with_batch_size(BATCH).build()?;
        for batch in reader {
            let batch = conform(&batch?, &self.schema)?;
            let mut users = Vec::with_capacity(batch.num_rows());
            for (row, user) in users_of(&batch)?.iter().enumerate() {
                let user = user.ok_or_else(|| exec_datafusion_err!("a profile without user_id"))?;
                users.extend(self.users_before(Some(user), usize::MAX)?);
                users.push(User { stored: Some(row), rows: self.rows_of(user)? });
            }
            if users.iter().all(|user| user.rows.is_empty()) {
                self.push(batch);
            } else {
                let merged = self.merge(Some(&batch), &users)?;
                self.push(merged);
            }
        }
        Ok(())
    }

    /// Merges the users behind the last profile.
    pub(super) fn finish(&mut self) -> Result<()> {
        loop {
            let users = self.users_before(None, BATCH)?;
            if users.is_empty() {
                return Ok(());
            }
            let merged = self.merge(None, &users)?;
            self.push(merged);
        }
    }

    /// Profiles merged since they were last taken.
    pub(super) fn merged_rows(&self) -> usize {
        self.merged_rows
    }

    pub(super) fn take(&mut self) -> Vec<RecordBatch> {
        self.merged_rows = 0;
        std::mem::take(&mut self.merged)
    }

    fn push(&mut self, batch: RecordBatch) {
        self.merged_rows += batch.num_rows();
        self.merged.push(batch);
    }

    /// Users of the file before `end` who have no profile yet, at most `most`.
    fn users_before(&mut self, end: Option<&str>, most: usize) -> Result<Vec<User>> {
        let mut users = Vec::new();
        while self.next < self.rows.num_rows() && users.len() < most {
            let user = users_of(&self.rows)?.value(self.next).to_string();
            if end.is_some_and(|end| user.as_str() >= end) {
                break;
            }
            users.push(User { stored: None, rows: self.rows_of(&user)? });
        }
        Ok(users)
    }

    /// The next rows of the file, as far as they are of `user`.
    fn rows_of(&mut self, user: &str) -> Result<Range<usize>> {
        let (start, users) = (self.next, users_of(&self.rows)?);
        let mut end = start;
        while end < users.len() && users.value(end) == user {
            end += 1;
        }
        self.next = end;
        Ok(start..end)
    }

    fn merge(&self, stored: Option<&RecordBatch>, users: &[User]) -> Result<RecordBatch> {
        let stored_times = stored.map(|stored| times_of(stored, &self.schema)).transpose()?;
        let row_times = &self.row_times;
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
        let mut columns_times: Vec<Vec<Option<i64>>> = Vec::with_capacity(self.schema.fields().len());
        for (index, field) in self.schema.fields().iter().enumerate() {
            if field.name() == UPDATED_AT_OF {
                columns.push(new_empty_array(field.data_type()));
                columns_times.push(Vec::new());
                continue;
            }
            let new = self.rows.column(index);
            let none = new_null_array(field.data_type(), 1);
            let old = stored.map_or(&none, |stored| stored.column(index));
            let mut picks = Vec::with_capacity(users.len());
            let mut picked_times = Vec::with_capacity(users.len());
            for user in users {
                let mut pick = None;
                let mut time = None;
                if let (Some(row), Some(times)) = (user.stored, &stored_times)
                    && old.is_valid(row)
                {
                    pick = Some((0, row));
                    time = times[index][row];
                }
                for row in user.rows.clone().filter(|row| new.is_valid(*row)) {
                    let is_earlier = row_times[row].zip(time).is_some_and(|(row_time, time)| row_time < time);
                    if pick.is_none() || !is_earlier {
                        pick = Some((1, row));
                        time = row_times[row];
                    }
                }
                picks.push(pick.unwrap_or((2, 0)));
                picked_times.push(time);
            }
            columns.push(interleave(&[old.as_ref(), new.as_ref(), none.as_ref()], &picks)?);
            columns_times.push(picked_times);
        }
        let index = self.schema.index_of(UPDATED_AT_OF)?;
        columns[index] = self.exceptions(&columns, &columns_times, users.len())?;
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }

    /// The times of the values that were not set at their user's `updated_at`.
    fn exceptions(
        &self,
        columns: &[ArrayRef],
        columns_times: &[Vec<Option<i64>>],
        rows: usize,
    ) -> Result<ArrayRef> {
        let updated_at =
            columns[self.schema.index_of(UPDATED_AT)?].as_primitive::<TimestampMicrosecondType>();
        let (mut keys, mut values) = (StringBuilder::new(), TimestampMicrosecondBuilder::new());
        let mut offsets = vec![0];
        let mut nulls = NullBufferBuilder::new(rows);
        for row in 0..rows {
            let updated_at = updated_at.is_valid(row).then(|| updated_at.value(row));
            let before = keys.len();
            for (field, (column, times)) in self.schema.fields().iter().zip(columns.iter().zip(columns_times))
            {
                let is_value = !matches!(field.name().as_str(), "user_id" | UPDATED_AT | UPDATED_AT_OF);
                if is_value && column.is_valid(row) && times[row] != updated_at {
                    keys.append_value(field.name());
                    values.append_option(times[row]);
                }
            }
            offsets.push(keys.len() as i32);
            nulls.append(keys.len() > before);
        }
        let values: ArrayRef = Arc::new(values.finish().with_timezone("UTC"));
        let offsets = OffsetBuffer::new(offsets.into());
        map(&[Arc::new(keys.finish()), values], offsets, nulls.finish())
    }
}

/// The rows of a users file by user; those of one user stay in their order.
pub(super) fn sorted(rows: &RecordBatch) -> Result<RecordBatch> {
    let users = users_of(rows)?;
    let mut order: Vec<u32> = (0..rows.num_rows() as u32).collect();
    order.sort_by_key(|row| users.value(*row as usize));
    Ok(take_record_batch(rows, &UInt32Array::from(order))?)
}

fn users_of(batch: &RecordBatch) -> Result<&StringViewArray> {
    let users = batch.column_by_name("user_id").and_then(|users| users.as_string_view_opt());
    users.ok_or_else(|| exec_datafusion_err!("profiles without a text column user_id"))
}

/// When each row was set, as it says itself.
fn set_at(batch: &RecordBatch) -> Result<Vec<Option<i64>>> {
    let times = batch.column_by_name(UPDATED_AT);
    let times = times.and_then(|times| times.as_primitive_opt::<TimestampMicrosecondType>());
    let times = times.ok_or_else(|| exec_datafusion_err!("profiles without a time {UPDATED_AT}"))?;
    Ok(times.iter().collect())
}

/// When each value of each column was set.
fn times_of(batch: &RecordBatch, schema: &SchemaRef) -> Result<Vec<Vec<Option<i64>>>> {
    let mut of_column = vec![set_at(batch)?; schema.fields().len()];
    let Some(exceptions) = batch.column_by_name(UPDATED_AT_OF).and_then(|column| column.as_map_opt()) else {
        return footfall_internal_err!("profiles without {UPDATED_AT_OF}");
    };
    let (keys, times) = (
        exceptions.keys().as_string::<i32>(),
        exceptions.values().as_primitive::<TimestampMicrosecondType>(),
    );
    let offsets = exceptions.value_offsets();
    for row in (0..exceptions.len()).filter(|row| exceptions.is_valid(*row)) {
        for entry in offsets[row] as usize..offsets[row + 1] as usize {
            let column = schema.index_of(keys.value(entry))?;
            of_column[column][row] = times.is_valid(entry).then(|| times.value(entry));
        }
    }
    Ok(of_column)
}

/// The columns of `schema`, NULL where the batch has none.
fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let column = |field: &Arc<Field>| -> Result<ArrayRef> {
        match batch.column_by_name(field.name()) {
            None => Ok(new_null_array(field.data_type(), batch.num_rows())),
            Some(column) if column.data_type() == field.data_type() => Ok(Arc::clone(column)),
            Some(column) => match column.as_map_opt() {
                // The names inside a map are those of the file.
                Some(column) => map(
                    &[Arc::clone(column.keys()), Arc::clone(column.values())],
                    column.offsets().clone(),
                    column.nulls().cloned(),
                ),
                None => Ok(cast(column, field.data_type())?),
            },
        }
    };
    let columns = schema.fields().iter().map(column).collect::<Result<Vec<_>>>()?;
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

fn map(entries: &[ArrayRef], offsets: OffsetBuffer<i32>, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
    let DataType::Map(field, is_sorted) = times() else {
        return footfall_internal_err!("{UPDATED_AT_OF} is no map");
    };
    let fields = time_entries();
    let columns = entries.iter().zip(&fields).map(|(column, field)| cast(column, field.data_type()));
    let entries = StructArray::try_new(fields.clone(), columns.collect::<Result<_, _>>()?, None)?;
    Ok(Arc::new(MapArray::try_new(field, offsets, entries, nulls, is_sorted)?))
}
