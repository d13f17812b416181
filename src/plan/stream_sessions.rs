//! Session functions run in one streaming pass wherever the plan proves that rows come in order of (user, time).
//!
//! ```text
//! before                                            after
//! WindowAggExec: session_info(…), row_number()      ProjectionExec: the columns in their old order
//!   rows in order of (user_id, ts, seq)               SessionizeExec: session_info
//!                                                       BoundedWindowAggExec: row_number()
//!                                                         rows in order of (user_id, ts, seq)
//! ```
//!
//! What the plan proves decides, not what the query looks like: whatever stands above, below or beside the window. Where
//! the order is not proven, or there is none, the window operator stays; its answer is the same, only slower and with a
//! whole partition in memory. The schema stays the same to the letter. The call's time may be computed from what the
//! window is ordered by: both operators see the rows in the same order, and refuse a time that falls.
//!
//! On the way down the rule also notes which fields of a `session_info` the operators above read; only those are computed.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::WindowUDF;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::window::{StandardWindowExpr, WindowExpr};
use datafusion::physical_expr::{
    PhysicalExpr, PhysicalSortExpr, PhysicalSortRequirement, ScalarFunctionExpr,
};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::windows::{
    BoundedWindowAggExec, WindowAggExec, WindowUDFExpr, get_best_fitting_window,
};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, replace_children_if_necessary};

use super::sessionize::{SessionWindow, SessionizeExec};
use crate::config::FootfallOptions;
use crate::functions::options::constant;
use crate::functions::sessions::{InfoField, InfoFields, SessionFunction};

#[derive(Debug)]
pub(crate) struct StreamSessions;

impl PhysicalOptimizerRule for StreamSessions {
    fn name(&self) -> &str {
        "stream_sessions"
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match FootfallOptions::is_on(config, |options| options.stream_sessions) {
            true => rewrite(plan, None),
            false => Ok(plan),
        }
    }
}

/// `reads` is what the operators above read of the plan's columns; `None` when it may be everything.
fn rewrite(plan: Arc<dyn ExecutionPlan>, reads: Option<&[Read]>) -> Result<Arc<dyn ExecutionPlan>> {
    let below = reads_of_input(&plan, reads)?;
    let children = plan
        .children()
        .into_iter()
        .map(|child| rewrite(Arc::clone(child), below.as_deref()))
        .collect::<Result<Vec<_>>>()?;
    let plan = replace_children_if_necessary(plan, children)?;
    let streamed = match WindowParts::of(&plan) {
        Some(parts) => parts.stream(reads)?,
        None => None,
    };
    Ok(streamed.unwrap_or(plan))
}

/// A window operator, whichever of DataFusion's two it is.
struct WindowParts<'a> {
    exprs: &'a [Arc<dyn WindowExpr>],
    input: &'a Arc<dyn ExecutionPlan>,
    partition_keys: Vec<Arc<dyn PhysicalExpr>>,
}

impl<'a> WindowParts<'a> {
    fn of(plan: &'a Arc<dyn ExecutionPlan>) -> Option<Self> {
        if let Some(window) = plan.downcast_ref::<WindowAggExec>() {
            return Some(Self {
                exprs: window.window_expr(),
                input: window.input(),
                partition_keys: window.partition_keys(),
            });
        }
        let window = plan.downcast_ref::<BoundedWindowAggExec>()?;
        Some(Self {
            exprs: window.window_expr(),
            input: window.input(),
            partition_keys: window.partition_keys(),
        })
    }

    /// The same with the session functions in `SessionizeExec`, or `None` when nothing can be streamed.
    fn stream(&self, reads: Option<&[Read]>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(first) = self.exprs.first() else {
            return Ok(None);
        };
        let (partition_by, order_by) = (first.partition_by(), first.order_by());
        let Some(partition_by) = proven_partition(self.input, partition_by, order_by)? else {
            return Ok(None);
        };
        let before = self.input.schema().fields().len();
        let mut windows = vec![];
        let mut others = vec![];
        // For each expression, whether it is ours and its place among its kind.
        let mut places = vec![];
        for (i, expr) in self.exprs.iter().enumerate() {
            let same_window =
                same_exprs(expr.partition_by(), first.partition_by()) && expr.order_by() == order_by;
            match session_call(expr).filter(|_| same_window) {
                Some(call) => {
                    places.push((true, windows.len()));
                    windows.push(SessionWindow::try_new(
                        Arc::clone(call.function),
                        call.args.to_vec(),
                        expr.name(),
                        &self.input.schema(),
                        needed(before + i, reads),
                    )?);
                }
                None => {
                    places.push((false, others.len()));
                    others.push(Arc::clone(expr));
                }
            }
        }
        if windows.is_empty() {
            return Ok(None);
        }
        let other_count = others.len();
        let input = if others.is_empty() { Arc::clone(self.input) } else { self.without_sessions(others)? };
        let sessions: Arc<dyn ExecutionPlan> =
            Arc::new(SessionizeExec::try_new(input, windows, partition_by, order_by.to_vec())?);
        if other_count == 0 {
            return Ok(Some(sessions));
        }
        let place =
            |(is_ours, place): &(bool, usize)| before + place + if *is_ours { other_count } else { 0 };
        let order: Vec<usize> = (0..before).chain(places.iter().map(place)).collect();
        if order.is_sorted() {
            return Ok(Some(sessions));
        }
        let schema = sessions.schema();
        let columns = order.into_iter().map(|i| {
            let name = schema.field(i).name();
            ProjectionExpr { expr: Arc::new(Column::new(name, i)), alias: name.clone() }
        });
        let columns: Vec<ProjectionExpr> = columns.collect();
        Ok(Some(Arc::new(ProjectionExec::try_new(columns, sessions)?)))
    }

