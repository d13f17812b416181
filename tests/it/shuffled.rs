//! Late, duplicate and shuffled events give the answers of the same events in order. `FOOTFALL_SHUFFLES` says how many logs
//! are tried, `FOOTFALL_SEED` from which seed on.

use std::fmt::Write;
use std::path::Path;

use chrono_tz::Tz;
use footfall::land::{LandOptions, Landed, Mapping, NoProgress, land};
use footfall::store::{CompactOptions, Store};
use footfall::{Engine, EngineOptions};

use crate::oracle_sessions::{Rule, rule_starts};
use crate::support::{Random, Row, ask_sorted, block_on, in_order, number, users};

/// Days are counted in it: the logs lie around its midnights.
const ZONE: Tz = Tz::Asia__Shanghai;

const EVENTS: [&str; 9] =
    ["app_launch", "app_show", "app_hide", "page_view", "page_view", "page_view", "tap", "share", "pay"];

/// The steps of all funnels here, and their window in seconds.
const STEPS: [&str; 3] = ["page_view", "tap", "share"];
const WINDOW: i64 = 3_600;

/// Every function and every view.
const QUESTIONS: &[&str] = &[
    "select user_id, ts, seq, event, page, scene, session_key, event_id, dt from events",
    "select * from visits",
    "select * from sessions",
    "select * from users",
    "select * from shares",
    "select * from sessions where session_dt = date '2025-01-16'",
    "select * from visits where dt between date '2025-01-15' and date '2025-01-16'",
    "select user_id, seq, sessionize(ts, interval '30 minutes', {restart: event = 'app_launch', split_day: 'Asia/Shanghai'}) \
     over (partition by user_id order by ts, seq) from events",
    "select user_id, seq, session_info(ts, interval '30 minutes', page, {event: event}) \
     over (partition by user_id order by ts, seq) from events",
    "select page, exit_rate(is_exit), exit_rate(is_exit, {basis: 'visits', visit_key: session}) from visits group by page",
    "select dt, bounce_rate(is_bounce, is_entry) from visits group by dt",
    "select session_dt, bounce_rate(is_bounce), sum(stay_ms), sum(views), count(*) from sessions group by session_dt",
    "select user_id, retention(event = 'app_launch', event = 'page_view', event = 'share') from events group by user_id",
    "select user_id, retention(dt = date '2025-01-15', dt = date '2025-01-16', dt = date '2025-01-17') \
     from events group by user_id",
    "select user_id, window_funnel(interval '1 hour', ts, event = 'page_view', event = 'tap', event = 'share') \
     from events group by user_id",
    "select user_id, funnel(ts, [event = 'page_view', event = 'tap', event = 'share'], {window: interval '1 hour'}) \
     from events group by user_id",
    "select user_id, funnel(ts, [event = 'page_view', event = 'tap', event = 'share']) from events group by user_id",
    "select page, next_page, count(*) from visits group by page, next_page",
    "select user_id, seq, session_start(ts, interval '30 minutes') over w, \
     session_key(user_id, ts, interval '30 minutes') over w, next_node(page, ts, interval '30 minutes') over w, \
     time_to_next(ts, interval '30 minutes') over w from events window w as (partition by user_id order by ts, seq)",
    "select user_id, window_funnel(interval '1 hour', 'strict_order', ts, event = 'page_view', event = 'tap', event = 'share'), \
     window_funnel(interval '1 hour', 'strict_deduplication', ts, event = 'page_view', event = 'tap', event = 'share'), \
     window_funnel(interval '1 hour', 'strict_increase, strict_once', ts, event = 'page_view', event = 'tap', event = 'share'), \
     window_funnel_events(interval '1 hour', ts, event = 'page_view', event = 'tap', event = 'share'), \
     funnel_match_step(interval '1 hour', ts, event = 'page_view', event = 'tap'), \
     funnel_count_runs(interval '1 hour', ts, event = 'page_view', event = 'tap'), \
     funnel_complete_count(interval '1 hour', ts, event = 'page_view', event = 'tap') from events group by user_id",
    "select user_id, funnel(ts, [event = 'page_view', event = 'tap', event = 'share'], {window: interval '1 hour', order: 'strict', \
     hold: scene, ids: event_id, tie: seq}), funnel(ts, [event = 'page_view', event = 'tap'], {breakdown: page, attribution: 'all', \
     exclude: [{when: event = 'app_hide', from: 1, to: 2}]}), funnel_slots(ts, [event = 'page_view', event = 'tap'], \
     {slot: interval '1 day', zone: 'Asia/Shanghai', window: interval '1 hour'}) from events group by user_id",
    "select user_id, sequence_match('(?1)(?t<=600)(?2|3)', ts, event = 'page_view', event = 'tap', event = 'share'), \
     sequence_count('(?1).*(?2)', ts, event = 'page_view', event = 'tap'), \
     sequence_match_events('(?1).*(?2)(?3)', ts, event = 'page_view', event = 'tap', event = 'share'), \
     sequence_match_events_all('(?1)(?2)', ts, event = 'page_view', event = 'tap'), \
     sequence_next_node('forward', 'first_match', ts, page, true, event = 'page_view', {tie: seq}) from events group by user_id",
    "select user_id, user_path(ts, page, {gap: interval '30 minutes', max_steps: 4, tie: seq}), \
     attribution(ts, event = 'share', page, event = 'pay', seq, interval '1 day', 'linear'), \
     conversion(ts, event = 'page_view', event = 'pay', interval '1 hour'), uniq_up_to(3, page), sum_map([event], [seq]), \
     active_bitmap(ts, 'hour', 'Asia/Shanghai') from events group by user_id",
    "select path_rollup(p), funnel_rollup(l, 3), funnel_times(t), stickiness_rollup(b), lifecycle_rollup(b), retention_rollup(b) \
     from (select user_path(ts, page, {gap: interval '30 minutes', tie: seq}) p, window_funnel(interval '1 hour', ts, \
     event = 'page_view', event = 'tap', event = 'share') l, window_funnel_events(interval '1 hour', ts, event = 'page_view', \
     event = 'tap') t, active_bitmap(ts, 'day', 'Asia/Shanghai') b from events group by user_id)",
    "select funnel_count(user_id, event = 'page_view', event = 'tap', event = 'share') from events",
    "select user_id, window_funnel_merge(s) from (select user_id, dt, window_funnel_state(interval '1 hour', ts, \
     event = 'page_view', event = 'tap', event = 'share') s from events group by user_id, dt) group by user_id",
    "select user_id, session, views, depth, entry_page, exit_page from sessions(events, user_id, ts, interval '30 minutes', page, {tie: seq})",
    "select * from page_stats(events, user_id, ts, interval '30 minutes', page, {tie: seq})",
    "select * from cohort(events, user_id, dt)",
    "select * from funnel_report(events, user_id, ts, interval '1 hour', event = 'page_view', event = 'tap')",
];

