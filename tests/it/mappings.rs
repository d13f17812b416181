//! What the built-in mappings make of the logs of each vendor, a mapping of one's own, and a dry run.
//!
//! Expected values: worked out by hand from the samples under `data/vendors`, by the table of common names in each vendor's
//! documents: which event is a launch, a show, a hide, a page view, a share; a user's openid before the device's id. Row
//! numbers are lines of the file.

use std::path::PathBuf;
use std::sync::Arc;

use chrono_tz::Tz;
use footfall::land::{LandOptions, Landed, Mapping, NoProgress, land, preview};
use footfall::store::{Catalogue, Store};
use footfall::{Engine, EngineOptions};

use crate::support::{ask, block_on, footfall, footfall_ok, repository};

const A: &str = "oFict_A_00000000000000000001";
const B: &str = "oFict_B_00000000000000000002";

/// What becomes of a sample.
struct Expected {
    /// Rows, landed, duplicates, quarantined, left out.
    counts: [u64; 5],
    /// Row and column of each rejected row.
    rejected: &'static [(&'static str, &'static str)],
    /// User, views, depth, stay in ms, entry page, exit page, scene and whether it bounced, of each open by user and time.
    opens: Vec<[&'static str; 8]>,
}

fn check(map: &str, expected: &Expected) -> Landing {
    let landing = Landing::new(map);
    let landed = &landing.landed;
    let [rows, lands, duplicates, quarantined, left_out] = expected.counts;
    assert_eq!(
        [landed.rows, landed.landed, landed.duplicates, landed.quarantined, landed.left_out],
        [rows, lands, duplicates, quarantined, left_out]
    );
    let rejected = landing.ask("select row, \"column\" from quarantine order by row");
    let rejected: Vec<(&str, &str)> = rejected.iter().map(|r| (r[0].as_str(), r[1].as_str())).collect();
    assert_eq!(rejected, expected.rejected);
    let opens = landing.ask(
        "select user_id, views, depth, stay_ms, entry_page, exit_page, scene, is_bounce
         from sessions order by user_id, start_ts",
    );
    assert_eq!(opens, expected.opens);
    let options = LandOptions { now: now(), ..LandOptions::new(Mapping::named(map).expect("built in")) };
    let seen = block_on(preview(&sample(map), &options, Tz::Asia__Shanghai, &Arc::new(Catalogue::default())))
        .expect("the sample can be read");
    assert_eq!(
        [seen.rows, seen.would_land, seen.duplicates, seen.quarantined, seen.left_out],
        expected.counts,
        "a dry run counts the same"
    );
    landing
}

/// A sample in a store of its own.
struct Landing {
    _folder: tempfile::TempDir,
    landed: Landed,
    engine: Engine,
}

impl Landing {
    fn new(map: &str) -> Self {
        Self::of(sample(map), Mapping::named(map).expect("built in"))
    }

    fn of(file: PathBuf, map: Mapping) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = block_on(Store::open_or_create(&folder.path().join("store"), Some("Asia/Shanghai")))
            .expect("a new store");
        let options = LandOptions { now: now(), ..LandOptions::new(map) };
        let landed = block_on(land(&store, &[file], &options, &NoProgress)).expect("the sample lands");
        let engine =
            block_on(Engine::with_store(&store, &EngineOptions::default())).expect("the store opens");
        Self { _folder: folder, landed: landed.into_iter().next().expect("one answer a file"), engine }
    }

    fn ask(&self, sql: &str) -> Vec<Vec<String>> {
        ask(&self.engine, sql)
    }

    /// The one row in which an event of this name and time, in ms after the samples begin, says what is asked for.
    fn event(&self, user: &str, event: &str, after: i64, columns: &str) -> Vec<String> {
        let us = (BEGIN + after) * 1000;
        let sql = format!(
            "select {columns} from events
             where user_id = '{user}' and event = '{event}' and cast(ts as bigint) = {us}"
        );
        let mut rows = self.ask(&sql);
        assert_eq!(rows.len(), 1, "{sql}");
        rows.remove(0)
    }
}

