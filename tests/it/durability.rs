//! What was acknowledged survives kill -9 at any moment, and nothing is ever there in part.
//!
//! A child process (this binary, running the test [`child`]) lands small inputs and says so after each; the parent kills
//! it at random moments, or lets it kill itself at a named one, and looks at what is left. In some runs the child keeps
//! house as well: after each input it lands a users file, compacts, and removes what nobody needs any more.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use footfall::land::{UserMapping, UserOptions, land_users};
use footfall::store::{CompactOptions, Disk, OsDisk, Store, StoreOptions};
use footfall::{Engine, EngineOptions};

use crate::support::{Random, ask, block_on, land_file, number};

/// Rows of an input that land; one more is rejected.
const ROWS: u64 = 100;
/// Users of a users file.
const USERS: u64 = 20;
/// Kills after which a new store is begun: the log of a store that is never compacted grows.
const KILLS_PER_STORE: u64 = 20;

/// Operations at which the child kills itself: during what, when, of a data file or a log (`rejected` for the quarantine's),
/// which; and whether the input, or the users file, is then in the store. It is from the moment on at which its log entry
/// has got its name. A landing writes the rejected rows' data file and log entry first, then the events'.
const POINTS: [(&str, bool); 44] = [
    ("land: before rejected data write", false),
    ("land: after rejected data write", false),
    ("land: before rejected data fsync", false),
    ("land: after rejected data fsync", false),
    ("land: before rejected data link", false),
    ("land: after rejected data link", false),
    ("land: after rejected data folder", false),
    ("land: before rejected log write", false),
    ("land: after rejected log write", false),
    ("land: before rejected log fsync", false),
    ("land: after rejected log fsync", false),
    ("land: before rejected log link", false),
    ("land: after rejected log link", false),
    ("land: after rejected log folder", false),
    ("land: before data write", false),
    ("land: after data write", false),
    ("land: before data fsync", false),
    ("land: after data fsync", false),
    ("land: before data link", false),
    ("land: after data link", false),
    ("land: before data folder", false),
    ("land: after data folder", false),
    ("land: before log write", false),
    ("land: after log write", false),
    ("land: before log fsync", false),
    ("land: after log fsync", false),
    ("land: before log link", false),
    ("land: after log link", true),
    ("land: after log folder", true),
    ("land: before ack", true),
    ("users: after data link", false),
    ("users: after log fsync", false),
    ("users: after log link", true),
    ("users: after log folder", true),
    ("users: before ack", true),
    // The input and the users file before are acknowledged: these change no row.
    ("compact: before data write", true),
    ("compact: after data link", true),
    ("compact: after log fsync", true),
    ("compact: after log link", true),
    ("compact: after log folder", true),
    ("compact: before ack", true),
    ("vacuum: before data remove", true),
    ("vacuum: after data remove", true),
    ("vacuum: before ack", true),
];

#[test]
fn killed_at_random_moments() {
    // Expected: by the promise: every input has 0 or all of its rows, an acknowledged one has all, and landing goes on.
    kill_at_random(number("FOOTFALL_KILLS", 200), "land", 60);
}

#[test]
fn killed_while_keeping_house() {
    // Expected: as above, and all users have the city of one users file, the acknowledged one or the next.
    kill_at_random(number("FOOTFALL_KILLS", 200) / 4, "keep", 250);
}

fn kill_at_random(kills: u64, work: &str, longest_ms: usize) {
    let mut random = Random(number("FOOTFALL_SEED", 1));
    let (mut acknowledged, mut unknown) = (0, 0);
    for first in (0..kills).step_by(KILLS_PER_STORE as usize) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let store = dir.path().join("store");
        let mut acks = Acks::default();
        for _ in first..kills.min(first + KILLS_PER_STORE) {
            // Where it keeps house, an input without its users file is not done.
            let from = if work == "keep" { acks.users } else { acks.inputs };
            let mut child = spawn(dir.path(), from, work, None);
            std::thread::sleep(Duration::from_micros(random.below(longest_ms * 1000) as u64));
            child.kill().expect("a child to kill");
            acks.extend(&finish(child).1);
            let present = Present::of(&store);
            present.assert_whole(&acks, "a random moment");
            unknown += present.inputs.len() as u64 - acks.inputs;
        }
        acknowledged += acks.inputs;
    }
    println!(
        "{kills} kills, {work}: {acknowledged} inputs acknowledged, all there; {unknown} times one more was there before its acknowledgement"
    );
    assert!(acknowledged > 0, "no input was ever acknowledged: the kills come too early");
}

