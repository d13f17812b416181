//! The plan node: everything but the execution is that of the aggregation which it stands for.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{
    LexRequirement, OrderingRequirements, PhysicalExpr, PhysicalSortRequirement,
};
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::execution_plan::{
    CardinalityEffect, ChildrenPropertiesMode, ReplaceChildrenOptions,
};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::{
    ChildStats, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
    InputDistributionRequirements, InputOrderMode, PlanProperties, StatisticsArgs,
};

use super::stream::SortedAggregateStream;
use super::within::can_be_numbered;
use crate::error::footfall_internal_err;

/// An aggregation of one phase over rows in order of its groups, or of some of its keys.
#[derive(Debug, Clone)]
pub(crate) struct SortedAggregateExec {
    aggregate: Arc<AggregateExec>,
    metrics: ExecutionPlanMetricsSet,
}

impl SortedAggregateExec {
    /// The operator that gives what `aggregate` gives; `None` where groups do not come one after the other, nor in order of some
    /// keys while the others can be numbered, where states are asked for, or where rows must come in an order within a group.
    pub(crate) fn of(aggregate: &AggregateExec) -> Option<Self> {
        let is_answer = matches!(aggregate.mode(), AggregateMode::Single | AggregateMode::SinglePartitioned);
        let groups = aggregate.group_expr();
        let is_sorted = groups.is_single() && !groups.is_empty() && group_order(aggregate).is_some();
        let is_possible = is_answer
            && is_sorted
            && aggregate.limit_options().is_none()
            && aggregate.dynamic_expressions_produced().is_empty()
            && aggregate
                .aggr_expr()
                .iter()
                .all(|function| function.order_bys().is_empty() && function.groups_accumulator_supported());
        is_possible
            .then(|| Self { aggregate: Arc::new(aggregate.clone()), metrics: ExecutionPlanMetricsSet::new() })
    }

    /// The aggregation as DataFusion's own operator would run it.
    pub(crate) fn aggregate(&self) -> &Arc<AggregateExec> {
        &self.aggregate
    }
}

/// The order in which groups come, and the places of the keys that it is about; the others can be numbered.
fn group_order(aggregate: &AggregateExec) -> Option<(LexRequirement, Vec<usize>)> {
    let ordered = match aggregate.input_order_mode() {
        InputOrderMode::Sorted => aggregate.group_expr().expr().len(),
        InputOrderMode::PartiallySorted(places) => places.len(),
        InputOrderMode::Linear => return None,
    };
    let groups = aggregate.group_expr().input_exprs();
    let input = aggregate.input();
    let (order, places) = input.equivalence_properties().find_longest_permutation(&groups).ok()?;
    let schema = input.schema();
    let mut others = groups.iter().enumerate().filter(|(place, _)| !places.contains(place));
    let is_possible = places.len() == ordered
        && others.all(|(_, key)| key.data_type(&schema).is_ok_and(|data_type| can_be_numbered(&data_type)));
    let order = LexRequirement::new(order.into_iter().map(PhysicalSortRequirement::from));
    order.filter(|_| is_possible).map(|order| (order, places))
}

impl DisplayAs for SortedAggregateExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        if matches!(t, DisplayFormatType::Default | DisplayFormatType::Verbose) {
            f.write_str("Sorted")?;
        }
        self.aggregate.fmt_as(t, f)
    }
}

impl ExecutionPlan for SortedAggregateExec {
    fn name(&self) -> &'static str {
        "SortedAggregateExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.aggregate.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.aggregate.children()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.aggregate.apply_expressions(f)
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        self.aggregate.input_distribution_requirements()
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        vec![group_order(&self.aggregate).map(|(order, _)| OrderingRequirements::new(order))]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let is_kept = options.children_properties == ChildrenPropertiesMode::Keep;
        let aggregate = Arc::clone(&self.aggregate).replace_children(children, options)?;
        let Some(aggregate) = aggregate.downcast_ref::<AggregateExec>() else {
            return footfall_internal_err!("an aggregation became another operator");
        };
        if is_kept {
            return Ok(Arc::new(Self {
                aggregate: Arc::new(aggregate.clone()),
                metrics: ExecutionPlanMetricsSet::new(),
            }));
        }
        Ok(match Self::of(aggregate) {
            Some(sorted) => Arc::new(sorted),
            // The new input has lost the order: DataFusion's operator needs none.
            None => Arc::new(aggregate.clone()),
        })
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.aggregate.input().execute(partition, Arc::clone(&context))?;
        let Some((_, ordered)) = group_order(&self.aggregate) else {
            return footfall_internal_err!("an aggregation has lost the order of its groups");
        };
        let stream = SortedAggregateStream::try_new(
            &self.aggregate,
            ordered,
            input,
            &self.metrics,
            partition,
            &context,
        )?;
        Ok(Box::pin(cooperative(stream)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        self.aggregate.child_stats_requests(partition)
    }

    fn statistics_from_inputs(
        &self,
        input_stats: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        self.aggregate.statistics_from_inputs(input_stats, args)
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        self.aggregate.cardinality_effect()
    }
}
