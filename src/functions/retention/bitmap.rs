//! The periods in which a user was there: a set of whole numbers, one bit each.
//!
//! ```text
//! period   0 1 2 3 4 5 6
//! there    ■ · ■ ■ · · ■     → lowest 0, word 0b1001101
//! ```
//!
//! Stored form, the same bytes for the same set; nothing at all for the empty one:
//!
//! ```text
//! lowest period   zigzag varint
//! once for each 64 periods, counted from the lowest, of which one is in the set:
//!   skipped       varint: how many such stretches before this one are empty
//!   word          8 bytes, little endian: bit i is period i of the stretch
//! ```
//!
//! So up to 64 periods cost one word, a long stretch of days a bit a day, and a gap of years a byte or two.

use crate::functions::bytes::{read_number, read_signed, write_number, write_signed};

/// A set of periods that grows. Two words stand in place, so that a user of two months costs no allocation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bitmap {
    /// The block of `words[0]`; a block is 64 periods, block 0 begins at period 0.
    base: i64,
    words: [u64; 2],
    rest: Option<Box<Rest>>,
}

impl Bitmap {
    pub(crate) fn insert(&mut self, period: i64) {
        self.add(period >> 6, 1 << (period & 63));
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        other.for_each_block(|block, word| self.add(block, word));
    }

    /// Appends the stored form.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let mut stretches: Option<Stretches> = None;
        self.for_each_block(|block, word| {
            let lowest = block * 64 + i64::from(word.trailing_zeros());
            stretches.get_or_insert_with(|| Stretches::new(lowest, out)).push(block, word, out);
        });
        if let Some(stretches) = stretches {
            stretches.finish(out);
        }
    }

    /// The set of a stored form that [`Blocks::read`] has checked.
    pub(crate) fn from_blocks(blocks: Blocks) -> Self {
        let mut bitmap = Self::default();
        for (start, word) in blocks {
            let (block, shift) = (start >> 6, start & 63);
            if word << shift != 0 {
                bitmap.add(block, word << shift);
            }
            if shift > 0 && word >> (64 - shift) != 0 {
                bitmap.add(block + 1, word >> (64 - shift));
            }
        }
        bitmap
    }

    /// Heap bytes.
    pub(crate) fn heap(&self) -> usize {
        self.rest
            .as_ref()
            .map_or(0, |rest| size_of::<Rest>() + rest.blocks.capacity() * size_of::<(i64, u64)>())
    }

    fn add(&mut self, block: i64, word: u64) {
        match block - self.base {
            0 => self.words[0] |= word,
            1 => self.words[1] |= word,
            _ if self.words == [0, 0] => {
                self.base = block;
                self.words[0] = word;
            }
            // The block just before, while the second place is free.
            -1 if self.words[1] == 0 => {
                self.base = block;
                self.words = [word, self.words[0]];
            }
            _ => self.rest.get_or_insert_default().add(block, word),
        }
    }

    /// Blocks with a period in the set, ascending.
    fn for_each_block(&self, mut f: impl FnMut(i64, u64)) {
        let near = (self.base..).zip(self.words).filter(|(_, word)| *word != 0);
        match &self.rest {
            None => near.for_each(|(block, word)| f(block, word)),
            Some(rest) => {
                let mut all = Rest { blocks: near.chain(rest.blocks.iter().copied()).collect(), sorted: 0 };
                all.tidy();
                all.blocks.iter().for_each(|&(block, word)| f(block, word));
            }
        }
    }
}

/// Blocks beyond the first two, in any order of arrival.
///
/// A sorted head is searched, a tail is sorted into it when it has grown as long: O(log n) a period on average, whatever
/// the order.
#[derive(Debug, Clone, Default)]
struct Rest {
    blocks: Vec<(i64, u64)>,
    sorted: usize,
}

impl Rest {
    fn add(&mut self, block: i64, word: u64) {
        let last = match self.blocks.last_mut() {
            Some((last, words)) if *last == block => {
                *words |= word;
                return;
            }
            Some((last, _)) => *last,
            None => i64::MIN,
        };
        if let Ok(at) = self.blocks[..self.sorted].binary_search_by_key(&block, |&(block, _)| block) {
            self.blocks[at].1 |= word;
            return;
        }
        let ascends = self.sorted == self.blocks.len() && last < block;
        self.blocks.push((block, word));
        if ascends {
            self.sorted += 1;
        } else if self.blocks.len() - self.sorted > self.sorted.max(32) {
            self.tidy();
        }
    }

