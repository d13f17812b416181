//! `session_start(ts, gap [, {options}]) OVER (PARTITION BY user ORDER BY ts)`: when did the session of this row begin?
//!
//! ```text
//! gap 30 min      10:00 ──▶ 10:30 ──▶ 11:01 ──▶ 11:05         10:00 10:00 11:01 11:01
//! ```
//!
//! Of the type of `ts`; NULL where `ts` is NULL, and such a row changes nothing for the others. Together with the user it
//! names a session, and unlike a number it stays when older rows arrive late or are left out.
//! One pass, O(1) state for each user.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::common::Result;
use datafusion::logical_expr::Documentation;

use super::facts::Facts;
use super::info_columns::times;
use super::options::SessionSpec;
use super::walk::Walk;
use crate::error::footfall_internal_err;

/// Nothing later changes a session's start, so rows are ready at once.
#[derive(Debug)]
pub(crate) struct StartRunner {
    spec: Arc<SessionSpec>,
    walk: Walk,
    start: i64,
    done: VecDeque<ArrayRef>,
}

impl StartRunner {
    pub(super) fn new(spec: Arc<SessionSpec>) -> Self {
        Self { walk: Walk::new(Arc::clone(&spec)), spec, start: 0, done: VecDeque::new() }
    }

    pub(super) fn push(&mut self, inputs: &[ArrayRef], user_starts: &[usize]) -> Result<()> {
        let facts = Facts::new(&self.spec, inputs)?;
        let mut starts = vec![0; facts.ts.len()];
        let start = &mut self.start;
        self.walk.rows(&facts, user_starts, |row, ts, is_first| {
            if is_first {
                *start = ts;
            }
            starts[row] = *start;
        })?;
        self.done.push_back(times(starts, &self.spec.time, facts.ts.nulls())?);
        Ok(())
    }

    pub(super) fn ready(&self) -> usize {
        self.done.iter().map(|starts| starts.len()).sum()
    }

    pub(super) fn take(&mut self, rows: usize) -> Result<ArrayRef> {
        match self.done.pop_front() {
            Some(starts) if starts.len() == rows => Ok(starts),
            _ => footfall_internal_err!("session_start was asked for {rows} rows that are no batch"),
        }
    }
}

pub(super) static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "Tells each row when its session began.\n\n\
         Result: the ts of the session's first row, of the type of ts; NULL where ts is NULL, and such a row changes \
         nothing for the others.\n\n\
         Together with the user it names a session. The name stays when rows of other sessions arrive late or are left \
         out; it changes only where a late row joins the front of the session itself. `session_key` makes one text of \
         both.\n\n\
         ```text\n\
         gap 30 min      10:00 ──▶ 10:30 ──▶ 11:01 ──▶ 11:05         10:00 10:00 11:01 11:01\n\
         ```\n\n\
         Sessions, errors and options are those of `sessionize`.\n\n\
         Cost: one pass, constant memory for each user where the input is in order of user and time.",
        "session_start(ts, gap [, {name: value, ...}]) OVER (PARTITION BY user ORDER BY ts)",
    )
    .with_argument("ts", "When it happened: a timestamp of any unit and zone, a date or an integer.")
    .with_argument("gap", "A literal: an INTERVAL, or an integer in the unit of an integer ts.")
    .with_argument("options", "Those of `sessionize`: restart, close, gap_open, max_length, split_day, rule, …")
    .with_sql_example(
        "SELECT u, ts, session_start(ts, INTERVAL '30 minutes') OVER (PARTITION BY u ORDER BY ts) AS began\n\
         FROM (VALUES ('ann', TIMESTAMP '2026-01-01 10:00:00'),\n\
         \x20            ('ann', TIMESTAMP '2026-01-01 10:30:00'),\n\
         \x20            ('ann', TIMESTAMP '2026-01-01 11:01:00')) AS t(u, ts)\n\
         ORDER BY u, ts;\n\
         -- ann | 2026-01-01T10:00:00 | 2026-01-01T10:00:00\n\
         -- ann | 2026-01-01T10:30:00 | 2026-01-01T10:00:00\n\
         -- ann | 2026-01-01T11:01:00 | 2026-01-01T11:01:00",
    )
    .with_related_udf("sessionize")
    .with_related_udf("session_key")
    .build()
});
