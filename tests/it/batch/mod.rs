//! Reports of many days: each in a folder that appears whole, and computed again exactly when its answer may be another one.

mod changed;
mod kills;
mod packs;
mod together;
mod zones;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// 2026-03-01T00:00:00Z in milliseconds.
const MARCH: i64 = 1_772_323_200_000;
const HOUR: i64 = 3_600_000;

/// A folder with a store `st`.
struct Place {
    folder: tempfile::TempDir,
    landed: std::cell::Cell<usize>,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), landed: std::cell::Cell::new(0) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Exit code, stdout, stderr.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        run(self.folder.path(), arguments)
    }

    /// Runs what has to end well; stdout.
    fn ok(&self, arguments: &[&str]) -> String {
        let (code, out, error) = self.run(arguments);
        assert_eq!(code, 0, "footfall {}\n{out}{error}", arguments.join(" "));
        out
    }

    /// Lands page views, (user, milliseconds, page).
    fn land(&self, zone: &str, views: &[(String, i64, &str)]) {
        let mut text = String::new();
        for (user, ts, page) in views {
            writeln!(text, r#"{{"user_id":"{user}","ts":{ts},"event":"page_view","page":"{page}"}}"#)
                .expect("writing to a text");
        }
        self.landed.set(self.landed.get() + 1);
        let name = format!("{}.jsonl", self.landed.get());
        self.write(&name, &text);
        self.ok(&["land", &name, "--store", "st", "--tz", zone]);
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder above")).expect("a folder");
        fs::write(path, text).expect("a file in a temporary folder");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// All files below a folder but run.json, with their bytes.
    fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let root = self.path(folder);
        let mut files = BTreeMap::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.file_name().is_some_and(|name| name != "run.json") {
                    let name = path.strip_prefix(&root).expect("a file below").display().to_string();
                    files.insert(name, fs::read(&path).expect("a file that can be read"));
                }
            }
        }
        files
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }
}

pub(crate) fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_footfall"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("FOOTFALL_STORE")
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// The last line of stdout, which `--summary json` makes an object.
fn summary(out: &str) -> Value {
    let line = out.lines().last().unwrap_or_default();
    serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"))
}

/// Views of some users at noon UTC of days of March.
fn views(users: usize, days: impl IntoIterator<Item = i64>) -> Vec<(String, i64, &'static str)> {
    let at = |user: usize, day: i64| MARCH + (day - 1) * 24 * HOUR + 12 * HOUR + user as i64 * 1000;
    days.into_iter()
        .flat_map(|day| (0..users).map(move |user| (format!("u{user}"), at(user, day), "home")))
        .collect()
}

/// Views and visitors of the day; depends on no other day.
const OF_A_DAY: &str = "-- title: Views | 访问\n\
    -- param from date = first_day : first day\n-- param to date = last_day : last day\n\
    -- column views = views | 访问次数 : page views\n-- column visitors = visitors | 访问人数 : distinct users\n\
    -- check: visitors <= views\n\
    SELECT count(*) AS views, count(DISTINCT user_id) AS visitors FROM events\n\
    WHERE event = 'page_view' AND dt >= $from AND dt <= $to\n";

/// Opens of the day: by the rule of sessions it depends on the days beside it.
const OPENS: &str = "-- title: Opens\n\
    -- param from date = first_day : first day\n-- param to date = last_day : last day\n\
    SELECT count(*) AS opens, sum(stay_ms) AS stay_ms FROM sessions\n\
    WHERE views > 0 AND session_dt >= $from AND session_dt <= $to\n";

/// New users: depends on all days before.
const NEW_USERS: &str = "-- title: New users\n-- days: ..to\n\
    -- param from date = first_day : first day\n-- param to date = last_day : last day\n\
    SELECT count(*) AS new_users FROM users WHERE first_dt >= $from AND first_dt <= $to\n";
