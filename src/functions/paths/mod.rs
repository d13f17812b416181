//! Paths: which way do users go, and which of the touches on it earned the conversion?
//!
//! [`user_path`] gives the paths of one user (GROUP BY user), one a session; [`path_rollup`] counts over users how many
//! went from one node to the next at each step. [`attribution`] shares the value of each conversion among the touches
//! before it. All three see rows in time order, whatever the order of the input.

pub(crate) mod attribution;
pub(crate) mod path_rollup;
pub(crate) mod user_path;

mod cleaning;
mod credit;
mod edge_bytes;
mod edges;
mod labels;
mod steps;
mod texts;

use std::sync::Arc;

use datafusion::arrow::array::{ListArray, new_empty_array};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::DocSection;

use super::Function;
use super::events::EventAggregate;
use super::folds::FoldAggregate;
use crate::error::footfall_internal_err;

pub(crate) fn functions() -> Vec<Function> {
    [
        EventAggregate::<user_path::UserPath>::functions(),
        FoldAggregate::<path_rollup::PathRollup>::functions(),
        EventAggregate::<attribution::Attribution>::functions(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(crate) const SECTION: DocSection = DocSection {
    include: true,
    label: "Paths and attribution",
    description: Some("Which way do users go, and which touch earned the conversion?"),
};

/// A list of that type without an item.
fn empty_list(function: &str, data_type: &DataType) -> Result<ScalarValue> {
    let DataType::List(item) = data_type else {
        return footfall_internal_err!("{function} has the result type {data_type}");
    };
    let values = new_empty_array(item.data_type());
    let list = ListArray::try_new(Arc::clone(item), OffsetBuffer::from_lengths([0]), values, None)?;
    Ok(ScalarValue::List(Arc::new(list)))
}

/// Offsets of lists of those lengths.
fn offsets(function: &str, lengths: &[usize]) -> Result<OffsetBuffer<i32>> {
    if i32::try_from(lengths.iter().sum::<usize>()).is_err() {
        return exec_err!(
            "{function}: more than {} items in one column of answers; raise datafusion.execution.target_partitions",
            i32::MAX
        );
    }
    Ok(OffsetBuffer::from_lengths(lengths.iter().copied()))
}
