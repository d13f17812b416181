//! One user: all events, gathered and then judged at once.

use std::cmp::{Ordering, Reverse};

use serde::{Deserialize, Serialize};

use super::any_order::AnyOrder;
use super::barriers::Barriers;
use super::item::{Found, Item, Taken};
use super::rules::{Entry, Order, Rules, Steps};
use super::search::{Case, Search};

/// Whose value of the breakdown property a user counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Attribution {
    /// That of the first event that satisfies a step and has one.
    First,
    /// That of the last such event.
    Last,
    /// That of the event which fills this step (from 0) in the best chain.
    Step(usize),
    /// Each value for itself: the funnel of the events that have it.
    All,
}

/// What is asked about a user besides the chain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Questions {
    /// Chains keep to one value of a property.
    pub(super) holds: bool,
    pub(super) attribution: Option<Attribution>,
    pub(super) dwell: bool,
}

/// The events of a user and everything that is needed to judge them; reused from user to user.
#[derive(Debug, Clone)]
pub(super) struct Person {
    rules: Rules,
    steps: Steps,
    questions: Questions,
    times: Vec<i64>,
    items: Vec<Item>,
    /// The items by value of the breakdown property.
    by_breakdown: Vec<Item>,
    /// Those that satisfy a step, by held value.
    by_hold: Vec<Item>,
    barriers: Barriers,
    search: Search,
    any_order: AnyOrder,
    /// The best chains of one value, of all values of the held property, and of all.
    found: Found,
    best: Found,
    overall: Found,
    levels: Vec<(u32, i32)>,
}

/// What is said about a user.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    /// The required steps of the best chain.
    pub(super) level: usize,
    pub(super) excluded: bool,
    /// By step; in any order, by time.
    pub(super) chain: &'a [Taken],
    /// The times that the events' groups stand for.
    pub(super) times: &'a [i64],
    /// Ticks from the last event of the chain to the last event of the user in its window.
    pub(super) dwell: Option<i64>,
    pub(super) breakdown: u32,
    /// Per value of the breakdown property its level, ascending by value.
    pub(super) levels: &'a [(u32, i32)],
}

impl Person {
    pub(super) fn new(rules: Rules, questions: Questions) -> Self {
        let steps = Steps::new(&rules);
        Self {
            rules,
            steps,
            questions,
            times: vec![],
            items: vec![],
            by_breakdown: vec![],
            by_hold: vec![],
            barriers: Barriers::default(),
            search: Search::default(),
            any_order: AnyOrder::default(),
            found: Found::default(),
            best: Found::default(),
            overall: Found::default(),
            levels: vec![],
        }
    }

    /// Takes all events of one time; times ascend from call to call. The items' groups are set here.
    pub(super) fn push(&mut self, ts: i64, items: impl Iterator<Item = Item>) {
        let group = self.times.len() as u32;
        self.times.push(ts);
        let every = self.rules.sees_every_event();
        self.items.extend(items.filter(|item| every || item.mask != 0).map(|item| Item { group, ..item }));
    }

