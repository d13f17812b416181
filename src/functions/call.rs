//! What all our aggregates ask of a call before any row is read: is it well formed, and what does it leave to the session?
//!
//! An aggregate meets its literal arguments only as physical expressions, when it starts to run. [`prepare`] builds those
//! while the query is still being planned, so that a wrong mode, window or option is an error of the plan. It also writes
//! the call in the form that runs best: arrays of conditions become arguments, options that change from row to row
//! become arguments before the struct (which is then a constant), and the settings that the function listens to are
//! added as options, so that a plan which travels carries them along.

use std::cell::RefCell;
use std::sync::Arc;

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::expr::{AggregateFunction, ScalarFunction};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, lit};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};

use super::conditions;
use super::options::{MOVED, Options, check_names};
use crate::config::FootfallOptions;

/// The arguments of a call as they will be evaluated, and their types.
#[derive(Debug, Clone)]
pub(crate) struct Arguments {
    pub(crate) exprs: Vec<Arc<dyn PhysicalExpr>>,
    pub(crate) types: Vec<DataType>,
    /// The options that the function has said it accepts.
    accepted: RefCell<Vec<String>>,
}

impl Arguments {
    pub(crate) fn new(exprs: Vec<Arc<dyn PhysicalExpr>>, types: Vec<DataType>) -> Self {
        Self { exprs, types, accepted: RefCell::default() }
    }

    /// The arguments of a call that is about to run. Columns that an ORDER BY inside the call appends are not among them.
    pub(crate) fn of_accumulator(function: &str, args: &AccumulatorArgs) -> Result<Self> {
        if args.is_distinct {
            return no_distinct(function);
        }
        let types = args.expr_fields.iter().map(|field| field.data_type().clone()).collect();
        Ok(Self::new(args.exprs.to_vec(), types))
    }

    /// The options of the call, none without a trailing struct.
    ///
    /// A struct that is no literal is an error: its names are in its type, its values are not known while planning.
    pub(crate) fn options(&self, function: &str, accepted: &[&str]) -> Result<Options> {
        self.accepted.borrow_mut().extend(accepted.iter().map(|name| (*name).to_owned()));
        let (Some(expr), Some(DataType::Struct(_))) = (self.exprs.last(), self.types.last()) else {
            return Ok(Options::none(function));
        };
        let Some(options) = Options::of_call(function, &self.exprs, &self.types)? else {
            return plan_err!(
                "{function}: the options must be a struct literal {{name: value}}, found {expr}"
            );
        };
        check_names(function, options.names(), accepted)?;
        Ok(options)
    }

    /// How many arguments stand before the options: all but a trailing struct and what was moved out of it.
    pub(crate) fn len_without_options(&self) -> usize {
        len_without_options(&self.types)
    }
}

/// As [`Arguments::len_without_options`], of the types alone.
pub(crate) fn len_without_options(types: &[DataType]) -> usize {
    match types.last() {
        Some(DataType::Struct(fields)) => {
            let moved = fields.iter().filter(|field| field.name().starts_with(MOVED)).count();
            (types.len() - 1).saturating_sub(moved)
        }
        _ => types.len(),
    }
}

/// Runs `check` over the arguments of `call` as they are, unless a placeholder or a subquery leaves them open.
pub(crate) fn checked(
    function: &str,
    call: &AggregateFunction,
    context: &SimplifyContext,
    check: impl Fn(&Arguments) -> Result<()>,
) -> Result<()> {
    if call.params.distinct {
        return no_distinct(function);
    }
    physical(&call.params.args, context).map_or(Ok(()), |arguments| check(&arguments))
}

/// Writes `call` in the form that runs and runs `check` over it, unless a placeholder or a subquery leaves it open.
/// From argument `conditions` on an array of Booleans is a list of conditions.
pub(crate) fn prepare(
    function: &str,
    mut call: AggregateFunction,
    conditions: Option<usize>,
    context: &SimplifyContext,
    check: impl Fn(&Arguments) -> Result<()>,
) -> Result<AggregateFunction> {
    if call.params.distinct {
        return no_distinct(function);
    }
    if let Some(from) = conditions {
        call.params.args = conditions::flatten_arrays(call.params.args, from, context.schema());
    }
    call.params.args = folded(move_row_options(call.params.args)?, context)?;
    // Whatever is wrong or still open here is the physical planner's to report.
    let Ok(arguments) = physical(&call.params.args, context) else {
        return Ok(call);
    };
    let checked = check(&arguments);
    let accepted = arguments.accepted.into_inner();
    let settings: Vec<(&str, String)> = settings(context)
        .into_iter()
        .filter(|(name, _)| accepted.iter().any(|accepted| accepted == name))
        .collect();
    if settings.is_empty() {
        return checked.map(|()| call);
    }
    call.params.args = folded(with_settings(call.params.args, settings), context)?;
    // Once more, and this one counts: a mode may be right without the setting and wrong under it, a pattern the reverse.
    match physical(&call.params.args, context) {
        Ok(arguments) => check(&arguments)?,
        Err(_) => checked?,
    }
    Ok(call)
}

/// What the session says where a call says nothing. A setting at its default needs no word.
fn settings(context: &SimplifyContext) -> Vec<(&'static str, String)> {
    let Some(options) = context.config_options().extensions.get::<FootfallOptions>() else {
        return vec![];
    };
    let default = FootfallOptions::default();
    let mut settings = vec![];
    if options.time_zone != default.time_zone {
        settings.push(("zone", options.time_zone.clone()));
    }
    if options.compatibility != default.compatibility {
        settings.push(("compatibility", options.compatibility.clone()));
    }
    settings
}

