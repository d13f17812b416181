//! One event of one user, and the order of events of the same time.

use std::cmp::Ordering;

use super::payloads::Payloads;

/// One event of one group; bit `i` of the mask: it satisfies condition `i + 1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) ts: i64,
    pub(crate) mask: u64,
    /// Its values in [`Payloads`].
    pub(crate) payload: u32,
    pub(crate) group: u32,
}

/// Brings one user's events into their order: time, tie column, then [`by_content`]. Nothing of it is arrival.
pub(crate) fn sort_events(events: &mut [Event], payloads: &Payloads) {
    if payloads.has_tie() {
        events.sort_unstable_by(|a, b| {
            (a.ts, payloads.tie(a)).cmp(&(b.ts, payloads.tie(b))).then_with(|| by_content(a, b, payloads))
        });
        return;
    }
    if !events.is_sorted_by_key(|event| event.ts) {
        events.sort_unstable_by_key(|event| event.ts);
    }
    for same_time in events.chunk_by_mut(|a, b| a.ts == b.ts) {
        sort_same_time(same_time, payloads);
    }
}

/// Events of one time, and of one value of the tie column.
pub(crate) fn same_time<'a>(
    events: &'a [Event],
    payloads: &'a Payloads,
) -> impl Iterator<Item = &'a [Event]> {
    events.chunk_by(|a, b| a.ts == b.ts && (!payloads.has_tie() || payloads.tie(a) == payloads.tie(b)))
}

pub(crate) fn sort_same_time(events: &mut [Event], payloads: &Payloads) {
    if events.len() > 1 {
        events.sort_unstable_by(|a, b| by_content(a, b, payloads));
    }
}

/// Events without a condition first, then by the lowest condition, all conditions, and the values.
fn by_content(a: &Event, b: &Event, payloads: &Payloads) -> Ordering {
    let lowest = |mask: u64| if mask == 0 { 0 } else { mask.trailing_zeros() + 1 };
    (lowest(a.mask), a.mask).cmp(&(lowest(b.mask), b.mask)).then_with(|| payloads.compare_events(a, b))
}
