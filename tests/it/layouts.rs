//! A scan gives the same rows in the same order however the store is cut into files, shards and partitions.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use datafusion::physical_plan::displayable;
use footfall::land::{LandOptions, Mapping, NoProgress, land};
use footfall::store::{CompactOptions, Store};
use footfall::{Engine, EngineOptions};

use crate::support::{Random, ask, block_on};

/// The sort columns of a row, and a payload.
type Row = (String, i64, i64, String);

/// A condition in SQL, and the rows for which it is true.
type Filter<'a> = (&'a str, &'a dyn Fn(&Row) -> bool);

const DAYS: i64 = 30;

// Expected: the generated rows themselves, sorted by the standard library; they never came from a store.
#[test]
fn same_rows_under_any_files_shards_and_partitions() {
    let mut random = Random(7);
    let expected = rows(&mut random);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = store_of(folder.path(), &expected);
    check(&store, &expected, "as landed");
    let mut points: Vec<Vec<String>> = vec![Vec::new()];
    let users: Vec<String> = expected.iter().map(|row| row.0.clone()).collect();
    for shards in [4, 16, 64] {
        points.push((1..shards).map(|k| users[k * users.len() / shards].clone()).collect());
    }
    for _ in 0..3 {
        points.push((0..random.below(20)).map(|_| users[random.below(users.len())].clone()).collect());
    }
    for mut points in points {
        points.sort();
        points.dedup();
        let what = format!("compacted to {} shards", points.len() + 1);
        let options = CompactOptions { split_points: Some(points), ..CompactOptions::default() };
        block_on(store.compact(&options)).expect("the store can be compacted");
        check(&store, &expected, &what);
    }
    // New files beside compacted ones: they overlap every shard.
    let late = rows(&mut random);
    land_rows(&store, folder.path(), &late, "late");
    let mut both = [expected, late].concat();
    both.sort();
    check(&store, &both, "landed after compaction");
}

// Expected: rules of the design; one aggregation straight on the scan.
#[test]
fn grouping_by_user_needs_no_sort_and_no_repartition() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let expected = rows(&mut Random(11));
    let store = store_of(folder.path(), &expected);
    let thirty = plan(&store, "select user_id, count(*) from events group by user_id");
    assert_single_aggregation(&thirty);
    assert!(files(&store) >= DAYS as usize, "thirty files a shard, found {}", files(&store));
    // One file a shard: a single period.
    let options = CompactOptions {
        months_after_days: Some(0),
        split_points: Some(vec!["u5".into()]),
        ..Default::default()
    };
    block_on(store.compact(&options)).expect("the store can be compacted");
    assert_single_aggregation(&plan(&store, "select user_id, count(*) from events group by user_id"));
    for query in [
        "select user_id, window_funnel(interval '1 day', ts, event = 'a', event = 'b') from events group by user_id",
        "select user_id, dt, count(*) from events group by user_id, dt",
        "select user_id, s, count(*) from (select user_id, sessionize(ts, interval '30 minutes') over (partition by user_id order by ts, seq) s from events) group by user_id, s",
        "select session, views from sessions",
    ] {
        let plan = plan(&store, query);
        assert!(!plan.contains("SortExec") && !plan.contains("RepartitionExec"), "{query}\n{plan}");
    }
}

fn assert_single_aggregation(plan: &str) {
    let operators: Vec<&str> = plan
        .lines()
        .filter_map(|line| line.trim().split(':').next())
        .filter(|name| *name != "ProjectionExec")
        .collect();
    assert_eq!(operators, ["SortedAggregateExec", "ShardScanExec"], "{plan}");
    assert!(plan.contains("SinglePartitioned") && plan.contains("ordering_mode=Sorted"), "{plan}");
}

/// Compares a scan, whole and by filters, with the rows that belong there.
fn check(store: &Store, expected: &[Row], what: &str) {
    let start = 1_735_689_600_000_000;
    let (from, to) = (start + 10 * 86_400_000_000 + 1, start + 12 * 86_400_000_000);
    let hours = format!("where ts >= to_timestamp_micros({from}) and ts < to_timestamp_micros({to})");
    let filters: [Filter; 5] = [
        ("", &|_| true),
        ("where event = 'a'", &|row| row.3 == "a"),
        (&hours, &|row| (from..to).contains(&row.1)),
        ("where user_id = 'u5' and event <> 'b'", &|row| row.0 == "u5" && row.3 != "b"),
        ("where nullif(event, 'c') < 'b' or seq = 7", &|row| row.3 == "a" || row.2 == 7),
    ];
    for partitions in [1, 2, 7] {
        let options = EngineOptions {
            target_partitions: Some(partitions),
            batch_size: Some(100),
            ..Default::default()
        };
        let engine = block_on(Engine::with_store(store, &options)).expect("the store opens");
        for (filter, holds) in &filters {
            let what = format!("{what}, {partitions} partitions, {filter}");
            let expected: Vec<Row> = expected.iter().filter(|row| holds(row)).cloned().collect();
            check_rows(&engine, filter, &expected, &what);
        }
        // What looks at the order without requiring it: an ordered aggregate, a limit whose sort is superfluous.
        let first = ask(&engine, "select first_value(event order by user_id, ts, seq) from events");
        assert_eq!(first, [[expected[0].3.clone()]], "{what}");
        let few = "select count(*) from (select * from events order by user_id, ts, seq limit 100) where event = 'a'";
        let of_a = expected[..100].iter().filter(|row| row.3 == "a").count();
        assert_eq!(ask(&engine, few), [[of_a.to_string()]], "{what}");
        // One user's rows are in order without the user.
        let one = ask(&engine, "select seq from events where user_id = 'u5' order by ts, seq");
        let of_one = expected.iter().filter(|row| row.0 == "u5").map(|row| vec![row.2.to_string()]);
        assert_eq!(one, of_one.collect::<Vec<_>>(), "{what}");
    }
}

