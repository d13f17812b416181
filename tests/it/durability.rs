//! What was acknowledged survives kill -9 at any moment, and nothing is ever there in part.
//!
//! A child process (this binary, running the test [`child`]) lands small inputs and says so after each; the parent kills it, at random
//! moments or lets it kill itself at a named one, and looks at what is left.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use footfall::store::{Disk, OsDisk, Store, StoreOptions};
use footfall::{Engine, EngineOptions};

use crate::support::{Random, ask, block_on, land_file, number};

/// Rows of an input.
const ROWS: u64 = 100;
/// Kills after which a new store is begun: the log of a store that is never compacted grows.
const KILLS_PER_STORE: u64 = 20;

/// Operations of a landing at which the child kills itself: what, on a file of the log or a data file, and whether the input is
/// then in the store. It is from the moment on at which its log entry has got its name.
const POINTS: [(&str, bool); 16] = [
    ("before data write", false),
    ("after data write", false),
    ("before data fsync", false),
    ("after data fsync", false),
    ("before data link", false),
    ("after data link", false),
    ("before data folder", false),
    ("after data folder", false),
    ("before log write", false),
    ("after log write", false),
    ("before log fsync", false),
    ("after log fsync", false),
    ("before log link", false),
    ("after log link", true),
    ("after log folder", true),
    ("before ack", true),
];

#[test]
fn killed_at_random_moments() {
    // Expected: by the promise: every input has 0 or all of its rows, an acknowledged one has all, and landing goes on.
    let kills = number("FOOTFALL_KILLS", 200);
    let mut random = Random(number("FOOTFALL_SEED", 1));
    let (mut acknowledged, mut unknown) = (0, 0);
    for first in (0..kills).step_by(KILLS_PER_STORE as usize) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let store = dir.path().join("store");
        let mut acks: u64 = 0;
        for _ in first..kills.min(first + KILLS_PER_STORE) {
            let mut child = spawn(dir.path(), acks, None);
            std::thread::sleep(Duration::from_micros(random.below(60_000) as u64));
            child.kill().expect("a child to kill");
            let (_, new) = finish(child);
            acks = new.last().map_or(acks, |last| last + 1);
            let present = inputs(&store);
            assert_whole(&present, acks, "a random moment");
            unknown += present.len() as u64 - acks;
        }
        acknowledged += acks;
    }
    println!(
        "{kills} kills: {acknowledged} inputs acknowledged, all there; {unknown} times one more was there before its acknowledgement"
    );
    assert!(acknowledged > 0, "no input was ever acknowledged: the kills come too early");
}

#[test]
fn killed_at_named_points() {
    // Expected: the table of points; afterwards the same input lands once, whether it was there already or not.
    for (point, there) in POINTS {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let store = dir.path().join("store");
        let (status, acks) = finish(spawn(dir.path(), 0, Some(point)));
        assert_eq!(status.signal(), Some(9), "{point}: the child did not reach it");
        assert_eq!(acks, [0], "{point}");
        let present = inputs(&store);
        assert_whole(&present, 1, point);
        assert_eq!(present.contains_key(&1), there, "{point}");

        let again = spawn(dir.path(), 1, Some("stop after two"));
        let (status, acks) = finish(again);
        assert!(status.success(), "{point}: landing does not go on");
        assert_eq!(acks, [1, 2], "{point}");
        assert_whole(&inputs(&store), 3, point);
    }
}

fn assert_whole(present: &BTreeMap<u64, u64>, acks: u64, moment: &str) {
    for (input, rows) in present {
        assert_eq!(*rows, ROWS, "{moment}: input {input} is there in part or twice");
    }
    for input in 0..acks {
        assert!(present.contains_key(&input), "{moment}: input {input} was acknowledged and is gone");
    }
    assert!(present.len() as u64 <= acks + 1, "{moment}: {present:?} with {acks} acknowledged");
}

/// Rows of each input in the store; none if there is no store yet.
fn inputs(store: &Path) -> BTreeMap<u64, u64> {
    let opened = block_on(Store::open_or_create(store, Some("UTC"))).expect("a store that opens");
    let options = EngineOptions { threads: Some(1), ..EngineOptions::default() };
    let engine = block_on(Engine::with_store(&opened, &options)).expect("a store that can be read");
    let sql = format!("SELECT CAST(seq / {ROWS} AS BIGINT) AS input, count(*) FROM events GROUP BY input");
    let number = |text: &String| text.parse().expect("a number");
    ask(&engine, &sql).iter().map(|row| (number(&row[0]), number(&row[1]))).collect()
}

