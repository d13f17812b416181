//! `KeptRowsExec`: rows computed before, in the partitions and the order in which their plan gave them out.
//!
//! What was proven of the plan is still proven of its rows, so that what groups and joins them by user neither sorts nor
//! exchanges them again.

use std::fmt::{self, Formatter};
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics};
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::projection::ProjectionMapping;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::execution_plan::{
    Boundedness, EmissionType, ReplaceChildrenOptions, SchedulingType,
};
use datafusion::physical_plan::memory::MemoryStream;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};

/// The rows of a plan.
#[derive(Debug)]
pub(super) struct KeptRows {
    pub(super) schema: SchemaRef,
    pub(super) partitions: Vec<Vec<RecordBatch>>,
    /// What was proven of the plan.
    pub(super) equivalence: EquivalenceProperties,
    pub(super) partitioning: Partitioning,
    pub(super) _reservation: Arc<MemoryReservation>,
}

/// Some columns of them.
#[derive(Debug)]
pub(super) struct KeptRowsExec {
    name: String,
    rows: Arc<KeptRows>,
    columns: Vec<usize>,
    properties: Arc<PlanProperties>,
}

impl KeptRowsExec {
    /// `columns` are places in the schema of the rows.
    pub(super) fn try_new(name: &str, rows: Arc<KeptRows>, columns: Vec<usize>) -> Result<Self> {
        let schema = Arc::new(rows.schema.project(&columns)?);
        let mapping = ProjectionMapping::from_indices(&columns, &rows.schema)?;
        let properties = PlanProperties::new(
            rows.equivalence.project(&mapping, schema),
            rows.partitioning.project(&mapping, &rows.equivalence),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        let properties = Arc::new(properties.with_scheduling_type(SchedulingType::Cooperative));
        Ok(Self { name: name.to_string(), rows, columns, properties })
    }
}

impl DisplayAs for KeptRowsExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        let schema = self.schema();
        let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let partitions = self.rows.partitions.len();
        write!(f, "KeptRowsExec: {}, partitions={partitions}, columns=[{}]", self.name, columns.join(", "))
    }
}

impl ExecutionPlan for KeptRowsExec {
    fn name(&self) -> &str {
        "KeptRowsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let batches = self.rows.partitions[partition].clone();
        let stream = MemoryStream::try_new(batches, self.schema(), Some(self.columns.clone()))?;
        Ok(Box::pin(cooperative(stream)))
    }

    fn statistics_from_inputs(
        &self,
        _: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let partitions = match args.partition() {
            Some(partition) => &self.rows.partitions[partition..=partition],
            None => &self.rows.partitions[..],
        };
        let rows = partitions.iter().flatten().map(RecordBatch::num_rows).sum();
        let statistics = Statistics::new_unknown(&self.schema());
        Ok(Arc::new(statistics.with_num_rows(Precision::Exact(rows))))
    }
}
