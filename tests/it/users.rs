//! Profiles of users: what a users file changes, what it does not, and what the figures make of it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use footfall::land::{LandedUsers, UserMapping, UserOptions, land_users};
use footfall::store::{CompactOptions, Store};
use footfall::{Engine, EngineOptions};

use crate::support::{Random, ask, block_on, footfall_ok, land_file};

#[test]
fn the_newest_value_wins_column_by_column() {
    // Expected: by hand. A value replaces the present one unless it is NULL, or both have updated_at and its own is earlier.
    let shop = Shop::new("UTC");
    let profiles = "select user_id, gender, city, cast(updated_at as date) from user_profiles order by 1";

    // ann's second row is older than the first, bob's second says no time and fills a NULL.
    let landed = shop.land(
        "1.csv",
        "user_id,gender,city,updated_at\n\
         ann,f,Paris,2026-01-05T00:00:00Z\n\
         bob,m,,2026-01-05T00:00:00Z\n\
         ann,,Rome,2026-01-03T00:00:00Z\n\
         bob,,Oslo,\n",
    );
    assert_eq!((landed.rows, landed.landed, landed.quarantined, landed.users), (4, 4, 0, 2));
    assert_eq!(shop.ask(profiles), [["ann", "f", "Paris", "2026-01-05"], ["bob", "m", "Oslo", "2026-01-05"]]);

    // Without updated_at on one side the later landing wins, though it is of an older day; null changes nothing.
    shop.land(
        "2.jsonl",
        r#"{"user_id":"bob","city":"Bergen","updated_at":"2026-01-01"}
{"user_id":"ann","city":"Lyon","gender":null}
"#,
    );
    assert_eq!(
        shop.ask(profiles),
        [["ann", "f", "Lyon", "2026-01-05"], ["bob", "m", "Bergen", "2026-01-05"]]
    );

    // bob's city was set on 1 January and his gender on the 5th; ann's city at no known time, and then on the 4th.
    shop.land(
        "3.jsonl",
        r#"{"user_id":"ann","city":"Nice","updated_at":"2026-01-04"}
{"user_id":"bob","city":"Oslo","gender":"x","updated_at":"2026-01-02"}
{"user_id":"ann","city":"Metz","updated_at":"2026-01-03"}
{"user_id":"eve","birth_year":1990}
"#,
    );
    assert_eq!(
        shop.ask(profiles),
        [
            ["ann", "f", "Nice", "2026-01-05"],
            ["bob", "m", "Oslo", "2026-01-05"],
            ["eve", "NULL", "NULL", "NULL"]
        ]
    );
}

#[test]
fn a_file_counts_once() {
    // Expected: by hand. The file of 2024 was there before that of 2025, and its second landing changes nothing.
    let shop = Shop::new("UTC");
    let old = "user_id,city\nann,Paris\n";
    assert!(!shop.land("2024.csv", old).already);
    assert!(!shop.land("2025.csv", "user_id,city\nann,Rome\n").already);
    let again = shop.land("2024.csv", old);
    assert!(again.already && again.version.is_none(), "{again:?}");
    assert_eq!(shop.ask("select city from user_profiles"), [["Rome"]]);
}

