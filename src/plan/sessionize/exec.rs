//! The plan node: what it computes, what it asks of its input, what it promises about its output.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{ColumnStatistics, Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::WindowUDF;
use datafusion::logical_expr::function::WindowUDFFieldArgs;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    Distribution, EquivalenceProperties, LexRequirement, OrderingRequirements, PhysicalExpr,
    PhysicalSortExpr, PhysicalSortRequirement,
};
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::execution_plan::{CardinalityEffect, EmissionType, SchedulingType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::{
    ChildStats, ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties,
    InputDistributionRequirements, PlanProperties, ReplaceChildrenOptions, StatisticsArgs,
    apply_expression_roots,
};

use super::stream::SessionizeStream;
use crate::error::footfall_internal_err;
use crate::functions::sessions::{InfoFields, SessionFunction, SessionSpec};

/// One call of a session function.
#[derive(Debug, Clone)]
pub(crate) struct SessionWindow {
    function: Arc<WindowUDF>,
    args: Vec<Arc<dyn PhysicalExpr>>,
    field: FieldRef,
    spec: Arc<SessionSpec>,
    needed: InfoFields,
}

impl SessionWindow {
    /// `name` is the name of the output column. Of a `session_info` only the `needed` fields are computed.
    pub(crate) fn try_new(
        function: Arc<WindowUDF>,
        args: Vec<Arc<dyn PhysicalExpr>>,
        name: &str,
        input: &Schema,
        needed: InfoFields,
    ) -> Result<Self> {
        let Some(kind) = SessionFunction::of(&function) else {
            return footfall_internal_err!("{} is no session function", function.name());
        };
        let fields = args.iter().map(|arg| arg.return_field(input)).collect::<Result<Vec<_>>>()?;
        let field = function.field(WindowUDFFieldArgs::new(&fields, name))?;
        let spec = Arc::new(SessionSpec::parse(kind, &args, &fields)?);
        Ok(Self { function, args, field, spec, needed })
    }

    pub(crate) fn function(&self) -> &Arc<WindowUDF> {
        &self.function
    }

    pub(crate) fn args(&self) -> &[Arc<dyn PhysicalExpr>] {
        &self.args
    }

    pub(crate) fn name(&self) -> &str {
        self.field.name()
    }

    pub(crate) fn spec(&self) -> &Arc<SessionSpec> {
        &self.spec
    }

    pub(crate) fn needed(&self) -> InfoFields {
        self.needed
    }

    /// Whether the rows are ordered by the call's time itself, and not by something from which it is computed.
    fn is_over(&self, order: &PhysicalSortExpr) -> bool {
        let ts = self.args.get(self.spec.function.ts_arg());
        !order.options.descending && ts.is_some_and(|ts| order.expr.eq(ts))
    }
}

impl fmt::Display for SessionWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.function.name())?;
        if self.spec.function == SessionFunction::Info && self.needed != InfoFields::ALL {
            write!(f, "{{{}}}", self.needed.names().join(", "))?;
        }
        Ok(())
    }
}

/// Columns in, the same columns out, and one more for each window.
///
/// ```text
/// input in order of (partition_by, order_by)
///   user ts      page            user ts      page    sessionize
///   a    10:00   home    ──▶     a    10:00   home    1
///   a    11:00   list            a    11:00   list    2
/// ```
///
/// Plain data only: it is rebuilt from bytes on another machine.
#[derive(Debug, Clone)]
pub(crate) struct SessionizeExec {
    input: Arc<dyn ExecutionPlan>,
    windows: Vec<SessionWindow>,
    partition_by: Vec<Arc<dyn PhysicalExpr>>,
    /// Starts with the time that the windows are about.
    order_by: Vec<PhysicalSortExpr>,
    metrics: ExecutionPlanMetricsSet,
    properties: Arc<PlanProperties>,
}

impl SessionizeExec {
    pub(crate) fn try_new(
        input: Arc<dyn ExecutionPlan>,
        windows: Vec<SessionWindow>,
        partition_by: Vec<Arc<dyn PhysicalExpr>>,
        order_by: Vec<PhysicalSortExpr>,
    ) -> Result<Self> {
        if windows.is_empty() || order_by.is_empty() {
            return footfall_internal_err!("SessionizeExec needs a window and an order");
        }
        let properties = Arc::new(properties(&input, &windows, &partition_by, &order_by)?);
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(Self { input, windows, partition_by, order_by, metrics, properties })
    }

    pub(crate) fn windows(&self) -> &[SessionWindow] {
        &self.windows
    }

    pub(crate) fn partition_by(&self) -> &[Arc<dyn PhysicalExpr>] {
        &self.partition_by
    }

    pub(crate) fn order_by(&self) -> &[PhysicalSortExpr] {
        &self.order_by
    }
}

