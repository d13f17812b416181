//! Made-up traffic: the same for the same options, and with what real traffic has.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use datafusion::common::Result;
use footfall::generate::{Event, EventSink, Form, Format, GenerateOptions, Generated, generate, write_users};
use footfall::store::Store;
use footfall::{Engine, EngineOptions};

use crate::support::{ask, block_on, footfall, footfall_ok, land_file, repository};

/// Midnight of 1 March 2026 in Shanghai, in milliseconds.
const START: i64 = 1_772_294_400_000;
const DAY: i64 = 86_400_000;

#[test]
fn the_bundled_month_comes_again_from_its_seed() {
    // Expected: the files of data/shop_month, byte for byte; its README gives the options. The counts are those of a
    // second implementation, written in Python from the same rules.
    let options = GenerateOptions::new(3000, 31);
    let (_, generated) = collect(&options);
    assert_eq!(generated, Generated { rows: 152_479, retries: 1_712 });
    let found = std::fs::read(repository().join("data/shop_month/events.parquet")).expect("the sample");
    assert!(found == bytes(&options, Format::Parquet), "data/shop_month/events.parquet is another month");
    let found = std::fs::read(repository().join("data/shop_month/users.parquet")).expect("the sample");
    assert!(found == users(&options, Format::Parquet), "data/shop_month/users.parquet has other users");
}

#[test]
fn the_seed_decides_every_byte() {
    // Expected: the promise of the options; no clock, no thread and no hash order has a say.
    let options = GenerateOptions::new(150, 6);
    let other = GenerateOptions { seed: 2, ..options };
    for format in [Format::Jsonl, Format::Csv, Format::Parquet] {
        assert!(bytes(&options, format) == bytes(&options, format), "{format:?}: twice, two files");
        assert!(bytes(&options, format) != bytes(&other, format), "{format:?}: two seeds, one file");
        assert!(users(&options, format) == users(&options, format), "{format:?}: twice, two users files");
    }
}

