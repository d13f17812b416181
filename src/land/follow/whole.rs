//! Files that do not grow, in a folder that is followed: Parquet, and text that is packed.
//!
//! Each lands once as any file does, when its length has not changed for two seconds. But a packed text may be a log that
//! was followed, rotated and then packed: of that only the rows land that have not landed yet.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use datafusion::common::{Result, exec_datafusion_err, exec_err};
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;

use super::super::pass::{Counts, naming};
use super::super::{Format, LandOptions, Landed, NoProgress, land};
use super::batch::{Failure, Lander, Outcome};
use super::head::{Head, end_of};
use super::source::{FileKey, Source, Stood};
use super::{POLL, add};
use crate::store::Store;

/// A file whose length has not changed for so long is whole.
const SETTLED: Duration = Duration::from_secs(2);
/// Waits before a file that did not land is tried again.
const FIRST_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// Bytes of a packed log that land at once.
const PART: usize = 16 << 20;

/// The files that land as a whole, and how far each is.
#[derive(Default)]
pub(super) struct Waiting(HashMap<FileKey, State>);

enum State {
    /// Of this length since then.
    Growing(u64, Instant),
    Landing(u64, Duration),
    Done(u64),
    /// To be tried again at that time, after that wait.
    Failed(u64, Instant, Duration),
}

impl Waiting {
    /// Whether the file is to land now; it is then taken to be landing.
    pub(super) fn is_ready(&mut self, key: FileKey, len: u64) -> bool {
        if len == 0 {
            return false;
        }
        let state = self.0.entry(key).or_insert_with(|| State::Growing(len, Instant::now()));
        let wait = match state {
            State::Growing(known, since) if *known == len && since.elapsed() >= SETTLED => FIRST_WAIT,
            State::Failed(known, again, wait) if *known == len && *again <= Instant::now() => {
                (*wait * 2).min(LONGEST_WAIT)
            }
            State::Landing(..) => return false,
            State::Growing(known, _) | State::Done(known) | State::Failed(known, ..) => {
                if *known != len {
                    *state = State::Growing(len, Instant::now());
                }
                return false;
            }
        };
        *state = State::Landing(len, wait);
        true
    }

    /// Whether it is yet to land, or is landing.
    pub(super) fn is_waiting(&self, key: FileKey) -> bool {
        matches!(self.0.get(&key), Some(State::Growing(..) | State::Landing(..)))
    }

    /// Forgets files that are not there any more.
    pub(super) fn keep(&mut self, seen: &HashSet<FileKey>) {
        self.0.retain(|key, state| seen.contains(key) || matches!(state, State::Landing(..)));
    }

    pub(super) fn ended(&mut self, key: FileKey, landed: bool) {
        if let Some(State::Landing(len, wait)) = self.0.get(&key) {
            let state = match landed {
                true => State::Done(*len),
                false => State::Failed(*len, Instant::now() + *wait, *wait),
            };
            self.0.insert(key, state);
        }
    }
}

/// What became of such a file.
pub(super) enum Ended {
    Landed(Landed),
    /// It was a packed log that was followed before; the source, and the rows of it that were missing.
    Rest(u128, Counts),
}

pub(super) async fn land_whole(
    store: Store,
    path: PathBuf,
    key: FileKey,
    format: Format,
    mut options: LandOptions,
) -> Result<Ended> {
    options.format = Some(format);
    options.now = Utc::now();
    if format != Format::Parquet
        && let Some(source) = followed_before(&store, &path, key, format, &options).await?
    {
        return land_rest(store, source, Arc::new(options)).await;
    }
    let mut landed = land(&store, &[path], &options, &NoProgress).await?;
    landed.pop().map(Ended::Landed).ok_or_else(|| exec_datafusion_err!("a file landed without an account"))
}

/// The log that a packed file was, if that has been followed.
async fn followed_before(
    store: &Store,
    path: &Path,
    key: FileKey,
    format: Format,
    options: &LandOptions,
) -> Result<Option<Source>> {
    let (of, with) = (path.to_owned(), options.clone());
    let head = off_thread(move || {
        let (text, _) = unpacked(&of, 0).map_err(|e| naming(&of, e))?;
        // What is no log is refused by the landing, in its words.
        Ok(Head::read(text, format, &with).ok().flatten())
    });
    let mut next = head.await?;
    while let Some(head) = next {
        let reached = store.followed(head.id).await?;
        if reached.landed == 0 {
            return Ok(None);
        }
        let (of, with) = (path.to_owned(), options.clone());
        let source;
        (source, next) = off_thread(move || {
            let before = |at: u64| {
                let (_, before) = unpacked(&of, at)?;
                Ok(before)
            };
            Ok(match Head::is_of(reached, before)? {
                Some(before) => (Some(Source::new(of, key, head, reached, before)), None),
                None => (None, head.doubled(unpacked(&of, 0)?.0, &with)?),
            })
        })
        .await?;
        if source.is_some() {
            return Ok(source);
        }
    }
    Ok(None)
}

/// Lands what follows the offset of a packed log.
async fn land_rest(store: Store, mut source: Source, options: Arc<LandOptions>) -> Result<Ended> {
    let mut lander = Lander::new(store, options);
    let mut counts = Counts::default();
    let mut text: Option<(Box<dyn Read + Send>, u64)> = None;
    loop {
        (source, text) = off_thread(move || {
            let (mut reader, at) = match text {
                Some((reader, at)) if at == source.position() => (reader, at),
                _ => (unpacked(&source.path, source.position())?.0, source.position()),
            };
            let mut piece = vec![];
            reader.by_ref().take(PART as u64).read_to_end(&mut piece)?;
            source.feed(&piece)?;
            Ok((source, Some((reader, at + piece.len() as u64))))
        })
        .await?;
        let Some(part) = source.part() else { break };
        match lander.land(&part).await.map_err(Failure::into_error)? {
            Outcome::Landed(landed) => {
                source.landed(part.to, Instant::now());
                add(&mut counts, &landed);
            }
            Outcome::Elsewhere(reached) => match source.stand_at(reached) {
                Stood::There(_) => tokio::time::sleep(POLL).await,
                Stood::Beyond(_) | Stood::Another => {
                    return exec_err!(
                        "another process is landing a log that begins alike; it is tried again"
                    );
                }
            },
        }
    }
    Ok(Ended::Rest(source.head.id, counts))
}

type Unpacked = Box<dyn Read + Send>;

/// The text of a packed file from a place on, and the last bytes before it; those are nothing if it ends before.
fn unpacked(path: &Path, from: u64) -> Result<(Unpacked, Option<Vec<u8>>)> {
    let gzip = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
    let packing = if gzip { FileCompressionType::GZIP } else { FileCompressionType::ZSTD };
    let mut text = packing.convert_read(File::open(path)?)?;
    let (mut before, mut at) = (vec![], 0);
    let mut piece = vec![];
    while at < from {
        piece.clear();
        let read = text.by_ref().take((from - at).min(1 << 20)).read_to_end(&mut piece)?;
        if read == 0 {
            return Ok((text, None));
        }
        before = end_of(&before, &piece);
        at += read as u64;
    }
    Ok((text, Some(before)))
}

/// Runs reading beside the runtime; a panic in it becomes an error.
pub(super) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(exec_datafusion_err!("a file is broken in a way that its reader fails on")))
}
