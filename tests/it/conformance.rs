//! The cases of `tests/conformance/function_cases.jsonl` for the functions that are built, through SQL, none skipped.
//!
//! Expected values: written down in the cases, where each names its source; `recommended_expected` goes first, as it is ours where we
//! differ from ClickHouse on purpose. Times are seconds: every case runs with `ts` as a Timestamp and as a plain integer.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use footfall::Engine;
use serde_json::Value;

use crate::support::{ask, engine, repository, try_ask};

/// Functions whose cases must all pass, and how many cases each has: a case that vanishes is noticed.
const CASES: [(&str, usize); 5] =
    [("sessionize", 10), ("session_summary", 3), ("exit_rate", 3), ("retention", 2), ("window_funnel", 15)];

#[test]
fn function_cases() {
    // Expected: see the module.
    let path = repository().join("tests/conformance/function_cases.jsonl");
    let text = std::fs::read_to_string(path).expect("the cases are in the repository");
    let mut passed: BTreeMap<String, usize> = BTreeMap::new();
    let (mut failures, mut other_modes, mut other_functions) = (Vec::new(), 0, 0);
    for line in text.lines() {
        let case: Value = serde_json::from_str(line).expect("one JSON object a line");
        let function = case["function"].as_str().expect("a case names its function");
        if !CASES.iter().any(|(name, _)| *name == function) {
            other_functions += 1;
            continue;
        }
        if items(&case["options"]["modes"]).next().is_some() {
            other_modes += 1;
            continue;
        }
        match check(&case, function) {
            Ok(()) => *passed.entry(function.to_string()).or_default() += 1,
            Err(why) => failures.push(format!("{}: {why}", case["id"])),
        }
    }
    for (function, cases) in CASES {
        let passed = passed.get(function).copied().unwrap_or(0);
        println!("{function}: {passed} passed, {} failed, 0 skipped", cases - passed);
    }
    println!(
        "{other_modes} cases of other modes of window_funnel, {other_functions} of functions not yet built"
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let expected: BTreeMap<String, usize> = CASES.map(|(name, cases)| (name.to_string(), cases)).into();
    assert_eq!(passed, expected);
}

fn check(case: &Value, function: &str) -> Result<(), String> {
    let expected = match &case["recommended_expected"] {
        Value::Null => &case["expected"],
        ours => ours,
    };
    for time in [Time::Timestamp, Time::Integer] {
        // A local day needs a clock.
        if time == Time::Integer && case["options"]["split_tz"].is_string() {
            continue;
        }
        let engine = load(case, time);
        let sql = sql(case, function, time)?;
        if expected["error"] == Value::Bool(true) {
            if let Ok(rows) = try_ask(&engine, &sql) {
                return Err(format!("{sql} gives {rows:?}, an error was expected"));
            }
            continue;
        }
        let (found, wanted) = (ask(&engine, &sql), rows(function, expected));
        if found != wanted {
            return Err(format!("{sql}\n  found {found:?}\n  expected {wanted:?}"));
        }
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq)]
enum Time {
    Timestamp,
    Integer,
}

impl Time {
    fn span(self, seconds: &Value) -> String {
        match self {
            Self::Timestamp => format!("INTERVAL '{seconds} seconds'"),
            Self::Integer => seconds.to_string(),
        }
    }
}

/// Case function → SQL text.
fn sql(case: &Value, function: &str, time: Time) -> Result<String, String> {
    let options = &case["options"];
    let over = "OVER (PARTITION BY u ORDER BY ts, seq)";
    let info = || {
        format!(
            "(SELECT *, session_info(ts, {}, page, {{is_page: name = '{}'}}) {over} s FROM t)",
            time.span(&options["gap"]),
            options["page_event"].as_str().unwrap_or("page_view")
        )
    };
    Ok(match function {
        "sessionize" => format!(
            "SELECT sessionize(ts, {}{}) {over} FROM t ORDER BY seq",
            time.span(&options["gap"]),
            session_options(options)?
        ),
        "session_summary" => format!(
            "SELECT u, s['session'], min(CAST(s['session_start'] AS BIGINT)), \
             max(CAST(s['session_end'] AS BIGINT)) - min(CAST(s['session_start'] AS BIGINT)), \
             min(s['entry_page']), min(s['exit_page']), min(s['views']), min(s['depth']), count(*) \
             FROM {} GROUP BY u, s['session'] ORDER BY u, s['session']",
            info()
        ),
        "exit_rate" => format!(
            "SELECT page, count(s['visit_no']), count(DISTINCT u), \
             count(*) FILTER (WHERE s['is_entry']), count(*) FILTER (WHERE s['is_exit']), \
             round(exit_rate(s['is_exit']), 4), \
             round(exit_rate(s['is_exit'], {{basis: 'visits', visit_key: concat(u, '/', s['session'])}}), 4), \
             round(bounce_rate(s['is_bounce'], s['is_entry']), 4) \
             FROM {} WHERE s['visit_no'] IS NOT NULL GROUP BY page ORDER BY page",
            info()
        ),
        "retention" => format!(
            "SELECT u, retention({}) FROM t GROUP BY u ORDER BY u",
            list(&options["conditions"], condition)?
        ),
        "window_funnel" => format!(
            "SELECT u, window_funnel({}, ts, {}) FROM t GROUP BY u ORDER BY u",
            time.span(&case["window"]),
            list(&options["steps"], condition)?
        ),
        other => return Err(format!("no SQL for function {other}")),
    })
}

fn session_options(options: &Value) -> Result<String, String> {
    let mut named = Vec::new();
    for (option, value) in options.as_object().into_iter().flatten() {
        match option.as_str() {
            "gap" => {}
            "split_tz" => named.push(format!("split_day: '{}'", value.as_str().unwrap_or_default())),
            "split_on" => named.push(format!("split_on: {}", value.as_str().unwrap_or_default())),
            "start_names" => named.push(format!("restart: name IN ({})", list(value, literal)?)),
            "end_names" => named.push(format!("close: name IN ({})", list(value, literal)?)),
            other => return Err(format!("no SQL for option {other}")),
        }
    }
    Ok(match named.is_empty() {
        true => String::new(),
        false => format!(", {{{}}}", named.join(", ")),
    })
}

/// `"flags[k]"`, or an object whose listed fields equal the value or are in the list.
fn condition(value: &Value) -> Result<String, String> {
    if let Some(flag) = value.as_str().and_then(|text| text.strip_prefix("flags[")) {
        return Ok(format!("flag_{}", flag.trim_end_matches(']')));
    }
    let fields = value.as_object().ok_or_else(|| format!("{value} is no condition"))?;
    let mut parts = Vec::new();
    for (field, wanted) in fields {
        let wanted = match wanted {
            Value::Array(_) => list(wanted, literal)?,
            one => literal(one)?,
        };
        parts.push(format!("{field} IN ({wanted})"));
    }
    Ok(parts.join(" AND "))
}

fn literal(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(format!("'{}'", text.replace('\'', "''"))),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(format!("{other} is no text or number")),
    }
}

