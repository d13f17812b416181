//! The values that events carry besides time and conditions: a page, a channel, an amount, a tie column.

use std::borrow::Cow;
use std::cmp::Ordering;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::{Result, exec_err};
use serde::{Deserialize, Serialize};

use super::event::Event;
use crate::functions::bytes;
use crate::functions::interner::{Interner, Values};
use crate::functions::row_value::RowValue;

/// One value that events carry: where it stands in a call, and what it is.
#[derive(Debug, Clone)]
pub(crate) struct PayloadColumn {
    pub(crate) source: RowValue,
    pub(crate) kind: PayloadKind,
    pub(crate) data_type: DataType,
}

/// How a value is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PayloadKind {
    /// Any text, number, Boolean, date or timestamp, compared by its key.
    Key,
    /// An `i64`.
    Integer,
    /// An `f64`.
    Number,
}

/// What kind of values events carry, without where they come from: this is stored with a state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PayloadType {
    pub(crate) kind: PayloadKind,
    #[serde(rename = "type", with = "stored_type")]
    pub(crate) data_type: DataType,
}

/// A type by its name, all kinds of text under one: their values are kept as the same bytes, so their states merge.
mod stored_type {
    use datafusion::arrow::datatypes::DataType;
    use serde::{Deserializer, Serializer};

    use crate::functions::time::type_name;

