//! `props.price` of a declared property means its column where the map has none.
//!
//! A declared property lands in a column `p_price` beside the map `props`, which keeps only what is not of its type. Who asks the
//! map would get NULL, and a filter no rows. So a plan that reads both is written as one would have to:
//!
//! ```text
//! props['price']        coalesce(props['price'], CAST(p_price AS VARCHAR))      text, as all properties are
//! props['price'] > 3    p_price > 3                                             compared with what is no text: its own type
//! ```
//! A query in between that leaves the column out is an error, because its rows cannot be told from those without a value.
//! `map_extract(props, 'price')[1]` is what the map itself holds.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result, plan_err};
use datafusion::functions::core::coalesce;
use datafusion::logical_expr::expr::{Between, InList};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, cast};
use datafusion::optimizer::AnalyzerRule;
use datafusion::optimizer::utils::NamePreserver;

#[derive(Debug)]
pub(crate) struct DeclaredProperties;

impl AnalyzerRule for DeclaredProperties {
    fn name(&self) -> &str {
        "declared_properties"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(in_plan).data()
    }
}

const MAP: &str = "props";
const PREFIX: &str = "p_";

fn in_plan(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    if !schema.fields().iter().any(|field| matches!(field.data_type(), DataType::Map(_, _))) {
        return Ok(Transformed::no(plan));
    }
    let inputs: Vec<LogicalPlan> = plan.inputs().into_iter().cloned().collect();
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|expr| {
        let name = names.save(&expr);
        let written = expr.transform_down(|expr| in_expression(expr, &schema, &inputs))?;
        Ok(written.update_data(|expr| name.restore(expr)))
    })
}

fn in_expression(expr: Expr, schema: &DFSchema, inputs: &[LogicalPlan]) -> Result<Transformed<Expr>> {
    if let Some((map, property)) = access(&expr, schema) {
        return match beside(schema, map, property) {
            Some((column, _)) => {
                let text = expr.get_type(schema)?;
                let either = coalesce().call(vec![expr, cast(Expr::Column(column), text)]);
                // What the map itself has is asked for within it.
                Ok(Transformed::new(either, true, TreeNodeRecursion::Jump))
            }
            None if inputs.iter().any(|input| leaves_out(input, map, property)) => plan_err!(
                "props['{property}'] is declared, so its values are in the column {PREFIX}{property}, which a query in \
                 between leaves out; write {PREFIX}{property} there and here"
            ),
            None => Ok(Transformed::no(expr)),
        };
    }
    // With its type where it is compared with something that has one.
    let typed = |side: &Expr| -> Option<Expr> {
        let (map, property) = access(side, schema)?;
        let (column, is_text) = beside(schema, map, property)?;
        (!is_text).then_some(Expr::Column(column))
    };
    let has_type = |side: &Expr| side.get_type(schema).is_ok_and(|found| !found.is_string());
    Ok(match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares(op) => {
            let (column_left, column_right) = (typed(&left), typed(&right));
            let (left, right) = match (column_left, column_right) {
                (Some(one), Some(other)) => (one, other),
                (Some(one), None) if has_type(&right) => (one, *right),
                (None, Some(other)) if has_type(&left) => (*left, other),
                _ => (*left, *right),
            };
            Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right))))
        }
        Expr::Between(between) => match typed(&between.expr) {
            Some(column) if has_type(&between.low) && has_type(&between.high) => {
                Transformed::yes(Expr::Between(Between { expr: Box::new(column), ..between }))
            }
            _ => Transformed::no(Expr::Between(between)),
        },
        Expr::InList(list) => match typed(&list.expr) {
            Some(column) if list.list.iter().all(has_type) => {
                Transformed::yes(Expr::InList(InList { expr: Box::new(column), ..list }))
            }
            _ => Transformed::no(Expr::InList(list)),
        },
        other => Transformed::no(other),
    })
}

fn compares(op: Operator) -> bool {
    matches!(
        op,
        Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom
    )
}

/// `props['price']`: the map and the property.
fn access<'a>(expr: &'a Expr, schema: &DFSchema) -> Option<(&'a Column, &'a str)> {
    let Expr::ScalarFunction(call) = expr else { return None };
    let [Expr::Column(map), Expr::Literal(property, _)] = call.args.as_slice() else { return None };
    let property = property.try_as_str()??;
    let holder = schema.field_with_name(map.relation.as_ref(), &map.name).ok()?;
    let is_map_of_text = matches!(holder.data_type(), DataType::Map(_, _))
        && expr.get_type(schema).is_ok_and(|found| found.is_string());
    (call.func.name() == "get_field" && is_map_of_text).then_some((map, property))
}

/// The column of a declared property beside the map, and whether it is text.
fn beside(schema: &DFSchema, map: &Column, property: &str) -> Option<(Column, bool)> {
    let name = format!("{PREFIX}{property}");
    if map.name != MAP {
        return None;
    }
    let field = schema.field_with_name(map.relation.as_ref(), &name).ok()?;
    Some((Column::new(map.relation.clone(), name), field.data_type().is_string()))
}

/// Whether the map comes from where the property has a column, and that column did not come along.
fn leaves_out(plan: &LogicalPlan, map: &Column, property: &str) -> bool {
    let Some(index) = plan.schema().maybe_index_of_column(map) else { return false };
    let came_from = |input: &LogicalPlan, map: &Column| {
        beside(input.schema(), map, property).is_some() || leaves_out(input, map, property)
    };
    match plan {
        LogicalPlan::Projection(projection) => match projection.expr[index].clone().unalias() {
            Expr::Column(map) => came_from(&projection.input, &map),
            _ => false,
        },
        LogicalPlan::SubqueryAlias(alias) => {
            came_from(&alias.input, &Column::from(alias.input.schema().qualified_field(index)))
        }
        other => other.inputs().into_iter().any(|input| leaves_out(input, map, property)),
    }
}
