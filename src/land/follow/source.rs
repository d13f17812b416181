//! One growing log: how far it has landed, and what was read of it since.
//!
//! ```text
//! 0 ───────── offset ──────────── whole ───── end
//!   landed      │ rows to land      │ a row that has not ended yet
//! ```
//!
//! The offset moves only by a commit, which records what the bytes before it are known by. What says otherwise in the store is
//! of another log that begins alike, see [`Head`].

use std::fs::{File, Metadata};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use datafusion::common::{Result, exec_err};

use super::super::input::MAX_ROW;
use super::breaks::Breaks;
use super::head::{Head, bytes_before, end_of};
use crate::store::{Followed, end_hash};

/// Read at once.
const PIECE: u64 = 1 << 20;
/// A log that has not grown for so long is closed until it does; a log without a name is then given up.
pub(super) const QUIET: Duration = Duration::from_secs(60);
/// Waits before a file that cannot be read is tried again.
const FIRST_AGAIN: Duration = Duration::from_millis(200);
const LONGEST_AGAIN: Duration = Duration::from_secs(5);

/// A file, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FileKey(u64, u64);

impl FileKey {
    #[cfg(unix)]
    pub(super) fn of(_: &Path, metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self(metadata.dev(), metadata.ino())
    }

    #[cfg(not(unix))]
    pub(super) fn of(path: &Path, _: &Metadata) -> Self {
        Self(xxhash_rust::xxh3::xxh3_64(path.as_os_str().as_encoded_bytes()), 0)
    }
}

/// When a file that cannot be read at present is tried again: after growing waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Again {
    at: Instant,
    wait: Duration,
}

impl Again {
    pub(super) fn after(last: Option<Self>) -> Self {
        let wait = last.map_or(FIRST_AGAIN, |last| (last.wait * 2).min(LONGEST_AGAIN));
        Self { at: Instant::now() + wait, wait }
    }

    pub(super) fn is_due(&self) -> bool {
        self.at <= Instant::now()
    }
}

/// The rows of a source from one offset to another, to be landed at once.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) head: Head,
    /// What the source is called at present.
    pub(super) path: PathBuf,
    pub(super) from: u64,
    pub(super) to: u64,
    /// What the bytes before `to` are known by.
    pub(super) end: u64,
    /// Where `text` begins in the source.
    pub(super) begin: u64,
    pub(super) text: Bytes,
}

/// How a look at a source ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grown {
    No,
    Yes,
    /// The file no longer goes on where it was left: it was cut, and perhaps written anew.
    Cut,
}

/// Where a source stands, after what the store says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stood {
    /// Another process has landed so many bytes of it.
    There(u64),
    /// Further than was read, by so many bytes more than this process has landed: the file has to be looked at anew.
    Beyond(u64),
    /// What has landed is another log that begins alike.
    Another,
}

/// See the module.
pub(super) struct Source {
    pub(super) head: Head,
    pub(super) path: PathBuf,
    pub(super) key: FileKey,
    file: Option<File>,
    /// Reached by commits.
    pub(super) offset: u64,
    /// Up to here rejected rows are kept already: a part that is landed again after a failure ends there first.
    rejected: u64,
    /// Where `text` begins: at the offset, or behind the header of a CSV.
    begin: u64,
    /// The last bytes before that.
    before: Vec<u8>,
    text: Vec<u8>,
    breaks: Breaks,
    /// Of `text`: where its last whole row ends, and how many rows began.
    whole: usize,
    rows: u64,
    /// When the oldest whole row was read.
    pub(super) since: Option<Instant>,
    pub(super) grew: Instant,
    /// Nothing more will be read.
    pub(super) ended: bool,
    /// It was looked at since it is followed.
    pub(super) looked_at: bool,
    /// It cannot be read at present.
    again: Option<Again>,
}

