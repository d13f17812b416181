//! `uniq_up_to(n, x, …)`: how many different values are there, as long as it is no more than `n`?
//!
//! ```text
//! n = 3      a b a      → 2          a b c d e e      → 4, which says: more than 3
//! ```
//!
//! Several x count their different combinations; a row with a NULL among them is ignored. At most `n` hashes of 16 bytes
//! a group, none once there are more.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, UInt64Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::Documentation;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::keys::{KeyColumn, plain_type};
use super::literal_in;
use crate::functions::bytes;
use crate::functions::call::Arguments;
use crate::functions::folds::{Fold, FoldFunction};

const NAME: &str = "uniq_up_to";
const MOST: i64 = 100;

/// The SQL function.
#[derive(Debug)]
pub(crate) struct UniqUpTo;

/// What a call asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Limit {
    n: usize,
    /// How many values a row combines.
    values: usize,
}

impl FoldFunction for UniqUpTo {
    const NAME: &'static str = NAME;
    const ALIASES: &'static [&'static str] = &["uniqupto"];
    type Parameters = Limit;
    type Fold = Distinct;
    type Rows = Vec<KeyColumn>;

    fn coerce_types(types: &[DataType]) -> Result<Vec<DataType>> {
        let Some((n, values)) = types.split_first().filter(|(_, values)| !values.is_empty()) else {
            return plan_err!(
                "{NAME}: needs a limit and at least one value, as in {NAME}(3, page); found {} arguments",
                types.len()
            );
        };
        if !n.is_integer() && n != &DataType::Null {
            return plan_err!(
                "{NAME}: argument 1, n, must be a literal integer from 1 to {MOST}, found {n}; write \
                 {NAME}(3, page), in one pair of brackets"
            );
        }
        for (i, value) in values.iter().enumerate() {
            if matches!(value, DataType::Struct(_)) {
                return plan_err!(
                    "{NAME}: argument {} is a struct; write its fields as values of their own, which count combined",
                    i + 2
                );
            }
            let comparable = || RowConverter::supports_fields(&[SortField::new(value.clone())]);
            if plain_type(value).is_none() && !comparable() {
                return plan_err!("{NAME}: argument {}: values of type {value} cannot be compared", i + 2);
            }
        }
        Ok(types.to_vec())
    }

    fn return_type(_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::UInt64)
    }

    fn merged_type(_ts: &DataType, _value: &DataType) -> Result<DataType> {
        Ok(DataType::UInt64)
    }

    fn read(call: &Arguments) -> Result<Limit> {
        let n = literal_in(NAME, call, (0, "n"), 1..=MOST)?;
        Ok(Limit { n, values: call.types.len() - 1 })
    }

    fn rows(limit: &Limit, values: &[ArrayRef]) -> Result<Vec<KeyColumn>> {
        values[1..=limit.values].iter().map(KeyColumn::new).collect()
    }

    fn update(limit: &Limit, columns: &Vec<KeyColumn>, row: usize, distinct: &mut Distinct) -> Result<()> {
        distinct.limit = limit.n as u8;
        if !distinct.more && !columns.iter().any(|column| column.is_null(row)) {
            distinct.insert(hash(columns, row));
        }
        Ok(())
    }

    fn update_rows(
        limit: &Limit,
        columns: &Vec<KeyColumn>,
        selected: impl Iterator<Item = usize>,
        distinct: &mut Distinct,
    ) -> Result<()> {
        let mut before = None;
        for row in selected {
            if distinct.more {
                break;
            }
            // What stands in the place of a NULL may look like a value.
            if columns.iter().any(|column| column.is_null(row)) {
                continue;
            }
            let repeats = |before| columns.iter().all(|column| column.is_seen_equal(before, row));
            if !before.is_some_and(repeats) {
                Self::update(limit, columns, row, distinct)?;
                before = Some(row);
            }
        }
        Ok(())
    }

    fn answers(limit: &Limit, groups: &[Distinct]) -> Result<ArrayRef> {
        let count = |group: &Distinct| if group.more { limit.n + 1 } else { group.hashes.len() } as u64;
        Ok(Arc::new(UInt64Array::from_iter_values(groups.iter().map(count))))
    }

    fn default_value(_data_type: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::UInt64(Some(0)))
    }

    fn documentation() -> &'static Documentation {
        &DOCUMENTATION
    }
}

