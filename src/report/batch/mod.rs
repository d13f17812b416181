//! Batch: the reports of many days, each day in a folder of its own that appears whole, computed once and again only when
//! something it depends on has changed.
//!
//! ```text
//! DIR/run.json                        the last run: what it was asked, how it ended
//! DIR/2026-03-01/run.json             what each file was computed from
//! DIR/2026-03-01/access/pages.csv
//! DIR/2026-03-02/…
//!
//! log of the store, run.json ─▶ plan (no query) ─▶ answers, checked ─▶ hidden folder, synced ─▶ exchanged with the old one
//! ```
//! All that a run computes is of one version of the store.

mod day;
mod folder;
mod inputs;
mod once;
mod plan;
mod record;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use chrono::Utc;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::{DataFusionError, Result};
use futures::{StreamExt, stream};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

pub use day::{Day, Stretch, stretches};
pub use folder::{Lock, recover};
pub use inputs::{DayCounts, Events, Inputs, Reads, StoreState};
pub use once::{run_once, share};
pub use plan::{Asked, Plan, Task, Which};
pub use record::{FileRecord, FolderRecord, RUN_FILE, RunRecord, Status, StretchRecord};

use crate::ask::{Arguments, Format, Given, ParameterType, Period, Usage, plain};
use crate::engine::Engine;
use crate::error::footfall_internal_err;
use crate::report::{Answer, Days, Report, Shared};
use folder::Staged;

/// What a run is asked for.
#[derive(Debug)]
pub struct Order<'a> {
    /// Where the folders stand.
    pub folder: &'a Path,
    /// The store's name, for the records.
    pub store: String,
    pub reports: Vec<&'a Report>,
    /// Values of parameters that are the same in every stretch.
    pub given: Vec<Given>,
    /// Name of the segment whose users alone are asked about; the engine of the run shows only them.
    pub segment: Option<String>,
    pub each: Period,
    pub from: Day,
    pub to: Day,
    pub format: Format,
    pub which: Which,
    /// Goes on with the next stretch when one fails.
    pub keep_going: bool,
}

/// Hears how far a run has come.
pub trait Progress: Sync {
    /// So many reports are to run.
    fn begin(&self, _reports: usize) {}
    /// A report of a stretch begins.
    fn report(&self, _stretch: &str, _report: &str) {}
    /// A report has ended.
    fn advance(&self) {}
    fn end(&self) {}
}

/// So many reports are computed at a time: while one is planned or waits for its last partition, the other has work to do.
const AT_ONCE: usize = 2;

/// Names of parameters that are a day of the stretch: its first, its last, the day.
const DAYS: [&str; 3] = ["from", "to", "day"];

