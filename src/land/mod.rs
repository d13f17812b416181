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
mod follow;
mod id_set;
mod input;
mod instant;
mod json_row;
mod jsonl;
mod lines;
mod mapping;
mod parquet;
mod pass;
mod preview;
mod props;
mod quarantine;
mod rows;
mod shape;
mod sources;
mod users;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use datafusion::common::{Result, exec_datafusion_err, exec_err};
use futures::{StreamExt, TryStreamExt};
use tokio::sync::oneshot;

pub use follow::{FollowListener, FollowOptions, FollowState, Followed, follow};
pub use input::Format;
pub use mapping::Mapping;
pub use preview::{Preview, Rejected, preview};
pub use sources::{Sources, shown, sources};
pub use users::{LandedUsers, UserMapping, UserOptions, inspect_users, land_users};

use crate::error::footfall_internal_err;
use crate::store::{Catalogue, Committed, InputId, Landing, Store, Written};
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
                let catalogue = Arc::new(Catalogue::default());
                shape::Shaper::plan(&reader.schema(), &options, chrono_tz::Tz::UTC, &catalogue).map(drop)
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
    let jobs: Vec<_> = sources
        .iter()
        .zip(turns)
        .map(|(source, turn)| land_file(store, source, &options, turn, progress))
        .collect();
    let landed = futures::stream::iter(jobs)
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
    turn: Turn,
    progress: &dyn Progress,
) -> Result<Landed> {
    let started = Instant::now();
    let before = input::file_at(source).map_err(|e| naming(source, e))?;
    let input = {
        let (source, options) = (source.to_owned(), Arc::clone(options));
        tokio::task::spawn_blocking(move || {
            input::identity(&source, &options.map.name, "events").map_err(|e| naming(&source, e))
        })
        .await
        .map_err(|e| exec_datafusion_err!("{e}"))??
    };
    let mut done = Landed::nothing(source);
    let mut job = Job { store, source, options, before, ids: EventIds::new(options.memory_limit / 4), turn };
    let mut landed = Attempt::Overtaken;
    for attempt in 0..ATTEMPTS {
        let progress = if attempt == 0 { progress } else { &NoProgress };
        landed = job.attempt(input.clone(), progress).await.map_err(|e| naming(source, e))?;
        if !matches!(landed, Attempt::Overtaken) {
            break;
        }
        job.ids.start_over();
    }
    match landed {
        Attempt::Landed(counts, written) => done.set(counts, &written),
        Attempt::AlreadyThere => {}
        Attempt::Overtaken => {
            return exec_err!(
                "{}: others land the same events all the time; nothing of it has landed after {ATTEMPTS} attempts",
                shown(source)
            );
        }
    }
    job.turn.come().await?;
    job.turn.finish();
    done.seconds = started.elapsed().as_secs_f64();
    Ok(done)
}

/// How often a file is read again because others have landed some of its events while it was read.
const ATTEMPTS: usize = 20;

/// One file being landed.
struct Job<'a> {
    store: &'a Store,
    source: &'a Path,
    options: &'a Arc<LandOptions>,
    /// The file as it was when it was hashed.
    before: std::fs::Metadata,
    ids: EventIds,
    turn: Turn,
}

enum Attempt {
    Landed(Counts, Written),
    AlreadyThere,
    /// Others have landed some of its events meanwhile.
    Overtaken,
}

impl Job<'_> {
    async fn attempt(&mut self, input: InputId, progress: &dyn Progress) -> Result<Attempt> {
        // The rest is for the batches on their way and the ids of events.
        let memory = self.options.memory_limit - self.options.memory_limit / 4;
        let Some(mut landing) = self.store.landing(input.clone(), memory).await? else {
            return Ok(Attempt::AlreadyThere);
        };
        let mut read = self.read(&mut landing, progress).await;
        if read.is_ok() && self.ids.overtaken() {
            landing.abandon().await;
            self.ids.settle();
            let Some(again) = self.store.landing(input, memory).await? else {
                return Ok(Attempt::AlreadyThere);
            };
            landing = again;
            read = self.read(&mut landing, &NoProgress).await;
        }
        let counts = match read.and_then(|counts| check_counts(self.source, &self.before, counts)) {
            Ok(counts) => counts,
            Err(error) => {
                landing.abandon().await;
                return Err(error);
            }
        };
        landing.settle().await?;
        self.turn.come().await?;
        if let Some((version, ids)) = self.ids.added() {
            landing.compare_ids(version, ids);
        }
        let written = landing.commit().await?;
        Ok(match written.committed {
            Committed::At(_) => Attempt::Landed(counts, written),
            Committed::AlreadyThere => Attempt::AlreadyThere,
            Committed::Overtaken => Attempt::Overtaken,
        })
    }

    async fn read(&mut self, landing: &mut Landing, progress: &dyn Progress) -> Result<Counts> {
        pass(self.store, self.source, self.options, landing, &mut self.ids, &mut self.turn, progress).await
    }
}

impl Landed {
    fn nothing(source: &Path) -> Self {
        Self {
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
        }
    }

    fn set(&mut self, counts: Counts, written: &Written) {
        if let Committed::At(version) = written.committed {
            self.version = Some(version);
        }
        self.already = false;
        self.files = written.files;
        self.bytes = written.bytes;
        self.rows = counts.rows;
        self.left_out = counts.left_out;
        self.landed = counts.landed;
        self.duplicates = counts.duplicates;
        self.quarantined = counts.quarantined;
    }
}

/// Before anything becomes visible: every row is accounted for, and the file is still the one that was hashed.
fn check_counts(source: &Path, before: &std::fs::Metadata, counts: Counts) -> Result<Counts> {
    input::check_unchanged(source, before).map_err(|e| naming(source, e))?;
    let Counts { rows, left_out, landed, duplicates, quarantined } = counts;
    if rows - left_out != landed + duplicates + quarantined {
        return footfall_internal_err!(
            "{}: {rows} rows, {left_out} left out, but {landed} landed, {duplicates} duplicates, {quarantined} quarantined",
            shown(source)
        );
    }
    Ok(counts)
}