/// 2 March 2026, 10:00 in Shanghai.
const BEGIN: i64 = 1_772_416_800_000;

fn now() -> chrono::DateTime<chrono::Utc> {
    "2026-03-03T00:00:00Z".parse().expect("a time")
}

fn sample(map: &str) -> PathBuf {
    let file = if map == "access-log" { "access.log" } else { "events.jsonl" };
    repository().join("data/vendors").join(map).join(file)
}

#[test]
fn sensors() {
    // Expected: the header of this file. A's show 4 s after the hide goes on, that of an hour later is a new open; B's second
    // show comes from another scene. The launch and the show right after it are one open.
    let landing = check(
        "sensors",
        &Expected {
            counts: [41, 28, 3, 8, 2],
            rejected: &[
                ("33", "NULL"),
                ("34", "event"),
                ("35", "sent_at"),
                ("36", "scene"),
                ("37", "user_id"),
                ("38", "ts"),
                ("39", "event"),
                ("40", "NULL"),
            ],
            opens: vec![
                ["1772-c0ffee-device-C", "2", "2", "4300", "pages/a", "pages/b", "1011", "false"],
                [A, "3", "2", "85500", "pages/index/index", "pages/goods/detail", "1001", "false"],
                [A, "1", "1", "30000", "pages/cart/cart", "pages/cart/cart", "1089", "true"],
                [B, "1", "1", "20100", "pages/index/index", "pages/index/index", "1047", "true"],
                [B, "1", "1", "10000", "pages/goods/detail", "pages/goods/detail", "1007", "true"],
            ],
        },
    );
    let events = landing.ask(
        "select event, count(*) from events where user_id like 'oFict_A%' group by event order by event",
    );
    assert_eq!(
        events,
        [
            ["add_to_cart", "1"],
            ["app_hide", "3"],
            ["app_launch", "1"],
            ["app_show", "3"],
            ["page_view", "4"],
            ["share", "1"]
        ]
    );
    let first = landing.event(A, "page_view", 500, "page, query, referrer, scene, os, brand, model, network");
    let none = "NULL";
    assert_eq!(first, ["pages/index/index", none, none, "1001", "iOS", "APPLE", "iPhone 15", "wifi"]);
    let second = landing.event(A, "page_view", 12_000, "page, query, referrer");
    assert_eq!(second, ["pages/goods/detail", "id=7&c=红", "pages/index/index"]);
    let cart = landing.event(
        A,
        "add_to_cart",
        40_000,
        "props['sku'], props['price'], props['qty'], props['tags'], props['gift'], props['$os_version'],
         props['$identity_mp_id'], event_id",
    );
    let id = format!("105-1772416840000-{A}");
    let device = "1772-aaaa-device-A";
    assert_eq!(cart, ["S-7", "19.9", "2", "[\"new\",\"hot\"]", none, "17.4", device, id.as_str()]);
    assert_eq!(
        landing.event(A, "share", 55_000, "page, share_channel"),
        ["pages/goods/detail", "转发消息卡片"]
    );
    assert_eq!(landing.event(A, "app_hide", 56_000, "duration_ms"), ["55800"]);
    assert_eq!(landing.event(A, "app_hide", 90_000, "duration_ms"), [none]);
    let device = "1772-c0ffee-device-C";
    assert_eq!(landing.event(device, "page_view", 5_200, "page, query, scene"), ["pages/a", "x=1?y=2", none]);
    let text = landing.event(device, "note", 9_400, "scene, props['k']");
    assert_eq!(text, ["1011", "v"], "properties as text");
    assert_eq!(landing.event(device, "note", 9_500, "props['properties'], event_id"), ["free text", none]);
    let reasons = landing.ask("select reason from quarantine where row in (35, 36, 37, 40) order by row");
    let reasons = reasons.concat();
    assert_eq!(
        reasons,
        ["sent_at is not a time", "scene is not an integer", "user_id is missing", "not a JSON object"]
    );
    let seconds = landing.ask("select reason from quarantine where row = 38").concat().concat();
    assert!(seconds.starts_with("ts is before 1990-01-01"), "{seconds}");
    // 1772416800 are the seconds of 2 March 2026, 02:00 UTC.
    assert!(seconds.contains("2026-03-02T02:00:00Z") && seconds.contains("unit"), "{seconds}");
}

