//! Compaction: many small files to one file a shard and period, without changing a row.
//!
//! A period is a day; a finished week (Monday to Sunday) once a later day exists; a month for weeks that end more
//! than 90 days before the newest day. A cell (shard, period) that is one file already and that no other file touches
//! stays as it is. Everything else is merged in the order of the store, so that each shard is written once, and its
//! rows go to the file of their period:
//!
//! ```text
//!            merge by users            cut at split points          by period
//! files ─▶  (u1 … u1 u2 … u2 …)  ─▶  shard 0 │ shard 1 │ …  ─▶  week 1, week 2, Mon, Tue
//! ```

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use chrono::Datelike;
use datafusion::arrow::array::{Array, BooleanArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::temporal_conversions::date32_to_datetime;
use datafusion::common::cast::{as_date32_array, as_string_view_array};
use datafusion::common::{DataFusionError, Result, exec_datafusion_err, exec_err, plan_err};
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectStoreExt;
use xxhash_rust::xxh3::xxh3_64;

use super::catalogue::{Catalogue, PREFIX};
use super::chains::chains;
use super::data_file::{DataFile, FileRange, Stamp};
use super::encode::EventWriter;
use super::landing::{blocking, fresh_name, put};
use super::log::{Change, Committed};
use super::merge::merge;
use super::reader::{UserRange, columns_of, read_in_turn};
use super::schema::event_schema;
use super::splits::{Splits, shards_for};
use super::{Snapshot, Store};

/// The application transaction of every compaction: two of them can never both win.
pub(super) const TRANSACTION: &str = "footfall.compact";

/// How often a compaction begins again because another one has replaced its files.
const ATTEMPTS: usize = 5;

/// How to compact.
#[derive(Debug, Clone)]
pub struct CompactOptions {
    /// Finished weeks become one file a shard.
    pub weeks: bool,
    /// Weeks that end more than so many days before the newest day become months; `None` for never.
    pub months_after_days: Option<u32>,
    /// Cut the user space here instead of at sampled points; strictly ascending.
    pub split_points: Option<Vec<String>>,
    /// Shards written at the same time.
    pub threads: usize,
}

impl Default for CompactOptions {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        Self { weeks: true, months_after_days: Some(90), split_points: None, threads }
    }
}

/// What a compaction did.
#[derive(Debug, Clone, PartialEq)]
pub struct Compacted {
    /// Files of the table before.
    pub files_before: usize,
    /// Files of the table after.
    pub files_after: usize,
    /// Rows rewritten.
    pub rows: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Time it took.
    pub seconds: f64,
    /// Version of the table after.
    pub version: u64,
}

impl Store {
    /// Compacts the events table while others land and read.
    pub async fn compact(&self, options: &CompactOptions) -> Result<Compacted> {
        let start = Instant::now();
        self.merge_rejected(2).await?;
        for attempt in 0..ATTEMPTS {
            // The day that is being landed on changes under a follower's hands: it stays out once it was in the way.
            if let Some(compacted) = self.try_compact(options, start, attempt > 0).await? {
                return Ok(compacted);
            }
        }
        exec_err!(
            "compaction: others compact the same files all the time; nothing was changed after {ATTEMPTS} attempts"
        )
    }

