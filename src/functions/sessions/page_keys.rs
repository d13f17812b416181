//! What tells two pages of a session apart without looking at their characters.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, MAX_INLINE_VIEW_LEN, StringViewArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

use crate::functions::interner::{Interner, Values};

/// Numbers of the longer pages. Two pages of a session are equal if their numbers are.
#[derive(Debug, Default)]
pub(super) struct PageNumbers(Option<Interner>);

impl PageNumbers {
    /// Pages are numbered anew at the next session once the old numbers take more bytes than this.
    const MOST_BYTES: usize = 16 << 20;

    pub(super) fn is_full(&self) -> bool {
        self.size() > Self::MOST_BYTES
    }

    pub(super) fn clear(&mut self) {
        self.0 = None;
    }

    /// Heap bytes.
    pub(super) fn size(&self) -> usize {
        self.0.as_ref().map_or(0, Interner::size)
    }
}

/// The pages of one batch.
pub(super) struct PageKeys {
    pages: StringViewArray,
    /// For long pages, from the first of them on.
    long: Option<Values>,
    keys: Vec<u128>,
}

impl PageKeys {
    pub(super) fn new(pages: StringViewArray) -> Self {
        Self { pages, long: None, keys: Vec::new() }
    }

    /// The key of the row's page, `None` for NULL.
    pub(super) fn key(&mut self, row: usize, numbers: &mut PageNumbers) -> Result<Option<u128>> {
        if self.pages.is_null(row) {
            return Ok(None);
        }
        self.valid_key(row, numbers).map(Some)
    }

    /// The keys of rows of which none is NULL.
    pub(super) fn keys(&mut self, rows: Range<usize>, numbers: &mut PageNumbers) -> Result<&[u128]> {
        // No text is long.
        if self.pages.data_buffers().is_empty() {
            return Ok(&self.pages.views()[rows]);
        }
        self.keys.clear();
        for row in rows {
            let key = self.valid_key(row, numbers)?;
            self.keys.push(key);
        }
        Ok(&self.keys)
    }

    /// Forgets the numbers of pages, once those are cleared.
    pub(super) fn forget(&mut self) {
        self.long = None;
    }

    fn valid_key(&mut self, row: usize, numbers: &mut PageNumbers) -> Result<u128> {
        let view = self.pages.views()[row];
        if view as u32 <= MAX_INLINE_VIEW_LEN {
            // It stands in its view, which is then the same in every array.
            return Ok(view);
        }
        let long = match &mut self.long {
            Some(long) => long,
            none => none.insert(Values::new(&(Arc::new(self.pages.clone()) as ArrayRef))?),
        };
        let numbers = numbers.0.get_or_insert_with(|| Interner::new(DataType::Utf8View));
        // The place of the length says that this is none of the short ones.
        Ok(u128::from(long.key(row, numbers)?) << 32 | u128::from(u32::MAX))
    }
}
