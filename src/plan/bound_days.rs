//! A filter on days above `session_info` also bounds the days that are read below it.
//!
//! ```text
//! before                                      after
//! Filter: info['session_dt'] = D              Filter: info['session_dt'] = D
//!   Window: session_info(…, {day_bound})        Window: session_info(…, {day_bound})
//!     events                                      Filter: dt >= D - 2 AND dt <= D + 1
//!                                                   events
//! ```
//!
//! **Why D − 2 to D + 1 is enough.** Call the answer over all rows *true* and the one over the rows of those days *found*.
//! 1. What the rule of sessions remembers lasts to the end of the next local day, and every row that sets it sets it to the
//!    same value in both. So from D − 1 on both remember the same, and the row before a row is the same too (or lies more
//!    than a day back, which is more than the gap): the natural boundaries of D − 1 and later are the same. Those of D − 2
//!    may differ, since the first row found there counts as the user's first.
//! 2. A cut at the first row of D asks only whether D − 1 held a natural boundary: the same in both. (The cut at the first
//!    row of D − 1 may differ; D − 1 alone would therefore not do.) A session that reaches into D without a boundary started
//!    at the last natural boundary of D − 1, the same in both.
//! 3. Every session has ended by the last row of the day after it started, because there is a cut otherwise. So a row of
//!    day D belongs to a session that ends by D + 1, and so does a session that starts on D.
//!
//! `max_length` and `split_on` break the first step (their boundaries depend on where the session started, day after day
//! without end), and so does a gap of a day or more: then nothing is bounded. The field `session` counts from the user's
//! first session ever: where anybody reads it, nothing is bounded either.
//!
//! Days are bounded by the column that the table marks as the local day of its `ts` ([`DAY_ZONE`]), which is what prunes
//! files; filters on that column are understood too. Without such a column the bounds are put on the time itself.
//! The filter above stays. The rule finds its own work and adds nothing twice.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{Days as CalendarDays, NaiveDate, TimeZone};
use chrono_tz::Tz;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, ExprSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{ScalarFunction, WindowFunction};
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{
    BinaryExpr, Expr, Filter, JoinType, LogicalPlan, Operator, TableScan, Window, WindowFunctionDefinition,
};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use crate::config::{DAY_ZONE, FootfallOptions};
use crate::functions::options::interval;
use crate::functions::sessions::SessionFunction;

/// The column of which [`DAY_ZONE`] speaks.
const TIME_COLUMN: &str = "ts";

#[derive(Debug)]
pub(crate) struct BoundDays;

impl OptimizerRule for BoundDays {
    fn name(&self) -> &str {
        "bound_days"
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        if !FootfallOptions::is_on(&config.options(), |options| options.bound_days) {
            return Ok(Transformed::no(plan));
        }
        let infos = bounded_infos(&plan)?;
        if infos.is_empty() || reads_history(&plan, infos)? {
            return Ok(Transformed::no(plan));
        }
        plan.transform_down_with_subqueries(|node| {
            if matches!(node, LogicalPlan::Filter(_))
                && let Some(bounded) = descend(&node, vec![])?
            {
                return Ok(Transformed::yes(bounded));
            }
            Ok(Transformed::no(node))
        })
    }
}

/// Follows the columns of `conjuncts` down to a window; the plan with a filter below that window, or `None`.
fn descend(plan: &LogicalPlan, mut conjuncts: Vec<Expr>) -> Result<Option<LogicalPlan>> {
    let input = match plan {
        LogicalPlan::Filter(filter) => {
            conjuncts.extend(split_conjunction(&filter.predicate).into_iter().cloned());
            &filter.input
        }
        LogicalPlan::Projection(projection) => {
            let names = projection.schema.fields().iter().map(|field| field.name().clone());
            let columns: HashMap<String, Expr> =
                names.zip(projection.expr.iter().map(|expr| expr.clone().unalias())).collect();
            if columns.len() < projection.expr.len() {
                // Two columns of one name, told apart by their tables: which one a condition means is not followed here.
                return Ok(None);
            }
            conjuncts =
                conjuncts.into_iter().map(|expr| replace_columns(expr, &columns)).collect::<Result<_>>()?;
            &projection.input
        }
        LogicalPlan::SubqueryAlias(alias) => &alias.input,
        LogicalPlan::Window(window) => return bound(window, &conjuncts),
        _ => return Ok(None),
    };
    let Some(input) = descend(input, conjuncts)? else {
        return Ok(None);
    };
    plan.with_new_exprs(plan.expressions(), vec![input]).map(Some)
}

