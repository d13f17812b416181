//! Landing: checked events, in any order, into sorted files and one commit.
//!
//! Events are gathered into a run until the memory budget is full; a run is sorted and encoded beside the gathering of
//! the next one. Files lie in the store before the commit names them, so a landing that fails leaves nothing visible.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::common::cast::as_string_view_array;
use datafusion::common::{DataFusionError, Result, exec_datafusion_err, exec_err};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, PutMode, PutOptions};
use tokio::task::JoinSet;
use xxhash_rust::xxh3::xxh3_64;

use super::catalogue::Catalogue;
use super::data_file::{DataFile, Rank, Stamp};
use super::encode::{encode_events, encode_rows};
use super::event_ids::Hashed;
use super::log::{Change, Committed, LogState, Recheck};
use super::sort::sorted_parts;
use super::splits::{SPLITS_KEY, Splits, shards_for};
use super::unique::unique;
use super::{Snapshot, Store};

/// Runs that are sorted and encoded at the same time, per landing.
const RUNS_AT_ONCE: usize = 2;

/// Bytes of rejected rows that are held before they are written: a file may consist of nothing else.
const QUARANTINE_AT_ONCE: usize = 32 << 20;

/// What makes an input the same input: the application transaction under which it is committed, and that transaction's
/// version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputId {
    transaction: String,
    from: u64,
    to: u64,
    /// Of a growing source: what its last bytes before `to` are known by.
    end: Option<u64>,
    /// What messages call it.
    pub name: String,
}

impl InputId {
    /// An input that lands as a whole. `hash` is of its bytes and of how they are read.
    pub fn whole(hash: u128, name: String) -> Self {
        Self { transaction: format!("footfall.land.{hash:032x}"), from: 0, to: 1, end: None, name }
    }

    /// The bytes `from..to` of a source that grows. They land after those before them, and only once. `end` is a hash of the
    /// last bytes of it, by which another source with the same identity is told apart.
    pub fn part(source: u128, from: u64, to: u64, end: u64, name: String) -> Self {
        Self { transaction: followed(source), from, to, end: Some(end), name }
    }

    pub(super) fn transaction(&self) -> &str {
        &self.transaction
    }

    /// The version to commit under, where `known` is the one in the log; `None` if that says it has landed.
    pub(super) fn next(&self, known: Option<i64>) -> Option<i64> {
        (known.unwrap_or(0) == self.from as i64).then_some(self.to as i64)
    }

    /// As [`InputId::next`], for the rejected rows. They are committed before the events, so that none is lost in between:
    /// what an attempt that was stopped there has left is replaced. A part without rejected rows leaves no trace, and the
    /// next one begins behind it.
    pub(super) fn next_rejected(&self, known: Option<i64>) -> Option<i64> {
        let known = known.unwrap_or(0);
        (known <= self.from as i64 || known == self.to as i64).then_some(self.to as i64)
    }

    pub(super) fn to(&self) -> i64 {
        self.to as i64
    }

    fn end(&self) -> Option<(String, i64)> {
        self.end.map(|end| (followed_end(&self.transaction), end as i64))
    }

    /// What the input's rejected rows are known by.
    pub(super) fn mark(&self) -> String {
        format!("{}@{}", self.transaction, self.to)
    }
}

/// Name of the transaction whose version is the offset reached in a source.
pub(super) fn followed(source: u128) -> String {
    format!("footfall.follow.{source:032x}")
}

/// What the last bytes of a part are known by: 63 bits, since a transaction's version is not negative.
pub fn end_hash(bytes: &[u8]) -> u64 {
    xxh3_64(bytes) >> 1
}

/// Name of the transaction whose version is the hash of the bytes before that offset.
pub(super) fn followed_end(transaction: &str) -> String {
    format!("{transaction}.end")
}

/// An input on its way into the store. Nothing of it is visible before [`Landing::commit`].
pub struct Landing {
    store: Store,
    input: InputId,
    splits: Splits,
    /// Points chosen by this landing, because the table has none yet.
    new_splits: Option<Splits>,
    budget: usize,
    run: Vec<RecordBatch>,
    run_bytes: usize,
    encoding: JoinSet<Result<Vec<DataFile>>>,
    files: Vec<DataFile>,
    quarantine: Vec<RecordBatch>,
    quarantine_bytes: usize,
    quarantine_files: Vec<DataFile>,
    catalogue: Arc<Catalogue>,
    runs: u32,
    added_ids: Option<AddedIds>,
    /// The table as it was when the landing began.
    begun: Option<LogState>,
}

/// What a landing has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Whether this landing put the rows there, and since which version.
    pub committed: Committed,
    /// Data files added.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

