//! One group: for a query without GROUP BY, and over window frames that only grow.

use std::fmt;
use std::mem::size_of_val;

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Accumulator, EmitTo};

use super::rows::merge_states;
use super::{Aggregate, Batch, Groups};

pub(super) struct SoleGroup<A: Aggregate> {
    definition: A::Definition,
    reader: A::Reader,
    groups: A::Groups,
    head: Option<Vec<u8>>,
    /// The group of every row.
    zeros: Vec<usize>,
}

impl<A: Aggregate> SoleGroup<A> {
    pub(super) fn new(definition: A::Definition, reader: A::Reader, head: Option<Vec<u8>>) -> Result<Self> {
        let mut groups = A::groups(&definition)?;
        groups.set_groups(1)?;
        Ok(Self { definition, reader, groups, head, zeros: vec![] })
    }
}

impl<A: Aggregate> Accumulator for SoleGroup<A> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let rows = values.first().map_or(0, |values| values.len());
        self.zeros.resize(rows, 0);
        let rows = Batch { values, groups: &self.zeros, filter: None };
        A::update(&mut self.groups, &self.definition, &self.reader, &rows)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.zeros.resize(states[0].len(), 0);
        merge_states(&mut self.groups, &states[0], &self.zeros)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        // A copy: over a window, rows follow and the next answer is of all of them.
        let mut groups = self.groups.snapshot()?;
        let answers = match &self.head {
            None => groups.answers(EmitTo::All)?,
            Some(head) => groups.states(EmitTo::All, head)?,
        };
        ScalarValue::try_from_array(&answers, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let states = self.groups.snapshot()?.states(EmitTo::All, &[])?;
        Ok(vec![ScalarValue::try_from_array(&states, 0)?])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.groups.size() + self.zeros.capacity() * size_of::<usize>()
    }
}

impl<A: Aggregate> fmt::Debug for SoleGroup<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SoleGroup").field("function", &A::NAME).finish_non_exhaustive()
    }
}
