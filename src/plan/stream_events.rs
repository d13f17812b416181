//! Aggregates over a user's events run without keeping them wherever the plan proves that rows come in order of (user, time).
//!
//! ```text
//! before                                            after
//! AggregateExec: window_funnel(…)  sorted           AggregateExec: window_funnel(…)  sorted, the function in its
//!   rows in order of (user_id, ts)                    streaming form: memory for the events of one time
//! ```
//!
//! What the plan proves decides. An aggregation of one phase whose groups arrive one after the other already emits groups
//! as they are complete; here each function also learns that the rows of a group are in order of its time argument. A
//! plan that travels to another process loses the form, not the answer.

use std::sync::Arc;

use datafusion::arrow::compute::SortOptions;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::aggregate::{AggregateExprBuilder, AggregateFunctionExpr};
use datafusion::physical_expr::{PhysicalExpr, PhysicalSortRequirement};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, InputOrderMode};

use crate::config::FootfallOptions;
use crate::functions::aggregate::StreamedCall;
use crate::functions::call::Arguments;

#[derive(Debug)]
pub(crate) struct StreamEvents;

impl PhysicalOptimizerRule for StreamEvents {
    fn name(&self) -> &str {
        "stream_events"
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if !FootfallOptions::is_on(config, |options| options.stream_events) {
            return Ok(plan);
        }
        let streamed = plan.transform_up(|plan| {
            Ok(match streamed(&plan)? {
                Some(streamed) => Transformed::yes(streamed),
                None => Transformed::no(plan),
            })
        });
        streamed.data()
    }
}

fn streamed(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(aggregate) = plan.downcast_ref::<AggregateExec>() else {
        return Ok(None);
    };
    // A partial aggregation hands on states; one that is not sorted may see a group again.
    if !matches!(aggregate.mode(), AggregateMode::Single | AggregateMode::SinglePartitioned)
        || aggregate.input_order_mode() != &InputOrderMode::Sorted
        || !aggregate.group_expr().is_single()
    {
        return Ok(None);
    }
    let mut changed = false;
    let mut functions = Vec::with_capacity(aggregate.aggr_expr().len());
    for function in aggregate.aggr_expr() {
        let streamed = streamed_function(aggregate, function)?;
        changed |= streamed.is_some();
        functions.push(streamed.unwrap_or_else(|| Arc::clone(function)));
    }
    if !changed {
        return Ok(None);
    }
    Ok(Some(Arc::new(aggregate.with_new_aggr_exprs(functions))))
}

fn streamed_function(
    aggregate: &AggregateExec,
    function: &Arc<AggregateFunctionExpr>,
) -> Result<Option<Arc<AggregateFunctionExpr>>> {
    if function.is_distinct() {
        return Ok(None);
    }
    let (exprs, schema) = (function.expressions(), aggregate.input_schema());
    let types = exprs.iter().map(|expr| expr.data_type(&schema)).collect::<Result<_>>()?;
    let Some(call) = StreamedCall::of(function.fun(), &Arguments::new(exprs.clone(), types))? else {
        return Ok(None);
    };
    let ts = &exprs[call.ts];
    if !is_ordered_by(aggregate, ts)? {
        return Ok(None);
    }
    let mut streamed = AggregateExprBuilder::new(call.function, exprs.clone())
        .schema(schema)
        .alias(function.name())
        .with_ignore_nulls(function.ignore_nulls())
        .order_by(function.order_bys().to_vec());
    if let Some(display) = function.human_display() {
        streamed = streamed.human_display(display);
    }
    if let Some(alias) = function.human_display_alias() {
        streamed = streamed.human_display_alias(alias);
    }
    Ok(Some(Arc::new(streamed.build()?)))
}

/// Whether the rows of each group arrive in ascending order of `ts`.
fn is_ordered_by(aggregate: &AggregateExec, ts: &Arc<dyn PhysicalExpr>) -> Result<bool> {
    let groups = aggregate.group_expr().input_exprs();
    let properties = aggregate.input().equivalence_properties();
    let (_, places) = properties.find_longest_permutation(&groups)?;
    if places.len() < groups.len() {
        return Ok(false);
    }
    for nulls_first in [false, true] {
        let wanted = places
            .iter()
            .map(|place| PhysicalSortRequirement::new(Arc::clone(&groups[*place]), None))
            .chain([PhysicalSortRequirement::new(
                Arc::clone(ts),
                Some(SortOptions { descending: false, nulls_first }),
            )]);
        if properties.ordering_satisfy_requirement(wanted)? {
            return Ok(true);
        }
    }
    Ok(false)
}
