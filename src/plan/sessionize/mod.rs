//! `SessionizeExec`: the session functions in one streaming pass over input that is in order of (user, time).
//!
//! DataFusion's window operators cut the input into one batch a user, evaluate each by itself and glue the results together;
//! with a few dozen rows a user that costs ten times the scan. This operator keeps the batches as they come and carries the
//! state of the machines in `functions::sessions` from row to row.

pub(crate) mod exec;
mod stream;

pub(crate) use self::exec::{SessionWindow, SessionizeExec};
