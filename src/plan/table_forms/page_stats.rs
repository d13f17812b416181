//! `page_stats(relation, user, ts, gap, page [, {options}])`: one row a page, with its views, visitors, entries, exits and
//! the rates and times that follow.
//!
//! ```text
//! ann  home ──10 s──▶ list        bob  home
//!
//! page  views  visitors  visits  entries  exits  bounces  exit_rate  bounce_rate  stay_ms  mean_stay_ms
//! home  2      2         2       2        1      1        0.5        0.5          10000    5000
//! list  1      1         1       0        1      0        1          NULL         0        0
//! ```
//!
//! `exit_rate` is exits over views, with `{basis: 'visits'}` over the visits that saw the page (the names of vendors work
//! as in `exit_rate`); `bounce_rate` is bounces over entries, NULL without entries. The other options are those of
//! `session_info`, and `tie`. Visitors are grouped as pairs of user and page, so no set of users is kept for a page.

use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::sql::sqlparser::ast::Query;

use super::call::FormCall;
use super::sessions::SessionCall;

pub(super) fn query(
    call: &FormCall,
    input: &str,
    schema: &DFSchema,
    context: &mut dyn RelationPlannerContext,
) -> Result<Box<Query>> {
    let sessions = SessionCall::new(call, &[BASIS], schema, context)?;
    let divisor = match call.choice(BASIS, &BASES)? {
        Some("visits" | "matomo" | "piano") => "visits",
        _ => "views",
    };
    sessions.holes.fill(&format!(
        "SELECT page, views, visitors, visits, entries, exits, bounces, \
             CAST(exits AS DOUBLE) / {divisor} AS exit_rate, \
             CAST(bounces AS DOUBLE) / nullif(entries, 0) AS bounce_rate, \
             stay_ms, CAST(stay_ms AS DOUBLE) / views AS mean_stay_ms \
         FROM ( \
             SELECT page, sum(views) AS views, count(*) AS visitors, sum(visits) AS visits, sum(entries) AS entries, \
                 sum(exits) AS exits, sum(bounces) AS bounces, sum(stay_ms) AS stay_ms \
             FROM ( \
                 SELECT user_id, page, count(*) AS views, count(DISTINCT info['session']) AS visits, \
                     sum(CAST(info['is_entry'] AS INT)) AS entries, sum(CAST(info['is_exit'] AS INT)) AS exits, \
                     sum(CAST(info['is_bounce'] AS INT)) AS bounces, sum(info['stay_ms']) AS stay_ms \
                 FROM (SELECT __user AS user_id, __page AS page, {} AS info FROM {input}) \
                 WHERE info['visit_no'] IS NOT NULL \
                 GROUP BY user_id, page \
             ) \
             GROUP BY page \
         )",
        sessions.info
    ))
}

const BASIS: &str = "basis";
const BASES: [&str; 6] = ["views", "wechat", "plausible", "visits", "matomo", "piano"];
