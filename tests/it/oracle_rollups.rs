//! The roll-ups of funnels, and counts, against plain sets, sums and exhaustive search over the rows.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, Days};
use chrono_tz::Tz;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::{Layout, Row, Time, ask, engine, in_order, layouts, random, users};

const NAMES: [&str; 4] = ["a", "b", "c", "x"];

fn tables() -> impl Strategy<Value = Vec<Row>> {
    let name = || weighted(0.9, select(&NAMES[..]));
    let row = (0u8..3, weighted(0.9, -3i64..14), name(), weighted(0.8, select(&["p", "q", "r"][..])));
    vec(row, 0..18).prop_map(|rows| {
        let row = |(seq, (user, tick, event, page)): (usize, (u8, Option<i64>, Option<_>, Option<_>))| Row {
            user,
            tick,
            seq: seq as i64,
            event,
            page,
            ..Row::default()
        };
        rows.into_iter().enumerate().map(row).collect()
    })
}

fn steps() -> impl Strategy<Value = Vec<Vec<&'static str>>> {
    vec(proptest::sample::subsequence(vec!["a", "b", "c"], 1..=2), 1..5)
}

fn conditions(steps: &[Vec<&str>]) -> String {
    let steps = steps.iter().map(|names| format!("event IN ('{}')", names.join("', '")));
    steps.collect::<Vec<_>>().join(", ")
}

#[test]
fn slots_hold_the_best_chain_entered_in_them() {
    // Expected: for each row of step 1, every choice of later rows is tried; the longest chain of a slot counts.
    let cases = (
        layouts(&Time::ALL),
        tables(),
        steps(),
        select(&[0i64, 1, 2, 5, 100][..]),
        select(&[1i64, 2, 5, 10][..]),
    );
    random(300, &cases, |(layout, rows, steps, window, slot)| {
        let mut expected = Vec::new();
        for user in users(&rows) {
            let meets = |row: &Row, step: usize| row.event.is_some_and(|event| steps[step].contains(&event));
            let events: Vec<(i64, Vec<bool>)> = in_order(&rows, user)
                .into_iter()
                .map(|row| {
                    (row.tick.expect("a time"), (0..steps.len()).map(|step| meets(row, step)).collect())
                })
                .collect();
            let mut best: BTreeMap<i64, usize> = BTreeMap::new();
            for (entry, (ts, meets)) in events.iter().enumerate() {
                if meets[0] {
                    let level = longest(&events, steps.len(), ts + window, &mut vec![entry]);
                    let level_of_slot = best.entry(ts.div_euclid(slot) * slot).or_default();
                    *level_of_slot = level.max(*level_of_slot);
                }
            }
            let row =
                |(slot, level): (i64, usize)| vec![format!("u{user}"), slot.to_string(), level.to_string()];
            expected.extend(best.into_iter().map(row));
        }
        let (engine, time) = (layout.engine(), layout.time);
        layout.load(&engine, "t", &rows);
        let slot = match time {
            Time::Date32 => slot.to_string(),
            _ => time.span(slot),
        };
        let call = format!("ts, [{}], {{slot: {slot}, window: {}}}", conditions(&steps), time.span(window));
        let answer = |lists: &str| {
            format!(
                "SELECT u, {}, s['level'] FROM (SELECT u, unnest(f) s FROM ({lists})) ORDER BY 1, 2",
                time.ticks("s['slot']")
            )
        };
        let sql = answer(&format!("SELECT u, funnel_slots({call}) f FROM t GROUP BY u"));
        assert_eq!(ask(&engine, &sql), expected, "{sql}");
        // Any parts of a user's rows give the same through states.
        let states =
            format!("SELECT u, seq % 3 AS part, funnel_slots_state({call}) st FROM t GROUP BY u, part");
        let sql = answer(&format!(
            "SELECT u, funnel_slots_merge(st, {{ts: {}}}) f FROM ({states}) GROUP BY u",
            any_time(time)
        ));
        assert_eq!(ask(&engine, &sql), expected, "{sql}");
    });
}

