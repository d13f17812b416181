//! Who is a user? The table `users`: one profile a user, in a few Parquet files sorted by user.
//!
//! A landing reads the profiles, merges the rows of its file into them, and replaces all files in one commit. A commit
//! that another process overtook is merged anew over what is there then: both count, in the order of their commits. The
//! input's hash is the commit's application transaction, so a file counts once.

mod columns;
mod merge;

use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::{DataFusionError, Result, exec_err};
use object_store::ObjectStoreExt;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use xxhash_rust::xxh3::xxh3_64;

pub(crate) use columns::{GIVEN_FIRST_SEEN, UPDATED_AT_OF, profile_schema};

use super::encode::encode_rows;
use super::landing::{blocking, fresh_name, put};
use super::log::{Change, LogState};
use super::object_reader::ObjectReader;
use super::{Committed, DataFile, InputId, Store};
use columns::{grown, in_memory};
use merge::{Merger, sorted};

/// Profiles of a file: what is held in memory at once.
const ROWS_PER_FILE: usize = 1 << 20;
/// How often profiles are merged anew because another process was faster.
const ATTEMPTS: usize = 200;

/// The users table at one version.
#[derive(Debug, Clone)]
pub(crate) struct Profiles {
    pub(crate) files: Vec<Arc<DataFile>>,
    pub(crate) schema: SchemaRef,
}

/// What an upsert did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upserted {
    /// Whether it put the rows there, and since which version of the users table.
    pub committed: Committed,
    /// Users who have a profile then.
    pub users: u64,
    /// Data files written.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// Profiles that lie in the store and are in no commit yet.
struct Merged {
    files: Vec<DataFile>,
    /// The table's columns, if they have grown.
    schema: Option<SchemaRef>,
}

impl Store {
    /// The profiles as they are now; `None` if no user ever got one.
    pub(crate) async fn profiles(&self) -> Result<Option<Profiles>> {
        if !self.users.exists().await? {
            return Ok(None);
        }
        let files = self.users.read().await?.files;
        match files.first() {
            Some(file) => Ok(Some(Profiles { schema: self.profile_columns(file).await?, files })),
            None => Ok(None),
        }
    }

    /// Whether the users file `input` has landed.
    pub async fn has_users(&self, input: &InputId) -> Result<bool> {
        if !self.users.exists().await? {
            return Ok(false);
        }
        let known = self.users.transaction(&self.users.read().await?, input.transaction()).await?;
        Ok(input.next(known).is_none())
    }

    /// Merges the rows of a users file into the profiles, once. `rows` have `user_id` and any of the columns of a profile,
    /// and more; `rejected` are those that go to the quarantine.
    pub async fn upsert_users(
        &self,
        input: &InputId,
        rows: &RecordBatch,
        rejected: &[RecordBatch],
    ) -> Result<Upserted> {
        let named = |e: DataFusionError| e.context(input.name.clone());
        if !self.users.exists().await? {
            self.users.create(&profile_schema(), Vec::new()).await?;
        }
        let rows = {
            let rows = rows.clone();
            blocking(move || sorted(&rows)).await?
        };
        let mut rejected = Some(rejected);
        for _ in 0..ATTEMPTS {
            let state = self.users.read().await?;
            let known = self.users.transaction(&state, input.transaction()).await?;
            if input.next(known).is_none() {
                return Ok(upserted(Committed::AlreadyThere, &state.files, 0, 0));
            }
            let merged = self.merge_users(&state, &rows).await.map_err(named)?;
            if let Some(rejected) = rejected.take() {
                // Before the profiles, so that none is lost in between.
                let rejected = self.write_rejected(rejected).await.map_err(named)?;
                self.keep_rejected(input, &rejected).await.map_err(named)?;
            }
            let mut overtaken = false;
            let committed = self.users.commit_once(
                input.transaction(),
                |known| input.next(known),
                |now| {
                    overtaken = now.version != state.version;
                    if overtaken {
                        return Ok(None);
                    }
                    let replaces = !merged.files.is_empty();
                    Ok(Some(Change {
                        add: merged.files.clone(),
                        remove: if replaces { state.files.clone() } else { Vec::new() },
                        schema: merged.schema.clone(),
                        data_change: true,
                        ..Change::default()
                    }))
                },
            );
            let committed = committed.await.map_err(named)?;
            if !overtaken {
                let files: Vec<_> = match merged.files.is_empty() {
                    true => state.files,
                    false => merged.files.iter().cloned().map(Arc::new).collect(),
                };
                let bytes = merged.files.iter().map(|file| file.size).sum();
                return Ok(upserted(committed, &files, merged.files.len(), bytes));
            }
            self.forget(&merged).await;
        }
        exec_err!(
            "{}: other processes changed the users table {ATTEMPTS} times meanwhile; nothing was changed",
            input.name
        )
    }