#[test]
fn growingio() {
    // Expected: the header of this file. The client's session ids decide; there is no show after the share.
    let landing = check(
        "growingio",
        &Expected {
            counts: [36, 24, 3, 8, 1],
            rejected: &[
                ("29", "NULL"),
                ("30", "event"),
                ("31", "ts"),
                ("32", "sent_at"),
                ("33", "scene"),
                ("34", "user_id"),
                ("35", "ts"),
                ("36", "path"),
            ],
            opens: vec![
                ["gio-dev-C", "2", "2", "4200", "pages/a", "pages/b", "NULL", "false"],
                [A, "3", "3", "70700", "pages/index/index", "pages/cart/cart", "1001", "false"],
                [A, "1", "1", "30000", "pages/cart/cart", "pages/cart/cart", "1089", "true"],
                [B, "1", "1", "20400", "pages/index/index", "pages/index/index", "1047", "true"],
                [B, "2", "2", "20000", "pages/goods/detail", "pages/pay/pay", "1007", "false"],
            ],
        },
    );
    assert_eq!(
        landing.event(A, "page_view", 300, "page, query, referrer, scene, props['title'], app_version"),
        ["pages/index/index", "NULL", "NULL", "1001", "首页", "2.1.0"]
    );
    assert_eq!(
        landing.event(A, "add_to_cart", 40_000, "props['sku'], props['price'], props['qty'], props['tags']"),
        ["S-7", "19.9", "2", "[\"new\",\"hot\"]"]
    );
    assert_eq!(
        landing.event(A, "share", 55_000, "page, share_channel, props['$share_title']"),
        ["pages/goods/detail", "button", "好货"]
    );
    assert_eq!(
        landing.event(B, "page_view", 332_100, "page, query, referrer"),
        ["pages/pay/pay", "order=1", "pages/goods/detail"]
    );
    assert_eq!(landing.event(B, "VIEW_CLICK", 330_000, "props['element']"), ["[{\"xpath\":\"/buy\"}]"]);
    assert_eq!(landing.event("gio-dev-C", "note", 9_200, "scene, props['appChannel']"), ["NULL", "kiosk"]);
    assert_eq!(landing.event("gio-dev-C", "note", 9_300, "props['k']"), ["true"]);
}

#[test]
fn aladdin() {
    // Expected: the header of this file. The client's session (at) decides; it lasts over the share.
    let landing = check(
        "aladdin",
        &Expected {
            counts: [39, 27, 3, 7, 2],
            rejected: &[
                ("32", "NULL"),
                ("33", "event"),
                ("34", "event"),
                ("35", "scene"),
                ("36", "user_id"),
                ("37", "ts"),
                ("38", "ts"),
            ],
            opens: vec![
                ["ald-uu-C", "2", "2", "4200", "pages/a", "pages/b", "NULL", "false"],
                [A, "3", "2", "85500", "pages/index/index", "pages/goods/detail", "1001", "false"],
                [A, "1", "1", "30000", "pages/cart/cart", "pages/cart/cart", "1089", "true"],
                [B, "1", "1", "20100", "pages/index/index", "pages/index/index", "1047", "true"],
                [B, "1", "1", "10000", "pages/goods/detail", "pages/goods/detail", "1007", "true"],
            ],
        },
    );
    assert_eq!(
        landing.event(A, "app_launch", 0, "scene, props['ifo'], props['sv'], os, platform, session_key"),
        ["1001", "true", "iOS 17.4", "iOS", "wx", "17724168001111"]
    );
    assert_eq!(
        landing.event(A, "page_view", 12_000, "page, query, referrer, duration_ms, props['ag']"),
        ["pages/goods/detail", "id=7", "pages/index/index", "12000", "{\"id\":\"7\"}"]
    );
    assert_eq!(
        landing.event(A, "add_to_cart", 40_000, "page, props['sku'], props['price'], props['qty']"),
        ["NULL", "S-7", "19.9s##", "2"]
    );
    assert_eq!(
        landing.event(A, "share", 55_000, "page, query, props['title']"),
        ["pages/goods/detail", "id=7&ald_share_src=x", "好货"]
    );
    assert_eq!(landing.event(A, "app_hide", 90_000, "duration_ms"), ["NULL"]);
    assert_eq!(landing.event(B, "ald_reachbottom", 305_500, "props['ct'], scene"), ["1", "1007"]);
    let error = landing.event("ald-uu-C", "ald_error_message", 9_300, "props['ct'], scene");
    assert_eq!(error, ["TypeError: x is undefined", "NULL"]);
    assert_eq!(landing.event("ald-uu-C", "page_leave", 9_400, "page"), ["pages/b"]);
}

