//! `sum_map(keys, values [, {keep_zero: …}])`, `sum_map(map)`: the sum of the values of each key, over all rows.
//!
//! ```text
//! [a, b]  [1, 2]
//! [b, c]  [-2, 4]      → {a: 1, b: 0, c: 4}
//! ```
//!
//! Sums are exact: whole numbers are added in 128 bits, floats without rounding until the answer, so no order of rows or
//! partitions changes a digit. A NULL list adds nothing, nor does a pair with a NULL. About 100 bytes a key of a group.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, MapArray, PrimitiveArray, StructArray, UInt64Array,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, Fields, Float64Type, Int64Type, UInt64Type,
};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::Documentation;
use serde::{Deserialize, Serialize};

use super::exact_sum::ExactSum;
use super::keys::{ACCEPTED_KEYS, KeyColumn, array_of, plain_type};
use super::small_map::SmallMap;
use crate::error::footfall_internal_err;
use crate::functions::bytes;
use crate::functions::call::{self, Arguments};
use crate::functions::folds::{Fold, FoldFunction};
use crate::functions::time::type_name;

const NAME: &str = "sum_map";

/// The SQL function.
#[derive(Debug)]
pub(crate) struct SumMap;

/// What a call asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct MapOf {
    #[serde(with = "type_name")]
    key: DataType,
    #[serde(with = "type_name")]
    value: DataType,
    #[serde(default)]
    keep_zero: bool,
}