/// Rows come out as they go in, so all that is known about the order of the input holds, and session numbers rise with it.
fn properties(
    input: &Arc<dyn ExecutionPlan>,
    windows: &[SessionWindow],
    partition_by: &[Arc<dyn PhysicalExpr>],
    order_by: &[PhysicalSortExpr],
) -> Result<PlanProperties> {
    let input_schema = input.schema();
    let fields: Vec<FieldRef> = input_schema
        .fields()
        .iter()
        .cloned()
        .chain(windows.iter().map(|window| Arc::clone(&window.field)))
        .collect();
    let schema: SchemaRef = Arc::new(Schema::new_with_metadata(fields, input_schema.metadata().clone()));
    let mut equivalence =
        EquivalenceProperties::new(schema).extend(input.equivalence_properties().clone())?;
    let (partition_order, _) = input.equivalence_properties().find_longest_permutation(partition_by)?;
    if partition_order.len() == partition_by.len() {
        let numbers = windows
            .iter()
            .enumerate()
            .filter(|(_, window)| {
                window.spec.function == SessionFunction::Number && window.is_over(&order_by[0])
            })
            .map(|(i, window)| Column::new(window.name(), input_schema.fields().len() + i));
        for number in numbers {
            // A number is NULL exactly where the time is, so it sorts like the time: GROUP BY user, session needs no hash.
            let number = PhysicalSortExpr::new(Arc::new(number), order_by[0].options);
            let ordering = partition_order.iter().cloned().chain([number]).chain(order_by.iter().cloned());
            equivalence.add_ordering(ordering);
        }
    }
    let properties = PlanProperties::new(
        equivalence,
        input.output_partitioning().clone(),
        EmissionType::Incremental,
        input.boundedness(),
    );
    Ok(properties.with_scheduling_type(SchedulingType::Cooperative))
}

impl DisplayAs for SessionizeExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let windows: Vec<String> = self.windows.iter().map(ToString::to_string).collect();
        let partition_by: Vec<String> = self.partition_by.iter().map(ToString::to_string).collect();
        let order_by: Vec<String> = self.order_by.iter().map(ToString::to_string).collect();
        let (windows, partition_by, order_by) =
            (windows.join(", "), partition_by.join(", "), order_by.join(", "));
        match t {
            DisplayFormatType::Default | DisplayFormatType::Verbose => write!(
                f,
                "SessionizeExec: windows=[{windows}], partition_by=[{partition_by}], order_by=[{order_by}]"
            ),
            DisplayFormatType::TreeRender => {
                writeln!(f, "windows={windows}")?;
                writeln!(f, "partition_by={partition_by}")?;
                writeln!(f, "order_by={order_by}")
            }
        }
    }
}

impl ExecutionPlan for SessionizeExec {
    fn name(&self) -> &'static str {
        "SessionizeExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let args = self.windows.iter().flat_map(|window| &window.args);
        let order_by = self.order_by.iter().map(|order| &order.expr);
        apply_expression_roots(args.chain(&self.partition_by).chain(order_by), f)
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        let distribution = if self.partition_by.is_empty() {
            Distribution::SinglePartition
        } else {
            Distribution::KeyPartitioned(self.partition_by.clone())
        };
        InputDistributionRequirements::new(vec![distribution])
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let partition_by =
            self.partition_by.iter().map(|expr| PhysicalSortRequirement::new(Arc::clone(expr), None));
        let order_by = self.order_by.iter().cloned().map(PhysicalSortRequirement::from);
        vec![LexRequirement::new(partition_by.chain(order_by)).map(OrderingRequirements::new)]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (Some(input), true) = (children.pop(), children.is_empty()) else {
            return footfall_internal_err!("SessionizeExec has one input");
        };
        Ok(Arc::new(match options.children_properties {
            ChildrenPropertiesMode::Keep => {
                Self { input, metrics: ExecutionPlanMetricsSet::new(), ..Self::clone(&self) }
            }
            ChildrenPropertiesMode::Recompute => {
                Self::try_new(input, self.windows.clone(), self.partition_by.clone(), self.order_by.clone())?
            }
        }))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, Arc::clone(&context))?;
        let stream = SessionizeStream::new(
            self.schema(),
            input,
            &self.windows,
            self.partition_by.clone(),
            &self.metrics,
            partition,
            context.memory_pool(),
        );
        Ok(Box::pin(cooperative(stream)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }

    fn statistics_from_inputs(
        &self,
        input_stats: &[Arc<Statistics>],
        _args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let input = &input_stats[0];
        let mut column_statistics = input.column_statistics.clone();
        column_statistics.extend(self.windows.iter().map(|_| ColumnStatistics::new_unknown()));
        Ok(Arc::new(Statistics {
            num_rows: input.num_rows,
            total_byte_size: Precision::Absent,
            column_statistics,
        }))
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }
}
