//! `window_funnel` in every mode, and its kin, against exhaustive search: every sequence of occurrences is tried, as the
//! definition says it; ClickHouse's answers against its search over every path of rows.

use std::cmp::Reverse;

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::{Layout, Row, Time, ask, in_order, layouts, random, users};

/// A funnel over a small table: names per step, modes, one window, ties and duplicates everywhere.
#[derive(Clone, Debug)]
struct Case {
    layout: Layout,
    rows: Vec<Row>,
    steps: Vec<Vec<&'static str>>,
    window: i64,
    modes: Modes,
    tie: bool,
}

fn cases() -> impl Strategy<Value = Case> {
    let row = (0u8..3, weighted(0.95, 0i64..6), weighted(0.95, select(&["a", "b", "c", "d", "x"][..])));
    let step = proptest::sample::subsequence(vec!["a", "b", "c", "d"], 1..=2);
    let modes = vec(any::<bool>(), 8);
    (
        layouts(&Time::ALL),
        vec(row, 0..18),
        vec(step, 1..5),
        select(&[0i64, 1, 2, 3, 5, 100][..]),
        modes,
        weighted(0.2, Just(())),
    )
        .prop_map(|(layout, rows, steps, window, flags, tie)| Case {
            layout,
            rows: rows
                .into_iter()
                .enumerate()
                .map(|(seq, (user, tick, event))| Row {
                    user,
                    tick,
                    // Few values, so that rows of one time and one tie meet.
                    seq: seq as i64 % 3,
                    event,
                    ..Row::default()
                })
                .collect(),
            steps,
            window,
            modes: Modes {
                deduplication: flags[0],
                order: flags[1],
                reentry: flags[1] && flags[2],
                fixed: flags[3] && flags[4],
                increase: flags[5],
                once: flags[6],
                no_skips: flags[7] && flags[4],
            },
            tie: tie.is_some(),
        })
}

impl Case {
    fn conditions(&self) -> String {
        let steps = self.steps.iter().map(|names| {
            let names: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
            format!("event IN ({})", names.join(", "))
        });
        steps.collect::<Vec<_>>().join(", ")
    }

    /// Per user the rows with a time and a name: of a row without a name all conditions are NULL.
    fn rows(&self, user: u8) -> Vec<&Row> {
        in_order(&self.rows, user).into_iter().filter(|row| row.event.is_some()).collect()
    }

    fn events(&self, user: u8) -> Vec<Event> {
        let rows = self.rows(user);
        let meets = |row: &Row| -> Vec<bool> {
            let names = self.steps.iter();
            names.map(|names| row.event.is_some_and(|event| names.contains(&event))).collect()
        };
        rows.iter()
            .map(|row| {
                let tick = row.tick.expect("in_order keeps rows with a time");
                Event { time: (tick, if self.tie { row.seq } else { 0 }), meets: meets(row) }
            })
            .collect()
    }

    /// A call of `function` with this case's arguments; `more` stands in the options.
    fn call(&self, function: &str, more: &str) -> String {
        let mut options: Vec<&str> = vec![];
        if self.tie {
            options.push("tie: seq");
        }
        if !more.is_empty() {
            options.push(more);
        }
        let options = match options.is_empty() {
            true => String::new(),
            false => format!(", {{{}}}", options.join(", ")),
        };
        format!(
            "{function}({}, {}ts, {}{options})",
            self.layout.time.span(self.window),
            self.modes.sql(),
            self.conditions()
        )
    }

    /// What `sql`, a call of `call` among its columns, gives for each user.
    fn answers(&self, columns: &str, call: &str) -> Vec<Vec<String>> {
        let engine = self.layout.engine();
        self.layout.load(&engine, "t", &self.rows);
        ask(
            &engine,
            &format!("SELECT u, {columns} FROM (SELECT u, {call} AS f FROM t GROUP BY u) ORDER BY u"),
        )
    }

    fn expect(&self, answer: impl Fn(u8) -> Vec<String>) -> Vec<Vec<String>> {
        let row = |user: u8| [vec![format!("u{user}")], answer(user)].concat();
        users(&self.rows).into_iter().map(row).collect()
    }
}

impl Modes {
    /// As arguments of a call, each with its comma.
    fn sql(&self) -> String {
        let names = [
            (self.deduplication, "strict_deduplication"),
            (self.order, "strict_order"),
            (self.reentry, "allow_reentry"),
            (self.fixed, "fixed"),
            (self.increase, "strict_increase"),
            (self.once, "strict_once"),
        ];
        let names: Vec<&str> = names.into_iter().filter(|(given, _)| *given).map(|(_, name)| name).collect();
        let text = if names.is_empty() { String::new() } else { format!("'{}', ", names.join(", ")) };
        format!("{text}{}", if self.no_skips { "2, " } else { "" })
    }
}

