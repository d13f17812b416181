//! `sessionize` with each option, and the mini-program rule, against a slow reading of the definition: every row looks back over all
//! rows of its user again, nothing is carried from row to row.

use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::{Layout, Row, Time, ask, in_order, layouts, random, users};

/// Gap limit of all tests here, in ticks: seconds where the time has a clock.
pub(crate) const GAP: i64 = 1800;

/// Rows of a few users whose distances lie around the gap limit, on both sides of midnights and of changes to and from summer time.
pub(crate) fn event_rows() -> impl Strategy<Value = Vec<Row>> {
    let start = select(
        &[
            1_736_870_000i64, // 2025-01-14T15:53:20Z, shortly before midnight in Shanghai
            1_741_498_000,    // 2025-03-09T05:26:40Z, New York changes to summer time at 07:00Z
            1_762_055_000,    // 2025-11-02T03:43:20Z, and back at 06:00Z
            -1_000,
        ][..],
    );
    let step =
        select(vec![0i64, 0, 1, 60, 600, GAP - 1, GAP, GAP + 1, 7_200, 40_000, 86_400, 100_000, 200_000]);
    let event = select(
        &[
            "app_launch",
            "app_show",
            "app_show",
            "app_hide",
            "app_hide",
            "page_view",
            "page_view",
            "share",
            "tap",
        ][..],
    );
    let row = (
        step,
        weighted(0.95, Just(())),
        weighted(0.95, event),
        weighted(0.6, select(&["home", "list", "detail"][..])),
        weighted(0.4, select(&[1001i32, 1007, 1089][..])),
        weighted(0.3, select(&["k1", "k2", "k3"][..])),
        any::<bool>(),
        weighted(0.9, Just(())),
    );
    // A quiet user's rows hardly ever say more than when and which page, so that sessions are stretches of such rows.
    let user = (start, any::<bool>(), any::<bool>(), vec(row, 1..24));
    vec(user, 1..4).prop_flat_map(|users| {
        let mut rows = Vec::new();
        for (user, (start, with_keys, is_quiet, steps)) in users.into_iter().enumerate() {
            let mut tick = start;
            for (step, has_time, event, page, scene, key, also_a_page, quiet) in steps {
                let is_quiet = is_quiet && quiet.is_some();
                tick += if is_quiet { step % (GAP + 2) } else { step };
                let (event, scene, key) = match is_quiet {
                    true => (Some(if also_a_page { "page_view" } else { "tap" }), None, Some("k1")),
                    false => (event, scene, key),
                };
                rows.push(Row {
                    user: user as u8,
                    tick: has_time.map(|()| tick),
                    seq: rows.len() as i64,
                    event,
                    page: page.filter(|_| match event {
                        Some("page_view") => true,
                        Some("app_hide" | "app_show") => false,
                        _ => also_a_page,
                    }),
                    scene,
                    key: key.filter(|_| with_keys),
                });
            }
        }
        Just(rows).prop_shuffle()
    })
}

/// One way of calling `sessionize`: the SQL of its options, and the same for the oracle.
#[derive(Clone, Debug, Default)]
struct Options {
    sql: Vec<String>,
    restart: bool,
    close: bool,
    gap_open: bool,
    max_length: Option<i64>,
    split_day: Option<Tz>,
    split_on: bool,
}

/// Any subset of the options; those of clocks and days only where the time has them.
fn options(time: Time) -> impl Strategy<Value = Options> {
    let zone = select(&["Asia/Shanghai", "America/New_York", "UTC", "Pacific/Kiritimati"][..]);
    (any::<[bool; 3]>(), weighted(0.4, select(&[0i64, 600, 5_000][..])), weighted(0.4, zone), any::<bool>())
        .prop_map(move |([restart, close, gap_open], max_length, zone, split_on)| {
            let mut options = Options {
                restart,
                close,
                gap_open,
                max_length,
                split_day: zone
                    .filter(|_| Time::CLOCKS.contains(&time))
                    .map(|zone| zone.parse().expect("a zone of chrono-tz")),
                split_on,
                sql: Vec::new(),
            };
            if restart {
                options.sql.push("restart: event = 'app_launch'".into());
            }
            if close {
                options.sql.push("close: event = 'app_hide'".into());
            }
            if gap_open {
                options.sql.push("gap_open: true".into());
            }
            if let Some(length) = max_length {
                options.sql.push(format!("max_length: {}", time.span(length)));
            }
            if let Some(zone) = options.split_day {
                options.sql.push(format!("split_day: '{}'", zone.name()));
            }
            if split_on {
                options.sql.push("split_on: scene".into());
            }
            options
        })
}

