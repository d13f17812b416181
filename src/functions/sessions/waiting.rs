//! Answers that look ahead: each row has one value, and the last row of a user may still wait for its own.
//!
//! ```text
//! rows      a    b    c │ d    e          batch │ batch
//! answers   b    c    d │ e    ?          e waits: a row that follows fills it in, or the session's end leaves it as it is
//! ```
//!
//! At most one row waits at a time, so whole batches before it are ready. No Arrow, no DataFusion.

use std::collections::VecDeque;

/// Rows are counted from 0 over the whole input.
#[derive(Debug)]
pub(super) struct Waiting<T> {
    /// The answers of the batches that were not taken yet.
    batches: VecDeque<Vec<T>>,
    /// The first row of the first of them, and the row behind the last.
    taken: u64,
    pushed: u64,
    open: Option<u64>,
}

impl<T: Clone> Waiting<T> {
    pub(super) fn new() -> Self {
        Self { batches: VecDeque::new(), taken: 0, pushed: 0, open: None }
    }

    /// A batch of `rows` rows, which have the answer `empty` until another is known. Tells the number of its first row.
    pub(super) fn push(&mut self, rows: usize, empty: T) -> u64 {
        let first = self.pushed;
        self.batches.push_back(vec![empty; rows]);
        self.pushed += rows as u64;
        first
    }

    /// `row` waits from now on; whoever waited before keeps what it has.
    pub(super) fn open(&mut self, row: u64) {
        self.open = Some(row);
    }

    /// The answer of the row that waits, if there is one.
    pub(super) fn fill(&mut self, answer: T) {
        let Some(row) = self.open.take() else {
            return;
        };
        // Nearly always of the last batch.
        let mut end = self.pushed;
        for batch in self.batches.iter_mut().rev() {
            let first = end - batch.len() as u64;
            if row >= first {
                batch[(row - first) as usize] = answer;
                return;
            }
            end = first;
        }
    }

    /// Nothing follows in this session.
    pub(super) fn close(&mut self) {
        self.open = None;
    }

    pub(super) fn ready(&self) -> usize {
        (self.open.unwrap_or(self.pushed) - self.taken) as usize
    }

    /// The answers of the first batch, if it has `rows` rows and all are ready.
    pub(super) fn take(&mut self, rows: usize) -> Option<Vec<T>> {
        if rows > self.ready() || self.batches.front()?.len() != rows {
            return None;
        }
        self.taken += rows as u64;
        self.batches.pop_front()
    }

    /// Heap bytes.
    pub(super) fn size(&self) -> usize {
        let rows = (self.pushed - self.taken) as usize;
        self.batches.capacity() * size_of::<Vec<T>>() + rows * size_of::<T>()
    }
}
