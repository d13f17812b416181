//! Values as small numbers: an event carries a key of 4 bytes instead of a page or a user's plan, and equal pages are one number.
//!
//! A value is kept once, as bytes whose order is the order of the values, the same in every process and version: text as
//! it is, an integer with its sign turned, a float in its total order.

use std::cmp::Ordering;
use std::hash::BuildHasher;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, MAX_INLINE_VIEW_LEN, StringArray,
    StringViewArray, UInt64Array,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{ArrowDictionaryKeyType, DataType, Float64Type, Int64Type, UInt64Type};
use datafusion::arrow::downcast_dictionary_array;
use datafusion::common::{Result, exec_err};
use hashbrown::{DefaultHashBuilder, HashTable};

use crate::error::footfall_internal_err;

/// The values of one column. Key 0 is NULL.
#[derive(Debug, Clone)]
pub(crate) struct Interner {
    data_type: DataType,
    keys: HashTable<u32>,
    hasher: DefaultHashBuilder,
    bytes: Vec<u8>,
    /// Where the value of key `k` ends in `bytes`, at `k - 1`.
    ends: Vec<usize>,
    /// Of short texts by their views, and of integers.
    known: Known,
}

/// Whether values of that type can be kept as bytes.
pub(crate) fn is_keyable(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => is_keyable(value),
        DataType::Null | DataType::Boolean => true,
        other => {
            other.is_string()
                || other.is_integer()
                || matches!(
                    other,
                    DataType::Float32
                        | DataType::Float64
                        | DataType::Date32
                        | DataType::Date64
                        | DataType::Timestamp(_, _)
                )
        }
    }
}

impl Interner {
    pub(crate) fn new(data_type: DataType) -> Self {
        let data_type = match data_type {
            DataType::Dictionary(_, value) => *value,
            other => other,
        };
        Self {
            data_type,
            keys: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            bytes: vec![],
            ends: vec![],
            known: Known::default(),
        }
    }

    pub(crate) fn data_type(&self) -> &DataType {
        &self.data_type
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The key of a value given as bytes.
    pub(crate) fn intern(&mut self, value: &[u8]) -> Result<u32> {
        let hash = self.hasher.hash_one(value);
        let (bytes, ends) = (&self.bytes, &self.ends);
        if let Some(key) = self.keys.find(hash, |key| value_of(bytes, ends, *key) == value) {
            return Ok(*key);
        }
        let Ok(key) = u32::try_from(self.ends.len() + 1) else {
            return exec_err!(
                "more than {} different values in one partition; raise datafusion.execution.target_partitions",
                u32::MAX
            );
        };
        self.bytes.extend_from_slice(value);
        self.ends.push(self.bytes.len());
        let (bytes, ends, hasher) = (&self.bytes, &self.ends, &self.hasher);
        self.keys.insert_unique(hash, key, |key| hasher.hash_one(value_of(bytes, ends, *key)));
        Ok(key)
    }

    /// The key of a value for which `word` stands in every batch.
    fn intern_word(&mut self, word: u128, value: &[u8]) -> Result<u32> {
        if let Some(key) = self.known.get(word) {
            return Ok(key);
        }
        let key = self.intern(value)?;
        // There may be an interner a group, so a few values take little.
        self.known.reserve(4 * self.ends.len());
        self.known.put(word, key);
        Ok(key)
    }

    /// The bytes of a key, which is not 0.
    pub(crate) fn value(&self, key: u32) -> &[u8] {
        value_of(&self.bytes, &self.ends, key)
    }

    pub(crate) fn compare(&self, a: u32, b: u32) -> Ordering {
        if a == b {
            return Ordering::Equal;
        }
        match (a, b) {
            (0, _) => Ordering::Less,
            (_, 0) => Ordering::Greater,
            _ => self.value(a).cmp(self.value(b)),
        }
    }

    /// The values of keys in the column's own type.
    pub(crate) fn array(&self, keys: &[u32]) -> Result<ArrayRef> {
        let values = keys.iter().map(|key| (*key != 0).then(|| self.value(*key)));
        let integer = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_be_bytes);
        let array: ArrayRef = match &self.data_type {
            DataType::Null => datafusion::arrow::array::new_null_array(&DataType::Null, keys.len()),
            DataType::Boolean => {
                Arc::new(values.map(|value| value.map(|bytes| bytes == [1])).collect::<BooleanArray>())
            }
            text if text.is_string() => {
                let text = |bytes| std::str::from_utf8(bytes).map(str::to_owned);
                match values.map(|value| value.map(text).transpose()).collect::<Result<StringArray, _>>() {
                    Ok(array) => Arc::new(array),
                    Err(error) => return footfall_internal_err!("a kept text is no UTF-8: {error}"),
                }
            }
            DataType::UInt64 => Arc::new(values.map(|value| value.map(integer)).collect::<UInt64Array>()),
            DataType::Float32 | DataType::Float64 => {
                let float = |bytes| f64::from_bits(unordered(integer(bytes)));
                Arc::new(values.map(|value| value.map(float)).collect::<Float64Array>())
            }
            _ => {
                let signed = |bytes| (integer(bytes) ^ SIGN) as i64;
                Arc::new(values.map(|value| value.map(signed)).collect::<Int64Array>())
            }
        };
        Ok(cast(&array, &self.data_type)?)
    }

    /// Heap bytes, by capacity.
    pub(crate) fn size(&self) -> usize {
        self.bytes.capacity()
            + self.ends.capacity() * size_of::<usize>()
            // A key and a control byte for each slot of the table.
            + self.keys.capacity() * 8 / 7 * (size_of::<u32>() + 1)
            + self.known.size()
    }
}

