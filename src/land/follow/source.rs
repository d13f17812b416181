//! One growing log: what it is known by, how far it has landed, and what was read of it since.
//!
//! ```text
//! 0 ───────── offset ──────────── whole ───── end
//!   landed      │ rows to land      │ a row that has not ended yet
//! ```
//!
//! A log is known by its first row (with a CSV its header as well), its table and its mapping: by content, so that it stays
//! the same log when it is renamed, copied, or followed again tomorrow. The offset moves only by a commit.

use std::fs::{File, Metadata};
use std::io::{BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use bytes::Bytes;
use datafusion::common::{Result, exec_err};
use xxhash_rust::xxh3::Xxh3;

use super::super::input::{MAX_ROW, Text, open_text, refuse_foreign};
use super::super::shape::Shaper;
use super::super::{Format, LandOptions};
use super::breaks::{Breaks, first_rows};
use crate::store::Catalogue;

/// How much of its beginning tells a log from others.
const HEAD: usize = 64 << 10;
/// How much is looked at before a log is followed.
const LOOK: u64 = 256 << 10;
/// Bytes by which it is seen that a file goes on where it was left.
const TAIL: usize = 64;
/// Read at once.
const PIECE: u64 = 1 << 20;
/// A log that has not grown for so long is closed until it does; a log without a name is then given up.
pub(super) const QUIET: Duration = Duration::from_secs(60);

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

/// What the beginning of a file says.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) id: u128,
    pub(super) format: Format,
    /// Of a CSV: every part is read under it.
    pub(super) header: Bytes,
}

impl Head {
    /// Of text that begins so; `None` while its first row has not ended.
    pub(super) fn read(text: impl Read, format: Format, options: &LandOptions) -> Result<Option<Self>> {
        let mut head = vec![];
        text.take(LOOK).read_to_end(&mut head)?;
        let needed = if format == Format::Csv { 2 } else { 1 };
        let ends = first_rows(format, &head, needed);
        let end = match ends.get(needed - 1) {
            Some(end) => *end,
            None if format == Format::Csv && ends.is_empty() && head.len() as u64 == LOOK => {
                return exec_err!("its header does not end within {} KiB", LOOK >> 10);
            }
            None if head.len() >= HEAD => HEAD,
            None => return Ok(None),
        };
        let header = match (format, ends.first()) {
            (Format::Csv, Some(header)) => Bytes::copy_from_slice(&head[..*header]),
            (Format::Csv, None) => return Ok(None),
            _ => Bytes::new(),
        };
        let mut hash = Xxh3::new();
        for part in [&head[..end.min(HEAD)], options.map.name.as_bytes(), b"events"] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        // Refused here: what is no text of the format, a header without the mapping's columns, an expression that does not fit.
        head.truncate(last_line(&head));
        refuse_foreign(&head, format, &options.map)?;
        let text: Text = BufReader::new(Box::new(Cursor::new(head)) as Box<dyn Read + Send>);
        let reader = open_text(text, Arc::new(AtomicU64::new(0)), format, options)?;
        Shaper::plan(&reader.schema(), options, chrono_tz::Tz::UTC, &Arc::new(Catalogue::default()))?;
        Ok(Some(Self { id: hash.digest128(), format, header }))
    }
}

fn last_line(text: &[u8]) -> usize {
    text.iter().rposition(|byte| *byte == b'\n').map_or(text.len(), |at| at + 1)
}

/// The rows of a source from one offset to another, to be landed at once.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) head: Head,
    /// What the source is called at present.
    pub(super) path: PathBuf,
    pub(super) from: u64,
    pub(super) to: u64,
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
    text: Vec<u8>,
    breaks: Breaks,
    /// Of `text`: where its last whole row ends, and how many rows began.
    whole: usize,
    rows: u64,
    /// The last bytes that were read.
    tail: Vec<u8>,
    /// When the oldest whole row was read.
    pub(super) since: Option<Instant>,
    pub(super) grew: Instant,
    /// Nothing more will be read.
    pub(super) ended: bool,
    /// Bytes that another process has landed.
    pub(super) elsewhere: u64,
    /// This process has landed something of it.
    pub(super) ours: bool,
}

