//! The best chain in the order of the steps: every step starts at its first event and moves on while a rule is broken.
//!
//! ```text
//! a then b, window 3        a@0 ──▶ a@4 (b@6 is too late for a@0)       the earliest chain: a@4 b@6, level 2
//!                                   └─▶ a@5 still reaches b@6           the latest entry:   a@5 b@6
//! ```
//!
//! A step never moves back, so that all its moves together pass the user's events once: O(events × steps) moves for all
//! levels, entries and rules, each followed by O(steps + exclusions) checks.

use super::barriers::Barriers;
use super::item::{Found, Item, Taken};
use super::rules::{Order, Rules, Steps};
use super::sharing::{Sharing, keep_useful};

/// What a search is about.
pub(super) struct Case<'a> {
    pub(super) rules: &'a Rules,
    pub(super) steps: &'a Steps,
    pub(super) barriers: &'a Barriers,
    /// The times of the user, ascending.
    pub(super) times: &'a [i64],
    /// The value that the events have in common, 0 where none is held.
    pub(super) hold: u32,
    /// The time at which a chain must begin.
    pub(super) entry: Option<u32>,
}

/// Reused from search to search.
#[derive(Debug, Clone, Default)]
pub(super) struct Search {
    cells: Vec<Cell>,
    items: Vec<Item>,
    /// Per required step, the cell where it stands, and the one before which it must stand.
    at: Vec<usize>,
    limits: Vec<usize>,
    /// Per required step, the one before it that it must not precede; with grace there may be none.
    previous: Vec<Option<usize>>,
    moved: bool,
    saved: Vec<usize>,
    /// The steps that are taken, and their cells.
    taken: Vec<(usize, usize)>,
    sharing: Sharing,
}

/// All events of one time that satisfy a step.
#[derive(Debug, Clone, Copy)]
struct Cell {
    ts: i64,
    group: u32,
    /// The steps that some event satisfies.
    steps: u64,
    /// Whether some event satisfies several.
    shared: bool,
    start: usize,
    end: usize,
}

impl Search {
    /// Finds the best chain of `items`, which all satisfy a step and ascend in time.
    pub(super) fn find(&mut self, case: &Case, items: &[Item], found: &mut Found) {
        found.clear();
        self.build_cells(case, items);
        self.build_previous(case, items);
        let levels = case.steps.required.len();
        self.at.clear();
        self.limits.clear();
        self.limits.resize(levels, self.cells.len());
        let mut first = 0;
        if let Some(entry) = case.entry {
            first = self.cells.partition_point(|cell| cell.group < entry);
            self.limits[0] = self.cells.partition_point(|cell| cell.group <= entry);
        }
        self.saved.clear();
        while self.saved.len() < levels {
            self.at.push(if self.at.is_empty() { first } else { 0 });
            if !self.settle(case, false) {
                break;
            }
            self.saved.clone_from(&self.at);
        }
        found.reach = self.saved.len();
        if self.saved.is_empty() {
            return;
        }
        self.at.clone_from(&self.saved);
        if !case.steps.exclusions.is_empty() && !self.settle(case, true) {
            return;
        }
        self.take_latest_entry(case);
        found.clean = true;
        found.entry = self.cells[self.at[0]].group;
        found.top = self.cells[self.at[self.at.len() - 1]].group;
        self.take_events(case, found);
    }

    pub(super) fn size(&self) -> usize {
        self.cells.capacity() * size_of::<Cell>()
            + self.items.capacity() * size_of::<Item>()
            + (self.at.capacity() + self.limits.capacity() + self.saved.capacity()) * size_of::<usize>()
            + self.previous.capacity() * size_of::<Option<usize>>()
            + self.taken.capacity() * size_of::<(usize, usize)>()
            + self.sharing.size()
    }

    fn build_cells(&mut self, case: &Case, items: &[Item]) {
        self.cells.clear();
        self.items.clear();
        let step_bits = case.rules.step_bits();
        for same_time in items.chunk_by(|a, b| a.group == b.group) {
            let start = self.items.len();
            keep_useful(same_time, case.rules.steps, step_bits, &mut self.items);
            let kept = &self.items[start..];
            let group = same_time[0].group;
            self.cells.push(Cell {
                ts: case.times[group as usize],
                group,
                steps: kept.iter().fold(0, |steps, item| steps | item.mask) & step_bits,
                shared: kept.iter().any(|item| (item.mask & step_bits).count_ones() > 1),
                start,
                end: self.items.len(),
            });
        }
    }

