//! The rows of batches in their order, each with the answer to "does it start a session?".

use std::sync::Arc;

use datafusion::arrow::array::Array;
use datafusion::common::Result;

use super::facts::Facts;
use super::options::SessionSpec;
use super::sessionizer::Sessionizer;
use super::{unordered, user_runs};

/// Where the walk stands: what the rows so far say about the next one.
#[derive(Debug)]
pub(super) struct Walk {
    spec: Arc<SessionSpec>,
    machine: Sessionizer,
    /// The user's row before, `None` before the first.
    last_ts: Option<i64>,
}

impl Walk {
    pub(super) fn new(spec: Arc<SessionSpec>) -> Self {
        Self { machine: Sessionizer::new(spec.rule.clone()), spec, last_ts: None }
    }

    /// Calls `visit(row, ts, starts)` for the rows of one batch that have a time.
    pub(super) fn rows(
        &mut self,
        facts: &Facts,
        user_starts: &[usize],
        mut visit: impl FnMut(usize, i64, bool),
    ) -> Result<()> {
        for (is_new, run) in user_runs(user_starts, facts.ts.len()) {
            if is_new {
                self.machine.next_user();
                self.last_ts = None;
            }
            for i in run {
                if facts.ts.is_null(i) {
                    continue;
                }
                let ts = facts.ts.value(i);
                let last = self.last_ts.replace(ts);
                if last.is_some_and(|last| ts < last) {
                    return unordered(self.spec.function, self.spec.time.data_type());
                }
                visit(i, ts, self.machine.starts(last, ts, || facts.row(i)));
            }
        }
        Ok(())
    }
}
