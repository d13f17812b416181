//! Takes the filter above a scan into it, and leaves out the columns that are then no longer needed.
//!
//! ```text
//! ProjectionExec: page                                      ShardScanExec: columns=[page], filter=ts >= …
//!   FilterExec: ts >= …                                ─▶
//!     ShardScanExec: columns=[ts, page]
//! ```
//!
//! What is planned above may rely on constants that the filter makes (`user_id = 'x'`): they hold of the new scan, too.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::TreeNode;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::scalar_subquery::ScalarSubqueryExpr;
use datafusion::physical_expr::utils::{collect_columns, conjunction, reassign_expr_columns};
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterPushdownPropagation, PushedDown,
};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};

use super::{ShardScan, ShardScanExec, properties};
use crate::store::schema::event_schema_with;

const COLUMNS_OF_ORDER: [&str; 4] = ["user_id", "dt", "ts", "seq"];

/// The plan whose rows a scan with a filter gives: an operator for the filter, above a scan of all columns that are read, of which
/// those that only the filter needs are the last ones.
pub(super) fn filtered(scan: &ShardScan) -> Result<Option<FilterExec>> {
    let Some(condition) = &scan.filter else {
        return Ok(None);
    };
    let kept = scan.projection.len();
    let mut read = scan.projection.clone();
    let of_filter: BTreeSet<usize> = collect_columns(condition).iter().map(Column::index).collect();
    read.extend(of_filter.into_iter().filter(|column| !scan.projection.contains(column)));

    let unfiltered = ShardScan { filter: None, projection: read, ..scan.clone() };
    let properties = properties(&unfiltered, kept)?;
    let rows = ShardScanExec::with_properties(unfiltered, None, properties);
    let condition = reassign_expr_columns(Arc::clone(condition), &rows.schema())?;
    let filter = FilterExecBuilder::new(condition, Arc::new(rows));
    Ok(Some(filter.apply_projection(Some((0..kept).collect()))?.build()?))
}

/// The scan with all filters that give the same answer wherever and whenever they are asked.
pub(super) fn push_filters(
    scan: &ShardScanExec,
    filters: ChildPushdownResult,
) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
    let events = event_schema_with(&scan.scan.declared);
    let (mut taken, mut conditions) = (Vec::new(), Vec::from_iter(scan.scan.filter.clone()));
    for parent in filters.parent_filters {
        taken.push(if is_volatile(&parent.filter) || has_subquery(&parent.filter)? {
            PushedDown::No
        } else {
            conditions.push(reassign_expr_columns(parent.filter, &events)?);
            PushedDown::Yes
        });
    }
    let propagation = FilterPushdownPropagation::with_parent_pushdown_result(taken);
    if conditions.is_empty() {
        return Ok(propagation);
    }
    let filter = Some(conjunction(conditions));
    let scan = ShardScanExec::try_new(ShardScan { filter, ..scan.scan.clone() })?;
    Ok(propagation.with_updated_node(Arc::new(scan)))
}

/// The answer of a subquery is known below the operator that runs it, which only travels together with the filter.
fn has_subquery(filter: &Arc<dyn PhysicalExpr>) -> Result<bool> {
    filter.exists(|expr| Ok(expr.is::<ScalarSubqueryExpr>()))
}

/// The scan without the columns that `projection`, which is above it, does not name. The order may be what was asked for though
/// none of its columns is named (`SELECT page … ORDER BY ts`), so its columns stay.
pub(super) fn push_projection(
    scan: &ShardScanExec,
    projection: &ProjectionExec,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let mut wanted: BTreeSet<usize> = projection
        .expr()
        .iter()
        .flat_map(|named| collect_columns(&named.expr))
        .map(|column| column.index())
        .collect();
    if scan.scan.ordered {
        wanted.extend(COLUMNS_OF_ORDER.iter().filter_map(|name| scan.schema().index_of(name).ok()));
    }
    if scan.scan.filter.is_none() || wanted.len() == scan.scan.projection.len() {
        return Ok(None);
    }
    let columns = wanted.iter().map(|column| scan.scan.projection[*column]).collect();
    let narrow = Arc::new(ShardScanExec::try_new(ShardScan { projection: columns, ..scan.scan.clone() })?);
    let schema = narrow.schema();
    let exprs = projection.expr().iter().map(|named| {
        let expr = reassign_expr_columns(Arc::clone(&named.expr), &schema)?;
        Ok(ProjectionExpr { expr, alias: named.alias.clone() })
    });
    let exprs = exprs.collect::<Result<Vec<_>>>()?;
    let is_whole = exprs.len() == schema.fields().len()
        && exprs.iter().enumerate().all(|(index, named)| {
            let column = named.expr.downcast_ref::<Column>();
            column.is_some_and(|column| column.index() == index && column.name() == named.alias)
        });
    Ok(Some(if is_whole { narrow } else { Arc::new(ProjectionExec::try_new(exprs, narrow)?) }))
}