impl Source {
    pub(super) fn new(path: PathBuf, key: FileKey, head: Head, (offset, rejected): (u64, u64)) -> Self {
        Self {
            path,
            key,
            file: None,
            offset,
            rejected,
            begin: offset.max(head.header.len() as u64),
            text: vec![],
            breaks: Breaks::new(head.format),
            head,
            whole: 0,
            rows: 0,
            tail: vec![],
            since: None,
            grew: Instant::now(),
            ended: false,
            elsewhere: 0,
            ours: false,
        }
    }

    /// Reads what was appended, up to about `room` bytes.
    pub(super) fn read(&mut self, room: usize) -> Result<Grown> {
        let position = self.position();
        let known = match &self.file {
            Some(file) => file.metadata()?.len(),
            None => match std::fs::metadata(&self.path) {
                Ok(metadata) if FileKey::of(&self.path, &metadata) == self.key => metadata.len(),
                // Its new name is yet to be found.
                _ => return Ok(Grown::No),
            },
        };
        if known < position {
            return Ok(Grown::Cut);
        }
        if known == position || room == 0 {
            if self.grew.elapsed() > QUIET {
                self.file = None;
            }
            return Ok(Grown::No);
        }
        if self.file.is_none() {
            let file = File::open(&self.path)?;
            if FileKey::of(&self.path, &file.metadata()?) != self.key {
                return Ok(Grown::No);
            }
            self.file = Some(file);
        }
        if !self.goes_on(position)? {
            return Ok(Grown::Cut);
        }
        let before = self.text.len();
        if let Some(file) = &mut self.file {
            let end = (known - position).min(room as u64);
            let mut read = 0;
            while read < end {
                let piece = file.by_ref().take(PIECE.min(end - read)).read_to_end(&mut self.text)?;
                if piece == 0 {
                    break;
                }
                read += piece as u64;
            }
        }
        self.appended(before)?;
        Ok(if self.text.len() > before { Grown::Yes } else { Grown::No })
    }

    /// Takes what was read elsewhere, as of a packed file.
    pub(super) fn feed(&mut self, text: &[u8]) -> Result<()> {
        let before = self.text.len();
        self.text.extend_from_slice(text);
        self.appended(before)
    }

    /// Stands at `position` and sees whether the bytes before it are those that were read.
    fn goes_on(&mut self, position: u64) -> Result<bool> {
        let Some(file) = &mut self.file else { return Ok(false) };
        file.seek(SeekFrom::Start(position - self.tail.len() as u64))?;
        let mut there = vec![0; self.tail.len()];
        match file.read_exact(&mut there) {
            Ok(()) => Ok(there == self.tail),
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
            Err(e) => Err(e.into()),
        }
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
        self.tail.extend_from_slice(&self.text[self.text.len().saturating_sub(TAIL).max(before)..]);
        let surplus = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..surplus);
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
            begin: self.begin,
            text: Bytes::copy_from_slice(&self.text[..end]),
        })
    }

    /// The part up to `to` has landed. What was read while it did waits since `taken`.
    pub(super) fn landed(&mut self, to: u64, taken: Instant) {
        self.ours = true;
        self.drop_until(to);
        self.since = (self.whole > 0).then_some(taken);
    }

    /// As the store says; another process may have landed more.
    pub(super) fn stand_at(&mut self, offset: u64, rejected: u64) {
        if offset == self.offset {
            self.rejected = rejected;
            return;
        }
        self.elsewhere += offset.saturating_sub(self.offset);
        if (self.begin..=self.position()).contains(&offset) {
            self.drop_until(offset);
        } else {
            self.offset = offset;
            self.begin = offset.max(self.head.header.len() as u64);
            self.text.clear();
            self.tail.clear();
            self.look_again();
        }
        self.rejected = rejected;
        self.since = (self.whole > 0).then(Instant::now);
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
