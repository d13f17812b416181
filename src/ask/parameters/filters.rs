//! Is the value of a filter a condition where it stands?
//!
//! `filter=page` and `filter=count(*) > 1` are expressions, too. The engine would find the fault in what the statement makes of
//! them, `dt >= $from AND page`, and speak of words that nobody wrote; so they are looked at before.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{DFSchema, Result};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::ExprSchemable;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, Query, Select, SelectItem, Value as SqlValue, ValueWithSpan, Visit, Visitor,
};

use crate::ask::errors::type_in_words;
use crate::ask::parameters::bind::visit;
use crate::ask::parameters::value::{Value, not_of_its_type};
use crate::ask::parameters::{Arguments, ParameterType};

/// Whether a value is more than `true`, so that it must be looked at.
pub(super) fn says_something(filter: &Expr) -> bool {
    let inner = match filter {
        Expr::Nested(inner) => inner.as_ref(),
        other => other,
    };
    !matches!(inner, Expr::Value(ValueWithSpan { value: SqlValue::Boolean(_), .. }))
}

/// Fails with the first of the parameters `used` whose value is no condition; `fields` are the columns that the statement reads.
pub(super) fn check(
    context: &SessionContext,
    arguments: &Arguments,
    used: &BTreeSet<String>,
    statement: &Statement,
    fields: &[FieldRef],
) -> Result<()> {
    let state = context.state();
    let mut places = Places { state: &state, of_rows: BTreeSet::new(), aliases: BTreeSet::new() };
    let _ = visit(statement, &mut places);
    // What the statement names itself may be something else than the column of that name.
    let fields = fields.iter().filter(|field| !places.aliases.contains(field.name()));
    let fields: Vec<FieldRef> = fields.cloned().collect();
    let schema = DFSchema::from_unqualified_fields(fields.into(), HashMap::new())?;
    for parameter in used {
        let Some(argument) = arguments.0.get(parameter) else { continue };
        let Value::Filter(filter) = &argument.value else { continue };
        if !says_something(filter) {
            continue;
        }
        let wrong = |reason: String| {
            Err(not_of_its_type(parameter, ParameterType::Filter, &argument.text, Some(reason)))
        };
        if places.of_rows.contains(parameter)
            && let Some(aggregate) = aggregate_in(filter, &state)
        {
            return wrong(format!("{aggregate} is an aggregate, and a row has none"));
        }
        // A name that is not known here may be one of the statement's own: the planner decides.
        let Ok(expression) = state.create_logical_expr(&argument.text, &schema) else { continue };
        match expression.get_type(&schema) {
            Ok(DataType::Boolean | DataType::Null) | Err(_) => {}
            Ok(other) => return wrong(format!("found {}", type_in_words(&other))),
        }
    }
    Ok(())
}

/// What of a statement matters for its filters.
struct Places<'a> {
    state: &'a SessionState,
    /// Parameters that stand where rows are filtered, or in the arguments of an aggregate.
    of_rows: BTreeSet<String>,
    aliases: BTreeSet<String>,
}

impl Visitor for Places<'_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        if let Some(condition) = &select.selection {
            self.take(condition);
        }
        for item in &select.projection {
            if let SelectItem::ExprWithAlias { alias, .. } = item {
                self.aliases.insert(alias.value.clone());
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(call) = expr
            && is_aggregate(call, self.state)
        {
            self.take(expr);
        }
        ControlFlow::Continue(())
    }
}

impl Places<'_> {
    fn take(&mut self, expr: &Expr) {
        let mut own = Own { queries: 0, found: BTreeSet::new() };
        let _ = expr.visit(&mut own);
        self.of_rows.append(&mut own.found);
    }
}

/// The parameters of an expression, without those of the queries in it.
struct Own {
    queries: usize,
    found: BTreeSet<String>,
}

impl Visitor for Own {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.queries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.queries -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<()> {
        if self.queries == 0
            && let SqlValue::Placeholder(placeholder) = &value.value
            && let Some(name) = placeholder.strip_prefix('$')
        {
            self.found.insert(name.to_string());
        }
        ControlFlow::Continue(())
    }
}

/// The name of the first aggregate in an expression.
fn aggregate_in(expr: &Expr, state: &SessionState) -> Option<String> {
    match expr.visit(&mut FirstAggregate(state)) {
        ControlFlow::Break(name) => Some(name),
        ControlFlow::Continue(()) => None,
    }
}

struct FirstAggregate<'a>(&'a SessionState);

impl Visitor for FirstAggregate<'_> {
    type Break = String;

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<String> {
        match expr {
            Expr::Function(call) if is_aggregate(call, self.0) => ControlFlow::Break(call.name.to_string()),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Whether a call is one of an aggregate, and not of a window over rows.
fn is_aggregate(call: &Function, state: &SessionState) -> bool {
    call.over.is_none() && state.aggregate_functions().contains_key(&call.name.to_string().to_lowercase())
}
