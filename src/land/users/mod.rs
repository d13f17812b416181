//! Who are the users? A users file to checked rows, which the store merges into the profiles.
//!
//! A row is a user; per column the newest value that is not NULL counts. One file is one commit and lands once. It is held
//! in memory whole, as it is merged by user; a file of users is small beside the log of what they did.

mod mapping;
mod shape;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, new_empty_array, new_null_array};
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::{DataFusionError, Result, exec_datafusion_err, exec_err, plan_err};

pub use mapping::UserMapping;

use super::input::{self, Format};
use super::pass::naming;
use super::quarantine::{Quarantine, Reject};
use super::sources::shown;
use super::{LandOptions, Mapping};
use crate::store::users::{GIVEN_FIRST_SEEN, profile_schema};
use crate::store::{Committed, Store};
use mapping::check_name;
use shape::Shaper;

/// Columns that a file may have besides those that every profile has.
const MAX_MORE_COLUMNS: usize = 256;

/// How users files are landed.
#[derive(Clone, Debug)]
pub struct UserOptions {
    pub map: UserMapping,
    /// Told by the file's name where `None`.
    pub format: Option<Format>,
    /// Bytes that landing may hold; half of it for the rows of a file.
    pub memory_limit: usize,
    /// Rows that are read at once.
    pub batch_rows: usize,
    /// The time of the landing.
    pub now: DateTime<Utc>,
    /// Times before this are rejected.
    pub earliest: DateTime<Utc>,
    /// Times later than this after the landing are rejected.
    pub future: TimeDelta,
}

