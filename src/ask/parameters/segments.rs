//! `in_segment('buyers')` in the value of a filter: an event, or whatever the rows are, of a user in a segment.
//!
//! ```text
//! -p "filter=in_segment('buyers') AND platform = 'ios'"
//!     ⇒ (user_id IN (SELECT DISTINCT user_id FROM "buyers" WHERE user_id IS NOT NULL) AND platform = 'ios')
//! ```
//! A segment is any table or view with a column `user_id`. A user counts once, however many rows the segment has, and a row
//! without a user says nothing, so that NOT in_segment('buyers') is everybody else.
//!
//! DataFusion plans IN (SELECT …) in WHERE and HAVING only. Where a filter stands in another place, such as the conditions of a
//! funnel's steps, the call is an error that says so.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use datafusion::catalog::SchemaProvider;
use datafusion::common::{Result, TableReference};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, JoinConstraint, JoinOperator,
    ObjectNamePart, Query, Select, Statement as SqlStatement, TableFactor, Value as SqlValue, ValueWithSpan,
    Visit, VisitMut, Visitor, VisitorMut,
};

use crate::ask::errors::Usage;
use crate::ask::parameters::Arguments;
use crate::ask::parameters::value::Value;
use crate::ask::script::quoted;
use crate::engine::own_tables;
use crate::error::did_you_mean;

const NAME: &str = "in_segment";
const USER_ID: &str = "user_id";

/// How the call is written.
pub(super) const FORM: &str =
    "in_segment takes the name of a view or table with a column user_id, in quotes: in_segment('buyers')";

/// The segment that an expression asks for; `None` if it does not ask for one.
pub(super) fn segment_of(expr: &Expr) -> Option<std::result::Result<&str, &'static str>> {
    let Expr::Function(call) = expr else { return None };
    let [ObjectNamePart::Identifier(name)] = call.name.0.as_slice() else { return None };
    name.value.eq_ignore_ascii_case(NAME).then(|| argument(call).ok_or(FORM))
}

fn argument(call: &Function) -> Option<&str> {
    let FunctionArguments::List(list) = &call.args else { return None };
    let [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))] = list.args.as_slice() else {
        return None;
    };
    let is_plain = list.duplicate_treatment.is_none()
        && list.clauses.is_empty()
        && call.filter.is_none()
        && call.over.is_none()
        && call.null_treatment.is_none()
        && call.within_group.is_empty();
    match &value.value {
        SqlValue::SingleQuotedString(segment) if is_plain => Some(segment),
        _ => None,
    }
}

/// The segments that the value of a filter asks for.
pub(super) fn named(filter: &Expr) -> Vec<String> {
    let mut named = Named(Vec::new());
    let _ = filter.visit(&mut named);
    named.0
}

struct Named(Vec<String>);

impl Visitor for Named {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Some(Ok(segment)) = segment_of(expr) {
            self.0.push(segment.to_string());
        }
        ControlFlow::Continue(())
    }
}

/// What takes the place of calls, by segment.
pub(super) type Members = BTreeMap<String, Box<Query>>;

/// Finds the segments that the values of the parameters `used` ask for.
pub(super) async fn find<'a>(
    context: &SessionContext,
    arguments: &Arguments,
    used: impl Iterator<Item = &'a String>,
) -> Result<Members> {
    let mut members = Members::new();
    for parameter in used {
        let Some(Value::Filter(filter)) = arguments.0.get(parameter).map(|argument| &argument.value) else {
            continue;
        };
        for segment in named(filter) {
            check(context, &segment, &format!("parameter {parameter}")).await?;
            if let Some(query) = query(&segment) {
                members.insert(segment, query);
            }
        }
    }
    Ok(members)
}

/// The users of a segment, each once.
pub(in crate::ask) fn users_of(segment: &str) -> String {
    format!("SELECT DISTINCT user_id FROM {} WHERE user_id IS NOT NULL", quoted(segment))
}

fn query(segment: &str) -> Option<Box<Query>> {
    match DFParser::parse_sql(&users_of(segment)).ok()?.pop_front()? {
        Statement::Statement(statement) => match *statement {
            SqlStatement::Query(query) => Some(query),
            _ => None,
        },
        _ => None,
    }
}

/// Fails unless there is a segment of this name; `what` asks for it.
pub(in crate::ask) async fn check(context: &SessionContext, segment: &str, what: &str) -> Result<()> {
    #[cfg(feature = "store")]
    crate::ask::views::check_planned(context, segment)?;
    let reason = match context.table_provider(TableReference::bare(segment)).await {
        Ok(table) if table.schema().field_with_name(USER_ID).is_ok() => return Ok(()),
        Ok(_) => format!("{what}: '{segment}' has no column user_id, so it is no segment"),
        Err(_) => format!("{what}: there is no segment '{segment}'"),
    };
    let tables = own_tables(context).await?;
    let mut segments = Vec::new();
    for name in tables.table_names() {
        let table = tables.table(&name).await?;
        if table.is_some_and(|table| table.schema().field_with_name(USER_ID).is_ok()) {
            segments.push(name);
        }
    }
    segments.sort();
    let names: Vec<&str> = segments.iter().map(String::as_str).collect();
    let known = match names.as_slice() {
        [] => "no table or view here has a column user_id".to_string(),
        _ => format!("segments are the tables and views with a column user_id: {}", names.join(", ")),
    };
    Err(Usage::error(format!("{reason}; {known}{}", did_you_mean(segment, &names))))
}

