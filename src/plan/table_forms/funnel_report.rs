//! `funnel_report(relation, user, ts, window, step1, …, stepN [, {options}])`: one row a step, with how many users got that
//! far.
//!
//! ```text
//! 100 users view, 40 of them add to the cart, 10 of those pay
//!
//! step  users  conv_prev  conv_total  drop
//! 1     100    1          1           0
//! 2     40     0.4        0.4         60        60 of the 100 did not take step 2
//! 3     10     0.25       0.1         30
//! ```
//!
//! A user counts in every step up to his level in `window_funnel(window, ts, step1, …, stepN)`; the columns are those of
//! `funnel_rollup` over these levels. The rows of a user come in any order; rows whose ts is NULL do not count, and a NULL
//! condition is false.
//!
//! Options: `mode`, a mode of `window_funnel`, such as 'strict_order'; `levels: true`, which gives one row instead, whose
//! columns `level_0` to `level_N` count the users whose level it is. With any other option the level is that of `funnel`,
//! whose options they are: order, entry, step_windows, optional, exclude, hold, grace, tie, …

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result, plan_err};
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::sql::sqlparser::ast::{Expr, Query};

use super::call::{Checker, FormCall};
use super::template::Holes;

pub(super) const MAX_STEPS: usize = 64;

/// The options that `funnel` does not have.
const MODE: &str = "mode";
const LEVELS: &str = "levels";

pub(super) fn query(
    call: &FormCall,
    input: &str,
    schema: &DFSchema,
    context: &mut dyn RelationPlannerContext,
) -> Result<Box<Query>> {
    let form = call.form.name();
    let steps = steps(call)?;
    let mut checker = Checker { form: call.form, schema, context };
    checker.argument(call, 2, "user")?;
    let ts = checker.time(call, 3)?;
    check_window(&mut checker, call, &ts)?;
    for (i, step) in steps.iter().enumerate() {
        checker.condition(&format!("argument {} (step {})", i + 5, i + 1), step)?;
    }
    let of_funnel: Vec<(&str, &Expr)> =
        call.options().filter(|(name, _)| ![MODE, LEVELS].contains(name)).collect();
    let mode = call.text(MODE)?;
    if let (Some(_), Some((option, _))) = (mode, of_funnel.first()) {
        return plan_err!(
            "{form}: option 'mode' is one of window_funnel and option '{option}' one of funnel; write either"
        );
    }
    if of_funnel.iter().any(|(name, _)| *name == "window") {
        return plan_err!("{form}: the window is argument 4, found another one in option 'window'");
    }
    let mut holes = Holes::default()
        .with("__user", &call.args[1])
        .with("__ts", &call.args[2])
        .with("__window", &call.args[3]);
    for (i, step) in steps.iter().enumerate() {
        holes = holes.with(format!("__step{}", i + 1), step);
    }
    let named: Vec<String> = (1..=steps.len()).map(|step| format!("__step{step}")).collect();
    let named = named.join(", ");
    let level = if !of_funnel.is_empty() {
        let options: Vec<(&str, &Expr)> = [("window", &call.args[3])].into_iter().chain(of_funnel).collect();
        holes = holes.with_options("__options", &options);
        format!("funnel(__ts, [{named}], __options)['level']")
    } else if let Some(mode) = call.option(MODE) {
        holes = holes.with("__mode", mode);
        format!("window_funnel(__window, __mode, __ts, {named})")
    } else {
        format!("window_funnel(__window, __ts, {named})")
    };
    let levels = format!("SELECT {level} AS level FROM {input} GROUP BY __user");
    if call.flag(LEVELS)? {
        let columns: Vec<String> = (0..=steps.len())
            .map(|level| format!("count(*) FILTER (WHERE level = {level}) AS level_{level}"))
            .collect();
        return holes.fill(&format!("SELECT {} FROM ({levels})", columns.join(", ")));
    }
    let columns = ["step", "users", "conv_prev", "conv_total", "drop"];
    let columns = columns.map(|column| format!("report['{column}'] AS \"{column}\"")).join(", ");
    holes.fill(&format!(
        "SELECT {columns} FROM (SELECT unnest(funnel_rollup(level, {})) AS report FROM ({levels}))",
        steps.len()
    ))
}

/// The steps one by one, or one array literal of them.
fn steps(call: &FormCall) -> Result<Vec<Expr>> {
    let steps = match &call.args[4..] {
        [Expr::Array(steps)] => steps.elem.clone(),
        steps => steps.to_vec(),
    };
    if !(1..=MAX_STEPS).contains(&steps.len()) {
        return plan_err!("{}: takes 1 to {MAX_STEPS} steps, found {}", call.form.name(), steps.len());
    }
    Ok(steps)
}

fn check_window(checker: &mut Checker<'_>, call: &FormCall, ts: &DataType) -> Result<()> {
    match checker.argument(call, 4, "window")? {
        DataType::Boolean => {
            let what =
                format!("must be an interval such as INTERVAL '1 day', found the condition {}", call.args[3]);
            super::wrong(call.form, 4, "window", &what)
        }
        _ => checker.length(call, 4, "window", ts),
    }
}
