//! ClickHouse's scan: one pass that ends for good at the first violation, whichever chain it belongs to.
//!
//! ```text
//! strict_order     a@0  d@1  a@2  b@3  c@4      → 1   (d ends the scan; the chain a@2 b@3 c@4 is never seen)
//! ```
//!
//! Per level it holds the chain that reached the level last. Beside the early end that loses chains under
//! `strict_increase`: an entry replaces the one before, though only the one before can take a step of the same time.
//! `strict_once` is another scan, [`super::first_violation_once`].

use std::mem::size_of;

use crate::functions::events::Event;

use super::chain_table::{ChainTable, Entry};
use super::rules::Rules;

#[derive(Debug)]
pub(super) struct FirstViolationScan {
    rules: Rules,
    steps: usize,
    all: u64,
    chains: ChainTable,
    /// Per level, when its chain took its top step.
    last: Vec<i64>,
    ended: bool,
}

impl FirstViolationScan {
    pub(super) fn new(rules: Rules, steps: usize, timed: bool) -> Self {
        Self {
            rules,
            steps,
            all: u64::MAX >> (64 - steps),
            chains: ChainTable::new(steps, timed),
            last: vec![0; steps],
            ended: false,
        }
    }

    /// Takes all events of one time; times ascend from call to call.
    pub(super) fn push(&mut self, events: &[Event], window_end: impl Fn(i64) -> i64) {
        let Some(first) = events.first().filter(|_| !self.ended) else {
            return;
        };
        self.chains.next_time();
        let (ts, mut union, mut twice) = (first.ts, 0, 0);
        for event in events {
            let mask = event.mask & self.all;
            if mask == 0 && self.rules.no_strangers && self.has(0) {
                self.ended = true;
                return;
            }
            twice |= union & mask;
            union |= mask;
        }
        while union != 0 && !self.ended {
            let step = union.trailing_zeros() as usize;
            union &= union - 1;
            self.take(step, ts, &window_end);
            self.ended |= step > 0 && self.rules.no_repeats && twice & (1 << step) != 0 && self.has(step);
        }
    }

    fn take(&mut self, step: usize, ts: i64, window_end: &impl Fn(i64) -> i64) {
        if step == 0 {
            self.put(0, ts, Entry { end: window_end(ts), start: ts });
        } else if self.rules.no_repeats && self.has(step) {
            self.ended = true;
        } else if !self.has(step - 1) {
            self.ended = self.rules.no_strangers && self.has(0) && self.rules.no_skips;
        } else {
            let entry = self.chains.entry(step - 1);
            if ts <= entry.end && (!self.rules.increase || self.last[step - 1] < ts) {
                self.put(step, ts, entry);
                self.ended = step + 1 == self.steps;
            }
        }
    }

    fn put(&mut self, step: usize, ts: i64, entry: Entry) {
        self.chains.put(step, step, ts, entry);
        self.last[step] = ts;
    }

    /// Whether a chain has reached the level of `step`.
    fn has(&self, step: usize) -> bool {
        self.chains.alive() & (1 << step) != 0
    }

    /// The highest level that a chain has reached.
    pub(super) fn level(&self) -> usize {
        self.chains.level()
    }

    /// The times of the chain that reached it first.
    pub(super) fn times(&self) -> &[i64] {
        self.chains.times()
    }

    /// Ready for the next user.
    pub(super) fn clear(&mut self) {
        self.chains.clear();
        self.ended = false;
    }

    /// Heap bytes, by capacity.
    pub(super) fn size(&self) -> usize {
        self.chains.size() + self.last.capacity() * size_of::<i64>()
    }
}