#[test]
fn killed_at_named_points() {
    // Expected: the table of points; afterwards the same input lands once, whether it was there already or not.
    for (point, there) in POINTS {
        let step = point.split(':').next().unwrap_or_default();
        let work = if step == "land" { "land" } else { "keep" };
        let dir = tempfile::tempdir().expect("a temporary folder");
        let store = dir.path().join("store");
        let (status, lines) = finish(spawn(dir.path(), 0, work, Some(point)));
        assert_eq!(status.signal(), Some(9), "{point}: the child did not reach it");
        let mut acks = Acks::default();
        acks.extend(&lines);
        assert_eq!(acks.inputs, if step == "land" { 1 } else { 2 }, "{point}");
        let present = Present::of(&store);
        present.assert_whole(&acks, point);
        match step {
            "land" => assert_eq!(present.inputs.contains_key(&1), there, "{point}"),
            _ => assert_eq!(present.city == Some(1), there, "{point}"),
        }

        let (status, lines) = finish(spawn(dir.path(), 1, work, Some("stop after two")));
        assert!(status.success(), "{point}: landing does not go on");
        acks.extend(&lines);
        assert_eq!(acks.inputs, 3, "{point}");
        assert_eq!(acks.users, if work == "keep" { 3 } else { 0 }, "{point}");
        Present::of(&store).assert_whole(&acks, point);
    }
}

/// How many inputs, and how many users files, were acknowledged; each from the first on.
#[derive(Debug, Default)]
struct Acks {
    inputs: u64,
    users: u64,
}

impl Acks {
    fn extend(&mut self, lines: &[String]) {
        let last =
            |what: &str| lines.iter().filter_map(|line| line.strip_prefix(what)?.parse::<u64>().ok()).max();
        self.inputs = self.inputs.max(last("ack ").map_or(0, |last| last + 1));
        self.users = self.users.max(last("users ").map_or(0, |last| last + 1));
    }
}

/// What is in a store.
struct Present {
    /// Rows of each input.
    inputs: BTreeMap<u64, u64>,
    /// Rejected rows of each input.
    rejected: Vec<u64>,
    /// The users file from which all users are.
    city: Option<u64>,
}

impl Present {
    /// Nothing, if there is no store yet.
    fn of(store: &Path) -> Self {
        let opened = block_on(Store::open_or_create(store, Some("UTC"))).expect("a store that opens");
        let options = EngineOptions { threads: Some(1), ..EngineOptions::default() };
        let engine = block_on(Engine::with_store(&opened, &options)).expect("a store that can be read");
        let number = |text: &String| text.parse::<u64>().expect("a number");
        let sql =
            format!("SELECT CAST(seq / {ROWS} AS BIGINT) AS input, count(*) FROM events GROUP BY input");
        let inputs = ask(&engine, &sql).iter().map(|row| (number(&row[0]), number(&row[1]))).collect();
        let rejected = ask(&engine, "SELECT count(*) FROM quarantine GROUP BY file");
        let cities = ask(&engine, "SELECT city, count(*) FROM user_profiles GROUP BY city");
        assert!(cities.len() <= 1, "users of several files: {cities:?}");
        let city = cities.first().map(|row| {
            assert_eq!(number(&row[1]), USERS, "a users file is there in part");
            number(&row[0])
        });
        Self { inputs, rejected: rejected.iter().map(|row| number(&row[0])).collect(), city }
    }

    fn assert_whole(&self, acks: &Acks, moment: &str) {
        for (input, rows) in &self.inputs {
            assert_eq!(*rows, ROWS, "{moment}: input {input} is there in part or twice");
        }
        for input in 0..acks.inputs {
            assert!(self.inputs.contains_key(&input), "{moment}: input {input} was acknowledged and is gone");
        }
        let is_next = |count: u64, acks: u64| count == acks || count == acks + 1;
        assert!(is_next(self.inputs.len() as u64, acks.inputs), "{moment}: {:?} with {acks:?}", self.inputs);
        // They are committed before the events.
        assert!(self.rejected.len() >= self.inputs.len(), "{moment}: rejected rows are gone");
        assert!(
            is_next(self.rejected.len() as u64, acks.inputs),
            "{moment}: {:?} with {acks:?}",
            self.rejected
        );
        assert!(self.rejected.iter().all(|rows| *rows == 1), "{moment}: a rejected row is there twice");
        let landed = self.city.map_or(0, |city| city + 1);
        assert!(is_next(landed, acks.users), "{moment}: users of file {:?} with {acks:?}", self.city);
    }
}

const CHILD: &str = "FOOTFALL_TEST_CHILD";

fn spawn(dir: &Path, from: u64, work: &str, point: Option<&str>) -> Child {
    Command::new(std::env::current_exe().expect("this test binary"))
        .args(["--exact", "durability::child", "--nocapture", "--test-threads=1"])
        .env(CHILD, dir)
        .env("FOOTFALL_TEST_FROM", from.to_string())
        .env("FOOTFALL_TEST_WORK", work)
        .env("FOOTFALL_TEST_POINT", point.unwrap_or_default())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("this test binary runs")
}

