//! The one place where values meet a statement: a visitor that replaces placeholders in the syntax tree.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::datatypes::FieldRef;
use datafusion::common::{DataFusionError, Result};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::{CopyToSource, Statement};
use datafusion::sql::sqlparser::ast::{
    AccessExpr, Array, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, Ident, ObjectName, Statement as SqlStatement, Subscript,
    Value as SqlValue, ValueWithSpan, Visit, VisitMut, Visitor, VisitorMut,
};

use crate::ask::errors::Usage;
use crate::ask::parameters::segments::{self, Segments};
use crate::ask::parameters::value::{Value, string};
use crate::ask::parameters::{Arguments, filters};
use crate::error::did_you_mean;

/// Replaces every `$name` that has a value.
pub(super) async fn bind(
    arguments: &Arguments,
    context: &SessionContext,
    statement: &mut Statement,
) -> Result<()> {
    let used = names(statement);
    let asks_for_columns = |name: &String| match arguments.0.get(name).map(|argument| &argument.value) {
        Some(Value::Column(_)) => true,
        Some(Value::Filter(filter)) => filters::says_something(filter),
        _ => false,
    };
    let mut known = Columns::default();
    if used.iter().any(asks_for_columns) {
        known = columns(context, statement).await?;
        filters::check(context, arguments, &used, statement, &known.fields)?;
    }
    let members = segments::find(context, arguments, used.iter()).await?;
    if !members.is_empty() {
        let _ = visit_mut(statement, &mut Segments { arguments, members: &members });
    }
    let mut binder = Binder { arguments, columns: known };
    match visit_mut(statement, &mut binder) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

/// The parameters that a statement needs.
pub(in crate::ask) fn names(statement: &Statement) -> BTreeSet<String> {
    let mut names = Names(BTreeSet::new());
    let _ = visit(statement, &mut names);
    names.0
}

struct Names(BTreeSet<String>);

impl Visitor for Names {
    type Break = ();

    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<()> {
        if let SqlValue::Placeholder(placeholder) = &value.value
            && let Some(name) = placeholder.strip_prefix('$')
        {
            self.0.insert(name.to_string());
        }
        ControlFlow::Continue(())
    }
}

struct Binder<'a> {
    arguments: &'a Arguments,
    columns: Columns,
}

/// Columns of the tables that a statement reads.
#[derive(Default)]
struct Columns {
    all: Vec<String>,
    /// Those of `all`, with their types.
    fields: Vec<FieldRef>,
    /// Columns `p_…` of properties that are declared, beside a column `props` that holds all others.
    declared: Vec<String>,
}

impl VisitorMut for Binder<'_> {
    type Break = Box<DataFusionError>;

    /// Where the whole expression depends on the kind of the value in it.
    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        match expr {
            Expr::InList { list, .. } => {
                let spelt_out = list.drain(..).flat_map(|element| match self.value(&element) {
                    Some(Value::List(elements)) => elements.clone(),
                    _ => vec![element],
                });
                let spelt_out: Vec<Expr> = spelt_out.collect();
                *list = spelt_out;
            }
            // INTERVAL $gap, where the value is an interval already.
            Expr::Interval(interval) if interval.leading_field.is_none() => {
                if let Some(Value::Interval(value)) = self.value(&interval.value) {
                    *expr = value.clone();
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        let replacement = match self.value(expr) {
            None => return ControlFlow::Continue(()),
            Some(Value::Filter(filter)) => match segments::named(filter).first() {
                None => filter.clone(),
                // Where it can stand it has been replaced already.
                Some(segment) => {
                    let reason = segments::misplaced(&placeholder(expr), segment);
                    return ControlFlow::Break(Box::new(Usage::error(reason)));
                }
            },
            Some(Value::Literal(value) | Value::Interval(value)) => value.clone(),
            Some(Value::List(elements)) => Expr::Array(Array { elem: elements.clone(), named: false }),
            Some(Value::Column(name)) => match self.column(name, &placeholder(expr)) {
                Ok(column) => column,
                Err(error) => return ControlFlow::Break(Box::new(error)),
            },
        };
        *expr = replacement;
        ControlFlow::Continue(())
    }
}

/// The name of the parameter for which an expression stands.
fn placeholder(expr: &Expr) -> String {
    expr.to_string().trim_start_matches('$').to_string()
}

impl Binder<'_> {
    fn value(&self, expr: &Expr) -> Option<&Value> {
        let Expr::Value(ValueWithSpan { value: SqlValue::Placeholder(placeholder), .. }) = expr else {
            return None;
        };
        self.arguments.0.get(placeholder.strip_prefix('$')?).map(|argument| &argument.value)
    }

    fn column(&self, name: &str, parameter: &str) -> Result<Expr> {
        let is_column = |name: &str| self.columns.all.iter().any(|column| column == name);
        if is_column(name) {
            return Ok(quoted(name));
        }
        match name.split_once('.') {
            Some(("props", property)) if is_column("props") => {
                let rest = Expr::CompoundFieldAccess {
                    root: Box::new(quoted("props")),
                    access_chain: vec![AccessExpr::Subscript(Subscript::Index { index: string(property) })],
                };
                let declared = format!("p_{property}");
                let is_declared = self.columns.declared.contains(&declared);
                Ok(if is_declared { text_or(&declared, rest) } else { rest })
            }
            _ => {
                let columns: Vec<&str> = self.columns.all.iter().map(String::as_str).collect();
                Err(Usage::error(format!(
                    "parameter {parameter}: '{name}' is not a column here; the columns are {}{}",
                    columns.join(", "),
                    did_you_mean(name, &columns)
                )))
            }
        }
    }
}

