//! What must not stand between two steps: the next forbidden event after a given one.

use super::item::Item;
use super::rules::{Order, Rules, Steps};

/// The places in time of forbidden events, ascending.
#[derive(Debug, Clone, Default)]
pub(super) struct Barriers {
    /// Per hop, in strict and exact order: events that belong neither to the step it leads to nor to an optional one before.
    hops: Vec<Vec<u32>>,
    /// Per exclusion: (value of the held property, place); 0 is no value and concerns every chain.
    exclusions: Vec<Vec<(u32, u32)>>,
    bytes: usize,
}

impl Barriers {
    /// Reads the events of a user, ascending in time. In strict order events of no step must be among them.
    pub(super) fn fill(&mut self, rules: &Rules, steps: &Steps, items: &[Item]) {
        let ordered = matches!(rules.order, Order::Strict | Order::Exact);
        self.hops.resize(if ordered { steps.hops.len() } else { 0 }, vec![]);
        self.exclusions.resize(rules.exclusions.len(), vec![]);
        let step_bits = rules.step_bits();
        for (places, hop) in self.hops.iter_mut().zip(&steps.hops) {
            places.clear();
            for item in items {
                let ignored = rules.order == Order::Exact && item.mask & step_bits == 0;
                if !ignored && item.mask & hop == 0 && places.last() != Some(&item.group) {
                    places.push(item.group);
                }
            }
        }
        for (i, hits) in self.exclusions.iter_mut().enumerate() {
            let bit = 1_u64 << (rules.steps + i);
            hits.clear();
            hits.extend(items.iter().filter(|item| item.mask & bit != 0).map(|item| (item.hold, item.group)));
            if !hits.is_sorted() {
                hits.sort_unstable();
            }
        }
        self.bytes = self.hops.iter().map(|places| places.capacity() * size_of::<u32>()).sum::<usize>()
            + self.exclusions.iter().map(|hits| hits.capacity() * size_of::<(u32, u32)>()).sum::<usize>();
    }

    /// Where the first event after `group` stands that hop `hop` may not pass.
    pub(super) fn next_on_hop(&self, hop: usize, group: u32) -> Option<u32> {
        let places = self.hops.get(hop)?;
        places.get(places.partition_point(|place| *place <= group)).copied()
    }

    /// Where the first excluded event after `group` stands that concerns chains of the value `hold`.
    pub(super) fn next_excluded(&self, exclusion: usize, hold: u32, group: u32) -> Option<u32> {
        let hits = &self.exclusions[exclusion];
        let next = |hold: u32| {
            let hit = hits.get(hits.partition_point(|hit| *hit <= (hold, group)));
            hit.filter(|(value, _)| *value == hold).map(|(_, place)| *place)
        };
        match hold {
            0 => next(0),
            hold => [next(hold), next(0)].into_iter().flatten().min(),
        }
    }

    pub(super) fn size(&self) -> usize {
        self.bytes
    }
}