/// Why a filter that asks for a segment cannot stand where the query has it.
pub(super) fn misplaced(parameter: &str, segment: &str) -> String {
    format!(
        "parameter {parameter}: in_segment('{segment}') cannot be planned where the query uses this filter: DataFusion takes it in \
         WHERE and HAVING only, not in the arguments of a function, FILTER (WHERE …) of an aggregate, ON or a column; give it \
         to a filter of all rows, or run everything with --segment {segment}"
    )
}

/// Puts the values of filters that ask for segments into WHERE and HAVING of every SELECT.
pub(super) struct Segments<'a> {
    pub(super) arguments: &'a Arguments,
    pub(super) members: &'a Members,
}

impl VisitorMut for Segments<'_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let owner = owner(select);
        for (clause, in_calls) in [(&mut select.selection, true), (&mut select.having, false)] {
            let Some(clause) = clause else { continue };
            let mut clause_of = Clause {
                arguments: self.arguments,
                members: self.members,
                owner: owner.as_ref(),
                in_calls,
                queries: 0,
                calls: 0,
            };
            let _ = VisitMut::visit(clause, &mut clause_of);
        }
        ControlFlow::Continue(())
    }
}

/// One clause of a SELECT, without the queries in it.
struct Clause<'a> {
    arguments: &'a Arguments,
    members: &'a Members,
    owner: Option<&'a Ident>,
    /// Whether the arguments of functions count: in HAVING they may be those of an aggregate.
    in_calls: bool,
    /// Queries and calls around the expression.
    queries: usize,
    calls: usize,
}

impl VisitorMut for Clause<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.queries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.queries -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        self.calls += usize::from(matches!(expr, Expr::Function(_)));
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if matches!(expr, Expr::Function(_)) {
            self.calls -= 1;
        }
        if self.queries == 0
            && (self.in_calls || self.calls == 0)
            && let Some(filter) = filter(self.arguments, expr)
            && !named(filter).is_empty()
        {
            let mut value = filter.clone();
            let _ = VisitMut::visit(&mut value, &mut Calls { members: self.members, owner: self.owner });
            *expr = value;
        }
        ControlFlow::Continue(())
    }
}

/// The value of a filter whose placeholder an expression is.
fn filter<'a>(arguments: &'a Arguments, expr: &Expr) -> Option<&'a Expr> {
    let Expr::Value(ValueWithSpan { value: SqlValue::Placeholder(placeholder), .. }) = expr else {
        return None;
    };
    match arguments.0.get(placeholder.strip_prefix('$')?).map(|argument| &argument.value) {
        Some(Value::Filter(filter)) => Some(filter),
        _ => None,
    }
}

/// Replaces the calls in the value of a filter.
struct Calls<'a> {
    members: &'a Members,
    owner: Option<&'a Ident>,
}

impl VisitorMut for Calls<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let Some(Ok(segment)) = segment_of(expr) else { return ControlFlow::Continue(()) };
        let Some(query) = self.members.get(segment) else { return ControlFlow::Continue(()) };
        let user_id = match self.owner {
            Some(owner) => Expr::CompoundIdentifier(vec![owner.clone(), Ident::new(USER_ID)]),
            None => Expr::Identifier(Ident::new(USER_ID)),
        };
        *expr = Expr::InSubquery { expr: Box::new(user_id), subquery: query.clone(), negated: false };
        ControlFlow::Continue(())
    }
}

/// Whose `user_id` is meant after FROM events JOIN users USING (user_id): DataFusion takes the bare name for ambiguous there.
fn owner(select: &Select) -> Option<Ident> {
    let [from] = select.from.as_slice() else { return None };
    if !from.joins.iter().any(|join| shares_user_id(&join.join_operator)) {
        return None;
    }
    match &from.relation {
        TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
            Some(alias.name.clone())
        }
        TableFactor::Table { name, .. } => match name.0.last()? {
            ObjectNamePart::Identifier(name) => Some(name.clone()),
            ObjectNamePart::Function(_) => None,
        },
        _ => None,
    }
}

fn shares_user_id(join: &JoinOperator) -> bool {
    let (JoinOperator::Join(constraint)
    | JoinOperator::Inner(constraint)
    | JoinOperator::Left(constraint)
    | JoinOperator::LeftOuter(constraint)
    | JoinOperator::Right(constraint)
    | JoinOperator::RightOuter(constraint)
    | JoinOperator::FullOuter(constraint)) = join
    else {
        return false;
    };
    match constraint {
        JoinConstraint::Using(columns) => {
            columns.iter().any(|column| column.to_string().trim_matches('"').eq_ignore_ascii_case(USER_ID))
        }
        JoinConstraint::Natural => true,
        JoinConstraint::On(_) | JoinConstraint::None => false,
    }
}
