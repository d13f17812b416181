//! The events of all groups, kept until a group is complete: how does a function see a user's events in order?
//!
//! [`Events`] is one flat vector for all groups and remembers whether it was filled in order. Over a store, where a plan
//! delivers users in order and each user's events in time order, complete groups leave after every batch: no sort, and
//! memory for a batch of groups. Over any other input the same code sorts each group when it is asked for.

use std::mem::size_of;

use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::EmitTo;

use super::event::{Event, sort_events};
use super::payloads::Payloads;
use crate::functions::bytes;

/// The events of many groups.
#[derive(Debug, Clone)]
pub(super) struct Events {
    events: Vec<Event>,
    /// Whether `events` ascends by (group, ts).
    ordered: bool,
    groups: usize,
}

impl Events {
    pub(super) fn new() -> Self {
        Self { events: Vec::new(), ordered: true, groups: 0 }
    }

    /// Makes room for groups that may have no event at all.
    pub(super) fn set_groups(&mut self, groups: usize) -> Result<()> {
        if u32::try_from(groups).is_err() {
            return exec_err!(
                "more than {} groups in one partition; raise datafusion.execution.target_partitions",
                u32::MAX
            );
        }
        self.groups = self.groups.max(groups);
        Ok(())
    }

    pub(super) fn push(&mut self, event: Event) {
        if let Some(last) = self.events.last()
            && (last.group, last.ts) > (event.group, event.ts)
        {
            self.ordered = false;
        }
        self.events.push(event);
    }

    /// The events that are left.
    pub(super) fn rest(&mut self) -> &mut [Event] {
        &mut self.events
    }

    /// Takes out the first groups and shows each one's events in their order, groups without events too.
    pub(super) fn emit(
        &mut self,
        emit_to: EmitTo,
        payloads: &Payloads,
        mut visit: impl FnMut(&[Event]) -> Result<()>,
    ) -> Result<()> {
        let groups = self.emitted(emit_to);
        let mut events = self.take(emit_to, groups);
        self.groups -= groups;
        if is_ordered(&events) {
            let mut rest = events.as_mut_slice();
            for group in 0..groups {
                let len = rest.iter().position(|event| event.group as usize != group).unwrap_or(rest.len());
                let (events, tail) = rest.split_at_mut(len);
                sort_events(events, payloads);
                visit(events)?;
                rest = tail;
            }
            return Ok(());
        }
        if u32::try_from(events.len()).is_err() {
            return exec_err!(
                "more than {} events in one partition; raise datafusion.execution.target_partitions",
                u32::MAX
            );
        }
        // A counting sort by group keeps the order of arrival, which is often the order of time already; only the
        // groups where it is not are sorted. It moves 4 bytes an event where sorting the buffer would move 24.
        let mut starts = vec![0_u32; groups + 1];
        for event in &events {
            starts[event.group as usize + 1] += 1;
        }
        for group in 0..groups {
            starts[group + 1] += starts[group];
        }
        let mut next = starts.clone();
        let mut order = vec![0_u32; events.len()];
        for (i, event) in events.iter().enumerate() {
            let slot = &mut next[event.group as usize];
            order[*slot as usize] = i as u32;
            *slot += 1;
        }
        let mut mine: Vec<Event> = Vec::new();
        for group in 0..groups {
            let range = starts[group] as usize..starts[group + 1] as usize;
            mine.clear();
            mine.extend(order[range].iter().map(|&i| events[i as usize]));
            sort_events(&mut mine, payloads);
            visit(&mine)?;
        }
        Ok(())
    }

    /// How many groups leave with `emit_to`.
    pub(super) fn emitted(&self, emit_to: EmitTo) -> usize {
        match emit_to {
            EmitTo::All => self.groups,
            EmitTo::First(groups) => groups,
        }
    }

    /// Heap bytes, by capacity.
    pub(super) fn size(&self) -> usize {
        self.events.capacity() * size_of::<Event>()
    }

    /// The events of the first `groups` groups; those that stay are renumbered from 0.
    fn take(&mut self, emit_to: EmitTo, groups: usize) -> Vec<Event> {
        if matches!(emit_to, EmitTo::All) {
            self.ordered = true;
            return std::mem::take(&mut self.events);
        }
        let groups = groups as u32;
        let taken = if self.ordered {
            let len = self.events.partition_point(|event| event.group < groups);
            EmitTo::First(len).take_needed(&mut self.events)
        } else {
            let taken = self.events.extract_if(.., |event| event.group < groups).collect();
            self.ordered = is_ordered(&self.events);
            taken
        };
        for event in &mut self.events {
            event.group -= groups;
        }
        taken
    }
}

fn is_ordered(events: &[Event]) -> bool {
    events.is_sorted_by_key(|event| (event.group, event.ts))
}

/// Appends a user's events: their number, then each one's distance in time, its conditions and its values.
pub(super) fn encode(events: &[Event], payloads: &Payloads, out: &mut Vec<u8>) {
    bytes::write_number(out, events.len() as u64);
    let mut last = 0_i64;
    for event in events {
        bytes::write_signed(out, event.ts.wrapping_sub(last));
        bytes::write_number(out, event.mask);
        payloads.encode(event.payload, out);
        last = event.ts;
    }
}

/// The inverse of [`encode`].
pub(super) fn decode(
    mut content: &[u8],
    payloads: &mut Payloads,
    mut visit: impl FnMut(Event),
) -> Result<()> {
    let count = bytes::read_number(&mut content)?;
    let mut ts = 0_i64;
    for _ in 0..count {
        ts = ts.wrapping_add(bytes::read_signed(&mut content)?);
        let mask = bytes::read_number(&mut content)?;
        let payload = payloads.decode(&mut content)?;
        visit(Event { ts, mask, payload, group: 0 });
    }
    if content.is_empty() { Ok(()) } else { exec_err!("a stored state is damaged: {} bytes follow its end", content.len()) }
}
