//! `time_to_next(ts, gap [, {options}]) OVER (PARTITION BY user ORDER BY ts)`: how long until the next row of the session?
//!
//! ```text
//! gap 30 min      10:00:00 ──▶ 10:00:10 ──▶ 10:00:10 ──▶ 11:00:00         10000 0 NULL NULL
//! ```
//!
//! Int64 milliseconds, rounded down; NULL on the last row of a session and where `ts` is NULL. A row without a time is no
//! next row. The unit of an integer `ts` stays what it is.
//! One pass; only the last row of a user waits, for the row after it.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, Int64Array};
use datafusion::common::Result;
use datafusion::logical_expr::Documentation;

use super::facts::Facts;
use super::options::SessionSpec;
use super::waiting::Waiting;
use super::walk::Walk;
use crate::error::footfall_internal_err;

#[derive(Debug)]
pub(crate) struct TimeToNextRunner {
    spec: Arc<SessionSpec>,
    walk: Walk,
    last_ts: i64,
    millis: Waiting<Option<i64>>,
}

impl TimeToNextRunner {
    pub(super) fn new(spec: Arc<SessionSpec>) -> Self {
        Self { walk: Walk::new(Arc::clone(&spec)), spec, last_ts: 0, millis: Waiting::new() }
    }

    pub(super) fn push(&mut self, inputs: &[ArrayRef], user_starts: &[usize]) -> Result<()> {
        let facts = Facts::new(&self.spec, inputs)?;
        let first = self.millis.push(facts.ts.len(), None);
        let (millis, last_ts, unit) = (&mut self.millis, &mut self.last_ts, self.spec.rule.unit);
        self.walk.rows(&facts, user_starts, |row, ts, starts| {
            if !starts {
                millis.fill(Some(unit.millis(ts.saturating_sub(*last_ts))));
            }
            *last_ts = ts;
            millis.open(first + row as u64);
        })
    }

    pub(super) fn finish(&mut self) {
        self.millis.close();
    }

    pub(super) fn ready(&self) -> usize {
        self.millis.ready()
    }

    pub(super) fn take(&mut self, rows: usize) -> Result<ArrayRef> {
        match self.millis.take(rows) {
            Some(millis) => Ok(Arc::new(Int64Array::from(millis))),
            None => footfall_internal_err!("time_to_next was asked for {rows} rows that are no batch"),
        }
    }

    pub(super) fn size(&self) -> usize {
        self.millis.size()
    }
}

pub(super) static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "Tells each row how long it took to the next row of the same session.\n\n\
         Result: Int64 milliseconds, rounded down, never negative; NULL on the last row of a session and where ts is NULL. \
         Rows of one time are 0 apart. A row without a time is no next row. For an integer ts the answer is in its unit.\n\n\
         ```text\n\
         gap 30 min      10:00:00 ──▶ 10:00:10 ──▶ 10:00:10 ──▶ 11:00:00         10000 0 NULL NULL\n\
         ```\n\n\
         `session_info` has the stay of a page instead, which also knows when the app went to the background.\n\n\
         Sessions, errors and options are those of `sessionize`.\n\n\
         Cost: one pass; only the last row of a user waits for the next one.",
        "time_to_next(ts, gap [, {name: value, ...}]) OVER (PARTITION BY user ORDER BY ts)",
    )
    .with_argument("ts", "When it happened: a timestamp of any unit and zone, a date or an integer.")
    .with_argument("gap", "A literal: an INTERVAL, or an integer in the unit of an integer ts.")
    .with_argument("options", "Those of `sessionize`: restart, close, gap_open, max_length, split_day, rule, …")
    .with_sql_example(
        "SELECT ts, time_to_next(ts, INTERVAL '30 minutes') OVER (PARTITION BY u ORDER BY ts) AS ms\n\
         FROM (VALUES ('ann', TIMESTAMP '2026-01-01 10:00:00'),\n\
         \x20            ('ann', TIMESTAMP '2026-01-01 10:00:10'),\n\
         \x20            ('ann', TIMESTAMP '2026-01-01 11:00:00')) AS t(u, ts)\n\
         ORDER BY ts;\n\
         -- 2026-01-01T10:00:00 | 10000\n\
         -- 2026-01-01T10:00:10 | NULL\n\
         -- 2026-01-01T11:00:00 | NULL",
    )
    .with_related_udf("next_node")
    .with_related_udf("session_info")
    .build()
});
