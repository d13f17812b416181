//! Groups by several sets of columns (ROLLUP, CUBE, GROUPING SETS) come out in no order.
//!
//! ```text
//! AggregateExec: gby=[(user_id, NULL), (user_id, dt)]      AggregateExec: gby=[(user_id, NULL), (user_id, dt)]
//!   ShardScanExec: …                                  ─▶     UnorderedExec
//!                                                              ShardScanExec: …
//! ```
//! DataFusion 55 takes order, constants and partitions of the rows for those of the groups, though a column is NULL in the groups
//! of a set that lacks it: over rows in order of the user, a sort of the groups was left out.

pub(crate) mod exec;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateInputMode};
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};

use self::exec::UnorderedExec;

/// See the module.
#[derive(Debug)]
pub(crate) struct GroupingSets;

impl PhysicalOptimizerRule for GroupingSets {
    fn name(&self) -> &str {
        "grouping_sets"
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let replaced = plan.transform_up(|plan| {
            let Some(aggregate) =
                plan.downcast_ref::<AggregateExec>().filter(|aggregate| has_sets(aggregate))
            else {
                return Ok(Transformed::no(plan));
            };
            let input = Arc::new(UnorderedExec::new(Arc::clone(aggregate.input())));
            let recompute = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
            Ok(Transformed::yes(plan.replace_children(vec![input], recompute)?))
        });
        replaced.data()
    }
}

/// Whether it groups rows, not groups that were begun elsewhere, by several sets of columns.
fn has_sets(aggregate: &AggregateExec) -> bool {
    aggregate.group_expr().has_grouping_set() && aggregate.mode().input_mode() == AggregateInputMode::Raw
}
