//! What Tab offers first. Expected: written down by hand, one line a case, `|` being the cursor.

use std::time::{Duration, Instant};

use footfall::repl::complete::{
    Candidate, Function, Item, Names, Report, ReportParameter, Table, Takes, complete, signature,
};

/// `text|cursor → expected first item`; `nothing` where there is none.
const CASES: &str = "
|                                                               → SELECT
sel|                                                            → select
SEL|                                                            → SELECT
expl|                                                           → explain
select * |                                                      → from
select * fr|                                                    → from
SELECT * F|                                                     → FROM
select * from |                                                 → events
select * from ev|                                               → events
select * from se|                                               → sessions
select * from events join vi|                                   → visits
select * from events, vi|                                       → visits
select * from coh|                                              → cohort(
select * from information_schema.tab|                           → tables
describe se|                                                    → sessions
insert into ev|                                                 → events
us| from events                                                 → nothing
select us| from events                                          → user_id
select pa| from visits                                          → page
select pa| from sessions                                        → views_of_pages
select se| from events                                          → seq
select u|                                                       → user_id
select e.pa| from events e                                      → page
select e.| from events as e                                     → user_id
select v.st| from events e join visits v on e.user_id = v.user_id → stay_ms
select events.us| from events                                   → user_id
select * from events where pl|                                  → platform
select * from events where platform = 'x' an|                   → and
select * from events wh|                                        → where
select * from events group |                                    → by
select * from events group by pl|                               → platform
select platform from events group by platform h|                → having
select platform from events order by platform d|                → desc
select * from events order by ts desc lim|                      → limit
select * from events where page is |                            → null
select * from events where page is n|                           → null
select * from events left |                                     → join
select cou|                                                     → count(
select win| from events                                         → window_funnel(
select fun| from events                                         → funnel(
select count(us| from events                                    → user_id
select case wh|                                                 → when
select count(*) filter (where pla|) from events                 → platform
select sum(views) over (|) from sessions                        → partition by
select sum(views) over (partition by us|) from sessions         → user_id
select \"Tot| from odd                                            → \"Total value\"
select tot| from odd                                            → \"Total value\"
with daily as (select dt as day, count(*) as opens from events group by dt) select op| from daily → opens
with daily as (select dt as day from events) select * from da|  → daily
with daily(a, b) as (select dt, seq from events) select | from daily → a
with x as (select us| from events) select * from x              → user_id
select op| from (select count(*) as opens from events) t        → opens
select t.| from (select page, query from events) t              → page
select * from (select * from events) t where pla|               → platform
select * from events where user_id in (select us| from sessions) → user_id
select us| from sessions union all select page from visits      → user_id
select 1; select * from vis|                                    → visits
select 1 from events; select st| from visits                    → stay_ms
select * from events where event = |                            → 'page_view'
select * from events where event = 'pa|                         → 'page_view'
select * from events where event = 'sh|'                        → 'share
select * from events where page = 'pages/i|                     → 'pages/item'
select * from events where event in ('page_view', |             → 'page_view'
select * from events where event in ('sh|                       → 'share'
select * from events where event <> 'app|                       → 'app_hide'
select * from events where scene = |                            → 1001
select * from events where scene in (10|                        → 1001
select * from events e where e.event = 'sh|                     → 'share'
select funnel(ts, [a, b], {or| from events                      → order:
select funnel(ts, [a, b], {order: | from events                 → 'ordered'
select funnel(ts, [a, b], {order: 'str| from events             → 'strict'
select funnel(ts, [a, b], {order: 'any', ent| from events       → entry:
select session_start(ts, 5, {ru| from events                    → rule:
select session_start(ts, 5, {rule: '3| from events              → '30min'
select window_funnel(5, 'strict_o| from events                  → 'strict_order'
select active_bitmap(ts, 'w| from events                        → 'week'
select * from cohort(ev|                                        → events
select * from cohort(events, us|                                → user_id
select * from cohort(events, user_id, ts, {kind: 'r|            → 'recurring'
set foot|                                                       → footfall.compatibility
set footfall.t|                                                 → footfall.time_zone
SET datafusion.execution.b|                                     → datafusion.execution.batch_size
show footfall.s|                                                → footfall.stream_sessions
select * from events where dt = $|                              → $day
select * from events where dt = $d|                             → $day
select 'it is fro|                                              → nothing
select 1 -- a comment about fro|                                → nothing
select /* from |                                                → nothing
select a as |                                                   → nothing
create view v as |                                              → select
\\|                                                              → d
\\su|                                                            → summary
\\d se|                                                          → sessions
\\df win|                                                        → window_funnel
\\chart |                                                        → line
\\chart heat of|                                                 → offset
\\format js|                                                     → json
\\report |                                                       → access/pages
\\report ret|                                                    → access/retention_day
\\report access/pages -p |                                       → from=
\\report pages -p gr|                                            → grain=
\\report pages -p grain=w|                                       → week
\\report pages -p event=sh|                                      → share
\\report pages -p event=|                                        → page_view
\\report pages -p steps=page_view,app_h|                         → app_hide
\\report pages -p grain=day -psteps=page_view,|                  → page_view
\\report pages -p group1=pl|                                     → platform
\\report pages -p filter=pl|                                     → platform
\\report pages -p \"filter=platform is not null and event = |     → 'page_view'
\\report pages -p filter=event='sh|                              → 'share'
\\x a|                                                           → auto
\\watch 5 |                                                      → until
\\set d|                                                         → day
";

#[test]
fn the_first_candidate_of_each_place() {
    let names = names(0);
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in CASES.lines().filter(|line| !line.is_empty()) {
        let (text, expected) = case.split_once('→').expect("a case has an arrow");
        let (before, behind) = text.split_once('|').expect("a case has a cursor");
        let text = format!("{before}{}", behind.trim_end());
        let found = complete(&text, before.len(), &names);
        let first = found.candidates.first().map_or("nothing", |candidate| candidate.text.as_str());
        if first.trim() != expected.trim() {
            let rest: Vec<&str> = found.candidates.iter().take(5).map(|c| c.text.as_str()).collect();
            wrong.push(format!("{text}: found {first}, expected {} (of {rest:?})", expected.trim()));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{} of {count} cases:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= 60, "{count} cases");
}

#[test]
fn what_is_typed_is_replaced() {
    // Expected: from the start of the word, of the quote or of the setting to the cursor.
    let names = names(0);
    let replaced = |text: &str| {
        let completion = complete(text, text.len(), &names);
        format!("{}{}", &text[..completion.start], completion.candidates.first().map_or("", |c| &c.text))
    };
    assert_eq!(replaced("select * from ev"), "select * from events");
    assert_eq!(
        replaced("select * from events where event = 'pa"),
        "select * from events where event = 'page_view'"
    );
    assert_eq!(replaced("set footfall.ti"), "set footfall.time_zone");
    assert_eq!(replaced("select '中文', us"), "select '中文', user_id");
    assert_eq!(replaced("\\report ret"), "\\report access/retention_day");
    assert_eq!(replaced("  \\form"), "  \\format ");
}

#[test]
fn functions_come_with_signature_and_first_line() {
    let names = names(0);
    let text = "select window_f";
    let found = complete(text, text.len(), &names).candidates;
    let Some(Candidate { label, detail, .. }) = found.first() else {
        panic!("nothing found");
    };
    assert_eq!(label, "window_funnel");
    assert!(
        detail.starts_with("window_funnel(window, [mode, ...] ts") && detail.contains("How far"),
        "{detail}"
    );
    let text = "select window_funnel(interval '1 day', ts, (a or b), ";
    assert_eq!(
        signature(text, text.len(), &names).map(|function| function.name.as_str()),
        Some("window_funnel")
    );
    assert!(signature("select 1 + ", 11, &names).is_none());
}

#[test]
fn files_in_quotes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("month.parquet"), "").expect("a file");
    std::fs::create_dir(folder.path().join("more")).expect("a folder");
    let beginning = format!("select * from '{}/mo", folder.path().display());
    let found = complete(&beginning, beginning.len(), &names(0)).candidates;
    let texts: Vec<&str> = found.iter().map(|c| c.text.as_str()).collect();
    let path = folder.path().display();
    assert_eq!(texts, [format!("'{path}/month.parquet'"), format!("'{path}/more/")]);
}

#[test]
fn a_thousand_columns_take_less_than_20_ms() {
    // Expected: the time in which a person sees no delay, in a debug build ten times of it.
    let names = names(1000);
    let limit = Duration::from_millis(if cfg!(debug_assertions) { 200 } else { 20 });
    for text in [
        "select column_9| from events",
        "select e.| from events e",
        "select |",
        "with x as (select * from events) select column_5| from x",
        "select * from events where column_99| = 1 and event = 'page_view' order by column_1, column_2",
    ] {
        let cursor = text.find('|').expect("a cursor");
        let text = text.replacen('|', "", 1);
        let mut fastest = Duration::MAX;
        for _ in 0..3 {
            let started = Instant::now();
            assert!(!complete(&text, cursor, &names).candidates.is_empty(), "{text}");
            fastest = fastest.min(started.elapsed());
        }
        assert!(fastest < limit, "{text}: {fastest:?}");
    }
}

#[test]
fn no_text_and_no_cursor_breaks_it() {
    let names = names(0);
    for case in CASES.lines() {
        for cursor in 0..=case.len() {
            complete(case, cursor, &names);
            signature(case, cursor, &names);
        }
    }
    for text in [
        "(((",
        ")))",
        "'",
        "\"",
        "$$",
        "select {{{ [[[",
        "from from from",
        "with with as (",
        "with a as",
        "x.y.z.",
    ] {
        for cursor in 0..=text.len() + 1 {
            complete(text, cursor, &names);
        }
    }
}

fn items(list: &[(&str, &str)]) -> Vec<Item> {
    list.iter().map(|(name, detail)| Item::new(*name, *detail)).collect()
}

fn function(name: &str, syntax: &str, doc: &str, arguments: &[(&str, &str)]) -> Function {
    let arguments = arguments.iter().map(|(name, meaning)| ((*name).to_string(), (*meaning).to_string()));
    Function {
        name: name.to_string(),
        syntax: syntax.to_string(),
        doc: doc.to_string(),
        arguments: arguments.collect(),
        is_relation: false,
        is_ours: true,
    }
}

/// A small store, with `more` columns of events.
fn names(more: usize) -> Names {
    let table = |name: &str, columns: &[(&str, &str)]| Table {
        name: name.to_string(),
        detail: "table".to_string(),
        columns: items(columns),
    };
    let mut events = table(
        "events",
        &[
            ("user_id", "Utf8View"),
            ("ts", "Timestamp(µs)"),
            ("seq", "Int64"),
            ("event", "Utf8View"),
            ("page", "Utf8View"),
            ("query", "Utf8View"),
            ("scene", "Int32"),
            ("platform", "Utf8View"),
            ("dt", "Date32"),
        ],
    );
    events.columns.extend((0..more).map(|at| Item::new(format!("column_{at}"), "Int64")));
    let functions = vec![
        function("count", "count(expression)", "The number of rows.", &[]),
        function("concat", "concat(text, ...)", "Joins texts.", &[]),
        function(
            "window_funnel",
            "window_funnel(window, [mode, ...] ts, c1, ..., cn)",
            "How far did a user get?",
            &[(
                "mode",
                "Text literals. Accepted are default, strict_deduplication (deduplication), strict_order, allow_reentry.",
            )],
        ),
        function(
            "funnel",
            "funnel(ts, [c1, ..., cn] [, {option: value}])",
            "The best way of a user through the steps.",
            &[
                (
                    "order",
                    "Option: 'ordered' (default), anything may stand between two steps. 'strict': nothing may. 'any': in any order.",
                ),
                ("entry", "Option: 'best' (default). 'first' or 'last': only with these."),
            ],
        ),
        function(
            "sessionize",
            "sessionize(ts, gap)",
            "Numbers sessions.",
            &[
                (
                    "rule",
                    "Option: '30min', '5min', '30s' (time in the background) or 'strict_show' (every show).",
                ),
                ("hide", "Option, Boolean: with `event` and no `hide`: event = 'app_hide'."),
            ],
        ),
        function(
            "session_start",
            "session_start(ts, gap)",
            "Starts.",
            &[("options", "Those of `sessionize`: rule, …")],
        ),
        function(
            "active_bitmap",
            "active_bitmap(ts, unit)",
            "When was a user there?",
            &[("unit", "A literal: 'day', 'week', 'month'.")],
        ),
        Function {
            is_relation: true,
            ..function(
                "cohort",
                "cohort(relation, user, ts)",
                "Of the users who came first in a period, how many came back?",
                &[("kind", "Option: 'first' (default); 'recurring', every period.")],
            )
        },
    ];
    let parameter = |name: &str, accepted: &[&str], takes: Takes| ReportParameter {
        name: name.to_string(),
        detail: String::new(),
        accepted: accepted.iter().map(|value| (*value).to_string()).collect(),
        takes,
    };
    let report = |name: &str| Report {
        name: name.to_string(),
        title: name.to_string(),
        parameters: vec![
            parameter("from", &[], Takes::Other),
            parameter("to", &[], Takes::Other),
            parameter("grain", &["day", "week"], Takes::Other),
            parameter("event", &[], Takes::Value("event".to_string())),
            parameter("steps", &[], Takes::Values("event".to_string())),
            parameter("group1", &[], Takes::Column),
            parameter("filter", &[], Takes::Filter),
        ],
    };
    let values = |column: &str, list: &[&str]| {
        (column.to_string(), list.iter().map(|value| (*value).to_string()).collect())
    };
    Names {
        tables: vec![
            events,
            table(
                "sessions",
                &[("user_id", "Utf8View"), ("views", "Int32"), ("views_of_pages", "Int32"), ("dt", "Date32")],
            ),
            table("visits", &[("user_id", "Utf8View"), ("page", "Utf8View"), ("stay_ms", "Int64")]),
            table("odd", &[("Total value", "Float64")]),
            table("information_schema.tables", &[("table_name", "Utf8")]),
        ],
        functions,
        settings: items(&[
            ("footfall.compatibility", "none"),
            ("footfall.stream_sessions", "true"),
            ("footfall.time_zone", "UTC"),
            ("datafusion.execution.batch_size", "8192"),
        ]),
        reports: ["access/pages", "access/retention_day"].map(report).to_vec(),
        values: vec![
            values("event", &["page_view", "share", "app_hide", "app_show"]),
            values("page", &["pages/home", "pages/item"]),
            values("scene", &["1001", "1007"]),
        ],
        parameters: items(&[("day", "2026-03-31")]),
        result: items(&[("day", "Date32"), ("offset", "Int64"), ("users", "Int64")]),
    }
}
