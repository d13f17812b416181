//! From the events of users to a column of answers.

use std::cmp::Ordering;
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::common::Result;
use serde::{Deserialize, Serialize};

use super::answers::Answers;
use super::item::Item;
use super::person::{Attribution, Person, Questions};
use super::rules::Rules;
use crate::functions::events::{AnswerColumn, Event, Payloads};
use crate::functions::funnels::chain::ChainScan;
use crate::functions::time::TimeType;

/// What a call asks for. Columns are counted among the values that events carry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Chains {
    pub(super) time: TimeType,
    pub(super) rules: Rules,
    #[serde(default)]
    pub(super) breakdown: Option<(usize, Attribution)>,
    #[serde(default)]
    pub(super) hold: Option<usize>,
    #[serde(default)]
    pub(super) ids: Option<usize>,
    #[serde(default)]
    pub(super) dwell: bool,
}

impl Chains {
    /// One step at any time: enough for a user without events.
    pub(in crate::functions::funnels) fn one_step(time: TimeType) -> Self {
        Self { time, rules: Rules::one_step(), breakdown: None, hold: None, ids: None, dwell: false }
    }

    pub(in crate::functions::funnels) fn column(&self) -> ChainsColumn {
        let plain = self.rules.is_plain()
            && !self.dwell
            && self.breakdown.is_none()
            && self.hold.is_none()
            && self.ids.is_none();
        let machine = if plain {
            Machine::OnePass(ChainScan::new(Arc::new(self.rules.window.clone()), self.rules.steps))
        } else {
            let questions = Questions {
                holds: self.hold.is_some(),
                attribution: self.breakdown.map(|(_, attribution)| attribution),
                dwell: self.dwell,
            };
            Machine::Whole(Box::new(Person::new(self.rules.clone(), questions)))
        };
        let breakdown = self.breakdown.map(|(column, attribution)| (column, attribution == Attribution::All));
        ChainsColumn {
            answers: Answers::new(self.time.clone(), &self.rules, breakdown, self.ids),
            machine,
            breakdown: self.breakdown.map(|(column, _)| column),
            hold: self.hold,
            ids: self.ids,
        }
    }
}

/// A column of answers under construction.
#[derive(Debug)]
pub(crate) struct ChainsColumn {
    machine: Machine,
    breakdown: Option<usize>,
    hold: Option<usize>,
    ids: Option<usize>,
    answers: Answers,
}

/// How a user is judged.
#[derive(Debug)]
enum Machine {
    /// In one pass that keeps a chain a level: where only a window is asked for.
    OnePass(ChainScan),
    /// When all events are there.
    Whole(Box<Person>),
}

impl AnswerColumn for ChainsColumn {
    fn push(&mut self, events: &[Event], payloads: &Payloads) {
        let Some(first) = events.first() else {
            return;
        };
        match &mut self.machine {
            Machine::OnePass(scan) => scan.push(first.ts, events.iter().map(|event| event.mask)),
            Machine::Whole(person) => {
                let key = |event: &Event, column: Option<usize>| {
                    column.map_or(0, |column| payloads.key(event.payload, column))
                };
                let items = events.iter().map(|event| Item {
                    mask: event.mask,
                    group: 0,
                    hold: key(event, self.hold),
                    breakdown: key(event, self.breakdown),
                    id: key(event, self.ids),
                });
                person.push(first.ts, items);
            }
        }
    }

    fn end_user(&mut self, payloads: &Payloads) {
        match &mut self.machine {
            Machine::OnePass(scan) => {
                self.answers.push_times(scan.best());
                scan.clear();
            }
            Machine::Whole(person) => {
                let compare = |column: Option<usize>| {
                    move |a, b| column.map_or(Ordering::Equal, |column| payloads.compare(column, a, b))
                };
                let answer = person.answer(compare(self.hold), compare(self.breakdown));
                self.answers.push(&answer);
                person.clear();
            }
        }
    }

    fn take(&mut self, payloads: &Payloads) -> Result<ArrayRef> {
        self.answers.take(payloads)
    }

    fn size(&self) -> usize {
        let machine = match &self.machine {
            Machine::OnePass(scan) => scan.size(),
            Machine::Whole(person) => size_of::<Person>() + person.size(),
        };
        machine + self.answers.size()
    }
}
