//! The value of a conversion, shared among the touches before it.
//!
//! ```text
//! linear               ad ──── mail ──── mail ──── buy 30      → ad 10, mail 20
//! ```

use serde::{Deserialize, Serialize};

/// How a conversion's value is shared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Model {
    First,
    Last,
    Linear,
    /// Weights of the first touch, of all between together, and of the last.
    Position {
        first: f64,
        middle: f64,
        last: f64,
    },
    /// A touch counts half as much as one that is so many ticks younger.
    TimeDecay {
        half_life: u64,
    },
}

#[derive(Debug, Clone, Copy)]
struct Touch {
    ts: i64,
    channel: u32,
}

/// The touches of one user since the last conversion, and what their channels have earned so far.
#[derive(Debug)]
pub(super) struct Ledger {
    model: Model,
    touches: Vec<Touch>,
    shares: Sums,
    credits: Sums,
}

impl Ledger {
    pub(super) fn new(model: Model) -> Self {
        Self { model, touches: Vec::new(), shares: Sums::default(), credits: Sums::default() }
    }

    pub(super) fn touch(&mut self, ts: i64, channel: u32) {
        self.touches.push(Touch { ts, channel });
    }

    /// Shares `value` among the touches whose `deadline` has not passed; without one it goes to `none`. The next
    /// conversion starts without touches.
    pub(super) fn convert(&mut self, ts: i64, value: f64, deadline: impl Fn(i64) -> i64, none: u32) {
        self.touches.retain(|touch| deadline(touch.ts) >= ts);
        match (self.touches.as_slice(), self.model) {
            ([], _) => self.credits.add(none, value),
            ([first, ..], Model::First) => self.credits.add(first.channel, value),
            ([.., last], Model::Last) => self.credits.add(last.channel, value),
            (touches, model) => {
                let mut total = weigh(touches, model, &mut self.shares);
                if total == 0.0 {
                    // All weight was meant for touches between the first and the last, and there are none.
                    self.shares.drain(|_, _| {});
                    total = weigh(touches, Model::Linear, &mut self.shares);
                }
                let credits = &mut self.credits;
                self.shares.drain(|channel, share| {
                    // The only channel gets the value itself, without rounding.
                    let credit = if share == total { value } else { value * share / total };
                    credits.add(channel, credit);
                });
            }
        }
        self.touches.clear();
    }

    /// Hands out what each channel has earned, and is ready for the next user.
    pub(super) fn finish(&mut self, credit: impl FnMut(u32, f64)) {
        self.touches.clear();
        self.credits.drain(credit);
    }

    /// Forgets channels; their numbers may then mean others.
    pub(super) fn clear(&mut self) {
        self.shares = Sums::default();
        self.credits = Sums::default();
    }

    /// Heap bytes.
    pub(super) fn size(&self) -> usize {
        self.touches.capacity() * size_of::<Touch>() + self.shares.size() + self.credits.size()
    }
}

/// Adds up the weights of each channel's touches; the sum of all.
fn weigh(touches: &[Touch], model: Model, shares: &mut Sums) -> f64 {
    let count = touches.len();
    let youngest = touches[count - 1].ts;
    let mut total = 0.0;
    for (i, touch) in touches.iter().enumerate() {
        let weight = match model {
            Model::First | Model::Last | Model::Linear => 1.0,
            Model::Position { .. } if count == 1 => 1.0,
            Model::Position { first, .. } if i == 0 => first,
            Model::Position { last, .. } if i == count - 1 => last,
            Model::Position { middle, .. } => middle / (count - 2) as f64,
            // Measured from the youngest touch, so that old touches cannot make all weights vanish.
            Model::TimeDecay { half_life } => {
                (-(youngest.saturating_sub(touch.ts) as f64) / half_life as f64).exp2()
            }
        };
        shares.add(touch.channel, weight);
        total += weight;
    }
    total
}

/// A sum for each of some small numbers.
#[derive(Debug, Default)]
struct Sums {
    sums: Vec<Option<f64>>,
    present: Vec<u32>,
}

impl Sums {
    fn add(&mut self, number: u32, value: f64) {
        let place = number as usize;
        if place >= self.sums.len() {
            self.sums.resize(place + 1, None);
        }
        match &mut self.sums[place] {
            Some(sum) => *sum += value,
            none => {
                *none = Some(value);
                self.present.push(number);
            }
        }
    }

    fn drain(&mut self, mut each: impl FnMut(u32, f64)) {
        for number in self.present.drain(..) {
            if let Some(sum) = self.sums[number as usize].take() {
                each(number, sum);
            }
        }
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<Option<f64>>() + self.present.capacity() * size_of::<u32>()
    }
}
