//! `funnel` under its options against exhaustive search: every chain of rows is tried, as the reference says it.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::support::{Layout, Row, Time, ask, in_order, layouts, random, users};

const NAMES: [&str; 4] = ["a", "b", "c", "x"];

/// One call over a small table with ties, duplicates and NULLs everywhere.
#[derive(Clone, Debug)]
struct Case {
    layout: Layout,
    rows: Vec<Row>,
    steps: Vec<Vec<&'static str>>,
    window: Option<i64>,
    window_open: bool,
    order: &'static str,
    entry: &'static str,
    step_windows: Vec<Option<i64>>,
    /// Steps from 0.
    optional: Vec<usize>,
    exclude: Vec<Exclusion>,
    hold: bool,
    attribution: Option<&'static str>,
    grace: i64,
    tie: bool,
    dwell: bool,
}

#[derive(Clone, Debug)]
struct Exclusion {
    name: &'static str,
    from: usize,
    to: usize,
}

/// A row as a funnel sees it.
#[derive(Clone, Debug)]
struct Event {
    ts: i64,
    /// Its time among the user's times; with a tie column each row has its own.
    place: usize,
    seq: i64,
    meets: Vec<bool>,
    excluded: Vec<bool>,
    hold: Option<&'static str>,
    breakdown: Option<&'static str>,
}

/// What is expected of a user.
#[derive(Clone, Debug, Default, PartialEq)]
struct Answer {
    level: usize,
    excluded: bool,
    /// Per step, or in any order by time: when, in ticks.
    times: Vec<Option<i64>>,
    dwell: Option<i64>,
    breakdown: Option<String>,
    breakdowns: Option<Vec<(String, usize)>>,
}

fn cases() -> impl Strategy<Value = Case> {
    let row = (
        0u8..3,
        weighted(0.95, -2i64..9),
        weighted(0.9, select(&NAMES[..])),
        weighted(0.8, select(&["p", "q"][..])),
        weighted(0.8, select(&["red", "blue", "ant"][..])),
    );
    let step = subsequence(vec!["a", "b", "c"], 1..=2);
    let call = (
        vec(step, 1..5),
        weighted(0.7, 0i64..8),
        any::<bool>(),
        select(&["ordered", "ordered", "ordered", "strict", "exact", "any"][..]),
        select(&["best", "best", "first", "last"][..]),
        weighted(0.3, vec(weighted(0.7, 0i64..5), 3)),
        weighted(0.4, subsequence(vec![1usize, 2, 3], 0..3)),
        vec((select(&NAMES[..]), 0usize..3, 1usize..4), 0..3),
    );
    let more = (
        weighted(0.3, Just(true)),
        weighted(0.4, select(&["first", "last_touch", "step_2", "all"][..])),
        weighted(0.3, 1i64..4),
        weighted(0.2, Just(true)),
        any::<bool>(),
    );
    (layouts(&Time::ALL), vec(row, 0..16), call, more).prop_map(|(layout, rows, call, more)| {
        let (steps, window, window_open, order, entry, step_windows, optional, exclude) = call;
        let (hold, attribution, grace, tie, dwell) = more;
        let any = order == "any";
        let count = steps.len();
        let optional: Vec<usize> =
            optional.into_iter().flatten().filter(|step| *step < count && !any).collect();
        let required: Vec<usize> = (0..count).filter(|step| !optional.contains(step)).collect();
        let exclude = exclude.into_iter().filter_map(|(name, from, length)| {
            let to = required.get(from + length).filter(|_| !any)?;
            Some(Exclusion { name, from: required[from], to: *to })
        });
        Case {
            layout,
            rows: rows
                .into_iter()
                .enumerate()
                .map(|(seq, (user, tick, event, page, key))| Row {
                    user,
                    tick,
                    seq: seq as i64,
                    event,
                    page,
                    key,
                    ..Row::default()
                })
                .collect(),
            exclude: exclude.collect(),
            optional,
            window_open: window_open && window.is_some_and(|window| window > 0),
            window,
            order,
            entry: if any && entry == "last" { "best" } else { entry },
            step_windows: match step_windows {
                Some(limits) if !any && limits[..count - 1].iter().any(Option::is_some) => {
                    limits[..count - 1].to_vec()
                }
                _ => vec![],
            },
            grace: if order == "ordered" { grace.unwrap_or(0) } else { 0 },
            steps,
            hold: hold.is_some(),
            attribution,
            tie: tie.is_some(),
            dwell,
        }
    })
}

