//! What was acknowledged survives a power loss at any moment.
//!
//! Landings of the shipped store run on a disk that records what is asked of it ([`model`]). For every prefix of the
//! record, the states that a power loss may leave are written to a fresh folder, and a store is opened there: what was
//! acknowledged by then is there whole, nothing is there in part, and landing goes on.

mod model;

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use datafusion::common::DataFusionError;
use footfall::store::{CompactOptions, Disk, Store, StoreOptions};
use footfall::{Engine, EngineOptions};

use crate::support::{Random, block_on, land_file, number, try_ask};
use model::{Fault, Left, Loss, Model, Operation, Recorder, Tree};

/// Rows of an input: on two days, and one more that is rejected.
const ROWS: u64 = 20;
/// Inputs that lie there to be landed.
const INPUTS: u64 = 13;
/// States are looked at by so many threads.
const THREADS: usize = 2;

#[test]
fn every_moment_of_a_new_store() {
    // Expected: by the promise; the rows of an input add up as Gauss says.
    let test = Test::new();
    let recorder = Arc::new(Recorder::new(&test.disk, None));
    let before = Model::of(&test.disk);
    let store = test.open(&recorder).expect("a new store");
    let acks: Vec<usize> = (0..3)
        .map(|input| {
            test.land(&store, input).expect("a landing");
            recorder.count()
        })
        .collect();
    test.every_loss(before, &recorder.operations(), 0, &acks);
}

#[test]
fn every_moment_of_ten_landings_with_a_compaction_and_checkpoints() {
    // Expected: as above; that there are quarantines, a compaction and checkpoints among them is asserted first.
    let test = Test::new();
    let unrecorded = block_on(Store::open_or_create(&test.store(), Some("UTC"))).expect("a new store");
    for input in 0..2 {
        test.land(&unrecorded, input).expect("a landing");
    }
    set_checkpoint_interval(&test.store(), 5);
    let before = Model::of(&test.disk);
    let recorder = Arc::new(Recorder::new(&test.disk, None));
    let store = test.open(&recorder).expect("the store");
    let mut acks = Vec::new();
    for input in 2..12 {
        test.land(&store, input).expect("a landing");
        acks.push(recorder.count());
        if input == 6 {
            let compacted = block_on(store.compact(&CompactOptions::default())).expect("a compaction");
            assert!(compacted.files_after < compacted.files_before, "{compacted:?}");
        }
    }
    let operations = recorder.operations();
    let published = |part: &str, end: &str| {
        let wanted = |path: &Path| {
            let path = path.to_string_lossy();
            path.contains(part) && path.ends_with(end)
        };
        let published = operations.iter().filter(|operation| match operation {
            Operation::Link(_, to) | Operation::Rename(_, to) => wanted(to),
            _ => false,
        });
        published.count()
    };
    assert_eq!(published("quarantine/_delta_log/", ".json"), 11, "rejected rows, and their merge");
    assert_eq!(published("events/_delta_log/", ".json"), 11, "landings and the compaction");
    assert!(published("events/_delta_log/", ".checkpoint.parquet") >= 2, "checkpoints");
    test.every_loss(before, &operations, 2, &acks);
}

#[test]
fn every_operation_goes_wrong_once() {
    // Expected: a step whose operation fails says so or is whole, it succeeds when it is done again, and what either of
    // them acknowledged survives a power loss right after, even where the failed one left names that were never synced.
    let steps = run_with(None).asked;
    let faults: Vec<(usize, Fault)> = [Fault::Fails, Fault::DoneButFails, Fault::Killed]
        .into_iter()
        .flat_map(|fault| (0..steps).map(move |at| (at, fault)))
        .collect();
    let (errors, silent) = (AtomicUsize::new(0), AtomicUsize::new(0));
    in_parallel(&faults, |&fault| {
        let ran = run_with(Some(fault));
        assert!(ran.hit, "{fault:?}: operation {} was never asked for", fault.0);
        errors.fetch_add(ran.errors, Ordering::Relaxed);
        silent.fetch_add(usize::from(ran.errors == 0), Ordering::Relaxed);
    });
    let (errors, silent) = (errors.into_inner(), silent.into_inner());
    println!("{} faults at {steps} operations: {errors} errors told, {silent} mended unseen", faults.len());
    assert!(errors > steps, "most faults have to be told");
}

