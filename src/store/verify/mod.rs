//! Is everything in the store as it was written?
//!
//! The log has to be whole, and every file that it lists has to be there with the bytes that were written (their checksum
//! stands in the log), sorted, and with the rows, bounds and days that the log promises to whoever prunes by them. What is
//! wrong is collected: one bad file does not hide the next.
//!
//! Each file is read twice, in blocks for the checksum and in batches for the order, so memory does not grow with files.

mod content;
mod log;

use std::fmt::{Display, Formatter};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use datafusion::common::Result;
use futures::StreamExt;

use super::data_file::DataFile;
use super::landing::blocking;
use super::log::{Log, LogState};
use super::splits::{SPLITS_KEY, Splits};
use super::vacuum::RETAIN;
use super::{Store, TABLES};
use content::file_problems;
use log::log_problems;

/// What a verification read, and what it found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verified {
    /// Data files that were read, of all tables.
    pub files: usize,
    /// Their rows, as the log tells.
    pub rows: u64,
    /// Their bytes, as the log tells.
    pub bytes: u64,
    /// What is wrong; empty where all is sound.
    pub problems: Vec<Problem>,
    /// Data files to which no version of the last 7 days refers: no fault, a vacuum removes them.
    pub unreferenced: usize,
    /// Their bytes.
    pub unreferenced_bytes: u64,
    /// Time it took.
    pub seconds: f64,
}

/// Something in the store that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, from the store's folder.
    pub file: String,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub found: String,
    /// What to do about it.
    pub advice: &'static str,
}

impl Display for Problem {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: expected {}, found {}; {}", self.file, self.expected, self.found, self.advice)
    }
}

impl Store {
    /// Reads everything, `threads` files at a time.
    pub async fn verify(&self, threads: usize) -> Result<Verified> {
        let start = Instant::now();
        let mut verified = Verified::default();
        for log in self.logs() {
            verified.problems.extend(self.log_problems(log.name).await?);
            if log.exists().await? {
                self.verify_table(log, threads, &mut verified).await?;
            }
        }
        verified.seconds = start.elapsed().as_secs_f64();
        Ok(verified)
    }

    /// As [`Store::verify`], for a folder whose log may be too damaged to open the store: that is then what is found.
    pub async fn verify_folder(root: &Path, threads: usize) -> Result<Verified> {
        match Self::open(root).await {
            Ok(store) => store.verify(threads).await,
            Err(e) => {
                let mut problems = Vec::new();
                for table in TABLES {
                    let root = root.to_path_buf();
                    problems.extend(blocking(move || log_problems(&root, table)).await?);
                }
                // A folder that is no store, or another reason that says itself.
                if problems.is_empty() { Err(e) } else { Ok(Verified { problems, ..Verified::default() }) }
            }
        }
    }

    /// The logs of the store's tables.
    pub(super) fn logs(&self) -> [&Log; 3] {
        [&self.events, &self.users, &self.quarantine]
    }

    /// What is wrong with the log of a table, beside its data files.
    pub(super) async fn log_problems(&self, table: &'static str) -> Result<Vec<Problem>> {
        let root = self.root().to_path_buf();
        blocking(move || log_problems(&root, table)).await
    }

    async fn verify_table(&self, log: &Log, threads: usize, verified: &mut Verified) -> Result<()> {
        let table = log.name;
        let state = match log.read().await {
            Ok(state) => state,
            Err(e) => {
                // Mostly a consequence of what is named already.
                if verified.problems.iter().all(|problem| !problem.file.starts_with(table)) {
                    verified.problems.push(Problem {
                        file: format!("{table}/_delta_log"),
                        expected: "a log that can be read".to_string(),
                        found: e.strip_backtrace(),
                        advice: "restore it from a copy of the store",
                    });
                }
                return Ok(());
            }
        };
        verified.problems.extend(splits_problem(table, &state)?);
        verified.files += state.files.len();
        verified.rows += state.files.iter().map(|file| file.rows).sum::<u64>();
        verified.bytes += state.files.iter().map(|file| file.size).sum::<u64>();
        let mut checks = futures::stream::iter(state.files)
            .map(|file| self.check_apart(table, file))
            .buffered(threads.max(1));
        while let Some(problems) = checks.next().await {
            verified.problems.extend(problems);
        }
        // Which files nobody refers to is only known from a whole log.
        if verified.problems.iter().all(|problem| !problem.file.starts_with(&format!("{table}/_delta_log"))) {
            let unreferenced = self.unreferenced(log, RETAIN).await?;
            verified.unreferenced += unreferenced.len();
            verified.unreferenced_bytes += unreferenced.iter().map(|file| file.size).sum::<u64>();
        }
        Ok(())
    }

    /// Checks a file in a task of its own: where its reader panics, that is one more thing that is wrong with the file.
    async fn check_apart(&self, table: &'static str, file: Arc<DataFile>) -> Vec<Problem> {
        let path = format!("{table}/{}", file.path);
        let store = self.clone();
        let problems = tokio::spawn(async move { file_problems(&store, table, &file).await }).await;
        let found = |found: String| vec![("a file that can be read".to_string(), found)];
        let wrong = match problems {
            Ok(Ok(wrong)) => wrong,
            Ok(Err(e)) => found(e.strip_backtrace()),
            Err(_) => found("one that its reader fails on".to_string()),
        };
        let advice = "restore it from a copy of the store, or land its rows again in a new one";
        wrong
            .into_iter()
            .map(|(expected, found)| Problem { file: path.clone(), expected, found, advice })
            .collect()
    }
}

fn splits_problem(table: &str, state: &LogState) -> Result<Option<Problem>> {
    let splits = Splits::from_configuration(state.configuration.get(SPLITS_KEY))?;
    let falling = splits.points.windows(2).find(|pair| pair[0] >= pair[1]);
    Ok(falling.map(|pair| Problem {
        file: format!("{table}/_delta_log"),
        expected: "split points that ascend".to_string(),
        found: format!("'{}' before '{}'", pair[0], pair[1]),
        advice: "compact the store: that makes new ones",
    }))
}