    /// Judges the user; `holds` and `values` compare the keys of the two properties by value.
    pub(super) fn answer(
        &mut self,
        holds: impl Fn(u32, u32) -> Ordering,
        values: impl Fn(u32, u32) -> Ordering,
    ) -> Answer<'_> {
        let items = std::mem::take(&mut self.items);
        let mut excluded = false;
        let mut breakdown = 0;
        self.levels.clear();
        if self.questions.attribution == Some(Attribution::All) {
            excluded = self.judge_values(&items, &holds, &values, &mut breakdown);
        } else {
            self.judge(&items, &holds);
            std::mem::swap(&mut self.best, &mut self.overall);
            excluded |= self.overall.reach > 0 && !self.overall.clean;
            let step_bits = self.rules.step_bits();
            let mut touches = items.iter().filter(|item| item.mask & step_bits != 0 && item.breakdown != 0);
            breakdown = match self.questions.attribution {
                Some(Attribution::First) => touches.next().map_or(0, |item| item.breakdown),
                Some(Attribution::Last) => touches.next_back().map_or(0, |item| item.breakdown),
                Some(Attribution::Step(step)) => {
                    let taken = self.overall.chain.iter().find(|taken| taken.step == step);
                    taken.map_or(0, |taken| taken.item.breakdown)
                }
                Some(Attribution::All) | None => 0,
            };
        }
        self.items = items;
        Answer {
            level: level(&self.overall),
            excluded,
            chain: &self.overall.chain,
            times: &self.times,
            dwell: self.dwell(),
            breakdown,
            levels: &self.levels,
        }
    }

    /// Ready for the next user.
    pub(super) fn clear(&mut self) {
        self.times.clear();
        self.items.clear();
    }

    /// Heap bytes, by capacity.
    pub(super) fn size(&self) -> usize {
        self.times.capacity() * size_of::<i64>()
            + (self.items.capacity() + self.by_breakdown.capacity() + self.by_hold.capacity())
                * size_of::<Item>()
            + (self.found.chain.capacity() + self.best.chain.capacity() + self.overall.chain.capacity())
                * size_of::<Taken>()
            + self.levels.capacity() * size_of::<(u32, i32)>()
            + self.barriers.size()
            + self.search.size()
            + self.any_order.size()
    }

    /// Judges the events of each value of the breakdown property for themselves; whether nothing but removals came of it.
    fn judge_values(
        &mut self,
        items: &[Item],
        holds: &impl Fn(u32, u32) -> Ordering,
        values: &impl Fn(u32, u32) -> Ordering,
        breakdown: &mut u32,
    ) -> bool {
        let step_bits = self.rules.step_bits();
        let mut by_value = std::mem::take(&mut self.by_breakdown);
        by_value.clear();
        by_value.extend(items.iter().filter(|item| item.breakdown != 0));
        by_value.sort_by_key(|item| item.breakdown);
        self.overall.clear();
        let mut removed = false;
        for events in by_value.chunk_by(|a, b| a.breakdown == b.breakdown) {
            if events.iter().all(|item| item.mask & step_bits == 0) {
                continue;
            }
            let value = events[0].breakdown;
            self.judge(events, holds);
            self.levels.push((value, level(&self.best) as i32));
            removed |= self.best.reach > 0 && !self.best.clean;
            let better = level(&self.best)
                .cmp(&level(&self.overall))
                .then_with(|| self.compare_times(&self.best, &self.overall))
                .then_with(|| values(*breakdown, value));
            if level(&self.best) > 0 && better.is_gt() {
                *breakdown = value;
                std::mem::swap(&mut self.best, &mut self.overall);
            }
        }
        self.levels.sort_by(|(a, _), (b, _)| values(*a, *b));
        self.by_breakdown = by_value;
        removed && level(&self.overall) == 0
    }

    /// Finds the best chain of `items` over all values of the held property.
    fn judge(&mut self, items: &[Item], holds: &impl Fn(u32, u32) -> Ordering) {
        let rules = &self.rules;
        let step_bits = rules.step_bits();
        let held = self.questions.holds;
        let counts = |item: &&Item| item.mask & step_bits != 0 && (!held || item.hold != 0);
        let mut by_hold = std::mem::take(&mut self.by_hold);
        by_hold.clear();
        by_hold.extend(items.iter().filter(counts));
        let entry_bits = if rules.order == Order::Any { step_bits } else { 1 };
        let mut entries = by_hold.iter().filter(|item| item.mask & entry_bits != 0).map(|item| item.group);
        let entry = match rules.entry {
            Entry::Best => None,
            Entry::First => entries.next(),
            Entry::Last => entries.next_back(),
        };
        if held {
            by_hold.sort_by_key(|item| item.hold);
        }
        if rules.order != Order::Any {
            self.barriers.fill(rules, &self.steps, items);
        }
        self.best.clear();
        let mut best_hold = 0;
        for events in by_hold.chunk_by(|a, b| a.hold == b.hold) {
            let hold = events[0].hold;
            if self.rules.order == Order::Any {
                self.any_order.find(&self.rules, &self.times, entry, events, &mut self.found);
            } else {
                let case = Case {
                    rules: &self.rules,
                    steps: &self.steps,
                    barriers: &self.barriers,
                    times: &self.times,
                    hold,
                    entry,
                };
                self.search.find(&case, events, &mut self.found);
            }
            let better = (self.found.reach, self.found.clean)
                .cmp(&(self.best.reach, self.best.clean))
                .then_with(|| self.compare_times(&self.found, &self.best))
                .then_with(|| holds(best_hold, hold));
            if self.found.reach > 0 && better.is_gt() {
                best_hold = hold;
                std::mem::swap(&mut self.found, &mut self.best);
            }
        }
        self.by_hold = by_hold;
    }

    /// Which of two chains of one level has the better times; greater is better.
    fn compare_times(&self, a: &Found, b: &Found) -> Ordering {
        (Reverse(a.top), a.entry).cmp(&(Reverse(b.top), b.entry)).then_with(|| match self.rules.order {
            Order::Any if self.rules.entry == Entry::Best => {
                self.required_groups(a).cmp(self.required_groups(b))
            }
            _ => self.required_groups(b).cmp(self.required_groups(a)),
        })
    }

    fn required_groups<'a>(&self, found: &'a Found) -> impl Iterator<Item = u32> + use<'a> {
        let optional = self.rules.optional;
        let required = found.chain.iter().filter(move |taken| optional & (1 << taken.step) == 0);
        required.map(|taken| taken.item.group)
    }

    /// For a user who took a step but not all: how long did they stay?
    fn dwell(&self) -> Option<i64> {
        let level = level(&self.overall);
        if !self.questions.dwell || level == 0 || level == self.steps.required.len() {
            return None;
        }
        let deadline = self.rules.deadline(self.times[self.overall.entry as usize]);
        let last = self.overall.chain.iter().map(|taken| taken.item.group).max()?;
        let stayed = self.times.partition_point(|ts| *ts <= deadline);
        let end = self.times[stayed.max(last as usize + 1) - 1];
        Some(end.saturating_sub(self.times[last as usize]))
    }
}

fn level(found: &Found) -> usize {
    if found.clean { found.reach } else { 0 }
}
