//! ② Batches to sorted Parquet files and commits of a Delta log; the only place that knows paths.
//!
//! ```text
//! STORE/events/_delta_log/…       which files make up the table, version by version
//! STORE/events/events-….parquet   sorted by (user_id, ts, seq)
//! STORE/quarantine/…              rejected rows, in no order
//! STORE/views/….sql               views that somebody saved
//! ```
//!
//! Files lie there before a commit names them; a commit is durable before it is acknowledged (`durable`).

mod catalogue;
pub(crate) mod chains;
mod changes;
mod compact;
mod data_file;
pub(crate) mod declared;
mod disk;
mod durable;
mod encode;
mod event_ids;
mod info;
mod landing;
mod log;
pub(crate) mod merge;
mod object_reader;
pub(crate) mod reader;
mod rejected;
pub(crate) mod row_filter;
pub mod schema;
mod sort;
mod splits;
mod tail;
mod unique;
pub(crate) mod users;
mod vacuum;
pub(crate) mod values;
mod verify;
mod views;

use std::fmt::{Debug, Formatter};
use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;

use chrono_tz::Tz;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::{Result, exec_datafusion_err, exec_err};
use object_store::ObjectStore;
use object_store::path::Path;

pub use catalogue::Catalogue;
pub use changes::Changes;
pub use compact::{CompactOptions, Compacted};
pub use data_file::{DataFile, FileRange, Rank};
pub use disk::{Disk, OsDisk};
pub use event_ids::{Hashed, event_id_hash};
pub use info::Info;
pub use landing::{InputId, Landing, Written, end_hash};
pub use log::Committed;
pub(crate) use log::table_url;
pub use splits::Splits;
pub use users::Upserted;
pub use vacuum::Vacuumed;
pub use verify::{Problem, Verified};
pub use views::{SavedView, is_view_name};

use durable::DurableFolder;
use log::{Log, LogState};
use reader::{FileRead, UserRange};

/// Key of the events table's configuration that holds the store's zone.
const TIME_ZONE_KEY: &str = "footfall.time_zone";

/// The tables of a store, each with a folder and a log.
const TABLES: [&str; 3] = ["events", "users", "quarantine"];

/// A store on a local folder. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    root: PathBuf,
    time_zone: Tz,
    objects: Arc<dyn ObjectStore>,
    folder: DurableFolder,
    events: Log,
    users: Log,
    quarantine: Log,
    opened: Arc<Snapshot>,
}

/// How to open a store.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The file system; tests give one that records or stops.
    pub disk: Arc<dyn Disk>,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { disk: Arc::new(OsDisk) }
    }
}

/// The events table at one version.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// What tells the table from any other, wherever it lies.
    pub id: String,
    /// Version of the table.
    pub version: u64,
    /// Its files.
    pub files: Vec<Arc<DataFile>>,
    /// Where the user space is cut.
    pub splits: Splits,
    /// The declared events and properties.
    pub catalogue: Arc<Catalogue>,
}

/// How far a growing source has landed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Followed {
    /// Bytes.
    pub landed: u64,
    /// What the last bytes of them are known by, as given to [`InputId::part`].
    pub end: Option<u64>,
    /// Up to which byte rejected rows are kept: further than `landed` where a landing was stopped in between.
    pub rejected: u64,
}

impl Snapshot {
    fn of(state: &LogState) -> Result<Self> {
        let splits = Splits::from_configuration(state.configuration.get(splits::SPLITS_KEY))?;
        let catalogue = Catalogue::from_configuration(state.configuration.get(catalogue::CATALOGUE_KEY))?;
        Ok(Self {
            id: state.id.clone(),
            version: state.version,
            files: state.files.clone(),
            splits,
            catalogue: Arc::new(catalogue),
        })
    }

    /// Rows of each shard, estimated from the files' ranges: exact once a file is one shard.
    pub(crate) fn rows_of_shards(&self) -> Vec<f64> {
        let points = &self.splits.points;
        let mut rows = vec![0.0; points.len() + 1];
        for file in &self.files {
            let Some(range) = &file.range else { continue };
            let first = points.partition_point(|point| *point <= range.users.0);
            let last = points.partition_point(|point| *point <= range.users.1);
            for shard in &mut rows[first..=last] {
                *shard += file.rows as f64 / (last - first + 1) as f64;
            }
        }
        rows
    }
}

