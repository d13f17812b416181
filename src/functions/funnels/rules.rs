//! The rules of `window_funnel`'s modes: when is a sequence of occurrences a chain?
//!
//! Every event *occurs* once for each step it satisfies; where a mode asks for it, an event that satisfies no step occurs
//! as step 0. Occurrences stand in order of time, those of one time in order of their step: that is their *place*.
//! Occurrences of the same time and step share a place.
//!
//! ```text
//! events    {1}@0  {2,4}@5  {}@7  {3}@9       places   1@0 ─ 2@5 ─ 4@5 ─ 0@7 ─ 3@9
//! ```
//!
//! A chain of level `j` is a sequence of occurrences o1, …, oj of the steps 1, …, j, each at a later place than the one
//! before, oj inside the window that starts with o1. The rules below say which of these sequences count. The answer is
//! the greatest level of a chain that counts, whatever else the user did before or after it.

use serde::{Deserialize, Serialize};

/// Which chains count; without any rule all do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Rules {
    /// `strict_deduplication`: no step is repeated. Where the chain goes on from `oi` to the next step, no step of 2 to `i`
    /// occurs again from the place of `oi` to that of the next, and the next is the first that could be taken.
    pub(crate) no_repeats: bool,
    /// `strict_order`: no event without a step (step 0) stands between two steps of the chain.
    pub(crate) no_strangers: bool,
    /// `strict_order` without `allow_reentry`: no step beyond the next one stands between two steps of the chain.
    pub(crate) no_skips: bool,
    /// `fixed`: no step at all stands between two steps of the chain.
    pub(crate) neighbours: bool,
    /// `strict_increase`: each step is later than the one before.
    pub(crate) increase: bool,
    /// `strict_once`: the steps are taken by different events.
    pub(crate) once: bool,
}
