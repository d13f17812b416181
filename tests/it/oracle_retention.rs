//! The roll-ups over activity bitmaps against counting by hand: sets of local dates made by `chrono`, one user at a time.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, Days, Months, NaiveDate};
use chrono_tz::Tz;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::{Layout, Row, Time, ask, layouts, random, users};

/// Seconds around the changes of the clocks in New York in 2024: 10 March 07:00 UTC and 3 November 06:00 UTC.
const CHANGES: [i64; 2] = [1_710_054_000, 1_730_613_600];

const ZONES: [&str; 5] = ["UTC", "America/New_York", "Asia/Shanghai", "Asia/Kolkata", "Australia/Lord_Howe"];

#[derive(Clone, Debug)]
struct Case {
    layout: Layout,
    rows: Vec<Row>,
    zone: &'static str,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Unit {
    Day,
    Monday,
    Sunday,
    Month,
}

fn cases() -> impl Strategy<Value = Case> {
    // Steps of five hours and a minute: a few weeks, all hours of the day.
    let tick = (select(&CHANGES[..]), -90i64..90).prop_map(|(change, step)| change + step * 18_060);
    let row = (0u8..5, weighted(0.9, tick), weighted(0.9, select(&["a", "b", "x"][..])));
    let unit = select(&[Unit::Day, Unit::Monday, Unit::Sunday, Unit::Month][..]);
    (layouts(&Time::CLOCKS), vec(row, 0..40), select(&ZONES[..]), unit).prop_map(
        |(layout, rows, zone, unit)| {
            let rows = rows.into_iter().enumerate().map(|(seq, (user, tick, event))| Row {
                user,
                tick,
                seq: seq as i64,
                event,
                ..Row::default()
            });
            Case { layout, rows: rows.collect(), zone, unit }
        },
    )
}

impl Unit {
    /// The first day of the period that holds `date`.
    fn start(self, date: NaiveDate) -> NaiveDate {
        match self {
            Unit::Day => date,
            Unit::Monday => date - Days::new(u64::from(date.weekday().num_days_from_monday())),
            Unit::Sunday => date - Days::new(u64::from(date.weekday().num_days_from_sunday())),
            Unit::Month => date.with_day(1).expect("every month has a first day"),
        }
    }

    fn next(self, start: NaiveDate) -> NaiveDate {
        match self {
            Unit::Day => start + Days::new(1),
            Unit::Monday | Unit::Sunday => start + Days::new(7),
            Unit::Month => start + Months::new(1),
        }
    }

    /// How many periods after `from` is `to`, going one by one; negative backwards.
    fn between(self, from: NaiveDate, to: NaiveDate) -> i64 {
        if to < from {
            return -self.between(to, from);
        }
        let mut at = from;
        let mut steps = 0;
        while at < to {
            at = self.next(at);
            steps += 1;
        }
        steps
    }

    fn sql(self) -> (&'static str, &'static str) {
        match self {
            Unit::Day => ("'day'", ""),
            Unit::Monday => ("'week'", ""),
            Unit::Sunday => ("'week'", ", {week_start: 'sunday'}"),
            Unit::Month => ("'month'", ""),
        }
    }
}

impl Case {
    /// The periods in which a user had an event of that name, by their first day.
    fn periods(&self, user: u8, event: &str) -> BTreeSet<NaiveDate> {
        let zone: Tz = self.zone.parse().expect("a zone");
        let rows = self.rows.iter().filter(|row| row.user == user && row.event == Some(event));
        rows.filter_map(|row| row.tick)
            .map(|tick| {
                let instant = DateTime::from_timestamp(tick, 0).expect("a time of 2024");
                self.unit.start(instant.with_timezone(&zone).date_naive())
            })
            .collect()
    }

    /// SQL of one row a user with the bitmaps `a` and `b`.
    fn bitmaps(&self) -> String {
        let (unit, options) = self.unit.sql();
        let bitmap = |event| {
            format!("active_bitmap(ts, {unit}, '{}', event = '{event}'{options}) AS {event}", self.zone)
        };
        format!("SELECT u, {}, {} FROM t GROUP BY u", bitmap("a"), bitmap("b"))
    }

    fn ask(&self, sql: &str) -> Vec<Vec<String>> {
        let engine = self.layout.engine();
        self.layout.load(&engine, "t", &self.rows);
        ask(&engine, sql)
    }
}