const CHILD: &str = "FOOTFALL_TEST_CHILD";

fn spawn(dir: &Path, from: u64, point: Option<&str>) -> Child {
    Command::new(std::env::current_exe().expect("this test binary"))
        .args(["--exact", "durability::child", "--nocapture", "--test-threads=1"])
        .env(CHILD, dir)
        .env("FOOTFALL_TEST_FROM", from.to_string())
        .env("FOOTFALL_TEST_POINT", point.unwrap_or_default())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this test binary runs")
}

/// Waits for the end; the inputs that the child acknowledged.
fn finish(mut child: Child) -> (ExitStatus, Vec<u64>) {
    let stderr = child.stderr.take().expect("stderr is a pipe");
    let lines: Vec<String> = BufReader::new(stderr).lines().map_while(Result::ok).collect();
    let status = child.wait().expect("a child that ends");
    let acks = lines.iter().filter_map(|line| line.strip_prefix("ack ")?.parse().ok()).collect();
    if !status.success() && status.signal() != Some(9) {
        panic!("the child failed by itself:\n{}", lines.join("\n"));
    }
    (status, acks)
}

/// Not a test of its own: the process that is killed. Lands inputs one after the other and acknowledges each.
#[test]
fn child() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let dir = PathBuf::from(dir);
    let point = std::env::var("FOOTFALL_TEST_POINT").unwrap_or_default();
    let from = number("FOOTFALL_TEST_FROM", 0);
    let until = if point == "stop after two" { from + 2 } else { u64::MAX };
    let disk = Arc::new(Stopping { point: point.clone(), armed: AtomicBool::new(false) });
    let options = StoreOptions { disk: Arc::clone(&disk) as Arc<dyn Disk> };
    block_on(async {
        let root = dir.join("store");
        let store = Store::open_or_create_with(&root, Some("UTC"), &options)
            .await
            .expect("a store, whatever happened before");
        for input in from..until {
            // Inputs before this one landed undisturbed.
            disk.armed.store(input > from, Ordering::SeqCst);
            let file = dir.join(format!("{input}.jsonl"));
            std::fs::write(&file, json_lines(input)).expect("a file in a temporary folder");
            land_file(&store, &file, "footfall").await.expect("a landing");
            if disk.armed.load(Ordering::SeqCst) && point == "before ack" {
                die();
            }
            // One write: a kill must not leave half a number.
            io::stderr().write_all(format!("ack {input}\n").as_bytes()).expect("a parent that reads");
        }
    });
}

fn json_lines(input: u64) -> String {
    let mut text = String::new();
    for row in 0..ROWS {
        let seq = input * ROWS + row;
        let ts = 1_736_870_000_000 + seq * 1_000;
        writeln!(
            text,
            r#"{{"user_id": "u{}", "ts": {ts}, "seq": {seq}, "event": "page_view", "page": "home"}}"#,
            row % 7
        )
        .expect("writing to a text");
    }
    text
}

/// The operating system's disk, with one moment at which the process ends as by kill -9.
#[derive(Debug)]
struct Stopping {
    point: String,
    armed: AtomicBool,
}

impl Stopping {
    fn around<T>(&self, operation: &str, path: &Path, run: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let kind = match path.components().any(|part| part.as_os_str() == "_delta_log") {
            true => "log",
            false => "data",
        };
        let reached = |when: &str| {
            self.armed.load(Ordering::SeqCst) && self.point == format!("{when} {kind} {operation}")
        };
        if reached("before") {
            die();
        }
        let result = run();
        if reached("after") {
            die();
        }
        result
    }
}

impl Disk for Stopping {
    fn write(&self, path: &Path, parts: &[Bytes]) -> io::Result<()> {
        self.around("write", path, || OsDisk.write(path, parts))
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.around("fsync", path, || OsDisk.sync_file(path))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.around("link", to, || OsDisk.link(from, to))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.around("rename", to, || OsDisk.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.around("remove", path, || OsDisk.remove(path))
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        OsDisk.create_folder(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.around("folder", path, || OsDisk.sync_folder(path))
    }
}

/// SIGKILL to this very process: nothing is flushed, nothing is dropped.
fn die() -> ! {
    let mut killer = Command::new("sh").args(["-c", "kill -9 $PPID"]).spawn().expect("a shell");
    killer.wait().ok();
    loop {
        std::thread::park();
    }
}
