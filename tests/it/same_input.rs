//! The same input, however often and by however many at once, counts once.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{data, footfall_ok};

/// Answer of one row, as comma-separated text.
fn ask(store: &Path, sql: &str) -> String {
    let store = store.display().to_string();
    let answer = footfall_ok(&["sql", "--store", &store, "--format", "csv", sql]);
    answer.lines().nth(1).unwrap_or_default().to_string()
}

#[test]
fn twenty_times_in_a_row() {
    // Expected: page views, visitors and the span of the real log, by DuckDB and ClickHouse.
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = dir.path().join("store");
    let nasa = data("nasa_ksc_19950801").display().to_string();
    for _ in 0..20 {
        let store = store.display().to_string();
        footfall_ok(&["land", &nasa, "--store", &store, "--map", "nasa", "--tz", "UTC", "--quiet"]);
    }
    let figures = "SELECT count(*), count(DISTINCT user_id), count(DISTINCT seq) FROM events";
    assert_eq!(ask(&store, figures), "8202,2184,8202");
}

#[test]
fn by_eight_processes_at_once() {
    // Expected: five inputs of 400 made rows each, whose sequence numbers 0, 1, … add up as Gauss says; each input once.
    const ROWS: u64 = 400;
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = dir.path().join("store");
    for round in 0..5 {
        let file = dir.path().join(format!("{round}.jsonl"));
        let mut text = String::new();
        for row in 0..ROWS {
            let seq = round * ROWS + row;
            let ts = 1_736_870_000_000 + seq * 1_000;
            writeln!(
                text,
                r#"{{"user_id": "u{}", "ts": {ts}, "seq": {seq}, "event": "page_view", "page": "home"}}"#,
                row % 50
            )
            .expect("writing to a text");
        }
        std::fs::write(&file, text).expect("a file in a temporary folder");
        let writers: Vec<_> = (0..8)
            .map(|_| {
                Command::new(env!("CARGO_BIN_EXE_footfall"))
                    .arg("land")
                    .arg(&file)
                    .arg("--store")
                    .arg(&store)
                    .args(["--tz", "UTC", "--threads", "1"])
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .expect("the binary runs")
            })
            .collect();
        for writer in writers {
            let output = writer.wait_with_output().expect("a writer that ends");
            assert!(output.status.success(), "round {round}: {}", String::from_utf8_lossy(&output.stderr));
        }
        let rows = (round + 1) * ROWS;
        let sum = rows * (rows - 1) / 2;
        let figures = "SELECT count(*), sum(seq), count(DISTINCT user_id) FROM events";
        assert_eq!(ask(&store, figures), format!("{rows},{sum},50"), "round {round}");
    }
}