fn quoted(name: &str) -> Expr {
    Expr::Identifier(Ident::with_quote('"', name))
}

/// A declared property as the text that others are, `coalesce(CAST(p_name AS VARCHAR), props['name'])`: values of events
/// that do not declare it, and that are not of its type, are in `props` still.
fn text_or(declared: &str, rest: Expr) -> Expr {
    let text = Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(quoted(declared)),
        data_type: DataType::Varchar(None),
        array: false,
        format: None,
    };
    let args = [text, rest].map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)));
    Expr::Function(Function {
        name: ObjectName::from(Ident::new("coalesce")),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: args.into(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

async fn columns(context: &SessionContext, statement: &Statement) -> Result<Columns> {
    let mut columns = Columns::default();
    for reference in context.state().resolve_table_references(statement)? {
        // A name that is no table is the planner's to report, with its place.
        let Ok(provider) = context.table_provider(reference).await else {
            continue;
        };
        let schema = provider.schema();
        let has_props = schema.column_with_name("props").is_some();
        for field in schema.fields() {
            if has_props && field.name().starts_with("p_") {
                columns.declared.push(field.name().clone());
            }
            if !columns.all.contains(field.name()) {
                columns.all.push(field.name().clone());
                columns.fields.push(Arc::clone(field));
            }
        }
    }
    Ok(columns)
}

pub(super) fn visit<V: Visitor>(statement: &Statement, visitor: &mut V) -> ControlFlow<V::Break> {
    match statement {
        // $1 in PREPARE is a parameter of the prepared statement.
        Statement::Statement(inner) if matches!(inner.as_ref(), SqlStatement::Prepare { .. }) => {
            ControlFlow::Continue(())
        }
        Statement::Statement(inner) => Visit::visit(inner, visitor),
        Statement::Explain(explain) => visit(&explain.statement, visitor),
        Statement::CopyTo(copy) => match &copy.source {
            CopyToSource::Query(query) => Visit::visit(query, visitor),
            CopyToSource::Relation(_) => ControlFlow::Continue(()),
        },
        Statement::CreateExternalTable(_) | Statement::Reset(_) => ControlFlow::Continue(()),
    }
}

fn visit_mut<V: VisitorMut>(statement: &mut Statement, visitor: &mut V) -> ControlFlow<V::Break> {
    match statement {
        Statement::Statement(inner) if matches!(inner.as_ref(), SqlStatement::Prepare { .. }) => {
            ControlFlow::Continue(())
        }
        Statement::Statement(inner) => VisitMut::visit(inner, visitor),
        Statement::Explain(explain) => visit_mut(&mut explain.statement, visitor),
        Statement::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => VisitMut::visit(query, visitor),
            CopyToSource::Relation(_) => ControlFlow::Continue(()),
        },
        Statement::CreateExternalTable(_) | Statement::Reset(_) => ControlFlow::Continue(()),
    }
}