fn row(values: &[&dyn std::fmt::Display]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

#[test]
fn bitmaps_hold_the_local_dates() {
    // Expected: the local date of every row by chrono, its period by stepping through the calendar.
    random(300, &cases(), |case| {
        let expected: Vec<Vec<String>> = users(&case.rows)
            .into_iter()
            .map(|user| {
                let periods = case.periods(user, "a");
                let dates: Vec<String> = periods.iter().map(ToString::to_string).collect();
                row(&[&format!("u{user}"), &format!("[{}]", dates.join(", ")), &periods.len()])
            })
            .collect();
        let sql = format!("SELECT u, bitmap_dates(a), bitmap_count(a) FROM ({}) ORDER BY u", case.bitmaps());
        assert_eq!(case.ask(&sql), expected, "{sql}");
    });
}

#[test]
fn retention_counts_users_by_cohort_and_offset() {
    // Expected: for each cohort and each offset, the users of whom some return satisfies the definition, all pairs tried.
    let modes = select(&["n_day", "unbounded", "bracket"][..]);
    let cases = (cases(), modes, any::<bool>(), weighted(0.5, 0i64..12));
    random(400, &cases, |(case, mode, recurring, periods)| {
        let people: Vec<(BTreeSet<NaiveDate>, BTreeSet<NaiveDate>)> = users(&case.rows)
            .into_iter()
            .map(|user| (case.periods(user, "a"), case.periods(user, "b")))
            .collect();
        let last = people.iter().flat_map(|(a, b)| a.iter().chain(b)).max().copied();
        let mut cohorts: BTreeMap<NaiveDate, Vec<&BTreeSet<NaiveDate>>> = BTreeMap::new();
        for (starts, returns) in &people {
            for start in starts.iter().take(if recurring { usize::MAX } else { 1 }) {
                cohorts.entry(*start).or_default().push(returns);
            }
        }
        let brackets = [(0, 0), (1, 3), (4, 4), (7, 30)];
        let mut expected = Vec::new();
        for (cohort, members) in &cohorts {
            let offsets: Vec<BTreeSet<i64>> = members
                .iter()
                .map(|returns| returns.iter().map(|date| case.unit.between(*cohort, *date)).collect())
                .collect();
            let users = |some: &dyn Fn(i64) -> bool| {
                offsets.iter().filter(|user| user.iter().any(|o| some(*o))).count()
            };
            let mut line = |from: i64, to: i64, users: usize| {
                // Over, because something was seen in a later period.
                let complete = last.is_some_and(|last| case.unit.between(*cohort, last) > to);
                expected.push(row(&[cohort, &members.len(), &from, &users, &complete]));
            };
            let highest = offsets.iter().flatten().copied().max().unwrap_or(0).max(0);
            match mode {
                "bracket" => brackets.iter().for_each(|&(a, b)| line(a, b, users(&|o| o >= a && o <= b))),
                "unbounded" => {
                    (0..=periods.unwrap_or(highest)).for_each(|k| line(k, k, users(&|o| o >= k)));
                }
                _ => {
                    for k in 0..=periods.unwrap_or(highest) {
                        let users = users(&|o| o == k);
                        if periods.is_some() || users > 0 || k == 0 {
                            line(k, k, users);
                        }
                    }
                }
            }
        }
        let (limit, brackets) = match (mode, periods) {
            ("bracket", _) => (String::new(), ", brackets: [[0, 0], [1, 3], [4, 4], [7, 30]]"),
            (_, Some(periods)) => (format!(", {periods}"), ""),
            _ => (String::new(), ""),
        };
        let kind = if recurring { "recurring" } else { "first" };
        let sql = format!(
            "SELECT r['cohort'], r['size'], r['offset'], r['users'], r['complete'] FROM (SELECT unnest(\
             retention_rollup(a, b{limit}, {{mode: '{mode}', kind: '{kind}'{brackets}}})) AS r FROM ({})) ORDER BY 1, 3",
            case.bitmaps()
        );
        assert_eq!(case.ask(&sql), expected, "{sql}");
    });
}

#[test]
fn rolling_retention_counts_whole_days_from_the_start() {
    // Expected: ⌊(return − start) / 24 h⌋ for each return at or after the user's first start, both cut to the local hour or not.
    random(300, &(cases(), any::<bool>()), |(case, floor)| {
        let zone: Tz = case.zone.parse().expect("a zone");
        let mut cohorts: BTreeMap<NaiveDate, Vec<BTreeSet<i64>>> = BTreeMap::new();
        for user in users(&case.rows) {
            let times = |event| {
                let rows = case.rows.iter().filter(move |r| r.user == user && r.event == Some(event));
                rows.filter_map(|row| row.tick)
            };
            let Some(start) = times("a").min() else { continue };
            let local = DateTime::from_timestamp(start, 0).expect("a time of 2024").with_timezone(&zone);
            // All clocks of one zone show the same minutes past the hour, but for half an hour on Lord Howe Island.
            let past = i64::from(chrono::Timelike::minute(&local) * 60 + chrono::Timelike::second(&local));
            let shift = (past - start).rem_euclid(3600);
            let cut = |t: i64| if floor { t - (t + shift).rem_euclid(3600) } else { t };
            let offsets = times("b")
                .filter(|t| *t >= start)
                .map(|t| (cut(t) - cut(start)).div_euclid(86_400))
                .collect();
            cohorts.entry(local.date_naive()).or_default().push(offsets);
        }
        let mut expected = Vec::new();
        for (cohort, members) in &cohorts {
            let all: BTreeSet<i64> = members.iter().flatten().copied().chain([0]).collect();
            for offset in all {
                let users = members.iter().filter(|offsets| offsets.contains(&offset)).count();
                expected.push(row(&[cohort, &members.len(), &offset, &users]));
            }
        }
        let floor = if floor { ", floor: 'hour'" } else { "" };
        let sql = format!(
            "SELECT r['cohort'], r['size'], r['offset'], r['users'] FROM (SELECT unnest(retention_rollup(a, b, \
             {{rolling: INTERVAL '24 hours', zone: '{}'{floor}}})) AS r FROM (SELECT active_bitmap(ts, 'second', \
             event = 'a') AS a, active_bitmap(ts, 'second', event = 'b') AS b FROM t GROUP BY u)) ORDER BY 1, 3",
            case.zone
        );
        assert_eq!(case.ask(&sql), expected, "{sql}");
    });
}

#[test]
fn lifecycle_sorts_users_by_their_history() {
    // Expected: for each period up to the last one seen, every user's place by what the periods before it hold.
    random(300, &cases(), |case| {
        let people: Vec<BTreeSet<NaiveDate>> =
            users(&case.rows).into_iter().map(|user| case.periods(user, "a")).collect();
        let first = people.iter().filter_map(BTreeSet::first).min().copied();
        let last = people.iter().filter_map(BTreeSet::last).max().copied();
        let mut expected = Vec::new();
        if let Some((first, last)) = first.zip(last) {
            let mut before = None;
            let mut at = first;
            while at <= last {
                let mut counts = [0; 4];
                for periods in &people {
                    let there = periods.contains(&at);
                    let was = before.is_some_and(|before| periods.contains(&before));
                    let earlier = periods.iter().any(|period| *period < at);
                    match (there, was, earlier) {
                        (true, _, false) => counts[0] += 1,
                        (true, true, _) => counts[1] += 1,
                        (true, false, true) => counts[2] += 1,
                        (false, true, _) => counts[3] += 1,
                        (false, false, _) => {}
                    }
                }
                if counts != [0; 4] {
                    let [new, returning, resurrecting, dormant] = counts;
                    expected.push(row(&[&at, &new, &returning, &resurrecting, &dormant, &(at < last)]));
                }
                before = Some(at);
                at = case.unit.next(at);
            }
        }
        let sql = format!(
            "SELECT l['period'], l['new'], l['returning'], l['resurrecting'], l['dormant'], l['complete'] \
             FROM (SELECT unnest(lifecycle_rollup(a)) AS l FROM ({})) ORDER BY 1",
            case.bitmaps()
        );
        assert_eq!(case.ask(&sql), expected, "{sql}");
    });
}

#[test]
fn stickiness_counts_periods() {
    // Expected: users by the size of their set of periods, and the sums from each size on.
    random(200, &cases(), |case| {
        let sizes: Vec<usize> =
            users(&case.rows).into_iter().map(|user| case.periods(user, "a").len()).collect();
        let expected: Vec<Vec<String>> = (1..=sizes.iter().copied().max().unwrap_or(0))
            .map(|periods| {
                let exactly = sizes.iter().filter(|size| **size == periods).count();
                let at_least = sizes.iter().filter(|size| **size >= periods).count();
                row(&[&periods, &exactly, &at_least])
            })
            .collect();
        let sql = format!(
            "SELECT s['periods'], s['users'], s['cumulative'] FROM (SELECT unnest(stickiness_rollup(a)) AS s \
             FROM ({})) ORDER BY 1",
            case.bitmaps()
        );
        assert_eq!(case.ask(&sql), expected, "{sql}");
    });
}