#[test]
fn the_model_sees_a_missing_sync() {
    // Expected: without the syncs of files, or of folders, the same record no longer keeps the promise: the test can fail.
    let test = Test::new();
    let recorder = Arc::new(Recorder::new(&test.disk, None));
    let before = Model::of(&test.disk);
    let store = test.open(&recorder).expect("a new store");
    test.land(&store, 0).expect("a landing");
    let is_sync: [fn(&Operation) -> bool; 3] = [
        |_| false,
        |operation| matches!(operation, Operation::SyncFile(_)),
        |operation| matches!(operation, Operation::SyncFolder(_)),
    ];
    let promise_holds = is_sync.map(|is_sync| {
        let mut model = before.clone();
        recorder
            .operations()
            .iter()
            .filter(|operation| !is_sync(operation))
            .for_each(|kept| model.apply(kept));
        let held = |loss: &mut Loss<'_>| test.look(&model, &model.after(loss), 1).is_ok();
        held(&mut Loss::Names) && held(&mut Loss::Bytes(Left::Nothing))
    });
    assert_eq!(promise_holds, [true, false, false]);
}

#[test]
fn an_acknowledgement_comes_after_the_syncs() {
    // Expected: by the promise, read off the system calls of the binary: bytes before their name, names before the line.
    let traced = Command::new("strace").args(["-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    if !traced.is_ok_and(|status| status.success()) {
        println!("skipped: strace is not there, or may not trace");
        return;
    }
    let test = Test::new();
    // The first makes the store, the second goes on in it, the third has landed before.
    for (input, commits) in [(0, true), (1, true), (1, false)] {
        let file = test.input(input);
        let trace = test.inputs.path().join("trace");
        let output = Command::new("strace")
            .args([
                "-f",
                "-y",
                "-e",
                "trace=write,fsync,fdatasync,link,linkat,rename,renameat,renameat2",
                "-s",
                "4096",
                "-o",
            ])
            .arg(&trace)
            .args([env!("CARGO_BIN_EXE_footfall"), "land", "--tz", "UTC", "--store"])
            .arg(test.store())
            .arg(&file)
            .output()
            .expect("strace runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let trace = std::fs::read_to_string(&trace).expect("a trace");
        let ack = SystemCalls::default().until_acknowledged(&trace);
        let linked =
            |part: &str, end: &str| ack.named.iter().any(|to| to.contains(part) && to.ends_with(end));
        assert_eq!(linked("/events/events-", ".parquet"), commits, "{:?}", ack.named);
        assert_eq!(linked("/events/_delta_log/", ".json"), commits, "{:?}", ack.named);
        assert_eq!(linked("/quarantine/_delta_log/", ".json"), commits, "{:?}", ack.named);
        assert!(ack.unsynced.is_empty(), "acknowledged before these names were synced: {:?}", ack.unsynced);
        let log = test.store().join("events/_delta_log").display().to_string();
        assert!(ack.synced.contains(&log), "acknowledged without a sync of {log}");
    }
}

/// A folder that stands for a disk, and inputs beside it.
struct Test {
    _folder: tempfile::TempDir,
    disk: PathBuf,
    inputs: tempfile::TempDir,
}

impl Test {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let disk = folder.path().canonicalize().expect("a path");
        let test = Self { _folder: folder, disk, inputs: tempfile::tempdir().expect("a temporary folder") };
        for input in 0..INPUTS {
            std::fs::write(test.input(input), json_lines(input)).expect("a file in a temporary folder");
        }
        test
    }

    fn store(&self) -> PathBuf {
        self.disk.join("store")
    }

    fn open(&self, recorder: &Arc<Recorder>) -> Result<Store, DataFusionError> {
        let options = StoreOptions { disk: Arc::clone(recorder) as Arc<dyn Disk> };
        block_on(Store::open_or_create_with(&self.store(), Some("UTC"), &options))
    }

    fn input(&self, input: u64) -> PathBuf {
        self.inputs.path().join(format!("{input}.jsonl"))
    }

    fn land(&self, store: &Store, input: u64) -> Result<(), DataFusionError> {
        block_on(land_file(store, &self.input(input), "footfall")).map(drop)
    }

    /// Lands an input, or compacts, and opens the store for it where that is still to be done.
    fn step(
        &self,
        store: &mut Option<Store>,
        recorder: &Arc<Recorder>,
        step: Option<u64>,
    ) -> Result<(), DataFusionError> {
        let opened = match store.take() {
            Some(opened) => opened,
            None => self.open(recorder)?,
        };
        let store = store.insert(opened);
        match step {
            Some(input) => self.land(store, input),
            None => block_on(store.compact(&CompactOptions::default())).map(drop),
        }
    }

    /// Looks at every state that a power loss may leave at any moment of the record. `acks` are the lengths of the record
    /// at which the inputs from `first` on were acknowledged.
    fn every_loss(&self, before: Model, operations: &[Operation], first: u64, acks: &[usize]) {
        let random_states = 2 * number("FOOTFALL_POWER_LOSS", 1);
        let mut random = Random(number("FOOTFALL_SEED", 1));
        let mut model = before;
        let mut seen: HashSet<(Tree, u64)> = HashSet::new();
        let mut states: Vec<State> = Vec::new();
        for length in 0..=operations.len() {
            if let Some(operation) = length.checked_sub(1).map(|last| &operations[last]) {
                model.apply(operation);
            }
            let acked = first + acks.iter().filter(|&&ack| ack <= length).count() as u64;
            let moment = Arc::new(model.clone());
            let mut add = |loss: &mut Loss<'_>| {
                let tree = model.after(loss);
                if seen.insert((tree.clone(), acked)) {
                    states.push(State { moment: Arc::clone(&moment), length, tree, acked });
                }
            };
            add(&mut Loss::Names);
            Left::ALL.into_iter().for_each(|left| add(&mut Loss::Bytes(left)));
            (0..random_states).for_each(|_| add(&mut Loss::Random(&mut random)));
        }
        self.assert_recorded_all(&model);
        in_parallel(&states, |State { moment, length, tree, acked }| {
            if let Err(lost) = self.look(moment, tree, *acked) {
                let done = told(&operations[..*length]);
                panic!(
                    "{acked} inputs acknowledged: {lost}\nwhat was done:\n{done}\nwhat is left: {tree:#?}"
                );
            }
        });
        println!("{} operations, {} states, every acknowledged input whole", operations.len(), states.len());
    }

    /// The record is the whole truth: it leads to the very folder that is there.
    fn assert_recorded_all(&self, model: &Model) {
        let content = |model: &Model| -> BTreeMap<PathBuf, Option<bytes::Bytes>> {
            let held =
                |(path, held): (PathBuf, Option<_>)| (path, held.map(|(file, left)| model.bytes(file, left)));
            model.now().into_iter().map(held).collect()
        };
        assert!(
            content(model) == content(&Model::of(&self.disk)),
            "the store changed its folder past its disk"
        );
    }

    /// Opens a store in the state `tree`: `acked` inputs are there, no other in part; and the next one lands.
    fn look(&self, model: &Model, tree: &Tree, acked: u64) -> Result<(), String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        model.write(tree, folder.path());
        let root = folder.path().join("store");
        let open =
            || block_on(Store::open_or_create(&root, Some("UTC"))).map_err(|e| format!("does not open: {e}"));
        assert_whole(&open()?, acked)?;
        self.land(&open()?, acked).map_err(|e| format!("landing does not go on: {e}"))?;
        assert_whole(&open()?, acked + 1)
    }
}

