//! `footfall functions`: the reference, from the one list of functions; for people or as JSON.

use std::io::Write;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, DataFusionError, Result};
use datafusion::logical_expr::{Documentation, Expr, ExprSchemable, LogicalPlan};
use footfall::ask::type_name;
use footfall::functions::{Function, all, docs};
use footfall::{Engine, EngineOptions};
use serde_json::{Value, json};

use crate::cli::FunctionsArgs;
use crate::commands::{Outcome, pretty, stdout, usage};

pub(crate) async fn run(args: &FunctionsArgs) -> Result<Outcome> {
    let text = match (&args.name, args.json) {
        (Some(name), false) => docs::page(name).ok_or_else(|| usage(docs::unknown(name)))?,
        (None, false) => docs::reference(),
        (Some(name), true) => {
            let function = docs::named(name).ok_or_else(|| usage(docs::unknown(name)))?;
            pretty(&of(&Engine::new(&EngineOptions::default())?, &function).await)?
        }
        (None, true) => {
            let engine = Engine::new(&EngineOptions::default())?;
            let mut functions = Vec::new();
            for function in docs::answering() {
                functions.push(of(&engine, &function).await);
            }
            pretty(&Value::Array(functions))?
        }
    };
    let mut out = stdout();
    writeln!(out, "{}", text.trim_end())?;
    out.flush()?;
    Ok(Outcome::Done)
}

async fn of(engine: &Engine, function: &Function) -> Value {
    let docs = function.documentation();
    let text = |of: fn(&Documentation) -> &str| docs.map(|docs| of(docs).trim());
    let example = docs.and_then(|docs| docs.sql_example.as_deref()).map(str::trim);
    let arguments: Vec<Value> = docs
        .and_then(|docs| docs.arguments.as_ref())
        .into_iter()
        .flatten()
        .map(|(name, meaning)| json!({ "name": name, "meaning": meaning }))
        .collect();
    let types = match example {
        Some(example) => types(engine, function.name(), example).await,
        None => None,
    };
    json!({
        "name": function.name(),
        "aliases": function.aliases(),
        "kind": function.kind(),
        "mission": docs.map(|docs| docs.doc_section.label),
        "signature": text(|docs| &docs.syntax_example),
        "other_signatures": docs.and_then(|docs| docs.alternative_syntax.clone()).unwrap_or_default(),
        "arguments": arguments,
        "types": types,
        "description": text(|docs| &docs.description),
        "example": example,
        "related": docs.and_then(|docs| docs.related_udfs.clone()).unwrap_or_default(),
        "has_states": all().iter().any(|other| other.states_of() == Some(function.name())),
    })
}

/// The types of the example's call, as the planner finds them; a table form has none.
async fn types(engine: &Engine, name: &str, example: &str) -> Option<Value> {
    let frame = engine.sql(example).await.ok()?;
    let mut found = None;
    let searched = frame.logical_plan().apply_with_subqueries(|node| {
        let schema = columns_of(node);
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                match arguments_of(expr, name) {
                    Some(arguments) if found.is_none() => found = types_of(expr, arguments, &schema).ok(),
                    _ => {}
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    });
    searched.ok().and(found)
}

/// What the expressions of a node may name.
fn columns_of(node: &LogicalPlan) -> DFSchema {
    let mut schema = DFSchema::empty();
    node.inputs().into_iter().for_each(|input| schema.merge(input.schema()));
    schema
}

fn types_of(call: &Expr, arguments: &[Expr], schema: &DFSchema) -> Result<Value> {
    let named = |expr: &Expr| Ok::<_, DataFusionError>(type_name(&expr.get_type(schema)?));
    let arguments = arguments.iter().map(named).collect::<Result<Vec<_>>>()?;
    Ok(json!({ "arguments": arguments, "returns": named(call)? }))
}

/// The arguments of an expression that calls this function.
fn arguments_of<'a>(expr: &'a Expr, name: &str) -> Option<&'a [Expr]> {
    let (called, arguments) = match expr {
        Expr::ScalarFunction(call) => (call.func.name(), &call.args),
        Expr::AggregateFunction(call) => (call.func.name(), &call.params.args),
        Expr::WindowFunction(call) => (call.fun.name(), &call.params.args),
        _ => return None,
    };
    (called == name).then_some(arguments.as_slice())
}