impl FoldFunction for SumMap {
    const NAME: &'static str = NAME;
    const ALIASES: &'static [&'static str] = &["summap"];
    type Parameters = MapOf;
    type Fold = Sums;
    type Rows = Pairs;

    fn coerce_types(types: &[DataType]) -> Result<Vec<DataType>> {
        let mut types = types.to_vec();
        let len = call::len_without_options(&types);
        match &mut types[..len] {
            [map @ DataType::Null] => *map = map_type(DataType::Utf8, DataType::Int64),
            [DataType::Map(_, _)] => {}
            [keys, values] => {
                *keys = list_type(keys, 1, "keys", &DataType::Utf8)?;
                *values = list_type(values, 2, "values", &DataType::Int64)?;
            }
            other => {
                let found: Vec<String> = other.iter().map(ToString::to_string).collect();
                return plan_err!(
                    "{NAME}: takes a list of keys and a list of values, as in {NAME}(keys, values), or one map; \
                     found ({})",
                    found.join(", ")
                );
            }
        }
        let (key, value) = item_types(&types)?;
        summed_type(&value)?;
        if plain_type(&key).is_none() {
            return plan_err!("{NAME}: argument 1: the keys must be {ACCEPTED_KEYS}; found {key}");
        }
        Ok(types)
    }

    fn return_type(types: &[DataType]) -> Result<DataType> {
        let (key, value) = item_types(types)?;
        Ok(map_type(plain_type(&key).unwrap_or(key), summed_type(&value)?))
    }

    fn merged_type(_ts: &DataType, value: &DataType) -> Result<DataType> {
        Ok(match value {
            DataType::Map(_, _) => value.clone(),
            key => map_type(plain_type(key).unwrap_or(DataType::Utf8), DataType::Int64),
        })
    }

    fn read(call: &Arguments) -> Result<MapOf> {
        let options = call.options(NAME, &["keep_zero", "compatibility"])?;
        let (key, value) = item_types(&call.types)?;
        // ClickHouse drops the keys whose sum is 0 where they come in lists, and keeps them where they come in maps.
        let like_clickhouse = options.clickhouse()? && call.len_without_options() == 2;
        Ok(MapOf {
            key: plain_type(&key).unwrap_or(key),
            value: summed_type(&value)?,
            keep_zero: options.bool("keep_zero")?.unwrap_or(!like_clickhouse),
        })
    }

    fn rows(map: &MapOf, values: &[ArrayRef]) -> Result<Pairs> {
        Pairs::new(map, values)
    }

    fn update(_map: &MapOf, pairs: &Pairs, row: usize, sums: &mut Sums) -> Result<()> {
        let Some((keys, values)) = pairs.of_row(row)? else {
            return Ok(());
        };
        for (key, value) in keys.zip(values) {
            if pairs.keys.is_null(key) || pairs.values.is_null(value) {
                continue;
            }
            pairs.keys.with_bytes(key, |key| sums.add(key, pairs.values.at(value)));
        }
        Ok(())
    }

    fn answers(map: &MapOf, groups: &[Sums]) -> Result<ArrayRef> {
        let keep_zero = map.keep_zero;
        let kept = move |sum: &Sum| keep_zero || !sum.is_zero();
        let entries = || groups.iter().flat_map(|group| group.sums.iter()).filter(move |(_, sum)| kept(sum));
        if i32::try_from(entries().count()).is_err() {
            return exec_err!(
                "{NAME}: more than {} keys in one column of answers; raise datafusion.execution.target_partitions",
                i32::MAX
            );
        }
        let keys = array_of(NAME, &map.key, entries().map(|(key, _)| key))?;
        let sums = entries().map(|(_, sum)| sum);
        let values: ArrayRef = match map.value {
            DataType::Float64 => Arc::new(sums.map(Sum::real).collect::<Float64Array>()),
            DataType::UInt64 => Arc::new(whole::<UInt64Type>(sums, &keys)?),
            _ => Arc::new(whole::<Int64Type>(sums, &keys)?),
        };
        let lengths = groups.iter().map(|group| group.sums.values().filter(|sum| kept(sum)).count());
        let DataType::Map(field, ordered) = map_type(map.key.clone(), map.value.clone()) else {
            return footfall_internal_err!("{NAME} answers with a map");
        };
        let DataType::Struct(fields) = field.data_type().clone() else {
            return footfall_internal_err!("a map holds structs");
        };
        let entries = StructArray::try_new(fields, vec![keys, values], None)?;
        Ok(Arc::new(MapArray::try_new(field, OffsetBuffer::from_lengths(lengths), entries, None, ordered)?))
    }

    fn default_value(data_type: &DataType) -> Result<ScalarValue> {
        let DataType::Map(field, ordered) = data_type else {
            return footfall_internal_err!("{NAME} has the result type {data_type}");
        };
        let DataType::Struct(fields) = field.data_type().clone() else {
            return footfall_internal_err!("a map holds structs, found {}", field.data_type());
        };
        let (offsets, entries) = (OffsetBuffer::from_lengths([0]), StructArray::new_null(fields, 0));
        Ok(ScalarValue::Map(Arc::new(MapArray::try_new(
            Arc::clone(field),
            offsets,
            entries,
            None,
            *ordered,
        )?)))
    }

    fn documentation() -> &'static Documentation {
        &DOCUMENTATION
    }
}

/// As DataFusion's own maps are typed.
fn map_type(key: DataType, value: DataType) -> DataType {
    let fields = Fields::from(vec![Field::new("key", key, false), Field::new("value", value, true)]);
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(fields), false)), false)
}

fn list_type(found: &DataType, place: usize, name: &str, untyped: &DataType) -> Result<DataType> {
    let item = match found {
        DataType::Null => untyped,
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            match item.data_type() {
                DataType::Null => untyped,
                typed => typed,
            }
        }
        other => {
            return plan_err!("{NAME}: argument {place}, {name}, must be a list, found {other}");
        }
    };
    Ok(DataType::new_list(item.clone(), true))
}

/// The types of a key and of a value, out of the coerced types of the arguments.
fn item_types(types: &[DataType]) -> Result<(DataType, DataType)> {
    match &types[..call::len_without_options(types)] {
        [DataType::Map(field, _)] => match field.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => {
                Ok((fields[0].data_type().clone(), fields[1].data_type().clone()))
            }
            other => footfall_internal_err!("a map holds pairs, found {other}"),
        },
        [DataType::List(keys), DataType::List(values)] => {
            Ok((keys.data_type().clone(), values.data_type().clone()))
        }
        _ => plan_err!("{NAME}: takes a list of keys and a list of values, or one map"),
    }
}

