//! The laws that every aggregate keeps, by one helper: how the rows are split, in which order they and the partial states come, in
//! what batches, by which path of the engine, must not show in the answer.

use datafusion::arrow::datatypes::DataType;
use footfall::Engine;

use crate::calls::CALLS;
use crate::support::{Layout, Random, Row, Time, ask};

#[test]
fn aggregates_keep_the_laws() {
    // Expected: equality among arrangements is the law itself; that the common answer is right is shown by the oracles.
    for (_, call) in CALLS {
        for seed in [1, 2] {
            laws(call, &table(seed));
        }
    }
}

/// Three users, of 1, 20 and 60 rows: ties, duplicates, NULLs.
fn table(seed: u64) -> Vec<Row> {
    let mut random = Random(seed);
    let mut rows = Vec::new();
    for (user, count) in [1, 20, 60].into_iter().enumerate() {
        for _ in 0..count {
            rows.push(Row {
                user: user as u8,
                tick: Some(random.below(40) as i64).filter(|t| *t > 0),
                seq: rows.len() as i64,
                event: [Some("a"), Some("b"), Some("c"), Some("x"), None][random.below(5)],
                page: [Some("home"), Some("list"), None][random.below(3)],
                scene: [Some(1), Some(3), None][random.below(3)],
                key: None,
            });
        }
    }
    rows
}

/// The same answer for every arrangement of the rows and every way to ask for the call per user.
fn laws(call: &str, rows: &[Row]) {
    let expected = grouped(&load(1, 8192, rows), call);
    assert_eq!(expected.len(), 3, "{call}: one row a user");
    for order in orders(rows) {
        for partitions in [1, 2, 7] {
            for batch_size in [1, 7, 8192] {
                let engine = load(partitions, batch_size, &order);
                let arrangement = format!("{call}, {partitions} partitions, batches of {batch_size}");
                for (way, answer) in ways(&engine, call) {
                    assert_eq!(answer, expected, "{arrangement}, {way}");
                }
            }
        }
    }
    running(call, rows);
}

/// As they came, by time, backwards, and shuffled.
fn orders(rows: &[Row]) -> Vec<Vec<Row>> {
    let mut by_time = rows.to_vec();
    by_time.sort_by_key(|row| (row.tick, row.seq));
    let backwards = by_time.iter().rev().cloned().collect();
    let mut shuffled = rows.to_vec();
    let mut random = Random(7);
    for i in (1..shuffled.len()).rev() {
        shuffled.swap(i, random.below(i + 1));
    }
    vec![rows.to_vec(), by_time, backwards, shuffled]
}

/// The paths by which the engine may compute the call per user.
fn ways(engine: &Engine, call: &str) -> Vec<(&'static str, Vec<Vec<String>>)> {
    let mut answers = vec![
        ("grouped", grouped(engine, call)),
        (
            "filtered, no grouping",
            ["u0", "u1", "u2"]
                .iter()
                .flat_map(|u| {
                    let sql = format!("SELECT '{u}', {call} FROM t WHERE u = '{u}'");
                    ask(engine, &sql)
                })
                .collect(),
        ),
        ("over the whole frame of a window", whole_frame(engine, call)),
        (
            "grouped, rows in order",
            ask(
                engine,
                &format!("SELECT u, {call} FROM (SELECT * FROM t ORDER BY u, ts, seq) GROUP BY u ORDER BY u"),
            ),
        ),
        (
            "grouped, with a filter that keeps all",
            ask(engine, &format!("SELECT u, {call} FILTER (WHERE seq >= 0) FROM t GROUP BY u ORDER BY u")),
        ),
        (
            "grouped, with an order inside the call",
            ask(
                engine,
                &format!(
                    "SELECT u, {} ORDER BY seq DESC) FROM t GROUP BY u ORDER BY u",
                    call.strip_suffix(')').expect("a call ends in a bracket")
                ),
            ),
        ),
        (
            "grouped, beside another grouping set",
            ask(
                engine,
                &format!(
                    "SELECT u, {call} FROM t GROUP BY GROUPING SETS ((u), ()) HAVING u IS NOT NULL ORDER BY u"
                ),
            ),
        ),
    ];
    ask(engine, "SET datafusion.optimizer.repartition_aggregations = false");
    answers.push(("partial states merged in one place", grouped(engine, call)));
    ask(engine, "SET datafusion.optimizer.repartition_aggregations = true");
    ask(engine, "SET datafusion.execution.skip_partial_aggregation_probe_rows_threshold = 0");
    ask(engine, "SET datafusion.execution.skip_partial_aggregation_probe_ratio_threshold = 0.0");
    answers.push(("rows turned into states one by one", grouped(engine, call)));
    answers
}

fn grouped(engine: &Engine, call: &str) -> Vec<Vec<String>> {
    ask(engine, &format!("SELECT u, {call} FROM t GROUP BY u ORDER BY u"))
}

/// The same answer on each of a user's rows, so one row a user is left.
fn whole_frame(engine: &Engine, call: &str) -> Vec<Vec<String>> {
    let sql = format!("SELECT u, {call} OVER (PARTITION BY u) FROM t ORDER BY u");
    let mut rows = ask(engine, &sql);
    rows.dedup();
    rows
}

/// A frame that grows row by row: every answer is that of the rows so far, asked on their own.
fn running(call: &str, rows: &[Row]) {
    let rows: Vec<Row> = rows.iter().filter(|row| row.user == 1).cloned().collect();
    let engine = load(1, 7, &rows);
    let over = "OVER (ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)";
    let growing = ask(&engine, &format!("SELECT seq, {call} {over} FROM t ORDER BY seq"));
    for (i, row) in growing.iter().enumerate() {
        let so_far = load(1, 8192, &rows[..=i]);
        let answer = ask(&so_far, &format!("SELECT {call} FROM t"));
        assert_eq!(row[1], answer[0][0], "{call}, running, after {} rows", i + 1);
    }
}

fn load(partitions: usize, batch_size: usize, rows: &[Row]) -> Engine {
    let layout = Layout { partitions, batch_size, text: DataType::Utf8View, time: Time::MicrosecondUtc };
    let engine = layout.engine();
    layout.load(&engine, "t", rows);
    engine
}