fn value_of<'a>(bytes: &'a [u8], ends: &[usize], key: u32) -> &'a [u8] {
    let place = key as usize - 1;
    let start = if place == 0 { 0 } else { ends[place - 1] };
    &bytes[start..ends[place]]
}

/// One batch of a column, about to be interned row by row.
pub(crate) enum Values {
    Null,
    /// The values of a dictionary, and the keys they were given so far; `u32::MAX` is none yet.
    Dictionary {
        places: Vec<Option<usize>>,
        values: Box<Values>,
        known: Vec<u32>,
    },
    Text(Texts),
    Boolean(BooleanArray),
    Signed(Int64Array),
    Unsigned(UInt64Array),
    Float(Float64Array),
}

impl Values {
    pub(crate) fn new(array: &ArrayRef) -> Result<Self> {
        Ok(match array.data_type() {
            DataType::Null => Values::Null,
            DataType::Dictionary(_, _) => {
                let array = array.as_ref();
                let (places, values) = downcast_dictionary_array!(
                    array => (places(array), Arc::clone(array.values())),
                    other => return footfall_internal_err!("{other} is no dictionary")
                );
                let known = vec![u32::MAX; values.len()];
                Values::Dictionary { places, values: Box::new(Values::new(&values)?), known }
            }
            DataType::Boolean => Values::Boolean(array.as_boolean().clone()),
            text if text.is_string() => {
                let array = cast(array, &DataType::Utf8View)?.as_string_view().clone();
                Values::Text(Texts { array, known: Known::default() })
            }
            DataType::UInt64 => Values::Unsigned(array.as_primitive::<UInt64Type>().clone()),
            DataType::Float32 | DataType::Float64 => {
                Values::Float(cast(array, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
            }
            _ => Values::Signed(cast(array, &DataType::Int64)?.as_primitive::<Int64Type>().clone()),
        })
    }

    pub(crate) fn is_null(&self, row: usize) -> bool {
        match self {
            Values::Null => true,
            Values::Dictionary { places, values, .. } => {
                places[row].is_none_or(|place| values.is_null(place))
            }
            Values::Text(texts) => texts.array.is_null(row),
            Values::Boolean(array) => array.is_null(row),
            Values::Signed(array) => array.is_null(row),
            Values::Unsigned(array) => array.is_null(row),
            Values::Float(array) => array.is_null(row),
        }
    }

    /// The key of the row's value.
    pub(crate) fn key(&mut self, row: usize, interner: &mut Interner) -> Result<u32> {
        if self.is_null(row) {
            return Ok(0);
        }
        match self {
            Values::Null => Ok(0),
            Values::Dictionary { places, values, known } => {
                let Some(place) = places[row] else {
                    return Ok(0);
                };
                if known[place] == u32::MAX {
                    known[place] = values.key(place, interner)?;
                }
                Ok(known[place])
            }
            Values::Text(texts) => texts.key(row, interner),
            Values::Boolean(array) => interner.intern(&[u8::from(array.value(row))]),
            Values::Signed(array) => {
                let value = array.value(row) as u64;
                interner.intern_word(u128::from(value), &(value ^ SIGN).to_be_bytes())
            }
            Values::Unsigned(array) => interner.intern(&array.value(row).to_be_bytes()),
            Values::Float(array) => interner.intern(&ordered(array.value(row).to_bits()).to_be_bytes()),
        }
    }
}

/// Texts, and the keys that the long ones of them were given: equal views of one array are equal texts.
pub(crate) struct Texts {
    array: StringViewArray,
    known: Known,
}

impl Texts {
    fn key(&mut self, row: usize, interner: &mut Interner) -> Result<u32> {
        let view = self.array.views()[row];
        // A short text stands in its view, which is then the same in every array.
        if view as u32 <= MAX_INLINE_VIEW_LEN {
            return interner.intern_word(view, self.array.value(row).as_bytes());
        }
        if let Some(key) = self.known.get(view) {
            return Ok(key);
        }
        let key = interner.intern(self.array.value(row).as_bytes())?;
        // Over a window frame there is a row at a time.
        self.known.reserve(self.array.len());
        self.known.put(view, key);
        Ok(key)
    }
}

/// What stands for a value, and its key, where the hash of the former says; key 0 is none.
#[derive(Debug, Clone, Default)]
struct Known(Vec<(u128, u32)>);

impl Known {
    /// Small enough for the processor's second cache. A batch out of several files has a view of a text for each of them.
    const MOST: usize = 4096;

    fn reserve(&mut self, values: usize) {
        let places = values.next_power_of_two().min(Self::MOST);
        if self.0.len() < places {
            self.0 = vec![(0, 0); places];
        }
    }

    fn get(&self, value: u128) -> Option<u32> {
        let (known, key) = self.0.get(self.place(value))?;
        (*key != 0 && *known == value).then_some(*key)
    }

    fn put(&mut self, value: u128, key: u32) {
        let place = self.place(value);
        if let Some(known) = self.0.get_mut(place) {
            *known = (value, key);
        }
    }

    fn place(&self, value: u128) -> usize {
        let hash = (value as u64 ^ (value >> 64) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        hash as usize & self.0.len().wrapping_sub(1)
    }

    /// Heap bytes.
    fn size(&self) -> usize {
        self.0.capacity() * size_of::<(u128, u32)>()
    }
}

fn places<K: ArrowDictionaryKeyType>(
    array: &datafusion::arrow::array::DictionaryArray<K>,
) -> Vec<Option<usize>> {
    (0..array.len()).map(|row| array.key(row)).collect()
}

const SIGN: u64 = 1 << 63;

/// The bits of a float as an integer in the same order.
fn ordered(bits: u64) -> u64 {
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

fn unordered(bits: u64) -> u64 {
    if bits & SIGN == 0 { !bits } else { bits ^ SIGN }
}