/// Waits for the end; what the child said.
fn finish(mut child: Child) -> (ExitStatus, Vec<String>) {
    let stderr = child.stderr.take().expect("stderr is a pipe");
    let lines: Vec<String> = BufReader::new(stderr).lines().map_while(Result::ok).collect();
    let status = child.wait().expect("a child that ends");
    if !status.success() && status.signal() != Some(9) {
        panic!("the child failed by itself:\n{}", lines.join("\n"));
    }
    (status, lines)
}

/// Not a test of its own: the process that is killed. Works on one input after the other and acknowledges each.
#[test]
fn child() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let dir = PathBuf::from(dir);
    let point = std::env::var("FOOTFALL_TEST_POINT").unwrap_or_default();
    let keeps_house = std::env::var("FOOTFALL_TEST_WORK").is_ok_and(|work| work == "keep");
    let from = number("FOOTFALL_TEST_FROM", 0);
    let until = if point == "stop after two" { from + 2 } else { u64::MAX };
    let disk = Arc::new(Stopping { point, now: Mutex::default() });
    let options = StoreOptions { disk: Arc::clone(&disk) as Arc<dyn Disk> };
    block_on(async {
        let root = dir.join("store");
        let store = Store::open_or_create_with(&root, Some("UTC"), &options)
            .await
            .expect("a store, whatever happened before");
        for input in from..until {
            let file = dir.join(format!("{input}.jsonl"));
            std::fs::write(&file, json_lines(input)).expect("a file in a temporary folder");
            // The input with which it begins is undisturbed.
            let step = |name| disk.begin(if input > from { name } else { "" });
            step("land");
            land_file(&store, &file, "footfall").await.expect("a landing");
            disk.acknowledge(&format!("ack {input}"));
            if !keeps_house {
                continue;
            }
            let file = dir.join(format!("{input}.users.jsonl"));
            std::fs::write(&file, users(input)).expect("a file in a temporary folder");
            step("users");
            let options = UserOptions::new(UserMapping::built_in().expect("a built-in mapping"));
            land_users(&store, &[file], &options, &|_| {}).await.expect("a landing of users");
            disk.acknowledge(&format!("users {input}"));
            step("compact");
            store.compact(&CompactOptions::default()).await.expect("a compaction");
            disk.acknowledge("compacted");
            step("vacuum");
            store.vacuum(Duration::ZERO, false).await.expect("a vacuum");
            disk.acknowledge("vacuumed");
        }
    });
}

/// A users file that gives every user another city than the one before.
fn users(input: u64) -> String {
    (0..USERS).map(|user| format!("{{\"user_id\": \"u{user}\", \"city\": \"{input}\"}}\n")).collect()
}

fn json_lines(input: u64) -> String {
    let mut text = String::from("{\"user_id\": \"nobody\"}\n");
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
    now: Mutex<Now>,
}

/// Where the child is.
#[derive(Debug, Default)]
struct Now {
    /// What it does; nothing that has a point.
    step: String,
    /// Folder of the name that was given last: only its sync is one of a commit's operations.
    named_in: Option<PathBuf>,
}

impl Stopping {
    fn begin(&self, step: &str) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) =
            Now { step: step.to_string(), named_in: None };
    }

    /// One write: a kill must not leave half a number.
    fn acknowledge(&self, line: &str) {
        self.die_at("before ack");
        io::stderr().write_all(format!("{line}\n").as_bytes()).expect("a parent that reads");
    }

    fn die_at(&self, moment: &str) {
        let step = self.now.lock().unwrap_or_else(PoisonError::into_inner).step.clone();
        if !step.is_empty() && self.point == format!("{step}: {moment}") {
            die();
        }
    }

    fn around(&self, operation: &str, path: &Path, run: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let is_in = |folder: &str| path.components().any(|part| part.as_os_str() == folder);
        let rejected = if is_in("quarantine") { "rejected " } else { "" };
        let kind = if is_in("_delta_log") { "log" } else { "data" };
        self.die_at(&format!("before {rejected}{kind} {operation}"));
        let result = run();
        self.die_at(&format!("after {rejected}{kind} {operation}"));
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
        let linked = self.around("link", to, || OsDisk.link(from, to));
        self.now.lock().unwrap_or_else(PoisonError::into_inner).named_in = to.parent().map(Path::to_path_buf);
        linked
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
        let named_in = self.now.lock().unwrap_or_else(PoisonError::into_inner).named_in.take();
        match named_in {
            Some(folder) if folder == path => self.around("folder", path, || OsDisk.sync_folder(path)),
            _ => OsDisk.sync_folder(path),
        }
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