#[test]
fn shuffled_split_repeated_and_late() {
    // Expected: the answers over the same log landed in order from one file; of them sessions and funnels are held against
    // a naive reading of their definitions first.
    let (first, logs) = (number("FOOTFALL_SEED", 1), number("FOOTFALL_SHUFFLES", 20));
    for seed in first..first + logs {
        let mut random = Random(seed);
        let rows = log(&mut random);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let sorted = Shop::new(folder.path(), "sorted");
        assert_eq!(sorted.land(std::slice::from_ref(&rows)), (rows.len() as u64, 0), "seed {seed}");
        let expected = sorted.answers(1);
        assert_eq!(sorted.ask(1, SESSION_STARTS), session_starts(&rows), "seed {seed}");
        assert_eq!(sorted.ask(1, LEVELS), levels(&rows), "seed {seed}");
        let check = |shop: &Shop, partitions: usize, what: &str| {
            for ((question, expected), found) in QUESTIONS.iter().zip(&expected).zip(shop.answers(partitions))
            {
                assert_eq!(&found, expected, "seed {seed}, {what}, {partitions} partitions\n{question}");
            }
        };

        let shuffled = Shop::new(folder.path(), "shuffled");
        let in_disorder = shuffle(&mut random, rows.clone());
        shuffled.land(&[in_disorder]);
        check(&shuffled, 2, "rows shuffled");

        // Each row in one of several files, some of them once or twice more, and half of the files come late.
        let mut all = rows.clone();
        for row in &rows {
            let copies = [0, 0, 0, 1, 2][random.below(5)];
            all.extend(vec![row.clone(); copies]);
        }
        let repeats = (all.len() - rows.len()) as u64;
        let mut files = vec![vec![]; 2 + random.below(5)];
        for row in shuffle(&mut random, all) {
            let file = random.below(files.len());
            files[file].push(row);
        }
        files.retain(|file| !file.is_empty());
        let scattered = Shop::new(folder.path(), "scattered");
        let (early, late) = files.split_at(files.len() / 2);
        let (landed, duplicates) = scattered.land(early);
        scattered.compact(&mut random);
        let (landed_late, duplicates_late) = scattered.land(late);
        let what = format!("in {} files, {repeats} rows repeated", files.len());
        let counts = (landed + landed_late, duplicates + duplicates_late);
        assert_eq!(counts, (rows.len() as u64, repeats), "seed {seed}, {what}");
        check(&scattered, 1, &what);
        check(&scattered, 3, &what);
        scattered.compact(&mut random);
        check(&scattered, 1, &format!("{what}, compacted"));
        check(&scattered, 3, &format!("{what}, compacted"));
    }
}

