//! What many reports of one run ask of the same days is computed once.
//!
//! ```text
//! visits ──▶ a report ──▶ sessions of the day, computed        visits, kept ──▶ a report ──▶ rows in memory
//!       └──▶ a report ──▶ the same sessions once more                      └──▶ a report ──▶ rows in memory
//! ```
//! A query whose filter goes beyond the days that are kept runs over the view itself, and so does every query where the
//! rows would take too much memory. What is kept are rows of a view, not figures: each report computes its own.

mod kept_rows;

use std::any::Any;
use std::fmt::{self, Debug};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::{
    Column, Constraint, Constraints, DFSchema, DataFusionError, Dependency, Result, ScalarValue,
};
use datafusion::datasource::{TableProvider, TableType, ViewTable};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{
    Expr, LogicalPlan, LogicalPlanBuilder, TableProviderFilterPushDown, col, lit,
};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, execute_stream_partitioned};
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

use self::kept_rows::{KeptRows, KeptRowsExec};
use super::reads::{Conditions, Span, both};
use crate::engine::{Engine, copy_of};

/// Rows of a view that are kept take at most so many bytes.
const MOST_BYTES: usize = 1 << 30;

/// A view whose rows of some days are kept.
struct Kept {
    name: &'static str,
    /// Columns that are days of its rows.
    days: &'static [&'static str],
    /// Columns that are not kept: hardly any report asks for them, or they ask for all of a user's history.
    left_out: &'static [&'static str],
}

const OF_DEVICES: [&str; 7] = ["referrer", "os", "platform", "brand", "model", "network", "app_version"];

const OF_DAYS: [Kept; 2] = [
    Kept { name: "visits", days: &["dt", "session_dt"], left_out: &OF_DEVICES },
    Kept { name: "sessions", days: &["session_dt"], left_out: &["is_first"] },
];

/// Of so many reports some ask for all days of all users; fewer get the active days around theirs.
const MANY: usize = 10;

/// So many days before the first and after the last one: retention looks a month ahead, active days a month back.
const AROUND: i32 = 31;

/// Days of more events than this are not kept.
const MOST_EVENTS: u64 = 4_000_000;

/// The history of more events than this is not kept.
const MOST_EVENTS_OF_HISTORY: u64 = 200_000_000;

/// The session that computes the answers of a run.
#[derive(Clone, Default)]
pub struct Shared {
    context: Option<SessionContext>,
    has_all_days: bool,
}

impl Shared {
    /// Keeps users, and for many reports all their days, of a store with so many events.
    pub(super) async fn of_history(engine: &Engine, events: u64, reports: usize) -> Result<Self> {
        if events > MOST_EVENTS_OF_HISTORY {
            return Ok(Self::default());
        }
        let kept = copy_of(engine.context()).await?;
        let has_all_days = reports >= MANY;
        if has_all_days {
            keep(&kept, "active_days", None, &[]).await?;
        }
        keep(&kept, "users", None, &[]).await?;
        Ok(Self { context: Some(kept), has_all_days })
    }

    /// Keeps the views of the days from `first` to `last`, too, around which the store has so many events.
    pub(super) async fn of_days(&self, engine: &Engine, first: i32, last: i32, events: u64) -> Result<Self> {
        if events > MOST_EVENTS {
            return Ok(self.clone());
        }
        let days = |columns, around| Days {
            columns,
            first: first.saturating_sub(around),
            last: last.saturating_add(around),
            time_zone: engine.time_zone(),
        };
        let kept = copy_of(self.context.as_ref().unwrap_or(engine.context())).await?;
        for view in OF_DAYS {
            keep(&kept, view.name, Some(days(view.days, 0)), view.left_out).await?;
        }
        if !self.has_all_days {
            keep(&kept, "active_days", Some(days(&["dt"], AROUND)), &[]).await?;
        }
        Ok(Self { context: Some(kept), has_all_days: self.has_all_days })
    }

    /// `None` where nothing is kept and the engine's own session will do.
    pub(super) fn context(&self) -> Option<&SessionContext> {
        self.context.as_ref()
    }
}

/// Puts a kept view in the place of the one of that name, over what is kept already.
async fn keep(context: &SessionContext, name: &str, days: Option<Days>, left_out: &[&str]) -> Result<()> {
    let table = context.table_provider(name).await?;
    let view = (table.as_ref() as &dyn Any).downcast_ref::<ViewTable>();
    if let Some(query) = view.and_then(ViewTable::definition) {
        let state = context.state();
        let plan = state.create_logical_plan(query).await?;
        // The types of its rows are known once types have been coerced.
        let optimized = state.optimize(&plan)?;
        let kept = KeptView::new(name, plan, optimized.schema(), days, left_out);
        context.deregister_table(name)?;
        context.register_table(name, Arc::new(kept))?;
    }
    Ok(())
}

/// Which rows of a view are kept: those of these days, by any of the columns.
#[derive(Debug)]
struct Days {
    columns: &'static [&'static str],
    first: i32,
    last: i32,
    time_zone: String,
}

impl Days {
    fn filter(&self) -> Option<Expr> {
        let of = |column: &&str| between(column, self.first, self.last);
        let asked = self.columns.iter().map(of).reduce(Expr::or)?;
        // A view's day is that of its session or the next one. Said of one column, the scan knows the days that it needs.
        let read = between(self.columns[0], self.first, self.last.saturating_add(1));
        Some(if self.columns.len() > 1 { read.and(asked) } else { asked })
    }