impl Store {
    /// Opens the store in the folder `root`.
    pub async fn open(root: &FsPath) -> Result<Self> {
        Self::open_with(root, &StoreOptions::default()).await
    }

    /// As [`Store::open`], with options.
    pub async fn open_with(root: &FsPath, options: &StoreOptions) -> Result<Self> {
        match Self::find(root, options).await? {
            Some(store) => Ok(store),
            None if root.exists() => exec_err!(
                "{} is no store: it has no table events; land a file into it first (footfall land FILE --store {})",
                root.display(),
                root.display()
            ),
            None => exec_err!("store {} does not exist", root.display()),
        }
    }

    /// Opens the store, or creates one whose days are those of `time_zone` (an IANA name). An existing store keeps its
    /// zone; another one is an error.
    pub async fn open_or_create(root: &FsPath, time_zone: Option<&str>) -> Result<Self> {
        Self::open_or_create_with(root, time_zone, &StoreOptions::default()).await
    }

    /// As [`Store::open_or_create`], with options.
    pub async fn open_or_create_with(
        root: &FsPath,
        time_zone: Option<&str>,
        options: &StoreOptions,
    ) -> Result<Self> {
        let asked = time_zone.map(parse_zone).transpose()?;
        if let Some(store) = Self::find(root, options).await? {
            return same_zone(store, asked);
        }
        let folder = DurableFolder::new(Arc::clone(&options.disk));
        std::path::absolute(root)
            .and_then(|root| folder.make_folder(&root))
            .map_err(|e| exec_datafusion_err!("store {}: {e}", root.display()))?;
        let zone = asked.unwrap_or(Tz::Asia__Shanghai);
        let root = absolute(root)?;
        let events = Log::new(&root, "events", &folder)?;
        events.create(&schema::event_schema(), vec![(TIME_ZONE_KEY.to_string(), zone.to_string())]).await?;
        // Whoever created it first has decided on the zone.
        same_zone(Self::open_with(&root, options).await?, asked)
    }

    async fn find(root: &FsPath, options: &StoreOptions) -> Result<Option<Self>> {
        if !root.join("events").join("_delta_log").is_dir() {
            return Ok(None);
        }
        let root = absolute(root)?;
        let folder = DurableFolder::new(Arc::clone(&options.disk));
        let events = Log::new(&root, "events", &folder)?;
        if !events.exists().await? {
            return Ok(None);
        }
        let users = Log::new(&root, "users", &folder)?;
        let quarantine = Log::new(&root, "quarantine", &folder)?;
        let state = events.read().await?;
        let zone = state.configuration.get(TIME_ZONE_KEY).ok_or_else(|| {
            exec_datafusion_err!(
                "{}: the table events was not made by Footfall (no {TIME_ZONE_KEY} in its metadata)",
                root.display()
            )
        })?;
        let time_zone = parse_zone(zone)?;
        let opened = Arc::new(Snapshot::of(&state)?);
        let objects: Arc<dyn ObjectStore> = Arc::new(folder.clone());
        Ok(Some(Self { root, time_zone, objects, folder, events, users, quarantine, opened }))
    }

    /// The store's folder, absolute.
    pub fn root(&self) -> &FsPath {
        &self.root
    }

    /// The zone in which the store counts days.
    pub fn time_zone(&self) -> Tz {
        self.time_zone
    }