#[test]
fn all_formats_land_as_the_same_rows() {
    // Expected: what the generator counted: a retry is a duplicate, everything else lands, nothing is rejected.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = GenerateOptions::new(200, 9);
    let question = "select count(*), count(distinct user_id), count(distinct event_id), sum(seq), sum(scene), \
         sum(cast(ts as bigint)), sum(cast(received_at as bigint)), count(page), count(query), count(referrer), \
         count(session_key), sum(duration_ms), count(share_channel), count(distinct model), count(brand), count(os), \
         count(network), count(app_version), count(platform), count(props['product_id']), \
         sum(cast(cast(props['price'] as double) * 100 as bigint)), sum(cast(props['quantity'] as bigint)), \
         min(props['order_time']), count(distinct props['keyword']), max(query), min(props['coupon']) from events";
    let mut answers = vec![];
    for (name, format) in [("a.jsonl", Format::Jsonl), ("a.csv", Format::Csv), ("a.parquet", Format::Parquet)]
    {
        let (file, generated) = (folder.path().join(name), generate_file(&options, format));
        std::fs::write(&file, &generated.1).expect("a file");
        let store = folder.path().join(format!("store of {name}"));
        let store = block_on(Store::open_or_create(&store, Some("Asia/Shanghai"))).expect("a new store");
        let landed = block_on(land_file(&store, &file, "footfall")).expect("the file lands");
        let Generated { rows, retries } = generated.0;
        assert!(retries > 0, "nothing was sent again");
        assert_eq!(
            (landed.rows, landed.landed, landed.duplicates, landed.quarantined),
            (rows, rows - retries, retries, 0),
            "{name}"
        );
        let engine =
            block_on(Engine::with_store(&store, &EngineOptions::default())).expect("the store opens");
        answers.push(ask(&engine, question));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
}

#[test]
fn rows_are_what_the_options_say() {
    // Expected: the definition of the options and of a row: see the documentation of the module.
    let (events, generated) = collect(&GenerateOptions::new(400, 14));
    assert_eq!(generated.rows, events.len() as u64);
    assert!(events.is_sorted_by_key(Event::received_at), "not in the order of receipt");
    assert!(events.iter().all(|e| (START..START + 14 * DAY).contains(&e.ts())), "a time outside the span");

    let ids: BTreeSet<String> = events.iter().map(Event::user_id).collect();
    assert_eq!(ids.len(), 400);
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    assert!(ids.iter().all(|id| id.len() == 28 && id.starts_with('o') && id.chars().all(is_letter)));

    let mut sent: BTreeMap<String, Vec<&Event>> = BTreeMap::new();
    for event in &events {
        sent.entry(event.event_id()).or_default().push(event);
    }
    let facts = |e: &Event| (e.user_id(), e.seq(), e.ts(), e.event(), e.page(), e.query(), e.scene());
    for again in sent.values().filter(|again| again.len() > 1) {
        assert_eq!(again.len(), 2);
        assert_eq!(facts(again[0]), facts(again[1]));
        assert!(again[0].received_at() < again[1].received_at());
    }
    assert_eq!(generated.retries, (events.len() - sent.len()) as u64);

    // Each user's events are numbered from 0 without a gap.
    let mut numbers: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    for first in sent.values() {
        numbers.entry(first[0].user_id()).or_default().insert(first[0].seq());
    }
    let counted: usize = numbers.values().map(BTreeSet::len).sum();
    assert_eq!(counted, sent.len());
    assert!(numbers.values().all(|numbers| numbers.iter().copied().eq(0..numbers.len() as u32)));
}

#[test]
fn late_rows_wrong_clocks_and_shares_are_in_it() {
    // Expected: the documentation of the module.
    let (events, _) = collect(&GenerateOptions::new(1500, 14));
    let delay = |event: &Event| event.received_at() - event.ts();
    let late = events.iter().filter(|event| delay(event) > 6 * 3_600_000).count();
    assert!(late > 0 && late < events.len() / 20, "{late} of {} rows are late", events.len());
    assert!(events.iter().any(|event| delay(event) < 0), "no clock is ahead");

    // Who opens what was shared has a query that names an open in which another user shared.
    let shares: BTreeMap<String, String> = events
        .iter()
        .filter(|event| event.event() == "share")
        .map(|event| (event.event_id()[..8].to_string(), event.user_id()))
        .collect();
    let opened =
        events.iter().filter(|e| e.event() == "page_view" && [1007, 1008, 1154].contains(&e.scene()));
    let mut followed = 0;
    for event in opened {
        if let Some((_, key)) = event.query().rsplit_once("share=") {
            let sharer = shares.get(key).unwrap_or_else(|| panic!("nobody sent {key}"));
            assert_ne!(*sharer, event.user_id());
            followed += 1;
        }
    }
    assert!(followed > 50, "{followed} views follow a share");
}

#[test]
fn fewer_come_back_and_fewer_go_on() {
    // Expected: retention falls with age, and each step of the shop's funnel loses people.
    let (events, _) = collect(&GenerateOptions::new(4000, 31));
    let mut days: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    for event in &events {
        days.entry(event.user_id()).or_default().insert((event.ts() - START) / DAY);
    }
    let back = |day: i64| days.values().filter(|days| days.contains(&0) && days.contains(&day)).count();
    let (first, next, week, month) = (back(0), back(1), back(7), back(30));
    assert!(first > next && next > week && week > month && month > 0, "{first} {next} {week} {month}");
    // New users come on every day.
    let new = |day: i64| days.values().filter(|days| days.first() == Some(&day)).count();
    assert!((0..31).all(|day| new(day) > 0));

    let people = |name: &str| {
        let users = events.iter().filter(|event| event.event() == name).map(Event::user_id);
        users.collect::<BTreeSet<_>>().len()
    };
    let steps = ["page_view", "product_view", "add_to_cart", "order_submit", "pay_success"].map(people);
    assert!(steps.is_sorted_by(|a, b| a > b) && steps[4] > 0, "{steps:?}");
}

#[test]
fn columns_are_those_of_the_mapping() {
    // Expected: the table [columns] of data/mappings/footfall.toml, in its order.
    let mapping = std::fs::read_to_string(repository().join("data/mappings/footfall.toml")).expect("a file");
    let columns = mapping.split("[columns]").nth(1).expect("a table of columns");
    let columns: Vec<&str> = columns.lines().filter_map(|line| Some(line.split_once(" = ")?.0)).collect();
    let csv = bytes(&GenerateOptions::new(5, 2), Format::Csv);
    let csv = String::from_utf8(csv).expect("text");
    assert_eq!(csv.lines().next(), Some(columns.join(",").as_str()));

    // A line of JSON is about 250 bytes and has no other keys.
    let lines = String::from_utf8(bytes(&GenerateOptions::new(100, 20), Format::Jsonl)).expect("text");
    let length = lines.len() / lines.lines().count();
    assert!((200..320).contains(&length), "{length} bytes a line");
    for line in lines.lines() {
        let row: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).expect("JSON");
        assert!(row.keys().all(|key| columns.contains(&key.as_str())), "{line}");
    }
}

