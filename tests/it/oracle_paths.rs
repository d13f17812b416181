//! `user_path` and `path_rollup` against the definition: lists that are built, cut and counted row by row.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::{Layout, Row, Time, ask, layouts, random, users};

/// What a call asks for, in ticks.
#[derive(Clone, Debug)]
struct Options {
    gap: Option<i64>,
    max_steps: Option<usize>,
    collapse: bool,
    start: Option<Point>,
    end: Option<Point>,
    clean: Clean,
    tie: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Point {
    Node(&'static str),
    /// Rows with that event; their node may be any.
    Event(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Clean {
    Nothing,
    /// a is b, c is dropped.
    Map,
    /// Every a is a b, then every b is an x; what begins with c is dropped.
    Patterns,
}

#[derive(Clone, Debug)]
struct Case {
    layout: Layout,
    rows: Vec<Row>,
    options: Options,
}

fn cases() -> impl Strategy<Value = Case> {
    let page = weighted(0.9, select(&["a", "b", "c", "ab", ""][..]));
    let row =
        (0u8..3, weighted(0.9, -3i64..14), 0i64..3, page, weighted(0.9, select(&["in", "out", "x"][..])));
    let point = || {
        weighted(
            0.4,
            select(&[Point::Node("a"), Point::Node("b"), Point::Event("in"), Point::Event("out")][..]),
        )
    };
    let clean = select(&[Clean::Nothing, Clean::Nothing, Clean::Map, Clean::Patterns][..]);
    let options = (
        weighted(0.6, 0i64..5),
        weighted(0.5, 1usize..5),
        any::<bool>(),
        point(),
        point(),
        clean,
        any::<bool>(),
    );
    (layouts(&Time::ALL), vec(row, 0..24), options).prop_map(|(layout, rows, options)| {
        let (gap, max_steps, collapse, start, end, clean, tie) = options;
        // Both ends and what is left out between them need three steps.
        let least = if start.is_some() && end.is_some() { 3 } else { 1 };
        let max_steps = max_steps.map(|max| max.max(least));
        let row = |(user, tick, seq, page, event)| Row { user, tick, seq, page, event, ..Row::default() };
        Case {
            layout,
            rows: rows.into_iter().map(row).collect(),
            options: Options { gap, max_steps, collapse, start, end, clean, tie },
        }
    })
}

/// A clean node, when, and the row that says so.
type Visit<'a> = (String, i64, &'a Row);

impl Case {
    fn call(&self) -> String {
        let (options, time) = (&self.options, self.layout.time);
        let point = |point: Point| match point {
            Point::Node(node) => format!("'{node}'"),
            Point::Event(event) => format!("event = '{event}'"),
        };
        let clean = match options.clean {
            Clean::Nothing => None,
            Clean::Map => Some("MAP {'a': 'b', 'c': NULL}"),
            Clean::Patterns => Some("[{pattern: 'a', to: 'b'}, {pattern: 'b', to: 'x'}]"),
        };
        let given = [
            options.gap.map(|gap| format!("gap: {}", time.span(gap))),
            options.max_steps.map(|max| format!("max_steps: {max}")),
            (!options.collapse).then(|| "collapse: false".to_string()),
            options.start.map(|start| format!("start: {}", point(start))),
            options.end.map(|end| format!("end: {}", point(end))),
            clean.map(|clean| format!("clean: {clean}")),
            options.tie.then(|| "tie: seq".to_string()),
        ];
        let given: Vec<String> = given.into_iter().flatten().collect();
        match given.is_empty() {
            true => "user_path(ts, page)".to_string(),
            false => format!("user_path(ts, page, {{{}}})", given.join(", ")),
        }
    }

    /// The paths of a user: nodes with their times.
    fn paths(&self, user: u8) -> Vec<Vec<(String, i64)>> {
        let options = &self.options;
        let mut rows: Vec<&Row> = self
            .rows
            .iter()
            .filter(|row| row.user == user && row.tick.is_some() && row.page.is_some())
            .collect();
        let holds = |point: Option<Point>, row: &Row| match point {
            Some(Point::Event(event)) => row.event == Some(event),
            _ => false,
        };
        // Of one node: rows where neither condition holds, where the start's holds, where both do, where the end's does.
        let conditions = |row: &Row| match (holds(options.start, row), holds(options.end, row)) {
            (false, false) => 0,
            (true, false) => 1,
            (true, true) => 2,
            (false, true) => 3,
        };
        rows.sort_by_key(|row| (row.tick, if options.tie { row.seq } else { 0 }, row.page, conditions(row)));
        let rows: Vec<Visit<'_>> = rows
            .into_iter()
            .filter_map(|row| {
                let node = clean(options.clean, row.page.expect("rows with a node"))?;
                Some((node, row.tick.expect("rows with a time"), row))
            })
            .collect();
        let is_at = |point: Option<Point>, (node, _, row): &Visit<'_>| match point {
            None => true,
            Some(Point::Node(name)) => node == name,
            Some(Point::Event(event)) => row.event == Some(event),
        };
        let sessions = rows.chunk_by(|a, b| options.gap.is_none_or(|gap| b.1 - a.1 <= gap));
        let mut paths = Vec::new();
        for session in sessions {
            let steps = session.chunk_by(|a, b| options.collapse && a.0 == b.0);
            let steps: Vec<&[Visit<'_>]> = steps.collect();
            let first = steps.iter().position(|run| run.iter().any(|row| is_at(options.start, row)));
            let Some(first) = first else {
                continue;
            };
            let from = first + usize::from(options.start.is_some());
            let last = match options.end {
                None => Some(steps.len() - 1),
                Some(_) => {
                    (from..steps.len()).find(|&step| steps[step].iter().any(|row| is_at(options.end, row)))
                }
            };
            let Some(last) = last else {
                continue;
            };
            let path: Vec<(String, i64)> =
                steps[first..=last].iter().map(|run| (run[0].0.clone(), run[0].1)).collect();
            paths.push(shortened(path, options));
        }
        paths
    }
}

fn clean(clean: Clean, node: &str) -> Option<String> {
    match (clean, node) {
        (Clean::Nothing, _) => Some(node.to_string()),
        (Clean::Map, "a") => Some("b".to_string()),
        (Clean::Map, "c") => None,
        (Clean::Map, _) => Some(node.to_string()),
        (Clean::Patterns, _) => Some(node.replace('a', "b").replace('b', "x")),
    }
}

fn shortened(path: Vec<(String, i64)>, options: &Options) -> Vec<(String, i64)> {
    let max = options.max_steps.unwrap_or(usize::MAX);
    if path.len() <= max {
        return path;
    }
    match (options.start, options.end) {
        (Some(_), Some(_)) => {
            let kept = max - 1;
            let (tail, head) = (kept / 2, kept - kept / 2);
            let mut short = path[..head].to_vec();
            short.push(("...".to_string(), path[head].1));
            short.extend_from_slice(&path[path.len() - tail..]);
            short
        }
        (None, Some(_)) => path[path.len() - max..].to_vec(),
        _ => path[..max].to_vec(),
    }
}

#[test]
fn user_path_is_built_row_by_row() {
    // Expected: rows with a time and a node, in order of time, tie and node; cleaned, split, collapsed, cut and shortened as lists.
    random(400, &cases(), |case| {
        let mut expected = Vec::new();
        for user in users(&case.rows) {
            for path in case.paths(user) {
                let nodes: Vec<&str> = path.iter().map(|(node, _)| node.as_str()).collect();
                let times: Vec<String> = path.iter().map(|(_, tick)| tick.to_string()).collect();
                expected.push(vec![format!("u{user}"), nodes.join(">"), times.join(">")]);
            }
        }
        let engine = case.layout.engine();
        case.layout.load(&engine, "t", &case.rows);
        // Each step is a row again, so that its time can be counted in ticks; the rows of a path are joined here, because
        // DataFusion 55 takes what UNNEST makes of a group's list for one value of the group.
        let sql = format!(
            "SELECT u, n, p['nodes'][k], {} \
             FROM (SELECT u, n, p, k FROM (SELECT u, n, p, unnest(range(1, CAST(array_length(p['nodes']) AS BIGINT) + 1)) AS k \
                   FROM (SELECT u, n, paths[n] AS p \
                         FROM (SELECT u, paths, unnest(range(1, CAST(array_length(paths) AS BIGINT) + 1)) AS n \
                               FROM (SELECT u, {} AS paths FROM t GROUP BY u)))))",
            case.layout.time.ticks("p['times'][k]"),
            case.call()
        );
        let mut paths: BTreeMap<(String, String), (Vec<String>, Vec<String>)> = BTreeMap::new();
        for row in ask(&engine, &sql) {
            let (nodes, ticks) = paths.entry((row[0].clone(), row[1].clone())).or_default();
            nodes.push(row[2].clone());
            ticks.push(row[3].clone());
        }
        let found: Vec<Vec<String>> = paths
            .into_iter()
            .map(|((user, _), (nodes, ticks))| vec![user, nodes.join(">"), ticks.join(">")])
            .collect();
        assert_eq!(found, expected, "{sql}");
    });
}

#[test]
fn path_rollup_counts_neighbours() {
    // Expected: every pair of neighbours in every path of the definition above, counted by its place; ms between them added and divided.
    random(300, &cases(), |case| {
        let mut edges: BTreeMap<(usize, String, String), (i64, i64)> = BTreeMap::new();
        for user in users(&case.rows) {
            for path in case.paths(user) {
                for (i, pair) in path.windows(2).enumerate() {
                    let edge = (i + 1, pair[0].0.clone(), pair[1].0.clone());
                    let (count, ticks) = edges.entry(edge).or_default();
                    *count += 1;
                    *ticks += pair[1].1 - pair[0].1;
                }
            }
        }
        let ms = match case.layout.time {
            Time::Int32 | Time::Int64 => None,
            Time::Date32 => Some(86_400_000.0),
            _ => Some(1_000.0),
        };
        let mut expected: Vec<_> = edges.into_iter().collect();
        expected.sort_by_key(|((step, from, to), (count, _))| (*step, -count, from.clone(), to.clone()));
        let expected: Vec<Vec<String>> = expected
            .into_iter()
            .map(|((step, from, to), (count, ticks))| {
                let mean = ms.map(|ms| ticks as f64 * ms / count as f64);
                let mean = mean.map_or("NULL".to_string(), |mean| format!("{mean:.6}"));
                vec![step.to_string(), from, to, count.to_string(), mean]
            })
            .collect();
        let engine = case.layout.engine();
        case.layout.load(&engine, "t", &case.rows);
        let sql = format!(
            "SELECT e['step'], e['from'], e['to'], e['count'], e['mean_time_ms'] \
             FROM (SELECT r[k] AS e, k FROM (SELECT r, unnest(range(1, CAST(array_length(r) AS BIGINT) + 1)) AS k \
                   FROM (SELECT path_rollup(paths) AS r FROM (SELECT u, {} AS paths FROM t GROUP BY u)))) ORDER BY k",
            case.call()
        );
        let found: Vec<Vec<String>> = ask(&engine, &sql)
            .into_iter()
            .map(|mut row| {
                if let Ok(mean) = row[4].parse::<f64>() {
                    row[4] = format!("{mean:.6}");
                }
                row
            })
            .collect();
        assert_eq!(found, expected, "{sql}");
    });
}

#[test]
fn path_rollup_of_states() {
    // Expected: path_rollup over the same paths at once, which the test above holds against the definition.
    random(100, &cases(), |case| {
        let engine = case.layout.engine();
        case.layout.load(&engine, "t", &case.rows);
        let paths = format!("(SELECT u, {} AS paths FROM t GROUP BY u)", case.call());
        let whole = ask(&engine, &format!("SELECT path_rollup(paths) FROM {paths}"));
        let merged = format!(
            "SELECT path_rollup_merge(s) FROM (SELECT path_rollup_state(paths) AS s FROM {paths} GROUP BY u)"
        );
        // No state at all says nothing, not even that there is no edge.
        let expected = if case.rows.is_empty() { vec![vec!["NULL".to_string()]] } else { whole };
        assert_eq!(ask(&engine, &merged), expected, "{merged}");
    });
}
