//! A log that is seen for the first time: the store is asked whether it was followed before, and how far it has landed.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use datafusion::common::{DataFusionError, Result};

use super::super::LandOptions;
use super::head::{Head, bytes_before};
use super::source::FileKey;
use crate::store::Followed;

/// Two files that begin alike are compared so far, and so far before the end of the shorter one.
const COMPARED: u64 = 16 << 20;
const COMPARED_BEFORE_END: u64 = 1 << 20;

/// See the module.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) path: PathBuf,
    pub(super) key: FileKey,
    pub(super) head: Head,
    pub(super) len: u64,
    /// It counts only if it was followed before.
    pub(super) renamed: bool,
}

/// What a candidate is, by what has landed under its hash.
#[derive(Debug)]
pub(super) enum Verdict {
    /// That log, or a new one. It goes on behind these bytes.
    Same(Candidate, Followed, Vec<u8>),
    /// Another log, known by more rows.
    Other(Candidate),
    /// Another log, with too few rows to tell it from others.
    TooShort(Candidate),
    /// The file is no longer there.
    Gone,
    Unread(Candidate, DataFusionError),
}

impl Candidate {
    pub(super) fn judge(self, reached: Followed, options: &LandOptions) -> Verdict {
        match self.compare(reached, options) {
            Ok(Some(Compared::Same(before))) => Verdict::Same(self, reached, before),
            Ok(Some(Compared::Other(Some(head)))) => Verdict::Other(Self { head, ..self }),
            Ok(Some(Compared::Other(None))) => Verdict::TooShort(self),
            Ok(None) => Verdict::Gone,
            Err(e) => Verdict::Unread(self, e),
        }
    }

    fn compare(&self, reached: Followed, options: &LandOptions) -> Result<Option<Compared>> {
        let mut file = File::open(&self.path)?;
        if FileKey::of(&self.path, &file.metadata()?) != self.key {
            return Ok(None);
        }
        let before = Head::is_of(reached, |at| Ok(bytes_before(&mut file, at)?))?;
        if let Some(before) = before {
            return Ok(Some(Compared::Same(before)));
        }
        file.rewind()?;
        Ok(Some(Compared::Other(self.head.doubled(file, options)?)))
    }
}

enum Compared {
    Same(Vec<u8>),
    /// What it is known by then, if it has so many rows.
    Other(Option<Head>),
}

/// Whether the two files agree in their first `length` bytes; of long ones the beginning and the end are compared.
pub(super) fn continues(one: &Path, other: &Path, length: u64) -> Result<bool> {
    let (mut one, mut other) = (File::open(one)?, File::open(other)?);
    let mut same = |from: u64, to: u64| -> Result<bool> {
        one.seek(SeekFrom::Start(from))?;
        other.seek(SeekFrom::Start(from))?;
        let (mut left, mut right) = (vec![0; 1 << 16], vec![0; 1 << 16]);
        let mut at = from;
        while at < to {
            let piece = (to - at).min(1 << 16) as usize;
            one.read_exact(&mut left[..piece])?;
            other.read_exact(&mut right[..piece])?;
            if left[..piece] != right[..piece] {
                return Ok(false);
            }
            at += piece as u64;
        }
        Ok(true)
    };
    if length <= COMPARED + COMPARED_BEFORE_END {
        return same(0, length);
    }
    Ok(same(0, COMPARED)? && same(length - COMPARED_BEFORE_END, length)?)
}
