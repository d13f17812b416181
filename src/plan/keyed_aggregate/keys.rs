//! The keys of groups that come one after the other, or run by run.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use datafusion::arrow::compute::{concat, take};
use datafusion::common::Result;

use super::within::Within;
use crate::plan::groups::starts;

/// Keys of the groups so far, of which the last one may go on, or those of the last run.
#[derive(Debug)]
pub(super) struct Keys {
    /// `None` where rows come in order of all keys.
    within: Option<Within>,
    /// One chunk a batch and column, each a row a group.
    chunks: Vec<Vec<ArrayRef>>,
    groups: usize,
    /// Heap bytes of `chunks`.
    bytes: usize,
}

impl Keys {
    /// Of so many keys, of which these come in order.
    pub(super) fn new(ordered: Vec<usize>, keys: usize) -> Self {
        let within = (ordered.len() < keys).then(|| Within::new(ordered, keys));
        Self { within, chunks: vec![], groups: 0, bytes: 0 }
    }

    pub(super) fn groups(&self) -> usize {
        self.groups
    }

    /// The groups to which no row can come any more, the first ones.
    pub(super) fn complete(&self) -> usize {
        match &self.within {
            Some(within) => within.complete(),
            None => self.groups.saturating_sub(1),
        }
    }

    pub(super) fn size(&self) -> usize {
        self.bytes + self.within.as_ref().map_or(0, Within::size)
    }

    /// Takes the keys of `rows` more rows (at least one), and fills `indices` with the group of each.
    pub(super) fn push(&mut self, keys: &[ArrayRef], rows: usize, indices: &mut Vec<usize>) -> Result<()> {
        indices.clear();
        let before = self.chunks.last().map(Vec::as_slice);
        let new = match &mut self.within {
            None => {
                let starts = starts(before, keys)?;
                in_turn(&starts, self.groups, rows, indices);
                starts
            }
            Some(within) => {
                let before = before.map(|before| within.ordered(before));
                let starts = starts(before.as_deref(), &within.ordered(keys))?;
                within.push(&starts, keys, rows, indices)?
            }
        };
        if new.is_empty() {
            return Ok(());
        }
        self.groups += new.len();
        let new = UInt32Array::from_iter_values(new.into_iter().map(|row| row as u32));
        let chunk = keys.iter().map(|key| Ok(own(take(key, &new, None)?))).collect::<Result<Vec<_>>>()?;
        self.bytes += bytes(&chunk);
        self.chunks.push(chunk);
        Ok(())
    }

    /// The keys of the first `groups` groups, a column each.
    pub(super) fn take(&mut self, groups: usize) -> Result<Vec<ArrayRef>> {
        let Some(first) = self.chunks.first() else {
            return Ok(vec![]);
        };
        let columns = (0..first.len()).map(|column| {
            let chunks: Vec<&dyn Array> = self.chunks.iter().map(|chunk| chunk[column].as_ref()).collect();
            Ok(concat(&chunks)?)
        });
        let columns = columns.collect::<Result<Vec<ArrayRef>>>()?;
        self.groups -= groups;
        if let Some(within) = &mut self.within {
            within.give(groups);
        }
        self.chunks.clear();
        if self.groups > 0 {
            let rest = UInt32Array::from_iter_values(groups as u32..(groups + self.groups) as u32);
            let rest = columns.iter().map(|column| Ok(own(take(column, &rest, None)?)));
            self.chunks.push(rest.collect::<Result<_>>()?);
        }
        self.bytes = self.chunks.iter().map(|chunk| bytes(chunk)).sum();
        Ok(columns.iter().map(|column| column.slice(0, groups)).collect())
    }
}

/// Fills `indices` with the groups of rows, each of which begins at one of `starts`; there are `groups` before.
fn in_turn(starts: &[usize], groups: usize, rows: usize, indices: &mut Vec<usize>) {
    // Rows before the first start belong to the group that was open.
    let mut group = groups;
    for &next in starts {
        indices.resize(next, group.saturating_sub(1));
        group += 1;
    }
    indices.resize(rows, group - 1);
}

/// The same values without the buffers of the batch that they come from.
fn own(keys: ArrayRef) -> ArrayRef {
    match keys.as_string_view_opt() {
        Some(texts) if !texts.data_buffers().is_empty() => Arc::new(texts.gc()),
        _ => keys,
    }
}

fn bytes(chunk: &[ArrayRef]) -> usize {
    chunk.iter().map(|column| column.get_array_memory_size()).sum()
}