impl Order<'_> {
    /// Takes out the reports that are not made for such stretches: those of other periods and those without a day. Their names.
    pub fn leave_out(&mut self) -> Vec<String> {
        let each = self.each;
        let fits = |report: &Report| {
            let has_day = report
                .parameters
                .iter()
                .any(|known| known.kind == ParameterType::Date && DAYS.contains(&known.name.as_str()));
            has_day && report.period.is_none_or(|period| period == each)
        };
        let left_out = self.reports.iter().filter(|report| !fits(report));
        let left_out = left_out.map(|report| report.name.clone()).collect();
        self.reports.retain(|report| fits(report));
        left_out
    }

    /// Fails where the words are wrong, whatever the folder holds.
    pub fn check(&self, days: &Days) -> Result<()> {
        if let Some(given) = self.given.iter().find(|given| DAYS.contains(&given.name.as_str())) {
            return Err(Usage::error(format!(
                "parameter {} is given, but with --each {} it is a day of each {}; the range is --from and --to",
                given.name, self.each, self.each
            )));
        }
        if self.folder.join(RUN_FILE).exists() && FolderRecord::read(self.folder).is_some() {
            return Err(Usage::error(format!(
                "{} holds reports of a run without --each; give -o another folder",
                self.folder.display()
            )));
        }
        if let Some(first) = stretches(self.each, self.from, self.from).first() {
            for report in &self.reports {
                self.arguments(report, first, days)?;
            }
        }
        Ok(())
    }

    /// What is to run and why; nothing is computed.
    pub fn plan(&self, days: &Days, state: &StoreState) -> Result<Plan> {
        self.check(days)?;
        let last = RunRecord::read(self.folder);
        if self.which == Which::Unfinished && last.is_none() {
            return Err(Usage::error(format!(
                "{} has no {RUN_FILE} of a run that could be tried again",
                self.folder.display()
            )));
        }
        let mut tasks = Vec::new();
        for stretch in stretches(self.each, self.from, self.to) {
            let asked = self
                .reports
                .iter()
                .map(|report| self.asked(report, &stretch, days))
                .collect::<Result<Vec<_>>>()?;
            let folder = self.folder.join(&stretch.name);
            tasks.push(plan::task(stretch, &asked, &folder, self.which, state, last.as_ref()));
        }
        let (mut range, mut left) = ((self.from, self.to), Vec::new());
        if let (Which::Unfinished, Some(last)) = (self.which, &last) {
            range = (last.from.min(self.from), last.to.max(self.to));
            left = plan::left(last, &tasks, self.folder);
        }
        let reports = self.reports.iter().map(|report| report.name.clone()).collect();
        Ok(Plan { tasks, reports, range, left })
    }

    fn asked(&self, report: &Report, stretch: &Stretch, days: &Days) -> Result<Asked> {
        let arguments = self.arguments(report, stretch, days)?;
        Ok(asked(report, &arguments, self.format))
    }

    fn arguments(&self, report: &Report, stretch: &Stretch, days: &Days) -> Result<Arguments> {
        let mut given = self.given.clone();
        for (name, day) in DAYS.into_iter().zip([stretch.from, stretch.to, stretch.to]) {
            given.push(Given { name: name.to_string(), kind: None, value: day.to_string() });
        }
        report.arguments(&given, days)
    }

    /// Computes what the plan says, a stretch after the other; how the run ended, and the error with which it did.
    ///
    /// The caller holds the folder's [`Lock`]. Dropped on the way, the run is recorded as stopped.
    pub async fn run(
        &self,
        engine: &Engine,
        plan: &Plan,
        days: &Days,
        state: &StoreState,
        progress: &dyn Progress,
    ) -> Result<(RunRecord, Option<DataFusionError>)> {
        let mut run = Run::begin(self, plan, state)?;
        progress.begin(plan.count());
        let mut first_error = None;
        let history = history(engine, state, plan.count()).await?;
        for task in plan.busy() {
            run.stretch(task)?.status = Status::Running;
            let begun = Instant::now();
            let computing =
                Computing { engine, history: &history, days, state, run: &run.record.run, progress };
            let outcome = self.stretch(task, &computing).await;
            let record = run.stretch(task)?;
            record.seconds = rounded(begun.elapsed().as_secs_f64());
            match outcome {
                Ok((rows, changed)) => {
                    record.status = Status::Done;
                    (record.rows, record.changed) = (rows, changed);
                }
                Err((report, e)) => {
                    record.status = Status::Failed;
                    record.error = Some(plain(&e));
                    let e = named(e, &format!("{} {report}", record.name));
                    record.failed = Some(report);
                    first_error.get_or_insert(e);
                    if !self.keep_going {
                        break;
                    }
                }
            }
            // Killed without a chance to say anything, the run is known to have come so far.
            run.write().map_err(|e| cannot_write(self.folder, &e))?;
        }
        progress.end();
        let status = if first_error.is_some() { Status::Failed } else { Status::Done };
        Ok((run.end(status)?, first_error))
    }

    /// One stretch: its rows, and how many of its files are others than before.
    async fn stretch(
        &self,
        task: &Task,
        computing: &Computing<'_>,
    ) -> std::result::Result<(u64, usize), (String, DataFusionError)> {
        let Computing { engine, history, days, state, run, progress } = *computing;
        let of_folder = |e: io::Error| (RUN_FILE.to_string(), DataFusionError::IoError(e));
        let begun = Instant::now();
        let target = self.folder.join(&task.stretch.name);
        let before = FolderRecord::read(&target);
        let staged = Staged::create(&target).map_err(of_folder)?;
        let ours = before.iter().flat_map(|before| &before.reports).map(|old| old.file.as_str());
        let ours: Vec<&str> = ours.chain([RUN_FILE]).collect();
        if !staged.replaces_all(&ours).map_err(of_folder)? {
            let message = format!(
                "{} holds files that are no reports; move them, or give -o another folder",
                target.display()
            );
            return Err((RUN_FILE.to_string(), DataFusionError::Execution(message)));
        }
        let shared = shared(engine, state, history, task.stretch.from, task.stretch.to, task.run.len());
        let shared = shared.await.map_err(|e| (RUN_FILE.to_string(), e))?;
        let stretch = Some(&task.stretch);
        let running = Running { engine, shared, format: self.format, state, run, stretch };
        let mut files = Vec::new();
        let mut changed = 0;
        let compute = async |report: &Report| {
            progress.report(&task.stretch.name, &report.name);
            let arguments = self.arguments(report, &task.stretch, days)?;
            file(report, &arguments, &staged, &running).await
        };
        let reports: Vec<&Report> = task.run.iter().map(|(at, _)| self.reports[*at]).collect();
        let computed: Vec<_> = reports.iter().map(|report| compute(report)).collect();
        let mut computed = stream::iter(reports).zip(stream::iter(computed).buffered(AT_ONCE));
        while let Some((report, record)) = computed.next().await {
            let failed = |e: DataFusionError| (report.name.clone(), e);
            let record = record.map_err(failed)?;
            let old = before.as_ref().and_then(|before| before.file(&record.file));
            let is_same = |bytes: Vec<u8>| hash_of(&bytes) == record.hash;
            if old.is_some_and(|old| old.hash == record.hash)
                // Somebody may have opened it in another program and saved it.
                && std::fs::read(target.join(&record.file)).is_ok_and(is_same)
            {
                // The same bytes: the file itself stays, with its time.
                staged.keep(&record.file).map_err(|e| failed(DataFusionError::IoError(e)))?;
            } else {
                changed += 1;
            }
            files.push(record);
            progress.advance();
        }
        drop(computed);
        let rows = files.iter().map(|file| file.rows).sum();
        for record in &task.keep {
            staged.keep(&record.file).map_err(of_folder)?;
            files.push(record.clone());
        }
        let mut record = folder_record(run, state, &self.store, files, begun);
        record.from = Some(task.stretch.from);
        record.to = Some(task.stretch.to);
        write_record(&staged, &record).map_err(of_folder)?;
        staged.commit().map_err(of_folder)?;
        Ok((rows, changed))
    }
}