#[test]
fn funnel_is_the_best_chain_that_keeps_every_rule() {
    // Expected: all choices of different rows tried against the rules of the reference, the best by its definition of best.
    random(600, &cases(), |case| {
        let engine = case.layout.engine();
        case.layout.load(&engine, "t", &case.rows);
        let sql = case.sql();
        let found = ask(&engine, &sql);
        assert_eq!(found.len(), users(&case.rows).len(), "{sql}");
        for (row, user) in found.iter().zip(users(&case.rows)) {
            let events = case.events(user);
            let expected = case.expected(&events);
            assert_eq!(row[0], format!("u{user}"));
            let mut row = row.clone();
            if case.attribution() == Some("step_2") {
                case.check_step_2(&row[3], &row[15..], &events);
                row[3] = "NULL".to_string();
            }
            assert_eq!(row[1..15], case.text(&expected), "user {user}: {expected:?}\n{sql}\n{events:#?}");
            case.check_ids(&row[15..], &expected, &events);
        }
    });
}

impl Case {
    fn sql(&self) -> String {
        let time = self.layout.time;
        let steps: Vec<String> = self.steps.iter().map(|names| one_of(names)).collect();
        let mut options = vec!["ids: seq".to_string()];
        let mut option = |name: &str, value: String| options.push(format!("{name}: {value}"));
        if let Some(window) = self.window {
            option("window", time.span(window));
        }
        if self.window_open {
            option("window_open", "true".to_string());
        }
        option("order", format!("'{}'", self.order));
        option("entry", format!("'{}'", self.entry));
        if !self.step_windows.is_empty() {
            let limits = self.step_windows.iter();
            let limits: Vec<String> =
                limits.map(|limit| limit.map_or("NULL".to_string(), |limit| time.span(limit))).collect();
            option("step_windows", format!("[{}]", limits.join(", ")));
        }
        if !self.optional.is_empty() {
            let numbers: Vec<String> = self.optional.iter().map(|step| (step + 1).to_string()).collect();
            option("optional", format!("[{}]", numbers.join(", ")));
        }
        if !self.exclude.is_empty() {
            let items: Vec<String> = self
                .exclude
                .iter()
                .map(|e| format!("{{when: event = '{}', from: {}, to: {}}}", e.name, e.from + 1, e.to + 1))
                .collect();
            option("exclude", format!("[{}]", items.join(", ")));
        }
        if self.hold {
            option("hold", "page".to_string());
        }
        if let Some(attribution) = self.attribution() {
            option("breakdown", "key".to_string());
            option("attribution", format!("'{attribution}'"));
        }
        if self.grace > 0 {
            option("grace", time.span(self.grace));
        }
        if self.tie {
            option("tie", "seq".to_string());
        }
        if self.dwell {
            option("dwell", "true".to_string());
        }
        let clock = Time::CLOCKS.contains(&time);
        let mut columns =
            vec!["f['level']".to_string(), "f['excluded']".to_string(), "f['breakdown']".to_string()];
        columns.push(match clock {
            true => "f['dwell_after_drop_ms']".to_string(),
            false => "NULL AS dwell".to_string(),
        });
        columns.extend((1..=4).map(|i| time.ticks(&format!("array_element(f['times'], {i})"))));
        columns.extend((1..=3).map(|i| match clock {
            true => format!("array_element(f['durations_ms'], {i})"),
            false => format!("NULL AS none_{i}"),
        }));
        columns.extend((1..=3).map(|i| {
            format!("f['breakdowns'][{i}]['value'] || ' ' || CAST(f['breakdowns'][{i}]['level'] AS VARCHAR)")
        }));
        columns.extend((1..=4).map(|i| format!("array_element(f['ids'], {i})")));
        format!(
            "SELECT u, {} FROM (SELECT u, funnel(ts, [{}], {{{}}}) f FROM t GROUP BY u) ORDER BY u",
            columns.join(", "),
            steps.join(", "),
            options.join(", ")
        )
    }

