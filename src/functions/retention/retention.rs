//! `retention(c1, …, cn [, {compatibility}])`: did this user ever satisfy the first condition, and which of the others besides?
//!
//! ```text
//! day 1: open          c1 = day 1, c2 = day 2, c3 = day 3
//! day 3: open          → [true, false, true]
//! ```
//!
//! The first value says that c1 was ever true, the i-th that c1 and ci were, in whatever order of time and on whichever
//! rows. A NULL condition is false; a group without rows gives n times false. O(1) memory a group: one bit mask.
//!
//! Most queries group by user and have about as many groups as the table has users, so the masks of a batch are made
//! column by column and a partial state is one number. [`super::retention_state`] has the states that are stored.

use std::mem::{size_of, size_of_val};
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray, ListArray, UInt64Array};
use datafusion::arrow::buffer::{BooleanBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, UInt64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, Documentation, EmitTo, Expr, GroupsAccumulator, Signature, Volatility,
};

use crate::functions::call::{self, Arguments};
use crate::functions::conditions::{self, Conditions};

const NAME: &str = "retention";

/// The SQL function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Retention {
    signature: Signature,
}

impl Retention {
    pub(crate) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for Retention {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let mut types = types.to_vec();
        let len = call::len_without_options(&types);
        conditions::coerce(NAME, &mut types, 0..len)?;
        Ok(types)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::new_list(DataType::Boolean, true))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        Some(Box::new(|call: AggregateFunction, context: &SimplifyContext| {
            let call = call::prepare(NAME, call, Some(0), context, |args| read(args).map(drop))?;
            Ok(Expr::AggregateFunction(call))
        }))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        // Over a window nothing shows how an array was made if the planner has moved it below: its length is seen then.
        let (masks, count) = Masks::read(&Arguments::of_accumulator(NAME, &args)?)?;
        Ok(Box::new(RetentionRows { masks, count, seen: Vec::new() }))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let name = format_state_name(args.name, "mask");
        Ok(vec![Arc::new(Field::new(name, DataType::UInt64, false))])
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        let (masks, count) = read(&Arguments::of_accumulator(NAME, &args)?)?;
        Ok(Box::new(RetentionGroups { masks, count, seen: Vec::new() }))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}

/// The conditions of a call and their number, which is the length of every answer.
pub(super) fn read(args: &Arguments) -> Result<(Masks, usize)> {
    match Masks::read(args)? {
        (masks, Some(count)) => Ok((masks, count)),
        (_, None) => plan_err!(
            "{NAME}: the conditions must be Boolean arguments or one array literal [c1, c2, ...], found {}",
            args.exprs[0]
        ),
    }
}

/// The conditions of each row of a batch as bits.
#[derive(Debug)]
pub(super) struct Masks {
    conditions: Conditions,
    /// As ClickHouse does: a row with a NULL in any condition does not count.
    pub(super) drop_nulls: bool,
    masks: Vec<u64>,
}

impl Masks {
    pub(super) fn new(conditions: Conditions, drop_nulls: bool) -> Self {
        Self { conditions, drop_nulls, masks: Vec::new() }
    }

    /// The number of conditions is `None` where nothing shows how an array of them was made.
    fn read(args: &Arguments) -> Result<(Self, Option<usize>)> {
        let conditions = Conditions::new(NAME, &args.exprs, &args.types, 0..args.len_without_options())?;
        let drop_nulls = args.options(NAME, &["compatibility"])?.clickhouse()?;
        let count = conditions.count();
        if drop_nulls && count == Some(1) {
            return plan_err!(
                "{NAME}: needs at least two conditions in ClickHouse's compatibility mode, found one"
            );
        }
        Ok((Self::new(conditions, drop_nulls), count))
    }

    pub(super) fn of(&mut self, values: &[ArrayRef]) -> Result<&mut [u64]> {
        self.conditions.masks(values, &mut self.masks)?;
        if let (true, Some(nulls)) = (self.drop_nulls, self.conditions.nulls(values)) {
            for row in nulls.set_indices() {
                self.masks[row] = 0;
            }
        }
        Ok(&mut self.masks)
    }

    fn size(&self) -> usize {
        self.masks.capacity() * size_of::<u64>()
    }
}

/// Many groups at once: per group, which conditions were ever true.
struct RetentionGroups {
    masks: Masks,
    count: usize,
    seen: Vec<u64>,
}

impl GroupsAccumulator for RetentionGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.seen.resize(total_num_groups, 0);
        let masks = self.masks.of(values)?;
        drop_filtered(masks, opt_filter);
        for (&group, mask) in group_indices.iter().zip(masks) {
            self.seen[group] |= *mask;
        }
        Ok(())
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> Result<()> {
        self.seen.resize(total_num_groups, 0);
        let masks = values[0].as_primitive::<UInt64Type>();
        for (&group, mask) in group_indices.iter().zip(masks.iter()) {
            self.seen[group] |= mask.unwrap_or(0);
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        answers(&emit_to.take_needed(&mut self.seen), self.count)
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let seen = emit_to.take_needed(&mut self.seen);
        Ok(vec![Arc::new(UInt64Array::from(seen))])
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let mut masks = Masks::new(self.masks.conditions.clone(), self.masks.drop_nulls);
        drop_filtered(masks.of(values)?, opt_filter);
        Ok(vec![Arc::new(UInt64Array::from(masks.masks))])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.seen.capacity() * size_of::<u64>() + self.masks.size()
    }
}

