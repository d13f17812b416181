//! ① Foreign files to checked event batches; the only place that knows foreign formats.
//!
//! ```text
//! file ─▶ input ─▶ jsonl │ csv │ parquet ─▶ shape (mapping, checks) ─▶ duplicates ─▶ store
//!         gate      raw rows                events, rejected rows      events
//! ```
//!
//! One file is one commit, and lands once: it is known by its bytes. Every row of it is counted as left out by the mapping,
//! landed, a duplicate, or quarantined with its text and a reason. A file that is broken, or no log of this mapping, lands
//! nothing and is refused by name.

mod check;
mod convert;
mod csv;
mod duplicates;
mod expressions;
mod input;
mod instant;
mod json_row;
mod jsonl;
mod mapping;
mod parquet;
mod pass;
mod props;
mod quarantine;
mod rows;
mod shape;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use datafusion::common::{Result, exec_datafusion_err, exec_err};
use futures::{StreamExt, TryStreamExt};
use tokio::sync::oneshot;

pub use input::Format;
pub use mapping::Mapping;

use crate::error::footfall_internal_err;
use crate::store::{Committed, Landing, Store};
use duplicates::EventIds;
use pass::{Counts, naming, pass};

/// How files are landed.
#[derive(Clone, Debug)]
pub struct LandOptions {
    pub map: Mapping,
    /// Told by the file's name where `None`.
    pub format: Option<Format>,
    /// Bytes that landing may hold, sorting and encoding included.
    pub memory_limit: usize,
    /// Rows that are read at once.
    pub batch_rows: usize,
    /// The time of the landing.
    pub now: DateTime<Utc>,
    /// Events before this are rejected.
    pub earliest: DateTime<Utc>,
    /// Events later than this after they were received are rejected.
    pub future: TimeDelta,
}

impl LandOptions {
    pub fn new(map: Mapping) -> Self {
        Self {
            map,
            format: None,
            memory_limit: 1 << 30,
            batch_rows: 65_536,
            now: Utc::now(),
            earliest: DateTime::from_timestamp(631_152_000, 0).unwrap_or_default(), // 1990-01-01
            future: TimeDelta::hours(24),
        }
    }
}

/// What became of one file: `rows = left_out + landed + duplicates + quarantined`.
#[derive(Clone, Debug)]
pub struct Landed {
    pub source: PathBuf,
    pub rows: u64,
    /// Rows that the mapping's `where` leaves out.
    pub left_out: u64,
    pub landed: u64,
    pub duplicates: u64,
    pub quarantined: u64,
    pub seconds: f64,
    /// The same file has landed before: nothing was done, and nothing counted.
    pub already: bool,
    /// Data files written, and their bytes.
    pub files: usize,
    pub bytes: u64,
    /// Version of the store in which the events appear.
    pub version: Option<u64>,
}

/// Hears how far a landing is.
pub trait Progress: Send + Sync {
    /// The files hold so many bytes together.
    fn begin(&self, _bytes: u64) {}
    /// So many rows, and bytes of a file, more.
    fn advance(&self, _rows: u64, _bytes: u64) {}
    /// A file is done, in the order of the files.
    fn landed(&self, _landed: &Landed) {}
    fn end(&self) {}
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {}

/// Whether the files can be read with this mapping, as far as their heads tell. An error names the first that cannot.
pub async fn inspect(sources: &[PathBuf], options: &LandOptions) -> Result<()> {
    for source in sources {
        let (source, options) = (source.clone(), options.clone());
        let inspected = tokio::task::spawn_blocking(move || {
            let head = || -> Result<()> {
                input::file_at(&source)?;
                let reader = input::open(&source, &options)?;
                shape::Shaper::plan(&reader.schema(), &options, chrono_tz::Tz::UTC).map(drop)
            };
            head().map_err(|e| naming(&source, e))
        });
        inspected
            .await
            .map_err(|_| exec_datafusion_err!("a file is broken in a way that its reader fails on"))??;
    }
    Ok(())
}

/// Files that are worked on at the same time: one is read while the one before it is sorted and encoded.
const FILES_AT_ONCE: usize = 2;

/// Lands files in their order, each in a commit of its own. An error leaves those before it landed.
pub async fn land(
    store: &Store,
    sources: &[PathBuf],
    options: &LandOptions,
    progress: &dyn Progress,
) -> Result<Vec<Landed>> {
    let mut options = options.clone();
    options.batch_rows = options.batch_rows.max(1);
    options.memory_limit /= FILES_AT_ONCE.min(sources.len()).max(1);
    let options = Arc::new(options);
    progress.begin(
        sources.iter().filter_map(|source| std::fs::metadata(source).ok()).map(|meta| meta.len()).sum(),
    );
    let mut before = None;
    let turns: Vec<Turn> = sources
        .iter()
        .map(|_| {
            let (done, next) = oneshot::channel();
            Turn { before: before.replace(next), done: Some(done) }
        })
        .collect();
    let landed = futures::stream::iter(sources.iter().zip(turns))
        .map(|(source, turn)| land_file(store, source, &options, turn, progress))
        .buffered(FILES_AT_ONCE)
        .inspect_ok(|landed| progress.landed(landed))
        .try_collect()
        .await;
    progress.end();
    landed
}

/// A file's place among the files that are landed together: what the store holds counts once the file before is in it.
struct Turn {
    before: Option<oneshot::Receiver<()>>,
    done: Option<oneshot::Sender<()>>,
}

impl Turn {
    /// Waits for the file before this one.
    async fn come(&mut self) -> Result<()> {
        match self.before.take() {
            Some(before) => {
                before.await.map_err(|_| exec_datafusion_err!("the file before this one did not land"))
            }
            None => Ok(()),
        }
    }

