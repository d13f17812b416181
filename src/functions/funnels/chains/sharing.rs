//! Events of one time, each good for one step: can these steps each have an event of its own, and which?

use super::item::Item;

/// Gives different events to steps; the answer depends on the order of the events alone.
#[derive(Debug, Clone, Default)]
pub(super) struct Sharing {
    /// Per event, the step it has.
    taken: Vec<Option<usize>>,
    tried: Vec<bool>,
}

impl Sharing {
    /// Whether all of `steps` can be served.
    pub(super) fn serve_all(&mut self, events: &[Item], steps: impl IntoIterator<Item = usize>) -> bool {
        self.taken.clear();
        self.taken.resize(events.len(), None);
        for step in steps {
            self.tried.clear();
            self.tried.resize(events.len(), false);
            if !self.serve(step, events) {
                return false;
            }
        }
        true
    }

    /// The steps served last, each with the place of its event.
    pub(super) fn served(&self) -> impl Iterator<Item = (usize, usize)> {
        self.taken.iter().enumerate().filter_map(|(event, step)| step.map(|step| (step, event)))
    }

    pub(super) fn size(&self) -> usize {
        self.taken.capacity() * size_of::<Option<usize>>() + self.tried.capacity()
    }

    /// Finds an event for `step`: the first free one, else one whose step can move to another event.
    fn serve(&mut self, step: usize, events: &[Item]) -> bool {
        let good = |item: &Item| item.mask & (1 << step) != 0;
        let free = (0..events.len()).find(|&event| self.taken[event].is_none() && good(&events[event]));
        if let Some(event) = free {
            self.tried[event] = true;
            self.taken[event] = Some(step);
            return true;
        }
        for (event, item) in events.iter().enumerate() {
            if self.tried[event] || !good(item) {
                continue;
            }
            self.tried[event] = true;
            if let Some(other) = self.taken[event]
                && self.serve(other, events)
            {
                self.taken[event] = Some(step);
                return true;
            }
        }
        false
    }
}

/// Appends those of `items`, all of one time, that can matter: with `steps` events for a step, one is always left for
/// it when the others are served.
pub(super) fn keep_useful(items: &[Item], steps: usize, step_bits: u64, kept: &mut Vec<Item>) {
    if let [item] = items {
        kept.push(*item);
        return;
    }
    let mut seen = [0_usize; u64::BITS as usize];
    for item in items {
        let mut useful = false;
        let mut rest = item.mask & step_bits;
        while rest != 0 {
            let count = &mut seen[rest.trailing_zeros() as usize];
            rest &= rest - 1;
            useful |= *count < steps;
            *count += 1;
        }
        if useful {
            kept.push(*item);
        }
    }
}
