//! Where a value that changes from row to row stands among the evaluated arguments of a call.
//!
//! Options such as `{hold: plan}` name columns. Where the planner passes the call by us, such an option has become an
//! argument of its own; elsewhere (a function `OVER` a window) it is a field of the struct that is evaluated for each row.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, UInt64Array};
use datafusion::arrow::compute::take;
use datafusion::common::Result;

use crate::error::footfall_internal_err;

/// The place of a value of each row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RowValue {
    Argument(usize),
    /// Inside the argument: fields of structs and items of lists.
    Inside(usize, Vec<Step>),
}

/// One step into a nested value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    Field(String),
    Item(usize),
}

impl RowValue {
    /// The value of every row, out of the evaluated arguments.
    pub(crate) fn column(&self, values: &[ArrayRef]) -> Result<ArrayRef> {
        match self {
            RowValue::Argument(argument) => Ok(Arc::clone(&values[*argument])),
            RowValue::Inside(argument, steps) => {
                let mut column = Arc::clone(&values[*argument]);
                for step in steps {
                    column = step.of(&column)?;
                }
                Ok(column)
            }
        }
    }
}

impl Step {
    fn of(&self, column: &ArrayRef) -> Result<ArrayRef> {
        match self {
            Step::Field(name) => {
                let fields = column.as_struct_opt();
                let field = fields.and_then(|fields| {
                    let place =
                        fields.fields().iter().position(|field| field.name().eq_ignore_ascii_case(name));
                    place.map(|place| Arc::clone(fields.column(place)))
                });
                match field {
                    Some(field) => Ok(field),
                    None => {
                        footfall_internal_err!("the options have no field '{name}': {}", column.data_type())
                    }
                }
            }
            Step::Item(item) => {
                let Some(lists) = column.as_list_opt::<i32>() else {
                    return footfall_internal_err!("an option is no list: {}", column.data_type());
                };
                let offsets = lists.value_offsets();
                let places: UInt64Array = (0..lists.len())
                    .map(|row| {
                        let place = offsets[row] as usize + item;
                        (lists.is_valid(row) && place < offsets[row + 1] as usize).then_some(place as u64)
                    })
                    .collect();
                Ok(take(lists.values(), &places, None)?)
            }
        }
    }
}
