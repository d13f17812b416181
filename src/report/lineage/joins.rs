//! Which rows does a join drop, which does it repeat, and what decides that?

use datafusion::common::{Column, DFSchema, Dependency, JoinType, Result};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Join, Operator};

use super::flow::{Flow, Scope, Trace};
use super::nodes::Walk;

impl Walk {
    pub(super) fn join(&mut self, join: &Join, outer: Option<&Scope<'_>>) -> Result<Flow> {
        let left = self.flow(&join.left, outer)?;
        // A subquery on the right may name what is on the left.
        let right = self.flow(&join.right, Some(&Scope { inputs: &[&left], outer }))?;
        let scope = Scope { inputs: &[&left, &right], outer };
        let written = join.on.iter().flat_map(|(left, right)| [left, right]).chain(&join.filter);
        let condition = self.sum(written, &scope)?;

        let keys = keys(join);
        let is_right_unique = is_unique(join.right.schema(), keys.iter().map(|(_, right)| *right));
        let is_left_unique = is_unique(join.left.schema(), keys.iter().map(|(left, _)| *left));
        let mut rows = Trace::default();
        let (mut left_columns, mut right_columns) = (left.columns, right.columns);
        match join.join_type {
            JoinType::Left if is_right_unique => {
                rows = left.rows;
                found(&mut right_columns, &condition, &right.rows);
            }
            JoinType::Right if is_left_unique => {
                rows = right.rows;
                found(&mut left_columns, &condition, &left.rows);
            }
            JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => {
                // Where a row finds one other at most, the pairs are told apart as the rows are.
                let is_inner = join.join_type == JoinType::Inner;
                if !(is_inner && is_left_unique && !is_right_unique) {
                    rows.add(&left.rows);
                }
                if !(is_inner && is_right_unique) {
                    rows.add(&right.rows);
                }
                rows.filter_by_rows(&left.rows);
                rows.filter_by_rows(&right.rows);
                rows.filter(&condition);
            }
            JoinType::LeftSemi | JoinType::LeftAnti => {
                rows = left.rows;
                rows.filter_by_rows(&right.rows);
                rows.filter(&condition);
                right_columns.clear();
            }
            JoinType::RightSemi | JoinType::RightAnti => {
                rows = right.rows;
                rows.filter_by_rows(&left.rows);
                rows.filter(&condition);
                left_columns.clear();
            }
            JoinType::LeftMark => {
                rows = left.rows;
                right_columns = vec![mark(&condition, &right.rows)];
            }
            JoinType::RightMark => {
                rows = right.rows;
                left_columns = Vec::new();
                right_columns.push(mark(&condition, &left.rows));
            }
        }
        Flow::new(&join.schema, [left_columns, right_columns].concat(), rows)
    }
}

/// Columns of the row that was found, if one was.
fn found(columns: &mut [Trace], condition: &Trace, rows: &Trace) {
    for column in columns {
        column.filter(condition);
        column.filter_by_rows(rows);
    }
}

/// Whether there is such a row.
fn mark(condition: &Trace, rows: &Trace) -> Trace {
    let mut mark = condition.clone();
    mark.filter_by_rows(rows);
    mark
}

/// Places of the columns that have to be equal.
fn keys(join: &Join) -> Vec<(usize, usize)> {
    let (left, right) = (join.left.schema(), join.right.schema());
    let place = |schema: &DFSchema, column: &Column| schema.maybe_index_of_column(column);
    let pair = |a: &Expr, b: &Expr| match (a, b) {
        (Expr::Column(a), Expr::Column(b)) => {
            let as_written = place(left, a).zip(place(right, b));
            as_written.or_else(|| place(left, b).zip(place(right, a)))
        }
        _ => None,
    };
    let mut keys: Vec<(usize, usize)> = join.on.iter().filter_map(|(a, b)| pair(a, b)).collect();
    for part in join.filter.iter().flat_map(split_conjunction) {
        if let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = part {
            keys.extend(pair(left, right));
        }
    }
    keys
}

/// Whether no two rows are the same in these columns.
fn is_unique(schema: &DFSchema, columns: impl Iterator<Item = usize>) -> bool {
    let columns: Vec<usize> = columns.collect();
    schema.functional_dependencies().iter().any(|known| {
        known.mode == Dependency::Single && known.source_indices.iter().all(|column| columns.contains(column))
    })
}
