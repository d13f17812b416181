//! The keys of a payload column as texts of our own: cleaned nodes, channels, and names that no row has.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringArray};
use datafusion::common::{Result, exec_err};

use super::texts::Texts;

/// What each key is called; valid as long as the keys are.
#[derive(Debug, Default)]
pub(super) struct Labels {
    texts: Texts,
    /// By key: [`UNKNOWN`], [`DROPPED`], or a label plus [`FIRST`].
    of_key: Vec<u32>,
}

const UNKNOWN: u32 = 0;
const DROPPED: u32 = 1;
const FIRST: u32 = 2;

impl Labels {
    pub(super) fn of_text(&mut self, text: &str) -> u32 {
        self.texts.number(text)
    }

    /// The label of a key, `None` where `text` gives none; asked for once a key.
    pub(super) fn of_key(&mut self, key: u32, text: impl FnOnce() -> Option<String>) -> Option<u32> {
        let place = key as usize;
        if place >= self.of_key.len() {
            self.of_key.resize(place + 1, UNKNOWN);
        }
        if self.of_key[place] == UNKNOWN {
            self.of_key[place] = text().map_or(DROPPED, |text| self.texts.number(&text) + FIRST);
        }
        self.of_key[place].checked_sub(FIRST)
    }

    pub(super) fn text(&self, label: u32) -> &str {
        self.texts.text(label)
    }

    pub(super) fn array(&self, function: &str, labels: &[u32]) -> Result<ArrayRef> {
        let bytes: usize = labels.iter().map(|label| self.text(*label).len()).sum();
        if i32::try_from(bytes).is_err() {
            return exec_err!(
                "{function}: more than {} bytes of text in one column of answers; raise \
                 datafusion.execution.target_partitions",
                i32::MAX
            );
        }
        Ok(Arc::new(StringArray::from_iter_values(labels.iter().map(|label| self.text(*label)))))
    }

    pub(super) fn clear(&mut self) {
        self.texts.clear();
        self.of_key.clear();
    }

    /// Heap bytes.
    pub(super) fn size(&self) -> usize {
        self.texts.size() + self.of_key.capacity() * size_of::<u32>()
    }
}
