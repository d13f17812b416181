//! Table `events`: plans a scan that promises what the layout holds.
//!
//! The scan declares range partitioning on `user_id` and the order (user_id, ts, seq), so that grouping by user and
//! windows over a user need no repartitioning, no hash table and no sort. Its partitions are groups of adjacent
//! shards of about equally many rows, never fewer than `target_partitions`: with fewer DataFusion would hash.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, StringViewArray, TimestampMicrosecondArray, UInt64Array,
};
use datafusion::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, DFSchema, Result, ScalarValue};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::pruning::{PruningPredicate, PruningPredicateBuilder};
use datafusion::physical_plan::ExecutionPlan;
use url::Url;

use super::shard_scan::{ScannedFile, ShardScan, ShardScanExec};
use crate::config::DAY_ZONE;
use crate::store::reader::UserRange;
use crate::store::{DataFile, Snapshot, Store, table_url};

/// See the module. It shows the version at which it was made.
#[derive(Debug)]
pub struct EventsTable {
    url: Url,
    time_zone: String,
    snapshot: Snapshot,
}

impl EventsTable {
    /// The events of `store` at the version of `snapshot`.
    pub fn new(store: &Store, snapshot: Snapshot) -> Result<Self> {
        Ok(Self {
            url: table_url(store.root(), "events")?,
            time_zone: store.time_zone().to_string(),
            snapshot,
        })
    }

    /// The files in which `predicate` can be true.
    fn files(&self, predicate: Option<&PruningPredicate>) -> Result<Vec<Arc<DataFile>>> {
        let files = &self.snapshot.files;
        let Some(predicate) = predicate else { return Ok(files.clone()) };
        let kept = predicate.prune(&FileStatistics(files))?;
        Ok(files.iter().zip(kept).filter(|(_, kept)| *kept).map(|(file, _)| Arc::clone(file)).collect())
    }
}

#[async_trait]
impl TableProvider for EventsTable {
    fn schema(&self) -> SchemaRef {
        table_schema(&self.snapshot.catalogue.schema(), &self.time_zone)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        // Statistics skip files and row groups; the exact answer stays with the filter above.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = self.snapshot.catalogue.schema();
        let predicate = conjunction(filters.iter().cloned())
            .map(|filter| {
                let columns = DFSchema::try_from(Arc::clone(&schema))?;
                state.create_physical_expr(filter, &columns)
            })
            .transpose()?;
        let pruning = predicate.as_ref().and_then(|predicate| pruning(predicate, &schema));
        let files = self.files(pruning.as_deref())?;
        // The partitions come from all files, not from the pruned ones: tables of one query are cut alike.
        let partitions = partitions(&self.snapshot, state.config_options().execution.target_partitions);
        let projection = projection.cloned().unwrap_or_else(|| (0..schema.fields().len()).collect());
        let files = files
            .iter()
            .map(|file| ScannedFile {
                path: file.path.clone(),
                size: file.size,
                rows: file.rows,
                range: file.range.clone(),
                rank: file.rank,
            })
            .collect();
        Ok(Arc::new(ShardScanExec::try_new(ShardScan {
            url: self.url.to_string(),
            version: self.snapshot.version,
            time_zone: self.time_zone.clone(),
            declared: self.snapshot.catalogue.fields().into_iter().collect(),
            files,
            partitions,
            projection,
            predicate,
            filter: None,
            ordered: true,
        })?))
    }
}

/// The schema of events, where `dt` says in which zone its days are: rules may then compare it with days of that zone.
pub(super) fn table_schema(events: &Schema, time_zone: &str) -> SchemaRef {
    let fields: Vec<FieldRef> = events
        .fields()
        .iter()
        .map(|field| match field.name().as_str() {
            "dt" => {
                let zone = HashMap::from([(DAY_ZONE.to_string(), time_zone.to_string())]);
                Arc::new(field.as_ref().clone().with_metadata(zone))
            }
            _ => Arc::clone(field),
        })
        .collect();
    Arc::new(Schema::new(fields))
}

/// The predicate as pruning needs it; `None` if statistics can tell nothing about it.
pub(super) fn pruning(
    predicate: &Arc<dyn PhysicalExpr>,
    schema: &SchemaRef,
) -> Option<Arc<PruningPredicate>> {
    let pruning = PruningPredicateBuilder::new()
        .with_file_schema(Arc::clone(schema))
        .try_build(Arc::clone(predicate))
        .ok()?;
    (!pruning.always_true()).then(|| Arc::new(pruning))
}

/// Cuts the user space into `target` ranges of about equally many rows, at split points.
fn partitions(snapshot: &Snapshot, target: usize) -> Vec<UserRange> {
    let points = &snapshot.splits.points;
    let rows = snapshot.rows_of_shards();
    let share = rows.iter().sum::<f64>() / target.max(1) as f64;
    let mut cuts: Vec<String> = Vec::new();
    let mut seen = 0.0;
    for (shard, point) in points.iter().enumerate() {
        seen += rows[shard];
        let left = points.len() - shard;
        let needed = target.saturating_sub(cuts.len() + 1);
        if cuts.len() + 1 < target
            && (seen + rows[shard + 1] / 2.0 >= share * (cuts.len() + 1) as f64 || left <= needed)
        {
            cuts.push(point.clone());
        }
    }
    // Too few shards: empty partitions behind the last user.
    let mut end = snapshot
        .files
        .iter()
        .filter_map(|file| file.range.as_ref().map(|range| range.users.1.as_str()))
        .chain(cuts.last().map(String::as_str))
        .max()
        .unwrap_or("")
        .to_string();
    while cuts.len() + 1 < target {
        end.push('\u{1}');
        cuts.push(end.clone());
    }
    let mut from = None;
    let mut ranges: Vec<UserRange> = Vec::with_capacity(cuts.len() + 1);
    for cut in cuts {
        ranges.push(UserRange { from: from.replace(cut.clone()), to: Some(cut) });
    }
    ranges.push(UserRange { from, to: None });
    ranges
}

/// The statistics of whole files, as pruning asks for them.
struct FileStatistics<'a>(&'a [Arc<DataFile>]);

impl FileStatistics<'_> {
    fn values(&self, column: &Column, high: bool) -> Option<ArrayRef> {
        fn pick<T: Clone>(pair: &(T, T), high: bool) -> T {
            if high { pair.1.clone() } else { pair.0.clone() }
        }
        let ranges = self.0.iter().map(|file| file.range.as_ref());
        match column.name.as_str() {
            "user_id" => Some(Arc::new(
                ranges.map(|range| range.map(|range| pick(&range.users, high))).collect::<StringViewArray>(),
            )),
            "ts" => Some(Arc::new(
                ranges
                    .map(|range| range.map(|range| pick(&range.ts, high)))
                    .collect::<TimestampMicrosecondArray>()
                    .with_timezone("UTC"),
            )),
            "dt" => Some(Arc::new(
                ranges.map(|range| range.map(|range| pick(&range.dt, high))).collect::<Date32Array>(),
            )),
            _ => None,
        }
    }
}

impl PruningStatistics for FileStatistics<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.values(column, false)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.values(column, true)
    }

    fn num_containers(&self) -> usize {
        self.0.len()
    }

    fn null_counts(&self, _: &Column) -> Option<ArrayRef> {
        None
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        Some(Arc::new(self.0.iter().map(|file| Some(file.rows)).collect::<UInt64Array>()))
    }

    fn contained(&self, _: &Column, _: &std::collections::HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