/// SQL of any value of the type.
fn any_time(time: Time) -> &'static str {
    match time {
        Time::Int32 => "arrow_cast(0, 'Int32')",
        Time::Int64 => "0",
        Time::Second => "arrow_cast(0, 'Timestamp(s)')",
        Time::Millisecond => "arrow_cast(0, 'Timestamp(ms)')",
        Time::MicrosecondUtc => "arrow_cast(0, 'Timestamp(µs, \"UTC\")')",
        Time::Nanosecond => "arrow_cast(0, 'Timestamp(ns)')",
        Time::Date32 => "DATE '1970-01-01'",
    }
}

/// The length of the longest chain that goes on from the last of `chain`, ending by `deadline`; no row is used twice.
fn longest(events: &[(i64, Vec<bool>)], steps: usize, deadline: i64, chain: &mut Vec<usize>) -> usize {
    let mut best = chain.len();
    if chain.len() == steps {
        return best;
    }
    let last = chain.last().map_or(i64::MIN, |&row| events[row].0);
    for next in 0..events.len() {
        let (ts, meets) = &events[next];
        if meets[chain.len()] && (last..=deadline).contains(ts) && !chain.contains(&next) {
            chain.push(next);
            best = best.max(longest(events, steps, deadline, chain));
            chain.pop();
        }
    }
    best
}

#[test]
fn slots_of_a_calendar() {
    // Expected: the first quarter of an hour, counted back from the event, that has the same local day, week or month.
    let moments = (
        // Clocks are set at midnight (São Paulo, Havana), in the night (New York, Lord Howe), or never.
        select(
            &[
                "America/Sao_Paulo",
                "America/Havana",
                "America/New_York",
                "Australia/Lord_Howe",
                "Asia/Shanghai",
            ][..],
        ),
        select(&[1_541_289_600i64, 1_772_928_000, 1_793_491_200, 1_775_318_400, 0][..]),
        vec(-200_000i64..200_000, 1..8),
        select(&["day", "week", "month"][..]),
    );
    random(150, &moments, |(zone, base, offsets, unit)| {
        let tz: Tz = zone.parse().expect("a zone");
        let period = |ts: i64| {
            let local = DateTime::from_timestamp(ts, 0).expect("a time").with_timezone(&tz).date_naive();
            match unit {
                "day" => local,
                "week" => local - Days::new(local.weekday().num_days_from_monday().into()),
                _ => local.with_day(1).expect("every month has a first day"),
            }
        };
        let start = |ts: i64| {
            let mut quarter = ts.div_euclid(900) * 900;
            while period(quarter - 900) == period(ts) {
                quarter -= 900;
            }
            quarter
        };
        let times: Vec<i64> = offsets.iter().map(|offset| base + offset).collect();
        let expected: BTreeSet<i64> = times.iter().map(|&ts| start(ts)).collect();
        let expected: Vec<Vec<String>> =
            expected.into_iter().map(|ts| vec![ts.to_string(), "1".to_string()]).collect();
        let values: Vec<String> = times.iter().map(|ts| format!("({ts})")).collect();
        let sql = format!(
            "SELECT CAST(s['slot'] AS BIGINT), s['level'] FROM (SELECT unnest(funnel_slots(arrow_cast(v, 'Timestamp(s)'), [true], \
             {{slot: '{unit}', zone: '{zone}'}})) s FROM (VALUES {}) AS t(v)) ORDER BY 1",
            values.join(", ")
        );
        assert_eq!(ask(&engine(2, 8192), &sql), expected, "{sql}");
    });
}

