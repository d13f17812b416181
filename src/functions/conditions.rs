//! The conditions of a call as one bit mask a row: which steps does this event satisfy?
//!
//! Conditions are Boolean arguments, or one array of Booleans. Bit `i` stands for condition `i + 1`; NULL is false.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::physical_expr::expressions::{CastExpr, Literal};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// As many conditions as a mask has bits.
pub(crate) const MAX_CONDITIONS: usize = 64;

/// A number of conditions as a stored state says it: bytes that were changed must not ask for memory without bound.
pub(crate) fn stored_count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let count = usize::deserialize(deserializer)?;
    if (1..=MAX_CONDITIONS).contains(&count) {
        Ok(count)
    } else {
        Err(D::Error::custom(format!("{count} conditions, possible are 1 to {MAX_CONDITIONS}")))
    }
}

/// Where the conditions of a call stand among its arguments.
#[derive(Debug, Clone)]
pub(crate) enum Conditions {
    Arguments(Range<usize>),
    /// One array; its length is known when the call shows how it is made.
    List {
        argument: usize,
        len: Option<usize>,
    },
}

impl Conditions {
    /// Reads the conditions out of the arguments at `range`, whose types coercion has already checked.
    pub(crate) fn new(
        function: &str,
        exprs: &[Arc<dyn PhysicalExpr>],
        types: &[DataType],
        range: Range<usize>,
    ) -> Result<Self> {
        let conditions = match types.get(range.start) {
            Some(DataType::List(_)) if range.len() == 1 => {
                Conditions::List { argument: range.start, len: list_len(&exprs[range.start]) }
            }
            _ => Conditions::Arguments(range),
        };
        if let Some(count) = conditions.count() {
            check_count(function, count)?;
        }
        Ok(conditions)
    }

    pub(crate) fn count(&self) -> Option<usize> {
        match self {
            Conditions::Arguments(range) => Some(range.len()),
            Conditions::List { len, .. } => *len,
        }
    }

    /// As [`Conditions::count`], told by the first array where the call does not show it.
    pub(crate) fn count_in(&self, values: &[ArrayRef]) -> Option<usize> {
        match self {
            Conditions::List { argument, len: None } => {
                values[*argument].as_list::<i32>().iter().flatten().next().map(|list| list.len())
            }
            _ => self.count(),
        }
    }