    fn tidy(&mut self) {
        self.blocks.sort_unstable_by_key(|&(block, _)| block);
        self.blocks.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 |= next.1;
            }
            same
        });
        self.sorted = self.blocks.len();
    }
}

/// Cuts ascending blocks anew, from the lowest period on, and writes them.
struct Stretches {
    first_block: i64,
    shift: u32,
    /// The stretch that may still grow.
    at: i64,
    word: u64,
    /// The stretch after the last one written.
    next: i64,
}

impl Stretches {
    fn new(lowest: i64, out: &mut Vec<u8>) -> Self {
        write_signed(out, lowest);
        Self { first_block: lowest >> 6, shift: (lowest & 63) as u32, at: 0, word: 0, next: 0 }
    }

    fn push(&mut self, block: i64, word: u64, out: &mut Vec<u8>) {
        let stretch = block - self.first_block;
        if self.shift > 0 {
            self.or(stretch - 1, word << (64 - self.shift), out);
        }
        self.or(stretch, word >> self.shift, out);
    }

    fn or(&mut self, stretch: i64, word: u64, out: &mut Vec<u8>) {
        if word == 0 {
            return;
        }
        if stretch != self.at {
            self.write(out);
            self.at = stretch;
        }
        self.word |= word;
    }

    fn write(&mut self, out: &mut Vec<u8>) {
        if self.word != 0 {
            write_number(out, (self.at - self.next) as u64);
            out.extend_from_slice(&self.word.to_le_bytes());
            self.next = self.at + 1;
            self.word = 0;
        }
    }

    fn finish(mut self, out: &mut Vec<u8>) {
        self.write(out);
    }
}

/// A stored set as ascending words: (period of bit 0, word), no word 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blocks<'a> {
    at: i64,
    bytes: &'a [u8],
}

impl<'a> Blocks<'a> {
    pub(crate) const EMPTY: Blocks<'static> = Blocks { at: 0, bytes: &[] };

    /// `None` for bytes that [`Bitmap::encode`] does not write.
    pub(crate) fn read(mut bytes: &'a [u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self { at: 0, bytes });
        }
        let lowest = read_signed(&mut bytes).ok()?;
        let blocks = Self { at: lowest, bytes };
        let mut rest = blocks;
        let mut first = true;
        while !rest.bytes.is_empty() {
            let (start, word) = rest.step()?;
            let in_range = start.checked_add(63 - i64::from(word.leading_zeros())).is_some();
            if word == 0 || !in_range || (first && (start != lowest || word & 1 == 0)) {
                return None;
            }
            first = false;
        }
        (!first).then_some(blocks)
    }

    /// The lowest period of the set.
    pub(crate) fn lowest(&self) -> Option<i64> {
        (!self.bytes.is_empty()).then_some(self.at)
    }

    pub(crate) fn highest(self) -> Option<i64> {
        self.last().map(|(start, word)| start + 63 - i64::from(word.leading_zeros()))
    }

    /// How many periods of the set lie from `low` to `high`, both included.
    pub(crate) fn count_between(self, low: i64, high: i64) -> u64 {
        self.map(|(start, word)| {
            let below = u32::try_from(low.saturating_sub(start).clamp(0, 64)).unwrap_or(0);
            let within =
                u32::try_from(high.saturating_sub(start).saturating_add(1).clamp(0, 64)).unwrap_or(0);
            let upto = |bits: u32| 1u64.checked_shl(bits).map_or(u64::MAX, |bit| bit - 1);
            u64::from((word & upto(within) & !upto(below)).count_ones())
        })
        .sum()
    }

    /// Every period of the set, ascending.
    pub(crate) fn periods(self) -> impl Iterator<Item = i64> {
        self.flat_map(|(start, word)| Bits(word).map(move |bit| start + i64::from(bit)))
    }

    fn step(&mut self) -> Option<(i64, u64)> {
        let skipped = i64::try_from(read_number(&mut self.bytes).ok()?).ok()?;
        let (word, rest) = self.bytes.split_first_chunk::<8>()?;
        self.bytes = rest;
        let start = self.at.checked_add(skipped.checked_mul(64)?)?;
        self.at = start.saturating_add(64);
        Some((start, u64::from_le_bytes(*word)))
    }
}

impl Iterator for Blocks<'_> {
    type Item = (i64, u64);

    fn next(&mut self) -> Option<(i64, u64)> {
        if self.bytes.is_empty() { None } else { self.step() }
    }
}

/// The set bits of a word, ascending.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bits(pub(crate) u64);

impl Iterator for Bits {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let bit = self.0.trailing_zeros();
        self.0 &= self.0.wrapping_sub(1);
        (bit < 64).then_some(bit)
    }
}
