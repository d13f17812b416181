//! Every case of `tests/conformance/function_cases.jsonl`, through SQL, none skipped: twice, by default and as ClickHouse answers.
//!
//! Expected values: written down in the cases, where each names its source. By default `recommended_expected` goes first, as it is
//! ours where we differ on purpose; with `footfall.compatibility = 'clickhouse'` the answer is `expected`.
//! Times are seconds: a case runs with `ts` as a Timestamp and as a plain integer, its rows as given, backwards and shuffled, in one
//! batch and in batches of one row, in one partition and in many. All of them must agree.

mod answers;
mod sql;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use datafusion::common::DataFusionError;
use footfall::Engine;
use serde_json::Value;

use self::answers::{answer, same};
use self::table::{Order, load};
use crate::support::{ask, block_on, engine, repository, try_ask};

/// How many cases each function has: a case that vanishes is noticed.
const CASES: [(&str, usize); 27] = [
    ("attribution", 1),
    ("bounce_rate", 2),
    ("conversion_rate", 1),
    ("exit_rate", 3),
    ("funnel", 13),
    ("funnel_breakdown", 3),
    ("funnel_complete_count", 1),
    ("funnel_count", 1),
    ("funnel_match_step", 1),
    ("funnel_totals", 1),
    ("path_edges", 3),
    ("path_split", 1),
    ("retention", 2),
    ("retention_matrix", 4),
    ("retention_rolling", 2),
    ("sequence_count", 3),
    ("sequence_match", 16),
    ("sequence_match_events", 5),
    ("sequence_next_node", 10),
    ("session_summary", 3),
    ("sessionize", 10),
    ("stickiness", 1),
    ("sum_map", 1),
    ("uniq_up_to", 2),
    ("visit_overview", 1),
    ("window_funnel", 37),
    ("window_funnel_state/merge", 2),
];

/// A clause of the query, not a function.
const NOT_A_FUNCTION: &str = "match_recognize";

/// How the rows come, into how many partitions, in batches of how many.
const ARRANGEMENTS: [(Order, usize, usize); 4] = [
    (Order::Given, 2, 8192),
    (Order::Backwards, 1, 1),
    (Order::Shuffled(1), 7, 1),
    (Order::Shuffled(2), 3, 2),
];

#[test]
fn function_cases() {
    // Expected: see the module.
    let path = repository().join("tests/conformance/function_cases.jsonl");
    let text = std::fs::read_to_string(path).expect("the cases are in the repository");
    let cases: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("one JSON object a line")).collect();
    let cases: Vec<&Value> = cases.iter().filter(|case| function(case) != NOT_A_FUNCTION).collect();
    let mut found: BTreeMap<&str, usize> = BTreeMap::new();
    for case in &cases {
        *found.entry(function(case)).or_default() += 1;
    }
    assert_eq!(found, BTreeMap::from(CASES), "cases by function");

    let mut failures = Vec::new();
    for mode in [Mode::Default, Mode::ClickHouse] {
        println!("{mode:?}");
        let mut runner = Runner::new(mode);
        for (name, _) in CASES {
            let (mut passed, mut failed, mut not_asked) = (0, 0, 0);
            for case in cases.iter().filter(|case| function(case) == name) {
                match runner.check(case) {
                    Ok(Asked::Yes) => passed += 1,
                    Ok(Asked::NotInThisMode) => not_asked += 1,
                    Err(why) => {
                        failed += 1;
                        failures.push(format!("{mode:?} {}: {why}", case["id"]));
                    }
                }
            }
            let other = match not_asked {
                0 => String::new(),
                cases => format!(", {cases} of a mode that ClickHouse does not have"),
            };
            println!("  {name}: {passed} passed, {failed} failed, 0 skipped{other}");
        }
        failures.extend(runner.disagreements());
    }
    assert!(failures.is_empty(), "{} failed\n{}", failures.len(), failures.join("\n"));
}