    /// The events table as it is now.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        Snapshot::of(&self.events.read().await?)
    }

    /// The events table as it was when the store was opened: no second look at the log for who has just opened it.
    pub fn opened(&self) -> &Snapshot {
        &self.opened
    }

    /// The files of the quarantine as it is now; none if no row was ever rejected.
    pub async fn quarantined(&self) -> Result<Vec<Arc<DataFile>>> {
        match self.quarantine.exists().await? {
            true => Ok(self.quarantine.read().await?.files),
            false => Ok(Vec::new()),
        }
    }

    /// Begins to land an input; `None` if the same input has landed before. `memory` in bytes bounds what it holds.
    pub async fn landing(&self, input: InputId, memory: usize) -> Result<Option<Landing>> {
        let state = self.events.read().await?;
        if input.next(self.events.transaction(&state, input.transaction()).await?).is_none() {
            return Ok(None);
        }
        Ok(Some(Landing::new(self.clone(), input, state, memory)?))
    }

    /// How far a growing source has landed.
    pub async fn followed(&self, source: u128) -> Result<Followed> {
        let mut followed = self.followed_all(&[source]).await?;
        Ok(followed.pop().unwrap_or_default())
    }

    /// As [`Store::followed`], for many sources at once.
    pub async fn followed_all(&self, sources: &[u128]) -> Result<Vec<Followed>> {
        let events = self.events.read().await?;
        let rejected = match self.quarantine.exists().await? {
            true => Some(self.quarantine.read().await?),
            false => None,
        };
        let mut all = Vec::with_capacity(sources.len());
        for source in sources {
            let id = landing::followed(*source);
            let landed = self.events.transaction(&events, &id).await?;
            let end = self.events.transaction(&events, &landing::followed_end(&id)).await?;
            let rejected = match &rejected {
                Some(state) => self.quarantine.transaction(state, &id).await?,
                None => None,
            };
            all.push(Followed {
                landed: landed.unwrap_or(0) as u64,
                end: end.map(|end| end as u64),
                rejected: rejected.unwrap_or(0) as u64,
            });
        }
        Ok(all)
    }

    /// Reads `schema` of the users `users` from one file of the events table, as it lies there.
    pub(crate) fn read(&self, file: &DataFile, schema: &SchemaRef, users: UserRange) -> Result<FileRead> {
        let declared = schema.fields().iter().filter(|field| field.name().starts_with(catalogue::PREFIX));
        Ok(FileRead {
            store: Arc::clone(&self.objects),
            location: self.location("events", &file.path)?,
            size: file.size,
            schema: Arc::clone(schema),
            declared: declared.cloned().collect(),
            rank: file.rank,
            users,
            predicate: None,
            filter: None,
            batch_size: 8192,
        })
    }

    pub(crate) fn events(&self) -> &Log {
        &self.events
    }

    pub(crate) async fn quarantine_log(&self) -> Result<&Log> {
        if !self.quarantine.exists().await? {
            self.quarantine.create(&schema::quarantine_schema(), Vec::new()).await?;
        }
        Ok(&self.quarantine)
    }

    pub(crate) fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.objects
    }

    /// Where a file of a table lies, as the object store names it.
    pub(crate) fn location(&self, table: &str, file: &str) -> Result<Path> {
        Ok(Path::from_url_path(
            table_url(&self.root, table)?
                .join(file)
                .map_err(|e| exec_datafusion_err!("{table}/{file}: no path of a data file: {e}"))?
                .path(),
        )?)
    }
}

impl Debug for Store {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("root", &self.root)
            .field("time_zone", &self.time_zone)
            .finish_non_exhaustive()
    }
}

fn same_zone(store: Store, asked: Option<Tz>) -> Result<Store> {
    match asked {
        Some(asked) if asked != store.time_zone => exec_err!(
            "store {} counts days in {}, which is fixed at its creation; found --tz {asked}",
            store.root.display(),
            store.time_zone
        ),
        _ => Ok(store),
    }
}

fn parse_zone(name: &str) -> Result<Tz> {
    name.parse().map_err(|_| {
        exec_datafusion_err!(
            "unknown time zone '{name}'; accepted are IANA names such as Asia/Shanghai, UTC, Europe/Berlin"
        )
    })
}

fn absolute(root: &FsPath) -> Result<PathBuf> {
    let root = root.canonicalize().map_err(|e| exec_datafusion_err!("store {}: {e}", root.display()))?;
    // The log's library decodes %xx once too often.
    if root.to_string_lossy().contains('%') {
        return exec_err!("store {}: the path of a store must not contain '%'", root.display());
    }
    Ok(root)
}
