//! What all our aggregates ask of a call before any row is read: is it well formed?
//!
//! An aggregate meets its literal arguments only as physical expressions, when it starts to run. [`checked`] builds those
//! while the query is still being planned, so that a wrong mode, window or option is an error of the plan.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};

use super::options::Options;

/// The arguments of a call as they will be evaluated, and their types.
#[derive(Debug, Clone)]
pub(crate) struct Arguments {
    pub(crate) exprs: Vec<Arc<dyn PhysicalExpr>>,
    pub(crate) types: Vec<DataType>,
}

impl Arguments {
    /// The arguments of a call that is about to run. Columns that an ORDER BY inside the call appends are not among them.
    pub(crate) fn of_accumulator(function: &str, args: &AccumulatorArgs) -> Result<Self> {
        if args.is_distinct {
            return no_distinct(function);
        }
        Ok(Self {
            exprs: args.exprs.to_vec(),
            types: args.expr_fields.iter().map(|field| field.data_type().clone()).collect(),
        })
    }

    /// The options of the call, `None` without a trailing struct.
    ///
    /// A struct that is no literal is an error: its names are in its type, its values are not known while planning.
    pub(crate) fn options(&self, function: &str) -> Result<Option<Options>> {
        let (Some(expr), Some(DataType::Struct(_))) = (self.exprs.last(), self.types.last()) else {
            return Ok(None);
        };
        match Options::from_expr(function, expr)? {
            Some(options) => Ok(Some(options)),
            None => {
                plan_err!("{function}: the options must be a struct literal {{name: value}}, found {expr}")
            }
        }
    }

    /// How many arguments stand before the options: all but a trailing struct.
    pub(crate) fn len_without_options(&self) -> usize {
        len_without_options(&self.types)
    }
}

/// As [`Arguments::len_without_options`], of the types alone.
pub(crate) fn len_without_options(types: &[DataType]) -> usize {
    match types.last() {
        Some(DataType::Struct(_)) => types.len() - 1,
        _ => types.len(),
    }
}

/// Runs `check` over the arguments of `call`, unless a placeholder or a subquery leaves them open.
pub(crate) fn checked(
    function: &str,
    call: &AggregateFunction,
    context: &SimplifyContext,
    check: impl Fn(&Arguments) -> Result<()>,
) -> Result<()> {
    if call.params.distinct {
        return no_distinct(function);
    }
    match physical(&call.params.args, context) {
        Ok(arguments) => check(&arguments),
        // Whatever is wrong or still open here is the physical planner's to report.
        Err(_) => Ok(()),
    }
}

fn physical(args: &[Expr], context: &SimplifyContext) -> Result<Arguments> {
    let schema = context.schema();
    let (props, planning) = (ExecutionProps::new(), PhysicalPlanningContext::default());
    let exprs = args
        .iter()
        .map(|arg| create_physical_expr(arg, schema, &props, &planning))
        .collect::<Result<Vec<_>>>()?;
    let types = exprs.iter().map(|expr| expr.data_type(schema.as_arrow())).collect::<Result<_>>()?;
    Ok(Arguments { exprs, types })
}

fn no_distinct<T>(function: &str) -> Result<T> {
    plan_err!("{function}: DISTINCT is not accepted, every row counts")
}
