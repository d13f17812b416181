//! A day filter on a view reads only the days it can depend on, and its answer is the one of the whole history.

use std::fmt::Write;
use std::path::Path;

use chrono_tz::Tz;
use footfall::{Engine, EngineOptions};
use proptest::prelude::*;
use proptest::sample::select;

use crate::oracle_sessions::{Rule, day, event_rows, rule_starts};
use crate::support::{Row, ask, ask_sorted, block_on, footfall_ok, in_order, random, users};

/// Rows that land: with a time after 1990 and a name. (Those of a time before are rejected, which other tests look at.)
fn landable() -> impl Strategy<Value = Vec<Row>> {
    let recent = |mut rows: Vec<Row>| {
        rows.retain(|row| row.event.is_some() && row.tick.is_some());
        for row in &mut rows {
            let start = 1_736_870_000;
            row.tick = row.tick.map(|tick| if tick < start { tick + start } else { tick });
        }
        rows
    };
    event_rows().prop_map(recent).prop_filter("a row that lands", |rows| !rows.is_empty())
}

fn zones() -> impl Strategy<Value = Tz> {
    select(vec![Tz::UTC, Tz::Asia__Shanghai, Tz::America__New_York])
}

#[test]
fn sessions_of_a_store() {
    // Expected: the sessions of the mini-program rule, read slowly from the rows that were landed.
    random(12, &(landable(), zones()), |(rows, zone)| {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let engine = land(dir.path(), &rows, zone);
        let rule = Rule::of_the_views(zone);
        let mut expected = Vec::new();
        for user in users(&rows) {
            let events: Vec<&Row> =
                in_order(&rows, user).into_iter().filter(|row| row.event.is_some()).collect();
            let starts = rule_starts(&events, &rule);
            let first: Vec<usize> = (0..events.len()).filter(|&i| starts[i]).collect();
            for (n, &from) in first.iter().enumerate() {
                let until = first.get(n + 1).copied().unwrap_or(events.len());
                let session = &events[from..until];
                let ts = |i: usize| session[i].tick.unwrap_or_default();
                let views = session.iter().filter(|row| row.event == Some("page_view"));
                expected.push(vec![
                    format!("u{user}"),
                    ts(0).to_string(),
                    ts(session.len() - 1).to_string(),
                    day(ts(0), zone).to_string(),
                    views.count().to_string(),
                ]);
            }
        }
        expected.sort();
        let sql = "SELECT user_id, CAST(start_ts AS BIGINT) / 1000000, CAST(end_ts AS BIGINT) / 1000000, session_dt, views FROM sessions";
        assert_eq!(ask_sorted(&engine, sql), expected);
    });
}

#[test]
fn day_filters_on_views() {
    // Expected: each view computed whole into a table, then filtered there, where no filter can reach the scan.
    random(12, &(landable(), zones()), |(rows, zone)| {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let engine = land(dir.path(), &rows, zone);
        let mut days: Vec<String> = rows
            .iter()
            .filter_map(|row| row.tick)
            .flat_map(|tick| [tick - 86_400, tick, tick + 86_400])
            .map(|tick| day(tick, zone).to_string())
            .collect();
        days.sort();
        days.dedup();
        // Eight days spread over all of them keep the test short; other cases ask for others.
        let days: Vec<String> = days.iter().step_by(days.len().div_ceil(8)).cloned().collect();
        for (view, columns) in [
            ("visits", &["dt", "session_dt"][..]),
            ("sessions", &["session_dt"][..]),
            ("active_days", &["dt"][..]),
            ("shares", &["dt"][..]),
        ] {
            ask(&engine, &format!("CREATE OR REPLACE TABLE whole AS SELECT * FROM {view}"));
            for column in columns {
                for (i, d) in days.iter().enumerate() {
                    let later = &days[(i + 2).min(days.len() - 1)];
                    for filter in [
                        format!("{column} = DATE '{d}'"),
                        format!("{column} >= DATE '{d}' AND {column} < DATE '{later}'"),
                        format!("{column} IN (DATE '{d}', DATE '{later}')"),
                    ] {
                        let filtered = format!("SELECT * FROM {view} WHERE {filter}");
                        let whole = format!("SELECT * FROM whole WHERE {filter}");
                        assert_eq!(ask_sorted(&engine, &filtered), ask_sorted(&engine, &whole), "{filtered}");
                    }
                }
            }
        }
    });
}

/// A store with the rows, in three landings of shuffled rows; opened.
fn land(dir: &Path, rows: &[Row], zone: Tz) -> Engine {
    let store = dir.join("store");
    for (i, chunk) in rows.chunks(rows.len().div_ceil(3)).enumerate() {
        let file = dir.join(format!("{i}.jsonl"));
        std::fs::write(&file, json_lines(chunk)).expect("a file in a temporary folder");
        footfall_ok(&[
            "land",
            &file.display().to_string(),
            "--store",
            &store.display().to_string(),
            "--tz",
            zone.name(),
        ]);
    }
    let options = EngineOptions { threads: Some(2), target_partitions: Some(3), ..EngineOptions::default() };
    block_on(Engine::open(&store, &options)).expect("a store that was just landed")
}

/// Rows in our own column names.
fn json_lines(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        let line = serde_json::json!({
            "user_id": format!("u{}", row.user),
            "ts": row.tick.map(|tick| tick * 1000),
            "seq": row.seq,
            "event": row.event,
            "page": row.page,
            "scene": row.scene,
            "session_key": row.key,
        });
        writeln!(text, "{line}").expect("writing to a text");
    }
    text
}
