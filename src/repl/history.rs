//! What was asked before: a line for each statement in the user's state folder, with its time, its duration and its rows.
//!
//! ```text
//! 1774939200 ⇥ 412 ⇥ 31 ⇥ done ⇥ /data/shop ⇥ select dt, count(*) …\nfrom events …
//! ```
//! With tabs (⇥) between: unix seconds, milliseconds, rows, outcome, store, text; tabs, line ends and backslashes of the text
//! are escaped. Prompts that run at once append lines to the same file; each starts with what was there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Entries that are kept when the file is read.
pub const KEPT: usize = 10_000;

/// One statement or command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Seconds since 1970.
    pub at: u64,
    pub took: Duration,
    /// `None` where it gave no rows.
    pub rows: Option<u64>,
    pub outcome: Outcome,
    /// Folder of the store; empty without one.
    pub store: String,
    pub text: String,
}

/// How a statement ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Failed,
    Cancelled,
}

impl Outcome {
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The file: under `XDG_STATE_HOME` where that is an absolute path, else under `.local/state` of the home folder.
pub fn path(variable: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let state = variable("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || Some(PathBuf::from(variable("HOME").filter(|home| !home.is_empty())?).join(".local/state"));
    Some(state.or_else(home)?.join("footfall").join("history"))
}

/// The newest entries of the file, oldest first; none where there is no file. A line that is no entry is passed over.
pub fn read(path: &Path) -> io::Result<Vec<Entry>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let entries: Vec<Entry> =
        lines.iter().skip(lines.len().saturating_sub(KEPT)).filter_map(|line| parse(line)).collect();
    if lines.len() > 2 * KEPT {
        let kept: String = entries.iter().map(line).collect();
        let temporary = path.with_extension("new");
        open(&temporary, false)?.write_all(kept.as_bytes())?;
        fs::rename(&temporary, path)?;
    }
    Ok(entries)
}

/// Adds a line, in one write.
pub fn append(path: &Path, entry: &Entry) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    open(path, true)?.write_all(line(entry).as_bytes())
}

/// Statements may name people: only their owner reads them.
fn open(path: &Path, append: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).write(true).append(append).truncate(!append);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn line(entry: &Entry) -> String {
    let rows = entry.rows.map_or_else(|| "-".to_string(), |rows| rows.to_string());
    format!(
        "{}\t{}\t{rows}\t{}\t{}\t{}\n",
        entry.at,
        entry.took.as_millis(),
        entry.outcome.name(),
        escape(&entry.store),
        escape(&entry.text)
    )
}

fn parse(line: &str) -> Option<Entry> {
    let mut fields = line.splitn(6, '\t');
    let at = fields.next()?.parse().ok()?;
    let took = Duration::from_millis(fields.next()?.parse().ok()?);
    let rows = fields.next()?.parse().ok();
    let outcome = match fields.next()? {
        "done" => Outcome::Done,
        "failed" => Outcome::Failed,
        "cancelled" => Outcome::Cancelled,
        _ => return None,
    };
    Some(Entry { at, took, rows, outcome, store: unescape(fields.next()?), text: unescape(fields.next()?) })
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t").replace('\r', "\\r")
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('n')) => out.push('\n'),
            ('\\', Some('t')) => out.push('\t'),
            ('\\', Some('r')) => out.push('\r'),
            ('\\', Some(other)) => out.push(other),
            (c, _) => out.push(c),
        }
    }
    out
}
