//! Sessions: which rows of a user belong to one visit of the product (one *open*), and what happened in it?
//!
//! Both functions are window functions, `OVER (PARTITION BY user ORDER BY ts)`. [`sessionize`] numbers the sessions;
//! [`session_info`] also tells each row its place in the session and the figures of the whole session, so that every page
//! figure is a plain aggregate over its output.
//!
//! ```text
//! sessionizer   does this row start a session?      visits   what happened in the session?      (pure machines)
//!      └──────────────── runner: columns in, columns out, any cut into batches ───────┘
//!                 │                                                    │
//!   window function, a whole partition at once          SessionizeExec, batch after batch
//! ```
//!
//! The runner is the only way rows reach the machines, so the window function and the streaming operator cannot differ.

mod facts;
mod info_columns;
mod options;
mod pages;
pub(crate) mod session_info;
pub(crate) mod sessionize;
mod sessionizer;
mod unit;
mod visits;

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{DocSection, PartitionEvaluator, WindowUDF};

pub(crate) use self::info_columns::{InfoField, InfoFields};
pub(crate) use self::options::SessionSpec;
use super::Function;

pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::Window(Arc::new(WindowUDF::from(sessionize::Sessionize::new()))),
        Function::Window(Arc::new(WindowUDF::from(session_info::SessionInfo::new()))),
    ]
}

pub(crate) const SECTION: DocSection = DocSection {
    include: true,
    label: "Sessions",
    description: Some("Which rows belong to one open, and what happened in it?"),
};

/// Which of the two functions a call names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionFunction {
    Number,
    Info,
}

impl SessionFunction {
    /// `None` for functions that are not ours, whatever their name.
    pub(crate) fn of(function: &WindowUDF) -> Option<Self> {
        if function.inner().is::<sessionize::Sessionize>() {
            Some(SessionFunction::Number)
        } else if function.inner().is::<session_info::SessionInfo>() {
            Some(SessionFunction::Info)
        } else {
            None
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            SessionFunction::Number => "sessionize",
            SessionFunction::Info => "session_info",
        }
    }

    fn syntax(self) -> &'static str {
        match self {
            SessionFunction::Number => "sessionize(ts, gap [, {name: value, ...}])",
            SessionFunction::Info => "session_info(ts, gap, page [, {name: value, ...}])",
        }
    }

    /// How many arguments stand before the options.
    pub(crate) fn fixed_args(self) -> usize {
        match self {
            SessionFunction::Number => 2,
            SessionFunction::Info => 3,
        }
    }
}

/// Columns in, one column out: rows go in batch by batch, and come out as soon as nothing can change about them.
#[derive(Debug)]
pub(crate) enum SessionRunner {
    Number(Box<sessionize::NumberRunner>),
    Info(Box<session_info::InfoRunner>),
}

impl SessionRunner {
    /// `needed` are the fields of `session_info` that somebody reads; the others come out NULL.
    pub(crate) fn new(spec: &Arc<SessionSpec>, needed: InfoFields) -> Self {
        match spec.function {
            SessionFunction::Number => {
                Self::Number(Box::new(sessionize::NumberRunner::new(Arc::clone(spec))))
            }
            SessionFunction::Info => {
                Self::Info(Box::new(session_info::InfoRunner::new(Arc::clone(spec), needed)))
            }
        }
    }

    /// Takes the next batch: the values of [`SessionSpec::inputs`], and the rows at which another user begins, ascending.
    pub(crate) fn push(&mut self, inputs: &[ArrayRef], user_starts: &[usize]) -> Result<()> {
        match self {
            Self::Number(runner) => runner.push(inputs, user_starts),
            Self::Info(runner) => runner.push(inputs, user_starts),
        }
    }

    /// No row follows.
    pub(crate) fn finish(&mut self) {
        if let Self::Info(runner) = self {
            runner.finish();
        }
    }

    /// How many rows can be taken by [`Self::take`].
    pub(crate) fn ready(&self) -> usize {
        match self {
            Self::Number(runner) => runner.ready(),
            Self::Info(runner) => runner.ready(),
        }
    }

    /// The column of the next `rows` rows. They must be ready, and must be those of one batch or of the end of one.
    pub(crate) fn take(&mut self, rows: usize) -> Result<ArrayRef> {
        match self {
            Self::Number(runner) => runner.take(rows),
            Self::Info(runner) => runner.take(rows),
        }
    }

    /// Heap bytes that grow with the open session.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Number(_) => 0,
            Self::Info(runner) => runner.size(),
        }
    }
}

/// The window function's way: a whole partition, that is one user, at once.
#[derive(Debug)]
struct SessionEvaluator {
    spec: Arc<SessionSpec>,
}

impl PartitionEvaluator for SessionEvaluator {
    fn evaluate_all(&mut self, values: &[ArrayRef], num_rows: usize) -> Result<ArrayRef> {
        let mut runner = SessionRunner::new(&self.spec, InfoFields::ALL);
        runner.push(values, if num_rows == 0 { &[] } else { &[0] })?;
        runner.finish();
        runner.take(num_rows)
    }
}

/// The stretches of a batch that belong to one user, and whether the user's first row is among them.
fn user_runs(user_starts: &[usize], rows: usize) -> impl Iterator<Item = (bool, std::ops::Range<usize>)> {
    let continued = user_starts.first().copied().unwrap_or(rows);
    let ends = user_starts.iter().skip(1).copied().chain([rows]);
    let begun = user_starts.iter().copied().zip(ends).map(|(start, end)| (true, start..end));
    (continued > 0).then_some((false, 0..continued)).into_iter().chain(begun)
}

fn unordered<T>(function: SessionFunction, ts_type: &DataType) -> Result<T> {
    exec_err!(
        "{}: a user's rows are not in ascending order of ts ({ts_type}); write OVER (PARTITION BY user ORDER BY ts)",
        function.name()
    )
}
