//! What lands of a file, what does not, and why. Expected values: worked out by hand from the rows in each test.

use std::path::Path;

use footfall::land::{LandOptions, Landed, Mapping, NoProgress, land};
use footfall::store::Store;
use footfall::{Engine, EngineOptions};

use crate::support::{ask, block_on};

#[test]
fn bad_rows_are_kept_with_their_reason_and_the_rest_lands() {
    let (folder, store) = store();
    let landed = land_text(
        &store,
        &folder.path().join("a.jsonl"),
        r#"{"user_id":"ann","ts":1767225600000,"event":"page_view","page":"home","colour":"red"}
{"user_id":"","ts":1767225600000,"event":"page_view"}
not json
{"user_id":"ann","ts":"2026-01-01T00:00:05Z","event":"page_view","scene":"1001"}
{"user_id":"ann","ts":1,"event":"page_view"}
{"user_id":"ann","ts":1767225600000,"event":"page_view","scene":"many"}
{"user_id":12345678901234567890123,"ts":1767225600000,"event":"page_view"}

{"user_id":"ann","ts":1767225600000}
"#,
    )
    .expect("the file lands");
    assert_eq!((landed.rows, landed.landed, landed.duplicates, landed.quarantined), (8, 2, 0, 6));
    let engine = engine(&store);
    let events =
        "select user_id, cast(ts as bigint) as us, seq, page, scene, props['colour'] from events order by ts";
    assert_eq!(
        ask(&engine, events),
        [
            ["ann", "1767225600000000", "0", "home", "NULL", "red"],
            ["ann", "1767225605000000", "3", "NULL", "1001", "NULL"]
        ]
    );
    let rejected = ask(&engine, "select row, \"column\" from quarantine order by row");
    let rows: Vec<(&str, &str)> = rejected.iter().map(|row| (row[0].as_str(), row[1].as_str())).collect();
    assert_eq!(
        rows,
        [("2", "user_id"), ("3", "NULL"), ("5", "ts"), ("6", "scene"), ("7", "user_id"), ("9", "event")]
    );
    let text = ask(&engine, "select text from quarantine where row = 3");
    assert_eq!(text, [["not json"]]);
}

#[test]
fn an_event_id_counts_once_and_an_empty_one_is_none() {
    let (folder, store) = store();
    // x is received earlier the second time, y only in the later landing; two empty ids are two events.
    let first = r#"{"user_id":"a","ts":1767225600000,"event":"late","event_id":"x","received_at":1767225700000}
{"user_id":"a","ts":1767225600000,"event":"early","event_id":"x","received_at":1767225650000}
{"user_id":"b","ts":1767225600000,"event":"one","event_id":""}
{"user_id":"c","ts":1767225600000,"event":"two","event_id":""}
"#;
    let landed = land_text(&store, &folder.path().join("1.jsonl"), first).expect("the file lands");
    assert_eq!((landed.rows, landed.landed, landed.duplicates), (4, 3, 1));
    let second = r#"{"user_id":"a","ts":1767225600000,"event":"again","event_id":"x","received_at":1767225600000}
{"user_id":"a","ts":1767225600000,"event":"new","event_id":"y"}
"#;
    let landed = land_text(&store, &folder.path().join("2.jsonl"), second).expect("the file lands");
    assert_eq!((landed.rows, landed.landed, landed.duplicates), (2, 1, 1));
    let events = ask(&engine(&store), "select event from events order by event");
    assert_eq!(events.concat(), ["early", "new", "one", "two"]);
}

#[test]
fn csv_rows_of_other_widths_are_rejected_and_an_open_quote_refuses_the_file() {
    let (folder, store) = store();
    let good = "user_id,ts,event,page\na,1767225600000,page_view,\"x, \"\"y\"\"\"\na,1767225600000\nb,,page_view,z\n";
    let landed = land_text(&store, &folder.path().join("a.csv"), good).expect("the file lands");
    assert_eq!((landed.rows, landed.landed, landed.quarantined), (3, 1, 2));
    assert_eq!(ask(&engine(&store), "select page from events"), [["x, \"y\""]]);
    let open = "user_id,ts,event,page\na,1767225600000,page_view,x\n\"a,1767225600001,page_view,x\na,1767225600002,page_view,x\n";
    let error = land_text(&store, &folder.path().join("b.csv"), open).expect_err("a quote is left open");
    assert!(error.contains("b.csv") && error.contains("line 3") && error.contains("quote"), "{error}");
    assert_eq!(ask(&engine(&store), "select count(*) from events"), [["1"]]);
}

#[test]
fn the_zone_of_a_store_is_fixed_and_days_are_counted_in_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store");
    let store = block_on(Store::open_or_create(&path, Some("Asia/Shanghai"))).expect("a new store");
    // 16:00 UTC is midnight in Shanghai.
    let text = r#"{"user_id":"a","ts":"2025-12-31T15:59:59Z","event":"page_view"}
{"user_id":"a","ts":"2025-12-31T16:00:00Z","event":"page_view"}
"#;
    land_text(&store, &folder.path().join("a.jsonl"), text).expect("the file lands");
    let days = ask(&engine(&store), "select dt from events order by ts");
    assert_eq!(days, [["2025-12-31"], ["2026-01-01"]]);
    let error = block_on(Store::open_or_create(&path, Some("UTC"))).expect_err("another zone").to_string();
    assert!(error.contains("Asia/Shanghai") && error.contains("UTC"), "{error}");
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store =
        block_on(Store::open_or_create(&folder.path().join("store"), Some("UTC"))).expect("a new store");
    (folder, store)
}

fn land_text(store: &Store, file: &Path, text: &str) -> Result<Landed, String> {
    std::fs::write(file, text).expect("a file");
    let mut options = LandOptions::new(Mapping::named("footfall").expect("the mapping of our own columns"));
    options.now = "2026-02-01T00:00:00Z".parse().expect("a time");
    let landed = block_on(land(store, &[file.to_path_buf()], &options, &NoProgress));
    landed.map(|mut landed| landed.remove(0)).map_err(|e| e.to_string())
}

fn engine(store: &Store) -> Engine {
    block_on(Engine::with_store(store, &EngineOptions::default())).expect("the store opens")
}
