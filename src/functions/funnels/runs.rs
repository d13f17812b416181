//! The state machine of `funnel_count_runs`: one run through the funnel after the other.
//!
//! ```text
//! steps A, B; excluded: A      A@0     A@1        A@2     B@3        → 2 entries, 1 conversion
//!                              enters  drops out  enters  converts
//! ```
//!
//! A run starts with an event of step 1 while no run is under way; further events of step 1 do not start it anew. It ends
//! when it is complete, when its window is over, when an excluded event comes between two of its steps, or when a rule is
//! violated. The time that completes or excludes a run belongs to it: the next run starts later. A rule is violated by
//! what the run cannot hold, so the next run may start with that very time.

use std::mem::size_of;

use serde::{Deserialize, Serialize};

use super::rules::Rules;
use super::strict::StrictScan;
use crate::functions::events::Event;

/// The event of bit `bit` ends a run that has taken step `from` and not yet step `to`, steps counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exclusion {
    pub(crate) bit: usize,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

#[derive(Debug)]
pub(super) struct RunScan {
    scan: StrictScan,
    steps: usize,
    exclusions: Vec<Exclusion>,
    /// When the window of the run that is under way ends.
    under_way: Option<i64>,
    entries: i64,
    conversions: i64,
}

impl RunScan {
    pub(super) fn new(rules: Rules, steps: usize, exclusions: Vec<Exclusion>) -> Self {
        let scan = StrictScan::new(rules, steps, false);
        Self { scan, steps, exclusions, under_way: None, entries: 0, conversions: 0 }
    }

    /// Takes all events of one time; times ascend from call to call.
    pub(super) fn push(&mut self, events: &[Event], window_end: impl Fn(i64) -> i64) {
        let Some(first) = events.first() else {
            return;
        };
        if self.under_way.is_some_and(|end| end < first.ts) {
            self.end_run();
        }
        if self.under_way.is_some() {
            let level = self.scan.level();
            self.scan.push_if(events, false, &window_end);
            if self.scan.level() == self.steps {
                self.conversions += 1;
                return self.end_run();
            }
            if self.scan.is_alive() {
                if self.scan.level() == level && self.excludes(level, events) {
                    self.end_run();
                }
                return;
            }
            self.end_run();
        }
        if !events.iter().any(|event| event.mask & 1 != 0) {
            return;
        }
        self.entries += 1;
        self.under_way = Some(window_end(first.ts));
        self.scan.push(events, &window_end);
        self.conversions += i64::from(self.scan.level() == self.steps);
        if self.scan.level() == self.steps || !self.scan.is_alive() {
            self.end_run();
        }
    }

    /// Entries and conversions of the user; the scan is then ready for the next one.
    pub(super) fn finish(&mut self) -> (i64, i64) {
        self.end_run();
        (std::mem::take(&mut self.entries), std::mem::take(&mut self.conversions))
    }

    fn excludes(&self, level: usize, events: &[Event]) -> bool {
        self.exclusions.iter().any(|exclusion| {
            (exclusion.from..exclusion.to).contains(&level)
                && events.iter().any(|event| event.mask & (1 << exclusion.bit) != 0)
        })
    }

    fn end_run(&mut self) {
        self.under_way = None;
        self.scan.clear();
    }

    /// Heap bytes, by capacity.
    pub(super) fn size(&self) -> usize {
        self.scan.size() + self.exclusions.capacity() * size_of::<Exclusion>()
    }
}
