//! Patterns without a time gate in one pass: a bit for each place in the pattern, no event is kept.
//!
//! ```text
//! (?1).*(?2)     places  0 ──(?1)──▶ 1 ──(?2)──▶ 2         0 and 1 may wait: any event may pass
//! a x b                  {0}  a→ {0,1}  x→ {0,1}  b→ {0,1,2}: a match ends at b
//! ```
//!
//! Bit `p` says: the events so far end with a match of the first `p` elements (an element that repeats counts once for
//! each time). An event moves all of them at once by shifts and masks, whatever chains they stand for. A match that ends
//! first is seen first; what follows starts anew.

use super::pattern::{Item, Pattern};

#[derive(Debug, Clone)]
pub(crate) struct Scan {
    /// Per condition, the elements that it lets an event pass, and those it keeps it from.
    passes: [u64; 64],
    refuses: [u64; 64],
    /// Elements that need no condition: `.` and `(?!n)`.
    free: u64,
    /// Places where any event may be passed over; place 0 is one.
    waits: u64,
    /// Elements that may repeat without limit, and those that may be left out.
    repeats: u64,
    optional: u64,
    last: u64,
    start: u64,
    places: u64,
    matches: i64,
    first_only: bool,
}

impl Scan {
    /// `None` for patterns with a gate or with more than 63 places. With `first_only`, nothing is looked at after a match.
    pub(crate) fn new(pattern: &Pattern, first_only: bool) -> Option<Self> {
        if pattern.has_gates() {
            return None;
        }
        let mut scan = Self {
            passes: [0; 64],
            refuses: [0; 64],
            free: 0,
            waits: 1,
            repeats: 0,
            optional: 0,
            last: 0,
            start: 1,
            places: 0,
            matches: 0,
            first_only,
        };
        let mut place = 0_u32;
        for item in &pattern.items {
            let element = match item {
                Item::Element(element) => element,
                Item::Gap => {
                    scan.waits |= 1 << place;
                    continue;
                }
                Item::Gate(_) => return None,
            };
            let places = if element.max == u32::MAX { element.min.max(1) } else { element.max };
            if places > 63 - place {
                return None;
            }
            for time in 0..places {
                let bit = 1 << place;
                place += 1;
                if element.test.any_of == 0 {
                    scan.free |= bit;
                }
                for condition in 0..64 {
                    scan.passes[condition] |= bit * (element.test.any_of >> condition & 1);
                    scan.refuses[condition] |= bit * (element.test.none_of >> condition & 1);
                }
                if time >= element.min {
                    scan.optional |= bit;
                }
                if element.max == u32::MAX && time == places - 1 {
                    scan.repeats |= bit;
                }
            }
        }
        scan.last = 1 << place;
        scan.start = scan.leave_out(1);
        scan.places = scan.start;
        Some(scan)
    }

    /// Takes an event that satisfies the conditions of `mask`; events come in order.
    #[inline]
    pub(crate) fn push(&mut self, mask: u64) {
        if self.first_only && self.matches != 0 {
            return;
        }
        let (mut passes, mut refuses) = (self.free, 0);
        let mut rest = mask;
        while rest != 0 {
            let condition = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            passes |= self.passes[condition];
            refuses |= self.refuses[condition];
        }
        passes &= !refuses;
        let again = self.places & ((passes & self.repeats) << 1);
        let places = ((self.places & passes) << 1) | (self.places & self.waits) | again;
        let places = if self.optional == 0 { places } else { self.leave_out(places) };
        if places & self.last == 0 {
            self.places = places | self.start;
        } else {
            self.matches += 1;
            self.places = self.start;
        }
    }

    /// How many matches there were, one after the other; the scan is then ready for the next user.
    pub(crate) fn finish(&mut self) -> i64 {
        self.places = self.start;
        std::mem::take(&mut self.matches)
    }

    fn leave_out(&self, mut places: u64) -> u64 {
        loop {
            let more = places | ((places & self.optional) << 1);
            if more == places {
                return places;
            }
            places = more;
        }
    }
}