#[test]
fn datafinder() {
    // Expected: the header of this file. Each show of the app has a session id of its own, also the one after the share.
    let landing = check(
        "datafinder",
        &Expected {
            counts: [36, 25, 3, 8, 0],
            rejected: &[
                ("30", "NULL"),
                ("31", "event"),
                ("32", "scene"),
                ("33", "user_id"),
                ("34", "ts"),
                ("35", "sent_at"),
                ("36", "session_key"),
                ("37", "ts"),
            ],
            opens: vec![
                [A, "2", "2", "55700", "pages/index/index", "pages/goods/detail", "1001", "false"],
                [A, "1", "1", "29800", "pages/goods/detail", "pages/goods/detail", "1001", "true"],
                [A, "1", "1", "30000", "pages/cart/cart", "pages/cart/cart", "1089", "true"],
                [B, "1", "1", "20400", "pages/index/index", "pages/index/index", "1047", "true"],
                [B, "2", "2", "10000", "pages/goods/detail", "pages/pay/pay", "1007", "false"],
                ["w-C", "2", "2", "4200", "pages/a", "pages/b", "NULL", "false"],
            ],
        },
    );
    assert_eq!(
        landing.event(A, "page_view", 12_000, "page, referrer, props['query_id'], props['sdk_version'], os"),
        ["pages/goods/detail", "pages/index/index", "7", "2.6.0", "ios"],
        "params as text"
    );
    assert_eq!(
        landing.event(A, "add_to_cart", 40_000, "props['sku'], props['price'], props['tags']"),
        ["S-7", "19.9", "[\"new\",\"hot\"]"]
    );
    assert_eq!(landing.event(A, "app_hide", 90_000, "page, duration_ms"), ["pages/goods/detail", "30500"]);
    assert_eq!(landing.event(B, "app_hide", 21_600, "duration_ms"), ["NULL"]);
    assert_eq!(landing.event("w-C", "note", 9_300, "props['params']"), ["free text"]);
    let received = landing.event("w-C", "note", 9_400, "cast(received_at as bigint) / 1000");
    assert_eq!(received, [(BEGIN + 10_000).to_string()]);
}

