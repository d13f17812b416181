//! Texts as small numbers, in the order in which they were first seen.

use std::collections::HashMap;
use std::sync::Arc;

/// Each text once; its number is its place.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts {
    numbers: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
    bytes: usize,
}

impl Texts {
    pub(super) fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let shared: Arc<str> = Arc::from(text);
        // Memory ends long before four thousand million texts.
        let number = self.texts.len() as u32;
        self.bytes += text.len() + 2 * size_of::<usize>();
        self.texts.push(Arc::clone(&shared));
        self.numbers.insert(shared, number);
        number
    }

    pub(super) fn text(&self, number: u32) -> &str {
        &self.texts[number as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(super) fn clear(&mut self) {
        self.numbers.clear();
        self.texts.clear();
        self.bytes = 0;
    }

    /// Heap bytes.
    pub(super) fn size(&self) -> usize {
        let entry = size_of::<(Arc<str>, u32)>() + 1;
        self.bytes + self.texts.capacity() * size_of::<Arc<str>>() + self.numbers.capacity() * 8 / 7 * entry
    }
}
