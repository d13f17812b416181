//! ClickHouse's scan under `strict_once`: as [`super::first_violation`], but no event fills two steps of a chain.
//!
//! ClickHouse keeps every path of events, of which there can be exponentially many. Here a level keeps one chain, which is
//! enough: events of different times are different, so two paths of a level differ, for what comes later, by the end of
//! their window alone. Within one time three cases remain.
//!
//! ```text
//! strict_increase          a chain takes one step of a time, so the paths of earlier times decide
//! strict_deduplication     a level is filled once, by one event; paths differ by their entry
//! neither                  steps m to n are taken by different events of the time: a matching
//! ```
//!
//! Under `strict_deduplication` ClickHouse's answer depends on the order in which rows arrive: of two events of one time
//! that satisfy the same step, the first fills it and the second is a repeat. Here events of one time stand in the order
//! of their lowest step, then of all their steps.

use std::mem::size_of;

use crate::functions::events::Event;

use super::chain_table::{ChainTable, Entry};
use super::matching::reach_all;
use super::rules::Rules;

#[derive(Debug)]
pub(super) struct FirstViolationOnceScan {
    rules: Rules,
    steps: usize,
    all: u64,
    chains: ChainTable,
    ended: bool,
    /// Scratch space for the events of one time.
    masks: Vec<u64>,
    reach: Vec<usize>,
    /// The events of this time that are steps of every path of the level filled last, and those that may be its entry.
    taken: Vec<usize>,
    entrants: Vec<usize>,
}

/// What happens at one time.
struct Moment<'a> {
    ts: i64,
    events: &'a [Event],
    union: u64,
    entry: Entry,
}

impl FirstViolationOnceScan {
    pub(super) fn new(rules: Rules, steps: usize, timed: bool) -> Self {
        Self {
            rules,
            steps,
            all: u64::MAX >> (64 - steps),
            chains: ChainTable::new(steps, timed),
            ended: false,
            masks: Vec::new(),
            reach: Vec::new(),
            taken: Vec::new(),
            entrants: Vec::new(),
        }
    }

    /// Takes all events of one time; times ascend from call to call.
    pub(super) fn push(&mut self, events: &[Event], window_end: impl Fn(i64) -> i64) {
        let Some(first) = events.first().filter(|_| !self.ended) else {
            return;
        };
        self.chains.next_time();
        let mut union = 0;
        for event in events {
            let mask = event.mask & self.all;
            if mask == 0 && self.rules.no_strangers && self.has(0) {
                self.ended = true;
                return;
            }
            union |= mask;
        }
        let ts = first.ts;
        let end = if union & 1 != 0 { window_end(ts) } else { ts };
        let now = Moment { ts, events, union, entry: Entry { end, start: ts } };
        if self.rules.no_repeats {
            self.without_repeats(&now);
        } else {
            self.any_repeats(&now);
        }
        self.ended |= self.chains.level() == self.steps;
    }

    fn any_repeats(&mut self, now: &Moment) {
        if self.rules.increase {
            for to in (0..self.steps).rev().filter(|to| now.union & (1 << to) != 0) {
                self.offer(to, to, now);
            }
        } else {
            self.masks.clear();
            self.masks.extend(now.events.iter().map(|event| event.mask & self.all).filter(|mask| *mask != 0));
            reach_all(&mut self.masks, self.steps, &mut self.reach);
            for to in (0..self.steps).rev().filter(|to| now.union & (1 << to) != 0) {
                for from in (0..=to).rev() {
                    if self.reach[from] > to {
                        self.offer(from, to, now);
                    }
                }
            }
        }
        // Levels are filled from the lowest up, each before the next step's turn, so the highest step tells of a skip.
        let top = now.union.checked_ilog2().map_or(0, |top| top as usize);
        self.ended |= self.is_skip(top);
    }

    fn without_repeats(&mut self, now: &Moment) {
        let before = self.chains.alive();
        // The end of the best window among the paths whose entry came earlier, at the level filled last.
        let mut earlier = None;
        self.taken.clear();
        self.entrants.clear();
        for step in 0..self.steps {
            if now.union & (1 << step) == 0 {
                continue;
            }
            if step == 0 {
                earlier = self.has(0).then(|| self.chains.entry(0));
                let entrants = (0..now.events.len()).filter(|i| now.events[*i].mask & 1 != 0);
                self.entrants.extend(entrants);
                self.chains.put(0, 0, now.ts, now.entry);
                continue;
            }
            let filled_before = before & (1 << (step - 1)) != 0;
            if (step > 1 && filled_before) || (step == 1 && now.union & 1 == 0) {
                // The level below was filled at an earlier time.
                earlier = self.has(step - 1).then(|| self.chains.entry(step - 1));
                self.taken.clear();
                self.entrants.clear();
            }
            for (i, event) in now.events.iter().enumerate() {
                if event.mask & (1 << step) == 0 {
                    continue;
                }
                if self.has(step) || self.is_skip(step) {
                    self.ended = true;
                    return;
                }
                if self.has(step - 1) && !self.taken.contains(&i) {
                    self.fill(step, i, &mut earlier, filled_before, now);
                }
            }
        }
    }

    /// Carries the paths of the level below on to `step` by `event`, those that may.
    fn fill(
        &mut self,
        step: usize,
        event: usize,
        earlier: &mut Option<Entry>,
        filled_before: bool,
        now: &Moment,
    ) {
        let may_enter = !self.rules.increase && now.ts <= now.entry.end;
        let from_earlier = earlier.filter(|entry| now.ts <= entry.end && self.may_go_on(step, filled_before));
        let from_entrants = may_enter && self.entrants.iter().any(|entrant| *entrant != event);
        let Some(entry) = from_entrants.then_some(now.entry).max(from_earlier) else {
            return;
        };
        if !may_enter {
            self.entrants.clear();
        }
        self.entrants.retain(|entrant| *entrant != event);
        *earlier = from_earlier;
        self.taken.push(event);
        self.chains.put(step, step, now.ts, entry);
    }

    /// Under `strict_increase` the level below must have been filled before this time.
    fn may_go_on(&self, step: usize, filled_before: bool) -> bool {
        !self.rules.increase || filled_before || step == 0
    }

    /// Offers a level the chain that ends before step `from`, carried on to `to` now.
    fn offer(&mut self, from: usize, to: usize, now: &Moment) {
        let entry = match from {
            0 => (now.union & 1 != 0 && (to == 0 || now.ts <= now.entry.end)).then_some(now.entry),
            _ => self.chains.goes_on(from, now.ts).then(|| self.chains.entry(from - 1)),
        };
        if let Some(entry) = entry {
            self.chains.offer(from, to, now.ts, entry);
        }
    }

    /// Whether an event of `step` violates the order: the level below was never reached.
    fn is_skip(&self, step: usize) -> bool {
        self.rules.no_strangers && self.rules.no_skips && step > 0 && self.has(0) && !self.has(step - 1)
    }

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
        self.chains.size()
            + self.masks.capacity() * size_of::<u64>()
            + (self.reach.capacity() + self.taken.capacity() + self.entrants.capacity()) * size_of::<usize>()
    }
}