    /// The columns of [`Self::sql`] after the user, up to the ids.
    fn text(&self, answer: &Answer) -> Vec<String> {
        let text = |value: Option<String>| value.unwrap_or("NULL".to_string());
        let number = |value: Option<i64>| text(value.map(|value| value.to_string()));
        let clock = |value: Option<i64>| number(value.filter(|_| Time::CLOCKS.contains(&self.layout.time)));
        let mut row = vec![answer.level.to_string()];
        row.push(text((!self.exclude.is_empty()).then(|| answer.excluded.to_string())));
        row.push(text(answer.breakdown.clone()));
        row.push(clock(answer.dwell.map(|ticks| ticks * 1000)));
        row.extend((0..4).map(|i| number(answer.times.get(i).copied().flatten())));
        row.extend((1..4).map(|i| {
            let ts = answer.times.get(i).copied().flatten();
            let before = answer.times[..i.min(answer.times.len())].iter().flatten().next_back();
            clock(ts.zip(before).map(|(ts, before)| (ts - before) * 1000))
        }));
        row.extend((0..3).map(|i| {
            let value = answer.breakdowns.as_ref().and_then(|all| all.get(i));
            text(value.map(|(value, level)| format!("{value} {level}")))
        }));
        row
    }

    /// The ids are those of different rows, each of the step and time it stands for.
    fn check_ids(&self, ids: &[String], answer: &Answer, events: &[Event]) {
        let mut steps: Vec<Vec<usize>> = vec![];
        let mut used: Vec<&Event> = vec![];
        for (i, id) in ids.iter().enumerate() {
            let Some(ts) = answer.times.get(i).copied().flatten() else {
                assert_eq!(id, "NULL");
                continue;
            };
            let event = events.iter().find(|event| event.seq.to_string() == *id).expect("an id of this user");
            assert_eq!(event.ts, ts);
            assert!(used.iter().all(|other| other.seq != event.seq), "{ids:?}");
            used.push(event);
            let meets = (0..self.steps.len()).filter(|step| event.meets[*step]);
            steps.push(if self.order == "any" {
                meets.collect()
            } else {
                meets.filter(|s| *s == i).collect()
            });
        }
        assert!(can_differ(&steps, &mut vec![]), "{ids:?}");
        assert!(!self.hold || used.iter().all(|event| event.hold == used[0].hold && event.hold.is_some()));
    }

    /// The value of step 2 is that of the row that filled it; in any order a row that can have filled it.
    fn check_step_2(&self, value: &str, ids: &[String], events: &[Event]) {
        let of_id = |id: &String| events.iter().find(|event| event.seq.to_string() == *id);
        let name = |event: &Event| event.breakdown.unwrap_or("NULL").to_string();
        if self.order == "any" {
            let mut rows = ids.iter().filter_map(of_id).filter(|event| event.meets[1]);
            assert!(value == "NULL" || rows.any(|event| name(event) == value), "{value}: {ids:?}");
        } else {
            assert_eq!(value, of_id(&ids[1]).map_or("NULL".to_string(), name));
        }
    }

