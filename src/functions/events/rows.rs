//! One user whose rows may leave again: a query without GROUP BY, and window frames, whose oldest rows leave first.

use std::collections::VecDeque;
use std::fmt;
use std::mem::{size_of, size_of_val};

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Accumulator;

use super::buffer;
use super::event::{Event, sort_events};
use super::function::{AnswerColumn, EventDefinition, EventFunction};
use super::groups::push_user;
use super::payloads::Payloads;
use super::reader::EventReader;
use crate::error::footfall_internal_err;

pub(super) struct EventRows<F: EventFunction> {
    definition: EventDefinition<F::Parameters>,
    reader: EventReader,
    events: VecDeque<Event>,
    payloads: Payloads,
    masks: Vec<u64>,
}

impl<F: EventFunction> EventRows<F> {
    pub(super) fn new(definition: EventDefinition<F::Parameters>, reader: EventReader) -> Self {
        let payloads = Payloads::new(&definition.values, definition.tie);
        Self { definition, reader, events: VecDeque::new(), payloads, masks: vec![] }
    }

    /// A copy in order: rows leave a frame in the order in which they came.
    fn sorted(&self) -> Vec<Event> {
        let mut sorted: Vec<Event> = self.events.iter().copied().collect();
        sort_events(&mut sorted, &self.payloads);
        sorted
    }
}

impl<F: EventFunction> Accumulator for EventRows<F> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let events = &mut self.events;
        self.reader.read(values, None, &mut self.masks, &mut self.payloads, |_, event| {
            events.push_back(event);
            Ok(())
        })
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let events = &mut self.events;
        // The leaving rows' values are known already, so their keys are the same; rows of several values are new ones.
        self.reader.read(values, None, &mut self.masks, &mut self.payloads, |_, event| {
            match events.pop_front() {
                Some(left) if (left.ts, left.mask) == (event.ts, event.mask) => Ok(()),
                _ => footfall_internal_err!("a row left a window frame before older ones"),
            }
        })?;
        self.payloads.compact(self.events.len(), self.events.iter_mut())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let states = states[0].as_binary::<i32>();
        for row in 0..states.len() {
            if states.is_valid(row) && !states.value(row).is_empty() {
                let events = &mut self.events;
                buffer::decode(states.value(row), &mut self.payloads, |event| events.push_back(event))?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let mut column = F::column(&self.definition.parameters)?;
        push_user(&mut column, &self.sorted(), &self.payloads);
        ScalarValue::try_from_array(&column.take(&self.payloads)?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let mut state = vec![];
        buffer::encode(&self.sorted(), &self.payloads, &mut state);
        Ok(vec![ScalarValue::Binary(Some(state))])
    }

    fn size(&self) -> usize {
        size_of_val(self)
            + self.events.capacity() * size_of::<Event>()
            + self.payloads.size()
            + self.masks.capacity() * size_of::<u64>()
    }
}

impl<F: EventFunction> fmt::Debug for EventRows<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventRows").field("function", &F::NAME).finish_non_exhaustive()
    }
}
