//! The state machine of `window_funnel` under rules: the best chain of all that count, see [`Rules`].
//!
//! A violation ends the chains that it concerns and no others, so a later clean chain still counts. Which chains that are
//! depends on their level alone:
//!
//! ```text
//! occurs          chains that end there                                       rule
//! step 0          all                                                         no_strangers
//! step s          of a level below s - 1, for they are not there yet          no_skips
//! step s > 1      of level s and above, for they have it already              no_repeats
//! step s          of any level but s - 1                                      neighbours
//! ```
//!
//! All events of one time are taken together, their steps from the lowest up. A step can only be too early for a chain
//! that has already taken what it can of that time, so `no_skips` is applied once the time is over. O(events × steps);
//! a matching where several events of one time satisfy several steps and an event may fill only one.

use std::mem::size_of;

use crate::functions::events::Event;

use super::chain_table::{ChainTable, Entry};
use super::matching::reach_all;
use super::rules::Rules;

#[derive(Debug)]
pub(super) struct StrictScan {
    rules: Rules,
    steps: usize,
    all: u64,
    chains: ChainTable,
    /// Scratch space: the steps of the events of one time, how far they reach, the events that a chain has taken.
    masks: Vec<u64>,
    reach: Vec<usize>,
    taken: Vec<usize>,
}

/// What happens at one time.
struct Moment<'a> {
    ts: i64,
    events: &'a [Event],
    /// The steps that occur, and those that occur more than once.
    union: u64,
    twice: u64,
    /// The entry of a chain that starts now, where one may start.
    entry: Option<Entry>,
}

impl StrictScan {
    pub(super) fn new(rules: Rules, steps: usize, timed: bool) -> Self {
        Self {
            rules,
            steps,
            all: u64::MAX >> (64 - steps),
            chains: ChainTable::new(steps, timed),
            masks: Vec::new(),
            reach: Vec::new(),
            taken: Vec::new(),
        }
    }

    /// Takes all events of one time; times ascend from call to call.
    pub(super) fn push(&mut self, events: &[Event], window_end: impl Fn(i64) -> i64) {
        self.push_if(events, true, window_end);
    }

    /// As [`Self::push`]; without `may_enter` no chain starts now.
    pub(super) fn push_if(&mut self, events: &[Event], may_enter: bool, window_end: impl Fn(i64) -> i64) {
        let Some(first) = events.first() else {
            return;
        };
        if self.chains.level() == self.steps {
            return;
        }
        self.chains.next_time();
        let (ts, mut union, mut twice, mut strangers) = (first.ts, 0, 0, false);
        for event in events {
            let mask = event.mask & self.all;
            strangers |= mask == 0;
            twice |= union & mask;
            union |= mask;
        }
        if strangers && self.rules.no_strangers {
            self.chains.keep(0);
        }
        if union == 0 {
            return;
        }
        let enters = may_enter && union & 1 != 0;
        let entry = enters.then(|| Entry { end: window_end(ts), start: ts });
        let now = Moment { ts, events, union, twice, entry };
        if self.rules.neighbours {
            self.next_to_each_other(&now);
        } else if self.rules.no_repeats {
            self.without_repeats(&now);
        } else if self.rules.increase || (self.rules.once && events.len() == 1) {
            self.one_step_each(&now);
        } else if self.rules.once {
            self.different_events(&now);
        } else {
            self.any_events(&now);
        }
        if self.rules.no_skips {
            let top = union.ilog2();
            self.chains.keep(u64::MAX << top.saturating_sub(1));
        }
    }

    /// The highest level that a chain has reached.
    pub(super) fn level(&self) -> usize {
        self.chains.level()
    }

    /// The times of the best chain.
    pub(super) fn times(&self) -> &[i64] {
        self.chains.times()
    }

    /// Whether a chain may still go on.
    pub(super) fn is_alive(&self) -> bool {
        self.chains.alive() != 0
    }

    /// Ready for the next user.
    pub(super) fn clear(&mut self) {
        self.chains.clear();
    }

    /// Heap bytes, by capacity.
    pub(super) fn size(&self) -> usize {
        self.chains.size()
            + self.masks.capacity() * size_of::<u64>()
            + (self.reach.capacity() + self.taken.capacity()) * size_of::<usize>()
    }

    /// The entry of the chain that may go on with the steps `from..=to` now.
    fn source(&self, from: usize, to: usize, now: &Moment) -> Option<Entry> {
        match from {
            // A window without a tick ends before the entry's own time.
            0 => now.entry.filter(|entry| to == 0 || now.ts <= entry.end),
            _ => self.chains.goes_on(from, now.ts).then(|| self.chains.entry(from - 1)),
        }
    }

    fn offer(&mut self, from: usize, to: usize, now: &Moment) {
        if let Some(entry) = self.source(from, to, now) {
            self.chains.offer(from, to, now.ts, entry);
        }
    }

    /// From the highest step down: no chain is carried on that was carried on at this time already.
    fn one_step_each(&mut self, now: &Moment) {
        let mut rest = now.union;
        while rest != 0 {
            let step = rest.ilog2() as usize;
            rest &= !(1 << step);
            self.offer(step, step, now);
        }
    }

