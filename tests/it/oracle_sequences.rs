//! `sequence_match`, `sequence_count`, `sequence_match_events` and `sequence_match_events_all` against exhaustive search: every way
//! to give the elements of a pattern their events is tried, as the definition says it.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::support::{Layout, Row, Time, ask, layouts, random, users};

/// A pattern over a small table: ties, duplicates and NULLs everywhere.
#[derive(Clone, Debug)]
struct Case {
    layout: Layout,
    rows: Vec<Row>,
    conditions: Vec<Vec<&'static str>>,
    elements: Vec<Element>,
    numbered: Vec<(usize, usize, Gate)>,
    tie: bool,
}

#[derive(Clone, Debug)]
struct Element {
    test: Test,
    min: usize,
    max: usize,
    /// What stands behind it: `None` for nothing, so that the next element is adjacent.
    behind: Option<Behind>,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Any,
    OneOf(Vec<usize>),
    NoneOf(Vec<usize>),
}

#[derive(Clone, Copy, Debug)]
enum Behind {
    Gap,
    Gate(Gate),
    GapAndGate(Gate),
}

type Gate = (&'static str, i64);

const UNBOUNDED: usize = 99;

fn gates() -> impl Strategy<Value = Gate> {
    let ops = select(&["<", "<=", ">", ">=", "==", "!="][..]);
    (ops, select(&[0i64, 1, 2, 3, 5, 8][..])).prop_map(|(op, distance)| match (op, distance) {
        ("<", 0) => ("<", 1),
        gate => gate,
    })
}

fn elements() -> impl Strategy<Value = Element> {
    let numbers = || subsequence(vec![1usize, 2, 3], 1..=2);
    let test = prop_oneof![
        1 => Just(Test::Any),
        5 => numbers().prop_map(Test::OneOf),
        2 => numbers().prop_map(Test::NoneOf),
    ];
    let times = prop_oneof![
        6 => Just((1usize, 1usize)),
        3 => select(&[(0, 1), (1, UNBOUNDED), (0, UNBOUNDED), (2, 2), (1, 2), (2, UNBOUNDED)][..]),
    ];
    let behind = prop_oneof![
        3 => Just(None),
        3 => Just(Some(Behind::Gap)),
        2 => gates().prop_map(|gate| Some(Behind::Gate(gate))),
        1 => gates().prop_map(|gate| Some(Behind::GapAndGate(gate))),
    ];
    (test, times, behind).prop_map(|(test, (min, max), behind)| {
        // `.*` is a gap.
        let gap = test == Test::Any && (min, max) == (0, UNBOUNDED);
        let (min, max) = if gap { (1, 1) } else { (min, max) };
        Element { test, min, max, behind }
    })
}

fn cases() -> impl Strategy<Value = Case> {
    let row = (0u8..3, weighted(0.9, -3i64..14), weighted(0.9, select(&["a", "b", "c", "x"][..])));
    let names = || subsequence(vec!["a", "b", "c"], 1..=2);
    let numbered = vec((0usize..4, 0usize..4, gates()), 0..3);
    (layouts(&Time::ALL), vec(row, 0..20), vec(names(), 3), vec(elements(), 1..5), numbered, any::<bool>())
        .prop_map(|(layout, rows, conditions, elements, numbered, tie)| Case {
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
            conditions,
            elements,
            numbered,
            tie,
        })
        .prop_map(Case::sensible)
}

impl Case {
    /// The nearest pattern that is accepted: no gate beside an element that may be left out, one element that occurs.
    fn sensible(mut self) -> Self {
        let gated =
            |element: &Element| matches!(element.behind, Some(Behind::Gate(_) | Behind::GapAndGate(_)));
        for i in 0..self.elements.len() {
            let before = i > 0 && gated(&self.elements[i - 1]);
            if before || gated(&self.elements[i]) {
                self.elements[i].min = self.elements[i].min.max(1);
            }
        }
        if self.elements.iter().all(|element| element.min == 0) {
            self.elements[0].min = 1;
        }
        let named = self.named();
        self.numbered.retain(|(from, to, _)| {
            let ends = [named.get(*from), named.get(*to)];
            let occur = ends.iter().all(|end| end.is_some_and(|end| self.elements[*end].min > 0));
            occur && (from < to || from == to && self.elements[named[*from]].max > 1)
        });
        self
    }

    /// Where the elements in brackets stand.
    fn named(&self) -> Vec<usize> {
        (0..self.elements.len()).filter(|&i| self.elements[i].test != Test::Any).collect()
    }

    fn pattern(&self) -> String {
        let mut text = String::new();
        for Element { test, min, max, behind } in &self.elements {
            let numbers =
                |numbers: &[usize]| numbers.iter().map(usize::to_string).collect::<Vec<_>>().join("|");
            text += &match test {
                Test::Any => ".".to_string(),
                Test::OneOf(conditions) => format!("(?{})", numbers(conditions)),
                Test::NoneOf(conditions) => format!("(?!{})", numbers(conditions)),
            };
            text += match (*min, *max) {
                (1, 1) => "",
                (0, 1) => "?",
                (1, UNBOUNDED) => "+",
                (0, UNBOUNDED) => "*",
                (2, 2) => "{2}",
                (1, 2) => "{1,2}",
                _ => "{2,}",
            };
            text += &match behind {
                None => String::new(),
                Some(Behind::Gap) => ".*".to_string(),
                Some(Behind::Gate((op, distance))) => format!("(?t{op}{distance})"),
                Some(Behind::GapAndGate((op, distance))) => format!(".*(?t{op}{distance})"),
            };
        }
        for (from, to, (op, distance)) in &self.numbered {
            text += &format!("(?t[{},{}]{op}{distance})", from + 1, to + 1);
        }
        text
    }

    fn call(&self, function: &str, option: &str) -> String {
        let conditions = self.conditions.iter().map(|names| {
            let names: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
            format!("event IN ({})", names.join(", "))
        });
        let mut options = vec![];
        options.extend(self.tie.then(|| "tie: seq".to_string()));
        options.extend((!option.is_empty()).then(|| format!("which: '{option}'")));
        let options = match options.is_empty() {
            true => String::new(),
            false => format!(", {{{}}}", options.join(", ")),
        };
        let conditions: Vec<String> = conditions.collect();
        format!("{function}('{}', ts, {}{options})", self.pattern(), conditions.join(", "))
    }

    /// The visible rows of a user in order: when, and which conditions they satisfy.
    fn events(&self, user: u8) -> Vec<(i64, Vec<usize>)> {
        let mut events: Vec<(i64, i64, Vec<usize>, u64)> = Vec::new();
        for row in self.rows.iter().filter(|row| row.user == user) {
            let (Some(tick), Some(event)) = (row.tick, row.event) else {
                continue;
            };
            let met: Vec<usize> =
                (1..=self.conditions.len()).filter(|n| self.conditions[n - 1].contains(&event)).collect();
            if !met.is_empty() {
                let mask = met.iter().map(|n| 1_u64 << n).sum::<u64>();
                events.push((tick, if self.tie { row.seq } else { 0 }, met, mask));
            }
        }
        events.sort_by_key(|(tick, seq, met, mask)| (*tick, *seq, met[0], *mask));
        events.into_iter().map(|(tick, _, met, _)| (tick, met)).collect()
    }
}

/// A way to give the elements their events: the first event behind all of it, then begin and end for each element.
type Choice = (usize, Vec<(usize, usize)>);

/// All choices for `elements` in the events from `from` on.
struct Tried<'a> {
    events: &'a [(i64, Vec<usize>)],
    elements: &'a [Element],
    /// Gates between the first event of an element and the last event of another one.
    numbered: Vec<(usize, usize, Gate)>,
    choices: Vec<Choice>,
}

