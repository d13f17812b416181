//! Chance that is the same on every machine: SplitMix64 and integers only.
//!
//! Each user and day has numbers of its own, made from the seed and their names. Nothing depends on who was asked first,
//! so that traffic of more days or more users begins no differently for the order in which it is computed.

/// A sequence of numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Random(u64);

/// What a sequence is for, so that two of the same user do not move together.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    Traits = 1,
    Day,
    Open,
    Profile,
}

impl Random {
    pub(super) fn of(seed: u64, purpose: Purpose, user: u32, number: u32) -> Self {
        let name = (u64::from(user) << 32) | u64::from(number);
        Self(mix(seed.wrapping_add((purpose as u64).wrapping_mul(STEP))) ^ mix(name.wrapping_add(STEP)))
    }

    pub(super) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// From 0 to `bound`, without it; at most 2^32.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        ((self.draw() >> 32) * bound) >> 32
    }

    /// From `low` to `high`, both included.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True so many times in a thousand.
    pub(super) fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    /// Index of a weight, as often as the weight says.
    pub(super) fn pick(&mut self, weights: impl Iterator<Item = u32> + Clone) -> usize {
        let total: u64 = weights.clone().map(u64::from).sum();
        let mut left = self.below(total.max(1));
        for (index, weight) in weights.enumerate() {
            match left.checked_sub(u64::from(weight)) {
                Some(rest) => left = rest,
                None => return index,
            }
        }
        0
    }

    /// A value of the distribution whose quantiles, evenly spaced, are `curve`.
    pub(super) fn along(&mut self, curve: &[u64]) -> u64 {
        let steps = curve.len() as u64 - 1;
        let at = self.below(steps << 20);
        let (index, part) = ((at >> 20) as usize, at & ((1 << 20) - 1));
        let (low, high) = (curve[index], curve[index + 1]);
        low + (((high - low) * part) >> 20)
    }
}

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A permutation of all 64-bit numbers that leaves no trace of their order.
pub(super) fn mix(number: u64) -> u64 {
    let mut z = number;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The number from which a user's id is spelled; no two users of a seed share it.
pub(super) fn user_number(seed: u64, user: u32) -> u64 {
    mix(mix(seed ^ STEP).wrapping_add(u64::from(user)))
}

/// The 48-bit key of a user's open; no two opens of a seed share it: every step is a permutation of 48 bits, applied
/// to the user in the upper 30 bits and the number of the open in the lower 18.
pub(super) fn open_key(seed: u64, user: u32, open: u32) -> u64 {
    const BITS: u64 = (1 << 48) - 1;
    let mut z = (u64::from(user) << 18) | u64::from(open & 0x3_ffff);
    for round in 0..3_u64 {
        z = (z ^ mix(seed.wrapping_add(round))) & BITS;
        z = z.wrapping_mul(0xbf58_476d_1ce4_e5b9) & BITS;
        z ^= z >> 25;
    }
    z
}
