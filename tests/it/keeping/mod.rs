//! What is kept stays right: verify names what is damaged, vacuum takes only what nobody needs, changes are told day by day,
//! a long log opens quickly, and compaction makes the files it promises.

mod changes;
mod compaction;
mod long_log;
mod vacuum;
mod verify;

use std::fmt::Write;
use std::fs;
use std::path::Path;

use footfall::store::Store;
use footfall::{Engine, EngineOptions};

use crate::support::{ask, block_on, land_file};

/// Noon of a day in UTC, in milliseconds since 1970; days count from Monday, 2025-03-03.
fn noon(day: i64) -> i64 {
    (20_150 + day) * 86_400_000 + 43_200_000
}

/// Lands `rows` (user, ts in ms) as one file of the name `name`.
fn land(store: &Store, name: &str, rows: &[(String, i64)]) {
    let mut text = String::new();
    for (seq, (user, ts)) in rows.iter().enumerate() {
        writeln!(text, r#"{{"user_id":"{user}","ts":{ts},"seq":{seq},"event":"page_view","page":"home"}}"#)
            .expect("writing to a text");
    }
    let file = store.root().parent().expect("a folder around the store").join(format!("{name}.jsonl"));
    fs::write(&file, text).expect("a file in a temporary folder");
    let landed = block_on(land_file(store, &file, "footfall")).expect("a landing");
    assert_eq!(landed.landed, rows.len() as u64, "{name}");
}

/// A row of each of `users` users on each of the days.
fn rows(users: usize, days: impl IntoIterator<Item = i64>) -> Vec<(String, i64)> {
    days.into_iter()
        .flat_map(|day| (0..users).map(move |user| (format!("u{user}"), noon(day) + user as i64)))
        .collect()
}

/// The same rows a second later: what is read twice counts once, so a second landing needs rows of its own.
fn later(rows: Vec<(String, i64)>) -> Vec<(String, i64)> {
    rows.into_iter().map(|(user, ts)| (user, ts + 1000)).collect()
}

fn new_store(folder: &Path, zone: &str) -> Store {
    block_on(Store::open_or_create(&folder.join("store"), Some(zone))).expect("a new store")
}

fn engine(store: &Store) -> Engine {
    block_on(Engine::with_store(store, &EngineOptions::default())).expect("a store that can be read")
}

fn count(store: &Store) -> String {
    ask(&engine(store), "select count(*) from events").concat().concat()
}

fn text_of(path: &Path) -> String {
    path.display().to_string()
}

/// Names of the files in a folder that end so, ascending.
fn names(folder: &Path, end: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("a folder")
        .map(|file| file.expect("a file").file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(end))
        .collect();
    names.sort();
    names
}
