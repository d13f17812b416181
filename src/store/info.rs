//! What a store holds, from its log alone.

use std::fmt::{Display, Formatter};

use datafusion::arrow::temporal_conversions::date32_to_datetime;
use datafusion::common::Result;

use super::Store;

/// See the module; `Display` is the text of `footfall info`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Folder.
    pub root: String,
    /// Zone of the days.
    pub time_zone: String,
    /// Version of the events table.
    pub version: u64,
    /// Events.
    pub rows: u64,
    /// Data files of the events table.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// First and last local day, days since 1970-01-01; `None` without events.
    pub days: Option<(i32, i32)>,
    /// Shards of the user space.
    pub shards: usize,
    /// Version of the split points.
    pub splits: u64,
    /// Users with a profile.
    pub profiles: u64,
    /// Rejected rows.
    pub quarantined: u64,
}

impl Store {
    /// Reads the logs, no data file.
    pub async fn info(&self) -> Result<Info> {
        let snapshot = self.snapshot().await?;
        let ranges = || snapshot.files.iter().filter_map(|file| file.range.as_ref());
        let first = ranges().map(|range| range.dt.0).min();
        let last = ranges().map(|range| range.dt.1).max();
        let profiles = match self.users.exists().await? {
            true => self.users.read().await?.files.iter().map(|file| file.rows).sum(),
            false => 0,
        };
        Ok(Info {
            root: self.root().display().to_string(),
            time_zone: self.time_zone().to_string(),
            version: snapshot.version,
            rows: snapshot.files.iter().map(|file| file.rows).sum(),
            files: snapshot.files.len(),
            bytes: snapshot.files.iter().map(|file| file.size).sum(),
            days: first.zip(last),
            shards: snapshot.splits.shards(),
            splits: snapshot.splits.version,
            profiles,
            quarantined: self.quarantined().await?.iter().map(|file| file.rows).sum(),
        })
    }
}

impl Display for Info {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let day = |dt: i32| {
            date32_to_datetime(dt).map(|day| day.format("%Y-%m-%d").to_string()).unwrap_or_default()
        };
        let days = self.days.map_or_else(|| "none".to_string(), |(a, b)| format!("{} to {}", day(a), day(b)));
        writeln!(f, "store        {}", self.root)?;
        writeln!(f, "time zone    {}", self.time_zone)?;
        writeln!(f, "version      {}", self.version)?;
        writeln!(f, "events       {}", self.rows)?;
        writeln!(f, "days         {days}")?;
        writeln!(f, "files        {} ({} bytes)", self.files, self.bytes)?;
        writeln!(f, "shards       {} (split points version {})", self.shards, self.splits)?;
        writeln!(f, "profiles     {}", self.profiles)?;
        write!(f, "quarantined  {}", self.quarantined)
    }
}
