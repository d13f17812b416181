//! Files grow apart: columns come and go, numbers outgrow their types. Twelve pairs of types, each in a plain folder of
//! Parquet files and in the store, and what either makes of them.

mod folder; // what others made
mod store; // what has landed

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use parquet::arrow::ArrowWriter;

/// 2024-02-29 in days, and its noon in seconds.
const LEAP_DAY: i32 = 19_782;
const NOON: i64 = LEAP_DAY as i64 * 86_400 + 43_200;

/// One file's column, or none of that name.
type Column = Option<ArrayRef>;

fn ints(values: [i32; 2]) -> Column {
    Some(Arc::new(Int32Array::from(values.to_vec())))
}

fn longs(values: [i64; 2]) -> Column {
    Some(Arc::new(Int64Array::from(values.to_vec())))
}

fn floats(values: [f64; 2]) -> Column {
    Some(Arc::new(Float64Array::from(values.to_vec())))
}

fn texts(values: [&str; 2]) -> Column {
    Some(Arc::new(StringArray::from(values.to_vec())))
}

fn micros(values: [i64; 2]) -> TimestampMicrosecondArray {
    TimestampMicrosecondArray::from(values.to_vec())
}

fn dictionary(values: [&str; 2]) -> Column {
    let to = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let plain: ArrayRef = Arc::new(StringArray::from(values.to_vec()));
    Some(cast(&plain, &to).expect("text as a dictionary"))
}

/// A file of two rows: `k`, which is `first` and one more, and `x`.
fn write(path: &Path, first: i64, x: &Column) {
    let mut columns: Vec<(&str, ArrayRef)> = vec![("k", Arc::new(Int64Array::from(vec![first, first + 1])))];
    columns.extend(x.as_ref().map(|x| ("x", Arc::clone(x))));
    write_columns(path, columns);
}

fn write_columns(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter(columns).expect("columns of one length");
    let mut writer =
        ArrowWriter::try_new(File::create(path).expect("a file"), batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("rows");
    writer.close().expect("a Parquet file");
}
