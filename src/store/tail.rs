//! Merging what a follower writes: many small files of one day to few, while it goes on writing.
//!
//! A follower commits a small file every few seconds. Files of about the same size that follow each other in rank are
//! merged when eight of them stand there, so a row is rewritten once a tier, and a day has about eight files a tier:
//!
//! ```text
//! tier 0, up to 64k rows    ▪▪▪▪▪▪▪▪ ─┐
//! tier 1, up to 512k rows             └▶ ■■■■■■■■ ─┐
//! tier 2, up to 4M rows                            └▶ █ █ …     larger ones are left to the compaction by shards
//! ```
//!
//! Only neighbours are merged: between two files of a merge there is none with rows of the same days, so rows that are equal
//! in (user_id, ts, seq) keep their order. A few rows of other days make a file reach over days; the merge puts the rows of the
//! day that all have in common into one file and the others into a second.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Instant;

use datafusion::arrow::array::{Array, BooleanArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::common::cast::{as_date32_array, as_string_view_array};
use datafusion::common::{Result, exec_datafusion_err};
use futures::TryStreamExt;

use super::compact::{Compacted, TRANSACTION};
use super::data_file::{DataFile, Rank, Stamp};
use super::encode::{EventWriter, first_row_from};
use super::landing::{blocking, fresh_name, put};
use super::log::{Change, Committed};
use super::merge::merge;
use super::reader::{UserRange, read_in_turn};
use super::splits::Splits;
use super::{Snapshot, Store};
use crate::error::footfall_internal_err;

/// Files of a tier that are merged into one.
const FAN_IN: usize = 8;
/// Fewer than this are not worth rewriting, where no more fit into memory.
const FEWEST: usize = 4;
/// Rows of a file of each tier at most; larger files are not merged here.
const TIERS: [u64; 3] = [64 << 10, 512 << 10, 4 << 20];

/// Files of rejected rows that are worth a merge.
const REJECTED_FILES: usize = 64;

impl Store {
    /// Merges small files of one day, if enough of them stand there; `None` if not, or if another compaction was faster.
    /// The merged file is made in memory: its inputs have `memory` bytes at most.
    pub async fn compact_tail(&self, memory: usize) -> Result<Option<Compacted>> {
        let start = Instant::now();
        self.merge_rejected(REJECTED_FILES).await?;
        let snapshot = self.snapshot().await?;
        let Some(run) = due(&snapshot, memory as u64) else { return Ok(None) };
        let new = self.merge_run(&run, &snapshot).await?;
        let (rows_old, rows_new): (u64, u64) =
            (run.files.iter().map(|file| file.rows).sum(), new.iter().map(|file| file.rows).sum());
        if rows_old != rows_new {
            return footfall_internal_err!("a merge read {rows_old} rows and wrote {rows_new}");
        }
        self.look_for("events", &new).await?;
        let next = |known: Option<i64>| Some(known.unwrap_or(0) + 1);
        let committed = self.events().commit_once(TRANSACTION, next, |state| {
            // Another compaction may have replaced some of our inputs: then ours is void.
            let present: HashSet<&str> = state.files.iter().map(|file| file.path.as_str()).collect();
            if !run.files.iter().all(|file| present.contains(file.path.as_str())) {
                return Ok(None);
            }
            Ok(Some(Change { add: new.clone(), remove: run.files.clone(), ..Change::default() }))
        });
        Ok(match committed.await? {
            Committed::At(version) => Some(Compacted {
                files_before: snapshot.files.len(),
                files_after: snapshot.files.len() - run.files.len() + new.len(),
                rows: rows_new,
                bytes: new.iter().map(|file| file.size).sum(),
                seconds: start.elapsed().as_secs_f64(),
                version,
            }),
            Committed::AlreadyThere | Committed::Overtaken => None,
        })
    }

    /// Writes the rows of a run anew.
    async fn merge_run(&self, run: &Run, snapshot: &Snapshot) -> Result<Vec<DataFile>> {
        let schema = self.sound_columns(&run.files, &snapshot.catalogue).await?;
        let inputs = run
            .files
            .iter()
            .map(|file| Ok(read_in_turn(vec![self.read(file, &schema, UserRange::default())?])))
            .collect::<Result<Vec<_>>>()?;
        let rank = run.files.iter().map(|file| file.rank).min().unwrap_or_default();
        let (splits, declared) = (snapshot.splits.version, snapshot.catalogue.declared());
        let stamp = Stamp { splits, rank, declared };
        let mut common = Output::new(&snapshot.splits, stamp);
        let mut others = Output::new(&snapshot.splits, stamp);
        let mut batches = std::pin::pin!(merge(inputs, schema, 8192));
        while let Some(batch) = batches.try_next().await? {
            let (of_day, other) = by_day(&batch, run.day)?;
            common.write(&of_day)?;
            others.write(&other)?;
        }
        let mut files = Vec::with_capacity(2);
        for output in [common, others] {
            if !output.written {
                continue;
            }
            let (bytes, file) = blocking(move || output.writer.finish()).await?;
            put(self.objects(), &self.location("events", &file.path)?, bytes).await?;
            files.push(file);
        }
        Ok(files)
    }
}

/// Files to be merged, by rank.
struct Run {
    files: Vec<Arc<DataFile>>,
    /// A day of which each of them has rows.
    day: i32,
}

fn due(snapshot: &Snapshot, memory: u64) -> Option<Run> {
    let mut by_rank: Vec<&Arc<DataFile>> =
        snapshot.files.iter().filter(|file| file.range.is_some()).collect();
    by_rank.sort_by(|one, other| (one.rank, &one.path).cmp(&(other.rank, &other.path)));
    // Several files of a day and rank are the shards of one compaction, which a merge would undo.
    let mut of_rank: BTreeMap<(Rank, i32), usize> = BTreeMap::new();
    for file in &by_rank {
        days_of(file).for_each(|day| *of_rank.entry((file.rank, day)).or_default() += 1);
    }
    let is_small = |file: &DataFile| {
        tier(file).is_some() && days_of(file).all(|day| of_rank.get(&(file.rank, day)) == Some(&1))
    };
    let days: BTreeSet<i32> =
        by_rank.iter().filter(|file| is_small(file)).flat_map(|file| days_of(file)).collect();
    (0..TIERS.len()).find_map(|wanted| {
        days.iter().rev().find_map(|&day| {
            let is_member = |file: &DataFile| {
                is_small(file)
                    && tier(file).is_some_and(|tier| tier <= wanted)
                    && days_of(file).any(|of| of == day)
            };
            runs(&by_rank, is_member).into_iter().find_map(|mut files| {
                if files.iter().filter(|file| tier(file) == Some(wanted)).count() < FAN_IN {
                    return None;
                }
                let mut bytes = 0;
                files.retain(|file| {
                    bytes += file.size;
                    bytes <= memory
                });
                (files.len() >= FEWEST).then_some(Run { files, day })
            })
        })
    })
}

/// The members as runs between which there is a file that shares a day with them.
fn runs(by_rank: &[&Arc<DataFile>], is_member: impl Fn(&DataFile) -> bool) -> Vec<Vec<Arc<DataFile>>> {
    let touched: BTreeSet<i32> =
        by_rank.iter().filter(|file| is_member(file)).flat_map(|file| days_of(file)).collect();
    let mut runs: Vec<Vec<Arc<DataFile>>> = vec![vec![]];
    for file in by_rank {
        if is_member(file) {
            if let Some(run) = runs.last_mut() {
                run.push(Arc::clone(file));
            }
        } else if days_of(file).any(|day| touched.contains(&day)) {
            runs.push(vec![]);
        }
    }
    runs
}

fn tier(file: &DataFile) -> Option<usize> {
    TIERS.iter().position(|most| file.rows <= *most)
}

/// The days of which the file has rows; all between the first and the last where it does not say.
fn days_of(file: &DataFile) -> impl Iterator<Item = i32> {
    let between = match (&file.range, file.days.is_empty()) {
        (Some(range), true) => range.dt.0..range.dt.1.saturating_add(1),
        _ => 0..0,
    };
    file.days.iter().map(|(day, _)| *day).chain(between)
}

/// The rows of the day, and all others.
fn by_day(batch: &RecordBatch, day: i32) -> Result<(RecordBatch, RecordBatch)> {
    let dt = batch.column_by_name("dt").ok_or_else(|| exec_datafusion_err!("events without a column dt"))?;
    let dt = as_date32_array(dt)?.values();
    if dt.iter().all(|dt| *dt == day) {
        return Ok((batch.clone(), batch.slice(0, 0)));
    }
    let of_day: BooleanArray = dt.iter().map(|dt| Some(*dt == day)).collect();
    let late: BooleanArray = dt.iter().map(|dt| Some(*dt != day)).collect();
    Ok((filter_record_batch(batch, &of_day)?, filter_record_batch(batch, &late)?))
}

/// A file whose row groups are cut at the split points.
struct Output {
    writer: EventWriter,
    /// The points that are yet to come.
    points: std::vec::IntoIter<String>,
    next: Option<String>,
    written: bool,
}

impl Output {
    fn new(splits: &Splits, stamp: Stamp) -> Self {
        let mut points = splits.points.clone().into_iter();
        let next = points.next();
        Self { writer: EventWriter::new(fresh_name("events"), stamp), points, next, written: false }
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.written = true;
        let users = batch.column_by_name("user_id");
        let users = users.ok_or_else(|| exec_datafusion_err!("events without a column user_id"))?;
        let users = as_string_view_array(users)?;
        let mut start = 0;
        while let Some(point) = &self.next {
            let at = first_row_from(users, point);
            if at == users.len() {
                break;
            }
            self.writer.write(&batch.slice(start, at - start))?;
            self.writer.cut()?;
            start = at;
            self.next = self.points.next();
        }
        self.writer.write(&batch.slice(start, users.len() - start))
    }
}
