//! Several landings at the same moment: an event counts once, whoever brings it; equal rows keep one order for ever.

use std::fmt::Write as _;
use std::path::Path;

use datafusion::common::DataFusionError;
use footfall::land::{LandOptions, Mapping, NoProgress, land};
use footfall::store::{CompactOptions, Store};
use footfall::{Engine, EngineOptions};

use crate::support::{ask, block_on, land_file};

#[test]
fn two_files_with_the_same_events_landed_at_the_same_moment() {
    // Expected: 300 different event ids a round, of which both files hold 200 and each 50 of its own. Which of the two lands
    // a shared event is open, that it lands once is not.
    const ROUNDS: usize = 12;
    let dir = tempfile::tempdir().expect("a temporary folder");
    let root = dir.path().join("store");
    let seed = write_events(dir.path(), "seed", 0, &[0]);
    let make = async {
        let store = Store::open_or_create(&root, Some("UTC")).await?;
        land_file(&store, &seed, "footfall").await
    };
    block_on(make).expect("a first file lands");
    for round in 1..=ROUNDS {
        let a = write_events(dir.path(), "a", round, &(0..250).collect::<Vec<_>>());
        let b = write_events(dir.path(), "b", round, &(50..300).rev().collect::<Vec<_>>());
        let (a, b) = block_on(async {
            let land = |file: std::path::PathBuf| {
                let root = root.clone();
                tokio::spawn(async move {
                    let store = Store::open(&root).await?;
                    land_file(&store, &file, "footfall").await
                })
            };
            let (a, b) = (land(a), land(b));
            (a.await.expect("no panic").expect("it lands"), b.await.expect("no panic").expect("it lands"))
        });
        assert_eq!(a.landed + b.landed, 300, "round {round}");
        assert_eq!(a.duplicates + b.duplicates, 200, "round {round}");
    }
    let engine = block_on(Engine::open(&root, &EngineOptions::default())).expect("the store opens");
    let found = ask(&engine, "SELECT count(*), count(DISTINCT event_id) FROM events");
    let expected = (1 + ROUNDS * 300).to_string();
    assert_eq!(found, [[expected.clone(), expected]]);
}

fn write_events(folder: &Path, name: &str, round: usize, ids: &[usize]) -> std::path::PathBuf {
    let path = folder.join(format!("{name}{round}.jsonl"));
    let mut text = String::new();
    for id in ids {
        let ts = 1_772_300_000_000_u64 + (id * 1_000) as u64;
        writeln!(
            text,
            r#"{{"user_id":"u{}","ts":{ts},"event":"page_view","page":"{name}","event_id":"{round}-{id}"}}"#,
            id % 7
        )
        .expect("writing to a text");
    }
    std::fs::write(&path, text).expect("a file in a temporary folder");
    path
}

#[test]
fn equal_rows_of_several_files_keep_the_order_in_which_they_landed() {
    // Expected: rows equal in user, time and seq come in the order of their landings; so page 0 is the entry page and the
    // last landing's page the exit page, in every layout.
    let dir = tempfile::tempdir().expect("a temporary folder");
    let root = dir.path().join("store");
    block_on(async {
        let store = Store::open_or_create(&root, Some("UTC")).await?;
        for landing in 0..9 {
            let mut text = String::new();
            for user in 0..40 {
                let ts = 1_772_300_000_000_u64;
                writeln!(
                    text,
                    r#"{{"user_id":"user{user:02}","ts":{ts},"seq":1,"event":"page_view","page":"p{landing}"}}"#
                )
                .expect("writing to a text");
            }
            let file = dir.path().join(format!("{landing}.jsonl"));
            std::fs::write(&file, text)?;
            land_file(&store, &file, "footfall").await?;
            if landing == 3 {
                store.compact(&CompactOptions::default()).await?;
            }
        }
        Ok::<_, DataFusionError>(())
    })
    .expect("nine files land");
    for compacted in [false, true] {
        if compacted {
            let store = block_on(Store::open(&root)).expect("the store opens");
            let points: Vec<String> = ["user05", "user11", "user30"].map(str::to_string).to_vec();
            let options = CompactOptions { split_points: Some(points), ..CompactOptions::default() };
            block_on(store.compact(&options)).expect("a compaction");
        }
        for partitions in [1, 2, 7] {
            let options = EngineOptions { target_partitions: Some(partitions), ..EngineOptions::default() };
            let engine = block_on(Engine::open(&root, &options)).expect("the store opens");
            let found =
                ask(&engine, "SELECT entry_page, exit_page, views, count(*) FROM sessions GROUP BY ALL");
            assert_eq!(found, [["p0", "p8", "9", "40"]], "{partitions} partitions, compacted: {compacted}");
        }
    }
}

#[test]
fn days_with_more_ids_than_fit_are_compared_too() {
    // Expected: of the second file's 1,000 ids 400 are among the 80,000 of the first; with room for a few thousand ids the same.
    let dir = tempfile::tempdir().expect("a temporary folder");
    let many = write_events(dir.path(), "many", 0, &(0..80_000).collect::<Vec<_>>());
    let more = write_events(dir.path(), "more", 0, &(79_600..80_600).collect::<Vec<_>>());
    let counts = block_on(async {
        let store = Store::open_or_create(&dir.path().join("store"), Some("UTC")).await?;
        land_file(&store, &many, "footfall").await?;
        let mut options = LandOptions::new(Mapping::named("footfall")?);
        options.memory_limit = 1 << 20;
        let landed = land(&store, &[more], &options, &NoProgress).await?;
        Ok::<_, DataFusionError>((landed[0].landed, landed[0].duplicates))
    });
    assert_eq!(counts.expect("both files land"), (600, 400));
}
