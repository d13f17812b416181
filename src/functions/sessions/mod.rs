//! Sessions: which rows of a user belong to one visit of the product (one *open*), and what happened in it?
//!
//! All functions are window functions, `OVER (PARTITION BY user ORDER BY ts)`, over the same sessions. `sessionize` numbers
//! them, `session_start` and `session_key` name them so that a name survives late rows; `session_info` tells each row its
//! place in the session and the figures of the whole session, so that every page figure is a plain aggregate over its
//! output; `next_node` and `time_to_next` look at the row that follows.
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
mod next_node;
mod options;
mod page_keys;
mod pages;
mod session_info;
mod session_key;
mod session_start;
mod sessionize;
mod sessionizer;
mod time_to_next;
mod unit;
mod visits;
mod waiting;
mod walk;
mod window_function;

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{DocSection, Documentation, WindowUDF};

pub(crate) use self::info_columns::{InfoField, InfoFields};
pub(crate) use self::options::{SessionSpec, accepted_options};
use self::window_function::SessionWindowFunction;
use super::Function;

pub(crate) fn functions() -> Vec<Function> {
    SessionFunction::ALL
        .into_iter()
        .map(|function| Function::Window(Arc::new(WindowUDF::from(SessionWindowFunction::new(function)))))
        .collect()
}

pub(crate) const SECTION: DocSection = DocSection {
    include: true,
    label: "Sessions",
    description: Some("Which rows belong to one open, and what happened in it?"),
};

/// Which of the functions a call names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SessionFunction {
    Number,
    Start,
    Key,
    Info,
    NextNode,
    TimeToNext,
}

impl SessionFunction {
    const ALL: [SessionFunction; 6] = [
        SessionFunction::Number,
        SessionFunction::Start,
        SessionFunction::Key,
        SessionFunction::Info,
        SessionFunction::NextNode,
        SessionFunction::TimeToNext,
    ];

    /// `None` for functions that are not ours, whatever their name.
    pub(crate) fn of(function: &WindowUDF) -> Option<Self> {
        SessionWindowFunction::kind_of(function)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            SessionFunction::Number => "sessionize",
            SessionFunction::Start => "session_start",
            SessionFunction::Key => "session_key",
            SessionFunction::Info => "session_info",
            SessionFunction::NextNode => "next_node",
            SessionFunction::TimeToNext => "time_to_next",
        }
    }

    fn syntax(self) -> &'static str {
        match self {
            SessionFunction::Number => "sessionize(ts, gap [, {name: value, ...}])",
            SessionFunction::Start => "session_start(ts, gap [, {name: value, ...}])",
            SessionFunction::Key => "session_key(user, ts, gap [, {name: value, ...}])",
            SessionFunction::Info => "session_info(ts, gap, page [, {name: value, ...}])",
            SessionFunction::NextNode => "next_node(page, ts, gap [, {name: value, ...}])",
            SessionFunction::TimeToNext => "time_to_next(ts, gap [, {name: value, ...}])",
        }
    }

    /// How many arguments stand before the options.
    pub(crate) fn fixed_args(self) -> usize {
        match self {
            SessionFunction::Number | SessionFunction::Start | SessionFunction::TimeToNext => 2,
            SessionFunction::Key | SessionFunction::Info | SessionFunction::NextNode => 3,
        }
    }

    /// The place of `ts` among the arguments; `gap` is the one after it.
    pub(crate) fn ts_arg(self) -> usize {
        match self {
            SessionFunction::Key | SessionFunction::NextNode => 1,
            _ => 0,
        }
    }

    fn page_arg(self) -> Option<usize> {
        match self {
            SessionFunction::Info => Some(2),
            SessionFunction::NextNode => Some(0),
            _ => None,
        }
    }

    fn user_arg(self) -> Option<usize> {
        (self == SessionFunction::Key).then_some(0)
    }

    /// The type of the result, of the types of the arguments.
    fn result_type(self, types: &[DataType]) -> DataType {
        let argument = |i: usize| types.get(i).cloned().unwrap_or(DataType::Null);
        match self {
            SessionFunction::Number => DataType::UInt64,
            SessionFunction::Start => argument(self.ts_arg()),
            SessionFunction::Key => DataType::Utf8,
            SessionFunction::Info => DataType::Struct(info_columns::info_type(&argument(self.ts_arg()))),
            SessionFunction::NextNode => argument(0),
            SessionFunction::TimeToNext => DataType::Int64,
        }
    }

    fn documentation(self) -> &'static Documentation {
        match self {
            SessionFunction::Number => &sessionize::DOCUMENTATION,
            SessionFunction::Start => &session_start::DOCUMENTATION,
            SessionFunction::Key => &session_key::DOCUMENTATION,
            SessionFunction::Info => &session_info::DOCUMENTATION,
            SessionFunction::NextNode => &next_node::DOCUMENTATION,
            SessionFunction::TimeToNext => &time_to_next::DOCUMENTATION,
        }
    }
}