impl UserOptions {
    pub fn new(map: UserMapping) -> Self {
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

    fn for_readers(&self, mapping: Mapping) -> LandOptions {
        let mut options = LandOptions::new(mapping);
        options.format = self.format;
        options.batch_rows = self.batch_rows.max(1);
        options.now = self.now;
        options.earliest = self.earliest;
        options.future = self.future;
        options
    }
}

/// What became of one users file: `rows = left_out + landed + quarantined`.
#[derive(Clone, Debug)]
pub struct LandedUsers {
    pub source: PathBuf,
    pub rows: u64,
    /// Rows that the mapping's `where` leaves out.
    pub left_out: u64,
    pub landed: u64,
    pub quarantined: u64,
    /// Users who have a profile then.
    pub users: u64,
    pub seconds: f64,
    /// The same file has landed before: nothing was done, and nothing counted.
    pub already: bool,
    /// Version of the users table in which the rows appear.
    pub version: Option<u64>,
}

/// Whether the files can be read with this mapping, as far as their heads tell. An error names the first that cannot.
pub async fn inspect_users(sources: &[PathBuf], options: &UserOptions) -> Result<()> {
    for source in sources {
        let (path, options) = (source.clone(), options.clone());
        apart(source, move || {
            input::file_at(&path)?;
            let options = options.for_readers(options.map.for_source(&path)?);
            Shaper::plan(&input::open(&path, &options)?.schema(), &options).map(drop)
        })
        .await?;
    }
    Ok(())
}

/// Lands users files in their order, each in a commit of its own, and tells of each. An error leaves those before it landed.
pub async fn land_users(
    store: &Store,
    sources: &[PathBuf],
    options: &UserOptions,
    told: &(dyn Fn(&LandedUsers) + Send + Sync),
) -> Result<Vec<LandedUsers>> {
    let mut all = Vec::with_capacity(sources.len());
    for source in sources {
        let landed = land_file(store, source, options).await.map_err(|e| naming(source, e))?;
        told(&landed);
        all.push(landed);
    }
    Ok(all)
}

async fn land_file(store: &Store, source: &Path, options: &UserOptions) -> Result<LandedUsers> {
    let started = Instant::now();
    let before = input::file_at(source)?;
    let input = {
        let (path, map) = (source.to_owned(), options.map.name.clone());
        apart(source, move || input::identity(&path, &map, "users")).await?
    };
    let mut done = LandedUsers {
        source: source.to_owned(),
        rows: 0,
        left_out: 0,
        landed: 0,
        quarantined: 0,
        users: 0,
        seconds: 0.0,
        already: true,
        version: None,
    };
    if !store.has_users(&input).await? {
        let read = {
            let (path, options) = (source.to_owned(), options.clone());
            apart(source, move || read(&path, &options)).await?
        };
        input::check_unchanged(source, &before)?;
        let upserted = store.upsert_users(&input, &read.users, &read.rejected).await?;
        done.users = upserted.users;
        if let Committed::At(version) = upserted.committed {
            done.already = false;
            done.version = Some(version);
            done.rows = read.rows;
            done.left_out = read.left_out;
            done.landed = read.users.num_rows() as u64;
            done.quarantined = read.quarantined;
        }
    }
    done.seconds = started.elapsed().as_secs_f64();
    Ok(done)
}

/// The rows of a users file.
struct Rows {
    users: RecordBatch,
    /// For the quarantine.
    rejected: Vec<RecordBatch>,
    quarantined: u64,
    rows: u64,
    left_out: u64,
}

fn read(source: &Path, options: &UserOptions) -> Result<Rows> {
    let limit = options.memory_limit / 2;
    let options = options.for_readers(options.map.for_source(source)?);
    let mut reader = input::open(source, &options)?;
    let shaper = Shaper::plan(&reader.schema(), &options)?;
    let mut quarantine = Quarantine::new(source, options.now);
    let (mut batches, mut rejected) = (vec![], vec![]);
    let (mut rows, mut left_out, mut quarantined, mut bytes) = (0, 0, 0, 0);
    while let Some(raw) = reader.next()? {
        let shaped = shaper.shape(&raw)?;
        rows += shaped.rows;
        left_out += shaped.left_out;
        let mut rejects: Vec<Reject> = raw.rejects;
        rejects.extend(shaped.rejects);
        rejects.sort_by_key(|reject| reject.row);
        quarantined += rejects.len() as u64;
        for reject in rejects {
            quarantine.push(reject);
            if quarantine.is_full() {
                rejected.push(quarantine.take()?);
            }
        }
        bytes += shaped.users.get_array_memory_size();
        if bytes > limit {
            return Err(DataFusionError::ResourcesExhausted(format!(
                "its rows take more than {} MiB; raise --memory-limit or split the file",
                limit >> 20
            )));
        }
        batches.push(shaped.users);
    }
    rejected.push(quarantine.take()?);
    Ok(Rows { users: together(&batches)?, rejected, quarantined, rows, left_out })
}

/// One batch with the columns of all, under the names of a profile.
fn together(batches: &[RecordBatch]) -> Result<RecordBatch> {
    let mut names: Vec<&str> = vec![];
    let mut types: HashMap<&str, &DataType> = HashMap::new();
    for batch in batches {
        for field in batch.schema_ref().fields() {
            if types.insert(field.name(), field.data_type()).is_none() {
                names.push(field.name());
            }
        }
        check_names(batch.schema_ref())?;
    }
    let known = profile_schema();
    let more = names.iter().filter(|name| known.index_of(name).is_err() && **name != "first_seen").count();
    if more > MAX_MORE_COLUMNS {
        return exec_err!(
            "it has {more} columns besides those of every user, accepted are {MAX_MORE_COLUMNS}; leave some out by a mapping"
        );
    }
    let (mut fields, mut columns) = (vec![], vec![]);
    for name in names {
        let data_type = types[name];
        let parts: Vec<ArrayRef> = batches
            .iter()
            .map(|batch| match batch.column_by_name(name) {
                Some(column) => Arc::clone(column),
                None => new_null_array(data_type, batch.num_rows()),
            })
            .collect();
        let parts: Vec<_> = parts.iter().map(|part| part.as_ref() as &dyn Array).collect();
        let name = if name == "first_seen" { GIVEN_FIRST_SEEN } else { name };
        fields.push(Field::new(name, data_type.clone(), name != "user_id"));
        columns.push(concat(&parts)?);
    }
    if columns.is_empty() {
        // A file without a row that landed says nothing about columns.
        let users = known.field_with_name("user_id")?;
        columns.push(new_empty_array(users.data_type()));
        fields.push(users.clone());
    }
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

fn check_names(schema: &Schema) -> Result<()> {
    for (index, field) in schema.fields().iter().enumerate() {
        check_name(field.name()).map_err(|e| exec_datafusion_err!("column {e}"))?;
        if schema.fields()[..index].iter().any(|before| before.name() == field.name()) {
            return plan_err!("two columns become '{}'; leave one out (ignore in a mapping)", field.name());
        }
    }
    Ok(())
}

/// Runs `work` on a thread of its own: what is broken in a file is then an error here, were it a panic.
async fn apart<T: Send + 'static>(
    source: &Path,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|e| naming(source, e)),
        Err(e) if e.is_panic() => {
            exec_err!("{}: the file is broken in a way that its reader fails on", shown(source))
        }
        Err(_) => exec_err!("{}: the reader was stopped", shown(source)),
    }
}
