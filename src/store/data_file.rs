//! One data file of a table, as its add action describes it.
//!
//! The statistics that other engines read (row count, lowest and highest `user_id`, `ts`, `dt`) are the ones that our
//! scan prunes by. The checksum and the version of the split points stand in the action's tags.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::temporal_conversions::{date32_to_datetime, timestamp_us_to_datetime};
use datafusion::common::{Result, exec_datafusion_err};
use deltalake_core::kernel::{Add, Remove};
use serde::{Deserialize, Serialize};

use super::chains::Ranged;
use super::log::now_millis;

const CHECKSUM: &str = "footfall.xxh3";
const SPLITS: &str = "footfall.splits";
const RANGE: &str = "footfall.range";
const RANK: &str = "footfall.rank";
const DAYS: &str = "footfall.days";
const DECLARED: &str = "footfall.declared";
const INPUT: &str = "footfall.input";

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFile {
    /// Path from the table's folder.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Rows.
    pub rows: u64,
    /// Lowest and highest values; `None` in tables without events (quarantine).
    pub range: Option<FileRange>,
    /// xxh3-64 of the file's bytes.
    pub checksum: u64,
    /// Version of the split points by which its row groups are cut.
    pub splits: u64,
    /// Where its rows stand among equal ones of other files.
    pub rank: Rank,
    /// Rows of each local day (days since 1970-01-01), ascending; empty in tables without events.
    pub days: Vec<(i32, u64)>,
    /// Which declared columns its rows were written with: [`Catalogue::declared`](super::Catalogue) at the time.
    pub declared: u64,
    /// The input whose rejected rows these are, in the quarantine.
    pub input: Option<String>,
}

/// What a file is written as, beside its rows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stamp {
    /// Version of the split points.
    pub(crate) splits: u64,
    pub(crate) rank: Rank,
    /// See [`DataFile::declared`].
    pub(crate) declared: u64,
}

/// Which of two rows comes first that are equal in (user_id, ts, seq): the one that landed first. A compaction keeps that
/// order, so what it writes has the lowest rank of what it read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Rank {
    /// Version of the table in which the rows appeared; set by the commit.
    pub since: u64,
    /// Which run of that landing they are of.
    pub part: u32,
}

/// Lowest and highest values in a file, both inclusive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRange {
    /// `user_id`.
    pub users: (String, String),
    /// `ts` in microseconds.
    pub ts: (i64, i64),
    /// `dt` in days since 1970-01-01.
    pub dt: (i32, i32),
}

impl Ranged for Arc<DataFile> {
    fn range(&self) -> Option<&FileRange> {
        self.range.as_ref()
    }

    fn path(&self) -> &str {
        &self.path
    }
}

impl DataFile {
    pub(crate) fn from_add(add: Add) -> Result<Self> {
        let foreign = || {
            exec_datafusion_err!(
                "{}: the store's log lists a file that Footfall did not write (no footfall tags); land its rows instead",
                add.path
            )
        };
        let tags = add.tags.as_ref().ok_or_else(foreign)?;
        let tag = |key: &str| tags.get(key).and_then(|value| value.as_deref());
        let stats: serde_json::Value =
            serde_json::from_str(add.stats.as_deref().unwrap_or("{}")).map_err(|_| foreign())?;
        Ok(Self {
            size: add.size as u64,
            rows: stats["numRecords"].as_u64().ok_or_else(foreign)?,
            range: tag(RANGE).map(serde_json::from_str).transpose().map_err(|_| foreign())?,
            checksum: tag(CHECKSUM)
                .and_then(|text| u64::from_str_radix(text, 16).ok())
                .ok_or_else(foreign)?,
            splits: tag(SPLITS).and_then(|text| text.parse().ok()).ok_or_else(foreign)?,
            rank: tag(RANK).map(serde_json::from_str).transpose().map_err(|_| foreign())?.unwrap_or_default(),
            days: tag(DAYS).map(serde_json::from_str).transpose().map_err(|_| foreign())?.unwrap_or_default(),
            declared: tag(DECLARED).and_then(|text| u64::from_str_radix(text, 16).ok()).unwrap_or_default(),
            input: tag(INPUT).map(str::to_string),
            path: add.path,
        })
    }

    pub(crate) fn to_add(&self, data_change: bool) -> Add {
        let mut tags = HashMap::from([
            (CHECKSUM.to_string(), Some(format!("{:016x}", self.checksum))),
            (SPLITS.to_string(), Some(self.splits.to_string())),
        ]);
        if let Some(range) = &self.range {
            tags.insert(RANGE.to_string(), serde_json::to_string(range).ok());
            tags.insert(RANK.to_string(), serde_json::to_string(&self.rank).ok());
            tags.insert(DAYS.to_string(), serde_json::to_string(&self.days).ok());
            tags.insert(DECLARED.to_string(), Some(format!("{:016x}", self.declared)));
        }
        if let Some(input) = &self.input {
            tags.insert(INPUT.to_string(), Some(input.clone()));
        }
        Add {
            path: self.path.clone(),
            partition_values: HashMap::new(),
            size: self.size as i64,
            modification_time: now_millis(),
            data_change,
            stats: Some(self.statistics()),
            tags: Some(tags),
            deletion_vector: None,
            base_row_id: None,
            default_row_commit_version: None,
            clustering_provider: None,
        }
    }

    pub(crate) fn to_remove(&self, data_change: bool) -> Remove {
        Remove {
            path: self.path.clone(),
            data_change,
            deletion_timestamp: Some(now_millis()),
            extended_file_metadata: Some(true),
            partition_values: Some(HashMap::new()),
            size: Some(self.size as i64),
            tags: None,
            deletion_vector: None,
            base_row_id: None,
            default_row_commit_version: None,
        }
    }

    /// Delta's statistics, of these three columns only: with all columns a checkpoint is eleven times larger.
    fn statistics(&self) -> String {
        let Some(range) = &self.range else {
            return serde_json::json!({ "numRecords": self.rows }).to_string();
        };
        // Milliseconds, as the protocol asks: rounded down at the lower end and up at the upper one.
        let time =
            |us: i64| timestamp_us_to_datetime(us).map(|t| t.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string());
        let day = |dt: i32| date32_to_datetime(dt).map(|t| t.format("%Y-%m-%d").to_string());
        let bound = |user: &str, ts: Option<String>, dt: i32| serde_json::json!({ "user_id": user, "ts": ts, "dt": day(dt) });
        serde_json::json!({
            "numRecords": self.rows,
            "minValues": bound(&range.users.0, time(range.ts.0.div_euclid(1000) * 1000), range.dt.0),
            "maxValues": bound(&range.users.1, time(range.ts.1.saturating_add(999).div_euclid(1000).saturating_mul(1000)), range.dt.1),
            "nullCount": { "user_id": 0, "ts": 0, "dt": 0 },
        })
        .to_string()
    }
}
