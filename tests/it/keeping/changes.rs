//! Which days a landing touched is told to whoever keeps figures of days.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::{Days, NaiveDate};
use footfall::store::CompactOptions;

use super::{engine, land, new_store, noon, rows, text_of};
use crate::support::{ask, block_on, footfall, footfall_ok};

#[test]
fn days_that_a_landing_touched_are_told() {
    // Expected: the made rows, counted by the date on the clocks of Shanghai, 8 hours ahead of UTC.
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = new_store(dir.path(), "Asia/Shanghai");
    let late_evening = |day: i64| (format!("late{day}"), noon(day) + 5 * 3_600_000);
    let landings = [
        rows(5, 0..4),
        [rows(3, [4]), rows(2, [1])].concat(),
        [rows(4, [5]), vec![late_evening(0), late_evening(5)]].concat(),
    ];
    let by_day = |rows: &[(String, i64)]| {
        let mut days: BTreeMap<i64, u64> = BTreeMap::new();
        for (_, ts) in rows {
            *days.entry((ts + 8 * 3_600_000).div_euclid(86_400_000)).or_default() += 1;
        }
        days
    };
    let mut versions = vec![0];
    for (number, rows) in landings.iter().enumerate() {
        land(&store, &format!("landing{number}"), rows);
        versions.push(block_on(store.snapshot()).expect("a log").version);
    }
    let told = |since: u64| {
        let root = text_of(store.root());
        footfall_ok(&["info", "--store", &root, "--changed-since", &since.to_string()])
    };
    let expected = |from: usize, now: u64| {
        let mut text = format!("version\t{now}\n");
        for (day, rows) in by_day(&landings[from..].concat()) {
            let date = NaiveDate::default() + Days::new(day as u64);
            writeln!(text, "{date}\t{rows}").expect("writing to a text");
        }
        text
    };
    for (from, since) in versions.iter().enumerate() {
        assert_eq!(told(*since), expected(from, versions[3]), "since version {since}");
    }
    // A compaction moves rows to other files and adds none.
    block_on(store.compact(&CompactOptions::default())).expect("a compaction");
    let now = block_on(store.snapshot()).expect("a log").version;
    assert!(now > versions[3]);
    for (from, since) in versions.iter().enumerate() {
        assert_eq!(told(*since), expected(from, now), "since version {since}, compacted");
    }
    assert_eq!(told(now), format!("version\t{now}\n"));

    let stored = ask(
        &engine(&store),
        "select cast(cast(dt as int) as bigint) as day, count(*) from events group by 1 order by 1",
    );
    let made: Vec<Vec<String>> = by_day(&landings.concat())
        .iter()
        .map(|(day, rows)| vec![day.to_string(), rows.to_string()])
        .collect();
    assert_eq!(stored, made);

    let root = text_of(store.root());
    let future = footfall(&["info", "--store", &root, "--changed-since", "900"]);
    let complaint = String::from_utf8_lossy(&future.stderr);
    assert_eq!(future.status.code(), Some(1));
    assert!(
        complaint.contains("version 900") && complaint.contains(&format!("newest is {now}")),
        "{complaint}"
    );
}
