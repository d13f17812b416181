//! The state machine of `window_funnel` without a mode: the highest level of a user, in one number a level.
//!
//! Level `k` is reached when some chain e1 ≤ e2 ≤ … ≤ ek satisfies steps 1 to k with ek inside e1's window. Of all chains
//! that reach a level only the one whose window ends last is kept: whatever extends another chain extends it too. So one
//! number a level is an exact summary of all chains.
//!
//! Events of the same time count in the order of their steps, and an event may fill several steps. Together that makes
//! all events of one time equal to a single event that satisfies the union of their steps, taken step by step upwards.

use std::mem::size_of;

use crate::functions::events::Event;

#[derive(Debug)]
pub(super) struct LevelScan {
    /// Per level, when the window of the best chain ends; valid where `reached` has the bit.
    ends: Vec<i64>,
    /// Bit `k` is set when level `k + 1` is reached; the set bits are always the lowest ones.
    reached: u64,
    all: u64,
}

impl LevelScan {
    pub(super) fn new(steps: usize) -> Self {
        Self { ends: vec![0; steps], reached: 0, all: u64::MAX >> (64 - steps) }
    }

    /// Takes all events of one time; `window_end` tells when the window of an entry at that time ends.
    #[inline]
    pub(super) fn push(&mut self, events: &[Event], window_end: impl Fn(i64) -> i64) {
        let Some(first) = events.first() else {
            return;
        };
        if self.reached == self.all {
            return;
        }
        let ts = first.ts;
        let mut steps = events.iter().fold(0, |union, event| union | event.mask) & self.all;
        while steps != 0 {
            let step = steps.trailing_zeros() as usize;
            steps &= steps - 1;
            let end = if step == 0 {
                window_end(ts)
            } else if self.reached & (1 << (step - 1)) != 0 && ts <= self.ends[step - 1] {
                self.ends[step - 1]
            } else {
                continue;
            };
            let bit = 1 << step;
            let best = &mut self.ends[step];
            *best = if self.reached & bit == 0 { end } else { end.max(*best) };
            self.reached |= bit;
        }
    }

    pub(super) fn level(&self) -> usize {
        self.reached.count_ones() as usize
    }

    /// Ready for the next user.
    pub(super) fn clear(&mut self) {
        self.reached = 0;
    }

    /// Heap bytes, by capacity.
    pub(super) fn size(&self) -> usize {
        self.ends.capacity() * size_of::<i64>()
    }
}