/// Rows of two days, and one that is no event.
fn json_lines(input: u64) -> String {
    let mut text = String::from("{\"user_id\": \"nobody\"}\n");
    for row in 0..ROWS {
        let seq = input * ROWS + row;
        let ts = 1_736_870_000_000 + (row % 2) * 86_400_000 + seq;
        writeln!(
            text,
            r#"{{"user_id": "u{}", "ts": {ts}, "seq": {seq}, "event": "page_view", "page": "home"}}"#,
            row % 7
        )
        .expect("writing to a text");
    }
    text
}

/// The first `acked` inputs are there, one more may be, and nothing is in part; the same for rejected rows.
fn assert_whole(store: &Store, acked: u64) -> Result<(), String> {
    let options = EngineOptions { threads: Some(1), ..EngineOptions::default() };
    let engine = block_on(Engine::with_store(store, &options)).map_err(|e| e.to_string())?;
    let ask = |sql: &str| try_ask(&engine, sql).map_err(|e| e.to_string());
    let events = ask(&format!(
        "SELECT CAST(seq / {ROWS} AS BIGINT) AS input, count(*), sum(seq), count(DISTINCT seq), sum(length(page)), min(user_id), max(user_id)
         FROM events GROUP BY input ORDER BY input"
    ))?;
    for (input, row) in (0..).zip(&events) {
        let (from, to) = (input * ROWS, (input + 1) * ROWS);
        let sum = to * (to - 1) / 2 - from * from.saturating_sub(1) / 2;
        let whole = [input, ROWS, sum, ROWS, 4 * ROWS].map(|number| number.to_string());
        if row[..5] != whole || row[5] != "u0" || row[6] != "u6" {
            return Err(format!("input {input} is there as {row:?}"));
        }
    }
    let rejected = ask("SELECT file, count(*) FROM quarantine GROUP BY file")?;
    if let Some(row) = rejected.iter().find(|row| row[1] != "1") {
        return Err(format!("rejected rows are there in part or twice: {row:?}"));
    }
    for (what, count) in [("inputs", events.len() as u64), ("rejected rows", rejected.len() as u64)] {
        if count < acked || count > acked + 1 {
            return Err(format!("{count} {what} are there with {acked} acknowledged"));
        }
    }
    Ok(())
}

