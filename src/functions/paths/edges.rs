//! How many paths went from one node to the next at the same step, and how long it took them.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::texts::Texts;

/// Edges and their counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edges {
    nodes: Texts,
    counts: HashMap<Edge, Count>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Edge {
    /// The first step of a path is 1.
    step: u32,
    from: u32,
    to: u32,
}

/// Whole numbers, so that no order of adding can show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) paths: u64,
    /// How many of them had a time at both ends, and those times together.
    pub(super) timed: u64,
    pub(super) ticks: i128,
}

/// An edge to show.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row<'a> {
    pub(super) step: u32,
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    pub(super) count: Count,
}

impl Edges {
    /// Counts the edges of one path; a node that is NULL is no node.
    pub(super) fn add<'a>(&mut self, path: impl Iterator<Item = (Option<&'a str>, Option<i64>)>) {
        let mut before: Option<(u32, Option<i64>)> = None;
        let mut step = 0_u32;
        for (node, ts) in path {
            let Some(node) = node else {
                continue;
            };
            let node = self.nodes.number(node);
            if let Some((from, left)) = before {
                let count = self.counts.entry(Edge { step, from, to: node }).or_default();
                count.paths += 1;
                if let (Some(left), Some(ts)) = (left, ts) {
                    count.timed += 1;
                    count.ticks += i128::from(ts) - i128::from(left);
                }
            }
            before = Some((node, ts));
            step = step.saturating_add(1);
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        let numbers: Vec<u32> =
            (0..other.nodes.len() as u32).map(|number| self.nodes.number(other.nodes.text(number))).collect();
        for (edge, more) in &other.counts {
            let (from, to) = (numbers[edge.from as usize], numbers[edge.to as usize]);
            self.count(Edge { step: edge.step, from, to }, *more);
        }
    }

    /// All edges in one order, whatever the order in which they were counted.
    pub(super) fn sorted(&self) -> Vec<Row<'_>> {
        let mut rows = self.all();
        rows.sort_unstable_by_key(|row| (row.step, row.from, row.to));
        rows
    }

    /// The edges of at least `min_count` paths, the `max_edges` most frequent of them, in order of step, count, nodes.
    pub(super) fn rows(&self, min_count: u64, max_edges: usize) -> Vec<Row<'_>> {
        let mut rows = self.all();
        rows.retain(|row| row.count.paths >= min_count);
        if rows.len() > max_edges {
            rows.sort_unstable_by_key(|row| (Reverse(row.count.paths), row.step, row.from, row.to));
            rows.truncate(max_edges);
        }
        rows.sort_unstable_by_key(|row| (row.step, Reverse(row.count.paths), row.from, row.to));
        rows
    }

    /// An edge that was counted elsewhere.
    pub(super) fn insert(&mut self, row: &Row) {
        let (from, to) = (self.nodes.number(row.from), self.nodes.number(row.to));
        self.count(Edge { step: row.step, from, to }, row.count);
    }

    /// Heap bytes.
    pub(super) fn size(&self) -> usize {
        self.nodes.size() + self.counts.capacity() * 8 / 7 * (size_of::<(Edge, Count)>() + 1)
    }

    fn count(&mut self, edge: Edge, more: Count) {
        let count = self.counts.entry(edge).or_default();
        count.paths = count.paths.saturating_add(more.paths);
        count.timed = count.timed.saturating_add(more.timed);
        count.ticks = count.ticks.saturating_add(more.ticks);
    }

    fn all(&self) -> Vec<Row<'_>> {
        let row = |(edge, count): (&Edge, &Count)| Row {
            step: edge.step,
            from: self.nodes.text(edge.from),
            to: self.nodes.text(edge.to),
            count: *count,
        };
        self.counts.iter().map(row).collect()
    }
}