    /// Writes the profiles of `state` with `rows` merged into them; no file if there are no rows.
    async fn merge_users(&self, state: &LogState, rows: &RecordBatch) -> Result<Merged> {
        if rows.num_rows() == 0 {
            return Ok(Merged { files: Vec::new(), schema: None });
        }
        // Their names say their order.
        let mut old = state.files.clone();
        old.sort_by(|a, b| a.path.cmp(&b.path));
        let stored = match old.first() {
            Some(file) => self.profile_columns(file).await?,
            None => profile_schema(),
        };
        let schema = grown(&stored, &rows.schema())?;
        let mut merger = Merger::new(Arc::clone(&schema), rows)?;
        let mut files = Vec::new();
        for file in &old {
            let bytes = self.profile_bytes(file).await?;
            merger = blocking(move || merger.add(bytes).map(|()| merger)).await?;
            if merger.merged_rows() >= ROWS_PER_FILE {
                self.write_profiles(merger.take(), &mut files).await?;
            }
        }
        merger = blocking(move || merger.finish().map(|()| merger)).await?;
        self.write_profiles(merger.take(), &mut files).await?;
        Ok(Merged { files, schema: (schema != stored).then_some(schema) })
    }

    async fn write_profiles(&self, batches: Vec<RecordBatch>, files: &mut Vec<DataFile>) -> Result<()> {
        let mut batches = batches.into_iter().peekable();
        while batches.peek().is_some() {
            let mut rows = 0;
            let mut part: Vec<RecordBatch> = Vec::new();
            while rows < ROWS_PER_FILE
                && let Some(batch) = batches.next()
            {
                rows += batch.num_rows();
                part.push(batch);
            }
            let name = fresh_name(&format!("users-{:06}", files.len()));
            let (bytes, file) = blocking(move || encode_rows(&part, name)).await?;
            put(self.objects(), &self.location("users", &file.path)?, bytes).await?;
            files.push(file);
        }
        Ok(())
    }

    async fn write_rejected(&self, rejected: &[RecordBatch]) -> Result<Vec<DataFile>> {
        if rejected.iter().all(|rows| rows.num_rows() == 0) {
            return Ok(Vec::new());
        }
        let rejected = rejected.to_vec();
        let (bytes, file) = blocking(move || encode_rows(&rejected, fresh_name("rejected"))).await?;
        put(self.objects(), &self.location("quarantine", &file.path)?, bytes).await?;
        Ok(vec![file])
    }

    /// The file's bytes, if they are those that were written: rot must not be copied under a good checksum.
    async fn profile_bytes(&self, file: &DataFile) -> Result<Bytes> {
        let location = self.location("users", &file.path)?;
        let bytes = self.objects().get(&location).await?.bytes().await?;
        let found = xxh3_64(&bytes);
        if found != file.checksum {
            return exec_err!(
                "{location}: the file is not what was written: checksum {found:016x}, the log says {:016x}; nothing was changed",
                file.checksum
            );
        }
        Ok(bytes)
    }

    /// The columns of the table: every file of a version has them all.
    async fn profile_columns(&self, file: &DataFile) -> Result<SchemaRef> {
        let location = self.location("users", &file.path)?;
        let mut reader = ObjectReader { store: Arc::clone(self.objects()), location, size: file.size };
        let metadata = ArrowReaderMetadata::load_async(&mut reader, ArrowReaderOptions::new()).await?;
        Ok(in_memory(metadata.schema()))
    }

    /// Removes what was merged over a version that is no longer the newest: it is in no commit, and can be much. What stays is
    /// left to a vacuum.
    async fn forget(&self, merged: &Merged) {
        for file in &merged.files {
            if let Ok(location) = self.location("users", &file.path) {
                self.objects().delete(&location).await.ok();
            }
        }
    }
}

fn upserted(committed: Committed, profiles: &[Arc<DataFile>], files: usize, bytes: u64) -> Upserted {
    Upserted { committed, users: profiles.iter().map(|file| file.rows).sum(), files, bytes }
}