    /// Whether all rows that satisfy these filters are kept.
    fn hold(&self, filters: &[Expr]) -> bool {
        self.columns.iter().any(|column| {
            let mut conditions = Conditions::new(&self.time_zone, column);
            let span: Span = filters
                .iter()
                .flat_map(split_conjunction)
                .fold((None, None), |span, filter| both(span, conditions.days_of(filter)));
            span.0.is_some_and(|first| first >= self.first) && span.1.is_some_and(|last| last <= self.last)
        })
    }
}

fn between(column: &str, first: i32, last: i32) -> Expr {
    let day = |day: i32| lit(ScalarValue::Date32(Some(day)));
    col(column).gt_eq(day(first)).and(col(column).lt_eq(day(last)))
}

/// A view, some of whose rows stay in memory.
struct KeptView {
    name: String,
    view: LogicalPlan,
    schema: SchemaRef,
    /// By its keys a query sees that it can do without a join with it.
    constraints: Constraints,
    /// The columns that are kept, by their places in `schema`.
    columns: Vec<usize>,
    /// `None`: all rows.
    days: Option<Days>,
    /// `None` once it is known that they are too many.
    rows: OnceCell<Option<Arc<KeptRows>>>,
}

impl KeptView {
    /// `columns` are those of the view once types have been coerced.
    fn new(name: &str, view: LogicalPlan, columns: &DFSchema, days: Option<Days>, left_out: &[&str]) -> Self {
        let schema = Arc::new(columns.as_arrow().clone());
        let is_kept = |column: &usize| !left_out.contains(&schema.field(*column).name().as_str());
        Self {
            columns: (0..schema.fields().len()).filter(is_kept).collect(),
            name: name.to_string(),
            view,
            constraints: unique_keys(columns),
            schema,
            days,
            rows: OnceCell::new(),
        }
    }

    async fn compute(&self, state: &dyn Session) -> Result<Option<Arc<KeptRows>>> {
        let mut plan = LogicalPlanBuilder::from(self.view.clone());
        if let Some(filter) = self.days.as_ref().and_then(Days::filter) {
            plan = plan.filter(filter)?;
        }
        let plan = plan.project(self.named(&self.columns))?;
        let plan = state.create_physical_plan(&plan.build()?).await?;
        let reservation =
            MemoryConsumer::new(format!("kept {}", self.name)).register(&state.runtime_env().memory_pool);
        let reservation = Arc::new(reservation);
        let schema = Arc::new(self.schema.project(&self.columns)?);
        let (equivalence, partitioning) =
            (plan.equivalence_properties().clone(), plan.output_partitioning().clone());
        let mut tasks = JoinSet::new();
        let streams = execute_stream_partitioned(plan, state.task_ctx())?;
        for (at, mut stream) in streams.into_iter().enumerate() {
            let (reservation, schema) = (Arc::clone(&reservation), Arc::clone(&schema));
            tasks.spawn(async move {
                let mut batches = Vec::new();
                while let Some(batch) = stream.try_next().await? {
                    let bytes = batch.get_array_memory_size();
                    if reservation.size() + bytes > MOST_BYTES || reservation.try_grow(bytes).is_err() {
                        return Ok::<_, DataFusionError>(None);
                    }
                    batches.push(RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec())?);
                }
                Ok(Some((at, batches)))
            });
        }
        let mut partitions = Vec::new();
        while let Some(ended) = tasks.join_next().await {
            match ended.map_err(|e| DataFusionError::External(Box::new(e)))?? {
                Some(partition) => partitions.push(partition),
                // Too many: what the other tasks have so far goes with them.
                None => return Ok(None),
            }
        }
        partitions.sort_by_key(|(at, _)| *at);
        let partitions = partitions.into_iter().map(|(_, batches)| batches).collect();
        Ok(Some(Arc::new(KeptRows {
            schema,
            partitions,
            equivalence,
            partitioning,
            _reservation: reservation,
        })))
    }

    fn named(&self, columns: &[usize]) -> Vec<Expr> {
        columns
            .iter()
            .map(|column| Expr::from(Column::new_unqualified(self.schema.field(*column).name())))
            .collect()
    }

    /// Where the columns stand among those that are kept; `None` where one is not.
    fn places(&self, projection: Option<&Vec<usize>>) -> Option<Vec<usize>> {
        let place = |column: &usize| self.columns.binary_search(column).ok();
        match projection {
            Some(projection) => projection.iter().map(place).collect(),
            None => (0..self.schema.fields().len()).map(|column| place(&column)).collect(),
        }
    }

    /// The view's own plan, as if the query stood over the view.
    async fn plan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut plan = LogicalPlanBuilder::from(self.view.clone());
        if let Some(filter) = conjunction(filters.to_vec()) {
            plan = plan.filter(filter)?;
        }
        if let Some(projection) = projection {
            plan = plan.project(self.named(projection))?;
        }
        state.create_physical_plan(&plan.build()?).await
    }
}

/// What has no value twice.
fn unique_keys(schema: &DFSchema) -> Constraints {
    let dependencies = schema.functional_dependencies();
    let unique = dependencies.iter().filter(|dependency| dependency.mode == Dependency::Single);
    Constraints::new_unverified(
        unique.map(|dependency| Constraint::Unique(dependency.source_indices.clone())).collect(),
    )
}

impl Debug for KeptView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptView").field("name", &self.name).field("days", &self.days).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for KeptView {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn constraints(&self) -> Option<&Constraints> {
        Some(&self.constraints)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        // What is kept is not filtered, so the query does it.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if let Some(places) = self.places(projection)
            && self.days.as_ref().is_none_or(|days| days.hold(filters))
            && let Some(rows) = self.rows.get_or_try_init(|| self.compute(state)).await?
        {
            return Ok(Arc::new(KeptRowsExec::try_new(&self.name, Arc::clone(rows), places)?));
        }
        self.plan(state, projection, filters).await
    }
}
