//! New, returning, resurrecting, dormant: what became of the users from one period to the next?
//!
//! ```text
//! period         0    1          2        3             4
//! there          ■    ■          ·        ■             ·
//! counted as     new  returning  dormant  resurrecting  dormant
//! ```

use super::bitmap::Blocks;
use super::counts::Counts;
use crate::functions::bytes::{read_number, read_signed, write_number, write_signed};

/// Users by period, in four kinds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Lifecycle {
    /// The first period ever.
    pub(crate) new: Counts,
    /// There, and in the period before.
    pub(crate) returning: Counts,
    /// There, not in the period before, but earlier.
    pub(crate) resurrecting: Counts,
    /// Not there, but in the period before.
    pub(crate) dormant: Counts,
    last: Option<i64>,
}

impl Lifecycle {
    pub(crate) fn add(&mut self, user: Blocks) {
        let Some(first) = user.lowest() else { return };
        // The first period after the block before, and whether that block ends with the user there.
        let mut before: Option<(i64, bool)> = None;
        for (start, word) in user {
            let was_there = before == Some((start, true));
            if let Some((next, true)) = before
                && next != start
            {
                self.dormant.add(next, 1);
            }
            let previous = word << 1 | u64::from(was_there);
            let new = u64::from(start == first);
            self.new.add_word(start, new);
            self.returning.add_word(start, word & previous);
            self.resurrecting.add_word(start, word & !previous & !new);
            self.dormant.add_word(start, previous & !word);
            before = Some((start.saturating_add(64), word >> 63 == 1));
            self.last = self.last.max(Some(start.saturating_add(63 - i64::from(word.leading_zeros()))));
        }
        if let Some((next, true)) = before {
            self.dormant.add(next, 1);
        }
    }

    /// The last period in which anybody was there.
    pub(crate) fn last(&self) -> Option<i64> {
        self.last
    }

    /// Periods with a user of any kind, ascending.
    pub(crate) fn periods(&self) -> Vec<i64> {
        let kinds = [&self.new, &self.returning, &self.resurrecting, &self.dormant];
        let mut periods: Vec<i64> =
            kinds.into_iter().flat_map(|kind| kind.iter().map(|(period, _)| period)).collect();
        periods.sort_unstable();
        periods.dedup();
        periods
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.new.merge(&other.new);
        self.returning.merge(&other.returning);
        self.resurrecting.merge(&other.resurrecting);
        self.dormant.merge(&other.dormant);
        self.last = self.last.max(other.last);
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        write_number(out, u64::from(self.last.is_some()));
        write_signed(out, self.last.unwrap_or(0));
        for kind in [&self.new, &self.returning, &self.resurrecting, &self.dormant] {
            kind.encode(out);
        }
    }

    pub(crate) fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let seen = read_number(bytes).ok()? == 1;
        let last = read_signed(bytes).ok()?;
        Some(Self {
            last: seen.then_some(last),
            new: Counts::decode(bytes)?,
            returning: Counts::decode(bytes)?,
            resurrecting: Counts::decode(bytes)?,
            dormant: Counts::decode(bytes)?,
        })
    }

    pub(crate) fn heap(&self) -> usize {
        self.new.heap() + self.returning.heap() + self.resurrecting.heap() + self.dormant.heap()
    }
}
