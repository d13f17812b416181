//! `ShardScanExec`: reads groups of adjacent shards, each in the order (user_id, ts, seq).
//!
//! ```text
//! partition 0: users < p8          files ─▶ chains of files that do not overlap ─▶ merge by runs of equal users
//! partition 1: users >= p8         files ─▶ …
//! ```
//!
//! It holds plain data only, so a plan can travel: paths, ranges, a projection, a predicate, a filter. The rows that a filter
//! above it lets through are chosen file by file, before the merge, and the columns that only the filter needs end there.

mod pushed;
pub(crate) mod relax_order;

use std::fmt::{self, Formatter};
use std::sync::Arc;

use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{FieldRef, SchemaRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, ScalarValue, SplitPoint, Statistics};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    EquivalenceProperties, LexOrdering, Partitioning, PhysicalExpr, PhysicalSortExpr, RangePartitioning,
};
use datafusion::physical_optimizer::pruning::PruningPredicate;
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::execution_plan::{
    Boundedness, EmissionType, ReplaceChildrenOptions, SchedulingType,
};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterPushdownPhase, FilterPushdownPropagation,
};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet,
};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use url::Url;

use super::events::{pruning, table_schema};
use crate::calendar::days_only_rise;
use crate::config::FootfallOptions;
use crate::store::chains::{Ranged, chains};
use crate::store::merge::merge;
use crate::store::reader::{FileRead, UserRange, read_in_turn};
use crate::store::row_filter::RowFilter;
use crate::store::schema::event_schema_with;
use crate::store::{FileRange, Rank};

/// A data file, as the scan needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ScannedFile {
    pub(crate) path: String,
    pub(crate) size: u64,
    pub(crate) rows: u64,
    pub(crate) range: Option<FileRange>,
    pub(crate) rank: Rank,
}

impl Ranged for ScannedFile {
    fn range(&self) -> Option<&FileRange> {
        self.range.as_ref()
    }

    fn path(&self) -> &str {
        &self.path
    }
}

