//! The keys of groups that come one after the other.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use datafusion::arrow::compute::{concat, take};
use datafusion::common::Result;

use crate::plan::groups::starts;

/// Keys of the groups so far, of which the last one may go on.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// One chunk a batch and column, each a row a group.
    chunks: Vec<Vec<ArrayRef>>,
    groups: usize,
    /// Heap bytes of `chunks`.
    bytes: usize,
}

impl Keys {
    pub(super) fn groups(&self) -> usize {
        self.groups
    }

    pub(super) fn size(&self) -> usize {
        self.bytes
    }

    /// Takes the keys of `rows` more rows (at least one), and fills `indices` with the group of each.
    pub(super) fn push(&mut self, keys: &[ArrayRef], rows: usize, indices: &mut Vec<usize>) -> Result<()> {
        let starts = starts(self.chunks.last().map(Vec::as_slice), keys)?;
        indices.clear();
        // Rows before the first start belong to the group that was open.
        let mut group = self.groups;
        let mut start = 0;
        for &next in &starts {
            indices.resize(next, group.saturating_sub(1));
            group += 1;
            start = next;
        }
        debug_assert!(start < rows);
        indices.resize(rows, group - 1);
        if starts.is_empty() {
            return Ok(());
        }
        self.groups = group;
        let starts = UInt32Array::from_iter_values(starts.into_iter().map(|row| row as u32));
        let chunk = keys.iter().map(|key| Ok(own(take(key, &starts, None)?))).collect::<Result<Vec<_>>>()?;
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