#[test]
fn the_command_writes_whole_files_or_none() {
    // Expected: exit code 2 for what was typed wrong; a packed file lands like the plain one.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let wrong = [
        ["--users", "10", "--days", "2", "-o", &path("a.txt")],
        ["--users", "0", "--days", "2", "-o", &path("a.csv")],
        ["--users", "10", "--days", "0", "-o", &path("a.csv")],
        ["--users", "10", "--days", "2", "-o", &path("a.parquet.gz")],
    ];
    for arguments in wrong {
        let output = footfall(&[&["generate"][..], &arguments[..]].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
    let left = std::fs::read_dir(folder.path()).expect("the folder").count();
    assert_eq!(left, 0, "a file was left behind");

    let (plain, packed, people) = (path("a.jsonl"), path("b.jsonl.gz"), path("users.csv"));
    let size = ["--users", "40", "--days", "3", "--seed", "7"];
    let said = footfall_ok(&[&["generate", "-o", &plain, "--users-output", &people][..], &size[..]].concat());
    footfall_ok(&[&["generate", "-o", &packed][..], &size[..]].concat());
    let known = std::fs::read_to_string(&people).expect("the users file");
    assert!(known.starts_with("user_id,gender,birth_year,province,city,member_level\n"), "{known}");
    assert!(said.contains(&format!("{} users", known.lines().count() - 1)), "{said}");
    let rows = std::fs::read_to_string(&plain).expect("the events file").lines().count() as u64;
    for (store, file) in [("plain", plain), ("packed", packed)] {
        let store = folder.path().join(store);
        let store = block_on(Store::open_or_create(&store, None)).expect("a new store");
        let landed = block_on(land_file(&store, Path::new(&file), "footfall")).expect("the file lands");
        assert_eq!((landed.rows, landed.quarantined), (rows, 0), "{file}");
    }
}

#[derive(Default)]
struct Collected(Vec<Event>);

impl EventSink for Collected {
    fn write(&mut self, events: &[Event]) -> Result<()> {
        self.0.extend_from_slice(events);
        Ok(())
    }
}

fn collect(options: &GenerateOptions) -> (Vec<Event>, Generated) {
    let mut collected = Collected::default();
    let generated = generate(options, &mut collected).expect("traffic");
    (collected.0, generated)
}

fn generate_file(options: &GenerateOptions, format: Format) -> (Generated, Vec<u8>) {
    let mut bytes = Vec::new();
    let mut sink = Form::from(format).sink(&mut bytes).expect("a sink");
    let generated = generate(options, sink.as_mut()).expect("traffic");
    drop(sink);
    (generated, bytes)
}

fn bytes(options: &GenerateOptions, format: Format) -> Vec<u8> {
    generate_file(options, format).1
}

fn users(options: &GenerateOptions, format: Format) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_users(options, format.into(), &mut bytes).expect("users");
    bytes
}