/// The type of a sum.
fn summed_type(value: &DataType) -> Result<DataType> {
    match value {
        DataType::Null => Ok(DataType::Int64),
        unsigned if unsigned.is_unsigned_integer() => Ok(DataType::UInt64),
        signed if signed.is_integer() => Ok(DataType::Int64),
        float if float.is_floating() => Ok(DataType::Float64),
        other => plan_err!("{NAME}: the values must be integers or floats, found {other}"),
    }
}

/// The pairs of one batch.
pub(crate) struct Pairs {
    keys: KeyColumn,
    values: Values,
    key_lists: Lists,
    value_lists: Lists,
}

/// Where the items of each row stand.
struct Lists {
    offsets: OffsetBuffer<i32>,
    nulls: Option<NullBuffer>,
}

enum Values {
    Signed(Int64Array),
    Unsigned(UInt64Array),
    Real(Float64Array),
}

impl Pairs {
    fn new(map: &MapOf, values: &[ArrayRef]) -> Result<Self> {
        let (keys, items, key_lists, value_lists) = if let Some(maps) = values[0].as_map_opt() {
            let lists = || Lists { offsets: maps.offsets().clone(), nulls: maps.nulls().cloned() };
            (Arc::clone(maps.keys()), Arc::clone(maps.values()), lists(), lists())
        } else {
            let (keys, values) = (values[0].as_list::<i32>(), values[1].as_list::<i32>());
            let key_lists = Lists { offsets: keys.offsets().clone(), nulls: keys.nulls().cloned() };
            let value_lists = Lists { offsets: values.offsets().clone(), nulls: values.nulls().cloned() };
            (Arc::clone(keys.values()), Arc::clone(values.values()), key_lists, value_lists)
        };
        let items = cast(&value_lists.used(&items), &map.value)?;
        let values = match map.value {
            DataType::Float64 => Values::Real(items.as_primitive::<Float64Type>().clone()),
            DataType::UInt64 => Values::Unsigned(items.as_primitive::<UInt64Type>().clone()),
            _ => Values::Signed(items.as_primitive::<Int64Type>().clone()),
        };
        Ok(Self { keys: KeyColumn::new(&key_lists.used(&keys))?, values, key_lists, value_lists })
    }

    /// Where the keys and the values of a row stand; `None` for a row without them.
    fn of_row(&self, row: usize) -> Result<Option<(Range<usize>, Range<usize>)>> {
        let (Some(keys), Some(values)) = (self.key_lists.row(row), self.value_lists.row(row)) else {
            return Ok(None);
        };
        if keys.len() != values.len() {
            return exec_err!(
                "{NAME}: a row has {} keys and {} values; there must be one value for each key",
                keys.len(),
                values.len()
            );
        }
        Ok(Some((keys, values)))
    }
}

impl Lists {
    /// The items that rows refer to: a batch may be a slice of a larger one.
    fn used(&self, items: &ArrayRef) -> ArrayRef {
        let (first, last) = (self.offsets[0] as usize, self.offsets[self.offsets.len() - 1] as usize);
        items.slice(first, last - first)
    }

    fn row(&self, row: usize) -> Option<Range<usize>> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return None;
        }
        let first = self.offsets[0];
        Some((self.offsets[row] - first) as usize..(self.offsets[row + 1] - first) as usize)
    }
}

impl Values {
    fn is_null(&self, item: usize) -> bool {
        match self {
            Values::Signed(values) => values.is_null(item),
            Values::Unsigned(values) => values.is_null(item),
            Values::Real(values) => values.is_null(item),
        }
    }

    fn at(&self, item: usize) -> Number {
        match self {
            Values::Signed(values) => Number::Whole(values.value(item).into()),
            Values::Unsigned(values) => Number::Whole(values.value(item).into()),
            Values::Real(values) => Number::Real(values.value(item)),
        }
    }
}

