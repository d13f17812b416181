//! Split points: where the user space is cut into shards.
//!
//! ```text
//! shard 0: user < p0      shard 1: p0 <= user < p1      …      shard n: p(n-1) <= user
//! ```
//!
//! They are sampled from events, so that shards hold about equally many rows, and kept in the table's configuration
//! with a version. Landing cuts row groups at them, compaction files. The scan never trusts them: it reads any user
//! range from any sorted file.

use datafusion::arrow::array::{Array, StringViewArray};
use datafusion::common::{Result, exec_datafusion_err};
use serde::{Deserialize, Serialize};

/// Key of the table's configuration that holds the points as JSON.
pub(crate) const SPLITS_KEY: &str = "footfall.splits";

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Splits {
    /// 0 as long as there are none; then counts up with every re-split.
    pub version: u64,
    /// Strictly ascending user ids, each the first of a shard.
    pub points: Vec<String>,
}

impl Splits {
    pub(crate) fn from_configuration(text: Option<&String>) -> Result<Self> {
        text.map(|text| {
            serde_json::from_str(text)
                .map_err(|e| exec_datafusion_err!("table events: configuration {SPLITS_KEY} is broken: {e}"))
        })
        .unwrap_or(Ok(Self::default()))
    }

    pub(crate) fn to_configuration(&self) -> (String, String) {
        (SPLITS_KEY.to_string(), serde_json::to_string(self).expect("texts and a number are JSON"))
    }

    /// Number of shards.
    pub(crate) fn shards(&self) -> usize {
        self.points.len() + 1
    }

    /// Points that cut `users` (ascending, one a row) into `shards` about equally long runs.
    pub(crate) fn sample(users: &StringViewArray, shards: usize, version: u64) -> Self {
        let rows = users.len();
        let mut points: Vec<String> = (1..shards)
            .map(|k| users.value(k * rows / shards).to_string())
            .filter(|point| rows > 0 && point.as_str() > users.value(0))
            .collect();
        points.dedup();
        Self { version, points }
    }
}

/// How many shards suit a table of `rows` rows: a shard of a finished week should be some hundred thousand rows.
pub(crate) fn shards_for(rows: u64) -> usize {
    match rows {
        0..1_600_000 => (rows / 100_000).max(1) as usize,
        _ => (rows / 2_000_000).clamp(16, 64) as usize,
    }
}
