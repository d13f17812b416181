//! `sessions(relation, user, ts, gap, page [, {options}])`: one row a session, with where it began, where it ended, what it
//! saw and how long it took.
//!
//! ```text
//! ann  10:00 home ──10 s──▶ 10:00:10 list ──(50 min)──▶ 10:50 home
//!
//! user_id  session  session_start  duration_ms  views  depth  entry_page  exit_page  is_bounce
//! ann      1        10:00:00       10000        2      2      home        list       false
//! ann      2        10:50:00       0            1      1      home        home       true
//! ```
//!
//! The options are those of `session_info`, and `tie`: a column that orders rows of one user and ts. Rows whose ts is NULL
//! belong to no session; rows without a user are one user, as in GROUP BY. A session without a page view has `views` 0.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::sql::sqlparser::ast::{Expr, Query};

use super::call::{Checker, FormCall};
use super::template::Holes;
use crate::functions::sessions::{SessionFunction, accepted_options};

/// The fields of `session_info` that are columns, and under which names.
const COLUMNS: [(&str, &str); 13] = [
    ("session", "session"),
    ("session_id", "session_id"),
    ("session_start", "session_start"),
    ("session_end", "session_end"),
    ("session_dt", "session_dt"),
    ("duration_ms", "duration_ms"),
    ("events", "events"),
    ("views", "views"),
    ("depth", "depth"),
    ("session_stay_ms", "stay_ms"),
    ("entry_page", "entry_page"),
    ("exit_page", "exit_page"),
    ("scene", "scene"),
];

pub(super) fn query(
    call: &FormCall,
    input: &str,
    schema: &DFSchema,
    context: &mut dyn RelationPlannerContext,
) -> Result<Box<Query>> {
    let sessions = SessionCall::new(call, &[], schema, context)?;
    let columns = COLUMNS.map(|(field, name)| format!("info['{field}'] AS {name}")).join(", ");
    sessions.holes.fill(&format!(
        "SELECT user_id, {columns}, info['views'] = 1 AS is_bounce \
         FROM (SELECT __user AS user_id, {} AS info FROM {input}) \
         WHERE info['is_session_end']",
        sessions.info
    ))
}

/// What `sessions` and `page_stats` have in common: the call of `session_info`.
pub(super) struct SessionCall {
    /// `session_info(…) OVER (…)` with holes.
    pub(super) info: String,
    pub(super) holes: Holes,
}

impl SessionCall {
    /// `own` are the options that are not those of `session_info`.
    pub(super) fn new(
        call: &FormCall,
        own: &[&str],
        schema: &DFSchema,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<Self> {
        let mut checker = Checker { form: call.form, schema, context };
        checker.argument(call, 2, "user")?;
        let ts = checker.time(call, 3)?;
        checker.length(call, 4, "gap", &ts)?;
        let page = checker.argument(call, 5, "page")?;
        if !is_text(&page) {
            let what = format!("must be text, found {} of type {page}", call.args[4]);
            return super::wrong(call.form, 5, "page", &what);
        }
        let of_session = accepted_options(SessionFunction::Info);
        let accepted: Vec<&str> = of_session.iter().chain(own).chain([&TIE]).copied().collect();
        call.check_options(&accepted)?;
        for (name, value) in call.options() {
            checker.type_of(&format!("option '{name}'"), value)?;
        }
        let options: Vec<(&str, &Expr)> =
            call.options().filter(|(name, _)| of_session.contains(name)).collect();
        let mut holes = Holes::default()
            .with("__user", &call.args[1])
            .with("__ts", &call.args[2])
            .with("__gap", &call.args[3])
            .with("__page", &call.args[4]);
        let (mut arguments, mut order) = (String::new(), String::new());
        if !options.is_empty() {
            holes = holes.with_options("__options", &options);
            arguments = ", __options".to_owned();
        }
        if let Some(tie) = call.option(TIE) {
            holes = holes.with("__tie", tie);
            order = ", __tie".to_owned();
        }
        let info = format!(
            "session_info(__ts, __gap, __page{arguments}) OVER (PARTITION BY __user ORDER BY __ts{order})"
        );
        Ok(Self { info, holes })
    }
}

const TIE: &str = "tie";

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => is_text(value),
        other => other.is_string() || other.is_null(),
    }
}
