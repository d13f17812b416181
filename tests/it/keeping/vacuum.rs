//! Vacuum takes what no version needs, and nothing else.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use footfall::store::{CompactOptions, Store};

use super::{count, engine, land, later, names, new_store, rows, text_of};
use crate::support::{ask, block_on, footfall, footfall_ok};

/// A file of a name that Footfall may have given it.
fn stray(folder: &Path, name: &str, age: Duration) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, "left by a killed landing").expect("a file");
    make_older(&path, age);
    path
}

fn make_older(path: &Path, age: Duration) {
    let file = File::options().write(true).open(path).expect("a file");
    file.set_modified(SystemTime::now() - age).expect("a time");
}

const MONTH: Duration = Duration::from_secs(30 * 86_400);
const ORPHAN: &str = "events-0123456789abcdef0123456789abcdef.parquet";
const TEMPORARY: &str = ".0123456789abcdef0123456789abcdef.tmp";

#[test]
fn vacuum_takes_what_nobody_needs_and_nothing_else() {
    // Expected: the two files that the compaction replaced, the stray ones of ours, and not those of others.
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = new_store(dir.path(), "UTC");
    land(&store, "one", &rows(10, [0]));
    land(&store, "two", &later(rows(10, [0])));
    let root = text_of(store.root());
    let events = store.root().join("events");
    let replaced = names(&events, ".parquet");
    assert_eq!(replaced.len(), 2);
    block_on(store.compact(&CompactOptions::default())).expect("a compaction");
    stray(&events, ORPHAN, Duration::ZERO);
    stray(&events, TEMPORARY, Duration::ZERO);
    stray(&events.join("_delta_log"), TEMPORARY, Duration::ZERO);
    stray(&events, "raw.parquet", MONTH);
    stray(&events, "notes.txt", MONTH);
    let before = names(&events, "");
    let reader = engine(&store);

    let refused = footfall(&["vacuum", "--store", &root, "--retain", "59m"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("less than an hour"));
    assert!(footfall_ok(&["vacuum", "--store", &root]).starts_with("0 files, 0 bytes removed"));
    assert!(footfall_ok(&["vacuum", "--store", &root, "--retain", "1h"]).starts_with("0 files"));
    let dry = footfall_ok(&["vacuum", "--store", &root, "--retain", "0s", "--force", "--dry-run"]);
    let named: BTreeSet<String> =
        dry.lines().filter(|line| line.starts_with("events/")).map(str::to_string).collect();
    let expected: BTreeSet<String> = replaced
        .iter()
        .cloned()
        .chain([ORPHAN.to_string(), TEMPORARY.to_string(), format!("_delta_log/{TEMPORARY}")])
        .map(|name| format!("events/{name}"))
        .collect();
    assert_eq!(named, expected, "{dry}");
    assert!(dry.contains("5 files") && dry.contains("would be removed"), "{dry}");
    assert_eq!(names(&events, ""), before);

    let told = footfall_ok(&["vacuum", "--store", &root, "--retain", "0s", "--force"]);
    assert!(told.starts_with("5 files"), "{told}");
    assert!(expected.iter().all(|name| !store.root().join(name).exists()));
    assert!(events.join("raw.parquet").exists() && events.join("notes.txt").exists());
    assert_eq!(ask(&reader, "select count(*), min(user_id), max(user_id) from events"), [["20", "u0", "u9"]]);
    assert!(footfall_ok(&["verify", "--store", &root]).contains("all sound"));
    assert!(footfall_ok(&["vacuum", "--store", &root, "--retain", "0s", "--force"]).starts_with("0 files"));
}

#[test]
fn vacuum_keeps_what_a_young_version_needs_however_old_its_files_are() {
    // Expected: files written a month ago and replaced just now stay for the readers of the version before; an orphan of
    // that age goes; one that was written just now may be a landing's and stays.
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = new_store(dir.path(), "UTC");
    land(&store, "one", &rows(10, [0]));
    land(&store, "two", &later(rows(10, [0])));
    let events = store.root().join("events");
    for name in names(&events, ".parquet") {
        make_older(&events.join(name), MONTH);
    }
    let reader = engine(&block_on(Store::open(store.root())).expect("the store opens"));
    block_on(store.compact(&CompactOptions::default())).expect("a compaction");
    let old = stray(&events, ORPHAN, MONTH);
    let young = stray(&events, "events-00000000000000000000000000000000.parquet", Duration::ZERO);
    let vacuumed = block_on(store.vacuum(Duration::from_secs(3600), false)).expect("a vacuum");
    assert_eq!(vacuumed.removed, [format!("events/{ORPHAN}")]);
    assert!(!old.exists() && young.exists());
    assert_eq!(ask(&reader, "select count(*), count(distinct user_id) from events"), [["20", "10"]]);
    assert_eq!(count(&store), "20");
}