/// What so many reports of any days compute together.
async fn history(engine: &Engine, state: &StoreState, reports: usize) -> Result<Shared> {
    if reports < 2 {
        return Ok(Shared::default());
    }
    Shared::of_history(engine, state.events.rows(None, None), reports).await
}

/// What so many reports of the days from `from` to `to` compute together, besides the history.
async fn shared(
    engine: &Engine,
    state: &StoreState,
    history: &Shared,
    from: Day,
    to: Day,
    reports: usize,
) -> Result<Shared> {
    if reports < 2 {
        return Ok(history.clone());
    }
    // Reports compare with the day before, and a session is decided by the rows of a day on either side.
    let near = state.events.rows(Some(from.0.saturating_sub(2)), Some(to.0.saturating_add(1)));
    history.of_days(engine, from.0.saturating_sub(1), to.0, near).await
}

/// What all stretches of a run have in common.
struct Computing<'a> {
    engine: &'a Engine,
    history: &'a Shared,
    days: &'a Days,
    state: &'a StoreState,
    /// The run's name.
    run: &'a str,
    progress: &'a dyn Progress,
}

/// What all reports of a stretch have in common.
struct Running<'a> {
    engine: &'a Engine,
    shared: Shared,
    format: Format,
    state: &'a StoreState,
    /// The run's name.
    run: &'a str,
    /// Where the reports have the range of a stretch.
    stretch: Option<&'a Stretch>,
}