    fn attribution(&self) -> Option<&'static str> {
        self.attribution.filter(|word| *word != "step_2" || self.steps.len() > 1)
    }

    /// The rows of a user, ascending in time; those of one time by what decides among them.
    fn events(&self, user: u8) -> Vec<Event> {
        let mut events: Vec<Event> = in_order(&self.rows, user)
            .into_iter()
            .map(|row| Event {
                ts: row.tick.expect("in_order keeps rows with a time"),
                place: 0,
                seq: row.seq,
                meets: self
                    .steps
                    .iter()
                    .map(|names| row.event.is_some_and(|event| names.contains(&event)))
                    .collect(),
                excluded: self.exclude.iter().map(|exclusion| row.event == Some(exclusion.name)).collect(),
                hold: row.page,
                breakdown: row.key,
            })
            .collect();
        let mut place = 0;
        for i in 1..events.len() {
            place += usize::from(events[i].ts != events[i - 1].ts || self.tie);
            events[i].place = place;
        }
        let conditions = |event: &Event| -> u64 {
            let all = event.meets.iter().chain(&event.excluded).enumerate();
            all.map(|(bit, is)| u64::from(*is) << bit).sum()
        };
        let lowest = |mask: u64| if mask == 0 { 0 } else { mask.trailing_zeros() + 1 };
        events.sort_by_key(|event| {
            let mask = conditions(event);
            let held = if self.hold { event.hold } else { None };
            (event.place, lowest(mask), mask, event.breakdown, held, event.seq)
        });
        events
    }

    fn expected(&self, events: &[Event]) -> Answer {
        let steps = |event: &&Event| event.meets.contains(&true) && event.breakdown.is_some();
        let attribution = self.attribution();
        let value = |event: Option<&Event>| event.and_then(|event| event.breakdown).map(str::to_string);
        if attribution == Some("all") {
            let mut values: Vec<&str> = events.iter().filter(steps).filter_map(|e| e.breakdown).collect();
            values.sort_unstable();
            values.dedup();
            let answers: Vec<(&str, Best)> = values
                .into_iter()
                .map(|value| {
                    let own: Vec<Event> =
                        events.iter().filter(|event| event.breakdown == Some(value)).cloned().collect();
                    (value, self.best(&own))
                })
                .collect();
            let levels = answers.iter().map(|(value, best)| (value.to_string(), best.level())).collect();
            // The first of equal ones: values ascend.
            let best = answers.iter().rev().max_by_key(|(_, best)| best.rank());
            let mut answer = match best {
                Some((value, best)) if best.level() > 0 => {
                    Answer { breakdown: Some(value.to_string()), ..self.answer(best, events) }
                }
                _ => Answer::default(),
            };
            answer.excluded = answer.level == 0 && answers.iter().any(|(_, best)| best.removed);
            answer.breakdowns = Some(levels);
            return answer;
        }
        let best = self.best(events);
        let breakdown = match attribution {
            Some("first") => value(events.iter().find(steps)),
            Some("last_touch") => value(events.iter().rev().find(steps)),
            _ => None,
        };
        let answer = self.answer(&best, events);
        // The event of step 2 may be one of several of a time: `check_step_2` looks at the one that was taken.
        Answer { breakdown, ..answer }
    }

    fn answer(&self, best: &Best, events: &[Event]) -> Answer {
        if best.level() == 0 {
            return Answer { excluded: best.removed, ..Answer::default() };
        }
        let mut times: Vec<Option<i64>> = vec![];
        for (step, place) in &best.taken {
            if self.order != "any" {
                times.resize(*step, None);
            }
            times.push(events.iter().find(|event| event.place == *place).map(|event| event.ts));
        }
        let entry = best.entry_ts(events);
        let last = times.iter().flatten().max().copied().unwrap_or(entry);
        let complete = best.level() == self.required().len();
        let end = events.iter().map(|event| event.ts).filter(|ts| self.in_window(entry, *ts)).max();
        let dwell = end.filter(|_| self.dwell && !complete).map(|end| end.max(last) - last);
        Answer { level: best.level(), times, dwell, ..Answer::default() }
    }

    fn required(&self) -> Vec<usize> {
        (0..self.steps.len()).filter(|step| !self.optional.contains(step)).collect()
    }

    fn in_window(&self, entry: i64, ts: i64) -> bool {
        match self.window {
            None => true,
            Some(window) if self.window_open => ts - entry < window,
            Some(window) => ts - entry <= window,
        }
    }

    /// The best chain of these rows.
    fn best(&self, events: &[Event]) -> Best {
        match self.order {
            "any" => self.best_in_any_order(events),
            _ => self.best_in_order(events),
        }
    }

    /// The places at which a chain may begin, `None` for all; `counts` says which rows are an entry.
    fn entry_place(&self, events: &[Event], counts: impl Fn(&Event) -> bool) -> Option<usize> {
        let mut entries = events.iter().filter(|event| counts(event) && (!self.hold || event.hold.is_some()));
        match self.entry {
            "first" => entries.next().map(|event| event.place),
            "last" => entries.next_back().map(|event| event.place),
            _ => None,
        }
    }

    fn best_in_order(&self, events: &[Event]) -> Best {
        let required = self.required();
        let entry = self.entry_place(events, |event| event.meets[0]);
        let mut chains: Vec<Vec<usize>> = vec![];
        self.walk(events, &required, entry, &mut vec![], &mut chains);
        let level = chains.iter().map(Vec::len).max().unwrap_or(0);
        let clean = chains
            .iter()
            .filter(|chain| chain.len() == level && self.is_clean(events, &required, chain))
            .max_by_key(|chain| {
                let places: Vec<i64> = chain.iter().map(|row| -(events[*row].place as i64)).collect();
                let hold = events[chain[0]].hold.filter(|_| self.hold);
                (places[level - 1], -places[0], places, std::cmp::Reverse(hold))
            });
        let Some(chain) = clean else {
            return Best { removed: level > 0, ..Best::default() };
        };
        let places = chain.iter().zip(&required).map(|(row, step)| (*step, events[*row].place));
        let mut taken: Vec<(usize, usize)> = places.collect();
        for step in &self.optional {
            self.take_optional(events, &required, chain, *step, &mut taken);
        }
        taken.sort_unstable();
        let order = chain.iter().map(|row| -(events[*row].place as i64)).collect();
        let (entry, top) = (events[chain[0]].place, events[chain[level - 1]].place);
        Best { required: level, taken, entry, top, order, removed: false }
    }

    /// Every chain of rows for the required steps, whatever is excluded.
    fn walk(
        &self,
        events: &[Event],
        required: &[usize],
        entry: Option<usize>,
        chain: &mut Vec<usize>,
        found: &mut Vec<Vec<usize>>,
    ) {
        if !chain.is_empty() {
            found.push(chain.clone());
        }
        if chain.len() == required.len() {
            return;
        }
        for row in 0..events.len() {
            if !chain.contains(&row) && self.follows(events, required, entry, chain, row) {
                chain.push(row);
                self.walk(events, required, entry, chain, found);
                chain.pop();
            }
        }
    }

    fn follows(
        &self,
        events: &[Event],
        required: &[usize],
        entry: Option<usize>,
        chain: &[usize],
        row: usize,
    ) -> bool {
        let (event, step) = (&events[row], required[chain.len()]);
        if !event.meets[step] || (self.hold && event.hold.is_none()) {
            return false;
        }
        let (Some(first), Some(last)) = (chain.first(), chain.last()) else {
            return entry.is_none_or(|place| place == event.place);
        };
        let (first, last) = (&events[*first], &events[*last]);
        let in_order = chain.iter().zip(required).all(|(earlier, earlier_step)| {
            let earlier = &events[*earlier];
            let graceful = self.grace > 0 && !self.linked(events, event.hold, *earlier_step, step);
            match graceful {
                true => earlier.ts <= event.ts + self.grace,
                false => earlier.place <= event.place,
            }
        });
        let limit = self.step_windows.get(step - 1).copied().flatten();
        in_order
            && (!self.hold || event.hold == first.hold)
            && self.in_window(first.ts, event.ts)
            && limit.is_none_or(|limit| event.ts - last.ts <= limit)
            && self.nothing_between(events, last.place, event.place, required[chain.len() - 1] + 1..=step)
    }

    /// Whether one row meets both steps, or each of them with steps that are so linked.
    fn linked(&self, events: &[Event], hold: Option<&str>, a: usize, b: usize) -> bool {
        let mut family = vec![a];
        while let Some(step) = (0..self.steps.len()).find(|step| {
            !family.contains(step)
                && !self.optional.contains(step)
                && events.iter().any(|event| {
                    (!self.hold || event.hold == hold)
                        && event.meets[*step]
                        && family.iter().any(|other| event.meets[*other])
                })
        }) {
            family.push(step);
        }
        family.contains(&b)
    }

    /// In strict and exact order: nothing but rows of `steps` strictly between two places.
    fn nothing_between(
        &self,
        events: &[Event],
        from: usize,
        to: usize,
        steps: std::ops::RangeInclusive<usize>,
    ) -> bool {
        events.iter().filter(|event| event.place > from && event.place < to).all(|event| match self.order {
            "strict" => event.meets[steps.clone()].contains(&true),
            "exact" => !event.meets.contains(&true) || event.meets[steps.clone()].contains(&true),
            _ => true,
        })
    }

    fn is_clean(&self, events: &[Event], required: &[usize], chain: &[usize]) -> bool {
        let taken = |step: usize| {
            let place = required.iter().position(|required| *required == step).expect("a required step");
            chain.get(place).map(|row| &events[*row])
        };
        self.exclude.iter().enumerate().all(|(i, exclusion)| {
            let Some(from) = taken(exclusion.from) else {
                return true;
            };
            let concerns = |event: &&Event| {
                event.excluded[i]
                    && event.place > from.place
                    && (!self.hold || event.hold.is_none() || event.hold == from.hold)
            };
            events.iter().filter(concerns).all(|event| match taken(exclusion.to) {
                Some(to) => event.place >= to.place,
                None => !self.in_window(events[chain[0]].ts, event.ts),
            })
        })
    }

    /// The earliest place that an optional step can take beside the steps that are taken.
    fn take_optional(
        &self,
        events: &[Event],
        required: &[usize],
        chain: &[usize],
        step: usize,
        taken: &mut Vec<(usize, usize)>,
    ) {
        let next = required.iter().position(|required| *required > step).unwrap_or(required.len());
        if next > chain.len() {
            return;
        }
        let before = &events[chain[next - 1]];
        let floor = taken.iter().filter(|(other, _)| *other < step).map(|(_, place)| *place).max();
        let last_step = required.get(next).copied().unwrap_or(self.steps.len() - 1);
        let limit = self.step_windows.get(step - 1).copied().flatten();
        let fits = |event: &&Event| {
            event.meets[step]
                && Some(event.place) >= floor
                && self.in_window(events[chain[0]].ts, event.ts)
                && limit.is_none_or(|limit| event.ts - before.ts <= limit)
                && match chain.get(next) {
                    Some(next) => event.place <= events[*next].place,
                    None => self.nothing_between(
                        events,
                        before.place,
                        event.place,
                        required[next - 1] + 1..=last_step,
                    ),
                }
                && {
                    let mut all = taken.clone();
                    all.push((step, event.place));
                    let rows: Vec<Vec<usize>> = all
                        .iter()
                        .map(|(step, place)| {
                            let rows = events.iter().enumerate().filter(|(_, event)| {
                                event.meets[*step]
                                    && event.place == *place
                                    && (!self.hold || event.hold == events[chain[0]].hold)
                            });
                            rows.map(|(row, _)| row).collect()
                        })
                        .collect();
                    can_differ(&rows, &mut vec![])
                }
        };
        let own = events.iter().filter(|event| !self.hold || event.hold == events[chain[0]].hold);
        if let Some(place) = own.filter(fits).map(|event| event.place).min() {
            taken.push((step, place));
        }
    }

    /// Every choice of different rows for some of the steps, all in the window of the first of them.
    fn best_in_any_order(&self, events: &[Event]) -> Best {
        let entry = self.entry_place(events, |event| event.meets.contains(&true));
        let mut chains: Vec<Vec<usize>> = vec![];
        choose(events, self.steps.len(), 0, &mut vec![], &mut chains);
        let best = chains
            .into_iter()
            .filter(|rows| {
                let first = &events[rows[0]];
                entry.is_none_or(|place| place == first.place)
                    && rows.iter().all(|row| {
                        let event = &events[*row];
                        (event.place == first.place || self.in_window(first.ts, event.ts))
                            && (!self.hold || (event.hold.is_some() && event.hold == first.hold))
                    })
            })
            .max_by_key(|rows| {
                let places: Vec<i64> = rows.iter().map(|row| events[*row].place as i64).collect();
                let sign = if self.entry == "first" { -1 } else { 1 };
                let between: Vec<i64> = places.iter().map(|place| sign * place).collect();
                let hold = events[rows[0]].hold.filter(|_| self.hold);
                (rows.len(), -places[places.len() - 1], places[0], between, std::cmp::Reverse(hold))
            });
        let Some(rows) = best else {
            return Best::default();
        };
        let sign = if self.entry == "first" { -1 } else { 1 };
        Best {
            required: rows.len(),
            taken: rows.iter().map(|row| (0, events[*row].place)).collect(),
            entry: events[rows[0]].place,
            top: events[rows[rows.len() - 1]].place,
            order: rows.iter().map(|row| sign * events[*row].place as i64).collect(),
            removed: false,
        }
    }
}

