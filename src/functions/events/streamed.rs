//! Users one after the other, each one's events in order of time: no event is kept but those of one time.

use std::fmt;
use std::mem::{size_of, size_of_val};
use std::slice;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray};
use datafusion::arrow::compute::concat;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};

use super::event::{Event, sort_same_time};
use super::function::{AnswerColumn, EventDefinition, EventFunction};
use super::payloads::Payloads;
use super::reader::EventReader;
use crate::error::footfall_internal_err;

pub(super) struct StreamedEvents<F: EventFunction> {
    reader: EventReader,
    payloads: Payloads,
    users: Users<F::Column>,
    masks: Vec<u64>,
}

/// The answers of complete users, and the user whose events come.
struct Users<C> {
    column: C,
    /// The last event of the current user, not yet shown to `column`; seldom has it others of the same time before it.
    last: Option<Event>,
    same_time: Vec<Event>,
    /// The current user's group; the answers of all groups before are in `column` or `ready`.
    current: usize,
    /// All groups that the operator has numbered.
    groups: usize,
    /// Answers that were taken out of `column` and not yet handed on.
    ready: Option<ArrayRef>,
}

impl<F: EventFunction> StreamedEvents<F> {
    pub(super) fn new(definition: &EventDefinition<F::Parameters>, reader: EventReader) -> Result<Self> {
        Ok(Self {
            payloads: Payloads::new(&definition.values, definition.tie),
            users: Users {
                column: F::column(&definition.parameters)?,
                last: None,
                same_time: vec![],
                current: 0,
                groups: 0,
                ready: None,
            },
            reader,
            masks: vec![],
        })
    }
}

impl<C: AnswerColumn> Users<C> {
    #[inline]
    fn push(&mut self, group: usize, event: Event, payloads: &Payloads) -> Result<()> {
        if group != self.current {
            self.end_users_before(group, payloads)?;
        } else if let Some(last) = self.last {
            if last.ts == event.ts {
                self.same_time.push(last);
            } else if last.ts < event.ts {
                self.show_last(payloads);
            } else {
                return exec_err!(
                    "rows are not in the order that their table declares: a time comes after a later one"
                );
            }
        }
        self.last = Some(event);
        Ok(())
    }

    fn end_users_before(&mut self, group: usize, payloads: &Payloads) -> Result<()> {
        if group < self.current {
            return exec_err!("rows are not in the order that their table declares: a group comes twice");
        }
        self.show_last(payloads);
        while self.current < group {
            self.column.end_user(payloads);
            self.current += 1;
        }
        Ok(())
    }

    #[inline]
    fn show_last(&mut self, payloads: &Payloads) {
        let Some(last) = self.last.take() else {
            return;
        };
        if self.same_time.is_empty() {
            self.column.push(slice::from_ref(&last), payloads);
        } else {
            self.same_time.push(last);
            sort_same_time(&mut self.same_time, payloads);
            self.column.push(&self.same_time, payloads);
            self.same_time.clear();
        }
    }

    fn emit(&mut self, emit_to: EmitTo, payloads: &Payloads) -> Result<ArrayRef> {
        let emitted = match emit_to {
            EmitTo::All => self.groups,
            EmitTo::First(groups) => groups,
        };
        if self.current < emitted {
            self.end_users_before(emitted, payloads)?;
        }
        let fresh = self.column.take(payloads)?;
        let answers = match self.ready.take() {
            Some(ready) if !ready.is_empty() => concat(&[ready.as_ref(), fresh.as_ref()])?,
            _ => fresh,
        };
        if answers.len() > emitted {
            self.ready = Some(answers.slice(emitted, answers.len() - emitted));
        }
        self.current -= emitted;
        self.groups -= emitted;
        Ok(answers.slice(0, emitted))
    }
}

impl<F: EventFunction> GroupsAccumulator for StreamedEvents<F> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.users.groups = total_num_groups;
        let (users, nothing) = (&mut self.users, Payloads::new(&[], false));
        self.reader.read(values, opt_filter, &mut self.masks, &mut self.payloads, |row, event| {
            users.push(group_indices[row], event, &nothing)
        })
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        self.users.emit(emit_to, &self.payloads)
    }

    fn merge_batch(&mut self, _: &[ArrayRef], _: &[usize], _: usize) -> Result<()> {
        footfall_internal_err!("{} was streamed in an aggregation of two phases", F::NAME)
    }

    fn state(&mut self, _: EmitTo) -> Result<Vec<ArrayRef>> {
        footfall_internal_err!("{} was streamed in an aggregation of two phases", F::NAME)
    }

    fn convert_to_state(&self, _: &[ArrayRef], _: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        footfall_internal_err!("{} was streamed in an aggregation of two phases", F::NAME)
    }

    fn size(&self) -> usize {
        size_of_val(self)
            + self.users.column.size()
            + self.users.same_time.capacity() * size_of::<Event>()
            + self.users.ready.as_ref().map_or(0, |ready| ready.get_array_memory_size())
            + self.masks.capacity() * size_of::<u64>()
    }
}

impl<F: EventFunction> fmt::Debug for StreamedEvents<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamedEvents").field("function", &F::NAME).finish_non_exhaustive()
    }
}
