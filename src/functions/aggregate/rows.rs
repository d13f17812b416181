//! Many groups at once, from rows: for GROUP BY.

use std::mem::size_of_val;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use datafusion::common::Result;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};

use super::{Aggregate, Batch, Groups};

pub(super) struct RowGroups<A: Aggregate> {
    definition: A::Definition,
    reader: A::Reader,
    groups: A::Groups,
    /// The head of the states that are the answer; `None` when the answer is the function's own.
    head: Option<Vec<u8>>,
    /// How many groups there are.
    total: usize,
}

impl<A: Aggregate> RowGroups<A> {
    pub(super) fn new(definition: A::Definition, reader: A::Reader, head: Option<Vec<u8>>) -> Result<Self> {
        let groups = A::groups(&definition)?;
        Ok(Self { definition, reader, groups, head, total: 0 })
    }

    fn leave(&mut self, emit_to: EmitTo) {
        self.total = match emit_to {
            EmitTo::All => 0,
            EmitTo::First(groups) => self.total.saturating_sub(groups),
        };
    }
}

impl<A: Aggregate> GroupsAccumulator for RowGroups<A> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.total = total_num_groups;
        self.groups.set_groups(total_num_groups)?;
        let rows = Batch { values, groups: group_indices, filter: opt_filter };
        A::update(&mut self.groups, &self.definition, &self.reader, &rows)
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.total = total_num_groups;
        self.groups.set_groups(total_num_groups)?;
        merge_states(&mut self.groups, &values[0], group_indices)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.leave(emit_to);
        match &self.head {
            None => self.groups.answers(emit_to),
            Some(head) => self.groups.states(emit_to, head),
        }
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.leave(emit_to);
        Ok(vec![self.groups.states(emit_to, &[])?])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows = Batch { values, groups: &[], filter: opt_filter };
        Ok(vec![A::row_states(&self.definition, &self.reader, &rows)?])
    }

    fn size(&self) -> usize {
        // Every state that is given out begins with the head.
        let heads = self.head.as_ref().map_or(0, |head| head.len() * self.total);
        size_of_val(self) + heads + self.groups.size()
    }
}

/// Adds partial states, which have no head, to their groups.
pub(super) fn merge_states(
    groups: &mut impl Groups,
    states: &ArrayRef,
    group_indices: &[usize],
) -> Result<()> {
    let states = states.as_binary::<i32>();
    for (row, &group) in group_indices.iter().enumerate() {
        if states.is_valid(row) && !states.value(row).is_empty() {
            groups.merge(group, states.value(row))?;
        }
    }
    Ok(())
}
