//! What the options of a call say about chains.

use serde::{Deserialize, Serialize};

use crate::functions::conditions::stored_count;

use crate::functions::time::Window;

/// The rules that a chain keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Rules {
    /// Conditions of the call; those of the exclusions have the bits after them.
    #[serde(deserialize_with = "stored_count")]
    pub(super) steps: usize,
    /// From the first event on.
    pub(super) window: Window,
    /// The end of the window does not belong to it.
    #[serde(default)]
    pub(super) open: bool,
    #[serde(default)]
    pub(super) order: Order,
    #[serde(default)]
    pub(super) entry: Entry,
    /// Per transition, how long after the required step before it; empty where no transition has a limit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) step_windows: Vec<Option<Window>>,
    /// The steps that may be skipped, by bit.
    #[serde(default)]
    pub(super) optional: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) exclusions: Vec<Exclusion>,
    /// Ticks by which a later step may come before an earlier one.
    #[serde(default)]
    pub(super) grace: u64,
}

/// What may stand between two steps of a chain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// Anything.
    #[default]
    Ordered,
    /// Events of the next step only.
    Strict,
    /// Events of the next step and events of no step.
    Exact,
    /// The steps come in any order.
    Any,
}

/// Which events a chain may begin with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Entry {
    /// Any event of step 1.
    #[default]
    Best,
    /// Those of the first time at which step 1 happened.
    First,
    /// Those of the last time at which step 1 happened.
    Last,
}

/// Events that must not stand between two required steps, both counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Exclusion {
    pub(super) from: usize,
    pub(super) to: usize,
}

impl Rules {
    pub(super) fn one_step() -> Self {
        Self {
            steps: 1,
            window: Window::UNBOUNDED,
            open: false,
            order: Order::Ordered,
            entry: Entry::Best,
            step_windows: vec![],
            optional: 0,
            exclusions: vec![],
            grace: 0,
        }
    }

    /// Whether nothing but a window is asked for, whose end belongs to it.
    pub(super) fn is_plain(&self) -> bool {
        let Self { steps: _, window: _, open, order, entry, step_windows, optional, exclusions, grace } =
            self;
        !open
            && (*order, *entry, *optional, *grace) == (Order::Ordered, Entry::Best, 0, 0)
            && step_windows.is_empty()
            && exclusions.is_empty()
    }

    /// The last tick of the window that begins at `start`.
    pub(super) fn deadline(&self, start: i64) -> i64 {
        match self.open {
            true => self.window.deadline(start).saturating_sub(1),
            false => self.window.deadline(start),
        }
    }

    pub(super) fn step_bits(&self) -> u64 {
        bits(0, self.steps)
    }

    /// Whether events of no step and of no exclusion matter.
    pub(super) fn sees_every_event(&self) -> bool {
        self.order == Order::Strict
    }
}

/// The required steps of the rules, counted from 0, and what lies between them.
#[derive(Debug, Clone)]
pub(super) struct Steps {
    pub(super) required: Vec<usize>,
    /// Hop `h` leads to required step `h`, the last one past all of them: the steps that it passes or reaches, by bit.
    pub(super) hops: Vec<u64>,
    /// The exclusions, as places in `required`.
    pub(super) exclusions: Vec<Exclusion>,
}

impl Steps {
    pub(super) fn new(rules: &Rules) -> Self {
        let required: Vec<usize> =
            (0..rules.steps).filter(|step| rules.optional & (1 << step) == 0).collect();
        let ends = required.iter().map(|step| step + 1).chain([rules.steps]);
        let mut start = 0;
        let hops = ends.map(|end| bits(std::mem::replace(&mut start, end), end)).collect();
        let place = |step: usize| required.partition_point(|required| *required < step);
        let exclusions = rules
            .exclusions
            .iter()
            .map(|exclusion| Exclusion { from: place(exclusion.from), to: place(exclusion.to) })
            .collect();
        Self { required, hops, exclusions }
    }
}

/// The bits of `from..to`.
fn bits(from: usize, to: usize) -> u64 {
    let below = |end: usize| if end == 64 { u64::MAX } else { (1 << end) - 1 };
    below(to) & !below(from)
}
