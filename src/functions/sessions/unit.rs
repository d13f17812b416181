//! What is one tick of `ts` worth?

/// The unit in which the machines of this folder count time: the unit of the `ts` column, so that nothing is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// An instant: so many nanoseconds a tick.
    Nanos(i64),
    /// An integer in a unit that nobody has stated.
    Number,
    /// The same, unsigned: `TimeType` shifts it by 2^63 to keep order and distance.
    UnsignedNumber,
}

impl Unit {
    /// Only an instant has a local day, a length in minutes, a midnight.
    pub(crate) fn is_instant(self) -> bool {
        matches!(self, Unit::Nanos(_))
    }

    /// Microseconds since the epoch; the number itself where the unit is unknown.
    pub(crate) fn micros(self, ticks: i64) -> i64 {
        match self {
            Unit::Nanos(nanos) if nanos >= 1_000 => ticks.saturating_mul(nanos / 1_000),
            Unit::Nanos(nanos) => ticks.div_euclid(1_000 / nanos),
            Unit::Number => ticks,
            Unit::UnsignedNumber => ticks ^ i64::MIN,
        }
    }

    /// The last tick at or before `micros` of an instant; the number itself where the unit is unknown.
    pub(crate) fn ticks(self, micros: i64) -> i64 {
        match self {
            Unit::Nanos(nanos) if nanos >= 1_000 => micros.div_euclid(nanos / 1_000),
            Unit::Nanos(nanos) => micros.saturating_mul(1_000 / nanos),
            Unit::Number | Unit::UnsignedNumber => micros,
        }
    }

    /// Whole milliseconds of a length of time, rounded down; the number itself where the unit is unknown.
    pub(crate) fn millis(self, ticks: i64) -> i64 {
        match self {
            // The unit of events: to divide by a constant takes a third of the time.
            Unit::Nanos(1_000) => ticks.div_euclid(1_000),
            Unit::Nanos(nanos) if nanos >= 1_000_000 => ticks.saturating_mul(nanos / 1_000_000),
            Unit::Nanos(nanos) => ticks.div_euclid(1_000_000 / nanos),
            Unit::Number | Unit::UnsignedNumber => ticks,
        }
    }
}
