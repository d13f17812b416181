//! The state machine of `funnel_slots`: for each entry of a user, how far does the best chain from it get?
//!
//! Read backwards, an event sees all that can follow it. For each step `j` one row of times is kept: when, at the
//! earliest, are steps j, j + 1, … done by chains of the events read so far that start with step j? An event that
//! satisfies step `j` at time `t` gives row `j` the time `t`, followed by row `j + 1` as it was before. Chains from an
//! entry are row 1, and since they are the earliest, those inside the window of the entry are its level.
//!
//! ```text
//! a@0   b@3   c@7          at c: row c = [7]      at b: row b = [3 7]      at a: row a = [0 3 7] → level of the entry
//!                                                                                    within its window
//! ```
//!
//! Events of one time may follow each other in the order of the steps; one event never takes two. O(events × steps),
//! times the number of steps where an event satisfies many; 24 bytes an event of the user being read.

use super::matching::reach_all;

/// Levels of the entries of one user at a time.
#[derive(Debug)]
pub(super) struct SlotScan {
    steps: usize,
    events: Vec<u64>,
    /// The events of one time: when, and where they begin among `events`.
    times: Vec<(i64, usize)>,
    /// Row `j` of `steps` values: when the steps from `j` on are done, none for those that never are.
    done: Vec<Option<i64>>,
    masks: Vec<u64>,
    reach: Vec<usize>,
}

impl SlotScan {
    pub(super) fn new(steps: usize) -> Self {
        Self {
            steps,
            events: Vec::new(),
            times: Vec::new(),
            done: vec![None; steps * steps],
            masks: Vec::new(),
            reach: Vec::new(),
        }
    }

    /// Takes all events of one time; times ascend from call to call.
    pub(super) fn push(&mut self, ts: i64, masks: impl Iterator<Item = u64>) {
        self.times.push((ts, self.events.len()));
        self.events.extend(masks);
    }

    /// Calls `visit(ts, level)` for each time that has an entry, the latest first; then the next user may follow.
    pub(super) fn finish(&mut self, deadline: impl Fn(i64) -> i64, mut visit: impl FnMut(i64, usize)) {
        self.done.fill(None);
        while let Some((ts, start)) = self.times.pop() {
            self.masks.clear();
            self.masks.extend(self.events.drain(start..));
            reach_all(&mut self.masks, self.steps, &mut self.reach);
            self.take(ts);
            if self.reach[0] > 0 {
                let last = deadline(ts);
                let in_time =
                    self.done[..self.steps].iter().take_while(|done| done.is_some_and(|at| at <= last));
                visit(ts, in_time.count());
            }
        }
    }

    /// Heap bytes by capacity.
    pub(super) fn heap(&self) -> usize {
        (self.events.capacity() + self.masks.capacity() + self.reach.capacity()) * size_of::<u64>()
            + (self.times.capacity() + self.done.capacity()) * size_of::<(i64, usize)>()
    }

    /// Puts the events of `ts` before all that was read: those steps that they take are done at once, the steps after
    /// them as they were done from there. Rows are changed upwards, so that the rows read are still those of later events.
    fn take(&mut self, ts: i64) {
        let steps = self.steps;
        for from in 0..steps {
            let to = self.reach[from];
            if to == from {
                continue;
            }
            let row = from * steps;
            self.done[row + from..row + to].fill(Some(ts));
            if to < steps {
                self.done.copy_within(to * steps + to..(to + 1) * steps, row + to);
            }
        }
    }
}
