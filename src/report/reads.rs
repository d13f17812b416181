//! Of what does an answer depend? Read off the optimized plan: which tables it scans, and of which days.
//!
//! ```text
//! Filter: dt >= 2026-02-27 AND dt <= 2026-03-02       what bound_days made of session_dt = 2026-03-01
//!   TableScan: events, filters=[dt >= …, dt <= …]     ⇒ events of 2026-02-27 to 2026-03-02
//! ```
//! A row outside of what every scan keeps cannot be in the answer. A scan whose filters say nothing about days, or about the
//! time, which lies on a day of the store's zone, reads them all. One exception: `least(max(dt), DATE '2026-03-12')` asks for
//! the newest day only up to that one, whatever comes later.
//! Not from the physical plan: there `max(dt)` may have become a constant.

use chrono_tz::Tz;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator, Projection, TableScan};

use crate::calendar::{LocalDays, days_only_rise};
use crate::report::batch::Reads;

/// Functions whose answer depends on the moment or on chance.
const OF_THE_MOMENT: [&str; 7] =
    ["now", "current_timestamp", "current_date", "current_time", "today", "random", "uuid"];

/// What the optimized plan reads, where days are those of the zone `time_zone`; and whether the plan as it was written asks for
/// the time of day. `saved` are the names of views that are files of the store.
pub(super) fn reads(
    written: &LogicalPlan,
    optimized: &LogicalPlan,
    time_zone: &str,
    saved: &[String],
) -> Result<Reads> {
    let mut reads = Reads {
        others: is_of_the_moment(written)?,
        // What a view says counts as declared.
        catalogue: reads_one_of(written, saved)?,
        ..Reads::default()
    };
    let mut conditions = Conditions::new(time_zone, "dt");
    optimized.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::TableScan(scan) => add(&mut reads, scan, &mut conditions),
            LogicalPlan::Projection(projection) => {
                if let Some(day) = newest_up_to(projection) {
                    add_span(&mut reads, (Some(day), Some(day)));
                    return Ok(TreeNodeRecursion::Jump);
                }
            }
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(reads)
}

/// The day up to which the newest one is asked for, where the projection is `least(max(dt), day)` over all events.
fn newest_up_to(projection: &Projection) -> Option<i32> {
    let LogicalPlan::Aggregate(aggregate) = projection.input.as_ref() else { return None };
    let LogicalPlan::TableScan(scan) = aggregate.input.as_ref() else { return None };
    let ([expr], [newest], []) =
        (projection.expr.as_slice(), aggregate.aggr_expr.as_slice(), aggregate.group_expr.as_slice())
    else {
        return None;
    };
    let Expr::AggregateFunction(max) = newest else { return None };
    let [Expr::Column(day)] = max.params.args.as_slice() else { return None };
    let is_newest = max.func.name() == "max" && max.params.filter.is_none() && day.name == "dt";
    if !is_newest || scan.table_name.table() != "events" || !scan.filters.is_empty() {
        return None;
    }
    let expr = expr.clone().unalias();
    let Expr::ScalarFunction(least) = &expr else { return None };
    match (least.func.name(), least.args.as_slice()) {
        (
            "least",
            [Expr::Column(_), Expr::Literal(ScalarValue::Date32(day), _)]
            | [Expr::Literal(ScalarValue::Date32(day), _), Expr::Column(_)],
        ) => *day,
        _ => None,
    }
}

fn add_span(reads: &mut Reads, span: Span) {
    reads.events = Some(reads.events.map_or(span, |known| either(known, span)));
    if span.0.is_some() && span.1.is_some() {
        reads.bounded = Some(reads.bounded.map_or(span, |known| either(known, span)));
    }
}

fn add(reads: &mut Reads, scan: &TableScan, conditions: &mut Conditions<'_>) {
    match scan.table_name.table() {
        "events" => {
            let span = scan
                .filters
                .iter()
                .flat_map(split_conjunction)
                .fold(EVER, |span, filter| both(span, conditions.days_of(filter)));
            let reads_column =
                |is: fn(&str) -> bool| scan.projected_schema.fields().iter().any(|field| is(field.name()));
            // Who asks for all days of users asks who is new, and what the users files say decides that, too.
            reads.users |= span.0.is_none() && reads_column(|name| name == "user_id");
            // A declaration moves a property from the map to a column.
            reads.catalogue |= reads_column(|name| name == "props" || name.starts_with("p_"));
            add_span(reads, span);
        }
        "user_profiles" => reads.users = true,
        "event_catalogue" | "column_comments" | "source_keys" | "scene_tree" => reads.catalogue = true,
        // Values in the query itself.
        "" => {}
        // Rejected rows, files and folders.
        _ => reads.others = true,
    }
}