impl Source {
    /// `before` are the last bytes that have landed.
    pub(super) fn new(path: PathBuf, key: FileKey, head: Head, reached: Followed, before: Vec<u8>) -> Self {
        let header = head.header.len() as u64;
        let before = if reached.landed < header { end_of(&[], &head.header) } else { before };
        Self {
            path,
            key,
            file: None,
            offset: reached.landed,
            rejected: reached.rejected,
            begin: reached.landed.max(header),
            before,
            text: vec![],
            breaks: Breaks::new(head.format),
            head,
            whole: 0,
            rows: 0,
            since: None,
            grew: Instant::now(),
            ended: false,
            looked_at: false,
            again: None,
        }
    }

    /// Reads what was appended, up to about `room` bytes. With `keep` the file stays open for what comes next.
    pub(super) fn read(&mut self, room: usize, keep: bool) -> Result<Grown> {
        if self.again.is_some_and(|again| !again.is_due()) {
            return Ok(Grown::No);
        }
        self.looked_at = true;
        let before = self.text.len();
        match self.read_file(room) {
            Ok(grown) => {
                self.again = None;
                self.appended(before)?;
                let is_quiet = !keep || self.grew.elapsed() > QUIET;
                if is_quiet && room > 0 && self.text.len() - before < room {
                    self.file = None;
                }
                Ok(grown)
            }
            Err(e) => {
                // A piece that was read in part is read again.
                self.text.truncate(before);
                self.file = None;
                self.again = Some(Again::after(self.again));
                Err(e.into())
            }
        }
    }