/// One hash of all values of a row.
fn hash(columns: &[KeyColumn], row: usize) -> u128 {
    let mut columns = columns.iter().map(|column| column.hash(row));
    let first = columns.next().unwrap_or_default();
    columns.fold(first, |before, next| {
        let mut both = [0; 32];
        both[..16].copy_from_slice(&before.to_le_bytes());
        both[16..].copy_from_slice(&next.to_le_bytes());
        xxh3_128(&both)
    })
}

/// The different values of a group.
#[derive(Debug, Clone, Default)]
pub(crate) struct Distinct {
    /// 0 before the first row.
    limit: u8,
    /// There are more than `limit`: which ones plays no part any more.
    more: bool,
    /// Ascending.
    hashes: Vec<u128>,
}

impl Distinct {
    fn insert(&mut self, hash: u128) {
        if let Err(place) = self.hashes.binary_search(&hash) {
            if self.hashes.len() >= usize::from(self.limit) {
                self.saturate();
            } else {
                self.hashes.insert(place, hash);
            }
        }
    }

    fn saturate(&mut self) {
        self.more = true;
        self.hashes = Vec::new();
    }
}

impl Fold for Distinct {
    fn merge(&mut self, other: Self) {
        self.limit = self.limit.max(other.limit);
        if other.more {
            self.saturate();
        }
        for hash in other.hashes {
            if self.more {
                break;
            }
            self.insert(hash);
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.limit, u8::from(self.more), self.hashes.len() as u8]);
        for hash in &self.hashes {
            out.extend_from_slice(&hash.to_le_bytes());
        }
    }

    fn decode(mut from: &[u8]) -> Result<Self> {
        let (mut head, mut hashes) = ([0; 3], Vec::new());
        head.copy_from_slice(bytes::take(&mut from, 3)?);
        let [limit, more, len] = head;
        for _ in 0..len {
            let mut hash = [0; 16];
            hash.copy_from_slice(bytes::take(&mut from, 16)?);
            hashes.push(u128::from_le_bytes(hash));
        }
        if !hashes.is_sorted() || !from.is_empty() {
            return exec_err!("{NAME}: a stored state is damaged: it holds no ascending values");
        }
        Ok(Self { limit, more: more != 0, hashes })
    }

    fn heap(&self) -> usize {
        self.hashes.capacity() * size_of::<u128>()
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "How many different values are there, as long as it is no more than `n`? For questions such as \"did this \
         user see one page, two, three or more?\", which need no exact large number.\n\n\
         Result: UInt64, never NULL; n + 1 says \"more than n\"; 0 for a group without rows.\n\n\
         Several x count their different combinations. A row with a NULL among its x is ignored. 0.0 and -0.0 are one \
         value, and so are all NaN. Neither order nor repetition of rows makes a difference.\n\n\
         ```text\n\
         n = 3      a b a      → 2          a b c d e e      → 4, which says: more than 3\n\
         ```\n\n\
         Errors while planning: an n that is no literal integer from 1 to 100, no value, a value of a type that cannot \
         be compared, DISTINCT.\n\n\
         Cost: one pass, O(log n) a row; 16 bytes a different value of a group, at most n of them, and nothing once \
         there are more. Values are compared by 128-bit hashes: two of a thousand million collide with a probability \
         below 10^-20.\n\n\
         Definition: ClickHouse's `uniqUpTo(n)(x, …)`, which compares 64-bit hashes and tells -0.0 from 0.0.",
        "uniq_up_to(n, x, ...)",
    )
    .with_argument("n", "Up to how many to count: a literal integer from 1 to 100.")
    .with_argument("x, ...", "One or more values of any type but structs; several are counted as one combined value.")
    .with_alternative_syntax("uniqUpTo(n, x, ...)")
    .with_sql_example(
        "SELECT u, uniq_up_to(2, page) AS pages\n\
         FROM (VALUES ('ann', 'home'), ('ann', 'cart'), ('ann', 'home'),\n\
         \x20            ('bob', 'home'), ('bob', 'cart'), ('bob', 'pay'), ('bob', 'done')) AS t(u, page)\n\
         GROUP BY u ORDER BY u;\n\
         -- ann | 2\n\
         -- bob | 3",
    )
    .with_related_udf("sum_map")
    .build()
});
