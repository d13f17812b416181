//! What does an answer depend on, and is that still what it was?
//!
//! Rows are only ever added to a store; compaction moves them. So the events of some days are the same events exactly if
//! they are as many, and the log alone says how many each day has. An answer records the days it depends on and the number
//! of their events; it has to be computed again when that number is another one.
//!
//! ```text
//! day             27 28  1  2  3  4
//! answer of 1      └──────────┘         2,871 events then, 2,874 now: three came late
//! answer of 3            └──────────┘   as many as then: nothing to do
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::day::Day;
use crate::report::reads::either;

/// Everything of a store that an answer can depend on, as it is now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreState {
    /// Which store it is, wherever it lies.
    pub id: String,
    /// Version of the events table.
    pub version: u64,
    /// Version of the users table; 0 without one.
    pub users: u64,
    /// What is declared, and what saved views say, hashed.
    pub catalogue: String,
    /// Zone of the days.
    pub time_zone: String,
    pub events: DayCounts,
    /// The segment whose users alone are asked about, another text for other users; `None`: all users.
    pub segment: Option<String>,
}

/// Events of each local day.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DayCounts {
    days: Vec<i32>,
    /// Events up to and including the day at the same place.
    sums: Vec<u64>,
}

/// What a query reads of a store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reads {
    /// The first and the last day of events, each without end if it is not known; `None`: no events at all.
    pub events: Option<(Option<i32>, Option<i32>)>,
    /// The same of the scans alone that name a first and a last day themselves.
    pub bounded: Option<(Option<i32>, Option<i32>)>,
    pub users: bool,
    pub catalogue: bool,
    /// Something that has no version, such as a file.
    pub others: bool,
}

/// What an answer depended on when it was computed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Events>,
    /// Version of the users table, where the answer depends on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<u64>,
    /// What was declared, where the answer depends on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalogue: Option<String>,
    /// The segment of users that it is about, and who they were; without it all users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// It depends on something that has no version.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub others: bool,
}

/// Events of some days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Events {
    /// Without it: from the first one on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Day>,
    /// Without it: up to the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Day>,
    pub rows: u64,
    /// The newest day of the store, where the days end behind it: whether a period is over is part of an answer, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<Day>,
    /// The oldest day of the store, where the days begin before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<Day>,
}

impl Reads {
    /// What an answer depends on whose file says on which days: on these, and on those that its scans name themselves.
    pub(super) fn declared(self, days: (Option<i32>, Option<i32>)) -> Self {
        Self { events: Some(self.bounded.map_or(days, |bounded| either(days, bounded))), ..self }
    }
}

impl DayCounts {
    pub fn new(days: BTreeMap<i32, u64>) -> Self {
        let mut sum = 0;
        let sums = days
            .values()
            .map(|rows| {
                sum += rows;
                sum
            })
            .collect();
        Self { days: days.into_keys().collect(), sums }
    }

    pub fn first(&self) -> Option<Day> {
        self.days.first().copied().map(Day)
    }

    pub fn last(&self) -> Option<Day> {
        self.days.last().copied().map(Day)
    }

    /// Events from the day `from` to the day `to`, both included; `None` is without end.
    pub(crate) fn rows(&self, from: Option<i32>, to: Option<i32>) -> u64 {
        let before = |place: usize| place.checked_sub(1).map_or(0, |last| self.sums[last]);
        let first = from.map_or(0, |from| self.days.partition_point(|day| *day < from));
        let end = to.map_or(self.days.len(), |to| self.days.partition_point(|day| *day <= to));
        before(end).saturating_sub(before(first))
    }

    fn between(&self, from: Option<i32>, to: Option<i32>) -> Events {
        let newest = self.last().filter(|last| to.is_none_or(|to| to > last.0));
        let oldest = self.first().filter(|first| from.is_none_or(|from| from < first.0));
        Events { from: from.map(Day), to: to.map(Day), rows: self.rows(from, to), newest, oldest }
    }
}

impl Inputs {
    /// What `reads` finds in a store as it is.
    pub fn of(reads: &Reads, state: &StoreState) -> Self {
        Self {
            events: reads.events.map(|(from, to)| state.events.between(from, to)),
            users: reads.users.then_some(state.users),
            catalogue: reads.catalogue.then(|| state.catalogue.clone()),
            segment: state.segment.clone(),
            others: reads.others,
        }
    }

    /// Why an answer from these inputs may be another one now; `None` if it is the same.
    pub fn changed(&self, state: &StoreState) -> Option<String> {
        if self.segment != state.segment {
            let reason = match (&self.segment, &state.segment) {
                (None, _) => "computed for all users",
                (_, None) => "computed for the users of a segment",
                _ => "the segment, or who is in it, changed",
            };
            return Some(reason.to_string());
        }
        if self.others {
            return Some("reads files or rejected rows, which have no version".to_string());
        }
        if let Some(then) = &self.events {
            let now = state.events.between(then.from.map(|day| day.0), then.to.map(|day| day.0));
            if now.rows != then.rows {
                return Some(format!("events of {} were {}, are {}", days(then), then.rows, now.rows));
            }
            if now.newest != then.newest || now.oldest != then.oldest {
                return Some("the store has come to hold other days".to_string());
            }
        }
        if self.users.is_some_and(|then| then != state.users) {
            return Some("users have landed".to_string());
        }
        if self.catalogue.as_ref().is_some_and(|then| *then != state.catalogue) {
            return Some("the catalogue or a saved view changed".to_string());
        }
        None
    }
}

fn days(events: &Events) -> String {
    match (events.from, events.to) {
        (Some(from), Some(to)) if from == to => from.to_string(),
        (Some(from), Some(to)) => format!("{from} to {to}"),
        (Some(from), None) => format!("{from} and later"),
        (None, Some(to)) => format!("{to} and before"),
        (None, None) => "all days".to_string(),
    }
}