    /// From the lowest step up: a chain takes as many steps as occur, of whichever events.
    fn any_events(&mut self, now: &Moment) {
        for step in bits(now.union) {
            self.offer(step, step, now);
        }
    }

    /// A chain takes as many steps as different events of this time can take.
    fn different_events(&mut self, now: &Moment) {
        if now.events.iter().all(|event| (event.mask & self.all).count_ones() <= 1) {
            return self.any_events(now);
        }
        self.fill_reach(now);
        // From the highest level down: what is offered to a level comes from the levels as they were before this time.
        for to in (0..self.steps).rev().filter(|to| now.union & (1 << to) != 0) {
            // Among equal entries the longest chain that was there before has the earlier times: it is offered first.
            for from in (0..=to).rev() {
                if self.reach[from] > to {
                    self.offer(from, to, now);
                }
            }
        }
    }

    /// Rule `neighbours`: one chain at most is alive. It takes the steps of this time from the lowest up; a step that it
    /// leaves out ends it.
    fn next_to_each_other(&mut self, now: &Moment) {
        let from = now.union.trailing_zeros() as usize;
        let last = now.union.ilog2() as usize;
        let mut to = from + (now.union >> from).trailing_ones() as usize - 1;
        if self.rules.increase {
            to = from;
        } else if self.rules.once && to > from {
            self.fill_reach(now);
            to = self.reach[from] - 1;
        }
        let mut goes_on = to == last;
        if self.rules.no_repeats {
            // The chain reaches a step that occurs twice, but does not get beyond it.
            if let Some(step) = bits(now.twice & !1).find(|step| (from..=to).contains(step)) {
                (to, goes_on) = (step, false);
            }
        }
        let within = self.source(from, to, now);
        let entry = within.or_else(|| {
            (to, goes_on) = (from, last == from);
            self.source(from, from, now)
        });
        self.chains.keep(0);
        if let Some(entry) = entry {
            self.chains.put(from, to, now.ts, entry);
            self.chains.keep(if goes_on { u64::MAX } else { 0 });
        }
    }

    /// Rule `no_repeats`: a step ends the chains that have it, and a chain that can take it must.
    fn without_repeats(&mut self, now: &Moment) {
        let ts = now.ts;
        if !self.rules.increase && !self.rules.once {
            for step in bits(now.union) {
                if step > 0 {
                    self.chains.keep((1 << step) - 1);
                }
                self.offer(step, step, now);
                if step > 0 {
                    let ended = (1 << (step - 1)) | (now.twice & (1 << step));
                    self.chains.keep(!ended);
                }
            }
            return;
        }
        let step = match now.union & !1 {
            0 => self.steps,
            later => later.trailing_zeros() as usize,
        };
        if step < self.steps {
            self.chains.keep((1 << step) - 1);
            if self.chains.goes_on(step, ts) {
                let entry = self.chains.entry(step - 1);
                self.taken.clear();
                let to = if self.rules.increase { step } else { self.walk(step, now) };
                self.chains.put(step, to, ts, entry);
            }
            self.chains.keep(!(1 << (step - 1)));
        }
        if let Some(entry) = now.entry {
            self.chains.put(0, 0, ts, entry);
            if step == 1 && !self.rules.increase && ts <= entry.end {
                self.chains.keep(!1);
                self.enter_and_walk(now, entry);
            }
        }
        if step < self.steps {
            self.chains.keep(!(now.twice & !1));
        }
    }

    /// Starts a chain with each event that may be its first one and lets it take the steps of this time.
    fn enter_and_walk(&mut self, now: &Moment, entry: Entry) {
        let mut tried = 0;
        for (i, event) in now.events.iter().enumerate() {
            // Events that satisfy the same steps stand side by side and start the same chains.
            let mask = event.mask & self.all;
            if mask & 1 == 0 || mask == tried {
                continue;
            }
            tried = mask;
            self.taken.clear();
            self.taken.push(i);
            let to = self.walk(1, now);
            self.chains.offer(0, to, now.ts, entry);
        }
    }

    /// The last step that a chain takes at this time, where it has `taken` events already and goes on with `step`.
    ///
    /// It ends with a step that occurs twice, because the other event repeats it.
    fn walk(&mut self, step: usize, now: &Moment) -> usize {
        for step in step..self.steps {
            let free = (0..now.events.len())
                .find(|i| now.events[*i].mask & (1 << step) != 0 && !self.taken.contains(i));
            let Some(event) = free else {
                return step - 1;
            };
            if now.twice & (1 << step) != 0 {
                return step;
            }
            self.taken.push(event);
        }
        self.steps - 1
    }

    /// Fills `reach`: per step, the end of the run of steps from it that different events of this time can take.
    fn fill_reach(&mut self, now: &Moment) {
        self.masks.clear();
        self.masks.extend(now.events.iter().map(|event| event.mask & self.all).filter(|mask| *mask != 0));
        reach_all(&mut self.masks, self.steps, &mut self.reach);
    }
}

/// The steps of a mask, ascending.
fn bits(mut mask: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let step = (mask != 0).then(|| mask.trailing_zeros() as usize)?;
        mask &= mask - 1;
        Some(step)
    })
}