/// Whether one of these views stands in the plan, under its own name as the planner puts it there.
fn reads_one_of(plan: &LogicalPlan, views: &[String]) -> Result<bool> {
    let mut found = false;
    if !views.is_empty() {
        plan.apply_with_subqueries(|node| {
            if let LogicalPlan::SubqueryAlias(alias) = node {
                found |= views.iter().any(|view| view == alias.alias.table());
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    Ok(found)
}

fn is_of_the_moment(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if let Expr::ScalarFunction(call) = expr {
                    found |= OF_THE_MOMENT.contains(&call.func.name());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(found)
}

/// First and last day; without end where it is `None`.
pub(super) type Span = (Option<i32>, Option<i32>);

const EVER: Span = (None, None);

pub(super) fn both(a: Span, b: Span) -> Span {
    let to = match (a.1, b.1) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    (a.0.max(b.0), to)
}

pub(super) fn either(a: Span, b: Span) -> Span {
    (a.0.zip(b.0).map(|(a, b)| a.min(b)), a.1.zip(b.1).map(|(a, b)| a.max(b)))
}

/// Reads conditions on the day and the time of an event.
pub(super) struct Conditions<'a> {
    /// The column that holds the day.
    day: &'a str,
    /// `None` where the zone is not known.
    days: Option<LocalDays>,
    /// Days by which a later time may lie on an earlier day: clocks put back over a midnight.
    margin: i32,
}

impl<'a> Conditions<'a> {
    pub(super) fn new(time_zone: &str, day: &'a str) -> Self {
        let days = time_zone.parse::<Tz>().ok().map(LocalDays::new);
        Self { day, days, margin: i32::from(!days_only_rise(time_zone)) }
    }

    /// The days that a condition allows; one that is no comparison of `dt` or `ts` with a constant allows all.
    pub(super) fn days_of(&mut self, condition: &Expr) -> Span {
        match condition {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                both(self.days_of(left), self.days_of(right))
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
                either(self.days_of(left), self.days_of(right))
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (left.as_ref(), right.as_ref()) {
                (Expr::Column(column), Expr::Literal(value, _)) => self.compared(&column.name, *op, value),
                (Expr::Literal(value, _), Expr::Column(column)) => match op.swap() {
                    Some(op) => self.compared(&column.name, op, value),
                    None => EVER,
                },
                _ => EVER,
            },
            Expr::Between(between) if !between.negated => {
                match (between.expr.as_ref(), between.low.as_ref(), between.high.as_ref()) {
                    (Expr::Column(column), Expr::Literal(low, _), Expr::Literal(high, _)) => both(
                        self.compared(&column.name, Operator::GtEq, low),
                        self.compared(&column.name, Operator::LtEq, high),
                    ),
                    _ => EVER,
                }
            }
            Expr::InList(list) if !list.negated => {
                let Expr::Column(column) = list.expr.as_ref() else { return EVER };
                let spans = list.list.iter().map(|value| match value {
                    Expr::Literal(value, _) => self.compared(&column.name, Operator::Eq, value),
                    _ => EVER,
                });
                spans.reduce(either).unwrap_or(EVER)
            }
            _ => EVER,
        }
    }

    fn compared(&mut self, column: &str, op: Operator, value: &ScalarValue) -> Span {
        match (column, value) {
            (name, ScalarValue::Date32(Some(day))) if name == self.day => match op {
                Operator::Eq => (Some(*day), Some(*day)),
                Operator::GtEq => (Some(*day), None),
                Operator::Gt => (Some(day.saturating_add(1)), None),
                Operator::LtEq => (None, Some(*day)),
                Operator::Lt => (None, Some(day.saturating_sub(1))),
                _ => EVER,
            },
            // The time says when the event was, not when its session began.
            ("ts", ScalarValue::TimestampMicrosecond(Some(time), _)) if self.day == "dt" => {
                let Some(days) = &mut self.days else { return EVER };
                let first = |day: i32| Some(day.saturating_sub(self.margin));
                let last = |day: i32| Some(day.saturating_add(self.margin));
                match op {
                    Operator::Eq => (first(days.day(*time)), last(days.day(*time))),
                    Operator::GtEq | Operator::Gt => (first(days.day(*time)), None),
                    Operator::LtEq => (None, last(days.day(*time))),
                    Operator::Lt => (None, last(days.day(time.saturating_sub(1)))),
                    _ => EVER,
                }
            }
            _ => EVER,
        }
    }
}
