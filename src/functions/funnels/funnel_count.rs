//! `funnel_count(user, c1, …, cn)`: how many users ever satisfied c1, how many c1 and c2, … and all of them?
//!
//! ```text
//! user 1: a b     user 2: b a     user 3: a c     user 4: b      → [3, 2, 0] over a, b, c
//! ```
//!
//! Sets, without time: a user counts for step k once c1, …, ck were each true on some row of theirs, in whatever order.
//! It needs no GROUP BY user. About 30 bytes a user who satisfies any condition, and twice that while the table grows.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, Int64Array, ListArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::Documentation;
use serde::{Deserialize, Serialize};

use crate::functions::bytes;
use crate::functions::call::{self, Arguments};
use crate::functions::conditions::{self, Conditions, stored_count};
use crate::functions::counts::keys::{Hashed, HashedMap, KeyColumn, plain_type, table_size};
use crate::functions::folds::{Fold, FoldFunction};

const NAME: &str = "funnel_count";

/// The SQL function.
#[derive(Debug)]
pub(crate) struct FunnelCount;

/// What a call asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Steps {
    #[serde(deserialize_with = "stored_count")]
    steps: usize,
}

/// Who the users of a batch are, and what each row satisfies.
pub(crate) struct UserRows {
    users: KeyColumn,
    masks: Vec<u64>,
}

impl FoldFunction for FunnelCount {
    const NAME: &'static str = NAME;
    const ALIASES: &'static [&'static str] = &["funnelcount"];
    const CONDITIONS: Option<usize> = Some(1);
    type Parameters = Steps;
    type Fold = Users;
    type Rows = UserRows;

    fn coerce_types(types: &[DataType]) -> Result<Vec<DataType>> {
        let len = call::len_without_options(types);
        if len < 2 {
            return plan_err!(
                "{NAME}: needs a user and at least one condition, as in {NAME}(user_id, c1, c2); found {len} arguments"
            );
        }
        if len < types.len() {
            return plan_err!("{NAME}: takes no options, found {}", types[len]);
        }
        let user = &types[0];
        let comparable = || RowConverter::supports_fields(&[SortField::new(user.clone())]);
        if plain_type(user).is_none() && !comparable() {
            return plan_err!("{NAME}: argument 1, user: values of type {user} cannot be compared");
        }
        let mut types = types.to_vec();
        conditions::coerce(NAME, &mut types, 1..len)?;
        Ok(types)
    }

    fn return_type(_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::new_list(DataType::Int64, true))
    }

    fn merged_type(_ts: &DataType, _value: &DataType) -> Result<DataType> {
        Self::return_type(&[])
    }

    fn read(call: &Arguments) -> Result<Steps> {
        match Conditions::new(NAME, &call.exprs, &call.types, 1..call.types.len())?.count() {
            Some(steps) => Ok(Steps { steps }),
            None => plan_err!(
                "{NAME}: the conditions must be Boolean arguments or one array literal [c1, c2, ...], found {}",
                call.exprs[1]
            ),
        }
    }

    fn rows(steps: &Steps, values: &[ArrayRef]) -> Result<UserRows> {
        let conditions = match values[1].data_type() {
            DataType::List(_) => Conditions::List { argument: 1, len: Some(steps.steps) },
            _ => Conditions::Arguments(1..1 + steps.steps),
        };
        let mut masks = Vec::new();
        conditions.masks(values, &mut masks)?;
        Ok(UserRows { users: KeyColumn::new(&values[0])?, masks })
    }

    fn update(_steps: &Steps, rows: &UserRows, row: usize, users: &mut Users) -> Result<()> {
        let mask = rows.masks[row];
        if mask != 0 && !rows.users.is_null(row) {
            users.add(rows.users.hash(row).into(), mask);
        }
        Ok(())
    }

    fn update_rows(
        _steps: &Steps,
        rows: &UserRows,
        selected: impl Iterator<Item = usize>,
        users: &mut Users,
    ) -> Result<()> {
        let counting = selected.filter(|&row| rows.masks[row] != 0 && !rows.users.is_null(row));
        // Where a table is in order of users, the many rows of one are one look at the table of users.
        let mut run: Option<(usize, u64)> = None;
        for row in counting {
            match &mut run {
                Some((first, mask)) if rows.users.is_seen_equal(*first, row) => *mask |= rows.masks[row],
                _ => {
                    if let Some((first, mask)) = run.replace((row, rows.masks[row])) {
                        users.add(rows.users.hash(first).into(), mask);
                    }
                }
            }
        }
        if let Some((first, mask)) = run {
            users.add(rows.users.hash(first).into(), mask);
        }
        Ok(())
    }

    fn answers(steps: &Steps, groups: &[Users]) -> Result<ArrayRef> {
        let steps = steps.steps;
        if i32::try_from(groups.len() * steps).is_err() {
            return exec_err!(
                "{NAME}: more than {} counts in one column of answers; raise datafusion.execution.target_partitions",
                i32::MAX
            );
        }
        let mut counts = Vec::with_capacity(groups.len() * steps);
        for group in groups {
            let first = counts.len();
            counts.resize(first + steps, 0_i64);
            for mask in group.0.values() {
                // Steps count until the first one that was never satisfied.
                if let Some(last) = (mask.trailing_ones() as usize).min(steps).checked_sub(1) {
                    counts[first + last] += 1;
                }
            }
            for step in (first + 1..first + steps).rev() {
                counts[step - 1] += counts[step];
            }
        }
        Ok(Arc::new(ListArray::try_new(
            Arc::new(Field::new_list_field(DataType::Int64, true)),
            OffsetBuffer::from_repeated_length(steps, groups.len()),
            Arc::new(Int64Array::from(counts)),
            None,
        )?))
    }

    fn default_value(data_type: &DataType) -> Result<ScalarValue> {
        ScalarValue::try_from(data_type)
    }

    fn documentation() -> &'static Documentation {
        &DOCUMENTATION
    }
}

