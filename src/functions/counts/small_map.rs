//! A map from bytes to values, in ascending order, of which there is one for each group: most hold a few short keys.
//!
//! A few entries stand in one vector with their keys, so that a row costs one look into memory; more of them in a tree.

use std::collections::BTreeMap;
use std::mem::size_of;

use crate::functions::folds::tree_heap;

/// The most entries that stand in a vector.
const FEW: usize = 24;

#[derive(Debug, Clone)]
pub(super) struct SmallMap<V> {
    /// Ascending; empty once there is a tree.
    few: Vec<(Key, V)>,
    many: BTreeMap<Box<[u8]>, V>,
    /// Heap bytes of all keys.
    keys: usize,
}

#[derive(Debug, Clone)]
enum Key {
    Short { len: u8, bytes: [u8; 22] },
    Long(Box<[u8]>),
}

impl<V> SmallMap<V> {
    pub(super) fn len(&self) -> usize {
        self.few.len() + self.many.len()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, key: &[u8]) -> Option<&mut V> {
        if self.many.is_empty() {
            let place = self.place(key).ok()?;
            return Some(&mut self.few[place].1);
        }
        self.many.get_mut(key)
    }

    pub(super) fn insert(&mut self, key: &[u8], value: V) {
        if self.many.is_empty() {
            match self.place(key) {
                Ok(place) => {
                    self.few[place].1 = value;
                    return;
                }
                Err(place) if self.few.len() < FEW => {
                    let key = Key::new(key);
                    self.keys += key.heap();
                    self.few.insert(place, (key, value));
                    return;
                }
                Err(_) => {
                    let few = std::mem::take(&mut self.few);
                    self.keys = few.iter().map(|(key, _)| key.bytes().len()).sum();
                    self.many.extend(few.into_iter().map(|(key, value)| (key.into_bytes(), value)));
                }
            }
        }
        if self.many.insert(key.into(), value).is_none() {
            self.keys += key.len();
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &V)> {
        let few = self.few.iter().map(|(key, value)| (key.bytes(), value));
        few.chain(self.many.iter().map(|(key, value)| (&**key, value)))
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// Calls `visit` with each entry, whose value is its own.
    pub(super) fn for_each(self, mut visit: impl FnMut(&[u8], V)) {
        self.few.into_iter().for_each(|(key, value)| visit(key.bytes(), value));
        self.many.into_iter().for_each(|(key, value)| visit(&key, value));
    }

    /// Heap bytes of the map and its keys, by capacity.
    pub(super) fn heap(&self) -> usize {
        self.few.capacity() * size_of::<(Key, V)>() + self.keys + tree_heap::<(Box<[u8]>, V)>(self.many.len())
    }

    fn place(&self, key: &[u8]) -> Result<usize, usize> {
        self.few.binary_search_by(|(other, _)| other.bytes().cmp(key))
    }
}

impl<V> Default for SmallMap<V> {
    fn default() -> Self {
        Self { few: Vec::new(), many: BTreeMap::new(), keys: 0 }
    }
}

impl Key {
    fn new(key: &[u8]) -> Self {
        let mut bytes = [0; 22];
        match bytes.get_mut(..key.len()) {
            Some(short) => {
                short.copy_from_slice(key);
                Key::Short { len: key.len() as u8, bytes }
            }
            None => Key::Long(key.into()),
        }
    }

    #[inline]
    fn bytes(&self) -> &[u8] {
        match self {
            Key::Short { len, bytes } => &bytes[..usize::from(*len)],
            Key::Long(bytes) => bytes,
        }
    }

    fn into_bytes(self) -> Box<[u8]> {
        match self {
            Key::Short { len, bytes } => bytes[..usize::from(len)].into(),
            Key::Long(bytes) => bytes,
        }
    }

    fn heap(&self) -> usize {
        match self {
            Key::Short { .. } => 0,
            Key::Long(bytes) => bytes.len(),
        }
    }
}