    /// `None` if another compaction has replaced some of the files meanwhile.
    async fn try_compact(
        &self,
        options: &CompactOptions,
        start: Instant,
        finished_days: bool,
    ) -> Result<Option<Compacted>> {
        let snapshot = self.snapshot().await?;
        let before = snapshot.files.len();
        let splits = match &options.split_points {
            Some(points) => given_splits(&snapshot, points)?,
            None => self.wanted_splits(&snapshot).await?,
        };
        let resplit = splits.version != snapshot.splits.version;
        let periods = Periods::new(&snapshot, options);
        let mut old = if resplit { snapshot.files.clone() } else { unsettled(&snapshot, &splits, &periods) };
        if finished_days {
            let (growing, mut finished): (Vec<_>, Vec<_>) = old
                .into_iter()
                .partition(|file| file.range.as_ref().is_some_and(|range| range.dt.1 >= periods.newest));
            // What follows a file that stays out must not come before its equal rows.
            finished.retain(|file| {
                !growing.iter().any(|other| other.rank < file.rank && share_a_day(other, file))
            });
            old = finished;
        }
        if old.is_empty() {
            return Ok(Some(Compacted {
                files_before: before,
                files_after: before,
                rows: 0,
                bytes: 0,
                seconds: start.elapsed().as_secs_f64(),
                version: snapshot.version,
            }));
        }
        let new = self.rewrite(&old, &splits, &periods, &snapshot.catalogue, options.threads).await?;
        let (rows_old, rows_new): (u64, u64) =
            (old.iter().map(|file| file.rows).sum(), new.iter().map(|file| file.rows).sum());
        if rows_old != rows_new {
            return crate::error::footfall_internal_err!(
                "compaction read {rows_old} rows and wrote {rows_new}"
            );
        }
        self.look_for("events", &new).await?;
        let committed = self
            .events()
            .commit_once(
                TRANSACTION,
                |known| Some(known.unwrap_or(0) + 1),
                |state| {
                    let present: HashSet<&str> = state.files.iter().map(|file| file.path.as_str()).collect();
                    if !old.iter().all(|file| present.contains(file.path.as_str())) {
                        return Ok(None);
                    }
                    Ok(Some(Change {
                        add: new.clone(),
                        remove: old.clone(),
                        configure: if resplit { vec![splits.to_configuration()] } else { Vec::new() },
                        ..Change::default()
                    }))
                },
            )
            .await?;
        let Committed::At(version) = committed else {
            // No commit names what was written in vain, and none will.
            for file in &new {
                self.objects().delete(&self.location("events", &file.path)?).await?;
            }
            return Ok(None);
        };
        Ok(Some(Compacted {
            files_before: before,
            files_after: before - old.len() + new.len(),
            rows: rows_new,
            bytes: new.iter().map(|file| file.size).sum(),
            seconds: start.elapsed().as_secs_f64(),
            version,
        }))
    }

    /// The present split points, or new ones where the largest shard passes four times the median, or where the table
    /// has outgrown its number of shards.
    async fn wanted_splits(&self, snapshot: &Snapshot) -> Result<Splits> {
        let rows: u64 = snapshot.files.iter().map(|file| file.rows).sum();
        let wanted = shards_for(rows);
        let mut sizes = snapshot.rows_of_shards();
        sizes.sort_unstable_by(f64::total_cmp);
        let (median, largest) = (sizes[sizes.len() / 2], sizes[sizes.len() - 1]);
        let uneven = wanted > 1 && sizes.len() > 1 && largest > 4.0 * median.max(1.0);
        if snapshot.splits.version > 0 && !uneven && wanted < 2 * snapshot.splits.shards() {
            return Ok(snapshot.splits.clone());
        }
        let sampled = self.sample(snapshot, wanted).await?;
        // One user who outweighs a shard cannot be cut: the same points again are no news.
        if sampled.points == snapshot.splits.points { Ok(snapshot.splits.clone()) } else { Ok(sampled) }
    }

    /// Points from the users of every file.
    async fn sample(&self, snapshot: &Snapshot, shards: usize) -> Result<Splits> {
        let all = event_schema();
        let schema: SchemaRef = Arc::new(all.project(&[all.index_of("user_id")?])?);
        let rows: u64 = snapshot.files.iter().map(|file| file.rows).sum();
        let every = (rows / 100_000).max(1) as usize;
        let mut users: Vec<String> = Vec::new();
        let mut seen = 0;
        for file in &snapshot.files {
            let mut batches = self.read(file, &schema, UserRange::default())?.open().await?;
            while let Some(batch) = batches.try_next().await? {
                let column = as_string_view_array(batch.column(0))?;
                let start = (every - seen % every) % every;
                users.extend((start..column.len()).step_by(every).map(|row| column.value(row).to_string()));
                seen += column.len();
            }
        }
        users.sort_unstable();
        let users = datafusion::arrow::array::StringViewArray::from_iter_values(&users);
        Ok(Splits::sample(&users, shards, snapshot.splits.version + 1))
    }

