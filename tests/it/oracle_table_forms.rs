//! The table forms against counting by hand over the rows of a random table.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Datelike;
use chrono_tz::Tz;
use proptest::prelude::*;
use proptest::sample::select;

use crate::oracle_sessions::{GAP, day, event_rows};
use crate::support::{Row, Time, ask, in_order, layouts, random, users};

/// The sessions of a user by the gap alone.
fn sessions(rows: &[Row], user: u8) -> Vec<Vec<&Row>> {
    let mut sessions: Vec<Vec<&Row>> = Vec::new();
    for row in in_order(rows, user) {
        match sessions.last_mut() {
            Some(session) if session.last().is_some_and(|last| tick(row) - tick(last) <= GAP) => {
                session.push(row);
            }
            _ => sessions.push(vec![row]),
        }
    }
    sessions
}

fn tick(row: &Row) -> i64 {
    row.tick.unwrap_or_default()
}

fn or_null(text: Option<&str>) -> String {
    text.unwrap_or("NULL").to_string()
}

/// Something counted once: a user, a session, a time.
type Pair = (u8, usize, i64);

#[test]
fn sessions_and_page_stats() {
    // Expected: each session's rows counted; a page view is a row with a page.
    random(200, &(layouts(&Time::CLOCKS), event_rows()), |(layout, rows)| {
        let engine = layout.engine();
        layout.load(&engine, "t", &rows);
        let gap = layout.time.span(GAP);
        let mut expected = Vec::new();
        // Per page: views, pairs with users, with sessions, entries, exits, bounces.
        let mut pages: BTreeMap<&str, [BTreeSet<Pair>; 6]> = BTreeMap::new();
        for user in users(&rows) {
            for (number, session) in sessions(&rows, user).iter().enumerate() {
                let views: Vec<&&Row> = session.iter().filter(|row| row.page.is_some()).collect();
                let depth: BTreeSet<_> = views.iter().map(|row| row.page).collect();
                let page = |row: Option<&&&Row>| row.and_then(|row| row.page);
                let ends = (tick(session[0]), session.last().map_or(0, |row| tick(row)));
                expected.push(vec![
                    format!("u{user}"),
                    (number + 1).to_string(),
                    ends.0.to_string(),
                    ends.1.to_string(),
                    ((ends.1 - ends.0) * 1_000).to_string(),
                    session.len().to_string(),
                    views.len().to_string(),
                    depth.len().to_string(),
                    or_null(page(views.first())),
                    or_null(page(views.last())),
                    (views.len() == 1).to_string(),
                ]);
                for (i, view) in views.iter().enumerate() {
                    let sets = pages.entry(view.page.unwrap_or_default()).or_default();
                    sets[0].insert((user, number, view.seq));
                    sets[1].insert((user, 0, 0));
                    sets[2].insert((user, number, 0));
                    for (set, is_in) in [(3, i == 0), (4, i + 1 == views.len()), (5, views.len() == 1)] {
                        if is_in {
                            sets[set].insert((user, number, 0));
                        }
                    }
                }
            }
        }
        let found = ask(
            &engine,
            &format!(
                "SELECT user_id, session, {}, {}, duration_ms, events, views, depth, entry_page, exit_page, is_bounce \
                 FROM sessions(t, u, ts, {gap}, page, {{tie: seq}}) ORDER BY user_id, session",
                layout.time.ticks("session_start"),
                layout.time.ticks("session_end")
            ),
        );
        assert_eq!(found, expected);
        let expected: Vec<Vec<String>> = pages
            .iter()
            .map(|(page, sets)| {
                let counts = sets.iter().map(|set| set.len().to_string());
                [(*page).to_string()].into_iter().chain(counts).collect()
            })
            .collect();
        let found = ask(
            &engine,
            &format!(
                "SELECT page, views, visitors, visits, entries, exits, bounces \
                 FROM page_stats(t, u, ts, {gap}, page, {{tie: seq}}) ORDER BY page"
            ),
        );
        assert_eq!(found, expected);
    });
}