#[derive(Clone, Copy)]
enum Number {
    Whole(i128),
    Real(f64),
}

/// The sums of one group, by the bytes of their keys.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sums {
    sums: SmallMap<Sum>,
    /// Bytes of the parts of float sums.
    bytes: usize,
}

#[derive(Debug, Clone)]
enum Sum {
    Whole(i128),
    Real(ExactSum),
}

impl Sums {
    fn add(&mut self, key: &[u8], value: Number) {
        if let Some(sum) = self.sums.get_mut(key) {
            let before = sum.heap();
            match (sum, value) {
                (Sum::Whole(sum), Number::Whole(value)) => *sum = sum.saturating_add(value),
                (Sum::Real(sum), Number::Real(value)) => {
                    sum.add(value);
                    self.bytes += sum.heap() - before;
                }
                // One group has sums of one kind.
                _ => {}
            }
            return;
        }
        let sum = match value {
            Number::Whole(value) => Sum::Whole(value),
            Number::Real(value) => {
                let mut sum = ExactSum::default();
                sum.add(value);
                Sum::Real(sum)
            }
        };
        self.insert(key, sum);
    }

    fn insert(&mut self, key: &[u8], sum: Sum) {
        self.bytes += sum.heap();
        self.sums.insert(key, sum);
    }
}

impl Sum {
    fn is_zero(&self) -> bool {
        match self {
            Sum::Whole(sum) => *sum == 0,
            Sum::Real(sum) => sum.value() == 0.0,
        }
    }

    fn real(&self) -> f64 {
        match self {
            Sum::Whole(sum) => *sum as f64,
            Sum::Real(sum) => sum.value(),
        }
    }

    fn heap(&self) -> usize {
        match self {
            Sum::Whole(_) => 0,
            Sum::Real(sum) => sum.heap(),
        }
    }
}

/// Whole sums in the type of the answer, or an error that names the key whose sum does not fit.
fn whole<'a, T>(sums: impl Iterator<Item = &'a Sum>, keys: &ArrayRef) -> Result<PrimitiveArray<T>>
where
    T: ArrowPrimitiveType,
    T::Native: TryFrom<i128>,
{
    let mut values = Vec::with_capacity(keys.len());
    for sum in sums {
        let Sum::Whole(sum) = sum else {
            return exec_err!("{NAME}: a stored state is damaged: its sums are not of the type it names");
        };
        let Ok(value) = T::Native::try_from(*sum) else {
            let key = ScalarValue::try_from_array(keys, values.len())?;
            return exec_err!("{NAME}: the sum of key {key} is {sum}, which is beyond {}", T::DATA_TYPE);
        };
        values.push(value);
    }
    Ok(PrimitiveArray::from_iter_values(values))
}

impl Fold for Sums {
    fn merge(&mut self, other: Self) {
        other.sums.for_each(|key, sum| match self.sums.get_mut(key) {
            None => self.insert(key, sum),
            Some(mine) => {
                let before = mine.heap();
                match (mine, sum) {
                    (Sum::Whole(mine), Sum::Whole(sum)) => *mine = mine.saturating_add(sum),
                    (Sum::Real(mine), Sum::Real(sum)) => {
                        mine.merge(&sum);
                        self.bytes += mine.heap() - before;
                    }
                    // States of other parameters never meet.
                    _ => {}
                }
            }
        });
    }

    fn encode(&self, out: &mut Vec<u8>) {
        bytes::write_number(out, self.sums.len() as u64);
        for (key, sum) in self.sums.iter() {
            bytes::write_number(out, key.len() as u64);
            out.extend_from_slice(key);
            match sum {
                Sum::Whole(sum) => {
                    out.push(0);
                    out.extend_from_slice(&sum.to_le_bytes());
                }
                Sum::Real(sum) => {
                    let (flags, first, limbs) = sum.parts();
                    out.extend_from_slice(&[1, flags, first, limbs.len() as u8]);
                    limbs.iter().for_each(|limb| out.extend_from_slice(&limb.to_le_bytes()));
                }
            }
        }
    }