#[test]
fn sessionize_with_every_option() {
    // Expected: session numbers by a quadratic reading of the options' definitions.
    let case = layouts(&Time::ALL).prop_flat_map(|layout| {
        let time = layout.time;
        (Just(layout), event_rows(), options(time))
    });
    random(300, &case, |(layout, rows, options)| {
        let rows = fit(rows, layout.time);
        let mut expected = vec![None; rows.len()];
        for user in users(&rows) {
            let events = in_order(&rows, user);
            let starts = plain_starts(&events, &options);
            number(&events, &starts, &mut expected);
        }
        let sql = match options.sql.is_empty() {
            true => String::new(),
            false => format!(", {{{}}}", options.sql.join(", ")),
        };
        assert_sessions(&layout, &rows, &sql, &expected);
    });
}

/// Days of a Date32 stay small: a tick there is a day, and the gap limit 1,800 of them.
pub(crate) fn fit(mut rows: Vec<Row>, time: Time) -> Vec<Row> {
    if matches!(time, Time::Date32 | Time::Int32) {
        for row in &mut rows {
            row.tick = row.tick.map(|tick| tick % 1_000_000);
        }
    }
    rows
}

/// Which rows begin a session, by gap and options.
fn plain_starts(events: &[&Row], options: &Options) -> Vec<bool> {
    let ts = |i: usize| events[i].tick.expect("in_order keeps rows with a time");
    let mut starts = Vec::new();
    for i in 0..events.len() {
        let start = (0..i).rev().find(|&k| starts[k]);
        let new = match start {
            None => true,
            Some(start) => {
                let gap = ts(i) - ts(i - 1);
                let adopted = events[start..i].iter().rev().find_map(|row| row.scene);
                (if options.gap_open { gap >= GAP } else { gap > GAP })
                    || (options.restart && events[i].event == Some("app_launch"))
                    || (options.close && events[i - 1].event == Some("app_hide"))
                    || options.max_length.is_some_and(|max| ts(i) - ts(start) > max)
                    || options.split_day.is_some_and(|zone| day(ts(i), zone) != day(ts(i - 1), zone))
                    || (options.split_on
                        && events[i].scene.is_some()
                        && adopted.is_some()
                        && events[i].scene != adopted)
            }
        };
        starts.push(new);
    }
    starts
}

/// The mini-program rule in a zone.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) preset: &'static str,
    /// Longest time in the background that keeps the session, in seconds; `strict_show`: none does.
    background: Option<i64>,
    /// Zone of the days that memory lasts and midnights are cut at; without it UTC, and no cuts.
    pub(crate) day_bound: Option<Tz>,
}

impl Rule {
    pub(crate) fn sql(&self) -> String {
        let bound = self.day_bound.map_or(String::new(), |zone| format!(", day_bound: '{}'", zone.name()));
        format!("rule: '{}', event: event, scene: scene, key: key{bound}", self.preset)
    }

    /// What `visits` and `sessions` use.
    pub(crate) fn of_the_views(zone: Tz) -> Self {
        Self { preset: "30min", background: Some(1_800), day_bound: Some(zone) }
    }

    fn zone(&self) -> Tz {
        self.day_bound.unwrap_or(Tz::UTC)
    }
}

pub(crate) fn rules() -> impl Strategy<Value = Rule> {
    let presets = [("30min", Some(1_800)), ("5min", Some(300)), ("30s", Some(30)), ("strict_show", None)];
    let zone = select(&[None, Some(Tz::UTC), Some(Tz::Asia__Shanghai), Some(Tz::America__New_York)][..]);
    (select(presets.to_vec()), zone).prop_map(|((preset, background), day_bound)| Rule {
        preset,
        background,
        day_bound,
    })
}

#[test]
fn mini_program_rule() {
    // Expected: boundaries by the rule's sentences, each looking back over all earlier rows; then the cut at midnight.
    random(400, &(layouts(&Time::CLOCKS), event_rows(), rules()), |(layout, rows, rule)| {
        let mut expected = vec![None; rows.len()];
        for user in users(&rows) {
            let events = in_order(&rows, user);
            number(&events, &rule_starts(&events, &rule), &mut expected);
        }
        assert_sessions(&layout, &rows, &format!(", {{{}}}", rule.sql()), &expected);
    });
}

