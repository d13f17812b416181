//! Who comes, and who comes back? Users in the order in which they arrive, their habits and their phones.
//!
//! Everything about a user is made anew from the seed and the user's number whenever it is asked for; what is remembered
//! between two opens is in [`Memory`], so that a million users are a matter of megabytes.

use super::pages::Page;
use super::random::{Purpose, Random};
use super::span::Span;

/// Per cent of a usual day, Monday to Sunday.
const WEEKDAYS: [u64; 7] = [94, 91, 93, 96, 106, 118, 114];

/// Per cent of a usual day's new users in the first days: the shop opens with a campaign.
const OPENING: [u64; 5] = [450, 280, 200, 150, 120];

/// How many of a thousand users come back so many days after their first; a little more after whole weeks.
const RETURNS: [u64; 31] = [
    0, 300, 240, 210, 188, 172, 165, 168, 150, 142, 135, 130, 125, 122, 124, 116, 112, 109, 106, 103, 101,
    101, 97, 95, 93, 91, 89, 87, 88, 84, 82,
];

/// How often the three kinds of users come back, in per cent, and their weights: most hardly ever do.
const LOYALTY: [(u64, u32); 3] = [(25, 40), (100, 40), (260, 20)];

/// Weights of 1, 2, 3 and 4 opens on a day.
const OPENS: [u32; 4] = [700, 200, 70, 30];

/// Weights of the hours of a working day and of a day off.
const HOURS: [[u32; 24]; 2] = [
    [12, 6, 3, 2, 2, 5, 14, 32, 48, 52, 55, 58, 80, 66, 50, 48, 50, 55, 66, 78, 92, 98, 74, 36],
    [20, 11, 6, 4, 3, 4, 9, 18, 34, 52, 66, 72, 76, 70, 68, 68, 70, 72, 74, 82, 94, 96, 78, 44],
];
const HOUR: u64 = 3_600_000;

/// An open that is to happen.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Planned {
    pub(super) start: i64,
    pub(super) user: u32,
    /// Number of the open on that day.
    pub(super) number: u32,
    /// The user has not been here before.
    pub(super) is_first: bool,
}

/// What is remembered of a user.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    pub(super) events: u32,
    pub(super) opens: u32,
    /// Seconds from the start of the span to the end of the last open.
    pub(super) free: u32,
    /// Product in the cart; 0 is none.
    pub(super) cart: u16,
    pub(super) page: Page,
    /// Release of the program that was used last.
    pub(super) version: u16,
}

impl Memory {
    pub(super) const NEW: Self = Self { events: 0, opens: 0, free: 0, cart: 0, page: Page::Home, version: 0 };
}

/// All users of a span.
#[derive(Debug)]
pub(super) struct People {
    seed: u64,
    /// Users who have arrived by the end of each day.
    arrived: Vec<u32>,
}

impl People {
    pub(super) fn new(users: u32, seed: u64, span: &Span) -> Self {
        let weights = (0..span.days()).map(|day| {
            let opening = OPENING.get(day as usize).copied().unwrap_or(100);
            WEEKDAYS[span.weekday(day)] * opening / 100
        });
        let sums: Vec<u64> = weights
            .scan(0, |sum, weight| {
                *sum += weight;
                Some(*sum)
            })
            .collect();
        let total = sums.last().copied().unwrap_or(1);
        Self { seed, arrived: sums.iter().map(|sum| (u64::from(users) * sum / total) as u32).collect() }
    }

    /// The opens of a day in the order of time.
    pub(super) fn plan(&self, day: u32, span: &Span, planned: &mut Vec<Planned>) {
        planned.clear();
        let arrived = |day: u32| self.arrived[day as usize];
        let mut age = day;
        let mut of_age = arrived(0);
        for user in 0..arrived(day) {
            // Users are numbered as they arrive, so their age only falls.
            while user >= of_age {
                age -= 1;
                of_age = arrived(day - age);
            }
            let mut random = Random::of(self.seed, Purpose::Day, user, day);
            if age == 0 || self.returns(user, age, span.weekday(day), &mut random) {
                self.plan_opens(user, day, age == 0, span, &mut random, planned);
            }
        }
        planned.sort_unstable();
    }

    fn returns(&self, user: u32, age: u32, weekday: usize, random: &mut Random) -> bool {
        let usual = match RETURNS.get(age as usize) {
            Some(usual) => *usual,
            None => RETURNS[30] * 60 / (u64::from(age) + 30),
        };
        let loyalty = Traits::of(self.seed, user).loyalty;
        // Per mille, per cent and per cent.
        random.below(10_000_000) < (usual * loyalty * WEEKDAYS[weekday]).min(9_500_000)
    }

    fn plan_opens(
        &self,
        user: u32,
        day: u32,
        is_new: bool,
        span: &Span,
        random: &mut Random,
        planned: &mut Vec<Planned>,
    ) {
        let (start, length) = span.day(day);
        let hours = &HOURS[usize::from(span.weekday(day) >= 5)];
        let before = planned.len();
        for _ in 0..=random.pick(OPENS.into_iter()) {
            let hour = random.pick(hours.iter().copied()) as u64;
            let time = (hour * HOUR + random.below(HOUR)) as i64;
            if length > 0 {
                planned.push(Planned { start: start + time % length, user, number: 0, is_first: false });
            }
        }
        let opens = &mut planned[before..];
        opens.sort_unstable();
        for (number, open) in opens.iter_mut().enumerate() {
            open.number = number as u32;
            open.is_first = is_new && number == 0;
        }
    }
}

/// What a user keeps for the whole span.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traits {
    /// Per cent of the usual chance of coming back.
    loyalty: u64,
    /// Index in the list of phones.
    pub(super) device: u16,
    /// Days after which a release reaches this user.
    lag: u32,
    pub(super) is_mobile: bool,
    /// What the phone's clock is ahead, in milliseconds.
    pub(super) skew: i64,
}

impl Traits {
    pub(super) fn of(seed: u64, user: u32) -> Self {
        let mut random = Random::of(seed, Purpose::Traits, user, 0);
        let loyalty = LOYALTY[random.pick(LOYALTY.iter().map(|(_, weight)| *weight))].0;
        let device = random.pick(super::devices::weights()) as u16;
        let lag = random.below(6) as u32;
        let is_mobile = random.chance(450);
        // Eight clocks in a thousand are wrong, most by minutes.
        let skew = match random.chance(8) {
            false => 0,
            true if random.chance(600) => random.between(0, 1_200_000) as i64 - 600_000,
            true => random.between(0, 14_400_000) as i64 - 7_200_000,
        };
        Self { loyalty, device, lag, is_mobile, skew }
    }

    /// A release comes out every 12 days; this is the number of the one in use.
    pub(super) fn version(&self, day: u32) -> u16 {
        (day.saturating_sub(self.lag) / 12) as u16
    }
}
