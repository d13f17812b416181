//! Each conversion joined to the nearest base row before it: how many bases are there, how many conversions have one?
//!
//! ```text
//! window = 100         base 0      base 50 ─▶ conversion 60      → 2 bases, 1 converted
//! ```

/// The rows of one user, instant by instant: first the bases of an instant, then its conversions.
///
/// A conversion finds a base exactly when the window of some base before it is still open, so one time a constant is all
/// that has to be kept.
#[derive(Debug, Default)]
pub(super) struct NearestBase {
    /// By the number of the constant that base and conversion share.
    slots: Vec<Slot>,
    user: u64,
    instant: u64,
    bases: i64,
    converted: i64,
}

/// The bases of one constant, of the user and instant written in it.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    user: u64,
    instant: u64,
    /// Bases of that instant, and when the window of each of them ends.
    here: u32,
    here_until: Option<i64>,
    /// When the last window of an earlier instant's base ends.
    earlier_until: Option<i64>,
}

impl NearestBase {
    pub(super) fn next_instant(&mut self) {
        self.instant += 1;
    }

    /// A base; without a constant it is counted, but no conversion can find it.
    pub(super) fn base(&mut self, constant: Option<u32>, until: i64) {
        self.bases += 1;
        let Some(constant) = constant else {
            return;
        };
        let (place, user, instant) = (constant as usize, self.user, self.instant);
        if place >= self.slots.len() {
            // Users are numbered from 0: the slots of a new constant are of none.
            self.slots.resize(place + 1, Slot { user: u64::MAX, ..Slot::default() });
        }
        let slot = &mut self.slots[place];
        if slot.user != user {
            *slot = Slot { user, instant, ..Slot::default() };
        } else if slot.instant != instant {
            let earlier_until = slot.earlier_until.max(slot.here_until);
            *slot = Slot { user, instant, earlier_until, ..Slot::default() };
        }
        slot.here += 1;
        slot.here_until = Some(until);
    }

    /// A conversion at `ts`; a row that is a base too does not find itself.
    pub(super) fn conversion(&mut self, constant: Option<u32>, ts: i64, is_base: bool) {
        let slot = constant.and_then(|constant| self.slots.get(constant as usize));
        let Some(slot) = slot.filter(|slot| slot.user == self.user) else {
            return;
        };
        let found = if slot.instant == self.instant {
            slot.here > u32::from(is_base) || slot.earlier_until >= Some(ts)
        } else {
            slot.here_until.max(slot.earlier_until) >= Some(ts)
        };
        self.converted += i64::from(found);
    }

    /// Bases and converted of the user; ready for the next one.
    pub(super) fn finish(&mut self) -> (i64, i64) {
        self.user += 1;
        (std::mem::take(&mut self.bases), std::mem::take(&mut self.converted))
    }

    /// Forgets constants; their numbers may then mean others.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
    }

    /// Heap bytes.
    pub(super) fn size(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
    }
}