#[test]
fn window_funnel_is_the_longest_chain_that_counts() {
    // Expected: all sequences of occurrences tried, those kept that the modes let count; the greatest length.
    random(600, &cases(), |case| {
        let expected = case.expect(|user| {
            let chains = chains(&case.events(user), case.steps.len(), case.window, case.modes);
            vec![chains.iter().map(Vec::len).max().unwrap_or(0).to_string()]
        });
        let call = case.call("window_funnel", "");
        assert_eq!(case.answers("f", &call), expected, "{call}");
    });
}

#[test]
fn window_funnel_events_are_those_of_the_best_chain() {
    // Expected: of all chains that count the highest level, then the earliest top step, the latest entry, the earliest steps between.
    random(400, &cases(), |case| {
        let times: Vec<String> =
            (1..=4).map(|step| case.layout.time.ticks(&format!("array_element(f, {step})"))).collect();
        let expected = case.expect(|user| {
            let chains = chains(&case.events(user), case.steps.len(), case.window, case.modes);
            let best = best(&chains);
            let time = |step: usize| best.get(step).map_or("NULL".to_string(), |ts| ts.to_string());
            [vec![best.len().to_string()], (0..4).map(time).collect()].concat()
        });
        let call = case.call("window_funnel_events", "");
        let columns = format!("coalesce(array_length(f), 0), {}", times.join(", "));
        assert_eq!(case.answers(&columns, &call), expected, "{call}");
    });
}

#[test]
fn funnel_match_step_is_the_level_in_booleans() {
    // Expected: as many times true as the longest chain that counts has steps, then false.
    random(150, &cases(), |case| {
        let steps = case.steps.len();
        let expected = case.expect(|user| {
            let chains = chains(&case.events(user), steps, case.window, case.modes);
            let level = chains.iter().map(Vec::len).max().unwrap_or(0);
            let flags: Vec<&str> = (0..steps).map(|i| if i < level { "true" } else { "false" }).collect();
            vec![format!("[{}]", flags.join(", "))]
        });
        let call = case.call("funnel_match_step", "");
        assert_eq!(case.answers("f", &call), expected, "{call}");
    });
}

#[test]
fn clickhouse_mode_is_its_search() {
    // Expected: ClickHouse's scan over (time, step, arrival) with every path kept; rows with a NULL condition are dropped.
    random(600, &cases(), |case| {
        let case = Case {
            modes: Modes { fixed: false, no_skips: false, ..case.modes },
            // Arrival decides between rows of one step under these two modes; a unique tie column names it.
            tie: case.modes.once && case.modes.deduplication,
            rows: case
                .rows
                .iter()
                .enumerate()
                .map(|(seq, row)| Row { seq: seq as i64, ..row.clone() })
                .collect(),
            ..case
        };
        let expected = case.expect(|user| {
            let events = case.events(user);
            vec![clickhouse(&events, case.steps.len(), case.window, case.modes).to_string()]
        });
        let call = case.call("windowFunnel", "compatibility: 'clickhouse'");
        assert_eq!(case.answers("f", &call), expected, "{call}");
    });
}

#[test]
fn funnel_complete_count_is_the_most_chains_in_a_row() {
    // Expected: the first moment at which some full chain that counts ends, then the same from later events on, and so on.
    random(300, &cases(), |case| {
        let modes = Modes { once: true, ..case.modes };
        let expected = case.expect(|user| {
            let (mut events, mut count) = (case.events(user), 0);
            loop {
                let end = full_chains(&events, case.steps.len(), case.window, modes).min();
                let Some(end) = end else {
                    return vec![count.to_string()];
                };
                count += 1;
                events.retain(|event| event.time > end);
            }
        });
        let call = case.call("funnel_complete_count", "");
        assert_eq!(case.answers("f", &call), expected, "{call}");
    });
}

#[test]
fn funnel_count_runs_follows_each_run_to_its_end() {
    // Expected: one run after the other, its chains tried exhaustively; it ends as the definition says.
    let cases = (cases(), select(&["a", "b", "x"][..]), 1usize..4, 1usize..4);
    random(400, &cases, |(case, excluded, from, length)| {
        let steps = case.steps.len();
        let (from, to) = (from, from + length);
        let excludes = to <= steps;
        let modes = Modes { once: true, ..case.modes };
        let expected = case.expect(|user| {
            let events = case.events(user);
            let rows = case.rows(user);
            let mut exclusions = vec![];
            for (event, row) in events.iter().zip(&rows) {
                if excludes && row.event == Some(excluded) {
                    exclusions.push(event.time);
                }
            }
            let (entries, conversions) = runs(&events, steps, case.window, modes, &exclusions, from..to);
            vec![entries.to_string(), conversions.to_string()]
        });
        let exclude = match excludes {
            true => format!("exclude: [{{when: event = '{excluded}', from: {from}, to: {to}}}]"),
            false => String::new(),
        };
        let call = case.call("funnel_count_runs", &exclude);
        assert_eq!(case.answers("f['entries'], f['conversions']", &call), expected, "{call}");
    });
}

