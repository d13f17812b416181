//! `run.json`: what a run did, for people and for the next run.
//!
//! The folder of every stretch has one that says from what each of its files was computed; it takes its place together with
//! the files. The folder above has one for the run as a whole.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::day::Day;
use super::inputs::Inputs;

/// The file's name, in both places.
pub const RUN_FILE: &str = "run.json";

/// One folder of files that belong together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FolderRecord {
    /// The run that put the folder there.
    pub run: String,
    pub status: Status,
    /// The stretch of the calendar; without it the reports have their own range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Day>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Day>,
    pub time_zone: String,
    pub store: String,
    pub store_id: String,
    /// Version of the events table.
    pub version: u64,
    pub footfall: String,
    /// When it was finished, in UTC.
    pub finished: String,
    pub seconds: f64,
    pub reports: Vec<FileRecord>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileRecord {
    pub report: String,
    /// Its path in the folder.
    pub file: String,
    pub status: Status,
    /// The run that computed it: an earlier one where nothing it depends on has changed.
    pub run: String,
    pub rows: u64,
    pub bytes: u64,
    /// From its beginning to its end; two reports run at a time.
    pub seconds: f64,
    /// Of the file's bytes, xxh3-128.
    pub hash: String,
    /// Of the report's text, xxh3-128.
    pub query: String,
    pub parameters: BTreeMap<String, String>,
    pub time_zone: String,
    pub store_id: String,
    /// Version of the events table that it was computed from.
    pub version: u64,
    pub footfall: String,
    pub inputs: Inputs,
}

/// A run over many stretches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    pub run: String,
    pub status: Status,
    /// `day`, `week` or `month`.
    pub each: String,
    pub from: Day,
    pub to: Day,
    /// Form of the files.
    #[serde(default)]
    pub format: String,
    /// Names of the reports, those that are not made for such stretches left out.
    #[serde(default)]
    pub reports: Vec<String>,
    /// Parameters that were given, the same in every stretch.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// Name of the segment whose users alone were asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    pub time_zone: String,
    pub store: String,
    pub store_id: String,
    pub version: u64,
    pub footfall: String,
    pub started: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<String>,
    pub seconds: f64,
    /// Those for which something was to run, and those that a run before has left, in order.
    pub stretches: Vec<StretchRecord>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StretchRecord {
    pub name: String,
    pub status: Status,
    /// Reports that were to run.
    pub reports: usize,
    /// Files whose bytes are others than before.
    pub changed: usize,
    pub rows: u64,
    pub seconds: f64,
    /// The report that failed, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not begun.
    Waiting,
    /// Begun, and not ended unless it was killed.
    Running,
    Done,
    Failed,
    /// Given up: cancelled, or out of time.
    Stopped,
}

impl FolderRecord {
    /// Of a folder; `None` if it has none that can be read, which is as good as none.
    pub fn read(folder: &Path) -> Option<Self> {
        read(folder)
    }

    /// The record of a file.
    pub fn file(&self, file: &str) -> Option<&FileRecord> {
        self.reports.iter().find(|record| record.file == file)
    }
}

impl RunRecord {
    /// Of the folder above; `None` if it has none that can be read.
    pub fn read(folder: &Path) -> Option<Self> {
        read(folder)
    }

    /// The one line of `--summary json`.
    pub fn summary(&self, output: &Path) -> serde_json::Value {
        let ran = |status: Status| self.stretches.iter().filter(|stretch| stretch.status == status).count();
        let sum = |figure: fn(&StretchRecord) -> u64| self.stretches.iter().map(figure).sum::<u64>();
        let failed = self.stretches.iter().find(|stretch| stretch.status == Status::Failed);
        serde_json::json!({
            "run": self.run,
            "status": self.status,
            "each": self.each,
            "from": self.from,
            "to": self.to,
            "time_zone": self.time_zone,
            "version": self.version,
            "ran": ran(Status::Done),
            "failed": ran(Status::Failed),
            "waiting": ran(Status::Waiting) + ran(Status::Stopped) + ran(Status::Running),
            "changed_files": sum(|stretch| stretch.changed as u64),
            "rows": sum(|stretch| stretch.rows),
            "seconds": self.seconds,
            "output": output.display().to_string(),
            "error": failed.and_then(|stretch| stretch.error.clone()),
        })
    }
}

fn read<T: DeserializeOwned>(folder: &Path) -> Option<T> {
    let bytes = std::fs::read(folder.join(RUN_FILE)).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// As a file holds it: people read it, too.
pub(super) fn to_json<T: Serialize>(record: &T) -> io::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(record)?;
    bytes.push(b'\n');
    Ok(bytes)
}