    fn read_file(&mut self, room: usize) -> std::io::Result<Grown> {
        let position = self.position();
        let known = match &self.file {
            Some(file) => file.metadata()?.len(),
            None => match std::fs::metadata(&self.path) {
                Ok(metadata) if FileKey::of(&self.path, &metadata) == self.key => metadata.len(),
                // Its new name is yet to be found.
                Ok(_) => return Ok(Grown::No),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Grown::No),
                Err(e) => return Err(e),
            },
        };
        if known < position {
            return Ok(Grown::Cut);
        }
        if known == position || room == 0 {
            return Ok(Grown::No);
        }
        if self.file.is_none() {
            let file = match File::open(&self.path) {
                Ok(file) => file,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Grown::No),
                Err(e) => return Err(e),
            };
            if FileKey::of(&self.path, &file.metadata()?) != self.key {
                return Ok(Grown::No);
            }
            self.file = Some(file);
        }
        let tail = self.tail();
        let Some(file) = &mut self.file else { return Ok(Grown::No) };
        // Whether the bytes before it are those that were read.
        if bytes_before(file, position)?.is_none_or(|there| there != tail) {
            return Ok(Grown::Cut);
        }
        file.seek(SeekFrom::Start(position))?;
        let end = (known - position).min(room as u64);
        let mut read = 0;
        while read < end {
            let piece = file.by_ref().take(PIECE.min(end - read)).read_to_end(&mut self.text)?;
            if piece == 0 {
                break;
            }
            read += piece as u64;
        }
        Ok(if read > 0 { Grown::Yes } else { Grown::No })
    }

    /// Takes what was read elsewhere, as of a packed file.
    pub(super) fn feed(&mut self, text: &[u8]) -> Result<()> {
        let before = self.text.len();
        self.text.extend_from_slice(text);
        self.appended(before)
    }

    /// Whether the file there goes on where this one was left.
    pub(super) fn goes_on_in(&self, path: &Path) -> std::io::Result<bool> {
        let there = bytes_before(&mut File::open(path)?, self.position())?;
        Ok(there.is_some_and(|there| there == self.tail()))
    }

    /// The last bytes that were read.
    fn tail(&self) -> Vec<u8> {
        end_of(&self.before, &self.text)
    }

    fn appended(&mut self, before: usize) -> Result<()> {
        if self.text.len() == before {
            return Ok(());
        }
        self.grew = Instant::now();
        let rows = &mut self.rows;
        if let Some(end) = self.breaks.read(&self.text[before..], |_, _| *rows += 1) {
            self.whole = before + end;
            self.since.get_or_insert(self.grew);
        }
        let unfinished = self.text.len() - self.whole;
        if unfinished > 2 * MAX_ROW {
            return exec_err!(
                "the row at byte {} does not end within {} MiB; is a quote left open?",
                self.begin + self.whole as u64,
                (2 * MAX_ROW) >> 20
            );
        }
        Ok(())
    }

    /// Bytes that were read and have not landed.
    pub(super) fn held(&self) -> usize {
        self.text.len()
    }

    /// Bytes of whole rows, and rows.
    pub(super) fn waiting(&self) -> (usize, u64) {
        (self.whole, if self.whole > 0 { self.rows } else { 0 })
    }

    /// Bytes behind the last whole row.
    pub(super) fn unfinished(&self) -> u64 {
        (self.text.len() - self.whole) as u64
    }

    /// How far it was read.
    pub(super) fn position(&self) -> u64 {
        self.begin + self.text.len() as u64
    }

    /// The whole rows that were read.
    pub(super) fn part(&self) -> Option<Part> {
        let kept = self.rejected.saturating_sub(self.begin) as usize;
        let end = if kept > 0 { self.whole.min(kept) } else { self.whole };
        (end > 0).then(|| Part {
            head: self.head.clone(),
            path: self.path.clone(),
            from: self.offset,
            to: self.begin + end as u64,
            end: end_hash(&end_of(&self.before, &self.text[..end])),
            begin: self.begin,
            text: Bytes::copy_from_slice(&self.text[..end]),
        })
    }

    /// The part up to `to` has landed. What was read while it did waits since `taken`.
    pub(super) fn landed(&mut self, to: u64, taken: Instant) {
        self.drop_until(to);
        self.since = (self.whole > 0).then_some(taken);
    }

    /// Stands where the store says; another process may have landed more.
    pub(super) fn stand_at(&mut self, reached: Followed) -> Stood {
        if reached.landed != self.offset {
            if !(self.begin..=self.position()).contains(&reached.landed) {
                return Stood::Beyond(reached.landed.saturating_sub(self.offset));
            }
            let landed = (reached.landed - self.begin) as usize;
            let end = end_hash(&end_of(&self.before, &self.text[..landed]));
            if reached.end.is_some_and(|known| known != end) {
                return Stood::Another;
            }
        }
        let elsewhere = reached.landed.saturating_sub(self.offset);
        if elsewhere > 0 {
            self.drop_until(reached.landed);
            self.since = (self.whole > 0).then(Instant::now);
        }
        self.rejected = reached.rejected;
        Stood::There(elsewhere)
    }

    /// The same log under another name.
    pub(super) fn move_to(&mut self, path: PathBuf, key: FileKey) {
        self.path = path;
        self.key = key;
        self.file = None;
        self.grew = Instant::now();
    }

    /// Whether it can still be read once it has no name.
    pub(super) fn is_open(&self) -> bool {
        self.file.is_some()
    }

    fn drop_until(&mut self, to: u64) {
        let landed = (to.saturating_sub(self.begin) as usize).min(self.text.len());
        self.before = end_of(&self.before, &self.text[..landed]);
        self.text.drain(..landed);
        // A large part should not keep its memory.
        if self.text.capacity() > 4 * self.text.len().max(PIECE as usize) {
            self.text.shrink_to(self.text.len().max(PIECE as usize));
        }
        self.offset = to;
        self.begin = to.max(self.begin);
        self.look_again();
    }

    /// Finds the rows of what is left.
    fn look_again(&mut self) {
        self.breaks = Breaks::new(self.head.format);
        self.rows = 0;
        let rows = &mut self.rows;
        self.whole = self.breaks.read(&self.text, |_, _| *rows += 1).unwrap_or(0);
    }
}
