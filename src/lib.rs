//! Footfall: behavioural analytics as SQL on Apache DataFusion.
//!
//! Who came, what they did, where they left, who came back: events land as Parquet in a layout ordered by user and
//! time, and functions such as `sessionize`, `exit_rate`, `retention` and `funnel` answer in SQL.
//!
//! ```text
//! files ─▶ land ─▶ store ─▶ tables ──┐
//!                                    ├─▶ engine ─▶ ask ─▶ report ─▶ repl
//!             functions ─▶ plan ─────┘             arrows are the only direction of `use crate::`
//! ```
//!
//! Invariants:
//! 1. `functions` and `plan` work in any DataFusion session; they know no files and no store.
//! 2. A function is a stateless value known by its SQL name; settings arrive as arguments.
//! 3. Only `engine` builds a session, only `land` reads foreign formats, only `store` knows paths.
//! 4. The scan promises order and partitioning; nothing above it sorts or repartitions what a user owns.
//!
//! A program without a store takes [`FootfallExt`], one with a store [`Engine`].

#[cfg(feature = "store")]
pub mod generate;
#[cfg(feature = "store")]
pub mod land;
#[cfg(feature = "store")]
pub mod store;
#[cfg(feature = "store")]
pub mod tables;

pub mod functions;
mod plan;

mod codec;
mod engine;

pub mod ask;
#[cfg(feature = "cli")]
pub mod repl;
#[cfg(feature = "store")]
pub mod report;

mod calendar;
mod config;
mod error;
mod folder;
mod parquet_gate;

pub use codec::FootfallCodec;
pub use config::FootfallOptions;
#[cfg(feature = "store")]
pub use engine::Segment;
pub use engine::{Engine, EngineOptions, FootfallExt};

/// The README's programs compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