impl Tried<'_> {
    fn extend(&mut self, chosen: &[(usize, usize)], at: usize, gap: bool, gate: Option<Gate>, last: usize) {
        let Some(element) = self.elements.get(chosen.len()) else {
            self.end(chosen, at, gate, last);
            return;
        };
        let (next_gap, next_gate) = match element.behind {
            None => (false, None),
            Some(Behind::Gap) => (true, None),
            Some(Behind::Gate(gate) | Behind::GapAndGate(gate)) => (true, Some(gate)),
        };
        let furthest = if gap { self.events.len() } else { at };
        for begin in at..=furthest {
            for end in begin..=self.events.len() {
                let fits = end - begin <= element.max
                    && (begin..end).all(|i| passes(&element.test, &self.events[i].1));
                if !fits {
                    break;
                }
                if end - begin < element.min || gate.is_some_and(|gate| !self.holds(gate, last, begin)) {
                    continue;
                }
                let mut chosen = chosen.to_vec();
                chosen.push((begin, end));
                let last = if end > begin { end - 1 } else { last };
                self.extend(&chosen, end, next_gap, next_gate, last);
            }
        }
    }

    /// All elements have events; a gate at the end looks at one behind them.
    fn end(&mut self, chosen: &[(usize, usize)], at: usize, gate: Option<Gate>, last: usize) {
        if !self.numbered.iter().all(|(from, to, gate)| self.holds(*gate, chosen[*from].0, chosen[*to].1 - 1))
        {
            return;
        }
        let Some(gate) = gate else {
            self.choices.push((at, chosen.to_vec()));
            return;
        };
        for next in at..self.events.len() {
            if self.holds(gate, last, next) {
                self.choices.push((next, chosen.to_vec()));
            }
        }
        if at == self.events.len() && matches!(gate, ("<" | "<=", _) | (">=", 0)) {
            self.choices.push((at, chosen.to_vec()));
        }
    }

    fn holds(&self, (op, distance): Gate, from: usize, to: usize) -> bool {
        let found = self.events[to].0 - self.events[from].0;
        match op {
            "<" => found < distance,
            "<=" => found <= distance,
            ">" => found > distance,
            ">=" => found >= distance,
            "==" => found == distance,
            _ => found != distance,
        }
    }
}