    /// Fills `masks` with one mask for each row of the evaluated arguments.
    ///
    /// Tried: one pass over a text column for all conditions on it, in place of a Boolean array each. It saved 3 % of a funnel.
    pub(crate) fn masks(&self, values: &[ArrayRef], masks: &mut Vec<u64>) -> Result<()> {
        masks.clear();
        match self {
            Conditions::Arguments(range) => {
                masks.resize(values[range.start].len(), 0);
                for (bit, array) in values[range.clone()].iter().enumerate() {
                    // A NULL literal is the one argument that may arrive without the type of a Boolean.
                    let Some(array) = array.as_boolean_opt() else {
                        continue;
                    };
                    for row in truths(array).set_indices() {
                        masks[row] |= 1 << bit;
                    }
                }
            }
            Conditions::List { argument, .. } => {
                let lists = values[*argument].as_list::<i32>();
                let truths = truths(lists.values().as_boolean());
                let offsets = lists.value_offsets();
                masks.extend((0..lists.len()).map(|_| 0));
                for (row, mask) in masks.iter_mut().enumerate() {
                    if lists.is_null(row) {
                        continue;
                    }
                    let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
                    if end - start > MAX_CONDITIONS {
                        return exec_err!(
                            "an array of conditions holds {} values, at most {MAX_CONDITIONS} are possible",
                            end - start
                        );
                    }
                    for bit in 0..end - start {
                        *mask |= u64::from(truths.value(start + bit)) << bit;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Conditions {
    /// The rows all of whose conditions are NULL; `None` where there is none.
    pub(crate) fn all_null(&self, values: &[ArrayRef]) -> Option<BooleanBuffer> {
        match self {
            Conditions::Arguments(range) => {
                let mut all: Option<BooleanBuffer> = None;
                for array in &values[range.clone()] {
                    let null = null_rows(array)?;
                    all = Some(match all {
                        Some(all) => &all & &null,
                        None => null,
                    });
                }
                all
            }
            Conditions::List { argument, .. } => {
                let lists = values[*argument].as_list::<i32>();
                let is_null =
                    |row| lists.is_null(row) || lists.value(row).null_count() == lists.value(row).len();
                Some((0..lists.len()).map(is_null).collect())
            }
        }
    }

    /// The rows of which a condition is NULL; `None` where there is none.
    pub(crate) fn nulls(&self, values: &[ArrayRef]) -> Option<BooleanBuffer> {
        match self {
            Conditions::Arguments(range) => {
                values[range.clone()].iter().filter_map(null_rows).reduce(|some, more| &some | &more)
            }
            Conditions::List { argument, .. } => {
                let lists = values[*argument].as_list::<i32>();
                let is_null = |row| lists.is_null(row) || lists.value(row).null_count() > 0;
                Some((0..lists.len()).map(is_null).collect())
            }
        }
    }
}

/// The rows that are NULL; `None` where there is none.
pub(crate) fn null_rows(array: &ArrayRef) -> Option<BooleanBuffer> {
    let nulls = array.logical_nulls().filter(|nulls| nulls.null_count() > 0)?;
    Some(!nulls.inner())
}

/// True where the value is true: neither false nor NULL.
pub(crate) fn truths(array: &BooleanArray) -> BooleanBuffer {
    match array.nulls() {
        Some(nulls) => array.values() & nulls.inner(),
        None => array.values().clone(),
    }
}

/// The types that the conditions at `range` are coerced to.
pub(crate) fn coerce(function: &str, types: &mut [DataType], range: Range<usize>) -> Result<()> {
    let count = range.len();
    let first = range.start;
    for (i, data_type) in types[range].iter_mut().enumerate() {
        *data_type = match &*data_type {
            DataType::Boolean | DataType::Null => DataType::Boolean,
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _)
                if count == 1 && matches!(item.data_type(), DataType::Boolean | DataType::Null) =>
            {
                DataType::new_list(DataType::Boolean, true)
            }
            other => {
                return plan_err!(
                    "{function}: argument {} must be a Boolean condition, or all conditions together one array \
                     [c1, c2, ...]; found {other}",
                    first + i + 1
                );
            }
        };
    }
    check_count(function, count)
}

/// Writes the conditions of `[c1, c2]` as arguments, so that no array is built for each row. The arguments before `from`
/// are no conditions.
pub(crate) fn flatten_arrays(args: Vec<Expr>, from: usize, schema: &DFSchema) -> Vec<Expr> {
    let is_condition = |expr: &Expr| matches!(expr.get_type(schema), Ok(DataType::Boolean | DataType::Null));
    let mut flat = Vec::with_capacity(args.len());
    for (i, arg) in args.into_iter().enumerate() {
        match arg {
            before if i < from => flat.push(before),
            Expr::ScalarFunction(call)
                if call.func.name() == "make_array"
                    && !call.args.is_empty()
                    && call.args.iter().all(is_condition) =>
            {
                flat.extend(call.args);
            }
            Expr::Literal(ScalarValue::List(list), _)
                if list.len() == 1
                    && list.is_valid(0)
                    && list.value_type() == DataType::Boolean
                    && !list.value(0).is_empty() =>
            {
                let items = list.value(0);
                flat.extend(
                    items.as_boolean().iter().map(|value| Expr::Literal(ScalarValue::Boolean(value), None)),
                );
            }
            other => flat.push(other),
        }
    }
    flat
}

fn list_len(expr: &Arc<dyn PhysicalExpr>) -> Option<usize> {
    if let Some(cast) = expr.downcast_ref::<CastExpr>() {
        return list_len(cast.expr());
    }
    if let Some(literal) = expr.downcast_ref::<Literal>() {
        return match literal.value() {
            ScalarValue::List(list) if list.len() == 1 => Some(list.value(0).len()),
            _ => None,
        };
    }
    let call = expr.downcast_ref::<ScalarFunctionExpr>()?;
    (call.name() == "make_array").then(|| call.args().len())
}

fn check_count(function: &str, count: usize) -> Result<()> {
    match count {
        0 => plan_err!("{function}: needs at least one condition, found none"),
        1..=MAX_CONDITIONS => Ok(()),
        _ => plan_err!("{function}: takes at most {MAX_CONDITIONS} conditions, found {count}"),
    }
}