    pub(super) fn serialize<S: Serializer>(data_type: &DataType, serializer: S) -> Result<S::Ok, S::Error> {
        match data_type {
            DataType::Dictionary(_, value) => serialize(value, serializer),
            text if text.is_string() => type_name::serialize(&DataType::Utf8, serializer),
            other => type_name::serialize(other, serializer),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DataType, D::Error> {
        type_name::deserialize(deserializer)
    }
}

/// The values of all events that are kept.
///
/// One column of keys is in the events themselves. Otherwise an event points to a row here: one word a column, and one
/// that says which of them are NULL.
#[derive(Debug, Clone)]
pub(crate) struct Payloads {
    types: Vec<PayloadType>,
    /// Whether the last column is the one that orders events of the same time.
    tie: bool,
    interners: Vec<Interner>,
    rows: Vec<u64>,
}

impl Payloads {
    pub(crate) fn new(types: &[PayloadType], tie: bool) -> Self {
        Self { types: types.to_vec(), tie, interners: interners(types), rows: vec![] }
    }

    /// Whether events can carry such values: a damaged state may say anything.
    pub(super) fn check(types: &[PayloadType], tie: bool) -> Result<()> {
        let has_tie = types.last().is_some_and(|last| last.kind == PayloadKind::Integer);
        if types.len() > MAX_COLUMNS || (tie && !has_tie) {
            return exec_err!("a stored state is damaged: no event carries such values");
        }
        Ok(())
    }

    /// The key of a value: 0 for NULL, equal for equal values, valid until answers are taken.
    pub(crate) fn key(&self, payload: u32, column: usize) -> u32 {
        match self.types.get(column) {
            // Fits: a word of a key column was a key.
            Some(PayloadType { kind: PayloadKind::Key, .. }) => {
                self.word(payload, column).unwrap_or(0) as u32
            }
            _ => 0,
        }
    }

    pub(crate) fn integer(&self, payload: u32, column: usize) -> Option<i64> {
        self.word(payload, column).map(|word| word as i64)
    }

    pub(crate) fn number(&self, payload: u32, column: usize) -> Option<f64> {
        self.word(payload, column).map(f64::from_bits)
    }

    /// Two keys by their values, NULL first.
    pub(crate) fn compare(&self, column: usize, a: u32, b: u32) -> Ordering {
        self.interners.get(column).map_or(Ordering::Equal, |interner| interner.compare(a, b))
    }

    /// The value of a key as text; numbers as Arrow writes them.
    pub(crate) fn text(&self, column: usize, key: u32) -> Option<Cow<'_, str>> {
        if key == 0 {
            return None;
        }
        let interner = self.interners.get(column)?;
        if interner.data_type().is_string() {
            return std::str::from_utf8(interner.value(key)).ok().map(Cow::Borrowed);
        }
        let text = cast(&interner.array(&[key]).ok()?, &DataType::Utf8).ok()?;
        Some(Cow::Owned(text.as_string::<i32>().value(0).to_owned()))
    }

    /// The values of keys in the column's type, NULL for key 0.
    pub(crate) fn array(&self, column: usize, keys: &[u32]) -> Result<ArrayRef> {
        match self.interners.get(column) {
            Some(interner) => interner.array(keys),
            None => exec_err!("a stored state is damaged: its events carry no values"),
        }
    }

    pub(super) fn has_tie(&self) -> bool {
        self.tie
    }

    /// NULL first.
    pub(super) fn tie(&self, event: &Event) -> Option<i64> {
        self.integer(event.payload, self.types.len() - 1)
    }

    /// Two events by their values, column by column.
    pub(super) fn compare_events(&self, a: &Event, b: &Event) -> Ordering {
        if a.payload == b.payload {
            return Ordering::Equal;
        }
        let columns = (0..self.types.len()).map(|column| match self.types[column].kind {
            PayloadKind::Key => {
                self.compare(column, self.key(a.payload, column), self.key(b.payload, column))
            }
            PayloadKind::Integer => self.integer(a.payload, column).cmp(&self.integer(b.payload, column)),
            PayloadKind::Number => {
                let (a, b) = (self.number(a.payload, column), self.number(b.payload, column));
                match (a, b) {
                    (Some(a), Some(b)) => a.total_cmp(&b),
                    _ => a.is_some().cmp(&b.is_some()),
                }
            }
        });
        columns.fold(Ordering::Equal, Ordering::then)
    }

    /// Appends the values of an event as stable bytes.
    pub(super) fn encode(&self, payload: u32, out: &mut Vec<u8>) {
        for (column, payload_type) in self.types.iter().enumerate() {
            let word = self.word(payload, column);
            match (payload_type.kind, word) {
                (_, None) | (PayloadKind::Key, Some(0)) => out.push(0),
                (PayloadKind::Key, Some(key)) => {
                    let value = self.interners[column].value(key as u32);
                    bytes::write_number(out, value.len() as u64 + 1);
                    out.extend_from_slice(value);
                }
                (_, Some(word)) => {
                    out.push(1);
                    out.extend_from_slice(&word.to_le_bytes());
                }
            }
        }
    }

    /// The inverse of [`Self::encode`]: takes the values off the front of `bytes`.
    pub(super) fn decode(&mut self, from: &mut &[u8]) -> Result<u32> {
        if self.types.is_empty() {
            return Ok(0);
        }
        let mut words = Words::default();
        for column in 0..self.types.len() {
            let length = bytes::read_number(from)?;
            let word = match (self.types[column].kind, length) {
                (_, 0) => None,
                (PayloadKind::Key, length) => {
                    let value = bytes::take(from, length - 1)?;
                    Some(u64::from(self.interners[column].intern(value)?))
                }
                _ => {
                    let word = bytes::take(from, 8)?;
                    word.try_into().ok().map(u64::from_le_bytes)
                }
            };
            words.set(column, word);
        }
        self.push(&words)
    }

    /// Forgets what none of these `count` events carries, once that is most of it. Keys change: answers must have been taken.
    pub(super) fn compact<'a>(
        &mut self,
        count: usize,
        events: impl Iterator<Item = &'a mut Event>,
    ) -> Result<()> {
        const SMALL: usize = 1 << 12;
        let kept: usize = self.interners.iter().map(Interner::len).sum::<usize>() + self.rows.len();
        if kept < SMALL || kept / 4 < count * (self.types.len() + 1) {
            return Ok(());
        }
        let old = std::mem::replace(self, Self::new(&self.types, self.tie));
        for event in events {
            let mut words = Words::default();
            for (column, payload_type) in old.types.iter().enumerate() {
                let mut word = old.word(event.payload, column);
                if payload_type.kind == PayloadKind::Key && word.is_some_and(|key| key != 0) {
                    let value = old.interners[column].value(old.key(event.payload, column));
                    word = Some(u64::from(self.interners[column].intern(value)?));
                }
                words.set(column, word);
            }
            event.payload = self.push(&words)?;
        }
        Ok(())
    }

    /// Heap bytes, by capacity.
    pub(super) fn size(&self) -> usize {
        self.rows.capacity() * size_of::<u64>() + self.interners.iter().map(Interner::size).sum::<usize>()
    }

