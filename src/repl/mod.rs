//! The prompt: how does a person at a terminal ask one question after the other?
//!
//! ```text
//! keys ─▶ editor ─▶ statement ─┬─▶ session ─▶ shown ─▶ fit, chart, pivot ─▶ terminal, pager or file
//!            ▲                 └─▶ meta (`\d`, `\chart`, …)
//!         complete ◀── names of tables, columns, functions, settings, reports, values
//! ```
//! What decides (`complete`, `meta`, `statement`, `fit`, `chart`, `manual`, `pivot`, `watch`, `history`, `progress`, `pager`) knows
//! neither Arrow nor a terminal; `editor` alone knows the line editor, `session` and `names` the engine.

pub mod editor;
mod manual;
mod names;
mod session;

pub mod chart;
pub mod complete;
pub mod fit;
pub mod grid;
pub mod history;
pub mod meta;
pub mod pager;
pub mod pivot;
pub mod progress;
pub mod statement;
pub mod text;
pub mod watch;

mod lex;

pub use session::{Next, Session, SessionOptions, is_cancelled};
