//! The two accumulators that every funnel shares: many groups at once, and one group whose rows may leave again.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::mem::{size_of, size_of_val};

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::events::{Event, EventReader, Events, StateBuilder, read_states, sort_by_time};
use crate::error::footfall_internal_err;

/// What one funnel function makes of the events of a group.
pub(crate) trait Funnel: Debug + Send + Sync + 'static {
    type Answers: Answers;

    /// An empty column of answers, with room for `groups`.
    fn answers(&self, groups: usize) -> Self::Answers;
}

/// A column of answers under construction.
pub(crate) trait Answers {
    /// Appends the answer for a group, whose events ascend in time; those of the same time come in any order.
    fn push(&mut self, events: &[Event]);

    fn finish(self) -> Result<ArrayRef>;
}

/// Many groups at once, for GROUP BY.
pub(crate) struct FunnelGroups<F> {
    funnel: F,
    reader: EventReader,
    events: Events,
    /// Scratch space for the masks of a batch.
    masks: Vec<u64>,
}

impl<F: Funnel> FunnelGroups<F> {
    pub(crate) fn new(funnel: F, reader: EventReader) -> Self {
        Self { funnel, reader, events: Events::new(), masks: Vec::new() }
    }
}

impl<F: Funnel> GroupsAccumulator for FunnelGroups<F> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.events.set_groups(total_num_groups)?;
        let events = &mut self.events;
        self.reader.read(values, opt_filter, &mut self.masks, |row, ts, mask| {
            events.push(group_indices[row], ts, mask);
            Ok(())
        })
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.events.set_groups(total_num_groups)?;
        read_states(values, |row, ts, mask| {
            self.events.push(group_indices[row], ts, mask);
        })
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let groups = self.events.emitted(emit_to);
        let mut answers = self.funnel.answers(groups);
        self.events.emit(emit_to, |events| answers.push(events))?;
        answers.finish()
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let mut states = StateBuilder::with_capacity(self.events.emitted(emit_to));
        self.events.emit(emit_to, |events| states.push_group(events))?;
        states.finish()
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows = values[self.reader.ts].len();
        let mut states = StateBuilder::with_capacity(rows);
        self.reader.read(values, opt_filter, &mut Vec::new(), |row, ts, mask| {
            states.push_row(row, ts, mask);
            Ok(())
        })?;
        states.pad(rows);
        states.finish()
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.events.size() + self.masks.capacity() * size_of::<u64>()
    }
}

/// One group, for a query without GROUP BY and for window frames, whose oldest rows leave first.
#[derive(Debug)]
pub(crate) struct FunnelRows<F> {
    funnel: F,
    reader: EventReader,
    events: VecDeque<Event>,
    masks: Vec<u64>,
}

impl<F: Funnel> FunnelRows<F> {
    pub(crate) fn new(funnel: F, reader: EventReader) -> Self {
        Self { funnel, reader, events: VecDeque::new(), masks: Vec::new() }
    }

    /// Calls `visit` with all events, ascending in time.
    fn in_time_order<T>(&mut self, visit: impl FnOnce(&F, &[Event]) -> T) -> T {
        let events = self.events.make_contiguous();
        if events.is_sorted_by_key(|event| event.ts) {
            visit(&self.funnel, events)
        } else {
            // A copy: rows leave a frame in the order in which they came.
            let mut sorted = events.to_vec();
            sort_by_time(&mut sorted);
            visit(&self.funnel, &sorted)
        }
    }
}

impl<F: Funnel> Accumulator for FunnelRows<F> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let events = &mut self.events;
        self.reader.read(values, None, &mut self.masks, |_, ts, mask| {
            events.push_back(Event { ts, mask, group: 0 });
            Ok(())
        })
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let events = &mut self.events;
        self.reader.read(values, None, &mut self.masks, |_, ts, mask| match events.pop_front() {
            Some(event) if (event.ts, event.mask) == (ts, mask) => Ok(()),
            _ => footfall_internal_err!("a row left a window frame before older ones"),
        })
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        read_states(states, |_, ts, mask| {
            self.events.push_back(Event { ts, mask, group: 0 });
        })
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let answer = self.in_time_order(|funnel, events| {
            let mut answers = funnel.answers(1);
            answers.push(events);
            answers.finish()
        })?;
        ScalarValue::try_from_array(&answer, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let states = self.in_time_order(|_, events| {
            let mut states = StateBuilder::with_capacity(1);
            states.push_group(events);
            states.finish()
        })?;
        states.iter().map(|state| ScalarValue::try_from_array(state, 0)).collect()
    }

    fn size(&self) -> usize {
        size_of_val(self)
            + self.events.capacity() * size_of::<Event>()
            + self.masks.capacity() * size_of::<u64>()
    }
}