#[test]
fn counts_of_sets() {
    // Expected: users whose set of events meets steps 1 to k; the number of different (event, page) pairs of a user, cut off above n.
    let cases = (layouts(&[Time::Int64]), tables(), steps(), 1usize..5);
    random(200, &cases, |(layout, rows, steps, n): (Layout, _, _, _)| {
        let engine = layout.engine();
        layout.load(&engine, "t", &rows);
        let seen = |user| -> BTreeSet<&str> {
            rows.iter().filter(|row| row.user == user).filter_map(|row| row.event).collect()
        };
        let taken = |user, k: usize| {
            steps[..k].iter().all(|names| names.iter().any(|name| seen(user).contains(name)))
        };
        let counts: Vec<String> = (1..=steps.len())
            .map(|k| users(&rows).into_iter().filter(|&user| taken(user, k)).count().to_string())
            .collect();
        let expected = vec![vec![format!("[{}]", counts.join(", "))]];
        let call = format!("u, {}", conditions(&steps));
        for sql in [
            format!("SELECT funnel_count({call}) FROM t"),
            format!(
                "SELECT funnel_count_merge(s) FROM (SELECT funnel_count_state({call}) s FROM t GROUP BY seq % 4)"
            ),
        ] {
            // Without rows there is no state to merge, and NULL says so.
            if !rows.is_empty() {
                assert_eq!(ask(&engine, &sql), expected, "{sql}");
            }
        }
        let expected: Vec<Vec<String>> = users(&rows)
            .into_iter()
            .map(|user| {
                let mine = rows.iter().filter(|row| row.user == user);
                let pairs: BTreeSet<(&str, &str)> =
                    mine.filter_map(|row| Some((row.event?, row.page?))).collect();
                vec![format!("u{user}"), pairs.len().min(n + 1).to_string()]
            })
            .collect();
        for sql in [
            format!("SELECT u, uniq_up_to({n}, event, page) FROM t GROUP BY u ORDER BY u"),
            format!(
                "SELECT u, uniq_up_to_merge(s) FROM (SELECT u, uniq_up_to_state({n}, event, page) s FROM t GROUP BY u, seq % 4) \
                 GROUP BY u ORDER BY u"
            ),
        ] {
            assert_eq!(ask(&engine, &sql), expected, "{sql}");
        }
    });
}

#[test]
fn sums_by_key() {
    // Expected: whole eighths added in 128 bits, divided by 8 once: what an exact sum, rounded once, is.
    let value = prop_oneof![
        4 => (-1000i64..1000).prop_map(i128::from),
        1 => select(vec![1i128 << 90, -(1i128 << 90), 1 << 60, -(1 << 60)]),
    ];
    let row = vec((select(&["a", "b", "c"][..]), weighted(0.9, value)), 0..4);
    let cases = (vec(row, 1..12), select(&[1usize, 7][..]), select(&[1usize, 8192][..]), any::<bool>());
    random(200, &cases, |(rows, partitions, batch_size, keep_zero)| {
        let mut sums: BTreeMap<&str, i128> = BTreeMap::new();
        for (key, value) in rows.iter().flatten() {
            if let Some(value) = value {
                *sums.entry(key).or_default() += value;
            }
        }
        let kept = sums.iter().filter(|(_, sum)| keep_zero || **sum != 0);
        let expected: Vec<Vec<String>> =
            kept.map(|(key, sum)| vec![key.to_string(), (*sum as f64 / 8.0).to_bits().to_string()]).collect();
        let literal = |row: &Vec<(&str, Option<i128>)>| {
            let keys: Vec<String> = row.iter().map(|(key, _)| format!("'{key}'")).collect();
            let float = |value: &Option<i128>| {
                value.map_or("NULL".to_string(), |value| format!("{:e}", value as f64 / 8.0))
            };
            let values: Vec<String> = row.iter().map(|(_, value)| float(value)).collect();
            format!(
                "(arrow_cast([{}], 'List(Utf8)'), arrow_cast([{}], 'List(Float64)'))",
                keys.join(", "),
                values.join(", ")
            )
        };
        let engine = engine(partitions, batch_size);
        let values: Vec<String> = rows.iter().map(literal).collect();
        let from = format!("(VALUES {}) AS t(k, v)", values.join(", "));
        let call = format!("k, v, {{keep_zero: {keep_zero}}}");
        for map in [
            format!("SELECT sum_map({call}) m FROM {from}"),
            format!(
                "SELECT sum_map_merge(s, {{value: map(['a'], [0.5])}}) m FROM (SELECT sum_map_state({call}) s FROM {from} GROUP BY cardinality(k))"
            ),
        ] {
            let sql = format!(
                "SELECT e['key'], e['value'] FROM (SELECT unnest(map_entries(m)) e FROM ({map})) ORDER BY 1"
            );
            let bits = |row: Vec<String>| {
                vec![row[0].clone(), row[1].parse::<f64>().expect("a float").to_bits().to_string()]
            };
            let found: Vec<Vec<String>> = ask(&engine, &sql).into_iter().map(bits).collect();
            assert_eq!(found, expected, "{sql}");
        }
    });
}

