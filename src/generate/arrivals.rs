//! In which order does the server get them? Events wait until no earlier arrival is possible, then leave in order of
//! receipt. Only slots of ten minutes are sorted, and what is late waits in its slot: the memory held is that of the late
//! events, not of a day.

use std::collections::VecDeque;

use super::event::Event;

/// Milliseconds of a slot.
const SLOT: i64 = 600_000;

#[derive(Debug)]
pub(super) struct Arrivals {
    /// When the first slot starts.
    start: i64,
    slots: VecDeque<Vec<Event>>,
    /// An empty vector, to be used again.
    spare: Option<Vec<Event>>,
}

impl Arrivals {
    pub(super) fn new(start: i64) -> Self {
        Self { start, slots: VecDeque::new(), spare: None }
    }

    pub(super) fn push(&mut self, event: Event) {
        let slot = ((event.received - self.start) / SLOT).max(0) as usize;
        while self.slots.len() <= slot {
            self.slots.push_back(vec![]);
        }
        let events = &mut self.slots[slot];
        if events.capacity() == 0
            && let Some(spare) = self.spare.take()
        {
            *events = spare;
        }
        events.push(event);
    }

    /// The events of one slot that ends by `time`, from which on nothing earlier will be pushed; `None` if there are none.
    pub(super) fn take_until(&mut self, time: i64) -> Option<Vec<Event>> {
        while self.start.saturating_add(SLOT) <= time {
            let Some(mut events) = self.slots.pop_front() else {
                self.start += (time - self.start) / SLOT * SLOT;
                return None;
            };
            self.start += SLOT;
            if !events.is_empty() {
                events.sort_unstable_by_key(|event| (event.received, event.user, event.seq));
                return Some(events);
            }
        }
        None
    }

    /// When the last slot ends.
    pub(super) fn end(&self) -> i64 {
        self.start + SLOT * self.slots.len() as i64
    }

    pub(super) fn give_back(&mut self, mut events: Vec<Event>) {
        events.clear();
        self.spare = Some(events);
    }
}
