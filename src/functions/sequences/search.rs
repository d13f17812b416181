//! Matches of one user's events, one after the other: the events are kept until the user is complete.
//!
//! Of all matches the one that ends first counts, and among those with the same end the one whose events come first. The
//! next match begins behind it. Matches that end first, one after the other, are also as many as can be had without
//! overlap.

use super::chain::{Chain, Visible};
use super::pattern::{Item, Pattern};
use super::plan::Plan;

#[derive(Debug, Clone)]
pub(crate) struct Search {
    /// One for each way to read the pattern; see [`Plan::all`].
    chains: Vec<Chain>,
    /// Which of them may still find something.
    open: Vec<bool>,
    events: Vec<Visible>,
    /// All conditions that some event satisfied, and the sets of which each must have one for any match.
    seen: u64,
    required: Vec<u64>,
    /// Scratch space: the places of a chain and those of the best one so far.
    places: Vec<usize>,
    best: Vec<usize>,
}

impl Search {
    pub(crate) fn new(pattern: &Pattern, ticks: u64, clickhouse: bool) -> Self {
        let chains: Vec<Chain> = Plan::all(pattern, ticks, clickhouse).into_iter().map(Chain::new).collect();
        let required = pattern.items.iter().filter_map(|item| match item {
            Item::Element(element) if element.min > 0 && element.test.any_of != 0 => {
                Some(element.test.any_of)
            }
            _ => None,
        });
        Self {
            open: vec![true; chains.len()],
            required: required.collect(),
            chains,
            events: Vec::new(),
            seen: 0,
            places: Vec::new(),
            best: Vec::new(),
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, ts: i64, mask: u64) {
        self.events.push(Visible { ts, mask });
        self.seen |= mask;
    }

    pub(crate) fn is_match(&mut self) -> bool {
        self.begin() && self.next(0).is_some()
    }

    pub(crate) fn count(&mut self) -> i64 {
        let (mut from, mut matches) = (0, 0);
        if self.begin() {
            while let Some((_, end)) = self.next(from) {
                matches += 1;
                from = end;
            }
        }
        matches
    }

    /// Calls `visit` with the times of each match in turn, as long as that says so; `times` is scratch space.
    pub(crate) fn each(&mut self, times: &mut Vec<i64>, mut visit: impl FnMut(&[i64]) -> bool) {
        if !self.begin() {
            return;
        }
        let mut from = 0;
        while let Some((chain, end)) = self.next(from) {
            times.clear();
            let chain = &self.chains[chain];
            chain.times(&self.events, chain.places(), chain.elements(), times);
            if !visit(times) {
                return;
            }
            from = end;
        }
    }

    /// The times of the longest part of the pattern that matches, counted from its beginning; none where nothing does.
    pub(crate) fn longest(&mut self, times: &mut Vec<i64>) {
        let mut best: Option<(usize, (usize, usize))> = None;
        for chain in 0..self.chains.len() {
            let Some(reached) = self.chains[chain].find_longest(&self.events, &mut self.places) else {
                continue;
            };
            let better = match best {
                None => true,
                Some((other, longest)) => {
                    let end = |chain: usize, places: &[usize]| self.chains[chain].last(reached.0, places);
                    let this = (end(chain, &self.places), &self.places);
                    reached > longest || reached == longest && this < (end(other, &self.best), &self.best)
                }
            };
            if better {
                best = Some((chain, reached));
                std::mem::swap(&mut self.best, &mut self.places);
            }
        }
        if let Some((chain, (elements, _))) = best {
            self.chains[chain].times(&self.events, &self.best, elements, times);
        }
    }

    /// Ready for another user.
    pub(crate) fn clear(&mut self) {
        self.events.clear();
        self.seen = 0;
    }

    pub(crate) fn size(&self) -> usize {
        self.events.capacity() * size_of::<Visible>()
            + (self.places.capacity() + self.best.capacity()) * size_of::<usize>()
            + self.chains.iter().map(Chain::size).sum::<usize>()
    }

    /// Whether a match is possible at all.
    fn begin(&mut self) -> bool {
        if self.events.is_empty() || self.required.iter().any(|any_of| any_of & self.seen == 0) {
            return false;
        }
        self.open.fill(true);
        self.chains.iter_mut().for_each(Chain::reset);
        true
    }

    /// The next match: which chain found it, and the first event behind it.
    fn next(&mut self, from: usize) -> Option<(usize, usize)> {
        let mut best: Option<(usize, usize)> = None;
        for chain in 0..self.chains.len() {
            if !self.open[chain] {
                continue;
            }
            let Some(end) = self.chains[chain].find(&self.events, from) else {
                self.open[chain] = false;
                continue;
            };
            let better = best.is_none_or(|(other, earliest)| {
                (end, self.chains[chain].places()) < (earliest, self.chains[other].places())
            });
            if better {
                best = Some((chain, end));
            }
        }
        best
    }
}
