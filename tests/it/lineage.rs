//! Where does each column of a result come from?
//! Expected: reasoned by hand from each query and from the views of sql/views; what the words mean is said in src/report/lineage/mod.rs.

use std::path::Path;

use footfall::report::lineage::{ColumnLineage, lineage};
use footfall::{Engine, EngineOptions};
use serde_json::Value;

use crate::support::{block_on, footfall_ok, repository};

/// Queries, and of each column `name <- what it is computed from [what only decides which rows count]`.
const CASES: [(&str, &[&str]); 23] = [
    ("select page, ts as at from events", &["page <- events.page []", "at <- events.ts []"]),
    // A subquery, an alias, a filter.
    (
        "select * from (select user_id as who, duration_ms / 1000 as s from events where event = 'page_leave') t",
        &["who <- events.user_id [events.event]", "s <- events.duration_ms [events.event]"],
    ),
    // count(*) counts rows; the keys and FILTER decide which.
    (
        "select dt, count(*) as n, count(distinct user_id) as u, sum(duration_ms) filter (where event = 'page_leave') as d
         from events where scene = 1001 group by dt",
        &[
            "dt <- events.dt [events.scene]",
            "n <- events.* [events.dt, events.scene]",
            "u <- events.user_id [events.dt, events.scene]",
            "d <- events.duration_ms [events.dt, events.event, events.scene]",
        ],
    ),
    // The view shares is events where event = 'share'.
    (
        "select page as x from events union all select share_channel from shares",
        &["x <- events.page, events.share_channel [events.event]"],
    ),
    // A CTE; HAVING counts rows.
    (
        "with a as (select page, count(*) as n from events group by page having count(*) > 1) select page as p, n * 2 as m from a",
        &["p <- events.page [events.*]", "m <- events.* [events.page]"],
    ),
    // A correlated subquery: users are the page views of events, grouped by user.
    (
        "select e.user_id, (select max(u.last_dt) from users u where u.user_id = e.user_id) as last from events e",
        &["user_id <- events.user_id []", "last <- events.dt [events.event, events.user_id]"],
    ),
    (
        "select count(*) as n from events where user_id in (select user_id from shares)",
        &["n <- events.* [events.event, events.user_id]"],
    ),
    // visits keeps page views only, and EXISTS asks for rows of shares.
    (
        "select page from visits v where exists (select 1 from shares s where s.user_id = v.user_id and s.page = v.page)",
        &["page <- events.page [events.*, events.event, events.user_id]"],
    ),
    // session_info is partitioned by user; only the fields that are pages need the page.
    (
        "select page, is_exit, next_page from visits",
        &[
            "page <- events.page [events.event]",
            "is_exit <- events.event, events.scene, events.seq, events.session_key, events.ts [events.user_id]",
            "next_page <- events.event, events.page, events.scene, events.seq, events.session_key, events.ts [events.user_id]",
        ],
    ),
    // An open is the row that session_info marks as its last one; users are unique, so that their join drops and repeats none.
    (
        "select user_id, views from sessions",
        &[
            "user_id <- events.user_id [events.event, events.scene, events.seq, events.session_key, events.ts]",
            "views <- events.event, events.scene, events.seq, events.session_key, events.ts [events.user_id]",
        ],
    ),
    (
        "select count(*) as opens from sessions",
        &[
            "opens <- events.* [events.event, events.scene, events.seq, events.session_key, events.ts, events.user_id]",
        ],
    ),
    (
        "select s.depth, u.first_dt from sessions s left join users u on u.user_id = s.user_id",
        &[
            "depth <- events.event, events.page, events.scene, events.seq, events.session_key, events.ts [events.user_id]",
            "first_dt <- events.dt [events.event, events.scene, events.seq, events.session_key, events.ts, events.user_id]",
        ],
    ),
    // Pairs are counted: an event may have several rows of source_keys, for all that the plan knows.
    (
        "select k.source, count(*) as n from events e join source_keys k on k.scene = e.scene group by k.source",
        &[
            "source <- source_keys.source [events.scene, source_keys.scene]",
            "n <- events.*, source_keys.* [events.scene, source_keys.scene, source_keys.source]",
        ],
    ),
    // The order of a window is part of its value, the partition decides which rows count.
    (
        "select row_number() over (partition by user_id order by ts, seq) as k,
                lag(page) over (partition by user_id order by ts) as prev from events",
        &["k <- events.seq, events.ts [events.user_id]", "prev <- events.page, events.ts [events.user_id]"],
    ),
    // Groups are told apart by their key.
    (
        "select count(*) as users from (select user_id from events where event = 'share' group by user_id)",
        &["users <- events.user_id [events.event]"],
    ),
    ("select count(*) as n from (select distinct page, dt from events)", &["n <- events.dt, events.page []"]),
    // Which three rows depends on their order.
    ("select page from events order by ts desc limit 3", &["page <- events.page [events.ts]"]),
    ("select unnest([page, referrer]) as p from events", &["p <- events.page, events.referrer []"]),
    (
        "with recursive t(n, d) as (select 1, dt from events union all select n + 1, d from t where n < 3) select n, d from t",
        &["n <-  []", "d <- events.dt []"],
    ),
    (
        "select k, count(*) as n from generate_series(1, 3) as g(k) cross join events group by k",
        &["k <-  []", "n <- events.* []"],
    ),
    (
        "select 'x' as c, sum(case when event = 'share' then 1 else 0 end) as shares from events",
        &["c <-  []", "shares <- events.event []"],
    ),
    // Fields of a struct, one by one; an aggregate with an order.
    (
        "select s['a'] as a, (array_agg(s['b'] order by ts))[1] as b
         from (select ts, {a: page, b: query} as s from events) group by s['a']",
        &["a <- events.page []", "b <- events.query, events.ts [events.page]"],
    ),
    // A table form; the quarantine is a table like any other.
    (
        "select x.cohort, q.reason from (select cohort from cohort(events, user_id, dt) group by cohort) x
         cross join (select reason from quarantine) q",
        &["cohort <- events.dt [events.user_id]", "reason <- quarantine.reason [events.dt, events.user_id]"],
    ),
];