/// What to scan: plain data, so that a plan can travel.
#[derive(Debug, Clone)]
pub struct ShardScan {
    /// Folder of the table, ends with a slash.
    pub(crate) url: String,
    /// Version of the table; for people who read the plan.
    pub(crate) version: u64,
    /// Zone of the days in `dt`.
    pub(crate) time_zone: String,
    /// Columns of declared properties, which follow those that every event has.
    pub(crate) declared: Arc<[FieldRef]>,
    pub(crate) files: Vec<ScannedFile>,
    pub(crate) partitions: Vec<UserRange>,
    /// Columns of the event schema, in this order.
    pub(crate) projection: Vec<usize>,
    /// Over the event schema. Files and row groups in which it cannot hold are skipped; rows are not filtered.
    pub(crate) predicate: Option<Arc<dyn PhysicalExpr>>,
    /// Over the event schema. Rows for which it is not true are left out.
    pub(crate) filter: Option<Arc<dyn PhysicalExpr>>,
    /// Whether the rows come in the order of the store. Without it files need no merging.
    pub(crate) ordered: bool,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct ShardScanExec {
    scan: ShardScan,
    /// The filter over all columns that are read, as an operator above a scan of them.
    filtered: Option<Arc<FilterExec>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl ShardScanExec {
    pub(crate) fn try_new(scan: ShardScan) -> Result<Self> {
        let filtered = pushed::filtered(&scan)?;
        let properties = match &filtered {
            Some(filtered) => filtered.properties().as_ref().clone(),
            None => properties(&scan, scan.projection.len())?,
        };
        Ok(Self::with_properties(scan, filtered, properties))
    }

    fn with_properties(scan: ShardScan, filtered: Option<FilterExec>, properties: PlanProperties) -> Self {
        Self {
            scan,
            filtered: filtered.map(Arc::new),
            properties: Arc::new(properties.with_scheduling_type(SchedulingType::Cooperative)),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    pub(crate) fn scan(&self) -> &ShardScan {
        &self.scan
    }

    /// The same rows in any order within a partition.
    pub(crate) fn unordered(&self) -> Result<Self> {
        Self::try_new(ShardScan { ordered: false, ..self.scan.clone() })
    }

    fn read(
        &self,
        file: &ScannedFile,
        users: &UserRange,
        predicate: Option<&Arc<PruningPredicate>>,
        filter: Option<&RowFilter>,
        context: &TaskContext,
    ) -> Result<FileRead> {
        let url = Url::parse(&self.scan.url)
            .and_then(|url| url.join(&file.path))
            .map_err(|e| datafusion::common::plan_datafusion_err!("{}{}: {e}", self.scan.url, file.path))?;
        let store_url = ObjectStoreUrl::parse(&url[..url::Position::BeforePath])?;
        Ok(FileRead {
            store: context.runtime_env().object_store(store_url)?,
            location: Path::from_url_path(url.path())?,
            size: file.size,
            schema: self
                .filtered
                .as_ref()
                .map_or_else(|| self.schema(), |filtered| filtered.input().schema()),
            declared: Arc::clone(&self.scan.declared),
            rank: file.rank,
            users: users.clone(),
            predicate: predicate.cloned(),
            filter: filter.cloned(),
            batch_size: context.session_config().batch_size(),
        })
    }

    fn rows(&self, users: &UserRange) -> Precision<usize> {
        let inside = self.scan.files.iter().filter(|file| {
            file.range.as_ref().is_none_or(|range| users.overlaps(&range.users.0, &range.users.1))
        });
        let rows = inside.map(|file| file.rows as usize).sum();
        let exact = *users == UserRange::default() && self.scan.predicate.is_none();
        if exact { Precision::Exact(rows) } else { Precision::Inexact(rows) }
    }
}

/// What holds of the rows, of whose columns the first `kept` are there when files are merged.
fn properties(scan: &ShardScan, kept: usize) -> Result<PlanProperties> {
    let all = table_schema(&event_schema_with(&scan.declared), &scan.time_zone);
    let schema: SchemaRef = Arc::new(all.project(&scan.projection)?);
    let partitions = &scan.partitions;
    let sort = |name: &str| {
        let index = schema.index_of(name).ok().filter(|index| *index < kept)?;
        Some(PhysicalSortExpr::new(Arc::new(Column::new(name, index)), SortOptions::new(false, false)))
    };
    // The order holds as far as its columns are read. Where a local date never goes back while time goes on, it may stand
    // before the time or in its place: grouping by user and day needs no hash table either.
    let order = |columns: &[&str]| LexOrdering::new(columns.iter().copied().map_while(sort));
    let by_day = if days_only_rise(&scan.time_zone) { order(&["user_id", "dt", "ts", "seq"]) } else { None };
    let orders = [order(&["user_id", "ts", "seq"]), by_day];
    let partitioning = match sort("user_id").and_then(|user| LexOrdering::new([user])) {
        Some(user) if partitions.len() > 1 => {
            let points = partitions
                .iter()
                .filter_map(|range| range.to.clone())
                .map(|point| SplitPoint::new(vec![ScalarValue::Utf8View(Some(point))]))
                .collect();
            Partitioning::Range(RangePartitioning::try_new(user, points)?)
        }
        _ => Partitioning::UnknownPartitioning(partitions.len()),
    };
    let mut equivalence = EquivalenceProperties::new(schema);
    if scan.ordered {
        equivalence.add_orderings(orders.into_iter().flatten());
    }
    Ok(PlanProperties::new(equivalence, partitioning, EmissionType::Incremental, Boundedness::Bounded))
}

impl DisplayAs for ShardScanExec {
    fn fmt_as(&self, t: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        let columns: Vec<String> = self.schema().fields().iter().map(|field| field.name().clone()).collect();
        if matches!(t, DisplayFormatType::TreeRender) {
            return write!(f, "files={}\ncolumns={}", self.scan.files.len(), columns.join(", "));
        }
        write!(
            f,
            "ShardScanExec: events version={}, files={}, partitions={}, columns=[{}]",
            self.scan.version,
            self.scan.files.len(),
            self.scan.partitions.len(),
            columns.join(", ")
        )?;
        if !self.scan.ordered {
            write!(f, ", unordered")?;
        }
        if let Some(filter) = &self.scan.filter {
            write!(f, ", filter={filter}")?;
        }
        if let Some(predicate) = &self.scan.predicate {
            write!(f, ", skip_unless={predicate}")?;
        }
        Ok(())
    }
}

impl ExecutionPlan for ShardScanExec {
    fn name(&self) -> &str {
        "ShardScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let mut recursion = TreeNodeRecursion::Continue;
        for expr in [&self.scan.predicate, &self.scan.filter].into_iter().flatten() {
            recursion = recursion.visit_sibling(|| f(expr))?;
        }
        Ok(recursion)
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

    fn handle_child_pushdown_result(
        &self,
        phase: FilterPushdownPhase,
        filters: ChildPushdownResult,
        config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        let is_on = FootfallOptions::is_on(config, |options| options.filter_in_scan);
        // In the second phase come filters that change while the query runs.
        if !is_on || phase != FilterPushdownPhase::Pre {
            return Ok(FilterPushdownPropagation::all_unsupported(filters));
        }
        pushed::push_filters(self, filters)
    }

    fn try_swapping_with_projection(
        &self,
        projection: &ProjectionExec,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        pushed::push_projection(self, projection)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let users = &self.scan.partitions[partition];
        let all = event_schema_with(&self.scan.declared);
        let predicate = self.scan.predicate.as_ref().and_then(|predicate| pruning(predicate, &all));
        let filter = self.filtered.as_ref().map(|filtered| {
            let rows_read = MetricBuilder::new(&self.metrics).counter("rows_read", partition);
            RowFilter::new(Arc::clone(filtered.predicate()), self.schema(), rows_read)
        });
        let chains = chains(&self.scan.files, users)
            .into_iter()
            .map(|chain| {
                let reads = chain
                    .into_iter()
                    .map(|file| self.read(file, users, predicate.as_ref(), filter.as_ref(), &context));
                Ok(read_in_turn(reads.collect::<Result<Vec<_>>>()?))
            })
            .collect::<Result<Vec<_>>>()?;
        let schema = self.schema();
        let ordered = self.scan.ordered && schema.index_of("user_id").is_ok();
        let batches = match chains.len() {
            0 => futures::stream::empty().boxed(),
            2.. if ordered => {
                merge(chains, Arc::clone(&schema), context.session_config().batch_size()).boxed()
            }
            // One chain is in order by itself; where nobody relies on an order, file after file.
            _ => futures::stream::iter(chains).flatten().map_ok(|(_, batch)| batch).boxed(),
        };
        let baseline = BaselineMetrics::new(&self.metrics, partition);
        let batches = batches.inspect_ok(move |batch| {
            baseline.record_output(batch.num_rows());
        });
        Ok(Box::pin(cooperative(RecordBatchStreamAdapter::new(schema, batches))))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(
        &self,
        _: &[Arc<Statistics>],
        args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let users = args
            .partition()
            .map_or_else(UserRange::default, |partition| self.scan.partitions[partition].clone());
        if let Some(filtered) = &self.filtered {
            let read = filtered.input().statistics_from_inputs(&[], args)?;
            return filtered.statistics_from_inputs(&[read], args);
        }
        Ok(Arc::new(Statistics::new_unknown(&self.schema()).with_num_rows(self.rows(&users))))
    }
}
