//! The log of one table: which files it consists of, and the only way to change that.
//!
//! A commit is the creation of the next numbered log file. It either appears whole or not at all; who loses the race
//! reads the log again and decides anew. The outcome of a failed commit is unknown until the log has been read again,
//! so a failed commit never deletes a data file.

use std::collections::HashMap;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{DataFusionError, Result, exec_datafusion_err};
use deltalake_core::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties, TransactionError};
use deltalake_core::kernel::{Action, EagerSnapshot, MetadataExt, StructType, Transaction};
use deltalake_core::logstore::LogStoreRef;
use deltalake_core::operations::create::CreateBuilder;
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::{DeltaTableBuilder, DeltaTableError};
use futures::TryStreamExt;
use object_store::ObjectStore;
use url::Url;

use super::data_file::DataFile;
use super::durable::DurableFolder;
use super::unique::unique;
use crate::error::footfall_internal_err;

/// Key in a commit's info that tells one attempt from all others.
pub(super) const MARK: &str = "footfall.mark";

/// How long the log keeps the entries that a checkpoint stands for. A follower writes an entry every few seconds, and each
/// commit lists them all.
pub(super) const KEPT_DAYS: u64 = 7;

fn retention() -> (String, String) {
    ("delta.logRetentionDuration".to_string(), format!("interval {KEPT_DAYS} days"))
}

/// How often a commit is tried against other writers before it gives up.
const ATTEMPTS: usize = 200;

/// One Delta table of the store.
#[derive(Clone)]
pub(crate) struct Log {
    pub(super) name: &'static str,
    pub(super) log_store: LogStoreRef,
    /// The folder of the log's files, and who makes its names durable.
    folder: PathBuf,
    disk: DurableFolder,
}

/// The table at one version.
pub(crate) struct LogState {
    /// What tells the table from any other, given when it was created.
    pub(crate) id: String,
    pub(crate) version: u64,
    pub(crate) files: Vec<Arc<DataFile>>,
    pub(crate) configuration: HashMap<String, String>,
    snapshot: EagerSnapshot,
}

/// What a commit does.
#[derive(Default)]
pub(crate) struct Change {
    pub(crate) add: Vec<DataFile>,
    pub(crate) remove: Vec<Arc<DataFile>>,
    /// Keys of the table's configuration to set.
    pub(crate) configure: Vec<(String, String)>,
    /// Columns of the table from now on.
    pub(crate) schema: Option<SchemaRef>,
    /// Further application transactions, with their versions.
    pub(crate) transactions: Vec<(String, i64)>,
    /// Whether rows appear or disappear; a compaction only moves them.
    pub(crate) data_change: bool,
}

/// How a commit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// The change is in the table since this version.
    At(u64),
    /// The same input is in the table already; nothing was changed.
    AlreadyThere,
    /// Others have added rows meanwhile that this change would repeat; nothing was changed.
    Overtaken,
}

/// Looks at what others have added, before every attempt to commit.
#[async_trait]
pub(crate) trait Recheck: Send + Sync {
    /// Whether the change would repeat rows of the table as it is now.
    async fn overtaken(&self, state: &LogState) -> Result<bool>;
}

impl Log {
    /// The table `name` of the store in the folder `root` (an absolute path).
    pub(crate) fn new(root: &Path, name: &'static str, disk: &DurableFolder) -> Result<Self> {
        let url = table_url(root, name)?;
        let objects: Arc<dyn ObjectStore> = Arc::new(disk.clone());
        let table = DeltaTableBuilder::from_url(url.clone())
            .map_err(|e| failed(name, "opened", e))?
            .with_storage_backend(objects, url)
            .build()
            .map_err(|e| failed(name, "opened", e))?;
        let folder = root.join(name).join("_delta_log");
        Ok(Self { name, log_store: table.log_store(), folder, disk: disk.clone() })
    }

    pub(crate) async fn exists(&self) -> Result<bool> {
        self.log_store.is_delta_table_location().await.map_err(|e| failed(self.name, "looked up", e))
    }

