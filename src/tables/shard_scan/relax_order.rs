//! Lets a scan skip merging where nothing above it looks at the order.
//!
//! ```text
//! AggregateExec: gby=[], aggr=[max(ts)]        AggregateExec: gby=[], aggr=[max(ts)]
//!   ShardScanExec: files=144             ─▶      ShardScanExec: files=144, unordered
//! ```
//!
//! With the order go its columns, where they stayed for its sake alone and a filter in the scan is all that reads them.
//!
//! The order is needed if an operator above requires it, or if it reaches the top of the plan, where the query may ask
//! for it. It is not needed below an operator that neither requires nor keeps it. Two kinds of operators rely on an order
//! without saying so: a limit whose sort was found to be superfluous, and an aggregate function with an ORDER BY that was
//! told that its input comes in this order.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::analyze::AnalyzeExec;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::projection::ProjectionExec;

use super::ShardScanExec;
use super::pushed::push_projection;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct RelaxScanOrder;

impl PhysicalOptimizerRule for RelaxScanOrder {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        relax(plan, true)
    }

    fn name(&self) -> &str {
        "relax_scan_order"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// `needed`: whether someone above looks at the order in which `plan` gives its rows.
fn relax(plan: Arc<dyn ExecutionPlan>, needed: bool) -> Result<Arc<dyn ExecutionPlan>> {
    if let Some(scan) = plan.downcast_ref::<ShardScanExec>() {
        return if needed || !scan.scan().ordered { Ok(plan) } else { Ok(Arc::new(scan.unordered()?)) };
    }
    // What is analysed runs as it would without.
    if plan.is::<AnalyzeExec>() {
        let input = relax(Arc::clone(plan.children()[0]), true)?;
        return plan
            .replace_children(vec![input], ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute));
    }
    let needed = needed || plan.fetch().is_some() || plan.is::<GlobalLimitExec>();
    let ordered_aggregate = plan
        .downcast_ref::<AggregateExec>()
        .is_some_and(|aggregate| aggregate.aggr_expr().iter().any(|expr| !expr.order_bys().is_empty()));
    let required = plan.required_input_ordering();
    let kept = plan.maintains_input_order();
    let old: Vec<Arc<dyn ExecutionPlan>> = plan.children().into_iter().map(Arc::clone).collect();
    let new = old
        .iter()
        .enumerate()
        .map(|(child, input)| {
            let here = required[child].is_some() || ordered_aggregate || (needed && kept[child]);
            relax(Arc::clone(input), here)
        })
        .collect::<Result<Vec<_>>>()?;
    if old.iter().zip(&new).all(|(old, new)| Arc::ptr_eq(old, new)) {
        return Ok(plan);
    }
    // Columns that only a filter in the scan needs stayed in it for the sake of the order.
    if let (Some(projection), [scan]) = (plan.downcast_ref::<ProjectionExec>(), &new[..])
        && let Some(scan) = scan.downcast_ref::<ShardScanExec>()
        && let Some(narrow) = push_projection(scan, projection)?
    {
        return Ok(narrow);
    }
    plan.replace_children(new, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
}