/// One group, whose rows may leave again: per condition, how many rows satisfy it.
#[derive(Debug)]
struct RetentionRows {
    masks: Masks,
    count: Option<usize>,
    seen: Vec<u64>,
}

impl RetentionRows {
    fn count_rows(&mut self, values: &[ArrayRef], change: impl Fn(u64) -> u64) -> Result<()> {
        self.count = self.count.or_else(|| self.masks.conditions.count_in(values));
        self.seen.resize(self.count.unwrap_or(0), 0);
        for &mut mask in self.masks.of(values)? {
            count_bits(&mut self.seen, mask, &change);
        }
        Ok(())
    }

    fn mask(&self) -> u64 {
        let seen = self.seen.iter().enumerate();
        seen.fold(0, |mask, (i, &rows)| mask | (u64::from(rows > 0) << i))
    }
}

fn count_bits(seen: &mut [u64], mask: u64, change: impl Fn(u64) -> u64) {
    let mut rest = mask;
    while rest != 0 {
        let rows = &mut seen[rest.trailing_zeros() as usize];
        *rows = change(*rows);
        rest &= rest - 1;
    }
}

impl Accumulator for RetentionRows {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.count_rows(values, |rows| rows + 1)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.count_rows(values, |rows| rows.saturating_sub(1))
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.seen.resize(self.count.unwrap_or(conditions::MAX_CONDITIONS), 0);
        for mask in states[0].as_primitive::<UInt64Type>().iter().flatten() {
            count_bits(&mut self.seen, mask, |rows| rows + 1);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&answers(&[self.mask()], self.count.unwrap_or(0))?, 0)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::UInt64(Some(self.mask()))])
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.seen.capacity() * size_of::<u64>() + self.masks.size()
    }
}

fn drop_filtered(masks: &mut [u64], filter: Option<&BooleanArray>) {
    if let Some(filter) = filter {
        let kept = conditions::truths(filter);
        for (row, mask) in masks.iter_mut().enumerate() {
            if !kept.value(row) {
                *mask = 0;
            }
        }
    }
}

/// One list of `count` values for each mask: its bits where the first one is set, else all false.
pub(super) fn answers(masks: &[u64], count: usize) -> Result<ArrayRef> {
    if i32::try_from(masks.len() * count).is_err() {
        return exec_err!(
            "{NAME}: more than {} values in one column of answers; raise datafusion.execution.target_partitions",
            i32::MAX
        );
    }
    let values = BooleanBuffer::collect_bool(masks.len() * count, |i| {
        let (mask, bit) = (masks[i / count], i % count);
        mask & 1 == 1 && mask & (1 << bit) != 0
    });
    Ok(Arc::new(ListArray::try_new(
        Arc::new(Field::new_list_field(DataType::Boolean, true)),
        OffsetBuffer::from_repeated_length(count, masks.len()),
        Arc::new(BooleanArray::new(values, None)),
        None,
    )?))
}

pub(super) static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "Did a user ever satisfy the first condition, and which of the others besides?\n\n\
         Result: List(Boolean) with a value for each condition. The first says that c1 was ever true, the i-th that \
         both c1 and ci were, on whichever rows and in whatever order of time; where c1 never was, all are false. A \
         group without rows gives all false, an empty window frame NULL. A NULL condition is false.\n\n\
         ```text\n\
         day 1: open          c1 = day 1, c2 = day 2, c3 = day 3\n\
         day 3: open          → [true, false, true]\n\
         ```\n\n\
         Errors while planning: no condition or more than 64, an unknown option, DISTINCT.\n\n\
         Cost: one pass, 8 bytes a group.\n\n\
         Definition: ClickHouse's `retention`, except that one condition is enough (as in Doris), that there may be 64, \
         and that ClickHouse drops a row with a NULL condition: rows (true, NULL) and (NULL, true) give [true, true] \
         here and [false, false] there, and with `compatibility: 'clickhouse'`.",
        "retention(c1, ..., cn [, {compatibility: 'clickhouse'}])",
    )
    .with_argument(
        "c1, ..., cn",
        "1 to 64 Boolean conditions, or all of them as one array literal [c1, ..., cn].",
    )
    .with_argument(
        "compatibility",
        "Option: 'clickhouse' drops rows with a NULL condition and wants two conditions at least; 'none' does not. Else \
         footfall.compatibility.",
    )
    .with_sql_example(
        "SELECT u, retention(d = DATE '2026-01-01', d = DATE '2026-01-02', d = DATE '2026-01-03') AS came\n\
         FROM (VALUES ('ann', DATE '2026-01-01'), ('ann', DATE '2026-01-03')) AS t(u, d)\n\
         GROUP BY u;\n\
         -- ann | [true, false, true]",
    )
    .with_related_udf("retention_rollup")
    .build()
});
