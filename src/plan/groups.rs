//! Groups whose rows come one after the other: where does another one begin?

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray, make_comparator};
use datafusion::arrow::compute::{SortOptions, partition};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::physical_expr::PhysicalExpr;

/// The values of `exprs` for the rows of a batch, a column each.
pub(super) fn evaluate(exprs: &[Arc<dyn PhysicalExpr>], batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
    exprs.iter().map(|expr| expr.evaluate(batch)?.into_array(batch.num_rows())).collect()
}

/// The rows (there is at least one) at which another group begins. `before` holds the keys of earlier rows, of which the last
/// one counts; the first row of all begins a group. Two NULLs are one group, as in GROUP BY; without keys all rows are one.
pub(super) fn starts(before: Option<&[ArrayRef]>, keys: &[ArrayRef]) -> Result<Vec<usize>> {
    let is_first_new = match before {
        None => true,
        Some(before) => is_other(before, keys)?,
    };
    let mut starts = if is_first_new { vec![0] } else { vec![] };
    match keys {
        [] => {}
        [key] if *key.data_type() == DataType::Utf8View && key.null_count() == 0 => {
            text_starts(key.as_string_view(), &mut starts);
        }
        _ => starts.extend(partition(keys)?.ranges().iter().skip(1).map(|range| range.start)),
    }
    Ok(starts)
}

/// Whether the first of the rows is of another group than the last one before.
fn is_other(before: &[ArrayRef], keys: &[ArrayRef]) -> Result<bool> {
    for (before, key) in before.iter().zip(keys) {
        if make_comparator(before, key, SortOptions::default())?(before.len() - 1, 0).is_ne() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// As `partition` for one column of texts, most of which have the very view of the row before.
fn text_starts(texts: &StringViewArray, starts: &mut Vec<usize>) {
    const INLINE: u32 = 12;
    for (row, pair) in texts.views().windows(2).enumerate() {
        let (before, here) = (pair[0], pair[1]);
        if before == here {
            continue;
        }
        // A view begins with the length; texts up to 12 bytes stand in it whole.
        let (length_before, length) = (before as u32, here as u32);
        if length_before != length || length <= INLINE || texts.value(row) != texts.value(row + 1) {
            starts.push(row + 1);
        }
    }
}