/// The opens of each user as seconds of their first row.
const SESSION_STARTS: &str = "select user_id, cast(start_ts as bigint) / 1000000 from sessions";

fn session_starts(rows: &[Row]) -> Vec<Vec<String>> {
    let mut starts = Vec::new();
    for user in users(rows) {
        let events = in_order(rows, user);
        for (row, starts_here) in events.iter().zip(rule_starts(&events, &Rule::of_the_views(ZONE))) {
            if starts_here {
                starts.push(vec![name(user), row.tick.unwrap_or_default().to_string()]);
            }
        }
    }
    starts.sort();
    starts
}

/// The level of each user by both functions; the steps are met by different rows, so they agree.
const LEVELS: &str = "select user_id, \
     window_funnel(interval '1 hour', ts, event = 'page_view', event = 'tap', event = 'share'), \
     funnel(ts, [event = 'page_view', event = 'tap', event = 'share'], {window: interval '1 hour'})['level'] \
     from events group by user_id";

fn levels(rows: &[Row]) -> Vec<Vec<String>> {
    let of_user = |user: u8| {
        let times = |step: &str| -> Vec<i64> {
            in_order(rows, user)
                .iter()
                .filter(|row| row.event == Some(step))
                .filter_map(|row| row.tick)
                .collect()
        };
        let [first, second, third] = STEPS.map(times);
        let mut level = usize::from(!first.is_empty());
        for a in &first {
            for b in second.iter().filter(|b| a <= *b && **b <= a + WINDOW) {
                let whole = third.iter().any(|c| b <= c && *c <= a + WINDOW);
                level = level.max(if whole { 3 } else { 2 });
            }
        }
        vec![name(user), level.to_string(), level.to_string()]
    };
    users(rows).into_iter().map(of_user).collect()
}

/// A store and the folder of the files that land in it.
struct Shop<'a> {
    folder: &'a Path,
    name: &'a str,
    store: Store,
}

impl<'a> Shop<'a> {
    fn new(folder: &'a Path, name: &'a str) -> Self {
        let path = folder.join(name).join("store");
        let store = block_on(Store::open_or_create(&path, Some(ZONE.name()))).expect("a new store");
        Self { folder, name, store }
    }