    /// Without grace a step follows the one before. With grace it follows those with which it could share an event, so
    /// that grace never lets an event serve two of them: steps that some event satisfies together, directly or in a row.
    fn build_previous(&mut self, case: &Case, items: &[Item]) {
        let required = &case.steps.required;
        self.previous.clear();
        if case.rules.grace == 0 {
            self.previous.extend((0..required.len()).map(|i| i.checked_sub(1)));
            return;
        }
        let mut families: Vec<u64> = required.iter().map(|step| 1 << step).collect();
        let step_bits = case.rules.step_bits() & !case.rules.optional;
        for item in items.iter().filter(|item| (item.mask & step_bits).count_ones() > 1) {
            let mask = item.mask & step_bits;
            if families.iter().any(|family| family & mask == mask) {
                continue;
            }
            let joined =
                families.iter().filter(|family| *family & mask != 0).fold(mask, |all, one| all | one);
            for family in families.iter_mut().filter(|family| **family & joined != 0) {
                *family = joined;
            }
        }
        self.previous.extend((0..required.len()).map(|i| (0..i).rev().find(|&j| families[i] == families[j])));
    }

    /// Moves steps on until no rule is broken; false when a step has no event left.
    fn settle(&mut self, case: &Case, exclude: bool) -> bool {
        loop {
            self.moved = false;
            let possible = self.settle_order(case)
                && self.settle_sharing(case)
                && self.settle_distances(case)
                && (!exclude || self.settle_exclusions(case));
            if !possible {
                return false;
            }
            if !self.moved {
                return true;
            }
        }
    }

    fn settle_order(&mut self, case: &Case) -> bool {
        let mut latest = i64::MIN;
        for i in 0..self.at.len() {
            let floor = self.previous[i].map_or(0, |previous| self.at[previous]);
            let earliest = latest.saturating_sub_unsigned(case.rules.grace);
            if !self.advance(case, i, |at, cell| at >= floor && cell.ts >= earliest) {
                return false;
            }
            latest = latest.max(self.cell(i).ts);
        }
        true
    }

    /// Steps of one time need different events.
    fn settle_sharing(&mut self, case: &Case) -> bool {
        for i in 1..self.at.len() {
            let here = self.at[i];
            let cell = self.cells[here];
            if !cell.shared || self.previous[i].is_none_or(|previous| self.at[previous] != here) {
                continue;
            }
            let together = std::iter::successors(Some(i), |&step| {
                self.previous[step].filter(|&previous| self.at[previous] == here)
            });
            let steps = together.map(|step| case.steps.required[step]);
            if !self.sharing.serve_all(&self.items[cell.start..cell.end], steps)
                && !self.advance(case, i, |at, _| at > here)
            {
                return false;
            }
        }
        true
    }

    /// The window, the limits of the transitions, and what may stand between two steps.
    fn settle_distances(&mut self, case: &Case) -> bool {
        let Case { rules, steps, barriers, .. } = case;
        for i in (1..self.at.len()).rev() {
            let to = self.cell(i);
            let limit = rules.step_windows.get(steps.required[i] - 1).and_then(Option::as_ref);
            let kept = self.advance(case, 0, |_, cell| to.ts <= rules.deadline(cell.ts))
                && limit.is_none_or(|limit| {
                    self.advance(case, i - 1, |_, cell| to.ts <= limit.deadline(cell.ts))
                })
                && self.advance(case, i - 1, |_, cell| {
                    barriers.next_on_hop(i, cell.group).is_none_or(|barrier| to.group <= barrier)
                });
            if !kept {
                return false;
            }
        }
        true
    }