#[test]
fn cohorts() {
    // Expected: each user's local days, weeks or months as sets; every later period of a user counts once in his cohort.
    let zone = select(&[Tz::UTC, Tz::Asia__Shanghai, Tz::America__New_York][..]);
    let unit = select(&["day", "week", "month"][..]);
    let case = (layouts(&Time::CLOCKS), event_rows(), zone, unit, any::<[bool; 3]>());
    random(300, &case, |(layout, rows, zone, unit, [recurring, by_start, by_return])| {
        let engine = layout.engine();
        layout.load(&engine, "t", &rows);
        let mut cells: BTreeMap<(i64, i64), i64> = BTreeMap::new();
        let mut sizes: BTreeMap<i64, i64> = BTreeMap::new();
        for user in users(&rows) {
            let periods = |is_in: &dyn Fn(&Row) -> bool| -> BTreeSet<i64> {
                let rows = rows.iter().filter(|row| row.user == user && is_in(row));
                rows.filter_map(|row| row.tick).map(|tick| period(tick, zone, unit)).collect()
            };
            let starts = periods(&|row| !by_start || row.event == Some("app_launch"));
            let returns = periods(&|row| !by_return || row.event == Some("page_view"));
            for start in starts.iter().take(if recurring { usize::MAX } else { 1 }) {
                *sizes.entry(*start).or_default() += 1;
                for back in returns.iter().filter(|back| *back >= start) {
                    *cells.entry((*start, back - start)).or_default() += 1;
                }
            }
        }
        let mut options = vec![format!("zone: '{}'", zone.name())];
        options.extend(recurring.then(|| "kind: 'recurring'".to_string()));
        options.extend(by_start.then(|| "start: event = 'app_launch'".to_string()));
        options.extend(by_return.then(|| "return: event = 'page_view'".to_string()));
        let sql = format!(
            "SELECT cohort, \"offset\", users, round(rate, 6) FROM cohort(t, u, ts, '{unit}', {{{}}}) ORDER BY 1, 2",
            options.join(", ")
        );
        let expected: Vec<Vec<String>> = cells
            .iter()
            .map(|((start, offset), users)| {
                let rate = *users as f64 / sizes[start] as f64;
                let rate = (rate * 1e6).round() / 1e6;
                vec![first_day(*start, unit), offset.to_string(), users.to_string(), format!("{rate:?}")]
            })
            .collect();
        assert_eq!(ask(&engine, &sql), expected, "{sql}");
    });
}

/// The number of the period in which a second lies: days since 1970, weeks since Monday 29 December 1969, months since year 0.
fn period(seconds: i64, zone: Tz, unit: &str) -> i64 {
    let date = day(seconds, zone);
    let days = date.signed_duration_since(chrono::NaiveDate::default()).num_days();
    match unit {
        "day" => days,
        "week" => (days + 3).div_euclid(7),
        _ => i64::from(date.year()) * 12 + i64::from(date.month0()),
    }
}

fn first_day(period: i64, unit: &str) -> String {
    let date = |days: i64| chrono::NaiveDate::default() + chrono::Duration::days(days);
    match unit {
        "day" => date(period).to_string(),
        "week" => date(period * 7 - 3).to_string(),
        _ => format!("{:04}-{:02}-01", period.div_euclid(12), period.rem_euclid(12) + 1),
    }
}

#[test]
fn funnel_reports() {
    // Expected: each user's level by trying every chain of events, then counts of users at or above each step.
    const STEPS: [&str; 3] = ["app_show", "page_view", "app_hide"];
    let window = select(&[0i64, 60, 1_800, 90_000, 10_000_000][..]);
    random(200, &(layouts(&Time::CLOCKS), event_rows(), window), |(layout, rows, window)| {
        let engine = layout.engine();
        layout.load(&engine, "t", &rows);
        let levels: Vec<usize> = users(&rows)
            .into_iter()
            .map(|user| {
                let events = in_order(&rows, user);
                let entries = events.iter().filter(|row| row.event == Some(STEPS[0]));
                entries
                    .map(|entry| 1 + further(&events, tick(entry), tick(entry) + window, 1))
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let reached = |step: usize| levels.iter().filter(|level| **level >= step).count();
        let expected: Vec<Vec<String>> = (1..=STEPS.len())
            .map(|step| {
                let (users, before) = (reached(step), reached(step.max(2) - 1));
                vec![step.to_string(), users.to_string(), (before - users).to_string()]
            })
            .collect();
        let steps: Vec<String> = STEPS.iter().map(|step| format!("event = '{step}'")).collect();
        let call = |more: &str| {
            format!("funnel_report(t, u, ts, {}, {}{more})", layout.time.span(window), steps.join(", "))
        };
        let sql = format!("SELECT step, users, \"drop\" FROM {} ORDER BY step", call(""));
        assert_eq!(ask(&engine, &sql), expected, "{sql}");
        let at = |level: usize| levels.iter().filter(|l| **l == level).count().to_string();
        let expected = vec![(0..=STEPS.len()).map(at).collect::<Vec<String>>()];
        assert_eq!(ask(&engine, &format!("SELECT * FROM {}", call(", levels => true"))), expected);
    });

    /// How many steps from `step` on some chain takes that goes on from `from` and ends by `until`.
    fn further(events: &[&Row], from: i64, until: i64, step: usize) -> usize {
        if step == STEPS.len() {
            return 0;
        }
        let next =
            events.iter().filter(|row| row.event == Some(STEPS[step]) && (from..=until).contains(&tick(row)));
        next.map(|row| 1 + further(events, tick(row), until, step + 1)).max().unwrap_or(0)
    }
}
