//! Copying segments of rows out of several batches into one.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, MutableArrayData, NullBufferBuilder, PrimitiveArray, RecordBatch,
    RecordBatchOptions, make_array,
};
use datafusion::arrow::buffer::{NullBuffer, ScalarBuffer};
use datafusion::arrow::compute::interleave;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Float64Type, Int32Type, Int64Type, SchemaRef, TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::Result;
use datafusion::common::cast::as_primitive_array;

/// Rows `start..start + rows` of the batch with this number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment {
    pub(crate) batch: usize,
    pub(crate) start: usize,
    pub(crate) rows: usize,
}

/// Segments of fewer rows than this on average are copied row by row, which is then quicker than to set out for each of them.
const SHORT: usize = 16;

/// The rows of all segments, `rows` in total, in this order.
pub(crate) fn gather(
    batches: &[RecordBatch],
    segments: &[Segment],
    rows: usize,
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    if let [only] = segments {
        return Ok(batches[only.batch].slice(only.start, only.rows));
    }
    let single = (rows < segments.len() * SHORT).then(|| single_rows(segments, rows));
    let columns = (0..schema.fields().len())
        .map(|column| {
            let columns: Vec<&ArrayRef> = batches.iter().map(|batch| batch.column(column)).collect();
            match &single {
                Some(single) if is_slow(&columns) => {
                    let columns: Vec<&dyn Array> = columns.iter().map(|column| column.as_ref()).collect();
                    Ok(interleave(&columns, single)?)
                }
                _ => gather_column(&columns, segments, rows, schema.field(column).data_type()),
            }
        })
        .collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

/// Batch and row of each row.
fn single_rows(segments: &[Segment], rows: usize) -> Vec<(usize, usize)> {
    let mut single = Vec::with_capacity(rows);
    for segment in segments {
        single.extend((segment.start..segment.start + segment.rows).map(|row| (segment.batch, row)));
    }
    single
}

/// Whether to set out for a segment costs more than to copy a few values.
fn is_slow(columns: &[&ArrayRef]) -> bool {
    let data_type = columns.first().map(|column| column.data_type());
    match data_type {
        Some(DataType::Utf8View) => true,
        Some(data_type) if data_type.is_primitive() => columns.iter().any(|column| column.null_count() > 0),
        _ => false,
    }
}

fn gather_column(
    columns: &[&ArrayRef],
    segments: &[Segment],
    rows: usize,
    data_type: &DataType,
) -> Result<ArrayRef> {
    match data_type {
        DataType::Int32 => gather_numbers::<Int32Type>(columns, segments, rows),
        DataType::Int64 => gather_numbers::<Int64Type>(columns, segments, rows),
        DataType::Float64 => gather_numbers::<Float64Type>(columns, segments, rows),
        DataType::Date32 => gather_numbers::<Date32Type>(columns, segments, rows),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            gather_numbers::<TimestampMicrosecondType>(columns, segments, rows)
        }
        // Text, too: views are copied, the characters shared.
        _ => {
            let data: Vec<_> = columns.iter().map(|column| column.to_data()).collect();
            let nulls = columns.iter().any(|column| column.null_count() > 0);
            let mut copy = MutableArrayData::new(data.iter().collect(), nulls, rows);
            for segment in segments {
                copy.try_extend(segment.batch, segment.start, segment.start + segment.rows)?;
            }
            Ok(make_array(copy.freeze()))
        }
    }
}

fn gather_numbers<T: ArrowPrimitiveType>(
    columns: &[&ArrayRef],
    segments: &[Segment],
    rows: usize,
) -> Result<ArrayRef> {
    let columns: Vec<&PrimitiveArray<T>> =
        columns.iter().map(|column| as_primitive_array::<T>(column)).collect::<Result<_>>()?;
    let mut values: Vec<T::Native> = Vec::with_capacity(rows);
    for segment in segments {
        values
            .extend_from_slice(&columns[segment.batch].values()[segment.start..segment.start + segment.rows]);
    }
    let array = PrimitiveArray::<T>::new(ScalarBuffer::from(values), gather_nulls(&columns, segments, rows));
    Ok(Arc::new(match columns.first() {
        Some(column) => array.with_data_type(column.data_type().clone()),
        None => array,
    }))
}

fn gather_nulls<A: Array>(columns: &[&A], segments: &[Segment], rows: usize) -> Option<NullBuffer> {
    if columns.iter().all(|column| column.null_count() == 0) {
        return None;
    }
    let mut nulls = NullBufferBuilder::new(rows);
    for segment in segments {
        match columns[segment.batch].nulls() {
            Some(buffer) => nulls.append_buffer(&buffer.slice(segment.start, segment.rows)),
            None => nulls.append_n_non_nulls(segment.rows),
        }
    }
    nulls.finish()
}
