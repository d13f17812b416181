//! The distribution of many durations in little memory: which value stands at a given share?
//!
//! ```text
//! |v|     0 … 511   512 … 1023   1024 … 2047   …          a bucket is 1, 2, 4, … wide: at most 1/256 of its values
//! width      1          2             4
//! ```
//!
//! A bucket keeps the count and the exact sum of its values. So totals and means are exact, a bucket of equal values
//! gives that very value, and any other is off by less than the width of its bucket: 0.4 %. Nothing but the values
//! decides where they go, so no order of adding or merging changes an answer.

/// The place of a bucket: ascending with the values in it, negative for negative ones.
pub(super) type Place = i32;

/// Bits of a value that are told apart: eight after the highest.
const PRECISION: u32 = 8;

/// The bucket of a value.
pub(super) fn place(value: i64) -> Place {
    let size = value.unsigned_abs();
    let place = match size.checked_ilog2().unwrap_or(0).checked_sub(PRECISION) {
        None => size as Place,
        // Below 2^(shift + 9) and above the place of everything smaller.
        Some(shift) => ((shift << PRECISION) as u64 + (size >> shift)) as Place,
    };
    if value < 0 { -place } else { place }
}

/// The values of one bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Bucket {
    pub(super) count: u64,
    pub(super) sum: i128,
}

impl Bucket {
    pub(super) fn add(&mut self, value: i64) {
        self.count += 1;
        self.sum += i128::from(value);
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
    }

    fn mean(&self) -> f64 {
        self.sum as f64 / self.count as f64
    }
}

/// The buckets of a distribution, ascending.
pub(super) struct Distribution<'a>(pub(super) &'a [Bucket]);

impl Distribution<'_> {
    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(|bucket| bucket.count).sum()
    }

    /// `None` of no values.
    pub(super) fn mean(&self) -> Option<f64> {
        let total = self.0.iter().fold(Bucket::default(), |mut total, bucket| {
            total.merge(*bucket);
            total
        });
        (total.count > 0).then(|| total.mean())
    }

    /// The value below which `tenths` tenths of the others lie, between two neighbours in proportion, as SQL's
    /// `percentile_cont`; `None` of no values.
    pub(super) fn quantile(&self, tenths: u64) -> Option<f64> {
        let others = u128::from(self.count().checked_sub(1)?);
        let position = others * u128::from(tenths);
        let (rank, rest) = ((position / 10) as u64, (position % 10) as f64 / 10.0);
        let lower = self.at(rank)?;
        match rest {
            0.0 => Some(lower),
            rest => Some(lower + (self.at(rank + 1)? - lower) * rest),
        }
    }

    /// The value of rank `rank`, counted from 0.
    fn at(&self, rank: u64) -> Option<f64> {
        let mut before = 0;
        let bucket = self.0.iter().find(|bucket| {
            before += bucket.count;
            rank < before
        })?;
        Some(bucket.mean())
    }
}
