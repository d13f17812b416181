//! The general search: the earliest events that satisfy all rules of a [`Plan`], each place moved to the right at most
//! once past each event.
//!
//! All rules have one property: of two sets of places that satisfy them, the leftmost place of each pair satisfies them too.
//! (For a bound on a distance: moving both ends to the left as far as either set has them keeps it; so it does for "all
//! events between pass".) So there is one set that is leftmost in every place at once, and it is found without trying
//! anything out: start with all places at the first event; while a rule is broken, one of its places is too far left,
//! whatever the others do, and moves right. A place never moves back: O(events × rules), no backtracking, also for gates
//! that overlap and for the next match after this one.

use super::pattern::Test;
use super::plan::{Bound, Plan, Spot};

/// An event as the search sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Visible {
    pub(crate) ts: i64,
    pub(crate) mask: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Chain {
    plan: Plan,
    at: Vec<usize>,
    /// Rules to look at, and whether each is among them.
    queue: Vec<usize>,
    queued: Vec<bool>,
    /// Per rule of kind `Pass`: events before `looked` are known, the last one that fails is right before `barred`.
    looked: Vec<Looked>,
    /// Rules of later steps do not hold yet.
    step: usize,
    /// At least so many events of the element that is just entering.
    growing: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Looked {
    looked: usize,
    barred: usize,
}

impl Chain {
    pub(crate) fn new(plan: Plan) -> Self {
        Self {
            at: vec![0; plan.places.len()],
            queue: Vec::new(),
            queued: vec![false; plan.rules.len()],
            looked: vec![Looked::default(); plan.memories()],
            step: usize::MAX,
            growing: usize::MAX,
            plan,
        }
    }

    /// Ready for another user.
    pub(crate) fn reset(&mut self) {
        self.at.fill(0);
        self.looked.fill(Looked::default());
        self.queue.clear();
        self.queued.fill(false);
        (self.step, self.growing) = (usize::MAX, usize::MAX);
    }

    /// The earliest match from event `from` on, as the first event behind it; `from` never descends until [`Self::reset`].
    /// After `None` there is no further match.
    pub(crate) fn find(&mut self, events: &[Visible], from: usize) -> Option<usize> {
        for place in 0..self.at.len() {
            if !self.raise(events, place, self.at[place].max(from)) {
                return None;
            }
        }
        for rule in 0..self.plan.rules.len() {
            self.look(rule);
        }
        self.settle(events).then(|| self.index(self.plan.end))
    }

    /// The longest part of the pattern, from its beginning to an event of a named element, that matches; `None` where not
    /// even the first event does. Says how many elements it has and how many events the last of them; `chain` gets the
    /// places.
    pub(crate) fn find_longest(
        &mut self,
        events: &[Visible],
        chain: &mut Vec<usize>,
    ) -> Option<(usize, usize)> {
        self.reset();
        let mut longest = None;
        for element in 0..self.plan.elements.len() {
            let (named, min) = (self.plan.elements[element].named, self.plan.elements[element].min);
            for count in 1..=min.max(1) {
                (self.step, self.growing) = (2 * element, count);
                if count > 1 {
                    self.grow();
                } else if !self.enter(events) {
                    return longest;
                }
                if !self.settle(events) {
                    return longest;
                }
                if count < min && named {
                    chain.clone_from(&self.at);
                    longest = Some((element + 1, count));
                }
            }
            (self.step, self.growing) = (2 * element + 1, usize::MAX);
            if !self.enter(events) || !self.settle(events) {
                return longest;
            }
            if named {
                chain.clone_from(&self.at);
                longest = Some((element + 1, min));
            }
        }
        longest
    }

    /// Where the places are after a match was found.
    pub(crate) fn places(&self) -> &[usize] {
        &self.at
    }

    /// The times of the named elements' events, of the first `elements` elements whose places are `chain`.
    pub(crate) fn times(&self, events: &[Visible], chain: &[usize], elements: usize, out: &mut Vec<i64>) {
        for element in self.plan.elements[..elements].iter().filter(|element| element.named) {
            let end = chain[element.end.place] + usize::from(element.end.offset == 1);
            out.extend(events[chain[element.begin]..end].iter().map(|event| event.ts));
        }
    }

    pub(crate) fn elements(&self) -> usize {
        self.plan.elements.len()
    }

    /// The first event behind the first `elements` elements whose places are `chain`.
    pub(crate) fn last(&self, elements: usize, chain: &[usize]) -> usize {
        let end = self.plan.elements[elements - 1].end;
        chain[end.place].saturating_add_signed(end.offset)
    }

    pub(crate) fn size(&self) -> usize {
        let words = self.at.capacity() + self.queue.capacity() + 2 * self.looked.capacity();
        words * size_of::<usize>() + self.queued.capacity()
    }

    /// The places and rules of this step.
    fn enter(&mut self, events: &[Visible]) -> bool {
        for place in 0..self.at.len() {
            if self.plan.places[place].step == self.step && !self.raise(events, place, self.at[place]) {
                return false;
            }
        }
        for rule in 0..self.plan.rules.len() {
            if self.plan.rules[rule].step == self.step {
                self.look(rule);
            }
        }
        true
    }

    /// One more event of the element that is entering.
    fn grow(&mut self) {
        for rule in 0..self.plan.rules.len() {
            if self.plan.rules[rule].step == self.step
                && matches!(self.plan.rules[rule].bound, Bound::Length { .. })
            {
                self.look(rule);
            }
        }
    }

    fn look(&mut self, rule: usize) {
        if self.plan.rules[rule].step <= self.step && !self.queued[rule] {
            self.queued[rule] = true;
            self.queue.push(rule);
        }
    }

    /// Whether all rules hold in the end.
    fn settle(&mut self, events: &[Visible]) -> bool {
        while let Some(rule) = self.queue.pop() {
            self.queued[rule] = false;
            if !self.apply(events, rule) {
                for rule in self.queue.drain(..) {
                    self.queued[rule] = false;
                }
                return false;
            }
        }
        true
    }

    /// Moves places until the rule holds, `false` where they would have to leave the events.
    fn apply(&mut self, events: &[Visible], rule: usize) -> bool {
        match self.plan.rules[rule].bound {
            Bound::Follows { from, to, exact } => {
                let least = self.index(from);
                if self.at[to] < least {
                    return self.raise(events, to, least);
                }
                !exact || self.at[to] == least || {
                    let from_at = self.at[from.place] + (self.at[to] - least);
                    self.raise(events, from.place, from_at)
                }
            }
            Bound::Length { begin, end, min, max } => {
                let min = if self.plan.rules[rule].step == self.step { min.min(self.growing) } else { min };
                let length = self.at[end].saturating_sub(self.at[begin]);
                if self.at[end] < self.at[begin] || length < min {
                    return self.raise(events, end, self.at[begin] + min);
                }
                match max {
                    Some(max) if length > max => self.raise(events, begin, self.at[end] - max),
                    _ => true,
                }
            }
            Bound::Pass { begin, end, test, memory } => {
                let barred = self.barred(events, (begin, end), test, memory);
                barred <= self.at[begin] || self.raise(events, begin, barred)
            }
            Bound::Time { from, to, least, most } => self.apply_time(events, (from, to), (least, most)),
        }
    }

    /// The first event from which on all events before `end` pass, as far as events behind `begin` are concerned.
    fn barred(
        &mut self,
        events: &[Visible],
        (begin, end): (usize, usize),
        test: Test,
        memory: usize,
    ) -> usize {
        let (begin, end) = (self.at[begin], self.at[end]);
        let Looked { looked, barred } = &mut self.looked[memory];
        if end > *looked {
            // What lies before `begin` no longer matters.
            let start = (*looked).max(begin).min(end);
            if let Some(failing) = events[start..end].iter().rposition(|event| !test.passes(event.mask)) {
                *barred = start + failing + 1;
            }
            *looked = end;
        }
        *barred
    }

    fn apply_time(
        &mut self,
        events: &[Visible],
        (from, to): (Spot, Spot),
        (least, most): (i128, i128),
    ) -> bool {
        // The event before a place exists once the place has moved past the first one, as other rules make it do.
        for spot in [from, to] {
            if spot.offset < 0 && self.at[spot.place] == 0 {
                return self.raise(events, spot.place, 1);
            }
        }
        let (first, last) = (self.index(from), self.index(to));
        if first >= events.len() || last >= events.len() {
            // Places behind the last event are open ones: no event breaks their rule.
            return true;
        }
        let (a, b) = (i128::from(events[first].ts), i128::from(events[last].ts));
        if b < a.saturating_add(least) {
            let soonest = a.saturating_add(least);
            return match events[last..].iter().position(|event| i128::from(event.ts) >= soonest) {
                Some(skipped) => self.raise(events, to.place, self.at[to.place] + skipped),
                None => to.offset == 0 && self.raise(events, to.place, events.len()),
            };
        }
        let earliest = b.saturating_sub(most);
        if a < earliest {
            let skipped = events[first..].iter().position(|event| i128::from(event.ts) >= earliest);
            let skipped = skipped.unwrap_or(events.len() - first);
            return self.raise(events, from.place, self.at[from.place] + skipped);
        }
        true
    }

    /// Moves a place to `to` or, where its event must pass a test, to the next one that does.
    fn raise(&mut self, events: &[Visible], place: usize, to: usize) -> bool {
        let rules = &self.plan.places[place];
        let Some(rest) = events.get(to..) else {
            return false;
        };
        let to = match rules.test {
            Some(test) => match rest.iter().position(|event| test.passes(event.mask)) {
                Some(skipped) => to + skipped,
                None => return false,
            },
            None if rest.is_empty() && !rules.open => return false,
            None => to,
        };
        if to != self.at[place] {
            self.at[place] = to;
            for i in 0..self.plan.watchers[place].len() {
                self.look(self.plan.watchers[place][i]);
            }
        }
        true
    }

    fn index(&self, spot: Spot) -> usize {
        self.at[spot.place].saturating_add_signed(spot.offset)
    }
}