/// Per user, which conditions were ever true.
#[derive(Debug, Clone, Default)]
pub(crate) struct Users(HashedMap<u64>);

impl Users {
    fn add(&mut self, user: Hashed, mask: u64) {
        *self.0.entry(user).or_default() |= mask;
    }
}

impl Fold for Users {
    fn merge(&mut self, mut other: Self) {
        if other.0.len() > self.0.len() {
            std::mem::swap(self, &mut other);
        }
        for (user, mask) in other.0 {
            self.add(user, mask);
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut users: Vec<(Hashed, u64)> = self.0.iter().map(|(user, mask)| (*user, *mask)).collect();
        // In their own order, so that equal sets are equal bytes.
        users.sort_unstable();
        bytes::write_number(out, users.len() as u64);
        for (user, mask) in users {
            out.extend_from_slice(&u128::from(user).to_le_bytes());
            bytes::write_number(out, mask);
        }
    }

    fn decode(mut from: &[u8]) -> Result<Self> {
        let mut users = Self::default();
        let count = bytes::read_number(&mut from)?;
        // A user takes 17 bytes or more: a damaged count reserves no more memory than there are bytes.
        users.0.reserve((count as usize).min(from.len() / 17));
        for _ in 0..count {
            let mut user = [0; 16];
            user.copy_from_slice(bytes::take(&mut from, 16)?);
            users.add(u128::from_le_bytes(user).into(), bytes::read_number(&mut from)?);
        }
        if !from.is_empty() {
            return exec_err!("{NAME}: a stored state is damaged: {} bytes follow its end", from.len());
        }
        Ok(users)
    }

    fn heap(&self) -> usize {
        table_size::<(Hashed, u64)>(self.0.capacity())
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "How many users ever satisfied c1, how many c1 and c2, and so on to all of them? A funnel of sets: time and \
         order play no part, and it needs no GROUP BY user.\n\n\
         Result: List(Int64) with a count for each condition, never ascending. A user counts at place k when each of \
         c1, ..., ck was true on some row of theirs, on one row or on many. A group without rows gives zeros, an empty \
         window frame NULL. A row whose user is NULL is ignored, a NULL condition is false.\n\n\
         ```text\n\
         user 1: a b     user 2: b a     user 3: a c     user 4: b      → [3, 2, 0] over a, b, c\n\
         ```\n\n\
         Errors while planning: no condition or more than 64, a user of a type that cannot be compared, DISTINCT.\n\n\
         Cost: one pass, O(1) a row; 25 bytes a slot of a table of the users who satisfied any condition, which is \
         about half full. Users are compared by 128-bit hashes: two of a thousand million collide with a probability \
         below 10^-20.\n\n\
         Definition: Pinot's `FUNNEL_COUNT(STEPS(c1, ..., cn), CORRELATE_BY(user))` over exact sets. For steps in \
         order of time use `window_funnel` for each user and `funnel_rollup` over them.",
        "funnel_count(user, c1, ..., cn)",
    )
    .with_argument("user", "Who did it: a value of any type.")
    .with_argument(
        "c1, ..., cn",
        "1 to 64 Boolean conditions, or all of them as one array literal [c1, ..., cn].",
    )
    .with_sql_example(
        "SELECT funnel_count(u, e = 'a', e = 'b', e = 'c') AS users\n\
         FROM (VALUES (1, 'a'), (1, 'b'), (2, 'b'), (2, 'a'), (3, 'a'), (3, 'c'), (4, 'b')) AS t(u, e);\n\
         -- [3, 2, 0]",
    )
    .with_related_udf("funnel_rollup")
    .build()
});