// ── The definition ──────────────────────────────────────────────────────────────────────────────────────────────────────

/// When an event happened: its tick, and its tie value where there is one.
type Moment = (i64, i64);

#[derive(Clone, Debug)]
struct Event {
    time: Moment,
    meets: Vec<bool>,
}

#[derive(Clone, Copy, Debug)]
struct Modes {
    deduplication: bool,
    order: bool,
    reentry: bool,
    fixed: bool,
    increase: bool,
    once: bool,
    /// StarRocks' number 2.
    no_skips: bool,
}

/// An event as one of the steps it satisfies, counted from 1; as 0 when it satisfies none.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Occurrence {
    time: Moment,
    step: usize,
    event: usize,
}

impl Occurrence {
    fn place(&self) -> (Moment, usize) {
        (self.time, self.step)
    }
}

fn occurrences(events: &[Event]) -> Vec<Occurrence> {
    let mut all = vec![];
    for (event, Event { time, meets }) in events.iter().enumerate() {
        let steps: Vec<usize> = (1..=meets.len()).filter(|step| meets[step - 1]).collect();
        let steps = if steps.is_empty() { vec![0] } else { steps };
        all.extend(steps.into_iter().map(|step| Occurrence { time: *time, step, event }));
    }
    all
}

/// The times of every chain that counts.
fn chains(events: &[Event], steps: usize, window: i64, modes: Modes) -> Vec<Vec<Moment>> {
    let all = occurrences(events);
    let mut found = vec![];
    for entry in all.iter().filter(|occurrence| occurrence.step == 1) {
        extend(&all, &mut vec![*entry], steps, window, modes, &mut found);
    }
    found
}

fn extend(
    all: &[Occurrence],
    chain: &mut Vec<Occurrence>,
    steps: usize,
    window: i64,
    modes: Modes,
    found: &mut Vec<Vec<Moment>>,
) {
    found.push(chain.iter().map(|occurrence| occurrence.time).collect());
    if chain.len() == steps {
        return;
    }
    for next in all {
        if next.time.0 - chain[0].time.0 <= window && may_follow(all, chain, next, modes) {
            chain.push(*next);
            extend(all, chain, steps, window, modes, found);
            chain.pop();
        }
    }
}

/// Whether `next` goes on with the chain, its window aside.
fn may_follow(all: &[Occurrence], chain: &[Occurrence], next: &Occurrence, modes: Modes) -> bool {
    let level = chain.len();
    let last = &chain[level - 1];
    let takes = |occurrence: &Occurrence| {
        occurrence.step == level + 1
            && occurrence.place() > last.place()
            && !(modes.increase && occurrence.time <= last.time)
            && !(modes.once && chain.iter().any(|taken| taken.event == occurrence.event))
    };
    takes(next)
        && all.iter().all(|other| {
            let between = other.place() > last.place() && other.place() < next.place();
            let from_to = other.place() >= last.place() && other.place() <= next.place();
            let stranger = modes.order && between && other.step == 0;
            let skip =
                (modes.no_skips || (modes.order && !modes.reentry)) && between && other.step > level + 1;
            let no_neighbour = modes.fixed && between && other.step > 0;
            let repeat = from_to && (2..=level).contains(&other.step) && other != last;
            let missed = between && takes(other);
            !(stranger || skip || no_neighbour || (modes.deduplication && (repeat || missed)))
        })
}

/// The ticks of the best chain, empty without one.
fn best(chains: &[Vec<Moment>]) -> Vec<i64> {
    let ticks = |chain: &[Moment]| chain.iter().map(|time| time.0).collect::<Vec<i64>>();
    let best = chains.iter().max_by_key(|chain| {
        let between: Vec<i64> = chain.iter().map(|time| -time.0).collect();
        (chain.len(), Reverse(chain[chain.len() - 1]), chain[0].0, between)
    });
    best.map(|chain| ticks(chain)).unwrap_or_default()
}

/// When each full chain ends.
fn full_chains(events: &[Event], steps: usize, window: i64, modes: Modes) -> impl Iterator<Item = Moment> {
    let chains = chains(events, steps, window, modes).into_iter();
    chains.filter(move |chain| chain.len() == steps).map(move |chain| chain[steps - 1])
}

