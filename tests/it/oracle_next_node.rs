//! `sequence_next_node` against a walk over the sorted rows, written from the definition: find the base, follow the chain.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::support::{Layout, Row, Time, ask, layouts, random, users};

#[derive(Clone, Debug)]
struct Case {
    layout: Layout,
    rows: Vec<Row>,
    direction: &'static str,
    base: &'static str,
    base_condition: Vec<&'static str>,
    events: Vec<Vec<&'static str>>,
    tie: bool,
}

const KINDS: [(&str, &str); 6] = [
    ("forward", "head"),
    ("forward", "first_match"),
    ("forward", "last_match"),
    ("backward", "tail"),
    ("backward", "first_match"),
    ("backward", "last_match"),
];

fn cases() -> impl Strategy<Value = Case> {
    let page = || weighted(0.9, select(&["/a", "/b", "/c"][..]));
    let row = (0u8..3, weighted(0.9, -3i64..10), weighted(0.9, select(&["a", "b", "c", "x"][..])), page());
    let names = || subsequence(vec!["a", "b", "c", "x"], 1..=3);
    (layouts(&Time::ALL), vec(row, 0..24), select(&KINDS[..]), names(), vec(names(), 1..4), any::<bool>())
        .prop_map(|(layout, rows, (direction, base), base_condition, events, tie)| Case {
            layout,
            rows: rows
                .into_iter()
                .enumerate()
                .map(|(seq, (user, tick, event, page))| Row {
                    user,
                    tick,
                    seq: seq as i64,
                    event,
                    page,
                    ..Row::default()
                })
                .collect(),
            direction,
            base,
            base_condition,
            events,
            tie,
        })
}

impl Case {
    fn call(&self) -> String {
        let condition = |names: &Vec<&str>| {
            let names: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
            format!("event IN ({})", names.join(", "))
        };
        let events: Vec<String> = self.events.iter().map(condition).collect();
        format!(
            "sequence_next_node('{}', '{}', ts, page, {}, {}{})",
            self.direction,
            self.base,
            condition(&self.base_condition),
            events.join(", "),
            if self.tie { ", {tie: seq}" } else { "" }
        )
    }

    /// The user's rows with a time and a page in order: the page, and what the row satisfies, the base condition first.
    fn nodes(&self, user: u8) -> Vec<(&'static str, Vec<bool>)> {
        let mut nodes = Vec::new();
        for row in self.rows.iter().filter(|row| row.user == user) {
            let (Some(tick), Some(page)) = (row.tick, row.page) else {
                continue;
            };
            let conditions = std::iter::once(&self.base_condition).chain(&self.events);
            let met: Vec<bool> =
                conditions.map(|names| row.event.is_some_and(|event| names.contains(&event))).collect();
            // Nothing satisfied first, then by the lowest condition, then by all of them as a number.
            let lowest = met.iter().position(|met| *met).map_or(0, |place| place + 1);
            let mask: u64 = met.iter().enumerate().map(|(i, met)| u64::from(*met) << i).sum();
            nodes.push((tick, if self.tie { row.seq } else { 0 }, page, (lowest, mask), met));
        }
        nodes.sort();
        nodes.into_iter().map(|(_, _, page, _, met)| (page, met)).collect()
    }

    fn next(&self, nodes: &[(&'static str, Vec<bool>)]) -> Option<&'static str> {
        let is_base = |(_, met): &(&str, Vec<bool>)| met[0] && met[1];
        let base = match self.base {
            "head" => nodes.first().filter(|(_, met)| met[0]).map(|_| 0),
            "tail" => nodes.last().filter(|(_, met)| met[0]).map(|_| nodes.len() - 1),
            "first_match" => nodes.iter().position(is_base),
            _ => nodes.iter().rposition(is_base),
        }?;
        let step = if self.direction == "forward" { 1 } else { -1 };
        for i in 0..self.events.len() {
            let (_, met) = nodes.get(base.checked_add_signed(step * i as isize)?)?;
            if !met[i + 1] {
                return None;
            }
        }
        let (page, _) = nodes.get(base.checked_add_signed(step * self.events.len() as isize)?)?;
        Some(page)
    }
}

#[test]
fn the_next_node_is_beyond_the_chain_of_the_base() {
    // Expected: the base looked up in the sorted rows, the chain followed row by row, the row beyond it read.
    random(400, &cases(), |case| {
        let expected: Vec<Vec<String>> = users(&case.rows)
            .into_iter()
            .map(|user| {
                let next = case.next(&case.nodes(user));
                vec![format!("u{user}"), next.unwrap_or("NULL").to_string()]
            })
            .collect();
        let engine = case.layout.engine();
        case.layout.load(&engine, "t", &case.rows);
        let sql = format!("SELECT u, {} FROM t GROUP BY u ORDER BY u", case.call());
        assert_eq!(ask(&engine, &sql), expected, "{sql}");
    });
}