/// Columns go by their bare names: on the way down from a filter to a window there is one input only.
fn replace_columns(expr: Expr, columns: &HashMap<String, Expr>) -> Result<Expr> {
    let replaced = expr.transform_up(|expr| {
        Ok(match &expr {
            Expr::Column(column) => match columns.get(&column.name) {
                Some(below) => Transformed::yes(below.clone()),
                None => Transformed::no(expr),
            },
            _ => Transformed::no(expr),
        })
    })?;
    Ok(replaced.data)
}

fn bound(window: &Window, conjuncts: &[Expr]) -> Result<Option<LogicalPlan>> {
    let Some(calls) = window.window_expr.iter().map(Call::of).collect::<Option<Vec<_>>>() else {
        return Ok(None);
    };
    let Some(first) = calls.first() else {
        return Ok(None);
    };
    if calls.iter().any(|call| call.zone != first.zone || call.ts != first.ts) {
        return Ok(None);
    }
    let infos: HashSet<String> =
        window.window_expr.iter().map(|expr| expr.schema_name().to_string()).collect();
    let day_column = day_column(window, first);
    let mut days = Days::default();
    for conjunct in conjuncts {
        days = days.and(days_of(conjunct, &|expr| match expr {
            Expr::Column(column) => {
                day_column.as_ref().filter(|day| day.name == column.name).map(|_| DayKind::OfRow)
            }
            _ => match field_access(expr) {
                Some((column, "session_dt")) if infos.contains(&column.name) => Some(DayKind::OfSession),
                _ => None,
            },
        }));
    }
    // A session of day D has rows on D and D + 1. Where there is one call only, its sessions have ended by then.
    let last_of_session = days.session.to.map(|to| if calls.len() == 1 { to } else { to.saturating_add(1) });
    let from = later(days.row.from, days.session.from).map(|day| day.saturating_sub(2));
    let to = earlier(days.row.to, last_of_session).map(|day| day.saturating_add(1));
    let filter = match day_column {
        Some(day) => on_days(day, from, to),
        None => match on_times(window, first, from, to)? {
            Some(filter) => filter,
            None => return Ok(None),
        },
    };
    let Some(predicate) = conjunction(missing(&window.input, filter)?) else {
        return Ok(None);
    };
    let input = LogicalPlan::Filter(Filter::try_new(predicate, Arc::clone(&window.input))?);
    Ok(Some(LogicalPlan::Window(Window { input: Arc::new(input), ..window.clone() })))
}

/// A call of `session_info` whose days depend on their neighbours only.
struct Call<'a> {
    ts: &'a Column,
    zone: &'a str,
}

/// The options under which the argument at the top of this file holds.
const LOCAL_OPTIONS: [&str; 12] = [
    "restart",
    "close",
    "gap_open",
    "split_day",
    "rule",
    "event",
    "scene",
    "key",
    "day_bound",
    "is_page",
    "hide",
    "show",
];

/// Shorter than any local day, also one on which the clocks change.
const LONGEST_GAP: i128 = 22 * 3_600_000_000_000;

impl<'a> Call<'a> {
    fn of(expr: &'a Expr) -> Option<Self> {
        let call = session_info(expr)?;
        let params = &call.params;
        let fixed = SessionFunction::Info.fixed_args();
        let (Some(Expr::Column(ts)), Some(Expr::Literal(gap, _))) = (params.args.first(), params.args.get(1))
        else {
            return None;
        };
        let first = params.order_by.first().filter(|order| order.asc)?;
        if first.expr != params.args[0] {
            return None;
        }
        let gap = interval(gap).filter(|gap| gap.months == 0)?;
        let gap = i128::from(gap.days) * 86_400_000_000_000 + i128::from(gap.nanoseconds);
        if gap > LONGEST_GAP {
            return None;
        }
        let mut zone = None;
        for pair in params.args.get(fixed..)?.chunks(2) {
            let (name, value) = (text(pair.first()?)?.to_lowercase(), pair.get(1)?);
            if !LOCAL_OPTIONS.contains(&name.as_str()) {
                return None;
            }
            if name == "day_bound" {
                zone = Some(text(value)?);
            }
        }
        Some(Self { ts, zone: zone? })
    }
}

