//! How do events get to the server? In small batches soon after they happen; some batches twice, because the answer to the
//! first was lost, and those of a phone without a network hours or days later.

use super::arrivals::Arrivals;
use super::event::Event;
use super::random::Random;

/// Quantiles of the way to the server, in milliseconds.
const WAY: [u64; 10] = [40, 60, 80, 100, 130, 180, 260, 400, 900, 3000];

/// Quantiles of the time after which a batch is sent again: seconds to a day.
const AGAIN: [u64; 9] = [2_000, 5_000, 9_000, 30_000, 120_000, 600_000, 3_600_000, 18_000_000, 72_000_000];

/// Quantiles of the time without a network: minutes to three days.
const OFFLINE: [u64; 10] = [
    300_000,
    720_000,
    1_800_000,
    3_600_000,
    9_000_000,
    20_000_000,
    36_000_000,
    72_000_000,
    144_000_000,
    259_200_000,
];

#[derive(Debug)]
pub(super) struct Upload {
    pub(super) arrivals: Arrivals,
    pending: Vec<Event>,
    /// Events of a batch.
    size: usize,
    /// No batch arrives before.
    offline_until: i64,
    pub(super) retries: u64,
}

impl Upload {
    pub(super) fn new(arrivals: Arrivals) -> Self {
        Self { arrivals, pending: vec![], size: 0, offline_until: i64::MIN, retries: 0 }
    }

    pub(super) fn begin(&mut self, start: i64, random: &mut Random) {
        self.size = random.between(4, 12) as usize;
        let is_offline = random.chance(20);
        self.offline_until = if is_offline { start + random.along(&OFFLINE) as i64 } else { i64::MIN };
    }

    pub(super) fn add(&mut self, event: Event, now: i64, random: &mut Random) {
        self.pending.push(event);
        if self.pending.len() >= self.size {
            self.flush(now, random);
        }
    }

    pub(super) fn flush(&mut self, now: i64, random: &mut Random) {
        if self.pending.is_empty() {
            return;
        }
        let received = now.max(self.offline_until) + random.along(&WAY) as i64;
        let again = random.chance(12).then(|| received + random.along(&AGAIN) as i64);
        if again.is_some() {
            self.retries += self.pending.len() as u64;
        }
        for event in self.pending.drain(..) {
            self.arrivals.push(Event { received, ..event });
            if let Some(again) = again {
                self.arrivals.push(Event { received: again, ..event });
            }
        }
    }
}
