//! Rejected rows: committed before the rows that land, and again with every attempt to land the same input.
//!
//! A landing that is stopped between the two commits has left its rejected rows behind. The next attempt may reject others,
//! under another catalogue or at another time, so it replaces them:
//!
//! ```text
//! attempt 1   quarantine: rows 2, 3      (killed)
//! attempt 2   quarantine: row 3 instead  events: rows 1, 2
//! ```

use std::sync::Arc;

use datafusion::common::{Result, exec_datafusion_err};
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectStoreExt;

use super::compact::TRANSACTION;
use super::data_file::DataFile;
use super::encode::encode_rows;
use super::landing::{blocking, fresh_name, put};
use super::log::{Change, Committed, LogState};
use super::reader::{FileRead, UserRange};
use super::schema::quarantine_schema;
use super::{InputId, Store};

/// Bytes of files of rejected rows that are merged at once, in memory.
const MERGED_BYTES: u64 = 32 << 20;

impl Store {
    /// Commits the rejected rows of an input in place of those of an earlier attempt. Where that attempt was of a longer part of
    /// the same source, its rows are kept: they are among them. False if it was of a shorter one, which has to come first.
    pub(super) async fn keep_rejected(&self, input: &InputId, files: &[DataFile]) -> Result<bool> {
        if files.is_empty() && !self.quarantine.exists().await? {
            return Ok(true);
        }
        let log = self.quarantine_log().await?;
        let mark = input.mark();
        let add: Vec<DataFile> =
            files.iter().map(|file| DataFile { input: Some(mark.clone()), ..file.clone() }).collect();
        let to = input.to();
        let mut is_ours = false;
        let decide = |state: &LogState| {
            is_ours = true;
            let is_older = |file: &DataFile| file.input.as_deref() == Some(mark.as_str());
            let remove: Vec<_> = state.files.iter().filter(|file| is_older(file)).cloned().collect();
            if add.is_empty() && remove.is_empty() {
                return Ok(None);
            }
            Ok(Some(Change { add: add.clone(), remove, data_change: true, ..Change::default() }))
        };
        let committed =
            log.commit_once(input.transaction(), |known| input.next_rejected(known), decide).await?;
        if is_ours || committed != Committed::AlreadyThere {
            return Ok(true);
        }
        Ok(log.transaction(&log.read().await?, input.transaction()).await?.is_some_and(|kept| kept >= to))
    }

    /// Brings the files of rejected rows to one, if there are `fewest` or more: a follower may write one every few seconds.
    pub(super) async fn merge_rejected(&self, fewest: usize) -> Result<()> {
        if !self.quarantine.exists().await? {
            return Ok(());
        }
        let mut bytes = 0;
        let mut old = self.quarantine.read().await?.files;
        old.retain(|file| {
            bytes += file.size;
            bytes <= MERGED_BYTES
        });
        if old.len() < fewest.max(2) {
            return Ok(());
        }
        let mut rows = Vec::new();
        for file in &old {
            let read = FileRead {
                store: Arc::clone(self.objects()),
                location: self.location("quarantine", &file.path)?,
                size: file.size,
                schema: quarantine_schema(),
                declared: Arc::new([]),
                rank: file.rank,
                users: UserRange::default(),
                predicate: None,
                filter: None,
                batch_size: 8192,
            };
            rows.extend(read.open().await?.try_collect::<Vec<_>>().await?);
        }
        let (bytes, file) = blocking(move || encode_rows(&rows, fresh_name("rejected"))).await?;
        put(self.objects(), &self.location("quarantine", &file.path)?, bytes).await?;
        let next = |known: Option<i64>| Some(known.unwrap_or(0) + 1);
        let decide = |state: &LogState| {
            let is_there = |file: &DataFile| state.files.iter().any(|present| present.path == file.path);
            if !old.iter().all(|file| is_there(file)) {
                return Ok(None);
            }
            Ok(Some(Change { add: vec![file.clone()], remove: old.clone(), ..Change::default() }))
        };
        self.quarantine.commit_once(TRANSACTION, next, decide).await?;
        Ok(())
    }

    /// An error if a file that is to be committed is not there.
    pub(super) async fn look_for(&self, table: &str, files: &[DataFile]) -> Result<()> {
        let looks: Vec<_> = files
            .iter()
            .map(|file| async move {
                self.objects().head(&self.location(table, &file.path)?).await.map_err(|e| {
                    exec_datafusion_err!(
                        "{table}/{}: written and gone before it was committed, by a vacuum that retained too little? {e}; \
                         nothing was changed",
                        file.path
                    )
                })
            })
            .collect();
        let mut looks = futures::stream::iter(looks).buffered(8);
        while let Some(look) = looks.next().await {
            look?;
        }
        Ok(())
    }
}
