//! One chain a level, and the best chain so far: what every funnel with rules keeps of a user's past.
//!
//! At the end of a time, what may still become of a chain depends on its level and on the end of its window alone. Of the
//! chains of a level the one whose window ends last can do whatever the others can, so it stands for all of them.

use std::mem::size_of;

#[derive(Debug)]
pub(super) struct ChainTable {
    steps: usize,
    /// Whether the times of the steps are asked for.
    timed: bool,
    /// See [`Self::alive`].
    alive: u64,
    entries: Vec<Entry>,
    /// Per level the times of its chain; row `k` of `steps` values holds `k + 1`.
    times: Vec<i64>,
    best: Best,
}

/// Compared by the end of the window first: the greater entry is the better one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) end: i64,
    pub(super) start: i64,
}

/// The chain of the highest level, then the earliest top step, then the latest entry.
#[derive(Debug, Default)]
struct Best {
    level: usize,
    /// Whether its top step is of the time that is being taken.
    fresh: bool,
    entry: Entry,
    times: Vec<i64>,
}

impl ChainTable {
    pub(super) fn new(steps: usize, timed: bool) -> Self {
        Self {
            steps,
            timed,
            alive: 0,
            entries: vec![Entry::default(); steps],
            times: vec![0; if timed { steps * steps } else { 0 }],
            best: Best::default(),
        }
    }

    /// The highest level that a chain has reached.
    pub(super) fn level(&self) -> usize {
        self.best.level
    }

    /// The times of the best chain, as many as its level; empty where they were not asked for.
    pub(super) fn times(&self) -> &[i64] {
        &self.best.times
    }

    /// The events of another time follow.
    pub(super) fn next_time(&mut self) {
        self.best.fresh = false;
    }

    /// Bit `k` is set when level `k + 1` holds a chain that may go on.
    pub(super) fn alive(&self) -> u64 {
        self.alive
    }

    /// Forgets the chains whose bit is not in `bits`.
    pub(super) fn keep(&mut self, bits: u64) {
        self.alive &= bits;
    }

    pub(super) fn entry(&self, step: usize) -> Entry {
        self.entries[step]
    }

    /// Whether a chain that ends before `step` may go on at `ts`.
    pub(super) fn goes_on(&self, step: usize, ts: i64) -> bool {
        self.alive & (1 << (step - 1)) != 0 && ts <= self.entries[step - 1].end
    }

    /// Offers level `to + 1` the chain that ends before step `from`, carried on by the steps `from..=to` at `ts`.
    ///
    /// `entry` is that chain's; among equal entries the chain that was there first stays, its steps are the earlier ones.
    pub(super) fn offer(&mut self, from: usize, to: usize, ts: i64, entry: Entry) {
        if self.alive & (1 << to) == 0 || self.entries[to] < entry {
            self.put(from, to, ts, entry);
        }
    }

    /// As [`Self::offer`], whatever chain is there.
    pub(super) fn put(&mut self, from: usize, to: usize, ts: i64, entry: Entry) {
        self.alive |= 1 << to;
        self.entries[to] = entry;
        let row = to * self.steps;
        if self.timed {
            if from > 0 {
                let source = (from - 1) * self.steps;
                self.times.copy_within(source..source + from, row);
            }
            self.times[row + from..=row + to].fill(ts);
            self.times[row] = entry.start;
        }
        let best = &mut self.best;
        if to + 1 > best.level || (to + 1 == best.level && best.fresh && best.entry < entry) {
            (best.level, best.fresh, best.entry) = (to + 1, true, entry);
            if self.timed {
                best.times.clear();
                best.times.extend_from_slice(&self.times[row..=row + to]);
            }
        }
    }

    /// Ready for the next user.
    pub(super) fn clear(&mut self) {
        self.alive = 0;
        self.best.level = 0;
        self.best.times.clear();
    }

    /// Heap bytes, by capacity.
    pub(super) fn size(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
            + (self.times.capacity() + self.best.times.capacity()) * size_of::<i64>()
    }
}