    /// Creates the table. No error if another process was faster.
    pub(crate) async fn create(&self, schema: &Schema, configuration: Vec<(String, String)>) -> Result<()> {
        let schema: StructType = (&file_schema(schema)).try_into_kernel()?;
        let created = CreateBuilder::new()
            .with_log_store(Arc::clone(&self.log_store))
            .with_table_name(self.name)
            .with_columns(schema.fields().cloned())
            .with_configuration(configuration.into_iter().chain([retention()]).map(|(k, v)| (k, Some(v))))
            .with_raise_if_key_not_exists(false)
            .with_save_mode(SaveMode::Ignore)
            .await;
        match created {
            Ok(_) => Ok(()),
            // Lost the race: fine if the table is there now.
            Err(e) => match self.exists().await {
                Ok(true) => Ok(()),
                _ => Err(failed(self.name, "created", e)),
            },
        }
    }

    /// The newest version.
    pub(crate) async fn read(&self) -> Result<LogState> {
        let log_store = self.log_store.as_ref();
        let snapshot =
            EagerSnapshot::try_new(log_store, None).await.map_err(|e| failed(self.name, "read", e))?;
        let views: Vec<_> = snapshot
            .file_views(log_store, None)
            .try_collect()
            .await
            .map_err(|e| failed(self.name, "read", e))?;
        let files = views
            .iter()
            .map(|view| {
                #[expect(deprecated, reason = "the tags of a file are reachable only through its add action")]
                DataFile::from_add(view.add_action()).map(Arc::new)
            })
            .collect::<Result<_>>()?;
        Ok(LogState {
            id: snapshot.metadata().id().to_string(),
            version: snapshot.version() as u64,
            files,
            configuration: snapshot.metadata().configuration().clone(),
            snapshot,
        })
    }

    /// The version recorded by the application transaction `id`.
    pub(crate) async fn transaction(&self, state: &LogState, id: &str) -> Result<Option<i64>> {
        state
            .snapshot
            .transaction_version(self.log_store.as_ref(), id)
            .await
            .map_err(|e| failed(self.name, "read", e))
    }

    /// Commits what `decide` makes of the newest version, once: if the transaction (`id`, `version` or later) is in
    /// the log already, nothing happens. `decide` runs again whenever another writer was faster; `None` from it means
    /// that there is nothing left to do.
    pub(crate) async fn commit_once(
        &self,
        id: &str,
        version: impl Fn(Option<i64>) -> Option<i64>,
        decide: impl FnMut(&LogState) -> Result<Option<Change>>,
    ) -> Result<Committed> {
        self.commit_checked(None, id, version, None, decide).await
    }

    /// As [`Log::commit_once`], unless `recheck` objects to the newest version. The first attempt is over `known`, a version
    /// that was the newest a moment ago.
    pub(crate) async fn commit_checked(
        &self,
        mut known: Option<LogState>,
        id: &str,
        version: impl Fn(Option<i64>) -> Option<i64>,
        recheck: Option<&dyn Recheck>,
        mut decide: impl FnMut(&LogState) -> Result<Option<Change>>,
    ) -> Result<Committed> {
        let mut refusal: Option<DeltaTableError> = None;
        for attempt in 0..=ATTEMPTS {
            let state = match known.take() {
                Some(state) => state,
                None => self.read().await?,
            };
            let Some(next) = version(self.transaction(&state, id).await?) else {
                return Ok(Committed::AlreadyThere);
            };
            if let Some(refusal) = refusal.take()
                && attempt == ATTEMPTS
            {
                return Err(failed(self.name, "committed to; nothing was changed", refusal));
            }
            if let Some(recheck) = recheck
                && recheck.overtaken(&state).await?
            {
                return Ok(Committed::Overtaken);
            }
            let Some(change) = decide(&state)? else {
                return Ok(Committed::AlreadyThere);
            };
            let mark = unique();
            match self.try_commit(&state, id, next, mark, change).await {
                Ok(version) => return Ok(Committed::At(version)),
                Err(refused) if is_conflict(&refused) => refusal = Some(refused),
                Err(unknown) => {
                    // The commit may be there though it failed: what is there is ours if it bears our mark.
                    let version = state.version + 1;
                    if !self.is_marked(version, mark).await? {
                        return Err(failed(self.name, "committed to; nothing was changed", unknown));
                    }
                    // Its content was on disk before it got its name; the name has to be as well.
                    self.disk.sync(&self.folder).map_err(|e| {
                        exec_datafusion_err!(
                            "table {}: version {version} is there, but whether it would survive a power loss is not known: {e}; \
                             do it again once the disk works",
                            self.name
                        )
                    })?;
                    return Ok(Committed::At(version));
                }
            }
            tokio::time::sleep(random_wait(attempt)).await;
        }
        footfall_internal_err!("table {}: a commit ended without an outcome", self.name)
    }