fn list(values: &Value, sql: fn(&Value) -> Result<String, String>) -> Result<String, String> {
    let parts: Result<Vec<String>, String> = items(values).map(sql).collect();
    Ok(parts?.join(", "))
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// What the case expects, as the rows that the SQL gives.
fn rows(function: &str, expected: &Value) -> Vec<Vec<String>> {
    let text = |value: &Value| match value {
        Value::Null => "NULL".to_string(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        other => other.to_string(),
    };
    let by_name = |value: &Value, names: &[&str]| -> Vec<String> {
        names.iter().map(|name| text(&value[*name])).collect()
    };
    let users = || {
        let mut users: Vec<(i64, &Value)> = expected
            .as_object()
            .into_iter()
            .flatten()
            .map(|(user, value)| (user.parse().expect("users are numbers"), value))
            .collect();
        users.sort_by_key(|(user, _)| *user);
        users.into_iter()
    };
    match function {
        "sessionize" => items(&expected["session_ids"]).map(|id| vec![text(id)]).collect(),
        "session_summary" => items(expected)
            .map(|session| {
                let names = [
                    "user",
                    "session",
                    "start",
                    "duration",
                    "entry",
                    "exit",
                    "page_views",
                    "depth",
                    "events",
                ];
                by_name(session, &names)
            })
            .collect(),
        "exit_rate" => expected
            .as_object()
            .into_iter()
            .flatten()
            .map(|(page, figures)| {
                let names = [
                    "views",
                    "visitors",
                    "entries",
                    "exits",
                    "exit_rate",
                    "exit_rate_per_visit",
                    "bounce_rate",
                ];
                let mut row = vec![page.clone()];
                row.extend(by_name(figures, &names));
                row
            })
            .collect(),
        "retention" => users()
            .map(|(user, flags)| {
                let flags: Vec<String> =
                    items(flags).map(|flag| (flag == &Value::from(1)).to_string()).collect();
                vec![user.to_string(), format!("[{}]", flags.join(", "))]
            })
            .collect(),
        _ => users().map(|(user, level)| vec![user.to_string(), text(level)]).collect(),
    }
}

/// Table `t` of a case's events: `u`, `ts`, `seq` (the order given), `name`, `page`, `source`, `flag_0` and on.
fn load(case: &Value, time: Time) -> Engine {
    let events: Vec<&Value> = items(&case["events"]).collect();
    let numbers = |field: &str| -> Int64Array { events.iter().map(|e| e[field].as_i64()).collect() };
    let texts = |field: &str| -> ArrayRef {
        let texts: StringArray = events.iter().map(|e| e[field].as_str()).collect();
        Arc::new(texts)
    };
    let ts = match time {
        Time::Integer => Arc::new(numbers("ts")) as ArrayRef,
        Time::Timestamp => {
            cast(&numbers("ts"), &DataType::Timestamp(TimeUnit::Second, None)).expect("whole seconds")
        }
    };
    let seq: Int64Array = (0..events.len() as i64).collect::<Vec<_>>().into();
    let mut columns = vec![
        ("u".to_string(), Arc::new(numbers("user")) as ArrayRef, true),
        ("ts".to_string(), ts, true),
        ("seq".to_string(), Arc::new(seq), true),
        ("name".to_string(), texts("name"), true),
        ("page".to_string(), texts("page"), true),
        ("source".to_string(), texts("source"), true),
    ];
    let flags = events.iter().map(|e| items(&e["flags"]).count()).max().unwrap_or(0);
    for k in 0..flags {
        let values: BooleanArray =
            events.iter().map(|e| e["flags"][k].as_i64().map(|flag| flag == 1)).collect();
        columns.push((format!("flag_{k}"), Arc::new(values), true));
    }
    let batch = RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length");
    let engine = engine(2, 8192);
    engine.context().register_batch("t", batch).expect("a free name");
    engine
}