#[test]
fn uni_stat() {
    // Expected: the header of this file. Seconds, so the launch and the first page share one; two taps of a second are two.
    let landing = check(
        "uni-stat",
        &Expected {
            counts: [36, 26, 3, 7, 0],
            rejected: &[
                ("31", "NULL"),
                ("32", "event"),
                ("33", "scene"),
                ("34", "user_id"),
                ("35", "ts"),
                ("36", "sent_at"),
                ("37", "event"),
            ],
            opens: vec![
                ["uni-A", "3", "2", "85000", "pages/index/index", "pages/goods/detail", "1001", "false"],
                ["uni-A", "1", "1", "30000", "pages/cart/cart", "pages/cart/cart", "1089", "true"],
                ["uni-B", "1", "1", "20000", "pages/index/index", "pages/index/index", "1047", "true"],
                ["uni-B", "2", "2", "20000", "pages/goods/detail", "pages/pay/pay", "1047", "false"],
                ["uni-C", "2", "2", "7000", "pages/a", "pages/b", "NULL", "false"],
            ],
        },
    );
    assert_eq!(
        landing.event(
            "uni-A",
            "page_view",
            0,
            "page, referrer, os, model, props['ttpj'], props['urlref_ts']"
        ),
        ["pages/index/index", "NULL", "iOS", "iPhone 15", "首页", "0"]
    );
    assert_eq!(
        landing.event("uni-A", "add_to_cart", 40_000, "page, props['sku'], props['price'], props['tags']"),
        ["pages/goods/detail", "S-7", "19.9", "[\"new\",\"hot\"]"]
    );
    assert_eq!(landing.event("uni-A", "share", 55_000, "page, event_id"), ["pages/goods/detail", "NULL"]);
    assert_eq!(
        landing.event("uni-A", "app_hide", 56_000, "page, duration_ms"),
        ["pages/goods/detail", "44000"]
    );
    assert_eq!(landing.event("uni-B", "app_hide", 21_000, "duration_ms"), ["NULL"]);
    let taps = landing.ask("select count(*), min(props['e_v']) from events where event = 'tap'");
    assert_eq!(taps, [["2", "buy"]]);
    assert_eq!(landing.event("uni-B", "app_show", 330_000, "scene"), ["1047"]);
    let milliseconds = landing.ask("select reason from quarantine where row = 35").concat().concat();
    assert!(milliseconds.contains("after the landing") && milliseconds.contains("unit"), "{milliseconds}");
}

#[test]
fn access_log() {
    // Expected: the header of this file; the digests are the first 8 digits of the MD5 of the browser's name, by another
    // program. A gap of 70 minutes is a new open; three pages of one second keep the order of their lines.
    let (firefox, safari) = ("192.0.2.1-6a025bbe", "192.0.2.1-b6aee949");
    let (common, quote) = ("198.51.100.7-d41d8cd9", "198.51.100.7-5340e308");
    let landing = check(
        "access-log",
        &Expected {
            counts: [32, 14, 0, 7, 11],
            rejected: &[
                ("23", "NULL"),
                ("24", "NULL"),
                ("25", "ts"),
                ("26", "ts"),
                ("27", "ts"),
                ("28", "ts"),
                ("29", "NULL"),
            ],
            opens: vec![
                [firefox, "3", "3", "40000", "index", "cart", "NULL", "false"],
                [firefox, "2", "2", "30000", "cart", "help/", "NULL", "false"],
                [safari, "2", "2", "20000", "index", "new.html", "NULL", "false"],
                [quote, "1", "1", "0", "quote", "quote", "NULL", "true"],
                [common, "1", "1", "0", "common", "common", "NULL", "true"],
                ["2001:db8::5-b6aee949", "3", "2", "0", "a", "a", "NULL", "false"],
                ["ann lee", "2", "2", "13000", "goods/detail.html", "pay.php", "NULL", "false"],
            ],
        },
    );
    assert_eq!(
        landing.event(
            firefox,
            "page_view",
            12_000,
            "query, referrer, props['status'], props['bytes'], props['protocol'], dt"
        ),
        ["id=7&c=%E7%BA%A2", "https://shop.example/", "200", "7000", "HTTP/1.1", "2026-03-02"]
    );
    assert_eq!(landing.event(firefox, "page_view", 4_200_000, "referrer, props['bytes']"), ["NULL", "NULL"]);
    assert_eq!(
        landing.event(quote, "page_view", 180_000, "props['more'], props['agent']"),
        ["0.012 \"req-1\"", "odd \\\"browser\\\" 1.0"]
    );
    let text = landing.ask("select text, reason from quarantine where row = 24");
    assert_eq!(text, [["the server was restarted", "the line does not match lines of mapping 'access-log'"]]);
}

#[test]
fn a_page_with_a_query_is_split() {
    // Expected: the part before the first '?' is the page, the part behind it the query where the row has none.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("a.jsonl");
    let row = |ts: i64, rest: &str| {
        format!("{{\"user_id\":\"a\",\"ts\":{},\"event\":\"page_view\"{rest}}}\n", BEGIN + ts)
    };
    let text = row(0, ",\"page\":\"p/a?x=1?y\"")
        + &row(1, ",\"page\":\"p/a?x=1\",\"query\":\"own\"")
        + &row(2, ",\"page\":\"p/b\"")
        + &row(3, "");
    std::fs::write(&file, text).expect("a file");
    let landing = Landing::of(file, Mapping::named("footfall").expect("built in"));
    let pages = landing.ask("select page, query from events order by ts");
    assert_eq!(pages, [["p/a", "x=1?y"], ["p/a", "own"], ["p/b", "NULL"], ["NULL", "NULL"]]);
}

