//! The events of one user as chains see them.

/// One event; keys are 0 for NULL and equal for equal values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) mask: u64,
    /// Its place among the times of the user; events of one time share it.
    pub(super) group: u32,
    pub(super) hold: u32,
    pub(super) breakdown: u32,
    pub(super) id: u32,
}

/// An event that fills a step of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) step: usize,
    pub(super) item: Item,
}

/// The best chain of one value of the held property, or of all events where none is held.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    /// The required steps that a chain can take when nothing is excluded.
    pub(super) reach: usize,
    /// Whether some chain takes them without an excluded event.
    pub(super) clean: bool,
    /// The events of the best one, by step; in any order, by time. Empty unless `clean`.
    pub(super) chain: Vec<Taken>,
    /// When the entry and the top step happened.
    pub(super) entry: u32,
    pub(super) top: u32,
}

impl Found {
    pub(super) fn clear(&mut self) {
        self.reach = 0;
        self.clean = false;
        self.chain.clear();
        self.entry = 0;
        self.top = 0;
    }
}
