//! Which log is a file? It is known by content, so that it stays the same log when it is renamed, copied, or followed again
//! tomorrow.
//!
//! A log is known by its first row (with a CSV its header as well), its table and its mapping. Logs may share that: a fixed
//! first row, a heading, a file that is made anew. So the store says what the last bytes are known by that have landed, and a
//! file without them is another log. That one is known by its first 2 rows; if those are of a third log by its first 4, and so on:
//!
//! ```text
//! rows     landed under their hash    the bytes before that offset
//!   1      1,200 bytes                others: another log
//!   2      800 bytes                  the same: this log, which goes on at 800
//! ```
//!
//! The answer depends on the file and the store alone, so it is the same after a restart.

use std::fs::File;
use std::io::{BufReader, Cursor, ErrorKind, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use datafusion::common::{DataFusionError, Result, exec_err};
use xxhash_rust::xxh3::Xxh3;

use super::super::input::{Text, open_text, refuse_foreign};
use super::super::mapping::Mapping;
use super::super::shape::Shaper;
use super::super::{Format, LandOptions};
use super::breaks::first_rows;
use crate::store::{Catalogue, Followed, end_hash};

/// How much of its beginning tells a log from others, if that is no whole row.
const HEAD: usize = 64 << 10;
/// How much is looked at before a log is followed.
const LOOK: u64 = 256 << 10;
/// Doublings of the rows that tell a log from others.
const DOUBLINGS: u32 = 10;
/// Bytes by which it is seen that a file goes on where it was left: rows that differ only in a time or a number should not
/// look the same.
const END: usize = 4 << 10;

/// What the beginning of a file says.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) id: u128,
    /// Of the first row: what begins alike may be a copy.
    pub(super) first: u128,
    pub(super) format: Format,
    /// Of a CSV: every part is read under it.
    pub(super) header: Bytes,
    /// It is known by its first `1 << doublings` rows.
    doublings: u32,
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
        let id = hash(&head[..end.min(HEAD)], options);
        // Refused here: what is no text of the format, a header without the mapping's columns, an expression that does not fit.
        head.truncate(last_line(&head));
        let first_end = ends.first().map_or(head.len(), |end| (*end).min(head.len()));
        refuse(&head, first_end, format, &options.map)?;
        let text: Text = BufReader::new(Box::new(Cursor::new(head)) as Box<dyn Read + Send>);
        let reader = open_text(text, Arc::new(AtomicU64::new(0)), format, options)?;
        Shaper::plan(&reader.schema(), options, chrono_tz::Tz::UTC, &Arc::new(Catalogue::default()))?;
        Ok(Some(Self { id, first: id, format, header, doublings: 0 }))
    }

    /// Of the same text where it is known by twice as many rows; `None` while it has fewer.
    pub(super) fn doubled(&self, text: impl Read, options: &LandOptions) -> Result<Option<Self>> {
        let doublings = self.doublings + 1;
        if doublings > DOUBLINGS {
            return exec_err!(
                "it begins with the same {} rows as {} other logs that were followed; it cannot be told from those",
                1 << self.doublings,
                doublings
            );
        }
        let most = HEAD << doublings;
        let mut head = vec![];
        text.take(most as u64).read_to_end(&mut head)?;
        let needed = self.rows_of(doublings);
        let end = match first_rows(self.format, &head, needed).get(needed - 1) {
            Some(end) => *end,
            None if head.len() == most => most,
            None => return Ok(None),
        };
        Ok(Some(Self { id: hash(&head[..end], options), doublings, ..self.clone() }))
    }

    fn rows_of(&self, doublings: u32) -> usize {
        (1 << doublings) + usize::from(self.format == Format::Csv)
    }

    /// Whether a text is the log of which so much has landed. `before` gives the last bytes before a place in it, or nothing
    /// if it is shorter; they come back with the answer.
    pub(super) fn is_of(
        reached: Followed,
        mut before: impl FnMut(u64) -> Result<Option<Vec<u8>>>,
    ) -> Result<Option<Vec<u8>>> {
        if reached.landed == 0 {
            if reached.rejected == 0 {
                return Ok(Some(vec![]));
            }
            // Rejected rows of it are kept already, and they end where a row does.
            let Some(end) = before(reached.rejected)? else { return Ok(None) };
            return Ok(end.ends_with(b"\n").then(Vec::new));
        }
        let end = before(reached.landed)?;
        Ok(end.filter(|end| reached.end.is_none_or(|known| known == end_hash(end))))
    }
}

/// The last bytes of a text whose last piece is `text`.
pub(super) fn end_of(before: &[u8], text: &[u8]) -> Vec<u8> {
    let last = &text[text.len().saturating_sub(END)..];
    let rest = before.len().min(END - last.len());
    [&before[before.len() - rest..], last].concat()
}

/// The last bytes of a file before a place in it; `None` if it is shorter.
pub(super) fn bytes_before(file: &mut File, at: u64) -> std::io::Result<Option<Vec<u8>>> {
    let length = at.min(END as u64);
    file.seek(SeekFrom::Start(at - length))?;
    let mut bytes = vec![0; length as usize];
    match file.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(bytes)),
        Err(e) if e.kind() == ErrorKind::UnexpectedEof => Ok(None),
        Err(e) => Err(e),
    }
}

/// Whether an error is of the file's reading and may pass, other than of what stands in it.
pub(super) fn may_pass(error: &DataFusionError) -> bool {
    matches!(error.find_root(), DataFusionError::IoError(_))
}

fn hash(text: &[u8], options: &LandOptions) -> u128 {
    let mut hash = Xxh3::new();
    for part in [text, options.map.name.as_bytes(), b"events"] {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.digest128()
}

fn last_line(text: &[u8]) -> usize {
    text.iter().rposition(|byte| *byte == b'\n').map_or(text.len(), |at| at + 1)
}

/// Refuses what is no text of the format. A log is not refused for a bad row, though it is the first: later ones show what it is.
fn refuse(head: &[u8], first: usize, format: Format, mapping: &Mapping) -> Result<()> {
    let refused = refuse_foreign(&head[..first], format, mapping);
    let start = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let is_other = format == Format::Csv || head.starts_with(b"PAR1") || start.starts_with(b"[");
    if refused.is_ok() || is_other {
        return refused;
    }
    let mut rows = head[first..].split(|byte| *byte == b'\n');
    // What is packed has such a line now and then, but it is no text.
    let fits = |row: &[u8]| std::str::from_utf8(row).is_ok() && refuse_foreign(row, format, mapping).is_ok();
    if rows.any(fits) { Ok(()) } else { refused }
}