    fn decode(mut from: &[u8]) -> Result<Self> {
        let mut sums = Self::default();
        for _ in 0..bytes::read_number(&mut from)? {
            let length = bytes::read_number(&mut from)?;
            let key = bytes::take(&mut from, length)?;
            let sum = match bytes::take(&mut from, 1)? {
                [0] => Sum::Whole(i128::from_le_bytes(array(&mut from)?)),
                _ => {
                    let [flags, first, len] = array(&mut from)?;
                    let mut limbs = Vec::with_capacity(len.into());
                    for _ in 0..len {
                        limbs.push(u64::from_le_bytes(array(&mut from)?));
                    }
                    if usize::from(first) + limbs.len() > 64 {
                        return exec_err!("{NAME}: a stored state is damaged: a sum beyond all numbers");
                    }
                    Sum::Real(ExactSum::from_parts(flags, first, limbs))
                }
            };
            sums.insert(key, sum);
        }
        if !from.is_empty() {
            return exec_err!("{NAME}: a stored state is damaged: {} bytes follow its end", from.len());
        }
        Ok(sums)
    }

    fn heap(&self) -> usize {
        self.bytes + self.sums.heap()
    }
}

fn array<const N: usize>(from: &mut &[u8]) -> Result<[u8; N]> {
    let mut array = [0; N];
    array.copy_from_slice(bytes::take(from, N as u64)?);
    Ok(array)
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "The sum of the values of each key, over all rows: sums of many small maps in one pass, without one row a key.\n\n\
         Result: Map(key type, value type), never NULL, keys ascending; empty for a group without rows. Sums of signed \
         integers are Int64, of unsigned ones UInt64, of floats Float64; text keys are Utf8 whatever form they came \
         in.\n\n\
         A key may occur more than once in a row. A NULL list (or map) adds nothing, nor does a pair whose key or \
         value is NULL. A key whose sum is 0 stays, unless `keep_zero` is false. Sums are exact until the answer \
         (a float is rounded once, to the nearest), so neither order nor partitions make a difference; a sum with NaN \
         or with both infinities is NaN. 0.0 and -0.0 are one key, and so are all NaN.\n\n\
         ```text\n\
         [a, b]  [1, 2]\n\
         [b, c]  [-2, 4]      → {a: 1, b: 0, c: 4}\n\
         ```\n\n\
         Errors while planning: keys or values that are no lists, keys of a nested type, values that are no numbers, an \
         unknown option, DISTINCT. Errors while running: a row with more keys than values or fewer, a sum beyond Int64 \
         or UInt64.\n\n\
         Cost: one pass, O(log keys) a pair; about 100 bytes a key of a group and the key itself.\n\n\
         Definition: ClickHouse's `sumMap`, which answers lists with a pair of lists, lets sums wrap around and drops \
         keys whose sum is 0 (from lists; it keeps them from maps): with footfall.compatibility = 'clickhouse' they are \
         dropped too. It has a NULL key of its own; here a map has none.",
        "sum_map(keys, values [, {keep_zero: true}]), sum_map(map [, {keep_zero: true}])",
    )
    .with_argument(
        "keys",
        "A list of text, binary, Booleans, numbers, dates, times or timestamps.",
    )
    .with_argument("values", "A list of integers or floats, as long as `keys`.")
    .with_argument("map", "Both in one Map, instead of two lists.")
    .with_argument("keep_zero", "Option: whether keys stay whose sum is 0; true unless ClickHouse's answers are asked for.")
    .with_argument("compatibility", "Option: 'clickhouse' drops keys whose sum is 0; by default footfall.compatibility.")
    .with_alternative_syntax("sumMap(keys, values)")
    .with_sql_example(
        "SELECT sum_map(keys, vals) AS sums\n\
         FROM (VALUES (['a', 'b'], [1, 2]), (['b', 'c'], [-2, 4])) AS t(keys, vals);\n\
         -- {a: 1, b: 0, c: 4}",
    )
    .with_related_udf("uniq_up_to")
    .build()
});
