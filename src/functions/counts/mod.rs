//! Counts: small summaries that roll up over any GROUP BY.
//!
//! A count of distinct values that stops where it no longer matters, and sums of many keys at once. Both are exact, and
//! no order of rows, batches or partitions changes them.

pub(crate) mod exact_sum;
pub(crate) mod keys;
mod small_map;
pub(crate) mod sum_map;
pub(crate) mod uniq_up_to;

use std::ops::RangeInclusive;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::DocSection;

use super::Function;
use super::call::Arguments;
use super::folds::FoldAggregate;
use super::options::constant;

pub(crate) fn functions() -> Vec<Function> {
    [FoldAggregate::<uniq_up_to::UniqUpTo>::functions(), FoldAggregate::<sum_map::SumMap>::functions()]
        .into_iter()
        .flatten()
        .collect()
}

pub(crate) const SECTION: DocSection = DocSection {
    include: true,
    label: "Counts",
    description: Some("Distinct values up to a limit, and sums of many keys at once."),
};

/// A literal integer between two bounds, at an argument that is told by its position and name.
pub(crate) fn literal_in(
    function: &str,
    call: &Arguments,
    (place, name): (usize, &str),
    bounds: RangeInclusive<i64>,
) -> Result<usize> {
    let (least, most) = (bounds.start(), bounds.end());
    let Some(value) = constant(&call.exprs[place])? else {
        return plan_err!(
            "{function}: argument {}, {name}, must be a literal integer from {least} to {most}, found {}",
            place + 1,
            call.exprs[place]
        );
    };
    match value.cast_to(&DataType::Int64) {
        Ok(ScalarValue::Int64(Some(number)))
            if value.data_type().is_integer() && bounds.contains(&number) =>
        {
            Ok(number as usize)
        }
        _ => plan_err!(
            "{function}: argument {}, {name}, must be a literal integer from {least} to {most}, found {value} of type {}",
            place + 1,
            value.data_type()
        ),
    }
}
