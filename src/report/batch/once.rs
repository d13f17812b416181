//! Reports of one range each, whose files stand in one folder.

use std::io;
use std::path::Path;
use std::time::Instant;

use datafusion::common::Result;
use futures::{StreamExt, stream};

use super::folder::{Staged, recover_one};
use super::{
    AT_ONCE, DAYS, Day, FileRecord, FolderRecord, Inputs, Lock, Progress, RUN_FILE, RunRecord, Running,
    StoreState, cannot_write, file, folder_record, history, run_id, shared, write_record,
};
use crate::ask::{Arguments, Format, Usage};
use crate::engine::Engine;
use crate::report::{Report, Shared};

/// Runs the reports, each over its own range, and puts their files into `folder`, all at once: where the folder holds nothing
/// else it is exchanged as a whole, else every file is put in its place once all are computed.
pub async fn run_once(
    engine: &Engine,
    asked: &[(&Report, Arguments)],
    format: Format,
    folder: &Path,
    store: &str,
    state: &StoreState,
    progress: &dyn Progress,
) -> Result<FolderRecord> {
    if RunRecord::read(folder).is_some() {
        return Err(Usage::error(format!(
            "{} holds the folders of a run with --each; give -o another folder",
            folder.display()
        )));
    }
    let begun = Instant::now();
    let run = run_id();
    // What is left stays where it cannot be cleared away; it is in nobody's way.
    let _ = recover_one(folder);
    let staged = Staged::create(folder).map_err(|e| cannot_write(folder, &e))?;
    progress.begin(asked.len());
    let shared = share(engine, asked, state).await?;
    let running = Running { engine, shared, format, state, run: &run, stretch: None };
    let mut files = Vec::new();
    let compute = async |report: &Report, arguments: &Arguments| {
        progress.report("", &report.name);
        file(report, arguments, &staged, &running).await
    };
    let computed: Vec<_> = asked.iter().map(|(report, arguments)| compute(report, arguments)).collect();
    let mut computed = stream::iter(computed).buffered(AT_ONCE);
    while let Some(record) = computed.next().await {
        let mut record = record?;
        // Over a range of their own there is nothing by which a later run could tell that an answer is still right.
        record.inputs = Inputs { segment: state.segment.clone(), ..Inputs::default() };
        files.push(record);
        progress.advance();
    }
    drop(computed);
    progress.end();
    let switched = switch(staged, folder, files, |files| folder_record(&run, state, store, files, begun));
    switched.map_err(|e| cannot_write(folder, &e))
}

/// What these reports compute together, each over its own range.
pub async fn share(engine: &Engine, asked: &[(&Report, Arguments)], state: &StoreState) -> Result<Shared> {
    let days = asked.iter().flat_map(|(_, arguments)| arguments.texts());
    let days = days.filter(|(name, _)| DAYS.contains(name));
    let days: Vec<Day> = days.filter_map(|(_, text)| text.parse().ok()).collect();
    let history = history(engine, state, asked.len()).await?;
    match (days.iter().min(), days.iter().max()) {
        (Some(from), Some(to)) => shared(engine, state, &history, *from, *to, asked.len()).await,
        _ => Ok(history),
    }
}

/// Brings new files into a folder, together with those of other formats and reports that are there.
fn switch(
    staged: Staged,
    folder: &Path,
    mut files: Vec<FileRecord>,
    record: impl FnOnce(Vec<FileRecord>) -> FolderRecord,
) -> io::Result<FolderRecord> {
    // Two runs that end at the same moment: the later one keeps what the earlier one has put there.
    let _lock = Lock::wait(staged.place())?;
    let before = FolderRecord::read(folder).map_or_else(Vec::new, |before| before.reports);
    let is_new = |old: &FileRecord| files.iter().all(|new| new.file != old.file);
    let kept: Vec<FileRecord> =
        before.iter().filter(|old| is_new(old) && folder.join(&old.file).is_file()).cloned().collect();
    let ours: Vec<&str> = before.iter().map(|old| old.file.as_str()).chain([RUN_FILE]).collect();
    let is_whole = staged.replaces_all(&ours)?;
    if is_whole {
        for old in &kept {
            staged.keep(&old.file)?;
        }
    }
    files.extend(kept);
    let record = record(files);
    write_record(&staged, &record)?;
    if is_whole {
        staged.commit()?
    } else {
        staged.spread(RUN_FILE)?
    }
    Ok(record)
}
