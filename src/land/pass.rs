//! One reading of a source: a thread reads and shapes, the store sorts and writes what it is given meanwhile.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use datafusion::arrow::compute::filter_record_batch;
use datafusion::common::{DataFusionError, Result, exec_datafusion_err};
use tokio::sync::mpsc;

use super::duplicates::EventIds;
use super::input::{self, Raw};
use super::quarantine::Quarantine;
use super::shape::{Shaped, Shaper};
use super::sources::shown;
use super::{LandOptions, Progress, Turn};
use crate::store::{Catalogue, Landing, Store};

/// Batches that wait for the store; more would only take memory.
const WAITING: usize = 2;

/// Rows by what became of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) rows: u64,
    pub(super) left_out: u64,
    pub(super) landed: u64,
    pub(super) duplicates: u64,
    pub(super) quarantined: u64,
}

struct Chunk {
    shaped: Shaped,
    has_event_ids: bool,
    /// Bytes of the file that were read for it.
    bytes: u64,
}

/// Reads the whole of `source` into `landing`. The caller commits, or abandons it after an error.
pub(super) async fn pass(
    store: &Store,
    source: &Path,
    options: &Arc<LandOptions>,
    landing: &mut Landing,
    ids: &mut EventIds,
    turn: &mut Turn,
    progress: &dyn Progress,
) -> Result<Counts> {
    let (sender, mut receiver) = mpsc::channel(WAITING);
    let thread = {
        let (source, options, zone) = (source.to_owned(), Arc::clone(options), store.time_zone());
        let catalogue = Arc::clone(landing.catalogue());
        tokio::task::spawn_blocking(move || read(&source, &options, zone, &catalogue, &sender))
    };
    let mut quarantine = Quarantine::new(source, options.now);
    let mut counts = Counts::default();
    let mut stored = Ok(());
    while let Some(chunk) = receiver.recv().await {
        if chunk.has_event_ids {
            // Its ids are compared with those of the file before.
            turn.come().await?;
        }
        stored = store_chunk(store, chunk, landing, ids, &mut quarantine, &mut counts, progress).await;
        if stored.is_err() {
            break;
        }
    }
    // The thread ends at its next batch, should it still be reading.
    drop(receiver);
    let read = thread.await.map_err(|error| match error.is_panic() {
        true => {
            exec_datafusion_err!("{}: the file is broken in a way that its reader fails on", shown(source))
        }
        false => exec_datafusion_err!("{}: the reader was stopped", shown(source)),
    })?;
    stored?;
    read?;
    landing.quarantine(quarantine.take()?).await?;
    Ok(counts)
}

/// Runs on a thread of its own: what is broken in a file is then an error here, were it a panic. A second thread shapes
/// what was read while the next rows are read.
fn read(
    source: &Path,
    options: &LandOptions,
    zone: chrono_tz::Tz,
    catalogue: &Arc<Catalogue>,
    sender: &mpsc::Sender<Chunk>,
) -> Result<()> {
    let read = || -> Result<()> {
        let mut reader = input::open(source, options)?;
        let mut shaper = Shaper::plan(&reader.schema(), options, zone, catalogue)?;
        let (raw_sender, raw_receiver) = sync_channel::<(Raw, u64)>(1);
        std::thread::scope(|scope| {
            let shaping = scope.spawn(move || -> Result<()> {
                for (raw, bytes) in raw_receiver {
                    let shaped = shaper.shape(raw)?;
                    let chunk = Chunk { shaped, has_event_ids: shaper.has_event_ids(), bytes };
                    if sender.blocking_send(chunk).is_err() {
                        break;
                    }
                }
                Ok(())
            });
            let mut read = 0;
            while let Some(raw) = reader.next()? {
                let bytes = reader.bytes() - read;
                read += bytes;
                // Whoever shapes ends early only after an error of its own, or where nobody wants more.
                if raw_sender.send((raw, bytes)).is_err() {
                    break;
                }
            }
            drop(raw_sender);
            match shaping.join() {
                Ok(shaped) => shaped,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    };
    read().map_err(|error| naming(source, error))
}

/// An error with the file that it is about, unless it names it already.
pub(super) fn naming(source: &Path, error: DataFusionError) -> DataFusionError {
    let name = shown(source);
    match error {
        DataFusionError::Plan(message) => DataFusionError::Plan(prefixed(&name, message)),
        DataFusionError::Execution(message) => DataFusionError::Execution(prefixed(&name, message)),
        DataFusionError::External(bug) => DataFusionError::External(bug),
        DataFusionError::Context(context, inner) if context == name => naming(source, *inner),
        other => DataFusionError::Execution(prefixed(&name, other.strip_backtrace())),
    }
}

fn prefixed(name: &str, message: String) -> String {
    if message.starts_with(name) { message } else { format!("{name}: {message}") }
}

async fn store_chunk(
    store: &Store,
    chunk: Chunk,
    landing: &mut Landing,
    ids: &mut EventIds,
    quarantine: &mut Quarantine,
    counts: &mut Counts,
    progress: &dyn Progress,
) -> Result<()> {
    let Shaped { mut events, numbers, rejects, rows, left_out } = chunk.shaped;
    counts.rows += rows;
    counts.left_out += left_out;
    counts.quarantined += rejects.len() as u64;
    progress.advance(rows, chunk.bytes);
    if chunk.has_event_ids {
        let lands = ids.judge(store, &events, &numbers).await?;
        if let Some(lands) = lands {
            let all = events.num_rows();
            events = filter_record_batch(&events, &lands)?;
            counts.duplicates += (all - events.num_rows()) as u64;
        }
    }
    counts.landed += events.num_rows() as u64;
    if ids.overtaken() {
        return Ok(());
    }
    for reject in rejects {
        quarantine.push(reject);
        if quarantine.is_full() {
            landing.quarantine(quarantine.take()?).await?;
        }
    }
    landing.push(events).await
}
