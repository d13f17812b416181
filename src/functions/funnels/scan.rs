//! Which state machine answers a call: the cheapest one that is exact for its modes.

use std::mem::size_of;

use super::first_violation::FirstViolationScan;
use super::first_violation_once::FirstViolationOnceScan;
use super::levels::LevelScan;
use super::rules::Rules;
use super::strict::StrictScan;
use super::window_call::WindowParameters;
use crate::functions::events::Event;
use crate::functions::time::Window;

/// The scan of one user after the other.
#[derive(Debug)]
pub(super) struct Scan {
    machine: Machine,
    /// Where ClickHouse is followed and a tie column stands for the order of arrival: the events of one `ts`, which
    /// ClickHouse sorts by step before arrival.
    gathered: Option<Vec<Event>>,
}

#[derive(Debug)]
enum Machine {
    Levels(LevelScan),
    Strict(StrictScan),
    FirstViolation(FirstViolationScan),
    FirstViolationOnce(FirstViolationOnceScan),
}

impl Scan {
    /// `timed` asks for the times of the best chain beside its level.
    pub(super) fn new(parameters: &WindowParameters, timed: bool) -> Self {
        let (rules, steps) = (parameters.modes.rules, parameters.steps);
        let clickhouse = parameters.modes.clickhouse;
        let machine = if rules == Rules::default() {
            match timed {
                false => {
                    Machine::Levels(LevelScan::new(steps, matches!(parameters.window, Window::Ticks(_))))
                }
                true => Machine::Strict(StrictScan::new(rules, steps, true)),
            }
        } else if !clickhouse {
            Machine::Strict(StrictScan::new(rules, steps, timed))
        } else if rules.once {
            Machine::FirstViolationOnce(FirstViolationOnceScan::new(rules, steps, timed))
        } else {
            Machine::FirstViolation(FirstViolationScan::new(rules, steps, timed))
        };
        Self { machine, gathered: (clickhouse && parameters.tie).then(Vec::new) }
    }

    /// Takes all events of one time, of one value of the tie column where there is one; times ascend.
    #[inline]
    pub(super) fn push(&mut self, events: &[Event], parameters: &WindowParameters) {
        match &mut self.gathered {
            None => self.machine.push(events, parameters),
            Some(gathered) => {
                if gathered.first().map(|event| event.ts) != events.first().map(|event| event.ts) {
                    self.machine.push(gathered, parameters);
                    gathered.clear();
                }
                gathered.extend_from_slice(events);
            }
        }
    }

    /// The user is complete: the level reached.
    pub(super) fn finish(&mut self, parameters: &WindowParameters) -> usize {
        if let Some(gathered) = &mut self.gathered {
            self.machine.push(gathered, parameters);
            gathered.clear();
        }
        match &self.machine {
            Machine::Levels(scan) => scan.level(),
            Machine::Strict(scan) => scan.level(),
            Machine::FirstViolation(scan) => scan.level(),
            Machine::FirstViolationOnce(scan) => scan.level(),
        }
    }

    /// The times of the best chain, as many as its level; empty unless they were asked for.
    pub(super) fn times(&self) -> &[i64] {
        match &self.machine {
            Machine::Levels(_) => &[],
            Machine::Strict(scan) => scan.times(),
            Machine::FirstViolation(scan) => scan.times(),
            Machine::FirstViolationOnce(scan) => scan.times(),
        }
    }

    /// Ready for the next user.
    pub(super) fn clear(&mut self) {
        match &mut self.machine {
            Machine::Levels(scan) => scan.clear(),
            Machine::Strict(scan) => scan.clear(),
            Machine::FirstViolation(scan) => scan.clear(),
            Machine::FirstViolationOnce(scan) => scan.clear(),
        }
    }

    /// Heap bytes, by capacity.
    pub(super) fn size(&self) -> usize {
        let gathered = self.gathered.as_ref().map_or(0, |events| events.capacity() * size_of::<Event>());
        gathered
            + match &self.machine {
                Machine::Levels(scan) => scan.size(),
                Machine::Strict(scan) => scan.size(),
                Machine::FirstViolation(scan) => scan.size(),
                Machine::FirstViolationOnce(scan) => scan.size(),
            }
    }
}

impl Machine {
    #[inline]
    fn push(&mut self, events: &[Event], parameters: &WindowParameters) {
        let window_end = |start| parameters.window_end(start);
        match self {
            Machine::Levels(scan) => scan.push(events, window_end),
            Machine::Strict(scan) => scan.push(events, window_end),
            Machine::FirstViolation(scan) => scan.push(events, window_end),
            Machine::FirstViolationOnce(scan) => scan.push(events, window_end),
        }
    }
}