    fn finish(&mut self) {
        if let Some(done) = self.done.take() {
            // Nobody waits behind the last file.
            done.send(()).ok();
        }
    }
}

async fn land_file(
    store: &Store,
    source: &Path,
    options: &Arc<LandOptions>,
    mut turn: Turn,
    progress: &dyn Progress,
) -> Result<Landed> {
    let started = Instant::now();
    let before = input::file_at(source).map_err(|e| naming(source, e))?;
    let input = {
        let (source, options) = (source.to_owned(), Arc::clone(options));
        tokio::task::spawn_blocking(move || {
            input::identity(&source, &options.map).map_err(|e| naming(&source, e))
        })
        .await
        .map_err(|e| exec_datafusion_err!("{e}"))??
    };
    // The rest is for the batches on their way and the ids of events.
    let ids_limit = options.memory_limit / 4;
    let memory = options.memory_limit - ids_limit;
    let mut done = Landed {
        source: source.to_owned(),
        rows: 0,
        left_out: 0,
        landed: 0,
        duplicates: 0,
        quarantined: 0,
        seconds: 0.0,
        already: true,
        files: 0,
        bytes: 0,
        version: None,
    };
    let mut ids = EventIds::new(ids_limit);
    if let Some(mut landing) = store.landing(input.clone(), memory).await? {
        let mut read = pass(store, source, options, &mut landing, &mut ids, &mut turn, progress).await;
        if read.is_ok() && ids.overtaken() {
            landing.abandon().await;
            ids.settle();
            if let Some(again) = store.landing(input, memory).await? {
                landing = again;
                read = pass(store, source, options, &mut landing, &mut ids, &mut turn, &NoProgress).await;
            } else {
                return finished(done, started, &mut turn);
            }
        }
        let read = read.and_then(|counts| check_counts(source, &before, counts));
        let counts = match read {
            Ok(counts) => counts,
            Err(error) => {
                landing.abandon().await;
                return Err(error);
            }
        };
        landing.settle().await?;
        turn.come().await?;
        commit(&mut done, landing, counts).await?;
    }
    turn.come().await?;
    finished(done, started, &mut turn)
}

fn finished(mut done: Landed, started: Instant, turn: &mut Turn) -> Result<Landed> {
    turn.finish();
    done.seconds = started.elapsed().as_secs_f64();
    Ok(done)
}

async fn commit(done: &mut Landed, landing: Landing, counts: Counts) -> Result<()> {
    let written = landing.commit().await?;
    // Otherwise another process has landed the same file meanwhile.
    if let Committed::At(version) = written.committed {
        done.already = false;
        done.version = Some(version);
        done.files = written.files;
        done.bytes = written.bytes;
        done.rows = counts.rows;
        done.left_out = counts.left_out;
        done.landed = counts.landed;
        done.duplicates = counts.duplicates;
        done.quarantined = counts.quarantined;
    }
    Ok(())
}

/// Before anything becomes visible: every row is accounted for, and the file is still the one that was hashed.
fn check_counts(source: &Path, before: &std::fs::Metadata, counts: Counts) -> Result<Counts> {
    let after = input::file_at(source).map_err(|e| naming(source, e))?;
    if after.len() != before.len() || after.modified().ok() != before.modified().ok() {
        return exec_err!("{}: the file was changed while it was read; nothing has landed", source.display());
    }
    let Counts { rows, left_out, landed, duplicates, quarantined } = counts;
    if rows - left_out != landed + duplicates + quarantined {
        return footfall_internal_err!(
            "{}: {rows} rows, {left_out} left out, but {landed} landed, {duplicates} duplicates, {quarantined} quarantined",
            source.display()
        );
    }
    Ok(counts)
}