/// Runs a report and writes its file into the new folder.
async fn file(
    report: &Report,
    arguments: &Arguments,
    staged: &Staged,
    running: &Running<'_>,
) -> Result<FileRecord> {
    let Running { engine, shared, format, state, run, stretch } = running;
    let begun = Instant::now();
    let asked = asked(report, arguments, *format);
    // A task of its own: what one report does between its queries does not hold up the other.
    let answering = {
        let (report, engine, shared) = (report.clone(), Engine::clone(engine), shared.clone());
        let arguments = arguments.clone();
        SpawnedTask::spawn(async move { report.answer(&engine, &shared, &arguments).await })
    };
    let answer: Answer =
        answering.join_unwind().await.map_err(|e| DataFusionError::ExecutionJoin(Box::new(e)))??;
    let path = staged.path(&asked.file)?;
    let mut out = Hashed::new(BufWriter::with_capacity(1 << 16, File::create(path)?));
    let rows = report.write_answer(&answer, engine, arguments, *format, &mut out).await?;
    let (bytes, hash) = out.finish()?;
    let reads = match (report.days, stretch) {
        (Some(reach), Some(stretch)) => answer.reads.declared(reach.around(stretch.from.0, stretch.to.0)),
        _ => answer.reads,
    };
    Ok(FileRecord {
        report: asked.report,
        file: asked.file,
        status: Status::Done,
        run: run.to_string(),
        rows,
        bytes,
        seconds: rounded(begun.elapsed().as_secs_f64()),
        hash,
        query: asked.query,
        parameters: asked.parameters,
        time_zone: state.time_zone.clone(),
        store_id: state.id.clone(),
        version: state.version,
        footfall: env!("CARGO_PKG_VERSION").to_string(),
        inputs: Inputs::of(&reads, state),
    })
}

/// As [`Hashed`] hashes what is written.
fn hash_of(bytes: &[u8]) -> String {
    format!("{:032x}", xxh3_128(bytes))
}

fn asked(report: &Report, arguments: &Arguments, format: Format) -> Asked {
    let parameters: BTreeMap<String, String> =
        arguments.texts().map(|(name, text)| (name.to_string(), text.to_string())).collect();
    Asked {
        report: report.name.clone(),
        file: format!("{}.{}", report.name, format.extension()),
        query: hash_of(report.text().as_bytes()),
        parameters,
    }
}

fn folder_record(
    run: &str,
    state: &StoreState,
    store: &str,
    mut reports: Vec<FileRecord>,
    begun: Instant,
) -> FolderRecord {
    reports.sort_by(|a, b| a.file.cmp(&b.file));
    FolderRecord {
        run: run.to_string(),
        status: Status::Done,
        from: None,
        to: None,
        time_zone: state.time_zone.clone(),
        store: store.to_string(),
        store_id: state.id.clone(),
        version: state.version,
        footfall: env!("CARGO_PKG_VERSION").to_string(),
        finished: now(),
        seconds: rounded(begun.elapsed().as_secs_f64()),
        reports,
    }
}

fn write_record(staged: &Staged, record: &FolderRecord) -> io::Result<()> {
    std::fs::write(staged.path(RUN_FILE)?, record::to_json(record)?)
}

/// A run under way. Dropped before its end, it says that it was stopped.
struct Run {
    record: RunRecord,
    folder: PathBuf,
    begun: Instant,
    has_ended: bool,
}