/// Which rows begin a session under the rule.
pub(crate) fn rule_starts(events: &[&Row], rule: &Rule) -> Vec<bool> {
    let mut natural = Vec::new();
    for i in 0..events.len() {
        let new = i == 0 || is_boundary(events, &natural, i, rule);
        natural.push(new);
    }
    let Some(zone) = rule.day_bound else {
        return natural;
    };
    let day_of = |i: usize| day(events[i].tick.unwrap_or_default(), zone);
    (0..events.len())
        .map(|i| {
            // The cut at midnight: the user's first row of a day goes on with the session of the day before only if that began on that very day.
            natural[i]
                || (day_of(i) != day_of(i - 1)
                    && !(0..i).any(|k| Some(day_of(k)) == day_of(i).pred_opt() && natural[k]))
        })
        .collect()
}

fn is_boundary(events: &[&Row], natural: &[bool], i: usize, rule: &Rule) -> bool {
    let ts = |i: usize| events[i].tick.expect("in_order keeps rows with a time");
    let zone = rule.zone();
    // What a row wrote down counts on its own day and the next.
    let remembered = |k: usize| {
        let (then, now) = (day(ts(k), zone), day(ts(i), zone));
        then == now || Some(then) == now.pred_opt()
    };
    let row = events[i];
    let gap = ts(i) - ts(i - 1);
    // The key of the newest row that has one, unless a boundary without key came after it.
    let key = (0..i)
        .rev()
        .find(|&k| events[k].key.is_some() || natural[k])
        .filter(|&k| remembered(k))
        .and_then(|k| events[k].key);
    match (row.key, key) {
        (Some(new), Some(old)) => return new != old,
        (None, Some(_)) if gap <= GAP => return false,
        _ => {}
    }
    if gap > GAP || row.event == Some("app_launch") {
        return true;
    }
    if row.event != Some("app_show") {
        return false;
    }
    // The newest launch, show or hide says whether the program is in the foreground since a launch, or in the background.
    let newest =
        |names: &[&str]| (0..i).rev().find(|&k| events[k].event.is_some_and(|event| names.contains(&event)));
    let launched = newest(&["app_launch", "app_hide"])
        .filter(|&k| events[k].event == Some("app_launch") && remembered(k));
    if launched.is_some() {
        return false;
    }
    // `strict_show`: every other show opens the program anew.
    if rule.background.is_none() {
        return true;
    }
    let hidden = newest(&["app_launch", "app_show", "app_hide"])
        .filter(|&k| events[k].event == Some("app_hide") && remembered(k));
    if let Some(hide) = hidden {
        let away = ts(i) - ts(hide);
        if rule.background.is_none_or(|limit| away > limit) {
            return true;
        }
    }
    let scene = (0..i)
        .rev()
        .find(|&k| matches!(events[k].event, Some("app_launch" | "app_show")) && events[k].scene.is_some())
        .filter(|&k| remembered(k))
        .and_then(|k| events[k].scene);
    let changed = row.scene.is_some() && scene.is_some() && row.scene != scene;
    changed && events[i - 1].event != Some("share")
}

/// Local date of a time in seconds.
pub(crate) fn day(seconds: i64, zone: Tz) -> NaiveDate {
    DateTime::from_timestamp(seconds, 0).expect("a time of this era").with_timezone(&zone).date_naive()
}

/// Writes the 1-based session numbers of one user's rows, by `seq`.
fn number(events: &[&Row], starts: &[bool], into: &mut [Option<u64>]) {
    let mut session = 0;
    for (row, new) in events.iter().zip(starts) {
        session += u64::from(*new);
        into[row.seq as usize] = Some(session);
    }
}

fn assert_sessions(layout: &Layout, rows: &[Row], options: &str, expected: &[Option<u64>]) {
    let engine = layout.engine();
    layout.load(&engine, "t", rows);
    let sql = format!(
        "SELECT seq, sessionize(ts, {gap}{options}) {over} s, session_info(ts, {gap}, page{options}) {over}['session'] \
         FROM t ORDER BY seq",
        gap = layout.time.span(GAP),
        over = "OVER (PARTITION BY u ORDER BY ts, seq)",
    );
    let expected: Vec<Vec<String>> = expected
        .iter()
        .enumerate()
        .map(|(seq, session)| {
            let session = session.map_or("NULL".to_string(), |s| s.to_string());
            vec![seq.to_string(), session.clone(), session]
        })
        .collect();
    assert_eq!(ask(&engine, &sql), expected, "{sql}");
}
