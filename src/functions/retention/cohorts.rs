//! Cohorts and who came back: users by the period of their start and the distance of their returns.
//!
//! ```text
//! start    · ■ · · ·        cohort 1
//! return   · ■ · ■ ■        offsets 0, 2, 3 by n_day; 0, 1, 2, 3 unbounded
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bitmap::{Bits, Blocks};
use super::counts::Counts;
use crate::functions::bytes::{read_number, read_signed, write_number, write_signed};
use crate::functions::folds::tree_heap;

/// Which offsets a return counts for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// The offset of the return itself.
    NDay,
    /// That one and all before it: back at the offset or later.
    Unbounded,
    /// The stretch of offsets, both ends included, that holds it. Ascending, without overlap.
    Brackets(Vec<(u64, u64)>),
}

/// What to count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub(crate) mode: Mode,
    /// The last offset that is reported, each up to it even without a return; otherwise those with one.
    pub(crate) periods: Option<u64>,
}

/// The users of all cohorts.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Cohorts {
    cohorts: BTreeMap<i64, Cohort>,
    /// The last period in which anybody was seen.
    last: Option<i64>,
    heap: usize,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Cohort {
    size: u64,
    /// By offset; unbounded: the last offset of each user; brackets: by number of the bracket.
    returns: Counts,
}

/// A line of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) cohort: i64,
    pub(crate) size: u64,
    /// The first and the last offset that the line stands for.
    pub(crate) offset: u64,
    pub(crate) until: u64,
    pub(crate) users: u64,
}

impl Cohorts {
    /// One user more in `cohort`, who returned at these offsets: (offset of bit 0, word), ascending.
    pub(crate) fn add(&mut self, cohort: i64, returns: impl Iterator<Item = (u64, u64)>, rule: &Rule) {
        let mut new = false;
        let row = self.cohorts.entry(cohort).or_insert_with(|| {
            new = true;
            Cohort::default()
        });
        let before = if new { 0 } else { row.heap() };
        row.size += 1;
        match &rule.mode {
            Mode::NDay => {
                let last = rule.periods.unwrap_or(u64::MAX);
                for (offset, word) in returns {
                    let Some(room) = last.checked_sub(offset) else { break };
                    let word = if room < 63 { word & ((2 << room) - 1) } else { word };
                    row.returns.add_word(offset as i64, word);
                }
            }
            Mode::Unbounded => {
                if let Some((offset, word)) = returns.last() {
                    let last = offset + 63 - u64::from(word.leading_zeros());
                    row.returns.add(last.min(rule.periods.unwrap_or(u64::MAX)) as i64, 1);
                }
            }
            Mode::Brackets(brackets) => {
                // Offsets ascend and so do brackets: each one is met in one go.
                let mut met = None;
                for (offset, word) in returns {
                    for bit in Bits(word) {
                        let offset = offset + u64::from(bit);
                        let bracket = brackets.partition_point(|(_, end)| *end < offset);
                        if brackets.get(bracket).is_some_and(|(start, _)| *start <= offset)
                            && met.replace(bracket) != Some(bracket)
                        {
                            row.returns.add(bracket as i64, 1);
                        }
                    }
                }
            }
        }
        self.heap += row.heap() - before;
    }

    /// Somebody was seen then.
    pub(crate) fn see(&mut self, last: i64) {
        self.last = self.last.max(Some(last));
    }

    pub(crate) fn last(&self) -> Option<i64> {
        self.last
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.last = self.last.max(other.last);
        for (cohort, theirs) in other.cohorts {
            match self.cohorts.get_mut(&cohort) {
                Some(mine) => {
                    let before = mine.heap();
                    mine.size += theirs.size;
                    mine.returns.merge(&theirs.returns);
                    self.heap += mine.heap() - before;
                }
                None => {
                    self.heap += theirs.heap();
                    self.cohorts.insert(cohort, theirs);
                }
            }
        }
    }

    /// How many lines [`Self::cells`] has at most, for a check before they are made.
    pub(crate) fn count(&self, rule: &Rule) -> usize {
        let lines = |cohort: &Cohort| match (&rule.mode, rule.periods) {
            (Mode::Brackets(brackets), _) => brackets.len(),
            (_, Some(periods)) => (periods as usize).saturating_add(1),
            (Mode::Unbounded, None) => cohort.returns.highest().unwrap_or(0) as usize + 1,
            (Mode::NDay, None) => cohort.returns.iter().count() + 1,
        };
        self.cohorts.values().map(lines).fold(0, usize::saturating_add)
    }

    /// The lines of the answer, by cohort and offset.
    pub(crate) fn cells(&self, rule: &Rule, mut line: impl FnMut(Cell)) {
        for (&cohort, row) in &self.cohorts {
            let mut cell = |offset: u64, until: u64, users: u64| {
                line(Cell { cohort, size: row.size, offset, until, users });
            };
            match (&rule.mode, rule.periods) {
                (Mode::Brackets(brackets), _) => {
                    for (i, &(start, end)) in brackets.iter().enumerate() {
                        cell(start, end, row.returns.get(i as i64));
                    }
                }
                (Mode::NDay, Some(last)) => {
                    for offset in 0..=last {
                        cell(offset, offset, row.returns.get(offset as i64));
                    }
                }
                (Mode::NDay, None) => {
                    if row.returns.get(0) == 0 {
                        cell(0, 0, 0);
                    }
                    for (offset, users) in row.returns.iter() {
                        cell(offset as u64, offset as u64, users);
                    }
                }
                (Mode::Unbounded, last) => {
                    let last = last.unwrap_or(row.returns.highest().unwrap_or(0) as u64);
                    let mut users: u64 = row.returns.iter().map(|(_, users)| users).sum();
                    for offset in 0..=last {
                        cell(offset, offset, users);
                        users -= row.returns.get(offset as i64);
                    }
                }
            }
        }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        write_number(out, u64::from(self.last.is_some()));
        write_signed(out, self.last.unwrap_or(0));
        write_number(out, self.cohorts.len() as u64);
        for (&cohort, row) in &self.cohorts {
            write_signed(out, cohort);
            write_number(out, row.size);
            row.returns.encode(out);
        }
    }

    pub(crate) fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let seen = read_number(bytes).ok()? == 1;
        let last = read_signed(bytes).ok()?;
        let mut all = Self { last: seen.then_some(last), ..Self::default() };
        for _ in 0..read_number(bytes).ok()? {
            let cohort = read_signed(bytes).ok()?;
            let row = Cohort { size: read_number(bytes).ok()?, returns: Counts::decode(bytes)? };
            all.heap += row.heap();
            all.cohorts.insert(cohort, row);
        }
        Some(all)
    }

    pub(crate) fn heap(&self) -> usize {
        self.heap + tree_heap::<(i64, Cohort)>(self.cohorts.len())
    }
}

impl Cohort {
    fn heap(&self) -> usize {
        self.returns.heap()
    }
}

/// The returns of a user as offsets from `cohort`; those before it are left out.
pub(crate) fn offsets(returns: Blocks<'_>, cohort: i64) -> impl Iterator<Item = (u64, u64)> {
    returns.filter_map(move |(start, word)| {
        let (offset, word) = match start.checked_sub(cohort)? {
            offset @ 0.. => (offset as u64, word),
            offset @ -63..0 => (0, word >> -offset),
            _ => return None,
        };
        (word != 0).then_some((offset, word))
    })
}
