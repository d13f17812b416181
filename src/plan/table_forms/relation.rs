//! The first argument of a form: a table, view, CTE, file, table function or subquery, as a plan.
//!
//! DataFusion looks up the tables of a query before it plans it, by walking over FROM clauses. A name among the arguments
//! of a call is an expression there, and its table is not looked up. So a name that the planner does not know is looked up
//! by [`NamedTable`], a table function: what the planner hands to a table function is the session itself, with the
//! catalogues of this very moment.

use std::sync::Arc;

use datafusion::catalog::{SchemaProvider, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{Result, TableReference, exec_err, plan_err};
use datafusion::execution::SessionState;
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, FunctionArguments, Ident, ObjectName, TableFactor, TableFunctionArgs as WrittenArgs,
    Value,
};
use futures::FutureExt;

use super::Form;
use super::call::FormCall;

/// Plans the relation of a call.
pub(super) fn plan(
    form: Form,
    call: &FormCall,
    context: &mut dyn RelationPlannerContext,
) -> Result<LogicalPlan> {
    let written = &call.args[0];
    let located = |error: datafusion::common::DataFusionError| {
        error.context(format!("{}: argument 1 (relation)", form.name()))
    };
    match written {
        SqlExpr::Subquery(query) => {
            let subquery = query.clone();
            let derived = TableFactor::Derived { lateral: false, subquery, alias: None, sample: None };
            context.plan(derived).map_err(located)
        }
        SqlExpr::Function(call) => {
            let FunctionArguments::List(list) = &call.args else {
                return not_a_relation(form, written);
            };
            let args = WrittenArgs { args: list.args.clone(), settings: None };
            context.plan(table(call.name.clone(), Some(args))).map_err(located)
        }
        _ => {
            let Some(name) = object_name(written) else {
                return not_a_relation(form, written);
            };
            // A CTE, or a table that the query names elsewhere too.
            if let Ok(plan) = context.plan(table(name.clone(), None)) {
                return Ok(plan);
            }
            let reference = context.object_name_to_table_reference(name)?;
            named(&reference, context).map_err(located)
        }
    }
}

fn object_name(written: &SqlExpr) -> Option<ObjectName> {
    match written {
        SqlExpr::Identifier(name) => Some(ObjectName::from(vec![name.clone()])),
        SqlExpr::CompoundIdentifier(parts) => Some(ObjectName::from(parts.clone())),
        // A file, as in FROM 'events.parquet'.
        SqlExpr::Value(value) => match &value.value {
            Value::SingleQuotedString(file) => {
                Some(ObjectName::from(vec![Ident::with_quote('\'', file.clone())]))
            }
            _ => None,
        },
        _ => None,
    }
}

fn not_a_relation<T>(form: Form, written: &SqlExpr) -> Result<T> {
    let what = format!(
        "must be a table, a view, a CTE, a file in quotes or a subquery in brackets, found {written}; write {}",
        form.syntax()
    );
    super::wrong(form, 1, "relation", &what)
}

fn table(name: ObjectName, args: Option<WrittenArgs>) -> TableFactor {
    TableFactor::Table {
        name,
        alias: None,
        args,
        with_hints: vec![],
        version: None,
        with_ordinality: false,
        partitions: vec![],
        json_path: None,
        sample: None,
        index_hints: vec![],
    }
}

fn named(reference: &TableReference, context: &dyn RelationPlannerContext) -> Result<LogicalPlan> {
    let parts = [reference.catalog(), reference.schema(), Some(reference.table())];
    let parts: Vec<Expr> = parts.into_iter().flatten().map(lit).collect();
    let source = context.context_provider().get_table_function_source(NAMED_TABLE, parts)?;
    LogicalPlanBuilder::scan(reference.clone(), source, None)?.build()
}

/// Name of [`NamedTable`] in SQL.
pub(super) const NAMED_TABLE: &str = "footfall_table";

/// `footfall_table([[catalog,] schema,] table)`: the table of that name.
#[derive(Debug)]
pub(super) struct NamedTable;

impl TableFunctionImpl for NamedTable {
    fn call_with_args(&self, args: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        let parts: Vec<&str> = args.exprs().iter().filter_map(literal_text).collect();
        let reference = match (parts.as_slice(), args.exprs().len()) {
            ([table], 1) => TableReference::bare(*table),
            ([schema, table], 2) => TableReference::partial(*schema, *table),
            ([catalog, schema, table], 3) => TableReference::full(*catalog, *schema, *table),
            _ => return plan_err!("{NAMED_TABLE}: write {NAMED_TABLE}([['catalog',] 'schema',] 'table')"),
        };
        let Some(state) = args.session().as_any().downcast_ref::<SessionState>() else {
            return plan_err!("{NAMED_TABLE}: the session is of a kind whose tables cannot be looked up");
        };
        let schema = state.schema_for_ref(reference.clone())?;
        match look_up(&schema, reference.table())? {
            Some(table) => Ok(table),
            None => plan_err!("table '{reference}' not found"),
        }
    }
}

fn literal_text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        _ => None,
    }
}

/// Tables are looked up by a future, and a planner cannot wait for one. Catalogues in memory answer at once; for one that
/// reads a file first, another thread waits.
fn look_up(schema: &Arc<dyn SchemaProvider>, table: &str) -> Result<Option<Arc<dyn TableProvider>>> {
    if let Some(found) = schema.table(table).now_or_never() {
        return found;
    }
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(schema.table(table))
        });
        match waiting.join() {
            Ok(found) => found,
            Err(_) => exec_err!("the catalogue failed while it looked up table '{table}'"),
        }
    })
}
