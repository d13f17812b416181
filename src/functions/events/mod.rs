//! Aggregates over the events of one user (GROUP BY user): funnels, sequences, paths.
//!
//! All of them ask the same of their input: per user, the rows that count as [`Event`]s in an order that never is arrival,
//! whatever the order, batches and partial states they came in. What an event is, [`EventReader`] reads out of a call;
//! what is made of a user's events, an [`AnswerColumn`] knows, which sees them time by time.
//!
//! ```text
//! no order known      rows ─▶ reader ─▶ buffer of all users ─▶ sorted ─┐
//! order proven        rows ─▶ reader ─▶ events of one time ────────────┴▶ AnswerColumn ─▶ one answer a user
//! ```

mod buffer;
mod event;
mod function;
mod groups;
mod pages;
mod payloads;
mod reader;
mod rows;
mod streamed;

pub(crate) use self::event::Event;
pub(crate) use self::function::{AnswerColumn, EventAggregate, EventFunction};
pub(crate) use self::payloads::{PayloadColumn, PayloadKind, Payloads};
pub(crate) use self::reader::{EventReader, Keep};
