//! The share of some rows among others: two counts a group.

use std::fmt::Debug;
use std::mem::{size_of, size_of_val};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::sum;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::StateFieldsArgs;
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use crate::functions::conditions::truths;

/// Which rows a rate counts.
pub(super) trait Rate: Debug + Send + Sync + 'static {
    fn rows(&self, values: &[ArrayRef]) -> Result<Rows>;
}

/// The rows below the line, and those of them above it.
pub(super) struct Rows {
    pub(super) counted: BooleanBuffer,
    pub(super) hits: BooleanBuffer,
}

impl Rows {
    pub(super) fn filtered(self, filter: Option<&BooleanArray>) -> Self {
        match filter {
            None => self,
            Some(filter) => {
                let kept = truths(filter);
                Self { counted: &self.counted & &kept, hits: &self.hits & &kept }
            }
        }
    }
}

pub(super) fn state_fields(args: &StateFieldsArgs) -> Vec<FieldRef> {
    ["hits", "rows"]
        .into_iter()
        .map(|name| {
            let name = format_state_name(args.name, name);
            Arc::new(Field::new(name, DataType::Int64, false))
        })
        .collect()
}

/// Hits over rows; NULL where there are no rows.
pub(super) fn quotients(hits: &[i64], rows: &[i64]) -> ArrayRef {
    let quotients = hits.iter().zip(rows).map(|(&hits, &rows)| quotient(hits, rows));
    Arc::new(Float64Array::from_iter(quotients))
}

pub(super) fn quotient(hits: i64, rows: i64) -> Option<f64> {
    (rows != 0).then(|| hits as f64 / rows as f64)
}

/// Many groups at once.
pub(super) struct RateGroups<R> {
    rate: R,
    hits: Vec<i64>,
    rows: Vec<i64>,
}

impl<R: Rate> RateGroups<R> {
    pub(super) fn new(rate: R) -> Self {
        Self { rate, hits: Vec::new(), rows: Vec::new() }
    }

    fn resize(&mut self, groups: usize) {
        self.hits.resize(groups, 0);
        self.rows.resize(groups, 0);
    }
}

impl<R: Rate> GroupsAccumulator for RateGroups<R> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.resize(total_num_groups);
        let rows = self.rate.rows(values)?.filtered(opt_filter);
        for row in rows.counted.set_indices() {
            self.rows[group_indices[row]] += 1;
        }
        for row in rows.hits.set_indices() {
            self.hits[group_indices[row]] += 1;
        }
        Ok(())
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.resize(total_num_groups);
        let hits = values[0].as_primitive::<Int64Type>().values();
        let rows = values[1].as_primitive::<Int64Type>().values();
        for (i, &group) in group_indices.iter().enumerate() {
            self.hits[group] += hits[i];
            self.rows[group] += rows[i];
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let hits = emit_to.take_needed(&mut self.hits);
        let rows = emit_to.take_needed(&mut self.rows);
        Ok(quotients(&hits, &rows))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let hits = emit_to.take_needed(&mut self.hits);
        let rows = emit_to.take_needed(&mut self.rows);
        Ok(vec![Arc::new(Int64Array::from(hits)), Arc::new(Int64Array::from(rows))])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows = self.rate.rows(values)?.filtered(opt_filter);
        Ok(vec![ones(&rows.hits), ones(&rows.counted)])
    }

    fn size(&self) -> usize {
        size_of_val(self) + (self.hits.capacity() + self.rows.capacity()) * size_of::<i64>()
    }
}

/// One group, whose rows may leave again.
#[derive(Debug)]
pub(super) struct RateRows<R> {
    rate: R,
    hits: i64,
    rows: i64,
}

impl<R: Rate> RateRows<R> {
    pub(super) fn new(rate: R) -> Self {
        Self { rate, hits: 0, rows: 0 }
    }

    fn count(&self, values: &[ArrayRef]) -> Result<(i64, i64)> {
        let rows = self.rate.rows(values)?;
        Ok((rows.hits.count_set_bits() as i64, rows.counted.count_set_bits() as i64))
    }
}

impl<R: Rate> Accumulator for RateRows<R> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let (hits, rows) = self.count(values)?;
        self.hits += hits;
        self.rows += rows;
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let (hits, rows) = self.count(values)?;
        self.hits -= hits;
        self.rows -= rows;
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.hits += sum(states[0].as_primitive::<Int64Type>()).unwrap_or(0);
        self.rows += sum(states[1].as_primitive::<Int64Type>()).unwrap_or(0);
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(quotient(self.hits, self.rows)))
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Int64(Some(self.hits)), ScalarValue::Int64(Some(self.rows))])
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// 1 where the bit is set, else 0.
pub(super) fn ones(bits: &BooleanBuffer) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(bits.iter().map(i64::from)))
}
