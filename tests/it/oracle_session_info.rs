//! Every field of `session_info` against a slow reading of its definition, session by session.

use std::collections::BTreeSet;

use chrono_tz::Tz;
use proptest::option::weighted;
use proptest::prelude::*;

use crate::oracle_sessions::{GAP, Rule, day, event_rows, rule_starts, rules};
use crate::support::{Row, Time, ask, in_order, layouts, random, users};

const DAY: i64 = 86_400;

/// What is asked of each row, in the order of the struct.
const FIELDS: [&str; 18] = [
    "session",
    "session_id",
    "session_start",
    "session_end",
    "session_dt",
    "is_session_end",
    "views",
    "depth",
    "session_stay_ms",
    "entry_page",
    "exit_page",
    "scene",
    "visit_no",
    "is_entry",
    "is_exit",
    "is_bounce",
    "stay_ms",
    "next_page",
];

#[test]
fn session_info_by_gap() {
    // Expected: the fields' definitions, read over the rows of each session; a page row is one with a page.
    let case = (layouts(&Time::CLOCKS), event_rows(), any::<bool>());
    random(300, &case, |(layout, rows, with_event)| {
        let engine = layout.engine();
        layout.load(&engine, "t", &rows);
        let by_gap = |events: &[&Row]| -> Vec<bool> {
            let ts = |i: usize| events[i].tick.unwrap_or_default();
            (0..events.len()).map(|i| i == 0 || ts(i) - ts(i - 1) > GAP).collect()
        };
        // `event` alone names hides and shows; without it there are none.
        let reading =
            Reading { page_views_only: false, background: with_event, with_scene: false, zone: Tz::UTC };
        let options = if with_event { ", {event: event}" } else { "" };
        let sql = question(layout.time, options);
        assert_eq!(ask(&engine, &sql), reading.rows(&rows, by_gap), "{sql}");
    });
}

#[test]
fn session_info_as_the_views_call_it() {
    // Expected: as above, over the boundaries of the mini-program rule, page rows being page views.
    let case = (layouts(&Time::CLOCKS), event_rows(), rules(), weighted(0.5, Just(())));
    random(300, &case, |(layout, rows, rule, explicit): (_, _, Rule, _)| {
        let engine = layout.engine();
        layout.load(&engine, "t", &rows);
        let reading = Reading {
            page_views_only: true,
            background: true,
            with_scene: true,
            zone: rule.day_bound.unwrap_or(Tz::UTC),
        };
        let named = match explicit {
            Some(()) => ", hide: event = 'app_hide', show: event = 'app_show'",
            None => "",
        };
        let options = format!(", {{{}, is_page: event = 'page_view'{named}}}", rule.sql());
        let sql = question(layout.time, &options);
        let expected = reading.rows(&rows, |events| rule_starts(events, &rule));
        assert_eq!(ask(&engine, &sql), expected, "{sql}");
    });
}

fn question(time: Time, options: &str) -> String {
    let fields = FIELDS.map(|field| match field {
        "session_start" | "session_end" => time.ticks(&format!("s['{field}']")),
        _ => format!("s['{field}']"),
    });
    format!(
        "SELECT seq, {} FROM (SELECT seq, session_info(ts, {}, page{options}) OVER (PARTITION BY u ORDER BY ts, seq) s FROM t) \
         ORDER BY seq",
        fields.join(", "),
        time.span(GAP)
    )
}

/// How the options say to read the rows.
struct Reading {
    page_views_only: bool,
    background: bool,
    with_scene: bool,
    zone: Tz,
}

impl Reading {
    /// The answer for the whole table: `seq` and the fields, by `seq`.
    fn rows(&self, rows: &[Row], starts: impl Fn(&[&Row]) -> Vec<bool>) -> Vec<Vec<String>> {
        let mut out: Vec<Vec<String>> = (0..rows.len())
            .map(|seq| {
                let mut row = vec![seq.to_string()];
                row.extend(FIELDS.map(|_| "NULL".to_string()));
                row
            })
            .collect();
        for user in users(rows) {
            let events = in_order(rows, user);
            let starts = starts(&events);
            let first: Vec<usize> = (0..events.len()).filter(|&i| starts[i]).collect();
            let mut previous_id = i64::MIN;
            for (number, &from) in first.iter().enumerate() {
                let until = first.get(number + 1).copied().unwrap_or(events.len());
                let session = &events[from..until];
                let start = session[0].tick.unwrap_or_default() * 1_000_000;
                let id = if start > previous_id { start } else { previous_id + 1 };
                previous_id = id;
                for (i, row) in session.iter().enumerate() {
                    let answer = &mut out[row.seq as usize];
                    answer.truncate(1);
                    answer.extend(self.fields(session, i, number + 1, id));
                }
            }
        }
        out
    }

    fn is_page(&self, row: &Row) -> bool {
        match self.page_views_only {
            true => row.event == Some("page_view"),
            false => row.page.is_some(),
        }
    }

    fn fields(&self, session: &[&Row], i: usize, number: usize, id: i64) -> Vec<String> {
        let ts = |row: &Row| row.tick.unwrap_or_default();
        let page_rows: Vec<usize> = (0..session.len()).filter(|&k| self.is_page(session[k])).collect();
        let pages: BTreeSet<&str> = page_rows.iter().filter_map(|&k| session[k].page).collect();
        let page_of = |at: Option<&usize>| text(at.and_then(|&k| session[k].page));
        let stays: i64 = page_rows.iter().map(|&k| self.stay_ms(session, k)).sum();
        let start = ts(session[0]);
        let scene = session.iter().find_map(|row| row.scene).filter(|_| self.with_scene);
        let mut fields = vec![
            number.to_string(),
            id.to_string(),
            start.to_string(),
            ts(session[session.len() - 1]).to_string(),
            day(start, self.zone).to_string(),
            (i + 1 == session.len()).to_string(),
            page_rows.len().to_string(),
            pages.len().to_string(),
            stays.to_string(),
            page_of(page_rows.first()),
            page_of(page_rows.last()),
            text(scene),
        ];
        match page_rows.iter().position(|&k| k == i) {
            Some(visit) => fields.extend([
                (visit + 1).to_string(),
                (visit == 0).to_string(),
                (visit + 1 == page_rows.len()).to_string(),
                (page_rows.len() == 1).to_string(),
                self.stay_ms(session, i).to_string(),
                page_of(page_rows.get(visit + 1)),
            ]),
            None => fields.extend(["NULL"; 6].map(str::to_string)),
        }
        fields
    }

    /// Time in the foreground from the page row at `from` to the next one or the session's last row: every stretch between two neighbouring
    /// rows counts unless the newest hide or show of this visit before it is a hide.
    fn stay_ms(&self, session: &[&Row], from: usize) -> i64 {
        let ts = |k: usize| session[k].tick.unwrap_or_default();
        let until =
            (from + 1..session.len()).find(|&k| self.is_page(session[k])).unwrap_or(session.len() - 1);
        let hidden = |k: usize| {
            self.background
                && (from..=k)
                    .rev()
                    .find_map(|k| match session[k].event {
                        Some("app_hide") => Some(true),
                        Some("app_show") => Some(false),
                        _ => None,
                    })
                    .unwrap_or(false)
        };
        let seconds: i64 = (from..until).filter(|&k| !hidden(k)).map(|k| ts(k + 1) - ts(k)).sum();
        if seconds > DAY { 0 } else { seconds * 1_000 }
    }
}

fn text<T: ToString>(value: Option<T>) -> String {
    value.map_or("NULL".to_string(), |value| value.to_string())
}
