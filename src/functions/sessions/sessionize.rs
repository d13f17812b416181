//! `sessionize(ts, gap [, {options}]) OVER (PARTITION BY user ORDER BY ts)`: the how-many-th session of the user is it?
//!
//! ```text
//! gap 30 min      10:00 ──▶ 10:30 ──▶ 11:01 ──▶ 11:01         sessions 1 1 2 2
//! ```
//!
//! UInt64 from 1; NULL where `ts` is NULL, and such a row changes nothing for the others. A gap equal to the limit stays in
//! the session (`gap_open: true` splits it), rows of the same time are never split by a gap. Rows that are not in ascending
//! order of `ts` are an error: every answer would be wrong.
//! One pass, O(1) state for each user.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, UInt64Array};
use datafusion::common::Result;
use datafusion::logical_expr::Documentation;

use super::facts::Facts;
use super::options::SessionSpec;
use super::sessionizer::Sessionizer;
use super::{SessionFunction, unordered, user_runs};
use crate::error::footfall_internal_err;

const FUNCTION: SessionFunction = SessionFunction::Number;

/// Numbers the sessions of one user after the other. Nothing later changes a number, so rows are ready at once.
#[derive(Debug)]
pub(crate) struct NumberRunner {
    spec: Arc<SessionSpec>,
    machine: Sessionizer,
    number: u64,
    /// The user's row before, `None` before the first.
    last_ts: Option<i64>,
    done: VecDeque<ArrayRef>,
}

impl NumberRunner {
    pub(crate) fn new(spec: Arc<SessionSpec>) -> Self {
        let machine = Sessionizer::new(spec.rule.clone());
        Self { spec, machine, number: 0, last_ts: None, done: VecDeque::new() }
    }

    pub(crate) fn push(&mut self, inputs: &[ArrayRef], user_starts: &[usize]) -> Result<()> {
        let facts = Facts::new(&self.spec, inputs)?;
        let mut numbers = Vec::with_capacity(facts.ts.len());
        let by_gap = self.spec.rule.is_gap_only() && facts.ts.null_count() == 0;
        for (is_new, rows) in user_runs(user_starts, facts.ts.len()) {
            if is_new {
                self.machine.next_user();
                self.last_ts = None;
                self.number = 0;
            }
            let ordered = if by_gap {
                self.number_by_gap(&facts.ts.values()[rows], &mut numbers)
            } else {
                self.number_by_rule(&facts, rows, &mut numbers)
            };
            if !ordered {
                return unordered(FUNCTION, self.spec.time.data_type());
            }
        }
        self.done.push_back(Arc::new(UInt64Array::new(numbers.into(), facts.ts.nulls().cloned())));
        Ok(())
    }

    pub(crate) fn ready(&self) -> usize {
        self.done.iter().map(|numbers| numbers.len()).sum()
    }

    pub(crate) fn take(&mut self, rows: usize) -> Result<ArrayRef> {
        match self.done.pop_front() {
            Some(numbers) if numbers.len() == rows => Ok(numbers),
            _ => footfall_internal_err!("sessionize was asked for {rows} rows that are no batch"),
        }
    }

    /// What most calls ask for, in a loop without branches. False when the order is broken.
    fn number_by_gap(&mut self, ts: &[i64], numbers: &mut Vec<u64>) -> bool {
        let Some(first) = ts.first() else {
            return true;
        };
        let (gap, mut number) = (self.spec.rule.gap, self.number);
        let mut last = self.last_ts.unwrap_or_else(|| {
            number = 1;
            *first
        });
        let mut ordered = true;
        numbers.extend(ts.iter().map(|ts| {
            ordered &= *ts >= last;
            number += u64::from(ts.saturating_sub(last) > gap);
            last = *ts;
            number
        }));
        (self.number, self.last_ts) = (number, Some(last));
        ordered
    }