#[test]
fn the_binary_lands_each_sample_and_tries_it_first() {
    // Expected: the counts of the tests above; a dry run makes no store.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let samples = [
        ("sensors", "41 rows = 28 landed + 3 duplicates + 8 quarantined + 2 left out by the mapping"),
        ("growingio", "36 rows = 24 landed + 3 duplicates + 8 quarantined + 1 left out by the mapping"),
        ("aladdin", "39 rows = 27 landed + 3 duplicates + 7 quarantined + 2 left out by the mapping"),
        ("datafinder", "36 rows = 25 landed + 3 duplicates + 8 quarantined"),
        ("uni-stat", "36 rows = 26 landed + 3 duplicates + 7 quarantined"),
        ("access-log", "32 rows = 14 landed + 0 duplicates + 7 quarantined + 11 left out by the mapping"),
    ];
    for (map, counts) in samples {
        let store = folder.path().join(map);
        let (store, file) = (store.display().to_string(), sample(map).display().to_string());
        let tried = footfall_ok(&["land", &file, "--store", &store, "--map", map, "--dry-run"]);
        let would = counts.replace("landed", "would land").replace("duplicates", "duplicates in the file");
        let would = would.replace("quarantined", "would be quarantined");
        assert!(tried.contains(&would) && tried.contains("nothing was written"), "{tried}");
        assert!(tried.contains("page_view") && tried.contains("first rejected rows"), "{tried}");
        assert!(!folder.path().join(map).exists(), "{map}");
        let landed = footfall_ok(&["land", &file, "--store", &store, "--map", map]);
        assert!(landed.contains(counts), "{landed}");
    }
}

#[test]
fn a_dry_run_tells_reasons_and_rejected_rows() {
    // Expected: line 33 of the sample is the first that is rejected; reasons are counted without the place in the line.
    let options =
        LandOptions { now: now(), ..LandOptions::new(Mapping::named("sensors").expect("built in")) };
    let catalogue = Arc::new(Catalogue::default());
    let seen = block_on(preview(&sample("sensors"), &options, Tz::Asia__Shanghai, &catalogue))
        .expect("the sample can be read");
    assert_eq!(seen.events.num_rows(), 10);
    assert!(seen.events.column_by_name("page").is_some());
    assert!(seen.events.column_by_name("received_at").is_none(), "a column without a value is not shown");
    let first = &seen.rejected[0];
    assert_eq!((first.row, first.text.as_str()), (33, "{\"distinct_id\":\"oFict_A"));
    assert_eq!(seen.rejected.len(), 8);
    assert_eq!(seen.reasons.iter().map(|(_, rows)| rows).sum::<u64>(), 8);
    assert!(seen.reasons.contains(&("scene is not an integer".to_owned(), 1)), "{:?}", seen.reasons);
}