    /// The operator for the functions that are not ours. They may be fit for the bounded one now.
    fn without_sessions(&self, others: Vec<Arc<dyn WindowExpr>>) -> Result<Arc<dyn ExecutionPlan>> {
        match get_best_fitting_window(&others, self.input, &self.partition_keys, None)? {
            Some(window) => Ok(window),
            None => Ok(Arc::new(WindowAggExec::try_new(
                others,
                Arc::clone(self.input),
                !self.partition_keys.is_empty(),
            )?)),
        }
    }
}

/// The partition expressions in the order in which `input` is proven to be sorted by them and then by `order_by`.
fn proven_partition(
    input: &Arc<dyn ExecutionPlan>,
    partition_by: &[Arc<dyn PhysicalExpr>],
    order_by: &[PhysicalSortExpr],
) -> Result<Option<Vec<Arc<dyn PhysicalExpr>>>> {
    if order_by.is_empty() {
        return Ok(None);
    }
    let properties = input.equivalence_properties();
    let (_, places) = properties.find_longest_permutation(partition_by)?;
    if places.len() < partition_by.len() {
        return Ok(None);
    }
    let partition_by: Vec<_> = places.into_iter().map(|i| Arc::clone(&partition_by[i])).collect();
    let wanted = partition_by
        .iter()
        .map(|expr| PhysicalSortRequirement::new(Arc::clone(expr), None))
        .chain(order_by.iter().cloned().map(PhysicalSortRequirement::from));
    Ok(properties.ordering_satisfy_requirement(wanted)?.then_some(partition_by))
}

struct SessionCall<'a> {
    function: &'a Arc<WindowUDF>,
    args: &'a [Arc<dyn PhysicalExpr>],
}

fn session_call(expr: &Arc<dyn WindowExpr>) -> Option<SessionCall<'_>> {
    let expr = expr.as_any().downcast_ref::<StandardWindowExpr>()?;
    let call = expr.get_standard_func_expr().as_any().downcast_ref::<WindowUDFExpr>()?;
    SessionFunction::of(call.fun())?;
    Some(SessionCall { function: call.fun(), args: call.args() })
}

fn same_exprs(a: &[Arc<dyn PhysicalExpr>], b: &[Arc<dyn PhysicalExpr>]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.eq(b))
}

/// One use of a column: by its number, as a whole or one field of it.
#[derive(Debug, Clone)]
struct Read {
    column: usize,
    field: Option<String>,
}

/// What `plan` and the operators above it read of the columns of its inputs.
fn reads_of_input(plan: &Arc<dyn ExecutionPlan>, above: Option<&[Read]>) -> Result<Option<Vec<Read>>> {
    // These two hand on nothing but what their expressions name.
    if plan.is::<ProjectionExec>() || plan.is::<AggregateExec>() {
        let mut reads = vec![];
        plan.apply_expressions(&mut |expr| {
            collect_reads(expr, &mut reads)?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        return Ok(Some(reads));
    }
    if let (Some(filter), Some(above)) = (plan.downcast_ref::<FilterExec>(), above) {
        let mut reads = vec![];
        for read in above {
            let column = match filter.projection() {
                Some(columns) => columns.get(read.column).copied(),
                None => Some(read.column),
            };
            let Some(column) = column else {
                return Ok(None);
            };
            reads.push(Read { column, field: read.field.clone() });
        }
        collect_reads(filter.predicate(), &mut reads)?;
        return Ok(Some(reads));
    }
    Ok(None)
}

fn collect_reads(expr: &Arc<dyn PhysicalExpr>, reads: &mut Vec<Read>) -> Result<()> {
    if let Some(call) = expr.downcast_ref::<ScalarFunctionExpr>()
        && call.fun().name() == "get_field"
        && let [base, field] = call.args()
        && let Some(column) = base.downcast_ref::<Column>()
        && let Some(field) = constant(field)?
        && let Some(Some(field)) = field.try_as_str()
    {
        reads.push(Read { column: column.index(), field: Some(field.to_owned()) });
        return Ok(());
    }
    if let Some(column) = expr.downcast_ref::<Column>() {
        reads.push(Read { column: column.index(), field: None });
    }
    expr.children().into_iter().try_for_each(|child| collect_reads(child, reads))
}

/// The fields of the struct in `column` that `reads` ask for.
fn needed(column: usize, reads: Option<&[Read]>) -> InfoFields {
    let Some(reads) = reads else {
        return InfoFields::ALL;
    };
    let mut needed = InfoFields::NONE;
    for read in reads.iter().filter(|read| read.column == column) {
        match read.field.as_deref().and_then(InfoField::of_name) {
            Some(field) => needed = needed.with(field),
            None => return InfoFields::ALL,
        }
    }
    needed
}
