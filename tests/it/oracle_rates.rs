//! `retention`, `exit_rate` and `bounce_rate` against counting by hand over the rows of a group.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, Int32Array, Int64Array, RecordBatch};
use datafusion::datasource::MemTable;
use footfall::Engine;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::{ask, engine, random};

/// A group, three Booleans that may be NULL, and a key.
type Flags = (u8, [Option<bool>; 3], Option<i64>);

fn rows() -> impl Strategy<Value = Vec<Flags>> {
    let flag = || weighted(0.8, any::<bool>());
    let flags = [flag(), flag(), flag()];
    vec((0u8..4, flags, weighted(0.9, 0i64..3)), 0..40)
}

fn settings() -> impl Strategy<Value = (usize, usize)> {
    (select(&[1usize, 7][..]), select(&[1usize, 7, 8192][..]))
}

/// Table `t (g, c1, c2, c3, k)` in so many partitions.
fn load(rows: &[Flags], (partitions, batch_size): (usize, usize)) -> Engine {
    let batch = |rows: &[Flags]| -> RecordBatch {
        let groups: Int32Array = rows.iter().map(|r| Some(i32::from(r.0))).collect();
        let flag = |i: usize| -> ArrayRef { Arc::new(rows.iter().map(|r| r.1[i]).collect::<BooleanArray>()) };
        let keys: Int64Array = rows.iter().map(|r| r.2).collect();
        RecordBatch::try_from_iter_with_nullable([
            ("g", Arc::new(groups) as ArrayRef, true),
            ("c1", flag(0), true),
            ("c2", flag(1), true),
            ("c3", flag(2), true),
            ("k", Arc::new(keys), true),
        ])
        .expect("columns of one length")
    };
    let mut parts = vec![vec![]; partitions];
    for (i, chunk) in rows.chunks(3).enumerate() {
        parts[i % partitions].push(batch(chunk));
    }
    let engine = engine(partitions, batch_size);
    let table = MemTable::try_new(batch(&[]).schema(), parts).expect("batches of one schema");
    engine.context().register_table("t", Arc::new(table)).expect("a free name");
    engine
}

fn groups(rows: &[Flags]) -> Vec<(u8, Vec<&Flags>)> {
    let ids: BTreeSet<u8> = rows.iter().map(|r| r.0).collect();
    ids.into_iter().map(|id| (id, rows.iter().filter(|r| r.0 == id).collect())).collect()
}

/// `part / whole` as the engine prints a Float64; NULL over nothing.
fn ratio(part: usize, whole: usize) -> String {
    match whole {
        0 => "NULL".to_string(),
        _ => format!("{:?}", part as f64 / whole as f64),
    }
}

#[test]
fn retention_flags() {
    // Expected: first = c1 was ever true in the group, i-th = c1 ever and ci ever; NULL counts as false. Nothing of it depends on time.
    random(200, &(rows(), settings()), |(rows, settings)| {
        let engine = load(&rows, settings);
        let expected: Vec<Vec<String>> = groups(&rows)
            .into_iter()
            .map(|(id, group)| {
                let ever = |i: usize| group.iter().any(|r| r.1[i] == Some(true));
                let flags: Vec<String> = (0..3).map(|i| (ever(0) && ever(i)).to_string()).collect();
                vec![id.to_string(), format!("[{}]", flags.join(", "))]
            })
            .collect();
        let grouped = "SELECT g, retention(c1, c2, c3) FROM t GROUP BY g ORDER BY g";
        assert_eq!(ask(&engine, grouped), expected);
    });
}

#[test]
fn retention_of_no_rows_is_all_false() {
    // Expected: the definition names it: an empty group is all false, of length n.
    let engine = load(&[], (1, 8192));
    assert_eq!(ask(&engine, "SELECT retention(c1, c2, c3) FROM t"), [["[false, false, false]"]]);
}

#[test]
fn exit_rate_by_views_and_by_visits() {
    // Expected: true rows over non-NULL rows; with basis visits, true rows over distinct keys.
    random(200, &(rows(), settings()), |(rows, settings)| {
        let engine = load(&rows, settings);
        let expected: Vec<Vec<String>> = groups(&rows)
            .into_iter()
            .map(|(id, group)| {
                let count = |value| group.iter().filter(|r| r.1[0] == Some(value)).count();
                vec![id.to_string(), ratio(count(true), count(true) + count(false))]
            })
            .collect();
        let views = "SELECT g, exit_rate(c1) FROM t GROUP BY g ORDER BY g";
        assert_eq!(ask(&engine, views), expected);

        let expected: Vec<Vec<String>> = groups(&rows)
            .into_iter()
            .map(|(id, group)| {
                let known: Vec<_> = group.iter().filter(|r| r.1[0].is_some() && r.2.is_some()).collect();
                let exits = known.iter().filter(|r| r.1[0] == Some(true)).count();
                let keys: BTreeSet<_> = known.iter().map(|r| r.2).collect();
                vec![id.to_string(), ratio(exits, keys.len())]
            })
            .collect();
        // Rows without an answer or a key belong to no visit: they are left out on both sides.
        let visits = "SELECT g, exit_rate(c1, {basis: 'visits', visit_key: k}) FILTER (WHERE c1 IS NOT NULL AND k IS NOT NULL) \
                      FROM t GROUP BY g ORDER BY g";
        assert_eq!(ask(&engine, visits), expected);
    });
}

#[test]
fn bounce_rate_by_opens_and_by_entries() {
    // Expected: true rows over non-NULL rows; with entries, bounced entries over entries, NULL without an entry.
    random(200, &(rows(), settings()), |(rows, settings)| {
        // A bounce is an entry, and a row that is no page view has neither answer: that is what `visits` holds.
        let rows: Vec<Flags> = rows
            .into_iter()
            .map(|(g, [bounce, entry, other], k)| {
                let entry = match bounce {
                    Some(false) => entry,
                    other => other,
                };
                (g, [bounce, entry, other], k)
            })
            .collect();
        let engine = load(&rows, settings);
        let expected: Vec<Vec<String>> = groups(&rows)
            .into_iter()
            .map(|(id, group)| {
                let count = |i: usize, value| group.iter().filter(|r| r.1[i] == Some(value)).count();
                vec![
                    id.to_string(),
                    ratio(count(0, true), count(0, true) + count(0, false)),
                    ratio(count(0, true), count(1, true)),
                ]
            })
            .collect();
        let sql = "SELECT g, bounce_rate(c1), bounce_rate(c1, c2) FROM t GROUP BY g ORDER BY g";
        assert_eq!(ask(&engine, sql), expected);
    });
}
