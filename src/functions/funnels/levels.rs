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
    /// Per level, when the window of the best chain ends; level 0 is an entry at the time that is looked at.
    ends: Vec<i64>,
    /// Bit `k - 1` is set when level `k` is reached; the set bits are always the lowest ones.
    reached: u64,
    all: u64,
    /// Whether the end of a window costs less than asking whether it is needed.
    cheap_end: bool,
}

impl LevelScan {
    pub(super) fn new(steps: usize, cheap_end: bool) -> Self {
        Self { ends: vec![i64::MIN; steps + 1], reached: 0, all: u64::MAX >> (64 - steps), cheap_end }
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
        if self.cheap_end || steps & 1 != 0 {
            self.ends[0] = window_end(ts);
        }
        while steps != 0 {
            let step = steps.trailing_zeros() as usize;
            steps &= steps - 1;
            // Which step comes next is chance, so no branch asks for it.
            let end = self.ends[step];
            let extends = (step == 0) | ((self.reached << 1) >> step & 1 != 0) & (ts <= end);
            let best = &mut self.ends[step + 1];
            *best = if extends { end.max(*best) } else { *best };
            self.reached |= u64::from(extends) << step;
        }
    }

    pub(super) fn level(&self) -> usize {
        self.reached.count_ones() as usize
    }

    /// Ready for the next user.
    pub(super) fn clear(&mut self) {
        self.reached = 0;
        self.ends.fill(i64::MIN);
    }

    /// Heap bytes, by capacity.
    pub(super) fn size(&self) -> usize {
        self.ends.capacity() * size_of::<i64>()
    }
}