/// Compares every partition of a filtered scan with the rows that belong there, in order.
fn check_rows(engine: &Engine, filter: &str, expected: &[Row], what: &str) {
    let query = format!("select user_id, ts, seq, event from events {filter}");
    let found = block_on(block_on(engine.sql(&query)).expect("the query plans").collect_partitioned())
        .expect("the query runs");
    let mut all = Vec::new();
    for partition in found {
        let mut rows: Vec<Row> = Vec::new();
        for batch in &partition {
            let (users, events) = (batch.column(0).as_string_view(), batch.column(3).as_string_view());
            let ts = batch.column(1).as_primitive::<TimestampMicrosecondType>();
            let seq = batch.column(2).as_primitive::<Int64Type>();
            rows.extend((0..batch.num_rows()).map(|row| {
                (users.value(row).into(), ts.value(row), seq.value(row), events.value(row).into())
            }));
        }
        assert!(
            rows.iter().map(|row| (&row.0, row.1, row.2)).is_sorted(),
            "{what}: a partition is out of order"
        );
        all.extend(rows);
    }
    all.sort();
    assert!(all == expected, "{what}: {} rows of {}", all.len(), expected.len());
    // Without the columns that only the filter reads, and without any.
    let sum: i64 = expected.iter().map(|row| row.2).sum();
    let sum = if expected.is_empty() { "NULL".to_owned() } else { sum.to_string() };
    assert_eq!(ask(engine, &format!("select sum(seq) from events {filter}")), [[sum]], "{what}");
    let count = ask(engine, &format!("select count(*) from events {filter}"));
    assert_eq!(count, [[expected.len().to_string()]], "{what}");
}

fn plan(store: &Store, query: &str) -> String {
    let options = EngineOptions { target_partitions: Some(2), ..Default::default() };
    let engine = block_on(Engine::with_store(store, &options)).expect("the store opens");
    let frame = block_on(engine.sql(query)).expect("the query plans");
    let plan = block_on(frame.create_physical_plan()).expect("the query plans");
    displayable(plan.as_ref()).indent(false).to_string()
}

fn files(store: &Store) -> usize {
    block_on(store.info()).expect("the log can be read").files
}

/// Users of very different weight, with ties in time, over thirty days.
fn rows(random: &mut Random) -> Vec<Row> {
    let mut rows: Vec<Row> = (0..6_000)
        .map(|seq| {
            let weight = random.below(200);
            let user = format!("u{}", if weight < 40 { 5 } else { random.below(weight + 1) });
            let minute = random.below(DAYS as usize * 24 * 60) as i64;
            (user, 1_735_689_600_000_000 + minute * 60_000_000, seq, ["a", "b", "c"][random.below(3)].into())
        })
        .collect();
    rows.sort();
    rows
}

fn store_of(folder: &Path, rows: &[Row]) -> Store {
    let store = block_on(Store::open_or_create(&folder.join("store"), Some("UTC"))).expect("a new store");
    land_rows(&store, folder, rows, "day");
    store
}

/// One file a day, as a collector drops them.
fn land_rows(store: &Store, folder: &Path, rows: &[Row], name: &str) {
    let mut days: BTreeMap<i64, String> = BTreeMap::new();
    for (user, ts, seq, event) in rows {
        let lines = days.entry(ts / 86_400_000_000).or_default();
        writeln!(lines, r#"{{"user_id":"{user}","ts":{},"seq":{seq},"event":"{event}"}}"#, ts / 1000)
            .expect("text");
    }
    let mut files = Vec::new();
    for (day, lines) in days {
        let file = folder.join(format!("{name}-{day}.jsonl"));
        std::fs::write(&file, lines).expect("a file");
        files.push(file);
    }
    let options = LandOptions::new(Mapping::named("footfall").expect("the mapping of our own columns"));
    let landed = block_on(land(store, &files, &options, &NoProgress)).expect("the files land");
    assert_eq!(landed.iter().map(|landed| landed.landed).sum::<u64>(), rows.len() as u64);
}