    /// Whether the log entry of `version` exists and is the one that was tried with `mark`.
    async fn is_marked(&self, version: u64, mark: u128) -> Result<bool> {
        let entry = self.log_store.read_commit_entry(version).await;
        let entry = entry.map_err(|e| {
            failed(self.name, "read after a failed commit; what became of it is not known", e)
        })?;
        let mark = format!("{mark:032x}");
        Ok(entry.is_some_and(|entry| entry.windows(mark.len()).any(|part| part == mark.as_bytes())))
    }

    async fn try_commit(
        &self,
        state: &LogState,
        id: &str,
        transaction: i64,
        mark: u128,
        mut change: Change,
    ) -> Result<u64, DeltaTableError> {
        let mut actions: Vec<Action> = Vec::new();
        if !change.configure.is_empty() || change.schema.is_some() {
            let mut metadata = state.snapshot.metadata().clone();
            for (key, value) in change.configure {
                metadata = metadata.add_config_key(key, value)?;
            }
            if let Some(schema) = &change.schema {
                let schema: StructType = (&file_schema(schema)).try_into_kernel()?;
                metadata = metadata.with_schema(&schema)?;
            }
            actions.push(Action::Metadata(metadata));
        }
        if change.data_change {
            // Rows that appear now come after all equal ones that are there.
            change.add.iter_mut().for_each(|file| file.rank.since = state.version + 1);
        }
        actions.extend(change.remove.iter().map(|file| Action::Remove(file.to_remove(change.data_change))));
        actions.extend(change.add.iter().map(|file| Action::Add(file.to_add(change.data_change))));
        // No retries inside deltalake: its conflict check lets two compactions of the same files both win.
        let transactions = std::iter::once((id.to_string(), transaction)).chain(change.transactions);
        let properties = CommitProperties::default()
            .with_max_retries(0)
            .with_metadata([(MARK.to_string(), format!("{mark:032x}").into())])
            .with_application_transactions(
                transactions
                    .map(|(app_id, version)| Transaction {
                        app_id,
                        version,
                        last_updated: Some(now_millis()),
                    })
                    .collect(),
            );
        let operation = DeltaOperation::Write { mode: SaveMode::Append, partition_by: None, predicate: None };
        let commit = CommitBuilder::from(properties)
            .with_actions(actions)
            .build(Some(&state.snapshot), Arc::clone(&self.log_store), operation)
            .await?;
        Ok(commit.version() as u64)
    }
}

/// Where the table `name` of the store in `root` lies; ends with a slash.
pub(crate) fn table_url(root: &Path, name: &str) -> Result<Url> {
    Url::from_directory_path(root.join(name))
        .map_err(|()| exec_datafusion_err!("{}: a store needs an absolute path", root.display()))
}

/// The schema that other engines read: they do not know string views.
pub(crate) fn file_schema(schema: &Schema) -> Schema {
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| match field.data_type() {
            DataType::Utf8View => field.as_ref().clone().with_data_type(DataType::Utf8),
            _ => field.as_ref().clone(),
        })
        .collect();
    Schema::new(fields)
}

pub(crate) fn now_millis() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|age| age.as_millis() as i64).unwrap_or_default()
}

/// Whether another writer was faster.
fn is_conflict(error: &DeltaTableError) -> bool {
    match error {
        DeltaTableError::VersionAlreadyExists(_) => true,
        DeltaTableError::Transaction { source } => matches!(
            source,
            TransactionError::VersionAlreadyExists(_)
                | TransactionError::MaxCommitAttempts(_)
                | TransactionError::CommitConflict(_)
        ),
        _ => false,
    }
}

/// Up to 4 ms at first, up to 200 ms later, so that writers which collided once do not collide again.
fn random_wait(attempt: usize) -> Duration {
    let span = 4_000 * (attempt as u64 + 1).min(50);
    Duration::from_micros(unique() as u64 % span)
}

pub(super) fn failed(table: &str, verb: &str, error: DeltaTableError) -> DataFusionError {
    let hint = if verb == "read" { "; footfall verify says which file is at fault" } else { "" };
    DataFusionError::External(Box::new(error)).context(format!("table {table} could not be {verb}{hint}"))
}