impl Run {
    fn begin(order: &Order<'_>, plan: &Plan, state: &StoreState) -> Result<Self> {
        let busy = plan.busy().map(|task| StretchRecord {
            name: task.stretch.name.clone(),
            status: Status::Waiting,
            reports: task.run.len(),
            changed: 0,
            rows: 0,
            seconds: 0.0,
            failed: None,
            error: None,
        });
        let mut stretches: Vec<StretchRecord> = busy.chain(plan.left.iter().cloned()).collect();
        stretches.sort_by(|a, b| a.name.cmp(&b.name));
        let record = RunRecord {
            run: run_id(),
            status: Status::Running,
            each: order.each.to_string(),
            from: plan.range.0,
            to: plan.range.1,
            format: order.format.to_string(),
            reports: plan.reports.clone(),
            parameters: order.given.iter().map(|given| (given.name.clone(), given.value.clone())).collect(),
            segment: order.segment.clone(),
            time_zone: state.time_zone.clone(),
            store: order.store.clone(),
            store_id: state.id.clone(),
            version: state.version,
            footfall: env!("CARGO_PKG_VERSION").to_string(),
            started: now(),
            finished: None,
            seconds: 0.0,
            stretches,
        };
        let mut run =
            Self { record, folder: order.folder.to_path_buf(), begun: Instant::now(), has_ended: false };
        run.write().map_err(|e| cannot_write(order.folder, &e))?;
        Ok(run)
    }

    /// The record of a stretch that is to run.
    fn stretch(&mut self, task: &Task) -> Result<&mut StretchRecord> {
        match self.record.stretches.iter_mut().find(|record| record.name == task.stretch.name) {
            Some(record) => Ok(record),
            None => footfall_internal_err!("{} is not in the plan", task.stretch.name),
        }
    }

    fn end(mut self, status: Status) -> Result<RunRecord> {
        self.has_ended = true;
        self.close(status).map_err(|e| cannot_write(&self.folder, &e))?;
        Ok(self.record.clone())
    }

    fn close(&mut self, status: Status) -> io::Result<()> {
        self.record.status = status;
        self.record.finished = Some(now());
        self.write()
    }

    fn write(&mut self) -> io::Result<()> {
        self.record.seconds = rounded(self.begun.elapsed().as_secs_f64());
        folder::write_whole(&self.folder, RUN_FILE, &record::to_json(&self.record)?)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !self.has_ended {
            for stretch in &mut self.record.stretches {
                if stretch.status == Status::Running {
                    stretch.status = Status::Stopped;
                }
            }
            // The folders say the rest, also where this one cannot be written.
            let _ = self.close(Status::Stopped);
        }
    }
}

/// The bytes of a file on their way, counted and hashed.
struct Hashed<W> {
    inner: W,
    bytes: u64,
    hash: Xxh3,
}

impl<W: Write> Hashed<W> {
    fn new(inner: W) -> Self {
        Self { inner, bytes: 0, hash: Xxh3::new() }
    }

    fn finish(mut self) -> io::Result<(u64, String)> {
        self.inner.flush()?;
        Ok((self.bytes, format!("{:032x}", self.hash.digest128())))
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The error with what it is about; one of usage stays one.
fn named(error: DataFusionError, what: &str) -> DataFusionError {
    match &error {
        DataFusionError::External(inner) if inner.is::<Usage>() => {
            Usage::error(format!("{what}: {}", plain(&error)))
        }
        _ => error.context(what.to_string()),
    }
}

fn cannot_write(folder: &Path, error: &io::Error) -> DataFusionError {
    DataFusionError::Execution(format!("cannot write {}: {error}", folder.display()))
}

/// `20260301T031500Z-9f2c77aa`: runs sort by when they began.
fn run_id() -> String {
    format!("{}-{}", Utc::now().format("%Y%m%dT%H%M%SZ"), &folder::unique()[..8])
}

fn now() -> String {
    Utc::now().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
