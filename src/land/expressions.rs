//! What does an event column say in terms of the raw row? The mapping's SQL, planned once and evaluated a batch at a time.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::{DFSchema, DataFusionError, Result, plan_datafusion_err, plan_err};
use datafusion::optimizer::simplify_expressions::{ExprSimplifier, SimplifyContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::SessionContext;

use super::mapping::Mapping;
use super::quarantine::{Fault, Faults};

/// SQL over the raw row.
pub(super) struct Expression {
    /// The event column, or `where`.
    pub(super) name: String,
    pub(super) data_type: DataType,
    physical: Arc<dyn PhysicalExpr>,
}

/// The mapping's expressions over one schema of raw rows.
pub(super) struct Expressions {
    pub(super) filter: Option<Expression>,
    pub(super) columns: Vec<Expression>,
}

impl Expressions {
    pub(super) fn plan(mapping: &Mapping, raw: &SchemaRef) -> Result<Self> {
        let context = SessionContext::new();
        let schema = Arc::new(DFSchema::try_from(Arc::clone(raw))?);
        // Some functions, such as coalesce, exist only until they are simplified.
        let simplifier = ExprSimplifier::new(
            SimplifyContext::builder()
                .with_schema(Arc::clone(&schema))
                .with_config_options(Arc::clone(context.state().config_options()))
                .with_query_execution_start_time(context.state().execution_props().query_execution_start_time)
                .build(),
        );
        let plan = |name: &str, sql: &str| -> Result<Expression> {
            let physical = context
                .parse_sql_expr(sql, &schema)
                .and_then(|logical| simplifier.coerce(logical, &schema))
                .and_then(|logical| simplifier.simplify(logical))
                .and_then(|logical| context.create_physical_expr(logical, &schema))
                .map_err(|e| misplaced(mapping, name, &e))?;
            let data_type = physical.data_type(raw)?;
            Ok(Expression { name: name.to_owned(), data_type, physical })
        };
        let filter = mapping.filter.as_ref().map(|sql| plan(WHERE, sql)).transpose()?;
        if let Some(filter) = &filter
            && !matches!(filter.data_type, DataType::Boolean | DataType::Null)
        {
            let found = &filter.data_type;
            return plan_err!("mapping '{}': where is {found}, accepted is a Boolean", mapping.name);
        }
        let columns = mapping.columns.iter().map(|(name, sql)| plan(name, sql)).collect::<Result<_>>()?;
        Ok(Self { filter, columns })
    }
}

const WHERE: &str = "where";

/// The raw columns that the mapping's expressions read.
pub(super) fn columns_read(mapping: &Mapping, raw: &SchemaRef) -> Result<HashSet<String>> {
    let context = SessionContext::new();
    let schema = DFSchema::try_from(Arc::clone(raw))?;
    let mut read = HashSet::new();
    let filter = mapping.filter.iter().map(|sql| (WHERE, sql));
    let columns = mapping.columns.iter().map(|(name, sql)| (name.as_str(), sql));
    for (name, sql) in filter.chain(columns) {
        let logical = context.parse_sql_expr(sql, &schema).map_err(|e| misplaced(mapping, name, &e))?;
        read.extend(logical.column_refs().into_iter().map(|column| column.name.clone()));
    }
    Ok(read)
}

fn misplaced(mapping: &Mapping, name: &str, error: &DataFusionError) -> DataFusionError {
    let error = error.strip_backtrace();
    plan_datafusion_err!("mapping '{}', {name}: {error}", mapping.name)
}

/// Evaluates `expressions` over the rows of `batch`. Where a row makes one fail, that row becomes a fault and leaves the
/// batch; the others do not notice.
pub(super) fn evaluate(
    expressions: &[Expression],
    batch: &mut RecordBatch,
    faults: &mut Faults,
) -> Result<Vec<ArrayRef>> {
    if let Ok(columns) = try_evaluate(expressions, batch) {
        return Ok(columns);
    }
    find_faults(expressions, batch, 0, faults);
    *batch = filter_record_batch(batch, &faults.sound(batch.num_rows()))?;
    try_evaluate(expressions, batch).map_err(|(_, error)| error)
}

/// The error comes with the name of the expression that failed.
fn try_evaluate<'a>(
    expressions: &'a [Expression],
    batch: &RecordBatch,
) -> Result<Vec<ArrayRef>, (&'a str, DataFusionError)> {
    expressions
        .iter()
        .map(|expression| {
            let value = expression.physical.evaluate(batch);
            value
                .and_then(|value| value.into_array(batch.num_rows()))
                .map_err(|error| (expression.name.as_str(), error))
        })
        .collect()
}

/// Halves the rows until those are alone that fail: a few bad rows cost a few evaluations.
fn find_faults(expressions: &[Expression], batch: &RecordBatch, first: usize, faults: &mut Faults) {
    let rows = batch.num_rows();
    if rows == 0 {
        return;
    }
    let Err((name, error)) = try_evaluate(expressions, batch) else { return };
    if rows == 1 {
        let reason = format!("{name}: {}", error.message());
        let fault = match name {
            WHERE => Fault::of_row(reason),
            column => Fault::of_column(column, reason),
        };
        faults.add(first, fault);
        return;
    }
    let half = rows / 2;
    find_faults(expressions, &batch.slice(0, half), first, faults);
    find_faults(expressions, &batch.slice(half, rows - half), first + half, faults);
}
