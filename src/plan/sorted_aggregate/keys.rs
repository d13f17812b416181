//! The keys of groups that come one after the other.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringViewArray, UInt32Array, make_comparator};
use datafusion::arrow::compute::{SortOptions, concat, partition, take};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

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
        let starts = self.starts(keys)?;
        indices.clear();
        // Rows before the first start belong to the group that was open.
        let mut group = self.groups;
        let mut start = 0;
        for &next in &starts {
            indices.resize(next as usize, group.saturating_sub(1));
            group += 1;
            start = next;
        }
        debug_assert!((start as usize) < rows);
        indices.resize(rows, group - 1);
        if starts.is_empty() {
            return Ok(());
        }
        self.groups = group;
        let starts = UInt32Array::from(starts);
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

    /// The rows at which another group begins.
    fn starts(&self, keys: &[ArrayRef]) -> Result<Vec<u32>> {
        let mut starts = vec![];
        if self.is_other(keys)? {
            starts.push(0);
        }
        match keys {
            [key] if *key.data_type() == DataType::Utf8View && key.null_count() == 0 => {
                text_starts(key.as_string_view(), &mut starts);
            }
            _ => starts.extend(partition(keys)?.ranges().iter().skip(1).map(|range| range.start as u32)),
        }
        Ok(starts)
    }

    /// Whether the first of these rows is of another group than the last row so far; two NULLs are one group.
    fn is_other(&self, keys: &[ArrayRef]) -> Result<bool> {
        let Some(chunk) = self.chunks.last() else {
            return Ok(true);
        };
        for (last, key) in chunk.iter().zip(keys) {
            if make_comparator(last, key, SortOptions::default())?(last.len() - 1, 0).is_ne() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// As `partition` for one column of texts, most of which have the very view of the row before.
fn text_starts(texts: &StringViewArray, starts: &mut Vec<u32>) {
    const INLINE: u32 = 12;
    let views = texts.views();
    for (row, pair) in views.windows(2).enumerate() {
        let (before, here) = (pair[0], pair[1]);
        if before == here {
            continue;
        }
        // A view begins with the length; texts up to 12 bytes stand in it whole.
        let (length_before, length) = (before as u32, here as u32);
        if length_before != length || length <= INLINE || texts.value(row) != texts.value(row + 1) {
            starts.push(row as u32 + 1);
        }
    }
}

/// The same values without the buffers of the batch that they come from.
fn own(keys: ArrayRef) -> ArrayRef {
    match keys.as_string_view_opt() {
        Some(texts) if !texts.data_buffers().is_empty() => std::sync::Arc::new(texts.gc()),
        _ => keys,
    }
}

fn bytes(chunk: &[ArrayRef]) -> usize {
    chunk.iter().map(|column| column.get_array_memory_size()).sum()
}
