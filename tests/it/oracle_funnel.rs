//! `window_funnel` and `funnel` against exhaustive search: every chain of rows is tried, as the definition says it.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::{Layout, Row, Time, ask, in_order, layouts, random, users};

/// A funnel over a small table: names per step, one window, ties and duplicates everywhere.
#[derive(Clone, Debug)]
struct Case {
    layout: Layout,
    rows: Vec<Row>,
    steps: Vec<Vec<&'static str>>,
    window: i64,
}

fn cases() -> impl Strategy<Value = Case> {
    let row = (0u8..3, weighted(0.9, -3i64..14), weighted(0.9, select(&["a", "b", "c", "x"][..])));
    let step = proptest::sample::subsequence(vec!["a", "b", "c"], 1..=2);
    (layouts(&Time::ALL), vec(row, 0..18), vec(step, 1..5), select(&[0i64, 1, 2, 5, 100][..])).prop_map(
        |(layout, rows, steps, window)| Case {
            layout,
            rows: rows
                .into_iter()
                .enumerate()
                .map(|(seq, (user, tick, event))| Row {
                    user,
                    tick,
                    seq: seq as i64,
                    event,
                    ..Row::default()
                })
                .collect(),
            steps,
            window,
        },
    )
}

impl Case {
    fn conditions(&self) -> String {
        let steps = self.steps.iter().map(|names| {
            let names: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
            format!("event IN ({})", names.join(", "))
        });
        steps.collect::<Vec<_>>().join(", ")
    }

    /// Per user the rows with a time: when, and which steps they meet. A NULL name meets none.
    fn events(&self, user: u8) -> Vec<(i64, Vec<bool>)> {
        let meets = |row: &Row| -> Vec<bool> {
            let names = self.steps.iter();
            names.map(|names| row.event.is_some_and(|event| names.contains(&event))).collect()
        };
        in_order(&self.rows, user)
            .into_iter()
            .map(|row| (row.tick.expect("in_order keeps rows with a time"), meets(row)))
            .collect()
    }
}

#[test]
fn window_funnel_is_the_longest_chain() {
    // Expected: the greatest k for which rows of step 1, …, k exist at times t1 <= … <= tk <= t1 + window, all choices tried.
    random(300, &cases(), |case| {
        let expected: Vec<Vec<String>> = users(&case.rows)
            .into_iter()
            .map(|user| {
                let level = longest(&case.events(user), case.steps.len(), case.window);
                vec![format!("u{user}"), level.to_string()]
            })
            .collect();
        let engine = case.layout.engine();
        case.layout.load(&engine, "t", &case.rows);
        let sql = format!(
            "SELECT u, window_funnel({}, ts, {}) FROM t GROUP BY u ORDER BY u",
            case.layout.time.span(case.window),
            case.conditions()
        );
        assert_eq!(ask(&engine, &sql), expected, "{sql}");
    });
}

/// In the default mode one row may stand for several steps, so a chain is a choice of times.
fn longest(events: &[(i64, Vec<bool>)], steps: usize, window: i64) -> usize {
    fn extend(events: &[(i64, Vec<bool>)], step: usize, from: i64, until: i64, steps: usize) -> usize {
        if step == steps {
            return step;
        }
        events
            .iter()
            .filter(|(ts, meets)| meets[step] && *ts >= from && *ts <= until)
            .map(|(ts, _)| extend(events, step + 1, *ts, until, steps))
            .max()
            .unwrap_or(step)
    }
    events
        .iter()
        .filter(|(_, meets)| meets[0])
        .map(|(ts, _)| extend(events, 1, *ts, ts.saturating_add(window), steps))
        .max()
        .unwrap_or(0)
}

#[test]
fn funnel_is_the_best_chain_of_distinct_rows() {
    // Expected: all chains of distinct rows tried; best is the highest level, then the earliest top step, the latest entry, the earliest steps between.
    random(300, &cases(), |case| {
        let time = case.layout.time;
        let unbounded = case.window == 100;
        let window = if unbounded { i64::MAX / 4 } else { case.window };
        let expected: Vec<Vec<String>> = users(&case.rows)
            .into_iter()
            .map(|user| {
                let times = best(&case.events(user), case.steps.len(), window);
                let mut row = vec![format!("u{user}"), times.len().to_string()];
                for step in 0..4 {
                    row.push(text(times.get(step).copied()));
                }
                let durations: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
                for step in 0..3 {
                    let duration = durations.get(step).map(|ticks| ticks * 1000);
                    row.push(text(duration.filter(|_| Time::CLOCKS.contains(&time))));
                }
                row
            })
            .collect();
        let engine = case.layout.engine();
        case.layout.load(&engine, "t", &case.rows);
        let options = match unbounded {
            true => String::new(),
            false => format!(", {{window: {}}}", time.span(case.window)),
        };
        let times = (1..=4).map(|step| time.ticks(&format!("array_element(f['times'], {step})")));
        let durations = (1..=3).map(|step| match Time::CLOCKS.contains(&time) {
            true => format!("array_element(f['durations_ms'], {step})"),
            false => format!("NULL AS none_{step}"),
        });
        let sql = format!(
            "SELECT u, f['level'], {} FROM (SELECT u, funnel(ts, [{}]{options}) f FROM t GROUP BY u) ORDER BY u",
            times.chain(durations).collect::<Vec<_>>().join(", "),
            case.conditions()
        );
        assert_eq!(ask(&engine, &sql), expected, "{sql}");
    });
}

fn text(value: Option<i64>) -> String {
    value.map_or("NULL".to_string(), |value| value.to_string())
}

/// The times of the best chain, empty where no row meets the first step.
fn best(events: &[(i64, Vec<bool>)], steps: usize, window: i64) -> Vec<i64> {
    let mut found: Vec<Vec<i64>> = Vec::new();
    walk(events, steps, window, &mut Vec::new(), &mut found);
    found
        .into_iter()
        .max_by_key(|times| {
            let between: Vec<i64> = times.iter().map(|ts| -ts).collect();
            (times.len(), -times[times.len() - 1], times[0], between)
        })
        .unwrap_or_default()
}

/// Every chain that can be made, each noted with the times of its rows.
fn walk(
    events: &[(i64, Vec<bool>)],
    steps: usize,
    window: i64,
    chain: &mut Vec<usize>,
    found: &mut Vec<Vec<i64>>,
) {
    if !chain.is_empty() {
        found.push(chain.iter().map(|&row| events[row].0).collect());
    }
    if chain.len() == steps {
        return;
    }
    for next in 0..events.len() {
        let (ts, meets) = &events[next];
        let follows = match (chain.first(), chain.last()) {
            (Some(&first), Some(&last)) => *ts >= events[last].0 && ts - events[first].0 <= window,
            _ => true,
        };
        if meets[chain.len()] && follows && !chain.contains(&next) {
            chain.push(next);
            walk(events, steps, window, chain, found);
            chain.pop();
        }
    }
}
