//! Groups of rows that come in order of some of their keys only, such as GROUP BY user_id, page over a user's events.
//!
//! ```text
//! user_id  page       group
//! a        home    0  ┐
//! a        list    1  │ a run: rows that are equal in the keys that come in order
//! a        home    0  ┘
//! b        home    2  ─ another run: no group of the one before can come again
//! ```
//!
//! The other keys are numbered once, and a number says at once which group it was last seen in: there is no hash table of groups.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::common::Result;

use super::pairs::Pairs;
use crate::functions::interner::{Interner, Values};

/// Numbers are given anew at the next run once the old ones take more bytes than this.
const MOST_BYTES: usize = 16 << 20;

/// The groups of one run after the other.
#[derive(Debug)]
pub(super) struct Within {
    /// Places of the keys that come in order, and of the others.
    ordered: Vec<usize>,
    others: Vec<usize>,
    interners: Vec<Interner>,
    /// Numbers of the values of some keys and one more.
    pairs: Vec<Pairs>,
    /// By the number of the other keys: the last group that had them, counted from 1; 0 is none.
    last: Vec<u64>,
    /// All groups so far, those before the run, and those that were given out.
    groups: u64,
    run: u64,
    given: u64,
}

impl Within {
    /// Of so many keys, of which these `ordered` ones come in order.
    pub(super) fn new(ordered: Vec<usize>, keys: usize) -> Self {
        let others = (0..keys).filter(|key| !ordered.contains(key)).collect();
        Self { ordered, others, interners: vec![], pairs: vec![], last: vec![], groups: 0, run: 0, given: 0 }
    }

    /// The keys that come in order, out of all.
    pub(super) fn ordered(&self, keys: &[ArrayRef]) -> Vec<ArrayRef> {
        self.ordered.iter().map(|key| Arc::clone(&keys[*key])).collect()
    }

    /// Groups of earlier runs that were not given out yet.
    pub(super) fn complete(&self) -> usize {
        (self.run - self.given) as usize
    }

    /// Groups were given out, the first ones first.
    pub(super) fn give(&mut self, groups: usize) {
        self.given += groups as u64;
    }

    pub(super) fn size(&self) -> usize {
        let interners: usize = self.interners.iter().map(Interner::size).sum();
        let pairs: usize = self.pairs.iter().map(Pairs::size).sum();
        interners + pairs + self.last.capacity() * size_of::<u64>()
    }

    /// Appends the group of each row to `indices`, counted from the first one that was not given out; runs begin at `starts`.
    /// Which rows begin a group?
    pub(super) fn push(
        &mut self,
        starts: &[usize],
        keys: &[ArrayRef],
        rows: usize,
        indices: &mut Vec<usize>,
    ) -> Result<Vec<usize>> {
        let mut values = self.values(keys)?;
        let mut starts = starts.iter().copied().peekable();
        let mut new = vec![];
        for row in 0..rows {
            if starts.next_if_eq(&row).is_some() {
                self.run = self.groups;
                if self.size() > MOST_BYTES {
                    self.forget();
                    values = self.values(keys)?;
                }
            }
            let number = self.number(&mut values, row)? as usize;
            if self.ordered.is_empty() && !self.pairs.is_empty() {
                // One run, and pairs are numbered as groups are.
                if number as u64 == self.groups {
                    self.groups += 1;
                    new.push(row);
                }
                indices.push((number as u64 - self.given) as usize);
                continue;
            }
            if number >= self.last.len() {
                self.last.resize(number + 1, 0);
            }
            let last = &mut self.last[number];
            // A group of an earlier run is not this one.
            if *last <= self.run {
                self.groups += 1;
                *last = self.groups;
                new.push(row);
            }
            indices.push((*last - 1 - self.given) as usize);
        }
        Ok(new)
    }

    fn values(&mut self, keys: &[ArrayRef]) -> Result<Vec<Values>> {
        if self.interners.is_empty() {
            let data_type = |key: &usize| Interner::new(keys[*key].data_type().clone());
            self.interners = self.others.iter().map(data_type).collect();
            self.pairs = self.others.iter().skip(1).map(|_| Pairs::new()).collect();
        }
        self.others.iter().map(|key| Values::new(&keys[*key])).collect()
    }

    fn forget(&mut self) {
        self.interners.clear();
        self.last = vec![];
    }

    /// One number for the row's other keys together.
    fn number(&mut self, values: &mut [Values], row: usize) -> Result<u32> {
        let mut keys = values.iter_mut().zip(&mut self.interners).map(|(values, keys)| values.key(row, keys));
        let mut number = keys.next().transpose()?.unwrap_or(0);
        for (key, pairs) in keys.zip(&mut self.pairs) {
            number = pairs.number(number, key?);
        }
        Ok(number)
    }
}