/// Adds the settings to the struct of options, which is made where there is none; what the call says itself stays.
fn with_settings(mut args: Vec<Expr>, settings: Vec<(&str, String)>) -> Vec<Expr> {
    let mut pairs = match args.pop_if(|last| struct_pairs(last).is_some()) {
        Some(last) => struct_pairs(&last).unwrap_or_default(),
        None => vec![],
    };
    // An option that is NULL says nothing.
    let is_null = |value: &Expr| matches!(value, Expr::Literal(value, _) if value.is_null());
    pairs.retain(|(name, value)| name.starts_with(MOVED) || !is_null(value));
    // What was moved stays last.
    let place = pairs.iter().position(|(name, _)| name.starts_with(MOVED)).unwrap_or(pairs.len());
    for (name, value) in settings {
        if !pairs.iter().any(|(given, _)| given.eq_ignore_ascii_case(name)) {
            pairs.insert(place, (name.to_owned(), lit(value)));
        }
    }
    args.push(struct_of(pairs));
    args
}

/// Moves what the options say about each row out of the struct, to arguments before it; a constant struct stays.
///
/// A struct that is computed for each row could be shared between two calls by the optimizer, and would then reach the
/// function as a column whose literals nobody can read.
fn move_row_options(mut args: Vec<Expr>) -> Result<Vec<Expr>> {
    let Some(last) = args.last() else {
        return Ok(args);
    };
    let Some(pairs) = struct_pairs(last) else {
        return Ok(args);
    };
    let mut moved = vec![];
    let mut rest = move_from(pairs, "", &mut moved);
    if moved.is_empty() {
        return Ok(args);
    }
    args.pop();
    // A struct in which something was moved before keeps that first.
    for (path, expr) in moved {
        rest.push((format!("{MOVED}{path}"), lit(ScalarValue::Null)));
        args.push(expr);
    }
    args.push(struct_of(rest));
    Ok(args)
}

/// The options as one literal: an expression could be shared with another call, as `move_row_options` says.
fn folded(mut args: Vec<Expr>, context: &SimplifyContext) -> Result<Vec<Expr>> {
    if let Some(last) = args.pop() {
        args.push(match struct_pairs(&last) {
            Some(_) => ExprSimplifier::new(context.clone()).simplify(last)?,
            None => last,
        });
    }
    Ok(args)
}

fn move_from(pairs: Vec<(String, Expr)>, path: &str, moved: &mut Vec<(String, Expr)>) -> Vec<(String, Expr)> {
    let mut rest = Vec::with_capacity(pairs.len());
    for (name, expr) in pairs {
        let place = format!("{path}{}", name.to_lowercase());
        if is_constant(&expr) {
            rest.push((name, expr));
        } else if let Expr::ScalarFunction(call) = &expr
            && call.func.name() == "make_array"
        {
            let mut call = call.clone();
            for (i, item) in call.args.iter_mut().enumerate() {
                if let Some(pairs) = struct_pairs(item) {
                    let mut inner = move_from(pairs, &format!("{place}.{i}."), moved);
                    if inner.is_empty() {
                        // A struct needs a field.
                        inner.push((MOVED.to_string(), lit(ScalarValue::Null)));
                    }
                    *item = struct_of(inner);
                }
            }
            rest.push((name, Expr::ScalarFunction(call)));
        } else {
            moved.push((place, expr));
        }
    }
    rest
}

fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(_, _) => true,
        other => other.column_refs().is_empty() && !other.is_volatile() && !other.contains_outer(),
    }
}

/// The names and values of a struct literal, in either form; `None` for anything else.
fn struct_pairs(expr: &Expr) -> Option<Vec<(String, Expr)>> {
    match expr {
        Expr::ScalarFunction(call) if call.func.name() == "named_struct" && call.args.len() % 2 == 0 => call
            .args
            .chunks_exact(2)
            .map(|pair| match &pair[0] {
                Expr::Literal(name, _) => Some((name.try_as_str().flatten()?.to_owned(), pair[1].clone())),
                _ => None,
            })
            .collect(),
        Expr::Literal(ScalarValue::Struct(value), _) if value.len() == 1 && value.is_valid(0) => value
            .fields()
            .iter()
            .zip(value.columns())
            .map(|(field, column)| {
                let value = ScalarValue::try_from_array(column, 0).ok()?;
                Some((field.name().clone(), Expr::Literal(value, None)))
            })
            .collect(),
        _ => None,
    }
}

fn struct_of(pairs: Vec<(String, Expr)>) -> Expr {
    let args = pairs.into_iter().flat_map(|(name, value)| [lit(name), value]).collect();
    Expr::ScalarFunction(ScalarFunction::new_udf(datafusion::functions::core::named_struct(), args))
}

fn physical(args: &[Expr], context: &SimplifyContext) -> Result<Arguments> {
    let schema = context.schema();
    let (props, planning) = (ExecutionProps::new(), PhysicalPlanningContext::default());
    let exprs = args
        .iter()
        .map(|arg| create_physical_expr(arg, schema, &props, &planning))
        .collect::<Result<Vec<_>>>()?;
    let types = exprs.iter().map(|expr| expr.data_type(schema.as_arrow())).collect::<Result<_>>()?;
    Ok(Arguments::new(exprs, types))
}

fn no_distinct<T>(function: &str) -> Result<T> {
    plan_err!("{function}: DISTINCT is not accepted, every row counts")
}