    fn number_by_rule(
        &mut self,
        facts: &Facts,
        rows: std::ops::Range<usize>,
        numbers: &mut Vec<u64>,
    ) -> bool {
        for i in rows {
            if facts.ts.is_valid(i) {
                let (row, last) = (facts.row(i), self.last_ts);
                if last.is_some_and(|last| row.ts < last) {
                    return false;
                }
                self.number += u64::from(self.machine.starts(last, row.ts, || row));
                self.last_ts = Some(row.ts);
            }
            numbers.push(self.number);
        }
        true
    }
}

pub(super) static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "Numbers a user's sessions: 1 for the user's first row, one more at each row that starts a session.\n\n\
         Result: UInt64 from 1; NULL where ts is NULL, and such a row changes nothing for the others.\n\n\
         A row starts a session when it is the user's first or lies more than `gap` after the row before. A gap equal to \
         the limit does not split, rows of the same time are never split by a gap. The options add further starts. Rows \
         must be in ascending order of ts; another order is an error.\n\n\
         With option `rule`, mini programs: the client's key decides where it is known (a NULL key inherits it within the \
         gap); else a session starts after a gap, at `app_launch`, at `app_show` after longer than the rule's time in the \
         background, and at `app_show` with another scene unless the event before is `share`. A show that belongs to a \
         launch starts nothing. What is remembered of key, scene and background lasts to the end of the next local day.\n\n\
         Errors while planning: an unknown option, rule or zone, a gap that is negative, holds months or is no literal, an \
         interval over an integer ts, an integer over a timestamp.\n\n\
         Cost: one pass, constant memory for each user where the input is in order of user and time.",
        "sessionize(ts, gap [, {name: value, ...}]) OVER (PARTITION BY user ORDER BY ts)",
    )
    .with_argument("ts", "When it happened: a timestamp of any unit and zone, a date or an integer.")
    .with_argument("gap", "A literal: an INTERVAL, or an integer in the unit of an integer ts.")
    .with_argument("restart", "Option, Boolean: a true row starts a session.")
    .with_argument("close", "Option, Boolean: the row after a true row starts a session.")
    .with_argument("gap_open", "Option, literal: true splits at a gap equal to the limit too.")
    .with_argument(
        "max_length",
        "Option, INTERVAL literal: a row that lies more than this after the session's start begins a new one.",
    )
    .with_argument("split_day", "Option, time zone: the first row of a local day starts a session.")
    .with_argument(
        "split_on",
        "Option, text or integer: a value other than the session's last one starts a session; NULL never does.",
    )
    .with_argument(
        "rule",
        "Option: '30min', '5min', '30s' (time in the background) or 'strict_show' (every show), the rule of mini \
         programs. Needs `event`.",
    )
    .with_argument("event", "Option, text: the event's name, for `rule`.")
    .with_argument("scene", "Option, integer: the scene from which the app was opened, for `rule`.")
    .with_argument("key", "Option, text: the client's own session key, for `rule`.")
    .with_argument(
        "day_bound",
        "Option, time zone: a session that runs over midnight is cut there when the whole day before held no start of a \
         session, so that no session touches more than two days.",
    )
    .with_sql_example(
        "SELECT u, ts, sessionize(ts, INTERVAL '30 minutes') OVER (PARTITION BY u ORDER BY ts) AS session\n\
         FROM (VALUES ('ann', TIMESTAMP '2026-01-01 10:00:00'),\n\
         \x20            ('ann', TIMESTAMP '2026-01-01 10:30:00'),\n\
         \x20            ('ann', TIMESTAMP '2026-01-01 11:01:00')) AS t(u, ts)\n\
         ORDER BY u, ts;\n\
         -- ann | 2026-01-01T10:00:00 | 1\n\
         -- ann | 2026-01-01T10:30:00 | 1\n\
         -- ann | 2026-01-01T11:01:00 | 2",
    )
    .with_related_udf("session_key")
    .with_related_udf("session_info")
    .build()
});
