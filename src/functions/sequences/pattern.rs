//! The pattern language: which events, in which order, with what between them?
//!
//! ```text
//! (?2)              an event that satisfies condition 2          .      any event
//! (?1|3)            an event that satisfies condition 1 or 3     .*     any number of events, none too
//! (?!3)  (?!1|3)    an event that satisfies none of them
//! {m} {m,n} {m,} ? + *    after an element: so many of it, one right after the other
//! (?t<=60)          a gate: time from the event before it to the event after it; events may lie between
//! (?t[1,3]<=600)    a gate: time from the first event of named element 1 to the last event of named element 3
//! ```
//!
//! Elements that stand side by side are adjacent: no visible event lies between theirs. Named elements are those in
//! brackets, counted from 1 as they are written; `.` has no name. A numbered gate may stand anywhere in the pattern and
//! only restricts it, a plain gate also lets any number of events lie where it stands.

use super::pattern_checks;
use super::pattern_parser::{Parser, Part};

/// A pattern that makes sense for the conditions of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    pub(crate) items: Vec<Item>,
    pub(crate) numbered: Vec<NumberedGate>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item {
    Element(Element),
    /// `.*`
    Gap,
    Gate(Gate),
}

/// `min` to `max` events that pass the test, one right after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) test: Test,
    /// In brackets, so that its events are reported and numbered gates can name it.
    pub(crate) named: bool,
    pub(crate) min: u32,
    /// `u32::MAX`: without limit.
    pub(crate) max: u32,
}

/// What an event must satisfy: at least one of `any_of` unless that is empty, and nothing of `none_of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Test {
    pub(crate) any_of: u64,
    pub(crate) none_of: u64,
}

impl Test {
    pub(crate) const ANY: Test = Test { any_of: 0, none_of: 0 };

    pub(crate) fn passes(self, mask: u64) -> bool {
        (self.any_of == 0 || mask & self.any_of != 0) && mask & self.none_of == 0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gate {
    pub(crate) op: Op,
    /// Seconds where ts is a timestamp, else ticks.
    pub(crate) distance: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

/// A gate from the first event of a named element to the last event of another one (or of the same one).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NumberedGate {
    /// Positions among the named elements, from 0.
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) gate: Gate,
}

/// What is wrong with a pattern, and at which of its characters, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PatternError {
    pub(crate) at: usize,
    pub(crate) message: String,
}

/// Each `!=` doubles the ways to read a pattern: the distance is below, or it is above.
pub(crate) const MAX_NOT_EQUAL: usize = 6;

impl Pattern {
    /// Reads a pattern over conditions 1 to `conditions`. With `leading_gates`, a gate may stand before the first element.
    pub(crate) fn parse(text: &str, conditions: usize, leading_gates: bool) -> Result<Self, PatternError> {
        let mut parser = Parser::new(text, conditions);
        let mut items: Vec<(usize, Item)> = Vec::new();
        let mut numbered: Vec<(usize, NumberedGate)> = Vec::new();
        while let Some(start) = parser.position() {
            match parser.part()? {
                Part::Item(item) => items.push((start, item)),
                Part::Numbered(gate) => numbered.push((start, gate)),
            }
        }
        pattern_checks::check_elements(&items)?;
        pattern_checks::check_gates(&items, leading_gates)?;
        pattern_checks::check_numbered(&items, &numbered)?;
        let is_not_equal = |gate: &Gate| gate.op == Op::NotEqual;
        let plain = items.iter().filter(|(_, item)| matches!(item, Item::Gate(gate) if is_not_equal(gate)));
        let named = numbered.iter().filter(|(_, numbered)| is_not_equal(&numbered.gate));
        if let Some(at) = plain.map(|(at, _)| *at).chain(named.map(|(at, _)| *at)).nth(MAX_NOT_EQUAL) {
            return error(at, format!("more than {MAX_NOT_EQUAL} gates with != in one pattern"));
        }
        Ok(Self {
            items: items.into_iter().map(|(_, item)| item).collect(),
            numbered: numbered.into_iter().map(|(_, gate)| gate).collect(),
        })
    }

    pub(crate) fn has_gates(&self) -> bool {
        !self.numbered.is_empty() || self.items.iter().any(|item| matches!(item, Item::Gate(_)))
    }
}

/// The error at a character counted from 0.
pub(super) fn error<T>(at: usize, message: impl Into<String>) -> Result<T, PatternError> {
    Err(PatternError { at: at + 1, message: message.into() })
}
