//! `session_start`, `session_key`, `next_node`, `time_to_next`, and the fields of `session_info` about rows, against a slow reading
//! of their definitions, session by session.

use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_128;

use crate::oracle_sessions::{GAP, event_rows, fit, rule_starts, rules};
use crate::support::{Layout, Row, Time, ask, in_order, layouts, random, users};

#[test]
fn rows_of_sessions_by_gap() {
    // Expected: the definitions, read over the rows of each session; a node is a row with a page.
    let case = layouts(&Time::ALL).prop_flat_map(|layout| (Just(layout), event_rows()));
    random(300, &case, |(layout, rows)| {
        let rows = fit(rows, layout.time);
        check(&layout, &rows, "", "", by_gap, |row| row.page.is_some());
    });
}

#[test]
fn rows_of_sessions_by_the_mini_program_rule() {
    // Expected: as above, over the boundaries of the rule, nodes being page views.
    random(300, &(layouts(&Time::CLOCKS), event_rows(), rules()), |(layout, rows, rule)| {
        let is_page = "is_page: event = 'page_view'";
        check(
            &layout,
            &rows,
            &rule.sql(),
            is_page,
            |events| rule_starts(events, &rule),
            |row| row.event == Some("page_view"),
        );
    });
}

#[test]
fn names_of_sessions_survive_other_rows() {
    // Expected: the definition of stable: without the rows of all other sessions a row has the key and start it had with them.
    random(
        150,
        &(layouts(&Time::CLOCKS), event_rows(), any::<prop::sample::Index>()),
        |(layout, rows, kept)| {
            let keys = |rows: &[Row]| {
                let engine = layout.engine();
                layout.load(&engine, "t", rows);
                let (over, gap) = ("OVER (PARTITION BY u ORDER BY ts, seq)", layout.time.span(GAP));
                ask(
                    &engine,
                    &format!(
                        "SELECT seq, session_key(u, ts, {gap}) {over}, {} FROM t ORDER BY seq",
                        layout.time.ticks(&format!("session_start(ts, {gap}) {over}"))
                    ),
                )
            };
            let all = keys(&rows);
            let key = &all[kept.index(all.len())][1];
            let session: Vec<Row> =
                rows.iter().filter(|row| all[row.seq as usize][1] == *key).cloned().collect();
            let expected: Vec<Vec<String>> = all.iter().filter(|row| row[1] == *key).cloned().collect();
            assert_eq!(keys(&session), expected);
        },
    );
}

fn by_gap(events: &[&Row]) -> Vec<bool> {
    let ts = |i: usize| events[i].tick.unwrap_or_default();
    (0..events.len()).map(|i| i == 0 || ts(i) - ts(i - 1) > GAP).collect()
}

fn check(
    layout: &Layout,
    rows: &[Row],
    options: &str,
    node_options: &str,
    starts: impl Fn(&[&Row]) -> Vec<bool>,
    is_node: impl Fn(&Row) -> bool,
) {
    let engine = layout.engine();
    layout.load(&engine, "t", rows);
    let (time, gap) = (layout.time, layout.time.span(GAP));
    let over = "OVER (PARTITION BY u ORDER BY ts, seq)";
    let with = |more: &str| {
        let named: Vec<&str> = [options, more].into_iter().filter(|named| !named.is_empty()).collect();
        if named.is_empty() { String::new() } else { format!(", {{{}}}", named.join(", ")) }
    };
    let sql = format!(
        "SELECT seq, {}, session_key(u, ts, {gap}{}) {over}, next_node(page, ts, {gap}{}) {over}, \
         time_to_next(ts, {gap}{}) {over}, info['duration_ms'], info['events'] \
         FROM (SELECT *, session_info(ts, {gap}, page{}) {over} AS info FROM t) ORDER BY seq",
        time.ticks(&format!("session_start(ts, {gap}{}) {over}", with(""))),
        with("salt: 'pepper'"),
        with(node_options),
        with(""),
        with(node_options)
    );
    let mut expected: Vec<Vec<String>> = (0..rows.len())
        .map(|seq| {
            let mut row = vec!["NULL".to_string(); 7];
            row[0] = seq.to_string();
            row
        })
        .collect();
    for user in users(rows) {
        let events = in_order(rows, user);
        let starts = starts(&events);
        let first: Vec<usize> = (0..events.len()).filter(|&i| starts[i]).collect();
        for (number, &from) in first.iter().enumerate() {
            let until = first.get(number + 1).copied().unwrap_or(events.len());
            let session = &events[from..until];
            let tick = |i: usize| session[i].tick.unwrap_or_default();
            for (i, row) in session.iter().enumerate() {
                let next_node = (i + 1..session.len()).find(|&k| is_node(session[k]));
                let next_node = next_node.filter(|_| is_node(row)).and_then(|k| session[k].page);
                let to_next = (i + 1 < session.len()).then(|| millis(time, tick(i + 1) - tick(i)));
                expected[row.seq as usize] = vec![
                    row.seq.to_string(),
                    tick(0).to_string(),
                    key(&format!("u{user}"), micros(time, tick(0)), "pepper"),
                    next_node.unwrap_or("NULL").to_string(),
                    to_next.map_or("NULL".to_string(), |ms| ms.to_string()),
                    millis(time, tick(session.len() - 1) - tick(0)).to_string(),
                    session.len().to_string(),
                ];
            }
        }
    }
    assert_eq!(ask(&engine, &sql), expected, "{sql}");
}

/// The three parts of a key, as the reference says.
fn key(user: &str, micros: i64, salt: &str) -> String {
    let bytes: Vec<u8> = user.bytes().chain(micros.to_le_bytes()).chain(salt.bytes()).collect();
    format!("{:032x}", xxh3_128(&bytes))
}

/// A tick is a second where the type has a clock, a day of a date, one of an integer.
fn micros(time: Time, ticks: i64) -> i64 {
    match time {
        Time::Int32 | Time::Int64 => ticks,
        Time::Date32 => ticks * 86_400_000_000,
        _ => ticks * 1_000_000,
    }
}

fn millis(time: Time, ticks: i64) -> i64 {
    match time {
        Time::Int32 | Time::Int64 => ticks,
        Time::Date32 => ticks * 86_400_000,
        _ => ticks * 1_000,
    }
}