/// Columns in, one column out: rows go in batch by batch, and come out as soon as nothing can change about them.
#[derive(Debug)]
pub(crate) enum SessionRunner {
    Number(Box<sessionize::NumberRunner>),
    Start(Box<session_start::StartRunner>),
    Key(Box<session_key::KeyRunner>),
    Info(Box<session_info::InfoRunner>),
    NextNode(Box<next_node::NextNodeRunner>),
    TimeToNext(Box<time_to_next::TimeToNextRunner>),
}

impl SessionRunner {
    /// `needed` are the fields of `session_info` that somebody reads; the others come out NULL.
    pub(crate) fn new(spec: &Arc<SessionSpec>, needed: InfoFields) -> Self {
        let spec = Arc::clone(spec);
        match spec.function {
            SessionFunction::Number => Self::Number(Box::new(sessionize::NumberRunner::new(spec))),
            SessionFunction::Start => Self::Start(Box::new(session_start::StartRunner::new(spec))),
            SessionFunction::Key => Self::Key(Box::new(session_key::KeyRunner::new(spec))),
            SessionFunction::Info => Self::Info(Box::new(session_info::InfoRunner::new(spec, needed))),
            SessionFunction::NextNode => Self::NextNode(Box::new(next_node::NextNodeRunner::new(spec))),
            SessionFunction::TimeToNext => {
                Self::TimeToNext(Box::new(time_to_next::TimeToNextRunner::new(spec)))
            }
        }
    }

    /// Takes the next batch: the values of [`SessionSpec::inputs`], and the rows at which another user begins, ascending.
    pub(crate) fn push(&mut self, inputs: &[ArrayRef], user_starts: &[usize]) -> Result<()> {
        match self {
            Self::Number(runner) => runner.push(inputs, user_starts),
            Self::Start(runner) => runner.push(inputs, user_starts),
            Self::Key(runner) => runner.push(inputs, user_starts),
            Self::Info(runner) => runner.push(inputs, user_starts),
            Self::NextNode(runner) => runner.push(inputs, user_starts),
            Self::TimeToNext(runner) => runner.push(inputs, user_starts),
        }
    }

    /// No row follows.
    pub(crate) fn finish(&mut self) {
        match self {
            Self::Number(_) | Self::Start(_) | Self::Key(_) => {}
            Self::Info(runner) => runner.finish(),
            Self::NextNode(runner) => runner.finish(),
            Self::TimeToNext(runner) => runner.finish(),
        }
    }

    /// How many rows can be taken by [`Self::take`].
    pub(crate) fn ready(&self) -> usize {
        match self {
            Self::Number(runner) => runner.ready(),
            Self::Start(runner) => runner.ready(),
            Self::Key(runner) => runner.ready(),
            Self::Info(runner) => runner.ready(),
            Self::NextNode(runner) => runner.ready(),
            Self::TimeToNext(runner) => runner.ready(),
        }
    }

    /// The column of the next `rows` rows. They must be ready, and must be those of one batch.
    pub(crate) fn take(&mut self, rows: usize) -> Result<ArrayRef> {
        match self {
            Self::Number(runner) => runner.take(rows),
            Self::Start(runner) => runner.take(rows),
            Self::Key(runner) => runner.take(rows),
            Self::Info(runner) => runner.take(rows),
            Self::NextNode(runner) => runner.take(rows),
            Self::TimeToNext(runner) => runner.take(rows),
        }
    }

    /// Heap bytes that grow with the rows that wait.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Number(_) | Self::Start(_) | Self::Key(_) => 0,
            Self::Info(runner) => runner.size(),
            Self::NextNode(runner) => runner.size(),
            Self::TimeToNext(runner) => runner.size(),
        }
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