#[test]
fn columns_grow_and_keep_their_type() {
    // Expected: by hand, from the values in each file. Whole numbers become floats, no other type becomes another.
    let shop = Shop::new("UTC");
    shop.land("1.csv", "user_id,city\nann,Paris\nbob,Rome\n");
    let typed = "arrow_cast(timestamp '2026-01-02 03:04:05', 'Timestamp(Millisecond, None)') as joined, date '2026-01-03' as born";
    shop.land_rows("2.parquet", &format!("'ann' as user_id, true as vip, cast(7 as int) as level, {typed}"))
        .expect("a Parquet file with five more columns");
    assert_eq!(
        shop.ask(
            "select vip, level, arrow_typeof(level), joined, born, city from user_profiles order by user_id"
        ),
        [
            ["true", "7", "Int64", "2026-01-02T03:04:05Z", "2026-01-03", "Paris"],
            ["NULL", "NULL", "Int64", "NULL", "NULL", "Rome"]
        ]
    );
    shop.land_rows("3.parquet", "'bob' as user_id, 1.5 as level").expect("a level that is a float");
    shop.land_rows("4.parquet", "'eve' as user_id, 2 as level").expect("whole numbers into floats");
    assert_eq!(
        shop.ask("select user_id, level, arrow_typeof(level) from user_profiles order by 1"),
        [["ann", "7.0", "Float64"], ["bob", "1.5", "Float64"], ["eve", "2.0", "Float64"]]
    );

    // Text says so: a CSV column is text unless a mapping declares it.
    let error = shop.try_land("5.csv", "user_id,level\nann,3\n").expect_err("a level that is text");
    for part in ["5.csv", "'level'", "a float", "text"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let mapping = shop.path("typed.toml");
    std::fs::write(&mapping, "name = \"typed\"\n[fields]\nlevel = { type = \"int\", optional = true }\n")
        .expect("a mapping");
    let options = UserOptions::new(UserMapping::from_file(&mapping).expect("a mapping of users"));
    shop.try_land_with("5.csv", &options).expect("the level as a number");
    assert_eq!(shop.ask("select level from user_profiles where user_id = 'ann'"), [["3.0"]]);
    let error =
        shop.try_land("6.csv", "user_id,City\nann,Metz\n").expect_err("a name that differs in case only");
    assert!(error.contains("6.csv") && error.contains("'City'") && error.contains("'city'"), "{error}");
}

#[test]
fn a_mapping_makes_columns_of_foreign_fields() {
    // Expected: by hand, from the two rows and the expressions of the mapping.
    let shop = Shop::new("UTC");
    let mapping = shop.path("crm.toml");
    std::fs::write(
        &mapping,
        r#"name = "crm"
where = "deleted = 0"
[fields]
openid = { type = "text" }
sex = { type = "int" }
deleted = { type = "int" }
born = { type = "text", path = "birth.date", optional = true }
[columns]
user_id = "openid"
gender = "case sex when 1 then '男' when 2 then '女' end"
birth_year = "substr(born, 1, 4)"
is_known = "sex > 0"
"#,
    )
    .expect("a mapping");
    let options = UserOptions::new(UserMapping::from_file(&mapping).expect("a mapping of users"));
    std::fs::write(
        shop.path("crm.jsonl"),
        r#"{"openid":"a","sex":2,"deleted":0,"birth":{"date":"1990-05-06"},"other":"x"}
{"openid":"b","sex":1,"deleted":1}
{"openid":"c","sex":"?","deleted":0}
"#,
    )
    .expect("a file");
    let landed = shop.try_land_with("crm.jsonl", &options).expect("the file lands");
    assert_eq!((landed.rows, landed.landed, landed.left_out, landed.quarantined), (3, 1, 1, 1));
    assert_eq!(
        shop.ask("select user_id, gender, birth_year, is_known from users"),
        [["a", "女", "1990", "true"]]
    );
}

#[test]
fn bad_rows_are_kept_with_their_reason_and_the_rest_lands() {
    // Expected: by hand; each bad row has one thing wrong, and 2026 is the year of the landing.
    let shop = Shop::new("UTC");
    let long = "u".repeat(513);
    let text = format!(
        r#"{{"user_id":"ann","birth_year":1900,"city":"Paris"}}
{{"city":"Rome"}}
{{"user_id":"","city":"Rome"}}
{{"user_id":"{long}"}}
{{"user_id":"bob","birth_year":1899}}
{{"user_id":"bob","birth_year":2027}}
{{"user_id":"bob","birth_year":"young"}}
{{"user_id":"bob","first_seen":"yesterday"}}
{{"user_id":"bob","first_seen":"1989-12-31"}}
{{"user_id":"bob","updated_at":"2026-02-03"}}
not json
{{"user_id":"bob","birth_year":"2026","likes":["a",1],"extra":5}}
"#
    );
    let landed = shop.land("a.jsonl", &text);
    assert_eq!((landed.rows, landed.landed, landed.quarantined), (12, 2, 10));
    assert_eq!(
        shop.ask("select user_id, birth_year, city, likes, extra from users order by 1"),
        [["ann", "1900", "Paris", "NULL", "NULL"], ["bob", "2026", "NULL", "[\"a\",1]", "5"]]
    );
    let rejected = shop.ask("select row, \"column\" from quarantine order by row");
    let rejected: Vec<(&str, &str)> = rejected.iter().map(|row| (row[0].as_str(), row[1].as_str())).collect();
    assert_eq!(
        rejected,
        [
            ("2", "user_id"),
            ("3", "user_id"),
            ("4", "user_id"),
            ("5", "birth_year"),
            ("6", "birth_year"),
            ("7", "birth_year"),
            ("8", "first_seen"),
            ("9", "first_seen"),
            ("10", "updated_at"),
            ("11", "NULL")
        ]
    );

    for (name, text, parts) in [
        ("seen.csv", "user_id,last_seen\nann,2026-01-01\n", ["seen.csv", "last_seen", "page views"]),
        ("day.csv", "user_id,first_dt\nann,2026-01-01\n", ["day.csv", "first_dt", "page views"]),
        ("space.csv", "user_id,home town\nann,Paris\n", ["space.csv", "home town", "mapping"]),
        ("who.csv", "openid,city\nann,Paris\n", ["who.csv", "user_id", "openid"]),
    ] {
        let error = shop.try_land(name, text).expect_err("a column that users cannot have");
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
    assert_eq!(shop.ask("select count(*) from users"), [["2"]]);
}

#[test]
fn users_are_who_came_and_who_has_a_profile() {
    // Expected: by hand. Shanghai is 8 hours ahead: 16:30 UTC is half past midnight of the next day.
    let shop = Shop::new("Asia/Shanghai");
    let events = r#"{"user_id":"ann","ts":"2026-01-10T02:00:00Z","event":"page_view","page":"home"}
{"user_id":"ann","ts":"2026-01-10T17:00:00Z","event":"page_view","page":"home"}
{"user_id":"bob","ts":"2026-01-11T02:00:00Z","event":"page_view","page":"home"}
{"user_id":"cat","ts":"2026-01-11T02:00:00Z","event":"page_view","page":"home"}
{"user_id":"dan","ts":"2026-01-11T02:00:00Z","event":"app_launch"}
"#;
    std::fs::write(shop.path("events.jsonl"), events).expect("a file");
    block_on(land_file(&shop.store, &shop.path("events.jsonl"), "footfall")).expect("the events land");
    let figures = "select user_id, cast(first_seen as bigint) / 1000000, first_dt, last_dt, gender from users order by 1";
    let first = "select user_id, count(*) from sessions where is_first group by 1 order by 1";
    let without = shop.ask(figures);
    assert_eq!(
        without,
        [
            ["ann", "1768010400", "2026-01-10", "2026-01-11", "NULL"],
            ["bob", "1768096800", "2026-01-11", "2026-01-11", "NULL"],
            ["cat", "1768096800", "2026-01-11", "2026-01-11", "NULL"]
        ]
    );
    assert_eq!(shop.ask(first), [["ann", "1"], ["bob", "1"], ["cat", "1"]]);

    // ann came earlier than the log knows, bob's time is later than his view, dan and eve never viewed a page.
    shop.land(
        "users.csv",
        "user_id,gender,first_seen\n\
         ann,f,2025-12-31T16:30:00Z\n\
         bob,m,2026-01-12T00:00:00Z\n\
         dan,m,2026-01-01T00:00:00Z\n\
         eve,f,\n",
    );
    let with = [
        ["ann", "1767198600", "2026-01-01", "2026-01-11", "f"],
        ["bob", "1768096800", "2026-01-11", "2026-01-11", "m"],
        ["cat", "1768096800", "2026-01-11", "2026-01-11", "NULL"],
        ["dan", "NULL", "NULL", "NULL", "m"],
        ["eve", "NULL", "NULL", "NULL", "f"],
    ];
    assert_eq!(shop.ask(figures), with);
    assert_eq!(shop.ask(first), [["bob", "1"], ["cat", "1"]]);
    // The reports count who came: three users in all, two of them new on the 11th.
    let store = shop.path("store").display().to_string();
    let report = |name: &str| {
        footfall_ok(&["report", "--store", &store, "--only", name, "--date", "2026-01-11", "--format", "csv"])
    };
    let summary = report("summary");
    assert!(summary.lines().any(|line| line.starts_with("visit_total,") && line.contains(",3")), "{summary}");
    let trend = report("visit_trend_day");
    let day: Vec<&str> = trend.lines().nth(1).expect("a row of the day").split(',').collect();
    assert_eq!(day[..5], ["20260111", "3", "3", "3", "2"], "{trend}");

    block_on(shop.store.compact(&CompactOptions::default())).expect("the store compacts");
    assert_eq!(shop.ask(figures), with);
}

#[test]
fn by_eight_processes_at_once() {
    // Expected: four files of 50 users, each with a column of its own, all there though two processes land each at once.
    let shop = Shop::new("UTC");
    for round in 0..3 {
        for file in 0..4 {
            let mut text = format!("user_id,k{round}_{file}\n");
            for user in 0..50 {
                writeln!(text, "u{:02},{file}", (user + 25 * file) % 100).expect("writing to a text");
            }
            std::fs::write(shop.path(&format!("{round}_{file}.csv")), text).expect("a file");
        }
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                Command::new(env!("CARGO_BIN_EXE_footfall"))
                    .arg("land")
                    .arg(shop.path(&format!("{round}_{}.csv", writer % 4)))
                    .arg("--store")
                    .arg(shop.path("store"))
                    .args(["--table", "users", "--threads", "1"])
                    .stdout(Stdio::null())
                    .stderr(Stdio::piped())
                    .spawn()
                    .expect("the binary runs")
            })
            .collect();
        for writer in writers {
            let output = writer.wait_with_output().expect("a writer that ends");
            assert!(output.status.success(), "round {round}: {}", String::from_utf8_lossy(&output.stderr));
        }
        for file in 0..4 {
            // The texts are the file's number, 50 times.
            let sql = format!(
                "select count(*), count(k{round}_{file}), sum(cast(k{round}_{file} as int)) from user_profiles"
            );
            let found = shop.ask(&sql);
            assert_eq!(
                found,
                [["100".to_string(), "50".to_string(), (50 * file).to_string()]],
                "round {round}"
            );
        }
    }
}