    /// Lands the files in their order: rows landed, and duplicates.
    fn land(&self, files: &[Vec<Row>]) -> (u64, u64) {
        let mut sources = Vec::new();
        for rows in files {
            let mut free =
                (0u32..).map(|number| (number, self.folder.join(format!("{}-{number}.jsonl", self.name))));
            let (number, file) = free.find(|(_, file)| !file.exists()).expect("a free name");
            let mut text = String::new();
            rows.iter().for_each(|row| write_row(&mut text, row, number));
            std::fs::write(&file, text).expect("a file");
            sources.push(file);
        }
        let options = LandOptions::new(Mapping::named("footfall").expect("the mapping of our own columns"));
        let landed: Vec<Landed> =
            block_on(land(&self.store, &sources, &options, &NoProgress)).expect("the files land");
        assert_eq!(landed.iter().map(|file| file.quarantined).sum::<u64>(), 0);
        (landed.iter().map(|file| file.landed).sum(), landed.iter().map(|file| file.duplicates).sum())
    }

    /// Into one to four shards, so that users lie on both sides of a file's end.
    fn compact(&self, random: &mut Random) {
        let points = ["u1", "u3", "u5"].into_iter().filter(|_| random.below(2) == 0);
        let split_points = Some(points.map(str::to_string).collect());
        let options = CompactOptions { split_points, ..CompactOptions::default() };
        block_on(self.store.compact(&options)).expect("the store can be compacted");
    }

    fn engine(&self, partitions: usize) -> Engine {
        let options = EngineOptions {
            target_partitions: Some(partitions),
            batch_size: Some(if partitions == 1 { 8_192 } else { 7 }),
            ..EngineOptions::default()
        };
        block_on(Engine::with_store(&self.store, &options)).expect("the store opens")
    }

    fn ask(&self, partitions: usize, sql: &str) -> Vec<Vec<String>> {
        ask_sorted(&self.engine(partitions), sql)
    }

    fn answers(&self, partitions: usize) -> Vec<Vec<Vec<String>>> {
        let engine = self.engine(partitions);
        QUESTIONS.iter().map(|sql| ask_sorted(&engine, sql)).collect()
    }
}

fn name(user: u8) -> String {
    format!("u{user}")
}

/// Some users over some days, in order of time: rests around the session gap and over midnights, many rows at the same second.
fn log(random: &mut Random) -> Vec<Row> {
    const RESTS: [i64; 12] = [0, 0, 0, 1, 60, 600, 1_799, 1_800, 1_801, 7_200, 40_000, 86_400];
    let mut rows = Vec::new();
    for user in 0..(3 + random.below(4)) as u8 {
        // 2025-01-14T15:53:20Z, shortly before midnight in the zone.
        let mut tick = 1_736_870_000 + 600 * random.below(20) as i64;
        let has_keys = random.below(3) == 0;
        for _ in 0..4 + random.below(24) {
            tick += RESTS[random.below(RESTS.len())];
            let event = EVENTS[random.below(EVENTS.len())];
            let opens = matches!(event, "app_launch" | "app_show");
            rows.push(Row {
                user,
                tick: Some(tick),
                seq: rows.len() as i64,
                event: Some(event),
                page: (event == "page_view" || event == "share")
                    .then(|| ["home", "list", "detail"][random.below(3)]),
                scene: (opens && random.below(4) > 0).then(|| [1001, 1007, 1089][random.below(3)]),
                key: (has_keys && random.below(2) == 0).then(|| ["k1", "k2"][random.below(2)]),
            });
        }
    }
    rows.sort_by_key(|row| (row.tick, row.seq));
    rows
}

/// One line; the property makes any two files different inputs.
fn write_row(text: &mut String, row: &Row, file: u32) {
    let Row { user, tick, seq, event, page, scene, key } = row;
    let quoted = |value: &Option<&str>| value.map_or("null".to_string(), |value| format!("\"{value}\""));
    let scene = scene.map_or("null".to_string(), |scene| scene.to_string());
    writeln!(
        text,
        r#"{{"user_id":"{}","ts":{},"seq":{seq},"event":{},"page":{},"scene":{scene},"session_key":{},"event_id":"e{seq}","file":{file}}}"#,
        name(*user),
        tick.unwrap_or_default() * 1_000,
        quoted(event),
        quoted(page),
        quoted(key),
    )
    .expect("writing to a text");
}

fn shuffle(random: &mut Random, mut rows: Vec<Row>) -> Vec<Row> {
    for last in (1..rows.len()).rev() {
        rows.swap(last, random.below(last + 1));
    }
    rows
}
