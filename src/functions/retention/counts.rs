//! How many users at each number: a table that is dense where users are and costs nothing between.

use std::collections::BTreeMap;

use super::bitmap::Bits;
use crate::functions::bytes::{read_number, read_signed, write_number, write_signed};
use crate::functions::folds::tree_heap;

/// Counters by number, 64 in a block.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Counts {
    blocks: BTreeMap<i64, Box<[u64; 64]>>,
}

impl Counts {
    pub(crate) fn add(&mut self, number: i64, users: u64) {
        let counter = &mut self.block(number >> 6)[(number & 63) as usize];
        *counter = counter.saturating_add(users);
    }

    /// One user more at `start + i` for each set bit i.
    pub(crate) fn add_word(&mut self, start: i64, word: u64) {
        let (block, shift) = (start >> 6, start & 63);
        self.add_block(block, word << shift);
        if shift > 0 {
            self.add_block(block.saturating_add(1), word >> (64 - shift));
        }
    }

    fn add_block(&mut self, block: i64, word: u64) {
        if word != 0 {
            let counters = self.block(block);
            for bit in Bits(word) {
                counters[bit as usize] += 1;
            }
        }
    }

    fn block(&mut self, block: i64) -> &mut [u64; 64] {
        self.blocks.entry(block).or_insert_with(|| Box::new([0; 64]))
    }

    pub(crate) fn get(&self, number: i64) -> u64 {
        self.blocks.get(&(number >> 6)).map_or(0, |counters| counters[(number & 63) as usize])
    }

    /// Numbers with a user, ascending, and how many.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (i64, u64)> + '_ {
        self.blocks
            .iter()
            .flat_map(|(block, counters)| {
                counters.iter().enumerate().map(move |(i, &users)| (block * 64 + i as i64, users))
            })
            .filter(|(_, users)| *users > 0)
    }

    pub(crate) fn highest(&self) -> Option<i64> {
        self.iter().next_back().map(|(number, _)| number)
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (number, users) in other.iter() {
            self.add(number, users);
        }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        write_number(out, self.iter().count() as u64);
        for (number, users) in self.iter() {
            write_signed(out, number);
            write_number(out, users);
        }
    }

    pub(crate) fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let mut counts = Self::default();
        for _ in 0..read_number(bytes).ok()? {
            let number = read_signed(bytes).ok()?;
            counts.add(number, read_number(bytes).ok()?);
        }
        Some(counts)
    }

    /// Heap bytes, the tree's nodes taken as half full.
    pub(crate) fn heap(&self) -> usize {
        self.blocks.len() * size_of::<[u64; 64]>() + tree_heap::<(i64, Box<[u64; 64]>)>(self.blocks.len())
    }
}
