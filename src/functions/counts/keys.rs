//! Keys of any type, for counting them and for sums by key: equal values are equal bytes, in every process and version.
//!
//! Whole numbers of every width, decimals, truth values, dates and times are one whole number; a float is a whole number
//! in the order of the floats (0.0 and -0.0 are one value, and so are all NaN); text and binary are their bytes. Bytes
//! ascend as the values do. A set of distinct keys holds 128-bit hashes of them: two of a thousand million keys collide
//! with a probability below 10^-20.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, AsArray, BinaryArray, BooleanArray, Decimal128Array, Float64Array, Int32Array, Int64Array,
    StringArray, StringViewArray, UInt64Array,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type, UInt64Type};
use datafusion::arrow::row::{RowConverter, Rows, SortField};
use datafusion::common::{Result, exec_err};
use xxhash_rust::xxh3::xxh3_128;

/// What [`plain_type`] accepts, for messages.
pub(crate) const ACCEPTED_KEYS: &str = "text, binary, Boolean, a number, a date, a time or a timestamp";

/// The type in which keys of a type are answered; `None` for those that have no order of their own.
pub(crate) fn plain_type(data_type: &DataType) -> Option<DataType> {
    Some(match data_type {
        DataType::Dictionary(_, value) => return plain_type(value),
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            DataType::Binary
        }
        DataType::Boolean
        | DataType::Float16
        | DataType::Float32
        | DataType::Float64
        | DataType::Decimal128(_, _)
        | DataType::Date32
        | DataType::Date64
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Timestamp(_, _)
        | DataType::Duration(_) => data_type.clone(),
        integer if integer.is_integer() => integer.clone(),
        _ => return None,
    })
}

/// The keys of one batch.
#[derive(Debug)]
pub(crate) struct KeyColumn {
    keys: Keys,
    nulls: Option<NullBuffer>,
}

#[derive(Debug)]
enum Keys {
    Numbers(Vec<i128>),
    Texts(StringArray),
    /// Texts as most tables hand them out: they are not copied.
    Views(StringViewArray),
    Binaries(BinaryArray),
    /// Nested values, in the row format of Arrow.
    Rows(Rows),
}

impl KeyColumn {
    pub(crate) fn new(array: &ArrayRef) -> Result<Self> {
        let keys = match plain_type(array.data_type()) {
            None => {
                let converter = RowConverter::new(vec![SortField::new(array.data_type().clone())])?;
                Keys::Rows(converter.convert_columns(&[Arc::clone(array)])?)
            }
            Some(DataType::Utf8) => match array.as_string_view_opt() {
                Some(views) => Keys::Views(views.clone()),
                None => Keys::Texts(cast(array, &DataType::Utf8)?.as_string::<i32>().clone()),
            },
            Some(DataType::Binary) => {
                Keys::Binaries(cast(array, &DataType::Binary)?.as_binary::<i32>().clone())
            }
            Some(plain) => Keys::Numbers(numbers(&cast(array, &plain)?)?),
        };
        Ok(Self { keys, nulls: array.logical_nulls() })
    }

    pub(crate) fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// Whether two rows have the same key, as far as it is seen without looking at long texts: `false` may also say that.
    pub(crate) fn is_seen_equal(&self, row: usize, other: usize) -> bool {
        match &self.keys {
            Keys::Numbers(numbers) => numbers[row] == numbers[other],
            Keys::Views(texts) => texts.views()[row] == texts.views()[other],
            Keys::Texts(_) | Keys::Binaries(_) | Keys::Rows(_) => false,
        }
    }

    pub(crate) fn hash(&self, row: usize) -> u128 {
        match &self.keys {
            Keys::Numbers(numbers) => xxh3_128(&numbers[row].to_le_bytes()),
            Keys::Texts(texts) => xxh3_128(texts.value(row).as_bytes()),
            Keys::Views(texts) => xxh3_128(texts.value(row).as_bytes()),
            Keys::Binaries(binaries) => xxh3_128(binaries.value(row)),
            Keys::Rows(rows) => xxh3_128(rows.row(row).as_ref()),
        }
    }

    /// Shows the key as bytes that ascend as keys do.
    pub(crate) fn with_bytes<T>(&self, row: usize, visit: impl FnOnce(&[u8]) -> T) -> T {
        match &self.keys {
            Keys::Numbers(numbers) => visit(&(numbers[row] ^ i128::MIN).to_be_bytes()),
            Keys::Texts(texts) => visit(texts.value(row).as_bytes()),
            Keys::Views(texts) => visit(texts.value(row).as_bytes()),
            Keys::Binaries(binaries) => visit(binaries.value(row)),
            Keys::Rows(rows) => visit(rows.row(row).as_ref()),
        }
    }
}