    fn settle_exclusions(&mut self, case: &Case) -> bool {
        let Case { rules, steps, barriers, times, hold, .. } = case;
        for (i, exclusion) in steps.exclusions.iter().enumerate() {
            if exclusion.from >= self.at.len() {
                continue;
            }
            let kept = if exclusion.to < self.at.len() {
                let to = self.cell(exclusion.to).group;
                self.advance(case, exclusion.from, |_, cell| {
                    barriers.next_excluded(i, *hold, cell.group).is_none_or(|excluded| to <= excluded)
                })
            } else {
                let deadline = rules.deadline(self.cell(0).ts);
                self.advance(case, exclusion.from, |_, cell| {
                    let deadline = if exclusion.from == 0 { rules.deadline(cell.ts) } else { deadline };
                    let excluded = barriers.next_excluded(i, *hold, cell.group);
                    excluded.is_none_or(|excluded| deadline < times[excluded as usize])
                })
            };
            if !kept {
                return false;
            }
        }
        true
    }

    /// Moves the entry on as far as it goes while the top step stays; the steps between are then as early as possible.
    fn take_latest_entry(&mut self, case: &Case) {
        let top = self.at.len() - 1;
        self.limits[top] = self.at[top] + 1;
        loop {
            self.saved.clone_from(&self.at);
            self.at[0] += 1;
            if !self.settle(case, true) {
                break;
            }
        }
        self.at.clone_from(&self.saved);
    }

    /// Moves required step `i` to its first event from where it stands on whose cell is `good`.
    fn advance(&mut self, case: &Case, i: usize, good: impl Fn(usize, &Cell) -> bool) -> bool {
        let bit = 1 << case.steps.required[i];
        let from = self.at[i];
        let to = self.limits[i];
        let found = (from..to).find(|&at| self.cells[at].steps & bit != 0 && good(at, &self.cells[at]));
        match found {
            Some(at) => {
                self.moved |= at != from;
                self.at[i] = at;
                true
            }
            None => false,
        }
    }

    fn cell(&self, i: usize) -> Cell {
        self.cells[self.at[i]]
    }

    /// Gives the required steps, and the optional steps that fit between them, their events.
    fn take_events(&mut self, case: &Case, found: &mut Found) {
        self.taken.clear();
        self.taken.extend(self.at.iter().zip(&case.steps.required).map(|(at, step)| (*step, *at)));
        let mut optional = case.rules.optional;
        while optional != 0 {
            let step = optional.trailing_zeros() as usize;
            optional &= optional - 1;
            self.take_optional(case, step);
        }
        self.taken.sort_unstable();
        // By cell, each cell once: where its first step stands.
        for i in 0..self.taken.len() {
            let at = self.taken[i].1;
            if self.taken[..i].iter().any(|(_, other)| *other == at) {
                continue;
            }
            let cell = self.cells[at];
            let items = &self.items[cell.start..cell.end];
            let here = self.taken.iter().filter(|(_, other)| *other == at).map(|(step, _)| *step);
            self.sharing.serve_all(items, here);
            let served = self.sharing.served();
            found.chain.extend(served.map(|(step, event)| Taken { step, item: items[event] }));
        }
        found.chain.sort_unstable_by_key(|taken| taken.step);
    }

    /// Takes an optional step at its first event after the steps before it, where there is one.
    fn take_optional(&mut self, case: &Case, step: usize) {
        let hop = case.steps.required.partition_point(|required| *required < step);
        let Some(before) = hop.checked_sub(1).filter(|before| *before < self.at.len()) else {
            return;
        };
        let rules = case.rules;
        let first =
            self.taken.iter().filter(|(other, _)| *other < step).map(|(_, at)| *at).max().unwrap_or(0);
        let mut last_ts = rules.deadline(self.cell(0).ts);
        if let Some(limit) = rules.step_windows.get(step - 1).and_then(Option::as_ref) {
            last_ts = last_ts.min(limit.deadline(self.cell(before).ts));
        }
        let end = match self.at.get(hop) {
            Some(next) => *next + 1,
            None if rules.order == Order::Ordered => self.cells.len(),
            None => match case.barriers.next_on_hop(hop, self.cell(before).group) {
                Some(barrier) => self.cells.partition_point(|cell| cell.group <= barrier),
                None => self.cells.len(),
            },
        };
        for at in first..end {
            let cell = self.cells[at];
            if cell.ts > last_ts {
                return;
            }
            if cell.steps & (1 << step) == 0 {
                continue;
            }
            let here =
                self.taken.iter().filter(|(_, other)| *other == at).map(|(step, _)| *step).chain([step]);
            if self.sharing.serve_all(&self.items[cell.start..cell.end], here) {
                self.taken.push((step, at));
                return;
            }
        }
    }
}
