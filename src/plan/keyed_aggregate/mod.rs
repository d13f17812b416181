//! GROUP BY without a hash table of groups: a group is known by where it comes, or by the numbers of its keys.
//!
//! ```text
//! GROUP BY user_id            rows come group after group    compared with the one before   SortedAggregateExec
//! GROUP BY user_id, page      in order of the user alone     pages are numbered             SortedAggregateExec
//! GROUP BY page, next_page    visits in another order        all keys are numbered          NumberedAggregateExec
//! ```
//!
//! DataFusion's own operator looks every row's key up in a hash table although its group is the last one or a new one, and
//! compares texts character by character. Over a user's events that was a seventh of the whole question, over pages a third.
//! Without an order only the first of two phases is replaced: it may give a group out twice, so it never lacks memory.

mod exec;
mod keys;
mod pairs;
mod stream;
mod within;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;

pub(crate) use exec::{KeyedAggregateExec, Way};

use crate::config::FootfallOptions;

/// Puts the operator wherever it gives what was there.
#[derive(Debug)]
pub(crate) struct KeyedAggregates;

impl PhysicalOptimizerRule for KeyedAggregates {
    fn name(&self) -> &str {
        "keyed_aggregates"
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let is_on = |way: &Way| {
            FootfallOptions::is_on(config, |options| match way {
                Way::Sorted { .. } => options.sorted_aggregates,
                Way::Numbered => options.numbered_aggregates,
            })
        };
        let replaced = plan.transform_up(|plan| {
            let aggregate = plan.downcast_ref::<AggregateExec>();
            let keyed = aggregate.and_then(KeyedAggregateExec::of).filter(|keyed| is_on(keyed.way()));
            Ok(match keyed {
                Some(keyed) => Transformed::yes(Arc::new(keyed) as Arc<dyn ExecutionPlan>),
                None => Transformed::no(plan),
            })
        });
        replaced.data()
    }
}
