//! The events of all groups, kept until a group is complete: how does a function see a user's events in order?
//!
//! [`Events`] is one flat vector for all groups and remembers whether it was filled in order. Over a store, where a plan
//! delivers users in order and each user's events in time order, complete groups leave after every batch: no sort, and
//! memory for a batch of groups. Over any other input events go to [`Pages`], and each group is sorted when it is asked for.

use std::mem::size_of;

use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::EmitTo;

use super::event::{Event, sort_events};
use super::pages::Pages;
use super::payloads::Payloads;
use crate::functions::bytes;

/// The events of many groups.
#[derive(Debug, Clone)]
pub(super) struct Events {
    events: Vec<Event>,
    /// Whether `events` ascends by (group, ts).
    ordered: bool,
    /// All events instead, once they are many and in no order; `events` is empty then.
    pages: Pages,
    groups: usize,
}

/// So many events in no order move to pages.
const MANY: usize = 1 << 14;

impl Events {
    pub(super) fn new() -> Self {
        Self { events: Vec::new(), ordered: true, pages: Pages::default(), groups: 0 }
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

    #[inline]
    pub(super) fn push(&mut self, event: Event) {
        if self.pages.len() > 0 {
            self.pages.push(event);
            return;
        }
        if let Some(last) = self.events.last()
            && (last.group, last.ts) > (event.group, event.ts)
        {
            self.ordered = false;
        }
        self.events.push(event);
        if !self.ordered && self.events.len() >= MANY {
            self.ordered = true;
            std::mem::take(&mut self.events).into_iter().for_each(|event| self.pages.push(event));
        }
    }

    /// How many events there are.
    pub(super) fn len(&self) -> usize {
        self.events.len() + self.pages.len()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Event> {
        self.events.iter_mut().chain(self.pages.iter_mut())
    }

    /// Takes out the first groups and shows each one's events in their order, groups without events too.
    pub(super) fn emit(
        &mut self,
        emit_to: EmitTo,
        payloads: &Payloads,
        mut visit: impl FnMut(&[Event]) -> Result<()>,
    ) -> Result<()> {
        let groups = self.emitted(emit_to);
        self.groups -= groups;
        let mut visit = |events: &mut [Event]| {
            sort_events(events, payloads);
            visit(events)
        };
        if self.pages.len() > 0 {
            return self.pages.take(groups, self.groups > 0, visit);
        }
        let ordered = self.ordered;
        let mut events = self.take(emit_to, groups);
        if !ordered && !is_ordered(&events) {
            let mut pages = Pages::default();
            events.into_iter().for_each(|event| pages.push(event));
            return pages.take(groups, false, visit);
        }
        let mut rest = events.as_mut_slice();
        for group in 0..groups {
            let len = rest.iter().position(|event| event.group as usize != group).unwrap_or(rest.len());
            let (events, tail) = rest.split_at_mut(len);
            visit(events)?;
            rest = tail;
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
        self.events.capacity() * size_of::<Event>() + self.pages.size()
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
    if content.is_empty() {
        Ok(())
    } else {
        exec_err!("a stored state is damaged: {} bytes follow its end", content.len())
    }
}
