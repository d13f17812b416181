//! Many writers at once lose nothing and all finish, while a compaction runs again and again and readers look on.
//!
//! Every writer, compactor and reader has a store handle of its own. Half of the writers and the compactor are processes
//! of their own (this binary, running the test [`child`]); the rest are tasks beside the readers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use footfall::store::{CompactOptions, Store};
use footfall::{Engine, EngineOptions};

use crate::support::{block_on, land_file, number, text};

/// Rows of an input.
const ROWS: u64 = 30;
/// Processes of writers, each with an equal part of half of them; and readers.
const PROCESSES: u64 = 2;
const READERS: usize = 2;

#[test]
fn many_writers_lose_nothing() {
    // Expected: by the promise: what a reader once saw is there ever after, each input whole; in the end all are there,
    // with rows that add up as Gauss says.
    let writers = number("FOOTFALL_WRITERS", 8);
    let appends = number("FOOTFALL_APPENDS", 50);
    let began = Instant::now();
    let dir = tempfile::tempdir().expect("a temporary folder");
    let root = dir.path().join("store");
    block_on(Store::open_or_create(&root, Some("UTC"))).expect("a new store");

    let part = writers / 2 / PROCESSES;
    let mut children: Vec<Child> = (0..PROCESSES)
        .map(|process| spawn(dir.path(), "write", process * part..(process + 1) * part, appends))
        .collect();
    let mut compactor = spawn(dir.path(), "compact", 0..0, appends);
    let (looks, seen) = block_on(async {
        let here = part * PROCESSES..writers;
        let tasks: Vec<_> =
            here.map(|writer| tokio::spawn(write(dir.path().to_path_buf(), writer, appends))).collect();
        let readers: Vec<_> = (0..READERS).map(|_| tokio::spawn(watch(dir.path().to_path_buf()))).collect();
        for task in tasks {
            task.await.expect("a writer that finishes");
        }
        tokio::task::spawn_blocking(move || children.iter_mut().for_each(|child| finish(child, "a writer")))
            .await
            .expect("writers that finish");
        std::fs::write(dir.path().join("done"), "").expect("a file in a temporary folder");
        let mut looks = Vec::new();
        for reader in readers {
            looks.push(reader.await.expect("a reader that finds everything"));
        }
        (looks, present(&root).await)
    });
    finish(&mut compactor, "the compactor");

    let inputs = writers * appends;
    assert_eq!(
        seen.keys().copied().collect::<Vec<_>>(),
        (0..inputs).collect::<Vec<_>>(),
        "inputs that are there"
    );
    let store = block_on(Store::open(&root)).expect("the store");
    let info = block_on(store.info()).expect("what the log says");
    assert_eq!(info.rows, inputs * ROWS, "rows by the log");
    println!(
        "{writers} writers × {appends} inputs: {:.1} s, version {}, {} files, looks of the readers: {looks:?}",
        began.elapsed().as_secs_f64(),
        info.version,
        info.files
    );
}

/// Lands one input after the other through a handle of its own.
async fn write(dir: PathBuf, writer: u64, appends: u64) {
    let store = Store::open(&dir.join("store")).await.expect("the store");
    for append in 0..appends {
        let input = writer * appends + append;
        let file = dir.join(format!("{input}.jsonl"));
        std::fs::write(&file, json_lines(input)).expect("a file in a temporary folder");
        let landed =
            land_file(&store, &file, "footfall").await.unwrap_or_else(|e| panic!("input {input}: {e}"));
        assert_eq!((landed.landed, landed.already), (ROWS, false), "input {input}");
    }
}

/// Looks again and again until the writers are done; returns how often.
async fn watch(dir: PathBuf) -> usize {
    let mut before = BTreeMap::new();
    for look in 1.. {
        let is_last = dir.join("done").exists();
        let now = present(&dir.join("store")).await;
        for input in before.keys() {
            assert!(now.contains_key(input), "look {look}: input {input} was there and is gone");
        }
        before = now;
        if is_last {
            return look;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    0
}

/// The inputs that are there, each of which has to be whole; the store is opened anew.
async fn present(root: &Path) -> BTreeMap<u64, u64> {
    let options = EngineOptions { threads: Some(1), ..EngineOptions::default() };
    let engine = Engine::open(root, &options).await.expect("a store that opens");
    let sql = format!(
        "SELECT CAST(seq / {ROWS} AS BIGINT) AS input, count(*), sum(seq), count(DISTINCT user_id) FROM events GROUP BY input"
    );
    let answer = engine.sql(&sql).await.expect("a plan").collect().await.expect("an answer");
    let rows = text(&answer).expect("an answer as text");
    rows.iter()
        .map(|row| {
            let row: Vec<u64> = row.iter().map(|number| number.parse().expect("a number")).collect();
            let (from, to) = (row[0] * ROWS, (row[0] + 1) * ROWS);
            let sum: u64 = (from..to).sum();
            assert_eq!(row[1..], [ROWS, sum, 10], "input {} is not whole", row[0]);
            (row[0], row[1])
        })
        .collect()
}

const CHILD: &str = "FOOTFALL_TEST_WRITERS_CHILD";

fn spawn(dir: &Path, work: &str, writers: std::ops::Range<u64>, appends: u64) -> Child {
    Command::new(std::env::current_exe().expect("this test binary"))
        .args(["--exact", "writers::child", "--nocapture", "--test-threads=1"])
        .env(CHILD, dir)
        .env("FOOTFALL_TEST_WORK", work)
        .env("FOOTFALL_TEST_FROM", writers.start.to_string())
        .env("FOOTFALL_TEST_TO", writers.end.to_string())
        .env("FOOTFALL_APPENDS", appends.to_string())
        .stdout(Stdio::null())
        .spawn()
        .expect("this test binary runs")
}

fn finish(child: &mut Child, who: &str) {
    let status = child.wait().expect("a child that ends");
    assert!(status.success(), "{who} failed; it said why above");
}

/// Not a test of its own: a process of writers, or the compactor.
#[test]
fn child() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let dir = PathBuf::from(dir);
    let writers = number("FOOTFALL_TEST_FROM", 0)..number("FOOTFALL_TEST_TO", 0);
    let appends = number("FOOTFALL_APPENDS", 0);
    block_on(async {
        if std::env::var("FOOTFALL_TEST_WORK").is_ok_and(|work| work == "compact") {
            return compact(&dir).await;
        }
        let tasks: Vec<_> = writers.map(|writer| tokio::spawn(write(dir.clone(), writer, appends))).collect();
        for task in tasks {
            task.await.expect("a writer that finishes");
        }
    });
}

/// Compacts until the writers are done, or the test has ended without them.
async fn compact(dir: &Path) {
    let store = Store::open(&dir.join("store")).await.expect("the store");
    while dir.exists() && !dir.join("done").exists() {
        store.compact(&CompactOptions::default()).await.expect("a compaction");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Rows of ten users on two days.
fn json_lines(input: u64) -> String {
    let mut text = String::new();
    for row in 0..ROWS {
        let seq = input * ROWS + row;
        let ts = 1_736_870_000_000 + (row % 2) * 86_400_000 + seq;
        writeln!(
            text,
            r#"{{"user_id": "u{}", "ts": {ts}, "seq": {seq}, "event": "page_view", "page": "home"}}"#,
            row % 10
        )
        .expect("writing to a text");
    }
    text
}
