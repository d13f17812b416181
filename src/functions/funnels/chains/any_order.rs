//! The best chain in any order: the most steps that different events of one window can take.
//!
//! ```text
//! a, b, c in any order, window 10       c@0 ── b@5 ── a@9     → level 3, times 0, 5, 9
//! ```
//!
//! Sets of events that can take different steps are the independent sets of a matroid. So one set is enough for all
//! windows that end now: the greatest one, of the latest events. An event outside of it is dispensable because of events
//! that are all later, and stays so when older ones leave the window. A new event enters if a step can be freed for it,
//! else it replaces the oldest event that it makes dispensable. O(steps) an event, O(steps) memory.

use super::item::{Found, Item, Taken};
use super::rules::{Entry, Rules};

/// Reused from search to search.
#[derive(Debug, Clone, Default)]
pub(super) struct AnyOrder {
    /// Per step, its event.
    owners: Vec<Option<Item>>,
    /// Scratch space: the steps in the order in which they were reached, and the step from whose event each was.
    reached: Vec<(usize, Option<usize>)>,
}

impl AnyOrder {
    /// Finds the best chain of `items`, which all satisfy a step and ascend in time. `entry` is when it must begin: the
    /// time of the user's first step.
    pub(super) fn find(
        &mut self,
        rules: &Rules,
        times: &[i64],
        entry: Option<u32>,
        items: &[Item],
        found: &mut Found,
    ) {
        found.clear();
        found.clean = true;
        if entry.is_some() && items.first().map(|item| item.group) != entry {
            return;
        }
        self.owners.clear();
        self.owners.resize(rules.steps, None);
        let step_bits = rules.step_bits();
        // With a given entry there is one window, and nothing leaves it: the earliest events are kept.
        let replace = rules.entry == Entry::Best;
        for same_time in items.chunk_by(|a, b| a.group == b.group) {
            let group = same_time[0].group;
            let ts = times[group as usize];
            match entry {
                Some(entry) if group > entry && ts > rules.deadline(times[entry as usize]) => break,
                Some(_) => {}
                None => {
                    for owner in &mut self.owners {
                        *owner = owner.filter(|item| ts <= rules.deadline(times[item.group as usize]));
                    }
                }
            }
            for item in same_time {
                self.add(*item, step_bits, replace);
            }
            let level = self.owners.iter().flatten().count();
            if level > found.reach {
                found.reach = level;
                found.chain.clear();
                let taken = self.owners.iter().enumerate();
                found.chain.extend(taken.filter_map(|(step, item)| item.map(|item| Taken { step, item })));
                found.chain.sort_unstable_by_key(|taken| (taken.item.group, taken.step));
                if level == rules.steps {
                    break;
                }
            }
        }
        if let (Some(first), Some(last)) = (found.chain.first(), found.chain.last()) {
            (found.entry, found.top) = (first.item.group, last.item.group);
        }
    }

    pub(super) fn size(&self) -> usize {
        self.owners.capacity() * size_of::<Option<Item>>()
            + self.reached.capacity() * size_of::<(usize, Option<usize>)>()
    }

    fn add(&mut self, item: Item, step_bits: u64, replace: bool) {
        self.reached.clear();
        let mut seen = 0_u64;
        let mut reach = |mask: u64, from: Option<usize>, reached: &mut Vec<(usize, Option<usize>)>| {
            let mut new = mask & step_bits & !seen;
            seen |= new;
            while new != 0 {
                reached.push((new.trailing_zeros() as usize, from));
                new &= new - 1;
            }
        };
        reach(item.mask, None, &mut self.reached);
        let mut oldest: Option<(u32, usize)> = None;
        let mut next = 0;
        while let Some(&(step, _)) = self.reached.get(next) {
            match self.owners[step] {
                None => return self.pass_on(next, item),
                Some(owner) => {
                    if oldest.is_none_or(|(group, _)| owner.group < group) {
                        oldest = Some((owner.group, next));
                    }
                    reach(owner.mask, Some(next), &mut self.reached);
                }
            }
            next += 1;
        }
        if let Some((group, place)) = oldest
            && replace
            && group < item.group
        {
            self.pass_on(place, item);
        }
    }

    /// Frees the steps on the way to the reached step at `place`: each takes the event of the one it was reached from.
    fn pass_on(&mut self, mut place: usize, item: Item) {
        while let (step, Some(from)) = self.reached[place] {
            self.owners[step] = self.owners[self.reached[from].0];
            place = from;
        }
        self.owners[self.reached[place].0] = Some(item);
    }
}
