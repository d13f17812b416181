//! A set of hashes in little more than their own bytes: 8 each, where a hash table takes up to 20.
//!
//! Hashes are sorted in buckets by their upper bits; new ones wait in a small hash table until there are enough of them.
//! They are evenly spread, so a look-up guesses the place in its bucket and is hardly ever far off.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;

use crate::store::Hashed;

#[derive(Debug, Default)]
pub(super) struct IdSet {
    buckets: Vec<Vec<u64>>,
    sorted: usize,
    recent: HashSet<u64, BuildHasherDefault<Hashed>>,
}

/// Buckets, as a power of two: the upper bits of a hash choose one.
const BUCKET_BITS: u32 = 8;

impl IdSet {
    pub(super) fn contains(&self, id: u64) -> bool {
        self.recent.contains(&id) || (self.sorted > 0 && is_in(&self.buckets[bucket(id)], id))
    }

    pub(super) fn insert(&mut self, id: u64) {
        if !self.contains(id) {
            self.recent.insert(id);
            if self.recent.len() > (self.sorted / 16).max(1 << 14) {
                self.sort();
            }
        }
    }

    /// Bytes on the heap.
    pub(super) fn bytes(&self) -> usize {
        let sorted: usize = self.buckets.iter().map(Vec::capacity).sum();
        sorted * size_of::<u64>() + self.recent.capacity() * (size_of::<u64>() + 1)
    }

    fn sort(&mut self) {
        self.buckets.resize_with(1 << BUCKET_BITS, Vec::new);
        let mut more = [0; 1 << BUCKET_BITS];
        self.recent.iter().for_each(|id| more[bucket(*id)] += 1);
        // A vector that grows by itself would double.
        self.buckets.iter_mut().zip(more).for_each(|(ids, more)| ids.reserve_exact(more));
        for id in self.recent.drain() {
            self.buckets[bucket(id)].push(id);
            self.sorted += 1;
        }
        for ids in &mut self.buckets {
            ids.sort_unstable();
        }
    }
}

fn bucket(id: u64) -> usize {
    (id >> (u64::BITS - BUCKET_BITS)) as usize
}

fn is_in(ids: &[u64], id: u64) -> bool {
    if ids.is_empty() {
        return false;
    }
    // The place among `ids.len()` that the bits below the bucket's point to, and a window around it that nearly always holds it.
    let share = u128::from(id << BUCKET_BITS);
    let guess = ((share * ids.len() as u128) >> u64::BITS) as usize;
    let reach = 4 * ids.len().isqrt() + 8;
    let (low, high) = (guess.saturating_sub(reach), (guess + reach).min(ids.len()));
    let inside = (low == 0 || ids[low] <= id) && (high == ids.len() || ids[high - 1] >= id);
    let window = if inside { &ids[low..high] } else { ids };
    window.binary_search(&id).is_ok()
}
