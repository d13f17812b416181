//! Is the log of a table whole? Asked of its files themselves: a reader takes an empty entry for a commit that did nothing.
//!
//! ```text
//! 98.json  99.json  99.checkpoint.parquet  100.json  101.json  102.json
//! └── may be cleaned away ──┘               └─ all must be there and whole ─┘
//! ```

use std::collections::BTreeMap;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use datafusion::common::{Result, exec_datafusion_err, exec_err};
use deltalake_core::kernel::Action;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::Problem;
use crate::parquet_gate::gate;
use crate::store::log::MARK;

/// What is wrong with the log of the table `name` of the store in `root`; nothing if there is no such table.
pub(super) fn log_problems(root: &Path, name: &str) -> Result<Vec<Problem>> {
    let folder = root.join(name).join("_delta_log");
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let log = LogFolder::list(&folder)?;
    let mut problems = Vec::new();
    let mut base = None;
    let mut broken = Vec::new();
    for (&version, parts) in &log.checkpoints {
        let wrong: Vec<(&PathBuf, String)> =
            parts.iter().filter_map(|part| Some((part, wrong_checkpoint(part)?))).collect();
        if wrong.is_empty() {
            base = Some(version);
        }
        broken.extend(wrong);
    }
    let missing = log.missing_after(base);
    for (file, found) in broken {
        let advice = match missing.is_empty() {
            true => "remove it and _last_checkpoint: what it stands for is all there",
            false => RESTORE,
        };
        problems.push(problem(name, file, "a checkpoint", found, advice));
    }
    if let Some(version) = log.hint.filter(|version| !log.checkpoints.contains_key(version)) {
        let found = format!("the name of checkpoint {version}, which is not there");
        let advice = "remove it: readers then look for themselves";
        problems.push(problem(name, &folder.join(HINT), "the newest checkpoint's version", found, advice));
    }
    for (first, last) in missing {
        let found = match last - first {
            0 => "nothing".to_string(),
            more => format!("nothing, nor the {more} after it"),
        };
        problems.push(problem(name, &entry_file(&folder, first), "the entry of a commit", found, RESTORE));
    }
    for (&version, file) in &log.entries {
        let Some(found) = wrong_entry(version, file)? else { continue };
        let advice = match base {
            Some(base) if base >= version => {
                "the rows of now are not affected: a later checkpoint stands for it"
            }
            _ if Some(version) == log.newest() => {
                "move it out of the folder: the table is then as it was before that commit, and what it landed can be landed again"
            }
            _ => RESTORE,
        };
        problems.push(problem(name, file, "the entry of a commit", found, advice));
    }
    if log.newest().is_none() {
        problems.push(problem(name, &folder, "the log of a table", "no entry".to_string(), RESTORE));
    }
    Ok(problems)
}

const RESTORE: &str = "restore it from a copy of the store";
const HINT: &str = "_last_checkpoint";

fn problem(table: &str, file: &Path, expected: &str, found: String, advice: &'static str) -> Problem {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let file = match &*name {
        "_delta_log" => format!("{table}/_delta_log"),
        name => format!("{table}/_delta_log/{name}"),
    };
    Problem { file, expected: expected.to_string(), found, advice }
}

fn entry_file(folder: &Path, version: u64) -> PathBuf {
    folder.join(format!("{version:020}.json"))
}

/// The files of a log by what their names say.
#[derive(Default)]
struct LogFolder {
    entries: BTreeMap<u64, PathBuf>,
    checkpoints: BTreeMap<u64, Vec<PathBuf>>,
    /// The checkpoint that readers are sent to.
    hint: Option<u64>,
}