fn passes(test: &Test, met: &[usize]) -> bool {
    match test {
        Test::Any => true,
        Test::OneOf(numbers) => numbers.iter().any(|n| met.contains(n)),
        Test::NoneOf(numbers) => !numbers.iter().any(|n| met.contains(n)),
    }
}

/// The choice that ends first; of those with the same end the one whose elements come first.
fn best(
    case: &Case,
    elements: &[Element],
    complete: usize,
    events: &[(i64, Vec<usize>)],
    from: usize,
) -> Option<Choice> {
    let named = case.named();
    let numbered = case.numbered.iter().map(|(a, b, gate)| (named[*a], named[*b], *gate));
    let numbered = numbered.filter(|(_, to, _)| *to < complete).collect();
    let mut tried = Tried { events, elements, numbered, choices: Vec::new() };
    tried.extend(&[], from, true, None, 0);
    tried.choices.into_iter().min()
}

fn times(case: &Case, events: &[(i64, Vec<usize>)], (_, chosen): &Choice) -> Vec<i64> {
    let named = case.named();
    let of_named = chosen.iter().enumerate().filter(|(i, _)| named.contains(i));
    of_named.flat_map(|(_, (begin, end))| events[*begin..*end].iter().map(|(tick, _)| *tick)).collect()
}

/// The times of every match, one behind the other.
fn matches(case: &Case, events: &[(i64, Vec<usize>)]) -> Vec<Vec<i64>> {
    let (mut found, mut from) = (Vec::new(), 0);
    while let Some(choice) = best(case, &case.elements, case.elements.len(), events, from) {
        found.push(times(case, events, &choice));
        from = choice.0;
    }
    found
}

/// The times of the longest part of the pattern that ends with an event of an element in brackets.
fn longest(case: &Case, events: &[(i64, Vec<usize>)]) -> Vec<i64> {
    for last in case.named().into_iter().rev() {
        let min = case.elements[last].min;
        for count in (min.min(1)..=min).rev() {
            let mut part = case.elements[..=last].to_vec();
            (part[last].min, part[last].behind) = (count, None);
            let complete = if count == min { last + 1 } else { last };
            if let Some(choice) = best(case, &part, complete, events, 0) {
                return times(case, events, &choice);
            }
        }
    }
    vec![]
}

#[test]
fn matches_are_the_best_of_all_choices() {
    // Expected: all choices of events tried; a match ends first, then begins first; the next one lies behind it.
    random(300, &cases(), |case| {
        let expected: Vec<Vec<String>> = users(&case.rows)
            .into_iter()
            .map(|user| {
                let events = case.events(user);
                let found = matches(&case, &events);
                vec![
                    format!("u{user}"),
                    (!found.is_empty()).to_string(),
                    found.len().to_string(),
                    found.len().to_string(),
                ]
            })
            .collect();
        let engine = case.layout.engine();
        case.layout.load(&engine, "t", &case.rows);
        let sql = format!(
            "SELECT u, {}, {}, coalesce(array_length({}), 0) FROM t GROUP BY u ORDER BY u",
            case.call("sequence_match", ""),
            case.call("sequence_count", ""),
            case.call("sequence_match_events_all", "")
        );
        assert_eq!(ask(&engine, &sql), expected, "{sql}");
    });
}

#[test]
fn times_are_those_of_the_matches() {
    // Expected: as above; without a match the longest beginning of the pattern that has one, all of them tried.
    random(300, &cases(), |case| {
        let expected: Vec<Vec<String>> = users(&case.rows)
            .into_iter()
            .map(|user| {
                let events = case.events(user);
                let found = matches(&case, &events);
                let (first, last) = (found.first().cloned(), found.last().cloned());
                let longest = first.clone().unwrap_or_else(|| longest(&case, &events));
                let every: Vec<i64> = found.concat();
                let mut row = vec![format!("u{user}")];
                for times in [longest, first.unwrap_or_default(), last.unwrap_or_default(), every] {
                    row.push(times.len().to_string());
                    row.extend((0..SHOWN).map(|i| times.get(i).map_or("NULL".to_string(), i64::to_string)));
                }
                row
            })
            .collect();
        let engine = case.layout.engine();
        case.layout.load(&engine, "t", &case.rows);
        let columns = ["l", "f", "b", "e"].map(|list| {
            let shown = (1..=SHOWN).map(|i| {
                format!("{} AS {list}{i}", case.layout.time.ticks(&format!("array_element({list}, {i})")))
            });
            let shown: Vec<String> = shown.collect();
            format!("coalesce(array_length({list}), 0) AS {list}0, {}", shown.join(", "))
        });
        let sql = format!(
            "SELECT u, {} FROM (SELECT u, {} l, {} f, {} b, flatten({}) e FROM t GROUP BY u) ORDER BY u",
            columns.join(", "),
            case.call("sequence_match_events", ""),
            case.call("sequence_match_events", "first"),
            case.call("sequence_match_events", "last"),
            case.call("sequence_match_events_all", "")
        );
        assert_eq!(ask(&engine, &sql), expected, "{sql}");
    });
}

/// So many times of each list are compared, besides its length.
const SHOWN: usize = 5;
