//! What is to run, and why? Decided from the log of the store and the records of what is there, without a query.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};
use std::path::Path;

use super::day::{Day, Stretch};
use super::inputs::{Inputs, StoreState};
use super::record::{FileRecord, FolderRecord, RunRecord, Status, StretchRecord};

/// A report with its values for one stretch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub report: String,
    /// The file's path in the folder of the stretch.
    pub file: String,
    /// Hash of the report's text.
    pub query: String,
    pub parameters: BTreeMap<String, String>,
}

/// Which of what is asked for runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    All,
    /// What is not there, or may be another answer now.
    Changed,
    /// What the last run did not get done.
    Unfinished,
}

/// What is to be done in one stretch.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    pub stretch: Stretch,
    /// Places among the reports asked for, each with the reason; empty: nothing to do.
    pub run: Vec<(usize, String)>,
    /// Files that stay as they are, of reports asked for and of others.
    pub keep: Vec<FileRecord>,
}

/// All stretches, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    pub tasks: Vec<Task>,
    /// Reports asked for in each stretch.
    pub reports: Vec<String>,
    /// First and last day of this run, and of the one that it takes up.
    pub range: (Day, Day),
    /// What the run before did not finish and this one does not either, for the one after it.
    pub left: Vec<StretchRecord>,
}

/// The part of a plan of one stretch. `last` is the run before, where only what it did not finish is to run.
pub(super) fn task(
    stretch: Stretch,
    asked: &[Asked],
    folder: &Path,
    which: Which,
    state: &StoreState,
    last: Option<&RunRecord>,
) -> Task {
    let record = FolderRecord::read(folder);
    let known = |asked: &Asked| record.as_ref().and_then(|record| record.file(&asked.file));
    let is_wanted = match (which, last) {
        (Which::Unfinished, Some(last)) => {
            let planned = last.stretches.iter().find(|known| known.name == stretch.name);
            planned.is_some_and(|planned| is_unfinished(planned, record.as_ref(), last))
        }
        _ => true,
    };
    let mut run = Vec::new();
    if is_wanted {
        for (at, asked) in asked.iter().enumerate() {
            let reason = match which {
                Which::All => Some("asked for".to_string()),
                Which::Unfinished => Some("the last run did not finish it".to_string()),
                Which::Changed => reason(asked, known(asked), folder, state),
            };
            run.extend(reason.map(|reason| (at, reason)));
        }
    }
    let runs: BTreeSet<&str> = run.iter().map(|(at, _)| asked[*at].file.as_str()).collect();
    let mut keep = record.map_or_else(Vec::new, |record| record.reports);
    keep.retain(|record| !runs.contains(record.file.as_str()) && folder.join(&record.file).is_file());
    Task { stretch, run, keep }
}

/// The stretches that the run before did not finish and that are not among `tasks`.
pub(super) fn left(last: &RunRecord, tasks: &[Task], folder: &Path) -> Vec<StretchRecord> {
    let is_busy = |name: &str| tasks.iter().any(|task| task.stretch.name == name && !task.run.is_empty());
    let is_left = |known: &&StretchRecord| {
        let record = FolderRecord::read(&folder.join(&known.name));
        !is_busy(&known.name) && is_unfinished(known, record.as_ref(), last)
    };
    let left = last.stretches.iter().filter(is_left);
    left.map(|known| StretchRecord { status: Status::Waiting, ..known.clone() }).collect()
}

fn is_unfinished(planned: &StretchRecord, record: Option<&FolderRecord>, last: &RunRecord) -> bool {
    match planned.status {
        Status::Done => false,
        Status::Failed => true,
        // A run that was killed could not say how far it came; the folders say it.
        Status::Waiting | Status::Running | Status::Stopped => {
            record.is_none_or(|record| record.run != last.run)
        }
    }
}

/// Why the answer that is there will not do; `None` if it is the one that would be computed.
fn reason(asked: &Asked, known: Option<&FileRecord>, folder: &Path, state: &StoreState) -> Option<String> {
    let Some(known) = known.filter(|known| known.status == Status::Done) else {
        return Some("not there".to_string());
    };
    if !folder.join(&known.file).is_file() {
        return Some("its file is missing".to_string());
    }
    if known.store_id != state.id || known.version > state.version {
        return Some("computed from another store".to_string());
    }
    if known.time_zone != state.time_zone {
        return Some(format!("days were counted in {}, are in {}", known.time_zone, state.time_zone));
    }
    if known.query != asked.query {
        return Some("the query changed".to_string());
    }
    if known.parameters != asked.parameters {
        let names = known.parameters.keys().chain(asked.parameters.keys());
        let other = names.into_iter().find(|name| known.parameters.get(*name) != asked.parameters.get(*name));
        return Some(format!("parameter {} changed", other.map_or("", String::as_str)));
    }
    if known.footfall != env!("CARGO_PKG_VERSION") {
        return Some(format!("computed by version {}", known.footfall));
    }
    Inputs::changed(&known.inputs, state)
}

impl Plan {
    /// Reports to run, over all stretches.
    pub fn count(&self) -> usize {
        self.tasks.iter().map(|task| task.run.len()).sum()
    }

    /// Stretches in which something is to run.
    pub fn busy(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|task| !task.run.is_empty())
    }
}

/// A line for each stretch and reason, and one that sums up.
impl Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for task in self.busy() {
            let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
            for (at, reason) in &task.run {
                let report = self.reports[*at].as_str();
                match reasons.iter_mut().find(|(known, _)| known == reason) {
                    Some((_, reports)) => reports.push(report),
                    None => reasons.push((reason, vec![report])),
                }
            }
            for (reason, reports) in reasons {
                let which = if reports.len() == self.reports.len() && reports.len() > 1 {
                    format!("all {} reports", reports.len())
                } else {
                    reports.join(", ")
                };
                writeln!(f, "{}\t{which}: {reason}", task.stretch.name)?;
            }
        }
        write!(f, "{} of {} to run, {} reports in all", self.busy().count(), self.tasks.len(), self.count())
    }
}