#[test]
fn columns_come_from_where_they_should() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let engine = store(folder.path());
    let mut wrong = Vec::new();
    for (query, expected) in CASES {
        let (state, plan) =
            block_on(engine.sql(query)).unwrap_or_else(|e| panic!("{e}\n{query}")).into_parts();
        let found = lineage(&state, plan).unwrap_or_else(|e| panic!("{e}\n{query}"));
        let found: Vec<String> = found.columns.iter().map(shown).collect();
        // The form's own columns may be filtered by more than is said here.
        let is_form = query.contains("cohort(");
        let fits = found.len() == expected.len()
            && found.iter().zip(expected).all(|(found, expected)| {
                found == expected || is_form && found.split(" [").next() == expected.split(" [").next()
            });
        if !fits {
            wrong.push(format!(
                "{query}\n  found    {}\n  expected {}",
                found.join("; "),
                expected.join("; ")
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Columns of the reports that are computed from nothing of the store: days and labels of an axis, which the parameters alone decide.
const CONSTANT: [(&str, &[&str]); 35] = [
    ("access/active_days", &["active_days"]),
    ("access/depth_distribution", &["key", "depth"]),
    ("access/effective_visits", &["ref_date"]),
    ("access/lifecycle", &["ref_date"]),
    ("access/opens_per_user", &["days", "key", "opens"]),
    ("access/retention_day", &["ref_date", "kind", "key"]),
    ("access/retention_month", &["ref_date", "kind", "key"]),
    ("access/retention_next_day", &["ref_date"]),
    ("access/retention_week", &["ref_date", "kind", "key"]),
    ("access/returning_and_lost", &["ref_date"]),
    ("access/stay_distribution", &["key", "stay"]),
    ("access/visit_trend_day", &["ref_date"]),
    ("access/visit_trend_month", &["ref_date"]),
    ("access/visit_trend_week", &["ref_date"]),
    ("campaigns/campaign", &["ref_date"]),
    ("datacube/daily_retain", &["ref_date"]),
    ("datacube/monthly_retain", &["ref_date"]),
    ("datacube/user_portrait", &["ref_date"]),
    ("datacube/visit_distribution", &["ref_date"]),
    ("datacube/visit_page", &["ref_date"]),
    ("datacube/weekly_retain", &["ref_date"]),
    // Without a column by which to group.
    ("events/analysis", &["group1", "group2", "group3", "group4", "group5"]),
    ("funnels/closed", &["step", "event"]),
    ("funnels/open", &["group", "step", "event"]),
    ("funnels/trend", &["step", "event"]),
    ("overview/summary", &["figure", "meaning"]),
    ("overview/trend", &["ref_date", "period", "day"]),
    ("profile/gender_age", &["gender", "age"]),
    // A store without profiles knows nobody's province.
    ("profile/portrait", &["attribute", "province"]),
    ("realtime/trend", &["time"]),
    ("segments/size", &["segment"]),
    ("retention/event_retention", &["group"]),
    // The others have none.
    ("access/pages", &[]),
    ("overview/top_pages", &[]),
    ("paths/edges", &[]),
];

#[test]
fn every_column_of_every_report_comes_from_somewhere() {
    // Expected: the list above, read off the files of the reports.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let _engine = store(folder.path());
    let path = folder.path().join("store").display().to_string();
    let text = footfall_ok(&["report", "--store", &path, "--lineage", "--json"]);
    let reports: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    assert!(reports.len() >= 43, "{} reports", reports.len());
    let names = |report: &Value, is: fn(&Value) -> bool| -> Vec<String> {
        let columns = report["columns"].as_array().expect("columns");
        let names = columns.iter().filter(|column| is(column)).map(|column| column["name"].as_str());
        names.map(|name| name.expect("a name").to_string()).collect()
    };
    let mut wrong = Vec::new();
    for report in &reports {
        let name = report["name"].as_str().expect("a name");
        let found = names(report, |column| column["from"].as_array().is_some_and(Vec::is_empty));
        let known = CONSTANT.iter().find(|(report, _)| *report == name);
        let expected: &[&str] = known.map_or(&[], |(_, columns)| *columns);
        if found != expected {
            wrong.push(format!("{name}: {found:?} come from nothing, expected {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Only tables of the store are named, never a view.
    let tables = ["events", "user_profiles", "source_keys", "scene_tree"];
    for table in text.lines().filter_map(|line| line.trim().strip_prefix("\"table\": \"")) {
        let table = table.trim_end_matches([',', '"']);
        assert!(tables.contains(&table), "{table} is no table of the store");
    }
    // For people: the same, in words.
    let one = footfall_ok(&["report", "--store", &path, "--lineage", "--only", "access/visit_trend_day"]);
    assert!(
        one.starts_with("access/visit_trend_day\n  ref_date\n    from    nothing of the store\n"),
        "{one}"
    );
    assert!(one.contains("  visit_uv\n    from    events.user_id\n    filters "), "{one}");
}

/// A store with one page view, the shop's catalogue and a rejected row.
fn store(folder: &Path) -> Engine {
    let file = folder.join("a.jsonl");
    std::fs::write(
        &file,
        "{\"user_id\":\"ann\",\"ts\":1772416800000,\"event\":\"page_view\",\"page\":\"home\"}\n{\"user_id\":\"bob\"}\n",
    )
    .expect("a file");
    let catalogue = repository().join("data/shop_month/events.toml").display().to_string();
    let (file, store) = (file.display().to_string(), folder.join("store"));
    let path = store.display().to_string();
    footfall_ok(&["land", &file, "--store", &path, "--catalogue", &catalogue, "--quiet"]);
    block_on(Engine::open(&store, &EngineOptions::default())).expect("the store")
}

fn shown(column: &ColumnLineage) -> String {
    let list = |origins: &[footfall::report::lineage::Origin]| {
        origins.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    format!("{} <- {} [{}]", column.name, list(&column.from), list(&column.filters))
}
