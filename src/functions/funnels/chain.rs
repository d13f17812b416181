//! The state machine of `funnel`: one pass over a user's events that keeps the best chain of each level.
//!
//! Of the chains that reach a level, one dominates: the chain whose entry's window ends last, because any event that
//! extends another chain extends this one too. For windows of fixed length that is the latest entry. So a level needs one
//! chain, and it is replaced only when the new one is *strictly* better: among chains with the same entry the first one
//! stays, and its steps are the earliest possible. The answer is the chain that first reaches the highest level, which
//! is the earliest time of the top step, and by the above the latest entry at that time.
//!
//! Events of the same time are taken together, because they may follow each other in the order of the steps whatever
//! order they arrived in. From the levels before that time, a chain may be carried on by steps `from..to` if these steps
//! can be given to *different* events of the time: a matching of steps to events. Three cases, from common to rare: one
//! event carries each chain on by one step; events that satisfy one step each give each step an event of its own; only
//! where several events meet and some satisfy several steps a matching is computed.

use std::sync::Arc;

use super::matching::reach_all;
use crate::functions::time::Window;

/// Finds the best chain of one group at a time.
#[derive(Debug)]
pub(crate) struct ChainScan {
    window: Arc<Window>,
    steps: usize,
    /// Per level, the entry of its chain.
    entries: Vec<Option<Entry>>,
    /// Per level, the times of its chain; row `k` of `steps` values holds `k + 1`.
    times: Vec<i64>,
    best: Vec<i64>,
    /// Scratch space: the masks of the events of one time, and how far they carry a chain from each step.
    masks: Vec<u64>,
    reach: Vec<usize>,
}

/// Compared by the end of the window first: the greater entry is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    deadline: i64,
    start: i64,
}

impl ChainScan {
    pub(crate) fn new(window: Arc<Window>, steps: usize) -> Self {
        Self {
            window,
            steps,
            entries: vec![None; steps],
            times: vec![0; steps * steps],
            best: Vec::with_capacity(steps),
            masks: Vec::new(),
            reach: Vec::new(),
        }
    }

    /// Takes all events of one time (of one place in it, where events of a time are told apart); times ascend.
    pub(crate) fn push(&mut self, ts: i64, masks: impl Iterator<Item = u64>) {
        if self.best.len() == self.steps {
            return;
        }
        self.masks.clear();
        self.masks.extend(masks);
        match self.masks.as_slice() {
            [mask] => {
                // From the highest step down, so that this event never carries on a chain it has just carried on.
                let mut rest = *mask;
                while rest != 0 {
                    let step = rest.ilog2() as usize;
                    rest &= !(1 << step);
                    self.extend(step, step, ts);
                }
            }
            masks if masks.iter().all(|mask| mask.count_ones() == 1) => {
                // From the lowest step up: the next step has an event of its own.
                let mut rest = masks.iter().fold(0_u64, |union, mask| union | mask);
                while rest != 0 {
                    let step = rest.trailing_zeros() as usize;
                    rest &= rest - 1;
                    self.extend(step, step, ts);
                }
            }
            _ => self.match_same_time(ts),
        }
        let top = self.entries.iter().take_while(|entry| entry.is_some()).count();
        if top > self.best.len() {
            let row = (top - 1) * self.steps;
            self.best.clear();
            self.best.extend_from_slice(&self.times[row..row + top]);
        }
    }

    /// The times of the best chain, as many as its level.
    pub(crate) fn best(&self) -> &[i64] {
        &self.best
    }

    /// Ready for the next group.
    pub(crate) fn clear(&mut self) {
        self.entries.fill(None);
        self.best.clear();
    }

    /// Heap bytes, by capacity.
    pub(crate) fn size(&self) -> usize {
        self.entries.capacity() * size_of::<Option<Entry>>()
            + (self.times.capacity() + self.best.capacity()) * size_of::<i64>()
            + self.masks.capacity() * size_of::<u64>()
            + self.reach.capacity() * size_of::<usize>()
    }

    /// Offers level `to + 1` the chain that ends before step `from`, carried on by steps `from..=to` at `ts`.
    fn extend(&mut self, from: usize, to: usize, ts: i64) {
        let Some(entry) = self.entry_before(from, ts) else {
            return;
        };
        if self.entries[to].is_some_and(|current| current >= entry) {
            return;
        }
        self.entries[to] = Some(entry);
        let row = to * self.steps;
        if from > 0 {
            let source = (from - 1) * self.steps;
            self.times.copy_within(source..source + from, row);
        }
        self.times[row + from..=row + to].fill(ts);
    }

    /// The entry of a chain that an event at `ts` may carry on with step `step`.
    fn entry_before(&self, step: usize, ts: i64) -> Option<Entry> {
        match step.checked_sub(1) {
            None => Some(Entry { deadline: self.window.deadline(ts), start: ts }),
            Some(level) => self.entries[level].filter(|entry| ts <= entry.deadline),
        }
    }

    /// Takes several events of one time, some of which satisfy several steps.
    fn match_same_time(&mut self, ts: i64) {
        reach_all(&mut self.masks, self.steps, &mut self.reach);
        // From the highest level down: what is offered to a level comes from the levels as they were before this time.
        for to in (0..self.steps).rev() {
            // Among equal entries the longest chain that was there before has the earlier times: it is offered first.
            for from in (0..=to).rev() {
                if self.reach[from] > to {
                    self.extend(from, to, ts);
                }
            }
        }
    }
}