#[test]
fn a_mapping_of_ones_own_needs_no_rebuild() {
    // Expected: read off the three rows: the second is left out, the third lacks its time.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mapping = r#"
name = "till"
doc = "Receipts of a till."
rest = "props"
rest_of = ["basket.extra"]
ignore = ["basket.secret"]
where = "kind <> 'test'"
[fields]
who = { path = "card.number", type = "text" }
sold = { path = "at", type = "timestamp", unit = "s" }
kind = { type = "text" }
shop = { path = "basket.shop", type = "text" }
props = { type = "map", optional = true }
[columns]
user_id = "who"
ts = "sold"
event = "kind"
page = "concat('shop/', shop)"
props = "props"
"#;
    std::fs::write(path("till.toml"), mapping).expect("a mapping");
    let rows = r#"{"card":{"number":7},"at":1772416800,"kind":"buy","basket":{"shop":"a","extra":{"till":3,"gift":null},"secret":{"pin":1}},"paid":9.5}
{"card":{"number":7},"at":1772416801,"kind":"test","basket":{"shop":"a"}}
{"card":{"number":8},"kind":"buy","basket":{"shop":"b"}}
"#;
    std::fs::write(path("a.jsonl"), rows).expect("a file");
    let out = footfall_ok(&[
        "land",
        &path("a.jsonl"),
        "--store",
        &path("st"),
        "--map",
        &path("till.toml"),
        "--tz",
        "UTC",
    ]);
    let counts = "3 rows = 1 landed + 0 duplicates + 1 quarantined + 1 left out by the mapping";
    assert!(out.contains(counts), "{out}");
    let ask = |sql: &str| footfall_ok(&["sql", "--store", &path("st"), "--format", "csv", sql]);
    let events =
        ask("select user_id, event, page, props['till'], props['paid'], cardinality(props) from events");
    assert_eq!(events.lines().nth(1), Some("7,buy,shop/a,3,9.5,2"));
    assert_eq!(ask("select reason from quarantine").lines().nth(1), Some("ts is missing"));
}

#[test]
fn a_wrong_mapping_is_refused_by_its_key() {
    // Expected: each message names the key that is wrong.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let fields = "[fields]\nu = { type = \"text\" }\nt = { type = \"timestamp\", unit = \"ms\" }\n";
    let columns = "[columns]\nuser_id = \"u\"\nts = \"t\"\nevent = \"'x'\"\n";
    let cases = [
        (format!("name = \"m\"\nlinse = \"x\"\n{fields}{columns}"), "linse"),
        (format!("name = \"m\"\n{fields}{columns}pgae = \"u\"\n"), "pgae"),
        (format!("name = \"m\"\n{fields}[columns]\nuser_id = \"u\"\nts = \"t\"\n"), "event"),
        (format!("name = \"m\"\nrest = \"p\"\n{fields}{columns}"), "rest"),
        (format!("name = \"m\"\nrest_of = [\"p\"]\n{fields}{columns}"), "rest_of"),
        (format!("name = \"m\"\nignore = [\"a..b\"]\n{fields}{columns}"), "ignore"),
        (format!("name = \"m\"\nlines = \"(?<u>x\"\n{fields}{columns}"), "lines"),
        (format!("name = \"m\"\nlines = \"x+\"\n{fields}{columns}"), "lines"),
        (format!("name = \"m\"\ntime_zone = \"Mars\"\n{fields}{columns}"), "time_zone"),
        (format!("name = \"m\"\n{}{columns}", fields.replace("\"text\"", "\"txt\"")), "txt"),
        (format!("name = \"m\"\n{}{columns}", fields.replace("\"text\"", "\"text\", unit = \"s\"")), "unit"),
        (format!("name = \"m\"\n{fields}{}", columns.replace("\"u\"", "\"who\"")), "user_id"),
        (format!("name = \"m\"\nwhere = \"u\"\n{fields}{columns}"), "where"),
    ];
    for (number, (text, key)) in cases.into_iter().enumerate() {
        let path = |name: &str| folder.path().join(format!("{number}-{name}")).display().to_string();
        std::fs::write(path("m.toml"), &text).expect("a mapping");
        std::fs::write(path("a.jsonl"), "{\"u\":\"a\",\"t\":1772416800000}\n").expect("a file");
        let output = footfall(&["land", &path("a.jsonl"), "--store", &path("st"), "--map", &path("m.toml")]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{text}\n{error}");
        assert!(error.contains(key), "{key} is not named:\n{error}");
        assert!(!folder.path().join(format!("{number}-st")).exists(), "{text}");
    }
    let pattern = "name = \"m\"\nlines = \"(?<u>[a-z]+)\"\n";
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("m.toml"), format!("{pattern}{fields}{columns}")).expect("a mapping");
    std::fs::write(path("a.log"), "abc\n").expect("a file");
    let output = footfall(&["land", &path("a.log"), "--store", &path("st"), "--map", &path("m.toml")]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("'t'") && error.contains("group"), "{error}");
}
