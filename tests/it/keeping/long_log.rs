//! A log of many commits opens quickly, and loses its oldest entries without harm.

use std::fs;
use std::time::{Duration, Instant};

use footfall::store::Store;

use super::{count, land, names, new_store, noon, text_of};
use crate::support::{block_on, footfall};

#[test]
fn a_long_log_opens_quickly() {
    // Expected: 220 landings of 3 rows; a checkpoint every 100 versions, so that opening reads a few entries and not all.
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = new_store(dir.path(), "UTC");
    for landing in 0..220 {
        let rows: Vec<(String, i64)> =
            (0..3).map(|user| (format!("u{user}"), noon(landing % 10) + landing)).collect();
        land(&store, &landing.to_string(), &rows);
    }
    let log = store.root().join("events/_delta_log");
    let checkpoints = names(&log, ".checkpoint.parquet");
    assert_eq!(checkpoints.len(), 2, "{checkpoints:?}");
    let start = Instant::now();
    let again = block_on(Store::open(store.root())).expect("the store opens");
    let took = start.elapsed();
    assert!(took < Duration::from_secs(2), "opening took {took:?}");
    assert_eq!(count(&again), "660");
    let verified = block_on(again.verify(2)).expect("a verification");
    assert_eq!((verified.problems.as_slice(), verified.rows), (&[][..], 660));

    // What is known of all versions: days of every landing, and since the middle those of the later half.
    let changed =
        |since| block_on(again.changed_since(since)).expect("the log tells").days.values().sum::<u64>();
    assert_eq!(changed(0), 660);
    assert_eq!(changed(block_on(again.snapshot()).expect("a log").version - 20), 60);

    // Entries that a checkpoint stands for may be cleaned away; then changes since before are not known, and that is said.
    for name in names(&log, ".json").iter().take(150) {
        fs::remove_file(log.join(name)).expect("an old entry");
    }
    assert_eq!(count(&block_on(Store::open(store.root())).expect("the store opens")), "660");
    let problems = block_on(again.verify(2)).expect("a verification").problems;
    assert!(problems.is_empty(), "{problems:?}");
    let gone = block_on(again.changed_since(0)).expect_err("its entries are gone").to_string();
    assert!(gone.contains("version 0") && gone.contains("cleaned away"), "{gone}");

    // A checkpoint without which nothing can be read.
    let newest = log.join(&checkpoints[1]);
    let bytes = fs::read(&newest).expect("a checkpoint");
    fs::write(&newest, &bytes[..bytes.len() / 2]).expect("a checkpoint");
    let output = footfall(&["verify", "--store", &text_of(store.root())]);
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains(&checkpoints[1]), "{told}");
}