impl Landing {
    pub(crate) fn new(store: Store, input: InputId, begun: LogState, memory: usize) -> Result<Self> {
        let snapshot = Snapshot::of(&begun)?;
        let (splits, catalogue) = (snapshot.splits, snapshot.catalogue);
        Ok(Self {
            store,
            input,
            splits,
            new_splits: None,
            // A run exists once as it came and once sorted, and so does the one that is encoded beside it.
            // Texts of a run share offsets of 32 bits, hence the upper bound.
            budget: (memory / 5).min(1 << 30),
            run: Vec::new(),
            run_bytes: 0,
            encoding: JoinSet::new(),
            files: Vec::new(),
            quarantine: Vec::new(),
            quarantine_bytes: 0,
            quarantine_files: Vec::new(),
            catalogue,
            runs: 0,
            added_ids: None,
            begun: Some(begun),
        })
    }

    /// The declared properties: events have the columns of its schema.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// What the events are known by. Before the commit they are compared with those that others have added since `version`
    /// of the store: an event counts once.
    pub fn compare_ids(&mut self, version: u64, ids: HashSet<u64, BuildHasherDefault<Hashed>>) {
        self.added_ids = Some(AddedIds { store: self.store.clone(), ids, checked: AtomicU64::new(version) });
    }

    /// Takes events of the catalogue's schema, in any order.
    pub async fn push(&mut self, events: RecordBatch) -> Result<()> {
        if events.num_rows() == 0 {
            return Ok(());
        }
        self.run_bytes += memory_of(&events);
        self.run.push(events);
        if self.run_bytes > self.budget { self.end_run().await } else { Ok(()) }
    }

    /// Takes rejected rows of the schema of [`super::schema::quarantine_schema`].
    pub async fn quarantine(&mut self, rows: RecordBatch) -> Result<()> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        self.quarantine_bytes += memory_of(&rows);
        self.quarantine.push(rows);
        if self.quarantine_bytes > QUARANTINE_AT_ONCE { self.write_quarantine().await } else { Ok(()) }
    }

    /// Ends the run and waits until every file of the landing is written.
    pub async fn settle(&mut self) -> Result<()> {
        self.end_run().await?;
        while let Some(files) = self.encoding.join_next().await {
            self.files.extend(joined(files)?);
        }
        Ok(())
    }

    /// Makes everything visible at once; or nothing, if another process has landed the same input meanwhile, or other
    /// inputs with events of this one.
    pub async fn commit(mut self) -> Result<Written> {
        self.settle().await?;
        self.write_quarantine().await?;
        let named = |e: DataFusionError| e.context(self.input.name.clone());
        let recheck = self.added_ids.as_ref().map(|ids| ids as &dyn Recheck);
        // An old landing may have lost its files to a vacuum, and what is not there must not be acknowledged.
        self.store.look_for("events", &self.files).await.map_err(named)?;
        if !self.store.keep_rejected(&self.input, &self.quarantine_files).await.map_err(named)? {
            return Ok(Written { committed: Committed::AlreadyThere, files: 0, bytes: 0 });
        }
        let (count, bytes) = (self.files.len(), self.files.iter().map(|file| file.size).sum());
        let decide = |state: &LogState| {
            let known = Splits::from_configuration(state.configuration.get(SPLITS_KEY))?;
            let configure = match &self.new_splits {
                Some(splits) if known.version == 0 => vec![splits.to_configuration()],
                _ => Vec::new(),
            };
            let transactions = self.input.end().into_iter().collect();
            let add = self.files.clone();
            Ok(Some(Change { add, configure, transactions, data_change: true, ..Change::default() }))
        };
        let next = |known| self.input.next(known);
        let log = self.store.events();
        let known = self.begun.take();
        let committed = log.commit_checked(known, self.input.transaction(), next, recheck, decide).await;
        Ok(Written { committed: committed.map_err(named)?, files: count, bytes })
    }

    /// Forgets everything. Files that were written are in no commit; a vacuum removes them.
    pub async fn abandon(mut self) {
        self.encoding.shutdown().await;
    }

    async fn write_quarantine(&mut self) -> Result<()> {
        let rows = std::mem::take(&mut self.quarantine);
        self.quarantine_bytes = 0;
        if rows.is_empty() {
            return Ok(());
        }
        let (bytes, file) = blocking(move || encode_rows(&rows, fresh_name("rejected"))).await?;
        put(self.store.objects(), &self.store.location("quarantine", &file.path)?, bytes).await?;
        self.quarantine_files.push(file);
        Ok(())
    }

    async fn end_run(&mut self) -> Result<()> {
        if self.run.is_empty() {
            return Ok(());
        }
        while self.encoding.len() >= RUNS_AT_ONCE {
            if let Some(files) = self.encoding.join_next().await {
                self.files.extend(joined(files)?);
            }
        }
        let batches = std::mem::take(&mut self.run);
        self.run_bytes = 0;
        self.runs += 1;
        if self.splits.version == 0 {
            // The first run of the first landing decides: sorted here, so that the points come from its users.
            let (parts, splits) = blocking(move || sort_and_sample(&batches)).await?;
            self.splits = splits.clone();
            self.new_splits = Some(splits);
            self.encode(std::future::ready(Ok(parts)));
        } else {
            self.encode(blocking(move || sorted_parts(&without_empty_columns(&batches)?)));
        }
        Ok(())
    }

    fn encode(&mut self, parts: impl Future<Output = Result<Vec<RecordBatch>>> + Send + 'static) {
        let (store, splits) = (self.store.clone(), self.splits.clone());
        let rank = Rank { since: 0, part: self.runs };
        let stamp = Stamp { splits: splits.version, rank, declared: self.catalogue.declared() };
        self.encoding.spawn(async move {
            let parts = parts.await?;
            let mut files = Vec::with_capacity(parts.len());
            for part in parts {
                let splits = splits.clone();
                let (bytes, file) =
                    blocking(move || encode_events(&part, &splits, stamp, fresh_name("events"))).await?;
                put(store.objects(), &store.location("events", &file.path)?, bytes).await?;
                files.push(file);
            }
            Ok(files)
        });
    }
}