impl LogFolder {
    fn list(folder: &Path) -> Result<Self> {
        let failed = |e: std::io::Error| exec_datafusion_err!("{}: {e}", folder.display());
        // The hint first: what it names is then among the files that are listed after it.
        let mut log = Self { hint: hint(folder)?, ..Self::default() };
        for file in std::fs::read_dir(folder).map_err(failed)? {
            let file = file.map_err(failed)?;
            let name = file.file_name().to_string_lossy().into_owned();
            let Some((version, kind)) = name.split_once('.') else { continue };
            let Some(version) = Some(version).filter(|v| v.len() == 20).and_then(|v| v.parse().ok()) else {
                continue;
            };
            match kind {
                "json" => {
                    log.entries.insert(version, file.path());
                }
                kind if kind.starts_with("checkpoint.") => {
                    log.checkpoints.entry(version).or_default().push(file.path());
                }
                _ => {}
            }
        }
        // A listing that others add to meanwhile may have the later of two names and not the earlier one.
        for version in log.missing_after(None).into_iter().flat_map(|(first, last)| first..=last) {
            let file = entry_file(folder, version);
            if file.exists() {
                log.entries.insert(version, file);
            }
        }
        Ok(log)
    }

    fn newest(&self) -> Option<u64> {
        self.entries.keys().chain(self.checkpoints.keys()).max().copied()
    }

    /// Runs of versions, both ends inclusive, without an entry behind the checkpoint `base`.
    fn missing_after(&self, base: Option<u64>) -> Vec<(u64, u64)> {
        let mut runs = Vec::new();
        let mut next = base.map_or(0, |base| base + 1);
        for &version in self.entries.keys().filter(|version| base.is_none_or(|base| **version > base)) {
            if version > next {
                runs.push((next, version - 1));
            }
            next = version + 1;
        }
        // Nothing but a checkpoint that cannot be read.
        if let Some(newest) = self.newest().filter(|newest| *newest >= next) {
            runs.push((next, newest));
        }
        runs
    }
}

/// The checkpoint that readers are sent to.
fn hint(folder: &Path) -> Result<Option<u64>> {
    match std::fs::read(folder.join(HINT)) {
        // Readers pass over a hint that is no JSON.
        Ok(hint) => {
            let hint = serde_json::from_slice::<serde_json::Value>(&hint).ok();
            Ok(hint.and_then(|hint| hint["version"].as_u64()))
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => exec_err!("{}: {e}", folder.join(HINT).display()),
    }
}

/// What an entry is instead of the whole of a commit.
fn wrong_entry(version: u64, file: &Path) -> Result<Option<String>> {
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        // Old entries are cleaned away while we look.
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return exec_err!("{}: {e}", file.display()),
    };
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(Some(match bytes.len() {
            0 => "0 bytes".to_string(),
            length => format!("{length} bytes that are all zero"),
        }));
    }
    let actions: Result<Vec<Action>, _> =
        serde_json::Deserializer::from_slice(&bytes).into_iter::<Action>().collect();
    let actions = match actions {
        Ok(actions) => actions,
        Err(e) if e.is_eof() => return Ok(Some(format!("{} bytes that end in the middle", bytes.len()))),
        Err(e) => return Ok(Some(format!("{} bytes that are no JSON lines: {e}", bytes.len()))),
    };
    // A commit of ours ends with its transaction, a new table with its columns: less is a part of it.
    let ends = actions.iter().any(|action| matches!(action, Action::Txn(_)));
    let is_cut = match version {
        0 => !actions.iter().any(|action| matches!(action, Action::Metadata(_))),
        _ => !ends && actions.iter().any(is_ours),
    };
    Ok(is_cut.then(|| format!("{} bytes that are a part of it", bytes.len())))
}

fn is_ours(action: &Action) -> bool {
    matches!(action, Action::CommitInfo(info) if info.info.contains_key(MARK))
}

/// What a checkpoint is instead of rows that can be read.
fn wrong_checkpoint(path: &Path) -> Option<String> {
    if path.extension().is_none_or(|extension| extension != "parquet") {
        return None;
    }
    let rows = catch_unwind(AssertUnwindSafe(|| -> Result<usize> {
        let mut file = File::open(path)?;
        gate(&mut file)?;
        let batches = ParquetRecordBatchReaderBuilder::try_new(file)?.build()?;
        batches.map(|batch| -> Result<usize> { Ok(batch?.num_rows()) }).sum()
    }));
    match rows {
        // Old checkpoints are cleaned away while we look.
        _ if !path.exists() => None,
        Ok(Ok(0)) => Some("no row".to_string()),
        Ok(Ok(_)) => None,
        Ok(Err(e)) => Some(format!("a file that cannot be read: {}", e.strip_backtrace())),
        Err(_) => Some("a file that its reader fails on".to_string()),
    }
}