/// The keys of a plain type out of their bytes.
pub(crate) fn array_of<'a>(
    function: &str,
    plain: &DataType,
    keys: impl Iterator<Item = &'a [u8]>,
) -> Result<ArrayRef> {
    match plain {
        DataType::Utf8 => {
            match keys.map(|key| std::str::from_utf8(key).map(Some)).collect::<Result<StringArray, _>>() {
                Ok(texts) => Ok(Arc::new(texts)),
                Err(_) => damaged(function),
            }
        }
        DataType::Binary => Ok(Arc::new(BinaryArray::from_iter_values(keys))),
        _ => {
            let number = |key: &[u8]| Some(i128::from_be_bytes(<[u8; 16]>::try_from(key).ok()?) ^ i128::MIN);
            match keys.map(number).collect::<Option<Vec<i128>>>() {
                Some(numbers) => of_numbers(plain, &numbers),
                None => damaged(function),
            }
        }
    }
}

fn numbers(array: &ArrayRef) -> Result<Vec<i128>> {
    Ok(match array.data_type() {
        DataType::Boolean => array.as_boolean().values().iter().map(i128::from).collect(),
        DataType::UInt64 => widened(array.as_primitive::<UInt64Type>().values()),
        DataType::Decimal128(_, _) => array.as_primitive::<Decimal128Type>().values().to_vec(),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            let floats = cast(array, &DataType::Float64)?;
            floats.as_primitive::<Float64Type>().values().iter().map(|value| ordered(*value)).collect()
        }
        _ => widened(cast(array, &DataType::Int64)?.as_primitive::<Int64Type>().values()),
    })
}

fn widened<T: Copy + Into<i128>>(values: &[T]) -> Vec<i128> {
    values.iter().map(|value| (*value).into()).collect()
}

fn of_numbers(plain: &DataType, numbers: &[i128]) -> Result<ArrayRef> {
    let array: ArrayRef = match plain {
        DataType::Boolean => {
            Arc::new(numbers.iter().map(|number| Some(*number != 0)).collect::<BooleanArray>())
        }
        DataType::UInt64 => Arc::new(numbers.iter().map(|number| *number as u64).collect::<UInt64Array>()),
        DataType::Decimal128(_, _) => {
            let decimals: Decimal128Array = numbers.iter().map(|number| Some(*number)).collect();
            Arc::new(decimals.with_data_type(plain.clone()))
        }
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            Arc::new(numbers.iter().map(|number| unordered(*number)).collect::<Float64Array>())
        }
        DataType::Time32(_) => Arc::new(numbers.iter().map(|number| *number as i32).collect::<Int32Array>()),
        _ => Arc::new(numbers.iter().map(|number| *number as i64).collect::<Int64Array>()),
    };
    Ok(cast(&array, plain)?)
}

/// A whole number that ascends with the float.
fn ordered(value: f64) -> i128 {
    let value = if value.is_nan() { f64::NAN } else { value + 0.0 };
    let bits = value.to_bits();
    let size = i128::from(bits & !(1 << 63));
    if bits >> 63 == 1 { -size } else { size }
}

fn unordered(number: i128) -> f64 {
    let size = f64::from_bits(number.unsigned_abs() as u64);
    if number < 0 { -size } else { size }
}

fn damaged<T>(function: &str) -> Result<T> {
    exec_err!("{function}: a stored state is damaged: its keys are not of the type it names")
}

/// The hash of a key, where it stands in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hashed {
    high: u64,
    low: u64,
}

impl From<u128> for Hashed {
    fn from(hash: u128) -> Self {
        Self { high: (hash >> 64) as u64, low: hash as u64 }
    }
}

impl From<Hashed> for u128 {
    fn from(hash: Hashed) -> Self {
        u128::from(hash.high) << 64 | u128::from(hash.low)
    }
}

impl Hash for Hashed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.low);
    }
}

/// A table by hashed keys, which are not hashed once more.
pub(crate) type HashedMap<V> = HashMap<Hashed, V, BuildHasherDefault<AsItIs>>;

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Heap bytes of a table of that many entries of `T`: at most 7/8 full, one control byte a slot.
pub(crate) fn table_size<T>(capacity: usize) -> usize {
    match capacity {
        0 => 0,
        capacity => (capacity * 8 / 7).next_power_of_two() * (size_of::<T>() + 1),
    }
}