    fn word(&self, payload: u32, column: usize) -> Option<u64> {
        if self.is_inline() {
            return Some(u64::from(payload));
        }
        let columns = self.types.len();
        if column >= columns {
            return None;
        }
        let row = &self.rows[payload as usize * (columns + 1)..][..=columns];
        (row[columns] & (1 << column) == 0).then_some(row[column])
    }

    fn push(&mut self, words: &Words) -> Result<u32> {
        if self.is_inline() {
            return Ok(words.values[0] as u32);
        }
        let columns = self.types.len();
        let Ok(row) = u32::try_from(self.rows.len() / (columns + 1)) else {
            return exec_err!(
                "more than {} events with values in one partition; raise datafusion.execution.target_partitions",
                u32::MAX
            );
        };
        self.rows.extend_from_slice(&words.values[..columns]);
        self.rows.push(words.nulls);
        Ok(row)
    }

    fn is_inline(&self) -> bool {
        matches!(self.types.as_slice(), [PayloadType { kind: PayloadKind::Key, .. }])
    }
}

fn interners(types: &[PayloadType]) -> Vec<Interner> {
    types.iter().map(|payload| Interner::new(payload.data_type.clone())).collect()
}

/// The most values that an event can carry.
const MAX_COLUMNS: usize = 8;

#[derive(Default)]
struct Words {
    values: [u64; MAX_COLUMNS],
    nulls: u64,
}

impl Words {
    fn set(&mut self, column: usize, word: Option<u64>) {
        self.values[column] = word.unwrap_or(0);
        self.nulls |= u64::from(word.is_none()) << column;
    }
}

/// The values of one batch.
pub(super) struct PayloadBatch {
    columns: Vec<BatchColumn>,
}

enum BatchColumn {
    Keys(Values),
    Integers(Int64Array),
    Numbers(Float64Array),
}

impl PayloadBatch {
    pub(super) fn new(columns: &[PayloadColumn], values: &[ArrayRef]) -> Result<Self> {
        let columns = columns.iter().map(|column| {
            let array = column.source.column(values)?;
            Ok(match column.kind {
                PayloadKind::Key => BatchColumn::Keys(Values::new(&array)?),
                PayloadKind::Integer => {
                    let array = cast(&array, &DataType::Int64)?;
                    BatchColumn::Integers(array.as_primitive::<Int64Type>().clone())
                }
                PayloadKind::Number => {
                    let array = cast(&array, &DataType::Float64)?;
                    BatchColumn::Numbers(array.as_primitive::<Float64Type>().clone())
                }
            })
        });
        Ok(Self { columns: columns.collect::<Result<_>>()? })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Whether the first value is NULL.
    pub(super) fn is_null(&self, row: usize) -> bool {
        match self.columns.first() {
            None => false,
            Some(BatchColumn::Keys(values)) => values.is_null(row),
            Some(BatchColumn::Integers(values)) => values.is_null(row),
            Some(BatchColumn::Numbers(values)) => values.is_null(row),
        }
    }

    /// The row's values in `payloads`.
    #[inline]
    pub(super) fn push(&mut self, row: usize, payloads: &mut Payloads) -> Result<u32> {
        if let ([BatchColumn::Keys(values)], [interner]) =
            (self.columns.as_mut_slice(), payloads.interners.as_mut_slice())
        {
            // It stands in the event itself.
            return values.key(row, interner);
        }
        self.push_row(row, payloads)
    }

    fn push_row(&mut self, row: usize, payloads: &mut Payloads) -> Result<u32> {
        let mut words = Words::default();
        for (column, values) in self.columns.iter_mut().enumerate() {
            let word = match values {
                BatchColumn::Keys(values) => {
                    Some(u64::from(values.key(row, &mut payloads.interners[column])?))
                }
                BatchColumn::Integers(values) => values.is_valid(row).then(|| values.value(row) as u64),
                BatchColumn::Numbers(values) => values.is_valid(row).then(|| values.value(row).to_bits()),
            };
            words.set(column, word);
        }
        payloads.push(&words)
    }
}

impl PayloadColumn {
    pub(super) fn payload_type(&self) -> PayloadType {
        PayloadType { kind: self.kind, data_type: self.data_type.clone() }
    }

    /// The column that orders events of the same time.
    pub(super) fn tie(source: RowValue) -> Self {
        Self { source, kind: PayloadKind::Integer, data_type: DataType::Int64 }
    }
}