/// The best chain of some rows: steps and places.
#[derive(Clone, Debug, Default)]
struct Best {
    required: usize,
    taken: Vec<(usize, usize)>,
    entry: usize,
    top: usize,
    /// The places of the required steps, so that greater is better.
    order: Vec<i64>,
    removed: bool,
}

impl Best {
    fn level(&self) -> usize {
        self.required
    }

    /// Greater is better.
    fn rank(&self) -> (usize, std::cmp::Reverse<usize>, usize, &[i64]) {
        (self.required, std::cmp::Reverse(self.top), self.entry, &self.order)
    }

    fn entry_ts(&self, events: &[Event]) -> i64 {
        events.iter().find(|event| event.place == self.entry).expect("the entry is a row").ts
    }
}

/// Rows for steps `step` and on, in the order of time.
fn choose(events: &[Event], steps: usize, step: usize, chosen: &mut Vec<usize>, found: &mut Vec<Vec<usize>>) {
    if step == steps {
        if !chosen.is_empty() {
            let mut rows = chosen.clone();
            rows.sort_by_key(|row| events[*row].place);
            found.push(rows);
        }
        return;
    }
    choose(events, steps, step + 1, chosen, found);
    for row in 0..events.len() {
        if events[row].meets[step] && !chosen.contains(&row) {
            chosen.push(row);
            choose(events, steps, step + 1, chosen, found);
            chosen.pop();
        }
    }
}

/// Whether a different one can be picked from each list.
fn can_differ(lists: &[Vec<usize>], picked: &mut Vec<usize>) -> bool {
    let Some((first, rest)) = lists.split_first() else {
        return true;
    };
    first.iter().any(|one| {
        if picked.contains(one) {
            return false;
        }
        picked.push(*one);
        let possible = can_differ(rest, picked);
        picked.pop();
        possible
    })
}

fn one_of(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    format!("event IN ({})", names.join(", "))
}
