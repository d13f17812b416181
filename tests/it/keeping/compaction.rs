//! Which files a compaction makes.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate};
use footfall::store::{CompactOptions, Store};

use super::{count, land, new_store, noon, rows, text_of};
use crate::support::{block_on, footfall_ok};

/// First and last day of each file, by time.
fn periods(store: &Store) -> Vec<(String, String)> {
    let date = |day: i32| (NaiveDate::default() + Days::new(day as u64)).to_string();
    let mut periods: Vec<(String, String)> = block_on(store.snapshot())
        .expect("a log")
        .files
        .iter()
        .map(|file| file.range.as_ref().expect("a file of events").dt)
        .map(|(first, last)| (date(first), date(last)))
        .collect();
    periods.sort();
    periods
}

#[test]
fn compaction_makes_days_weeks_and_months() {
    // Expected, of 2025-01-01 (a Wednesday) to 2025-05-20 (a Tuesday) by the calendar: the week of the newest day is open,
    // so Monday 19 and Tuesday 20 are days; weeks that end before 19 February, 90 days before, are parts of months: the last
    // such Sunday is 16 February.
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = new_store(dir.path(), "UTC");
    let day = |month: u32, day: u32| NaiveDate::from_ymd_opt(2025, month, day).expect("a date");
    let text = |first: NaiveDate, last: NaiveDate| (first.to_string(), last.to_string());
    assert_eq!(noon(-61) / 86_400_000, 20_089, "2025-01-01");
    let (odd, even): (Vec<i64>, Vec<i64>) = (-61..79).partition(|day| day % 2 != 0);
    land(&store, "odd", &rows(3, odd));
    land(&store, "even", &rows(3, even));

    let root = text_of(store.root());
    let told = footfall_ok(&["compact", "--store", &root]);
    assert!(told.contains("420 rows") && told.contains("rows/s"), "{told}");
    let mut expected = vec![text(day(1, 1), day(1, 31)), text(day(2, 1), day(2, 16))];
    expected.extend((0..13).map(|week| {
        let monday = day(2, 17) + Days::new(7 * week);
        text(monday, monday + Days::new(6))
    }));
    expected.extend([text(day(5, 19), day(5, 19)), text(day(5, 20), day(5, 20))]);
    assert_eq!(periods(&store), expected);
    assert_eq!(count(&store), "420");

    // Done is done.
    let version = block_on(store.snapshot()).expect("a log").version;
    let again = block_on(store.compact(&CompactOptions::default())).expect("a compaction");
    assert_eq!((again.rows, again.files_before, again.files_after, again.version), (0, 17, 17, version));
    assert!(footfall_ok(&["compact", "--store", &root]).contains("nothing to compact"));

    footfall_ok(&["compact", "--store", &root, "--months-after", "0"]);
    let months = [
        text(day(1, 1), day(1, 31)),
        text(day(2, 1), day(2, 28)),
        text(day(3, 1), day(3, 31)),
        text(day(4, 1), day(4, 30)),
        text(day(5, 1), day(5, 18)),
        text(day(5, 19), day(5, 19)),
        text(day(5, 20), day(5, 20)),
    ];
    assert_eq!(periods(&store), months);

    footfall_ok(&["compact", "--store", &root, "--daily"]);
    let days: Vec<(String, String)> =
        (0..140).map(|after| text(day(1, 1) + Days::new(after), day(1, 1) + Days::new(after))).collect();
    assert_eq!(periods(&store), days);

    // A late event of a finished week: its cell is made one file again, the others stay as they are.
    footfall_ok(&["compact", "--store", &root]);
    let files = |store: &Store| -> BTreeSet<String> {
        block_on(store.snapshot()).expect("a log").files.iter().map(|file| file.path.clone()).collect()
    };
    let before = files(&store);
    land(&store, "late", &rows(1, [1]));
    footfall_ok(&["compact", "--store", &root]);
    assert_eq!(periods(&store), expected);
    assert_eq!(files(&store).intersection(&before).count(), expected.len() - 1);
    assert_eq!(count(&store), "421");
    assert!(footfall_ok(&["verify", "--store", &root]).contains("all sound"));
}

#[test]
fn a_store_that_grows_is_split_anew() {
    // Expected: ten users do not fix the shards for ever; a shard is to hold about 100,000 rows, so 210,000 rows of even
    // users need more than one, each file lies in one of them, and none outweighs the others four times.
    let dir = tempfile::tempdir().expect("a temporary folder");
    let store = new_store(dir.path(), "UTC");
    land(&store, "first", &rows(10, [0]));
    let first = block_on(store.snapshot()).expect("a log").splits;
    assert_eq!((first.version, first.points.len()), (1, 0));
    land(&store, "grown", &rows(30_000, 0..7));
    block_on(store.compact(&CompactOptions::default())).expect("a compaction");
    let snapshot = block_on(store.snapshot()).expect("a log");
    let splits = &snapshot.splits;
    assert!(splits.version > 1 && !splits.points.is_empty(), "{splits:?}");
    let shard = |user: &String| splits.points.partition_point(|point| point <= user);
    let mut rows_of_shard: BTreeMap<usize, u64> = BTreeMap::new();
    for file in &snapshot.files {
        let users = &file.range.as_ref().expect("a file of events").users;
        assert_eq!(shard(&users.0), shard(&users.1), "{} spans shards", file.path);
        *rows_of_shard.entry(shard(&users.0)).or_default() += file.rows;
    }
    let sizes: Vec<u64> = rows_of_shard.into_values().collect();
    assert_eq!(sizes.len(), splits.points.len() + 1);
    assert_eq!(sizes.iter().sum::<u64>(), 210_010);
    assert!(sizes.iter().max() < sizes.iter().min().map(|least| least * 4).as_ref(), "{sizes:?}");
    assert_eq!(block_on(store.compact(&CompactOptions::default())).expect("a compaction").rows, 0);
    assert!(block_on(store.verify(2)).expect("a verification").problems.is_empty());
}