    /// Writes the rows of `old` anew, shards in parallel.
    async fn rewrite(
        &self,
        old: &[Arc<DataFile>],
        splits: &Splits,
        periods: &Periods,
        catalogue: &Catalogue,
        threads: usize,
    ) -> Result<Vec<DataFile>> {
        let schema = self.sound_columns(old, catalogue).await?;
        let lowest = old.iter().map(|file| file.rank).min().unwrap_or_default();
        let stamp = Stamp { splits: splits.version, rank: lowest, declared: catalogue.declared() };
        let goal = Goal { stamp, periods: periods.clone() };
        let shards = (0..splits.shards()).map(|shard| UserRange {
            from: shard.checked_sub(1).map(|before| splits.points[before].clone()),
            to: splits.points.get(shard).cloned(),
        });
        let written: Vec<Vec<DataFile>> = futures::stream::iter(shards)
            .map(|users| {
                let (store, old, schema) = (self.clone(), old.to_vec(), Arc::clone(&schema));
                let goal = goal.clone();
                async move {
                    tokio::spawn(async move { store.rewrite_shard(&old, schema, users, &goal).await })
                        .await
                        .map_err(|e| DataFusionError::External(Box::new(e)))?
                }
            })
            .buffered(threads.max(1))
            .try_collect()
            .await?;
        Ok(written.into_iter().flatten().collect())
    }

    /// The columns of which some file has values, each file being what was written.
    pub(super) async fn sound_columns(
        &self,
        files: &[Arc<DataFile>],
        catalogue: &Catalogue,
    ) -> Result<SchemaRef> {
        let mut present: HashSet<String> = HashSet::new();
        for file in files {
            // What is rewritten gets a checksum of its own: rot must not be copied under a good one.
            self.check(file).await?;
            present
                .extend(columns_of(self.objects(), &self.location("events", &file.path)?, file.size).await?);
        }
        let all = catalogue.schema();
        // What was declared after a file was written is still in its properties.
        let is_present =
            |name: &str| present.contains(name) || (name.starts_with(PREFIX) && present.contains("props"));
        let columns: Vec<usize> =
            (0..all.fields().len()).filter(|&column| is_present(all.field(column).name())).collect();
        Ok(Arc::new(all.project(&columns)?))
    }

    /// An error if the file's bytes are not those that were written.
    async fn check(&self, file: &Arc<DataFile>) -> Result<()> {
        let location = self.location("events", &file.path)?;
        let bytes = self.objects().get(&location).await?.bytes().await?;
        let found = blocking(move || Ok(xxh3_64(&bytes))).await?;
        if found == file.checksum {
            return Ok(());
        }
        exec_err!(
            "{location}: the file is not what was written: checksum {found:016x}, the log says {:016x}; nothing was changed",
            file.checksum
        )
    }

    async fn rewrite_shard(
        &self,
        old: &[Arc<DataFile>],
        schema: SchemaRef,
        users: UserRange,
        goal: &Goal,
    ) -> Result<Vec<DataFile>> {
        let mut inputs = Vec::new();
        for chain in chains(old, &users) {
            let reads = chain
                .into_iter()
                .map(|file| self.read(file, &schema, users.clone()))
                .collect::<Result<Vec<_>>>()?;
            inputs.push(read_in_turn(reads));
        }
        let mut batches = std::pin::pin!(merge(inputs, schema, 8192));
        let mut writers: BTreeMap<i32, EventWriter> = BTreeMap::new();
        while let Some(batch) = batches.try_next().await? {
            for (period, rows) in by_period(&batch, &goal.periods)? {
                writers
                    .entry(period)
                    .or_insert_with(|| EventWriter::new(fresh_name("events"), goal.stamp))
                    .write(&rows)?;
            }
        }
        let mut files = Vec::with_capacity(writers.len());
        for (_, writer) in writers {
            let (bytes, file) = blocking(move || writer.finish()).await?;
            put(self.objects(), &self.location("events", &file.path)?, bytes).await?;
            files.push(file);
        }
        Ok(files)
    }
}

/// What the rewritten files are to be.
#[derive(Clone)]
struct Goal {
    stamp: Stamp,
    periods: Periods,
}

fn share_a_day(a: &DataFile, b: &DataFile) -> bool {
    match (&a.range, &b.range) {
        (Some(a), Some(b)) => a.dt.0 <= b.dt.1 && b.dt.0 <= a.dt.1,
        _ => false,
    }
}

