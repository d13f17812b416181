//! The events of many users, until their answers are asked for.

use std::mem::size_of;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BinaryBuilder};
use datafusion::common::Result;
use datafusion::logical_expr::EmitTo;

use super::buffer::{self, Events};
use super::event::{Event, same_time};
use super::function::{AnswerColumn, EventDefinition, EventFunction};
use super::payloads::Payloads;
use super::reader::EventReader;
use crate::functions::aggregate::{Batch, Groups};
use crate::functions::states::append;

pub(crate) struct EventGroups<F: EventFunction> {
    definition: EventDefinition<F::Parameters>,
    column: F::Column,
    payloads: Payloads,
    events: Events,
    /// Scratch space for the masks of a batch.
    masks: Vec<u64>,
}

impl<F: EventFunction> EventGroups<F> {
    pub(super) fn new(definition: &EventDefinition<F::Parameters>) -> Result<Self> {
        Ok(Self {
            definition: definition.clone(),
            column: F::column(&definition.parameters)?,
            payloads: Payloads::new(&definition.values, definition.tie),
            events: Events::new(),
            masks: Vec::new(),
        })
    }

    pub(super) fn update(&mut self, reader: &EventReader, rows: &Batch) -> Result<()> {
        let events = &mut self.events;
        reader.read(rows.values, rows.filter, &mut self.masks, &mut self.payloads, |row, event| {
            // Fits: `set_groups` was told of every group.
            events.push(Event { group: rows.groups[row] as u32, ..event });
            Ok(())
        })
    }
}

impl<F: EventFunction> Groups for EventGroups<F> {
    fn set_groups(&mut self, groups: usize) -> Result<()> {
        self.events.set_groups(groups)
    }

    fn merge(&mut self, group: usize, content: &[u8]) -> Result<()> {
        let events = &mut self.events;
        buffer::decode(content, &mut self.payloads, |event| {
            events.push(Event { group: group as u32, ..event });
        })
    }

    fn answers(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let (column, payloads) = (&mut self.column, &self.payloads);
        self.events.emit(emit_to, payloads, |events| {
            push_user(column, events, payloads);
            Ok(())
        })?;
        let answers = self.column.take(&self.payloads)?;
        self.payloads.compact(self.events.len(), self.events.iter_mut())?;
        Ok(answers)
    }

    fn states(&mut self, emit_to: EmitTo, head: &[u8]) -> Result<ArrayRef> {
        let mut states = match emit_to {
            EmitTo::First(_) => BinaryBuilder::new(),
            EmitTo::All => {
                let groups = self.events.emitted(emit_to);
                // A head, a number and a first time a group; a distance in time and a mask an event.
                let bytes = groups * (head.len() + 10) + self.events.len() * 5;
                BinaryBuilder::with_capacity(groups, bytes.min(i32::MAX as usize))
            }
        };
        let mut state = vec![];
        let payloads = &self.payloads;
        self.events.emit(emit_to, payloads, |events| {
            state.clear();
            state.extend_from_slice(head);
            buffer::encode(events, payloads, &mut state);
            append(&mut states, &state)
        })?;
        self.payloads.compact(self.events.len(), self.events.iter_mut())?;
        Ok(Arc::new(states.finish()))
    }

    fn snapshot(&self) -> Result<Self> {
        Ok(Self {
            definition: self.definition.clone(),
            column: F::column(&self.definition.parameters)?,
            payloads: self.payloads.clone(),
            events: self.events.clone(),
            masks: vec![],
        })
    }

    fn size(&self) -> usize {
        self.events.size()
            + self.payloads.size()
            + self.column.size()
            + self.masks.capacity() * size_of::<u64>()
    }
}

/// Shows a column the events of one user, which are in their order.
pub(super) fn push_user(column: &mut impl AnswerColumn, events: &[Event], payloads: &Payloads) {
    for events in same_time(events, payloads) {
        column.push(events, payloads);
    }
    column.end_user(payloads);
}

/// A state for each row: of one event, or of none.
pub(super) fn row_states<P>(
    definition: &EventDefinition<P>,
    reader: &EventReader,
    rows: &Batch,
) -> Result<ArrayRef> {
    let count = rows.values[reader.ts].len();
    let mut payloads = Payloads::new(&definition.values, definition.tie);
    let mut found = Vec::with_capacity(count);
    reader.read(rows.values, rows.filter, &mut vec![], &mut payloads, |row, event| {
        found.push((row, event));
        Ok(())
    })?;
    let mut states = BinaryBuilder::with_capacity(count, found.len() * 12);
    let (mut state, mut next) = (vec![], found.into_iter().peekable());
    for row in 0..count {
        state.clear();
        if let Some((_, event)) = next.next_if(|(found, _)| *found == row) {
            buffer::encode(&[event], &payloads, &mut state);
        }
        // Of no event: nothing at all, which merges into nothing.
        append(&mut states, &state)?;
    }
    Ok(Arc::new(states.finish()))
}
