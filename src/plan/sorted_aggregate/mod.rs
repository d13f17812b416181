//! GROUP BY over rows that come group after group: each row is compared with the one before it, and nothing is hashed. Where they
//! come in order of some of the keys only, of the user but not of the page, groups are known by numbers of the others.
//!
//! ```text
//! before                                              after
//! AggregateExec: gby=[user_id], ordering_mode=Sorted  SortedAggregateExec: gby=[user_id], ordering_mode=Sorted
//! ```
//!
//! DataFusion's own operator looks every row's key up in a hash table although its group is the last one or a new one.
//! Over a user's events that was a seventh of the whole question.

mod exec;
mod keys;
mod stream;
mod within;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;

pub(crate) use exec::SortedAggregateExec;

use crate::config::FootfallOptions;

/// Puts the operator wherever it gives what was there.
#[derive(Debug)]
pub(crate) struct SortedAggregates;

impl PhysicalOptimizerRule for SortedAggregates {
    fn name(&self) -> &str {
        "sorted_aggregates"
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if !FootfallOptions::is_on(config, |options| options.sorted_aggregates) {
            return Ok(plan);
        }
        let replaced = plan.transform_up(|plan| {
            let aggregate = plan.downcast_ref::<AggregateExec>();
            Ok(match aggregate.and_then(SortedAggregateExec::of) {
                Some(sorted) => Transformed::yes(Arc::new(sorted) as Arc<dyn ExecutionPlan>),
                None => Transformed::no(plan),
            })
        });
        replaced.data()
    }
}
