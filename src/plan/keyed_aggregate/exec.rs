//! The plan node: everything but the execution is that of the aggregation which it stands for.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
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
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::{
    ChildStats, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
    InputDistributionRequirements, InputOrderMode, PlanProperties, StatisticsArgs,
};

use super::stream::KeyedAggregateStream;
use crate::error::footfall_internal_err;
use crate::functions::interner::is_keyable;
use crate::plan::sessionize::SessionizeExec;

/// An aggregation whose groups are known by the order or by the numbers of their keys.
#[derive(Debug, Clone)]
pub(crate) struct KeyedAggregateExec {
    aggregate: Arc<AggregateExec>,
    way: Way,
    metrics: ExecutionPlanMetricsSet,
}

/// By what a group is known.
#[derive(Debug, Clone)]
pub(crate) enum Way {
    /// One phase, over rows in this order of the keys at these places; the others are numbered.
    Sorted { order: LexRequirement, places: Vec<usize> },
    /// The first of two phases, over visits in no order of the keys: all keys are numbered.
    Numbered,
}

impl KeyedAggregateExec {
    /// The operator that gives what `aggregate` gives; `None` where there is no such way, or where rows must come in an order
    /// within a group.
    pub(crate) fn of(aggregate: &AggregateExec) -> Option<Self> {
        let groups = aggregate.group_expr();
        let is_possible = groups.is_single()
            && !groups.is_empty()
            && aggregate.limit_options().is_none()
            && aggregate.dynamic_expressions_produced().is_empty()
            && aggregate
                .aggr_expr()
                .iter()
                .all(|function| function.order_bys().is_empty() && function.groups_accumulator_supported());
        let way = way(aggregate).filter(|_| is_possible)?;
        Some(Self { aggregate: Arc::new(aggregate.clone()), way, metrics: ExecutionPlanMetricsSet::new() })
    }

    /// The aggregation as DataFusion's own operator would run it.
    pub(crate) fn aggregate(&self) -> &Arc<AggregateExec> {
        &self.aggregate
    }

    pub(crate) fn way(&self) -> &Way {
        &self.way
    }
}

fn way(aggregate: &AggregateExec) -> Option<Way> {
    let groups = aggregate.group_expr().input_exprs();
    let ordered = match (aggregate.mode(), aggregate.input_order_mode()) {
        (AggregateMode::Single | AggregateMode::SinglePartitioned, InputOrderMode::Sorted) => groups.len(),
        (
            AggregateMode::Single | AggregateMode::SinglePartitioned,
            InputOrderMode::PartiallySorted(places),
        ) => places.len(),
        (AggregateMode::Partial, InputOrderMode::Linear) => 0,
        _ => return None,
    };
    let input = aggregate.input();
    let schema = input.schema();
    let types: Vec<DataType> = groups.iter().map(|key| key.data_type(&schema)).collect::<Result<_>>().ok()?;
    if !types.iter().all(is_plain) {
        return None;
    }
    if ordered == 0 {
        // Numbers alone are hashed as quickly as they are numbered.
        let is_quicker = types.len() > 1 && types.iter().any(DataType::is_string) && is_of_visits(input);
        return (is_quicker && types.iter().all(is_keyable)).then_some(Way::Numbered);
    }
    let properties = input.equivalence_properties();
    let (order, places) = properties.find_longest_permutation(&groups).ok()?;
    let mut others = types.iter().enumerate().filter(|(place, _)| !places.contains(place));
    // In the order of a constant all rows are one run, which could not be given out before the end.
    let has_runs = order.iter().any(|sort| properties.is_expr_constant(&sort.expr).is_none());
    if places.len() != ordered
        || !others.all(|(_, data_type)| is_keyable(data_type))
        || (ordered < groups.len() && !has_runs)
    {
        return None;
    }
    let order = LexRequirement::new(order.into_iter().map(PhysicalSortRequirement::from))?;
    Some(Way::Sorted { order, places })
}

/// Whether the rows are those of sessions, where keys beside each other are pages: few texts, of which there are many pairs. Keys of
/// many texts, such as users in no order, are hashed up to twice as quickly as they are numbered.
fn is_of_visits(plan: &Arc<dyn ExecutionPlan>) -> bool {
    match plan.children()[..] {
        _ if plan.is::<SessionizeExec>() => true,
        [input] if plan.is::<ProjectionExec>() || plan.is::<FilterExec>() || plan.is::<RepartitionExec>() => {
            is_of_visits(input)
        }
        _ => false,
    }
}

/// Whether equal keys of that type are the same bytes, a key after the other: two zeros and many NaN are equal for GROUP BY, and
/// the keys of many dictionaries may not fit into one.
fn is_plain(data_type: &DataType) -> bool {
    !data_type.is_floating() && !data_type.is_nested() && !matches!(data_type, DataType::Dictionary(_, _))
}

impl DisplayAs for KeyedAggregateExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        if matches!(t, DisplayFormatType::Default | DisplayFormatType::Verbose) {
            f.write_str(match self.way {
                Way::Sorted { .. } => "Sorted",
                Way::Numbered => "Numbered",
            })?;
        }
        self.aggregate.fmt_as(t, f)
    }
}

impl ExecutionPlan for KeyedAggregateExec {
    fn name(&self) -> &'static str {
        match self.way {
            Way::Sorted { .. } => "SortedAggregateExec",
            Way::Numbered => "NumberedAggregateExec",
        }
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
        vec![match &self.way {
            Way::Sorted { order, .. } => Some(OrderingRequirements::new(order.clone())),
            Way::Numbered => None,
        }]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![matches!(self.way, Way::Sorted { .. })]
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
                way: self.way.clone(),
                metrics: ExecutionPlanMetricsSet::new(),
            }));
        }
        Ok(match Self::of(aggregate) {
            Some(keyed) => Arc::new(keyed),
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
        let stream = KeyedAggregateStream::try_new(self, input, &self.metrics, partition, &context)?;
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
