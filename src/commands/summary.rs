//! `--summary json`: one line of JSON that sums a run up, the last one on stdout, however the run ends.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use datafusion::common::{DataFusionError, Result};
use footfall::report::batch::RunRecord;
use serde_json::{Value, json};

/// A line that was asked for and is not printed yet. A time-out drops the run, or ends the process from another thread: what
/// there is to say must be known outside of the run.
static UNSAID: Mutex<Option<Unsaid>> = Mutex::new(None);

#[derive(Default)]
struct Unsaid {
    /// Where a run over many stretches writes its record, and which run's record stood there before.
    run: Option<(PathBuf, Option<String>)>,
}

/// From now on the process ends with a line.
pub(crate) fn promise() {
    *unsaid() = Some(Unsaid::default());
}

/// A run over many stretches begins, whose record in `folder` says how far it has come.
pub(crate) fn begin(folder: &Path) {
    if let Some(unsaid) = unsaid().as_mut() {
        unsaid.run = Some((folder.to_path_buf(), RunRecord::read(folder).map(|before| before.run)));
    }
}

/// Prints the line, if there is to be one.
pub(crate) fn print(line: &Value) -> Result<()> {
    if unsaid().take().is_none() {
        return Ok(());
    }
    let mut out = std::io::stdout();
    writeln!(out, "{line}")?;
    out.flush().map_err(DataFusionError::IoError)
}

/// Prints the line of a run that did not get to its end, if it still has to.
pub(crate) fn give_up(code: u8, error: &str) {
    let run = match unsaid().as_ref() {
        Some(unsaid) => unsaid.run.clone(),
        None => return,
    };
    let record = run.and_then(|(folder, before)| {
        RunRecord::read(&folder)
            .filter(|record| Some(&record.run) != before.as_ref())
            .map(|record| record.summary(&folder))
    });
    let mut line = record.unwrap_or_else(|| json!({}));
    line["status"] = json!(if [4, 130].contains(&code) { "stopped" } else { "failed" });
    line["error"] = json!(error);
    // Who reads it may be gone.
    let _ = print(&line);
}

fn unsaid() -> MutexGuard<'static, Option<Unsaid>> {
    UNSAID.lock().unwrap_or_else(PoisonError::into_inner)
}