#[test]
fn killed_at_random_moments() {
    // Expected: by the promise: a users file is there whole or not at all, and lands after that.
    let shop = Shop::new("UTC");
    let mut random = Random(7);
    for round in 0..20_u64 {
        let mut text = String::from("user_id,round\n");
        for user in 0..500 {
            writeln!(text, "u{user},{round}").expect("writing to a text");
        }
        let file = shop.path(&format!("{round}.csv"));
        std::fs::write(&file, text).expect("a file");
        let mut writer = Command::new(env!("CARGO_BIN_EXE_footfall"))
            .arg("land")
            .arg(&file)
            .arg("--store")
            .arg(shop.path("store"))
            .args(["--table", "users", "--quiet"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        std::thread::sleep(Duration::from_micros(random.below(50_000) as u64));
        writer.kill().expect("a writer to kill");
        writer.wait().expect("a writer that ends");
        let count = "select round, count(*) from user_profiles group by 1";
        if shop.has_profiles() {
            let found = shop.ask(count);
            assert!(
                found == [[round.to_string(), "500".to_string()]]
                    || round > 0 && found == [[(round - 1).to_string(), "500".to_string()]],
                "round {round}: {found:?}"
            );
        }
        let options = shop.options();
        block_on(land_users(&shop.store, &[file], &options, &|_| {})).expect("the file lands, or has landed");
        assert_eq!(shop.ask(count), [[round.to_string(), "500".to_string()]]);
    }
}

/// A store in a folder of its own.
struct Shop {
    folder: tempfile::TempDir,
    store: Store,
}

impl Shop {
    fn new(time_zone: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = folder.path().join("store");
        let store = block_on(Store::open_or_create(&root, Some(time_zone))).expect("a new store");
        Self { folder, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn options(&self) -> UserOptions {
        let mut options = UserOptions::new(UserMapping::built_in().expect("the built-in mapping"));
        options.now = "2026-02-01T00:00:00Z".parse().expect("a time");
        options
    }

    fn land(&self, name: &str, text: &str) -> LandedUsers {
        self.try_land(name, text).unwrap_or_else(|e| panic!("{e}"))
    }

    fn try_land(&self, name: &str, text: &str) -> Result<LandedUsers, String> {
        std::fs::write(self.path(name), text).expect("a file");
        self.try_land_with(name, &self.options())
    }

    fn try_land_with(&self, name: &str, options: &UserOptions) -> Result<LandedUsers, String> {
        let landed = block_on(land_users(&self.store, &[self.path(name)], options, &|_| {}));
        landed.map(|mut landed| landed.remove(0)).map_err(|e| e.to_string())
    }

    /// Lands one row, given as a select list, from a Parquet file.
    fn land_rows(&self, name: &str, row: &str) -> Result<LandedUsers, String> {
        let engine = Engine::new(&EngineOptions::default()).expect("an engine without a store");
        let file = self.path(name);
        ask(&engine, &format!("copy (select {row}) to '{}' stored as parquet", file.display()));
        self.try_land_with(name, &self.options())
    }

    fn ask(&self, sql: &str) -> Vec<Vec<String>> {
        let engine = block_on(Engine::with_store(&self.store, &EngineOptions::default()));
        ask(&engine.expect("the store opens"), sql)
    }

    /// Whether a users file has landed: before that there is no column but those that every user has.
    fn has_profiles(&self) -> bool {
        self.ask("select count(*) from user_profiles") != [["0"]]
    }
}
