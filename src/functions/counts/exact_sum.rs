//! A sum of floating-point numbers without any rounding until it is asked for, so that no order of adding changes it.
//!
//! Every finite `f64` is a whole multiple of 2^-1074. The sum is kept as such a multiple: a long integer, cut into limbs
//! of 64 bits, of which only those in use are there (two for everyday numbers). A limb is wider than what is added to
//! it, so carries wait until the end, and adding two sums is adding their limbs.

/// An exact sum.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ExactSum {
    /// Which multiple of 2^64 units the first limb counts.
    first: u8,
    limbs: Vec<i128>,
    /// What no integer can hold.
    special: u8,
}

const NAN: u8 = 1;
const INFINITY: u8 = 2;
const NEG_INFINITY: u8 = 4;

impl ExactSum {
    pub(crate) fn add(&mut self, value: f64) {
        let bits = value.to_bits();
        let (exponent, fraction) = ((bits >> 52) & 0x7ff, bits & ((1 << 52) - 1));
        let (mantissa, shift) = match exponent {
            0x7ff => {
                self.special |= match (fraction, value > 0.0) {
                    (0, true) => INFINITY,
                    (0, false) => NEG_INFINITY,
                    _ => NAN,
                };
                return;
            }
            0 => (fraction, 0),
            _ => (fraction | (1 << 52), exponent - 1),
        };
        if mantissa == 0 {
            return;
        }
        let wide = u128::from(mantissa) << (shift % 64);
        let (low, high) = (i128::from(wide as u64), (wide >> 64) as i128);
        let sign = if value < 0.0 { -1 } else { 1 };
        let place = (shift / 64) as u8;
        *self.limb(place) += sign * low;
        if high != 0 {
            *self.limb(place + 1) += sign * high;
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.special |= other.special;
        for (place, limb) in (other.first..).zip(&other.limbs) {
            *self.limb(place) += limb;
        }
    }

    /// The nearest `f64`, ties to even; infinite where the sum is beyond all finite ones.
    pub(crate) fn value(&self) -> f64 {
        match self.special {
            0 => {}
            INFINITY => return f64::INFINITY,
            NEG_INFINITY => return f64::NEG_INFINITY,
            _ => return f64::NAN,
        }
        let (negative, first, limbs) = self.magnitude();
        let Some(top) = limbs.last() else {
            return 0.0;
        };
        let below = (first + limbs.len() - 1) * 64;
        let highest = below + top.ilog2() as usize;
        // The lowest of the 53 bits that a double holds.
        let lowest = highest.saturating_sub(52);
        let bit = |place: usize| -> u64 {
            let Some(inside) = place.checked_sub(first * 64) else {
                return 0;
            };
            limbs.get(inside / 64).map_or(0, |limb| (limb >> (inside % 64)) & 1)
        };
        let mut mantissa = (lowest..=highest).rev().fold(0, |value, place| (value << 1) | bit(place));
        if lowest > 0 && bit(lowest - 1) == 1 {
            let rest = (first * 64..lowest - 1).any(|place| bit(place) == 1);
            mantissa += u64::from(rest || mantissa & 1 == 1);
        }
        // A carry out of the mantissa raises the exponent, which is what it should do.
        let bits = ((lowest as u64) << 52) + mantissa;
        let size = f64::from_bits(bits.min(f64::INFINITY.to_bits()));
        if negative { -size } else { size }
    }

    /// Heap bytes by capacity.
    pub(crate) fn heap(&self) -> usize {
        self.limbs.capacity() * size_of::<i128>()
    }

    /// The same parts for the same sum, whatever it was added from: flags, the place of the first limb, limbs.
    pub(crate) fn parts(&self) -> (u8, u8, Vec<u64>) {
        let (negative, first, limbs) = self.magnitude();
        (self.special | (u8::from(negative) << 7), first as u8, limbs)
    }

    /// The inverse of [`Self::parts`].
    pub(crate) fn from_parts(flags: u8, first: u8, limbs: impl IntoIterator<Item = u64>) -> Self {
        let sign = if flags & 0x80 == 0 { 1 } else { -1 };
        let limbs = limbs.into_iter().map(|limb| sign * i128::from(limb)).collect();
        Self { first, limbs, special: flags & 0x7f }
    }

    fn limb(&mut self, place: u8) -> &mut i128 {
        if self.limbs.is_empty() {
            self.first = place;
        }
        if place < self.first {
            let missing = usize::from(self.first - place);
            self.limbs.splice(0..0, std::iter::repeat_n(0, missing));
            self.first = place;
        }
        let inside = usize::from(place - self.first);
        if inside >= self.limbs.len() {
            self.limbs.resize(inside + 1, 0);
        }
        &mut self.limbs[inside]
    }

    /// Sign, place of the first limb and limbs of the sum, without zeros at either end.
    fn magnitude(&self) -> (bool, usize, Vec<u64>) {
        let mut limbs = Vec::with_capacity(self.limbs.len() + 2);
        let mut carry = 0_i128;
        for limb in &self.limbs {
            carry += limb;
            limbs.push(carry as u64);
            carry >>= 64;
        }
        while carry != 0 && carry != -1 {
            limbs.push(carry as u64);
            carry >>= 64;
        }
        let negative = carry == -1;
        if negative {
            // Two's complement: every bit turned, then one more.
            let mut more = true;
            for limb in &mut limbs {
                (*limb, more) = (!*limb).overflowing_add(u64::from(more));
            }
            if more {
                limbs.push(1);
            }
        }
        while limbs.last() == Some(&0) {
            limbs.pop();
        }
        let zeros = limbs.iter().take_while(|limb| **limb == 0).count();
        limbs.drain(..zeros);
        let first = if limbs.is_empty() { 0 } else { usize::from(self.first) + zeros };
        (negative && !limbs.is_empty(), first, limbs)
    }
}
