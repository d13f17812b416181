//! Columns of lists of times.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, ListArray, new_empty_array};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, ScalarValue, exec_err};

use crate::error::footfall_internal_err;
use crate::functions::time::TimeType;

/// Lists under construction: all items, and how many each list has.
#[derive(Debug, Default)]
pub(super) struct Lists {
    pub(super) items: Vec<i64>,
    pub(super) lengths: Vec<usize>,
}

impl Lists {
    pub(super) fn push(&mut self, items: &[i64]) {
        self.items.extend_from_slice(items);
        self.lengths.push(items.len());
    }

    pub(super) fn take(&mut self, function: &str, time: &TimeType) -> Result<ArrayRef> {
        let items = time.array(std::mem::take(&mut self.items))?;
        lists(function, std::mem::take(&mut self.lengths), items)
    }

    pub(super) fn size(&self) -> usize {
        self.items.capacity() * size_of::<i64>() + self.lengths.capacity() * size_of::<usize>()
    }
}

pub(super) fn lists(function: &str, lengths: Vec<usize>, items: ArrayRef) -> Result<ArrayRef> {
    if i32::try_from(items.len()).is_err() {
        return exec_err!(
            "{function}: more than {} times in one column of answers; raise datafusion.execution.target_partitions",
            i32::MAX
        );
    }
    let field = Arc::new(Field::new_list_field(items.data_type().clone(), true));
    Ok(Arc::new(ListArray::try_new(field, OffsetBuffer::from_lengths(lengths), items, None)?))
}

/// The empty list of a type of lists.
pub(super) fn empty_list(function: &str, data_type: &DataType) -> Result<ScalarValue> {
    let DataType::List(item) = data_type else {
        return footfall_internal_err!("{function} has the result type {data_type}");
    };
    let (offsets, items) = (OffsetBuffer::from_lengths([0]), new_empty_array(item.data_type()));
    Ok(ScalarValue::List(Arc::new(ListArray::try_new(Arc::clone(item), offsets, items, None)?)))
}
