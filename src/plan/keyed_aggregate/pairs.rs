//! Two numbers as one: pairs are numbered in the order in which they are first seen.

use hashbrown::HashMap;

/// A table of all pairs has at most so many cells (4 MB), so that it stays in the processor's caches.
const MOST_CELLS: usize = 1 << 20;

/// The numbers of pairs, from 0.
#[derive(Debug)]
pub(super) struct Pairs {
    numbers: Numbers,
    count: u32,
}

#[derive(Debug)]
enum Numbers {
    /// A row for each first number, as wide as 2 to the `bits`; a cell is one more than the pair's number, or 0.
    Table { bits: u32, cells: Vec<u32> },
    /// Where the table would be too large.
    Map(HashMap<(u32, u32), u32>),
}

impl Pairs {
    pub(super) fn new() -> Self {
        Self { numbers: Numbers::Table { bits: 4, cells: vec![] }, count: 0 }
    }

    pub(super) fn number(&mut self, first: u32, second: u32) -> u32 {
        if let Numbers::Table { bits, cells } = &mut self.numbers {
            let place = (first as usize) << *bits | second as usize;
            if let Some(cell) = cells.get_mut(place).filter(|_| second >> *bits == 0) {
                if *cell == 0 {
                    self.count += 1;
                    *cell = self.count;
                }
                return *cell - 1;
            }
            self.widen(first, second);
            return self.number(first, second);
        }
        let Numbers::Map(numbers) = &mut self.numbers else { return 0 };
        let next = self.count;
        let number = *numbers.entry((first, second)).or_insert(next);
        self.count += u32::from(number == next);
        number
    }

    pub(super) fn size(&self) -> usize {
        match &self.numbers {
            Numbers::Table { cells, .. } => cells.capacity() * size_of::<u32>(),
            Numbers::Map(numbers) => numbers.allocation_size(),
        }
    }

    /// Makes the table large enough for a pair, or a map of it.
    fn widen(&mut self, first: u32, second: u32) {
        let Numbers::Table { bits, cells } = &self.numbers else { return };
        let pairs = || {
            let known = cells.iter().enumerate().filter(|(_, cell)| **cell != 0);
            known.map(|(place, cell)| ((place >> bits) as u32, (place & ((1 << bits) - 1)) as u32, *cell))
        };
        let wide = (u32::BITS - second.leading_zeros()).max(*bits);
        let high = (first as usize + 1).next_power_of_two().max(cells.len() >> bits);
        self.numbers = match high.checked_shl(wide).filter(|size| *size <= MOST_CELLS && wide < 20) {
            Some(size) => {
                let mut table = vec![0; size];
                for (first, second, cell) in pairs() {
                    table[(first as usize) << wide | second as usize] = cell;
                }
                Numbers::Table { bits: wide, cells: table }
            }
            None => Numbers::Map(pairs().map(|(first, second, cell)| ((first, second), cell - 1)).collect()),
        };
    }
}