fn session_info(expr: &Expr) -> Option<&WindowFunction> {
    match expr {
        Expr::Alias(alias) => session_info(&alias.expr),
        Expr::WindowFunction(call) => match &call.fun {
            WindowFunctionDefinition::WindowUDF(function)
                if SessionFunction::of(function) == Some(SessionFunction::Info) =>
            {
                Some(call)
            }
            _ => None,
        },
        _ => None,
    }
}

fn text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        _ => None,
    }
}

/// `column['field']`.
fn field_access(expr: &Expr) -> Option<(&Column, &str)> {
    match expr {
        Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == "get_field" => {
            match args.as_slice() {
                [Expr::Column(column), field] => Some((column, text(field)?)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The column of the window's input that holds the local day of the call's time in the call's zone: both come unchanged
/// from one row of one scan, whose table says so. The name of a column, or what a field's metadata says further up, proves
/// nothing: a join or an alias may have put another time beside it.
fn day_column(window: &Window, call: &Call) -> Option<Column> {
    let input = window.input.as_ref();
    let (times, ts) = origin(input, call.ts)?;
    if ts != TIME_COLUMN {
        return None;
    }
    input.schema().iter().map(Column::from).find(|column| {
        origin(input, column).is_some_and(|(days, name)| {
            let field = days.projected_schema.field_with_unqualified_name(&name);
            std::ptr::eq(days, times)
                && field.is_ok_and(|field| {
                    *field.data_type() == DataType::Date32
                        && field.metadata().get(DAY_ZONE).map(String::as_str) == Some(call.zone)
                })
        })
    })
}

/// The scan, and its column, that `column` of `plan` is without any change.
fn origin<'a>(plan: &'a LogicalPlan, column: &Column) -> Option<(&'a TableScan, String)> {
    let index = plan.schema().maybe_index_of_column(column)?;
    let below = |input: &'a LogicalPlan, index: usize| {
        origin(input, &Column::from(input.schema().qualified_field(index)))
    };
    match plan {
        LogicalPlan::TableScan(scan) => Some((scan, plan.schema().field(index).name().clone())),
        LogicalPlan::Projection(projection) => match projection.expr[index].clone().unalias() {
            Expr::Column(column) => origin(&projection.input, &column),
            _ => None,
        },
        LogicalPlan::SubqueryAlias(alias) => below(&alias.input, index),
        LogicalPlan::Filter(filter) => below(&filter.input, index),
        LogicalPlan::Window(window) if index < window.input.schema().fields().len() => {
            below(&window.input, index)
        }
        LogicalPlan::Join(join) if matches!(join.join_type, JoinType::Inner | JoinType::Left) => {
            match index.checked_sub(join.left.schema().fields().len()) {
                None => below(&join.left, index),
                Some(index) => below(&join.right, index),
            }
        }
        _ => None,
    }
}

/// Names of the columns that hold a `session_info` with bounded days.
fn bounded_infos(plan: &LogicalPlan) -> Result<HashSet<String>> {
    let mut names = HashSet::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Window(window) = node {
            let calls = window.window_expr.iter().filter(|expr| Call::of(expr).is_some());
            names.extend(calls.map(|expr| expr.schema_name().to_string()));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(names)
}

/// Whether anything in the plan, or whoever reads its result, can see the field `session` of one of the `infos`.
///
/// A struct that is used in any other way than by the name of a field may be seen whole.
fn reads_history(plan: &LogicalPlan, mut infos: HashSet<String>) -> Result<bool> {
    loop {
        let known = infos.len();
        plan.apply_with_subqueries(|node| {
            if let LogicalPlan::Projection(projection) = node {
                for expr in &projection.expr {
                    if let (Expr::Alias(alias), Some(_)) = (expr, passed_on(expr, &infos)) {
                        infos.insert(alias.name.clone());
                    }
                }
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        if infos.len() == known {
            break;
        }
    }
    let shows = |plan: &LogicalPlan| plan.schema().fields().iter().any(|field| infos.contains(field.name()));
    let mut found = shows(plan);
    plan.apply_with_subqueries(|node| {
        let hands_columns_on_by_name = matches!(
            node,
            LogicalPlan::Projection(_)
                | LogicalPlan::Filter(_)
                | LogicalPlan::Sort(_)
                | LogicalPlan::Limit(_)
                | LogicalPlan::Join(_)
                | LogicalPlan::SubqueryAlias(_)
                | LogicalPlan::Window(_)
                | LogicalPlan::Aggregate(_)
                | LogicalPlan::Repartition(_)
        );
        found = found || (!hands_columns_on_by_name && node.inputs().into_iter().any(shows));
        node.apply_expressions(|expr| {
            let is_passed_on =
                matches!(node, LogicalPlan::Projection(_)) && passed_on(expr, &infos).is_some();
            found = found || (!is_passed_on && reads_whole_or_number(expr, &infos)?);
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// The struct itself, under its own or another name.
fn passed_on<'a>(expr: &'a Expr, infos: &HashSet<String>) -> Option<&'a Column> {
    match expr {
        Expr::Alias(alias) => passed_on(&alias.expr, infos),
        Expr::Column(column) if infos.contains(&column.name) => Some(column),
        _ => None,
    }
}

fn reads_whole_or_number(expr: &Expr, infos: &HashSet<String>) -> Result<bool> {
    let mut found = false;
    expr.apply(|expr| {
        Ok(match (field_access(expr), expr) {
            (Some((column, field)), _) if infos.contains(&column.name) => {
                found = found || field == "session";
                TreeNodeRecursion::Jump
            }
            (_, Expr::Column(column)) if infos.contains(&column.name) => {
                found = true;
                TreeNodeRecursion::Stop
            }
            _ => TreeNodeRecursion::Continue,
        })
    })?;
    Ok(found)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DayKind {
    OfRow,
    OfSession,
}

/// From the first to the last day, where they are known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Span {
    from: Option<i32>,
    to: Option<i32>,
}

/// On which days rows and sessions may lie for a condition to hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Days {
    row: Span,
    session: Span,
}

impl Span {
    fn and(self, other: Self) -> Self {
        Span { from: later(self.from, other.from), to: earlier(self.to, other.to) }
    }

    fn or(self, other: Self) -> Self {
        Span {
            from: self.from.zip(other.from).map(|(a, b)| a.min(b)),
            to: self.to.zip(other.to).map(|(a, b)| a.max(b)),
        }
    }
}

impl Days {
    fn and(self, other: Self) -> Self {
        Days { row: self.row.and(other.row), session: self.session.and(other.session) }
    }

    fn or(self, other: Self) -> Self {
        Days { row: self.row.or(other.row), session: self.session.or(other.session) }
    }

    fn only(kind: DayKind, from: Option<i32>, to: Option<i32>) -> Self {
        let span = Span { from, to };
        match kind {
            DayKind::OfRow => Days { row: span, ..Days::default() },
            DayKind::OfSession => Days { session: span, ..Days::default() },
        }
    }
}

fn later(a: Option<i32>, b: Option<i32>) -> Option<i32> {
    a.max(b)
}

fn earlier(a: Option<i32>, b: Option<i32>) -> Option<i32> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// The days that `expr` allows; everything that is no comparison of a day with a date allows all.
fn days_of(expr: &Expr, kind: &dyn Fn(&Expr) -> Option<DayKind>) -> Days {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            days_of(left, kind).and(days_of(right, kind))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            days_of(left, kind).or(days_of(right, kind))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let compared = match (kind(left), date(right), kind(right), date(left)) {
                (Some(kind), Some(day), _, _) => Some((kind, *op, day)),
                (_, _, Some(kind), Some(day)) => op.swap().map(|op| (kind, op, day)),
                _ => None,
            };
            match compared {
                Some((kind, Operator::Eq, day)) => Days::only(kind, Some(day), Some(day)),
                Some((kind, Operator::GtEq, day)) => Days::only(kind, Some(day), None),
                Some((kind, Operator::Gt, day)) => Days::only(kind, Some(day.saturating_add(1)), None),
                Some((kind, Operator::LtEq, day)) => Days::only(kind, None, Some(day)),
                Some((kind, Operator::Lt, day)) => Days::only(kind, None, Some(day.saturating_sub(1))),
                _ => Days::default(),
            }
        }
        Expr::Between(between) if !between.negated => match kind(&between.expr) {
            Some(kind) => Days::only(kind, date(&between.low), date(&between.high)),
            None => Days::default(),
        },
        Expr::InList(list) if !list.negated => {
            match (kind(&list.expr), list.list.iter().map(date).collect::<Option<Vec<_>>>()) {
                (Some(kind), Some(days)) => {
                    Days::only(kind, days.iter().min().copied(), days.iter().max().copied())
                }
                _ => Days::default(),
            }
        }
        _ => Days::default(),
    }
}

fn date(expr: &Expr) -> Option<i32> {
    match expr {
        Expr::Literal(ScalarValue::Date32(day), _) => *day,
        _ => None,
    }
}

fn on_days(day: Column, from: Option<i32>, to: Option<i32>) -> Vec<Expr> {
    let literal = |day| Expr::Literal(ScalarValue::Date32(Some(day)), None);
    let column = Expr::Column(day);
    let from = from.map(|day| column.clone().gt_eq(literal(day)));
    let to = to.map(|day| column.clone().lt_eq(literal(day)));
    from.into_iter().chain(to).collect()
}

/// The same bounds on the time: from the first instant of the first day to before the first one of the day after the last.
fn on_times(window: &Window, call: &Call, from: Option<i32>, to: Option<i32>) -> Result<Option<Vec<Expr>>> {
    let (Ok(field), Ok(zone)) = (window.input.schema().field_from_column(call.ts), call.zone.parse::<Tz>())
    else {
        return Ok(None);
    };
    let DataType::Timestamp(_, column_zone) = field.data_type() else {
        return Ok(None);
    };
    let literal = |micros: i64| -> Option<Expr> {
        let instant = ScalarValue::TimestampMicrosecond(Some(micros), column_zone.clone());
        let value = instant.cast_to(field.data_type()).ok().filter(|value| !value.is_null())?;
        Some(Expr::Literal(value, None))
    };
    let column = Expr::Column(call.ts.clone());
    let mut filter = vec![];
    if let Some(from) = from {
        let Some(first) = first_instant(from, zone, true).and_then(literal) else {
            return Ok(None);
        };
        filter.push(column.clone().gt_eq(first));
    }
    if let Some(to) = to {
        let Some(after) = first_instant(to.saturating_add(1), zone, false).and_then(literal) else {
            return Ok(None);
        };
        filter.push(column.lt(after));
    }
    Ok(Some(filter))
}

/// Microseconds of the first instant of a local day. Where the clocks skip or repeat midnight, rather too wide: more rows
/// than needed never change an answer.
fn first_instant(day: i32, zone: Tz, is_lower_bound: bool) -> Option<i64> {
    let date = NaiveDate::from_epoch_days(day)?;
    let midnight = date.and_hms_opt(0, 0, 0)?;
    let local = zone.from_local_datetime(&midnight);
    let exact = if is_lower_bound { local.earliest() } else { local.latest() };
    match exact {
        Some(instant) => Some(instant.timestamp_micros()),
        None => {
            let date = if is_lower_bound {
                date.checked_sub_days(CalendarDays::new(1))?
            } else {
                date.checked_add_days(CalendarDays::new(1))?
            };
            Some(date.and_hms_opt(12, 0, 0)?.and_utc().timestamp_micros())
        }
    }
}

/// Those of `filter` that nothing below implies yet: this rule's own work of the round before, or the user's own filter.
fn missing(input: &LogicalPlan, filter: Vec<Expr>) -> Result<Vec<Expr>> {
    let mut present: Vec<Expr> = vec![];
    input.apply(|node| {
        match node {
            LogicalPlan::Filter(filter) => {
                present.extend(split_conjunction(&filter.predicate).into_iter().cloned());
            }
            LogicalPlan::TableScan(scan) => {
                present.extend(scan.filters.iter().flat_map(|filter| split_conjunction(filter)).cloned())
            }
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(filter.into_iter().filter(|bound| !present.iter().any(|known| implies(known, bound))).collect())
}

/// Whether `known` is at least as narrow as `bound`, both of the form column, comparison, literal.
fn implies(known: &Expr, bound: &Expr) -> bool {
    let (Some((column, op, value)), Some((bound_column, bound_op, limit))) =
        (comparison(known), comparison(bound))
    else {
        return false;
    };
    let lower = |op| matches!(op, Operator::GtEq | Operator::Gt);
    let upper = |op| matches!(op, Operator::LtEq | Operator::Lt);
    column.name == bound_column.name
        && ((lower(bound_op) && (lower(op) || op == Operator::Eq) && value >= limit)
            || (upper(bound_op)
                && (upper(op) || op == Operator::Eq)
                && (value < limit || (op == bound_op && value == limit))))
}

fn comparison(expr: &Expr) -> Option<(&Column, Operator, &ScalarValue)> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (left.as_ref(), right.as_ref()) {
            (Expr::Column(column), Expr::Literal(value, _)) => Some((column, *op, value)),
            _ => None,
        },
        _ => None,
    }
}