/// Events on their way in, compared with those that others add meanwhile.
struct AddedIds {
    store: Store,
    ids: HashSet<u64, BuildHasherDefault<Hashed>>,
    /// Version up to which they are compared.
    checked: AtomicU64,
}

#[async_trait]
impl Recheck for AddedIds {
    async fn overtaken(&self, state: &LogState) -> Result<bool> {
        let checked = self.checked.load(Ordering::Relaxed);
        if checked >= state.version || self.ids.is_empty() {
            return Ok(false);
        }
        let mut added = self.store.added_event_ids(checked).await?;
        while let Some(ids) = added.try_next().await? {
            if ids.iter().any(|(_, id)| self.ids.contains(id)) {
                return Ok(true);
            }
        }
        self.checked.store(state.version, Ordering::Relaxed);
        Ok(false)
    }
}

/// Writes a data file. It must not exist: names are never used twice.
pub(crate) async fn put(store: &Arc<dyn ObjectStore>, location: &Path, bytes: Bytes) -> Result<()> {
    let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    store.put_opts(location, bytes.into(), options).await?;
    Ok(())
}

/// Runs CPU work beside the runtime; a panic in it becomes an error.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    joined(tokio::task::spawn_blocking(work).await)
}

fn joined<T>(result: std::result::Result<Result<T>, tokio::task::JoinError>) -> Result<T> {
    result.map_err(|e| DataFusionError::External(Box::new(e)))?
}

/// A name that no other file of any table has.
pub(crate) fn fresh_name(prefix: &str) -> String {
    format!("{prefix}-{:032x}.parquet", unique())
}

fn sort_and_sample(batches: &[RecordBatch]) -> Result<(Vec<RecordBatch>, Splits)> {
    let parts = sorted_parts(&without_empty_columns(batches)?)?;
    let rows: usize = parts.iter().map(RecordBatch::num_rows).sum();
    // Each part is a sample; the longest is the best one.
    let longest = parts
        .iter()
        .max_by_key(|part| part.num_rows())
        .ok_or_else(|| exec_datafusion_err!("a run of events without rows"))?;
    let users = longest
        .column_by_name("user_id")
        .ok_or_else(|| exec_datafusion_err!("a run of events has no column user_id"))?;
    let splits = Splits::sample(as_string_view_array(users)?, shards_for(rows as u64), 1);
    Ok((parts, splits))
}

/// One batch of all rows, without the columns in which no row has a value: they would be sorted and written for nothing.
fn without_empty_columns(batches: &[RecordBatch]) -> Result<RecordBatch> {
    let Some(schema) = batches.first().map(RecordBatch::schema) else {
        return exec_err!("a run of events without rows");
    };
    let kept: Vec<usize> = (0..schema.fields().len())
        .filter(|&column| {
            !schema.field(column).is_nullable()
                || batches.iter().any(|batch| batch.column(column).null_count() < batch.num_rows())
        })
        .collect();
    let batches = batches.iter().map(|batch| batch.project(&kept)).collect::<Result<Vec<_>, _>>()?;
    Ok(concat_batches(&Arc::new(schema.project(&kept)?), &batches)?)
}

/// Bytes that the rows need; shared buffers count by their texts, columns without values not at all.
fn memory_of(batch: &RecordBatch) -> usize {
    batch
        .columns()
        .iter()
        .filter(|column| column.null_count() < column.len())
        .map(|column| match column.as_string_view_opt() {
            Some(texts) => 16 * texts.len() + texts.total_buffer_bytes_used(),
            None => {
                column.to_data().get_slice_memory_size().unwrap_or_else(|_| column.get_array_memory_size())
            }
        })
        .sum()
}