#[test]
fn shares_and_times_of_steps() {
    // Expected: levels counted one by one; durations sorted, quantiles by SQL's percentile_cont, 0.4 % allowed.
    let list = vec(weighted(0.85, 0i64..5_000), 0..5);
    let cases = (vec(weighted(0.9, 0usize..5), 1..30), vec(weighted(0.9, list), 1..30), any::<bool>());
    random(150, &cases, |(levels, lists, since_entry)| {
        let engine = engine(3, 4);
        let values: Vec<String> =
            levels.iter().map(|l| l.map_or("(NULL)".into(), |l| format!("({l})"))).collect();
        let sql = format!(
            "SELECT s['users'], s['drop'] FROM (SELECT unnest(funnel_rollup(CAST(l AS BIGINT), 4)) s FROM (VALUES {}) AS t(l)) ORDER BY s['step']",
            values.join(", ")
        );
        let took = |step: usize| levels.iter().flatten().filter(|level| **level >= step).count();
        let lost = |step: usize| if step == 1 { 0 } else { took(step - 1) - took(step) };
        let expected: Vec<Vec<String>> =
            (1..=4).map(|step| vec![took(step).to_string(), lost(step).to_string()]).collect();
        assert_eq!(ask(&engine, &sql), expected, "{sql}");

        let item = |ts: &Option<i64>| ts.map_or("NULL".to_string(), |ts| ts.to_string());
        let values: Vec<String> = lists
            .iter()
            .map(|list| match list {
                None => "(arrow_cast(NULL, 'List(Int64)'))".to_string(),
                Some(list) => {
                    let items: Vec<String> = list.iter().map(item).collect();
                    format!("(arrow_cast([{}], 'List(Int64)'))", items.join(", "))
                }
            })
            .collect();
        let since = if since_entry { "entry" } else { "previous" };
        let sql = format!(
            "SELECT s['count'], s['mean_ms'], s['median_ms'], s['p90_ms'] FROM (SELECT unnest(funnel_times(l, \
             {{unit: 'millisecond', steps: 5, since: '{since}'}})) s FROM (VALUES {}) AS t(l)) ORDER BY s['step']",
            values.join(", ")
        );
        let found = ask(&engine, &sql);
        for (step, row) in found.iter().enumerate().skip(1) {
            let mut durations: Vec<f64> =
                lists.iter().flatten().filter_map(|list| duration(list, step, since_entry)).collect();
            durations.sort_by(f64::total_cmp);
            assert_eq!(row[0], durations.len().to_string(), "{sql}");
            let mean = durations.iter().sum::<f64>() / durations.len() as f64;
            let close = |found: &str, wanted: f64, scale: f64, what: &str| match found.parse::<f64>() {
                Ok(found) => {
                    assert!((found - wanted).abs() <= scale, "{what} {found} is not {wanted}: {sql}")
                }
                Err(_) => assert!(durations.is_empty() && found == "NULL", "{what} {found}: {sql}"),
            };
            close(&row[1], mean, 1e-9 * mean.abs(), "mean");
            for (column, share) in [(2, 0.5), (3, 0.9)] {
                let position = share * (durations.len().max(1) - 1) as f64;
                let at = |rank: f64| durations.get(rank as usize).copied().unwrap_or_default();
                let (low, high) = (at(position.floor()), at(position.ceil()));
                let wanted = low + (high - low) * (position - position.floor());
                close(&row[column], wanted, 0.004 * (low.abs() + high.abs()) + 1e-9, "quantile");
            }
        }
    });
}

/// The time from the last earlier step with a time, or from step 1, to `step`, counted from 0.
fn duration(list: &[Option<i64>], step: usize, since_entry: bool) -> Option<f64> {
    let at = (*list.get(step)?)?;
    let since = if since_entry { list[0] } else { list[..step].iter().rev().find_map(|ts| *ts) };
    Some((at - since?) as f64)
}
