//! An aggregate of ours OVER a window is checked and written as DataFusion lets us do it for one with GROUP BY.
//!
//! DataFusion asks aggregates to simplify their calls only where they stand in a GROUP BY. This rule asks over a window too:
//! wrong options are errors of the plan, and settings such as the time zone reach the call.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::logical_expr::expr::{AggregateFunction, WindowFunction};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan, WindowFunctionDefinition};
use datafusion::optimizer::AnalyzerRule;
use datafusion::optimizer::utils::NamePreserver;

use crate::functions::prepares_calls;

#[derive(Debug)]
pub(crate) struct PrepareWindowCalls;

impl AnalyzerRule for PrepareWindowCalls {
    fn name(&self) -> &str {
        "prepare_window_calls"
    }

    fn analyze(&self, plan: LogicalPlan, config: &ConfigOptions) -> Result<LogicalPlan> {
        let config = Arc::new(config.clone());
        plan.transform_up_with_subqueries(|plan| match &plan {
            LogicalPlan::Window(_) => prepare_all(plan, &config),
            _ => Ok(Transformed::no(plan)),
        })
        .data()
    }
}

fn prepare_all(plan: LogicalPlan, config: &Arc<ConfigOptions>) -> Result<Transformed<LogicalPlan>> {
    let context = SimplifyContext::builder()
        .with_schema(Arc::new(merge_schema(&plan.inputs())))
        .with_config_options(Arc::clone(config))
        .build();
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|expr| {
        let name = names.save(&expr);
        let prepared = expr.transform_up(|expr| match expr {
            Expr::WindowFunction(call) => prepare(*call, &context),
            other => Ok(Transformed::no(other)),
        })?;
        Ok(prepared.update_data(|expr| name.restore(expr)))
    })
}

fn prepare(call: WindowFunction, context: &SimplifyContext) -> Result<Transformed<Expr>> {
    let WindowFunctionDefinition::AggregateUDF(function) = &call.fun else {
        return Ok(Transformed::no(Expr::from(call)));
    };
    let Some(simplify) = prepares_calls(function).then(|| function.simplify()).flatten() else {
        return Ok(Transformed::no(Expr::from(call)));
    };
    let grouped = AggregateFunction::new_udf(
        Arc::clone(function),
        call.params.args.clone(),
        call.params.distinct,
        None,
        vec![],
        None,
    );
    let Expr::AggregateFunction(prepared) = simplify(grouped, context)? else {
        return Ok(Transformed::no(Expr::from(call)));
    };
    let mut call = call;
    call.params.args = prepared.params.args;
    Ok(Transformed::yes(Expr::from(call)))
}
