//! What has landed since a version of the store, and which days does that touch?
//!
//! The log says it: every commit's entry names the files that it added and whether rows appeared with them. A compaction
//! moves rows, so its files are no news. Late events stand in the day on which they happened, however late they landed:
//!
//! ```text
//! version  1          2               3              4
//!          Mon 900    Tue 800, Mon 3  (compaction)   Wed 850, Mon 1
//!                     └──────────── since version 1: Mon 4, Tue 800, Wed 850
//! ```

use std::collections::{BTreeMap, HashSet};
use std::fmt::{Display, Formatter};

use datafusion::arrow::temporal_conversions::date32_to_datetime;
use datafusion::common::{Result, exec_datafusion_err, exec_err};
use deltalake_core::kernel::Action;
use deltalake_core::logstore::{extract_version_from_filename, get_actions};
use futures::TryStreamExt;

use super::data_file::DataFile;
use super::log::{KEPT_DAYS, Log, failed};
use super::{Snapshot, Store};

/// Days of events that landed after a version; `Display` is the text of `footfall info --changed-since`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// Version of the events table now: what to ask with the next time.
    pub version: u64,
    /// Rows added to each local day, days since 1970-01-01.
    pub days: BTreeMap<i32, u64>,
}

impl Store {
    /// The days to which rows were added after `version` of the events table. An open may reach into the days beside them.
    pub async fn changed_since(&self, version: u64) -> Result<Changes> {
        let (now, added) = self.events.since(version).await?;
        let mut days = BTreeMap::new();
        for (_, file) in added {
            for (day, rows) in rows_of_days(&file)? {
                *days.entry(day).or_default() += rows;
            }
        }
        Ok(Changes { version: now, days })
    }
}

impl Snapshot {
    /// Events of each local day, days since 1970-01-01. Rows are only ever added, so where a day has as many as it had, they
    /// are the same.
    pub fn events_of_days(&self) -> Result<BTreeMap<i32, u64>> {
        let mut days = BTreeMap::new();
        for file in &self.files {
            for (day, rows) in rows_of_days(file)? {
                *days.entry(day).or_default() += rows;
            }
        }
        Ok(days)
    }
}

impl Store {
    /// A number that grows with every file of users that lands.
    pub async fn users_version(&self) -> Result<u64> {
        match self.users.exists().await? {
            true => Ok(self.users.read().await?.version + 1),
            false => Ok(0),
        }
    }
}

impl Log {
    /// The files with which rows appeared in commits after `version`, each with the version of its commit, in that order.
    /// Some may have been compacted away since.
    pub(crate) async fn added_since(&self, version: u64) -> Result<Vec<(u64, DataFile)>> {
        Ok(self.since(version).await?.1)
    }

    /// As [`Log::added_since`], with the newest version.
    async fn since(&self, version: u64) -> Result<(u64, Vec<(u64, DataFile)>)> {
        loop {
            let mut added = Vec::new();
            let mut next = version.saturating_add(1);
            while let Some(actions) = self.entry(next).await? {
                for action in actions {
                    if let Action::Add(add) = action
                        && add.data_change
                    {
                        added.push((next, DataFile::from_add(add)?));
                    }
                }
                next += 1;
            }
            if next > version.saturating_add(1) {
                return Ok((next - 1, added));
            }
            // There is no entry behind `version`: it is the newest, or it never was, or its successors were cleaned away.
            let newest = self.read().await?.version;
            if newest == version {
                return Ok((newest, added));
            }
            if newest < version {
                return exec_err!(
                    "table {}: version {version} does not exist; the newest is {newest}",
                    self.name
                );
            }
            if self.entry(version + 1).await?.is_none() {
                return exec_err!(
                    "table {}: what came after version {version} is not known any more: its log entries were cleaned away \
                     (they are kept for {KEPT_DAYS} days); the newest version is {newest}",
                    self.name
                );
            }
        }
    }

    /// Files that commits after `cutoff` (milliseconds since 1970) have removed: a version of then still refers to them.
    pub(super) async fn removed_since(&self, cutoff: i64) -> Result<HashSet<String>> {
        let objects = self.log_store.object_store(None);
        let mut entries = objects.list(Some(self.log_store.log_path()));
        let mut removed = HashSet::new();
        while let Some(entry) = entries.try_next().await? {
            // An entry is written after the time that its tombstones bear.
            let name = entry.location.filename().unwrap_or_default();
            if !name.ends_with(".json") || entry.last_modified.timestamp_millis() <= cutoff {
                continue;
            }
            let Some(version) = extract_version_from_filename(name) else { continue };
            for action in self.entry(version).await?.unwrap_or_default() {
                if let Action::Remove(remove) = action
                    && remove.deletion_timestamp.is_none_or(|at| at > cutoff)
                {
                    removed.insert(remove.path);
                }
            }
        }
        Ok(removed)
    }

    /// What the commit of `version` did; `None` if its entry is not there, not yet or not any more.
    async fn entry(&self, version: u64) -> Result<Option<Vec<Action>>> {
        let bytes = self.log_store.read_commit_entry(version).await;
        let Some(bytes) = bytes.map_err(|e| failed(self.name, "read", e))? else { return Ok(None) };
        let actions = get_actions(version, &bytes).map_err(|e| failed(self.name, "read", e))?;
        if actions.is_empty() {
            return exec_err!(
                "table {}: the log entry of version {version} is empty, so what it did is not known; footfall verify says more",
                self.name
            );
        }
        Ok(Some(actions))
    }
}

impl Display for Changes {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "version\t{}", self.version)?;
        for (day, rows) in &self.days {
            let day = date32_to_datetime(*day).map(|day| day.format("%Y-%m-%d").to_string());
            write!(f, "\n{}\t{rows}", day.unwrap_or_default())?;
        }
        Ok(())
    }
}

/// As the file's tags tell; a file from before they did can only be of one day.
fn rows_of_days(file: &DataFile) -> Result<Vec<(i32, u64)>> {
    match &file.range {
        _ if !file.days.is_empty() => Ok(file.days.clone()),
        Some(range) if range.dt.0 == range.dt.1 => Ok(vec![(range.dt.0, file.rows)]),
        _ => Err(exec_datafusion_err!(
            "{}: the log does not say how its {} rows are spread over days",
            file.path,
            file.rows
        )),
    }
}