/// Entries and conversions of one run after the other.
fn runs(
    events: &[Event],
    steps: usize,
    window: i64,
    modes: Modes,
    exclusions: &[Moment],
    span: std::ops::Range<usize>,
) -> (usize, usize) {
    let mut times: Vec<Moment> = events.iter().map(|event| event.time).collect();
    times.sort_unstable();
    times.dedup();
    let (mut entries, mut conversions, mut at) = (0, 0, 0);
    while at < times.len() {
        let start = times[at];
        if !events.iter().any(|event| event.time == start && event.meets[0]) {
            at += 1;
            continue;
        }
        entries += 1;
        // What the run sees: its entries are those of its start.
        let all: Vec<Occurrence> = occurrences(events).into_iter().filter(|o| o.time >= start).collect();
        let mut chains = vec![];
        for entry in all.iter().filter(|o| o.step == 1 && o.time == start) {
            walk(&all, &mut vec![*entry], steps, window, modes, &mut chains);
        }
        let level = |until: Moment| {
            let chains = chains.iter().filter(|chain| chain[chain.len() - 1].time <= until);
            chains.map(Vec::len).max().unwrap_or(0)
        };
        // Whether a step right after `now` could go on with a chain, if it came in time.
        let goes_on = |now: Moment| {
            let seen: Vec<Occurrence> = all.iter().copied().filter(|o| o.time <= now).collect();
            let chains = chains.iter().filter(|chain| chain[chain.len() - 1].time <= now);
            chains.clone().filter(|chain| chain.len() < steps).any(|chain| {
                let next = Occurrence { time: (now.0, i64::MAX), step: chain.len() + 1, event: usize::MAX };
                may_follow(&seen, chain, &next, modes)
            })
        };
        let mut before = 0;
        while let Some(&now) = times.get(at) {
            if now.0 - start.0 > window {
                break;
            }
            let reached = level(now);
            if reached == steps {
                conversions += 1;
                at += 1;
                break;
            }
            if !goes_on(now) {
                // The event that violates may start the next run, unless it started this one.
                at += usize::from(now == start);
                break;
            }
            if now != start && reached == before && span.contains(&reached) && exclusions.contains(&now) {
                at += 1;
                break;
            }
            before = reached;
            at += 1;
        }
    }
    (entries, conversions)
}

/// Every chain from one entry.
fn walk(
    all: &[Occurrence],
    chain: &mut Vec<Occurrence>,
    steps: usize,
    window: i64,
    modes: Modes,
    found: &mut Vec<Vec<Occurrence>>,
) {
    found.push(chain.clone());
    for next in all {
        if chain.len() < steps
            && next.time.0 - chain[0].time.0 <= window
            && may_follow(all, chain, next, modes)
        {
            chain.push(*next);
            walk(all, chain, steps, window, modes, found);
            chain.pop();
        }
    }
}

/// ClickHouse's search: one scan over (time, step, arrival) that keeps every path and ends at the first violation.
fn clickhouse(events: &[Event], steps: usize, window: i64, modes: Modes) -> usize {
    let mut all = occurrences(events);
    all.retain(|occurrence| occurrence.step > 0 || modes.order);
    // Arrival is the tie column where there is one; in `time.1`.
    all.sort_by_key(|occurrence| (occurrence.time.0, occurrence.step, occurrence.time.1));
    let mut levels: Vec<Vec<Vec<Occurrence>>> = vec![vec![]; steps];
    let reached =
        |levels: &[Vec<Vec<Occurrence>>]| levels.iter().take_while(|level| !level.is_empty()).count();
    for occurrence in all {
        let Some(step) = occurrence.step.checked_sub(1) else {
            if !levels[0].is_empty() {
                break;
            }
            continue;
        };
        if step == 0 {
            if !modes.once {
                levels[0].clear();
            }
            levels[0].push(vec![occurrence]);
        } else if modes.deduplication && !levels[step].is_empty() {
            break;
        } else if levels[step - 1].is_empty() {
            if modes.order && !levels[0].is_empty() && !modes.reentry {
                break;
            }
        } else {
            let paths: Vec<Vec<Occurrence>> = levels[step - 1]
                .iter()
                .filter(|path| {
                    let (first, last) = (&path[0], &path[step - 1]);
                    occurrence.time.0 - first.time.0 <= window
                        && !(modes.increase && last.time.0 >= occurrence.time.0)
                        && !(modes.once && path.iter().any(|taken| taken.event == occurrence.event))
                })
                .map(|path| path.iter().copied().chain([occurrence]).collect())
                .collect();
            // Without strict_once a level holds one path, the newest.
            if !modes.once && !paths.is_empty() {
                levels[step].clear();
            }
            levels[step].extend(paths);
            if reached(&levels) == steps {
                break;
            }
        }
    }
    reached(&levels)
}