fn function(case: &Value) -> &str {
    case["function"].as_str().expect("a case names its function")
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Default,
    ClickHouse,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Time {
    Timestamp,
    Integer,
}

impl Time {
    /// Ticks of `ts` in a second.
    fn scale(self) -> i64 {
        match self {
            Self::Timestamp => 1_000_000,
            Self::Integer => 1,
        }
    }

    fn span(self, seconds: &Value) -> String {
        match self {
            Self::Timestamp => format!("INTERVAL '{seconds} seconds'"),
            Self::Integer => seconds.to_string(),
        }
    }

    /// SQL of a time as whole seconds.
    fn seconds(self, time: &str) -> String {
        match self {
            Self::Timestamp => format!("CAST({time} AS BIGINT) / {}", self.scale()),
            Self::Integer => format!("CAST({time} AS BIGINT)"),
        }
    }
}

enum Asked {
    Yes,
    NotInThisMode,
}

struct Runner {
    mode: Mode,
    /// One a row of [`ARRANGEMENTS`].
    engines: Vec<Engine>,
    /// Answers of the cases that must have the same one.
    common: BTreeMap<String, BTreeSet<String>>,
}

impl Runner {
    fn new(mode: Mode) -> Self {
        let engines = ARRANGEMENTS.map(|(_, partitions, batch_size)| {
            let engine = engine(partitions, batch_size);
            if mode == Mode::ClickHouse {
                ask(&engine, "SET footfall.compatibility = 'clickhouse'");
            }
            engine
        });
        Self { mode, engines: engines.into(), common: BTreeMap::new() }
    }

    fn check(&mut self, case: &Value) -> Result<Asked, String> {
        if self.mode == Mode::ClickHouse && case["semantics"].as_str().is_some_and(|s| s.starts_with("doris"))
        {
            return Ok(Asked::NotInThisMode);
        }
        let expected = match (self.mode, &case["recommended_expected"]) {
            (Mode::ClickHouse, _) | (_, Value::Null) => &case["expected"],
            (Mode::Default, ours) => ours,
        };
        for time in [Time::Timestamp, Time::Integer] {
            if time == Time::Integer && needs_a_clock(case) {
                continue;
            }
            let sql = sql::sql(case, function(case), self.mode, time)?;
            for (i, (order, partitions, batch_size)) in ARRANGEMENTS.into_iter().enumerate() {
                let arrangement =
                    format!("{order:?}, {partitions} partitions, batches of {batch_size}: {sql}");
                let engine = &self.engines[i];
                load(engine, case, time, order, (partitions, batch_size));
                if expected["error"] == Value::Bool(true) {
                    must_fail_while_planning(engine, function(case), &sql)
                        .map_err(|why| format!("{sql}\n  {why}"))?;
                    continue;
                }
                let rows = try_ask(engine, &sql).map_err(|e| format!("{arrangement}\n  {e}"))?;
                let found = answer(case, function(case), time, &rows)
                    .map_err(|why| format!("{arrangement}\n  {why}"))?;
                self.compare(case, expected, &found).map_err(|why| format!("{arrangement}\n  {why}"))?;
            }
        }
        Ok(Asked::Yes)
    }

    fn compare(&mut self, case: &Value, expected: &Value, found: &Value) -> Result<(), String> {
        let any_of = &expected["any_of"];
        if any_of.is_null() {
            return match same(found, expected) {
                true => Ok(()),
                false => Err(format!("found {found}\n  expected {expected}")),
            };
        }
        // Such a case has one user.
        let answer = found.as_object().and_then(|users| users.values().next()).unwrap_or(&Value::Null);
        if !items(any_of).any(|wanted| same(answer, wanted)) {
            return Err(format!("{}: found {found}, expected any of {any_of}", case["id"]));
        }
        self.common.entry(expected["same_for"].to_string()).or_default().insert(answer.to_string());
        Ok(())
    }

    fn disagreements(&self) -> Vec<String> {
        self.common
            .iter()
            .filter(|(_, answers)| answers.len() > 1)
            .map(|(cases, answers)| format!("{cases}: one answer expected, found {answers:?}"))
            .collect()
    }
}

/// Days and rolling hours are no property of a plain integer.
fn needs_a_clock(case: &Value) -> bool {
    case["options"]["split_tz"].is_string()
        || ["retention_matrix", "retention_rolling", "stickiness"].contains(&function(case))
}

fn must_fail_while_planning(engine: &Engine, function: &str, sql: &str) -> Result<(), String> {
    let planned = block_on(async { engine.sql(sql).await?.create_physical_plan().await });
    match planned {
        Ok(_) => Err("an error was expected".to_string()),
        Err(e) => match e.find_root() {
            DataFusionError::Plan(why) if why.contains(&format!("{function}: ")) => Ok(()),
            other => Err(format!("an error of planning that names {function} was expected, found {other:?}")),
        },
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