/// What a power loss may leave after so many operations, and how many inputs were acknowledged by then.
struct State {
    moment: Arc<Model>,
    length: usize,
    tree: Tree,
    acked: u64,
}

/// How a run with one fault went.
struct Ran {
    asked: usize,
    hit: bool,
    errors: usize,
}

/// Two landings and a compaction on a disk on which one operation goes wrong; a step that fails is done again.
fn run_with(fault: Option<(usize, Fault)>) -> Ran {
    let test = Test::new();
    let recorder = Arc::new(Recorder::new(&test.disk, fault));
    let mut model = Model::of(&test.disk);
    let mut ran = Ran { asked: 0, hit: false, errors: 0 };
    let mut acked = 0;
    let mut store: Option<Store> = None;
    // `None` is the compaction.
    for step in [Some(0), Some(1), None] {
        if let Err(e) = test.step(&mut store, &recorder, step) {
            assert!(recorder.hit(), "an error without a fault: {e}");
            ran.errors += 1;
            if fault.is_some_and(|(_, fault)| fault == Fault::Killed) {
                recorder.heal();
                store = None;
            }
            test.step(&mut store, &recorder, step)
                .unwrap_or_else(|e| panic!("{fault:?}: step {step:?} fails again: {e}"));
        }
        acked = step.map_or(acked, |input| input + 1);
        let operations = recorder.operations();
        operations[ran.asked..].iter().for_each(|operation| model.apply(operation));
        ran.asked = operations.len();
        // Before anything goes wrong the other tests look at every moment.
        if recorder.hit() && !ran.hit {
            ran.hit = true;
            if let Err(lost) = test.look(&model, &model.after(&mut Loss::Names), acked) {
                panic!("{fault:?}, power lost after step {step:?}: {lost}\n{}", told(&operations));
            }
        }
    }
    test.assert_recorded_all(&model);
    if let Err(wrong) = test.look(&model, &model.now(), acked) {
        panic!("{fault:?}, at the end: {wrong}");
    }
    ran
}