fn given_splits(snapshot: &Snapshot, points: &[String]) -> Result<Splits> {
    if let Some(pair) = points.windows(2).find(|pair| pair[0] >= pair[1]) {
        return plan_err!(
            "split points must be strictly ascending, found '{}' before '{}'",
            pair[0],
            pair[1]
        );
    }
    if points == snapshot.splits.points {
        return Ok(snapshot.splits.clone());
    }
    Ok(Splits { version: snapshot.splits.version + 1, points: points.to_vec() })
}

/// The files that are not yet the only one of their cell, and those from before a declaration: only Footfall finds the
/// declared properties in them.
fn unsettled(snapshot: &Snapshot, splits: &Splits, periods: &Periods) -> Vec<Arc<DataFile>> {
    let cells = |range: &FileRange| {
        let shard = |user: &str| splits.points.partition_point(|point| point.as_str() <= user);
        let (first, last) = (shard(&range.users.0), shard(&range.users.1));
        (first, last, periods.of(range.dt.0), periods.of(range.dt.1))
    };
    let declared = snapshot.catalogue.declared();
    let mut users_of_cell: HashMap<(usize, i32), Vec<usize>> = HashMap::new();
    let mut settled = vec![true; snapshot.files.len()];
    let mut spread: Vec<(usize, usize, i32, i32)> = Vec::new();
    for (index, file) in snapshot.files.iter().enumerate() {
        let Some(range) = &file.range else { continue };
        let (first, last, start, end) = cells(range);
        settled[index] = file.declared == declared;
        if first == last && start == end {
            users_of_cell.entry((first, start)).or_default().push(index);
        } else {
            settled[index] = false;
            spread.push((first, last, start, end));
        }
    }
    for (&(shard, period), files) in &users_of_cell {
        let touched = spread.iter().any(|&(first, last, start, end)| {
            (first..=last).contains(&shard) && (start..=end).contains(&period)
        });
        if files.len() > 1 || touched {
            files.iter().for_each(|&index| settled[index] = false);
        }
    }
    snapshot
        .files
        .iter()
        .zip(settled)
        .filter(|(_, settled)| !settled)
        .map(|(file, _)| Arc::clone(file))
        .collect()
}

/// Which period a day belongs to, named by the period's first day.
#[derive(Debug, Clone)]
struct Periods {
    newest: i32,
    weeks: bool,
    months_after_days: Option<u32>,
}

impl Periods {
    fn new(snapshot: &Snapshot, options: &CompactOptions) -> Self {
        let newest =
            snapshot.files.iter().filter_map(|file| file.range.as_ref()).map(|range| range.dt.1).max();
        Self {
            newest: newest.unwrap_or(0),
            weeks: options.weeks,
            months_after_days: options.months_after_days,
        }
    }

    fn of(&self, dt: i32) -> i32 {
        let Some(day) = date32_to_datetime(dt).map(|day| day.date()) else { return dt };
        let into_week = day.weekday().num_days_from_monday() as i32;
        let sunday = dt - into_week + 6;
        let old = self.months_after_days.is_some_and(|days| sunday < self.newest - days as i32);
        // Whole weeks are old or not, so a week's days never name both a month and a Monday as their period.
        match () {
            () if old => dt - (day.day() as i32 - 1),
            () if self.weeks && sunday < self.newest => dt - into_week,
            () => dt,
        }
    }
}

/// The rows of each period, in their order.
fn by_period(batch: &RecordBatch, periods: &Periods) -> Result<Vec<(i32, RecordBatch)>> {
    let dt = batch.column_by_name("dt").ok_or_else(|| exec_datafusion_err!("events without a column dt"))?;
    let dt = as_date32_array(dt)?;
    let mut known: HashMap<i32, i32> = HashMap::new();
    let of_row: Vec<i32> =
        dt.values().iter().map(|&day| *known.entry(day).or_insert_with(|| periods.of(day))).collect();
    let mut distinct: Vec<i32> = known.into_values().collect();
    distinct.sort_unstable();
    distinct.dedup();
    if let [only] = distinct.as_slice() {
        return Ok(vec![(*only, batch.clone())]);
    }
    distinct
        .into_iter()
        .map(|period| {
            let mask: BooleanArray = of_row.iter().map(|of_row| Some(*of_row == period)).collect();
            Ok((period, filter_record_batch(batch, &mask)?))
        })
        .collect()
}
