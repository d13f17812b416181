//! Aggregates whose rows commute: roll-ups over users, sets and sums. A group is one [`Fold`], and rows go into it one by one.

mod function;
mod groups;

pub(crate) use self::function::{Fold, FoldAggregate, FoldFunction};

/// Heap bytes of a `BTreeMap` whose entries are of type `T`: a node has room for 11 of them, and most are two thirds full.
pub(crate) fn tree_heap<T>(entries: usize) -> usize {
    const ROOM: usize = 11;
    let nodes = if entries <= ROOM { usize::from(entries > 0) } else { entries.div_ceil(7) };
    let links = if nodes > 1 { nodes.div_ceil(7) * (ROOM + 1) * size_of::<usize>() } else { 0 };
    nodes * (ROOM * size_of::<T>() + 2 * size_of::<usize>()) + links
}