/// The record without the bytes.
fn told(operations: &[Operation]) -> String {
    let line = |operation: &Operation| match operation {
        Operation::Write(path, bytes) => format!("Write({path:?}, {} bytes)", bytes.len()),
        other => format!("{other:?}"),
    };
    operations.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Has the log of the events table write a checkpoint every so many commits, as a property of the table asks for.
fn set_checkpoint_interval(store: &Path, commits: u32) {
    let log = store.join("events/_delta_log");
    for entry in std::fs::read_dir(log).expect("a log").flatten() {
        let text = std::fs::read_to_string(entry.path()).expect("a commit");
        let set = format!(r#""configuration":{{"delta.checkpointInterval":"{commits}","#);
        std::fs::write(entry.path(), text.replace(r#""configuration":{"#, &set)).expect("a commit");
    }
}

fn in_parallel<T: Sync>(items: &[T], look: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    look(item);
                }
            });
        }
    });
}

/// What a trace of strace says up to the acknowledgement.
#[derive(Debug, Default)]
struct SystemCalls {
    /// Files and folders that were synced.
    synced: HashSet<String>,
    /// Names that were given.
    named: Vec<String>,
    /// Those of them whose folder was not synced since.
    unsynced: Vec<String>,
    /// Calls that have begun, by process, and the names that were unsynced then.
    begun: BTreeMap<String, (String, Vec<String>)>,
}

impl SystemCalls {
    fn until_acknowledged(mut self, trace: &str) -> Self {
        for line in trace.lines() {
            let (process, call) = line.split_once(' ').unwrap_or(("", line));
            let call = call.trim_start();
            if call.starts_with("write(1<") && call.contains(".jsonl: ") {
                return self;
            }
            if let Some(begin) = call.strip_suffix(" <unfinished ...>") {
                self.begun.insert(process.to_string(), (begin.to_string(), self.unsynced.clone()));
            } else if let Some((_, end)) = call.strip_prefix("<... ").and_then(|call| call.split_once('>')) {
                let (begin, unsynced) = self.begun.remove(process).unwrap_or_default();
                self.completed(&format!("{begin}{end}"), &unsynced);
            } else {
                let unsynced = self.unsynced.clone();
                self.completed(call, &unsynced);
            }
        }
        panic!("no line on stdout acknowledges the file:\n{trace}");
    }

    /// `unsynced`: the names that were there when the call began.
    fn completed(&mut self, call: &str, unsynced: &[String]) {
        if !call.trim_end().ends_with("= 0") {
            return;
        }
        if call.starts_with("fsync(") || call.starts_with("fdatasync(") {
            let path = call.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
            let path = path.unwrap_or_else(|| panic!("no path in {call}")).0;
            let is_in = |name: &String| Path::new(name).parent() == Some(Path::new(path));
            self.unsynced.retain(|name| !(is_in(name) && unsynced.contains(name)));
            self.synced.insert(path.to_string());
        } else if call.starts_with("link") || call.starts_with("rename") {
            let paths: Vec<&str> = call.split('"').skip(1).step_by(2).collect();
            let [from, to] = paths[..] else { panic!("no two paths in {call}") };
            assert!(self.synced.contains(from), "{to} got its name before its bytes were synced");
            self.named.push(to.to_string());
            self.unsynced.push(to.to_string());
        }
    }
}
