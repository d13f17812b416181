//! Which files does no version need any more?
//!
//! A compaction leaves the files that it replaced, for readers of the versions before it; a landing that was killed leaves
//! files that no version ever had. Both go once they are older than the time to retain:
//!
//! ```text
//!                   now − retain                       now
//! ───────────────────────┼──────────────────────────────┤
//! written … replaced     │                                  removed
//! written ………………………………………│…… replaced                        kept: a version of the last days has it
//! written, in no version │                                  removed
//!                        │ written, in no version yet       kept: perhaps a landing under way
//! ```
//!
//! Deltalake's own vacuum is not used: it spares our temporary files for ever, and is not stopped by a log that is damaged.
//!
//! The log keeps itself short: every hundredth commit writes a checkpoint, and commits remove entries older than 7 days
//! that a checkpoint stands for.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use datafusion::common::{Result, exec_err};
use futures::StreamExt;
use object_store::path::Path;
use object_store::{Error, ObjectMeta};

use super::Store;
use super::log::{KEPT_DAYS, Log, now_millis};

/// What is retained where nothing is said.
pub(super) const RETAIN: Duration = Duration::from_secs(KEPT_DAYS * 86_400);

/// What a vacuum removed, or would have.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Vacuumed {
    /// The data files and left-overs, from the store's folder, ascending.
    pub removed: Vec<String>,
    /// Their bytes.
    pub bytes: u64,
    /// Time it took.
    pub seconds: f64,
}

impl Store {
    /// Removes the files that no version of the last `retain` needs, or only names them in a dry run.
    ///
    /// `retain` has to be longer than any query or landing runs: those that began before lose their files. Nothing is
    /// removed where the log is damaged.
    pub async fn vacuum(&self, retain: Duration, dry_run: bool) -> Result<Vacuumed> {
        let start = Instant::now();
        if retain > RETAIN {
            return exec_err!(
                "vacuum: {retain:?} to retain is more than {KEPT_DAYS} days; for so long the log knows what was replaced"
            );
        }
        let cutoff = cutoff(retain);
        let mut files: Vec<ObjectMeta> = Vec::new();
        for log in self.logs() {
            // An entry that is lost makes its files look as if nobody needed them.
            if let Some(problem) = self.log_problems(log.name).await?.first() {
                return exec_err!("{problem}. Nothing was removed; footfall verify says more");
            }
            if log.exists().await? {
                files.extend(self.unreferenced(log, retain).await?);
                files.extend(self.left_over(log).await?);
            }
        }
        files.retain(|file| file.last_modified.timestamp_millis() <= cutoff);
        files.sort_by(|a, b| a.location.cmp(&b.location));
        let root = Path::from_absolute_path(self.root())?;
        let root: &str = root.as_ref();
        let mut vacuumed = Vacuumed::default();
        for file in &files {
            let name: &str = file.location.as_ref();
            let inside = name.strip_prefix(root).unwrap_or(name).trim_start_matches('/');
            vacuumed.removed.push(inside.to_string());
            vacuumed.bytes += file.size;
        }
        if !dry_run {
            let locations: Vec<_> = files.into_iter().map(|file| Ok(file.location)).collect();
            let mut removals = self.objects().delete_stream(futures::stream::iter(locations).boxed());
            while let Some(removal) = removals.next().await {
                match removal {
                    // Another vacuum was faster.
                    Ok(_) | Err(Error::NotFound { .. }) => {}
                    Err(e) => return Err(e.into()),
                }
            }
        }
        vacuumed.seconds = start.elapsed().as_secs_f64();
        Ok(vacuumed)
    }

    /// Data files of a table, of any age, to which no version of the last `retain` refers.
    pub(super) async fn unreferenced(&self, log: &Log, retain: Duration) -> Result<Vec<ObjectMeta>> {
        // The folder first: what is committed between the two looks is then in the log.
        let folder = self.folder(log)?;
        let lying = self.objects().list_with_delimiter(Some(&folder)).await?.objects;
        let mut needed: HashSet<String> = log.removed_since(cutoff(retain)).await?;
        needed.extend(log.read().await?.files.iter().map(|file| file.path.clone()));
        Ok(lying
            .into_iter()
            .filter(|file| {
                let name = file.location.filename().unwrap_or_default();
                is_data_file(name) && !needed.contains(name)
            })
            .collect())
    }

    /// Temporary files of a table and of its log.
    async fn left_over(&self, log: &Log) -> Result<Vec<ObjectMeta>> {
        let folder = self.folder(log)?;
        let mut found = Vec::new();
        for folder in [folder.clone(), folder.join("_delta_log")] {
            let lying = self.objects().list_with_delimiter(Some(&folder)).await?.objects;
            found.extend(lying.into_iter().filter(|file| is_temporary(&file.location)));
        }
        Ok(found)
    }

    /// The folder of a table.
    fn folder(&self, log: &Log) -> Result<Path> {
        Ok(self.location(log.name, "file")?.parent().unwrap_or_default())
    }
}

/// The time, in milliseconds since 1970, behind which everything is retained.
fn cutoff(retain: Duration) -> i64 {
    now_millis().saturating_sub(i64::try_from(retain.as_millis()).unwrap_or(i64::MAX))
}

/// Whether Footfall gave the file its name (`events-0123….parquet`): others' files are not ours to remove.
fn is_data_file(name: &str) -> bool {
    let unique =
        name.strip_suffix(".parquet").and_then(|name| name.rsplit_once('-')).map(|(_, unique)| unique);
    unique.is_some_and(is_unique)
}

fn is_temporary(location: &Path) -> bool {
    let name = location.filename().unwrap_or_default();
    name.strip_prefix('.').and_then(|name| name.strip_suffix(".tmp")).is_some_and(is_unique)
}

fn is_unique(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
