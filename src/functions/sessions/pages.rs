//! The pages of the rows that were seen and not yet forgotten, found by row, so that a session can name its last page on
//! its first row.

use std::collections::VecDeque;

use datafusion::arrow::array::{Array, ArrayRef, StringViewArray, new_null_array};
use datafusion::arrow::compute::interleave;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

/// Stands for "no page" where rows are asked for.
pub(super) const NO_ROW: u64 = u64::MAX;

/// Whole columns of batches: nothing is copied until it is asked for, and then 16 bytes a row.
#[derive(Debug, Default)]
pub(super) struct Pages {
    /// First row and pages of each batch, in order, without gaps.
    batches: VecDeque<(u64, StringViewArray)>,
}

impl Pages {
    /// The pages of the rows from `first_row` on.
    pub(super) fn push(&mut self, first_row: u64, pages: StringViewArray) {
        if !pages.is_empty() {
            self.batches.push_back((first_row, pages));
        }
    }

    /// The pages of `rows`, NULL for [`NO_ROW`].
    pub(super) fn take(&self, rows: &[u64]) -> Result<ArrayRef> {
        let null = new_null_array(&DataType::Utf8View, 1);
        let mut columns: Vec<&dyn Array> = vec![null.as_ref()];
        // Neighbouring rows nearly always name pages of one batch, and a batch names those of very few others.
        let mut slots: Vec<(usize, usize)> = vec![];
        let mut indices = Vec::with_capacity(rows.len());
        for row in rows {
            let Some((batch, index)) = self.locate(*row) else {
                indices.push((0, 0));
                continue;
            };
            let slot = match slots.iter().rev().find(|(known, _)| *known == batch) {
                Some((_, slot)) => *slot,
                None => {
                    columns.push(&self.batches[batch].1);
                    slots.push((batch, columns.len() - 1));
                    columns.len() - 1
                }
            };
            indices.push((slot, index));
        }
        Ok(interleave(&columns, &indices)?)
    }

    /// Nobody asks for rows before `row` any more.
    pub(super) fn forget(&mut self, row: u64) {
        while self.batches.front().is_some_and(|(first, pages)| first + pages.len() as u64 <= row) {
            self.batches.pop_front();
        }
    }

    /// Heap bytes besides the columns, which the held batches count.
    pub(super) fn size(&self) -> usize {
        self.batches.capacity() * size_of::<(u64, StringViewArray)>()
    }

    fn locate(&self, row: u64) -> Option<(usize, usize)> {
        if row == NO_ROW {
            return None;
        }
        let holds = |batch: &usize| {
            let (first, pages) = &self.batches[*batch];
            (*first..first + pages.len() as u64).contains(&row)
        };
        // The first and the last batch answer nearly every question: the rows handed on, and the rows just taken.
        let ends = [0, self.batches.len().saturating_sub(1)];
        let batch = if self.batches.is_empty() {
            None
        } else {
            ends.into_iter().find(holds).or_else(|| {
                let behind = self.batches.partition_point(|(first, _)| *first <= row);
                behind.checked_sub(1).filter(holds)
            })
        }?;
        Some((batch, (row - self.batches[batch].0) as usize))
    }
}
