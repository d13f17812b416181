//! The few operations on a file system by which a store changes.
//!
//! Everything that makes a commit durable goes through [`Disk`], so that a test can record the operations of the
//! shipped store, or stop the process between any two of them.

use std::fmt::Debug;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// What the store asks of a file system.
pub trait Disk: Debug + Send + Sync + 'static {
    /// Creates the file, which must not exist, with these bytes. Not durable before [`Disk::sync_file`].
    fn write(&self, path: &Path, parts: &[bytes::Bytes]) -> io::Result<()>;
    /// The file's content survives a power loss after this.
    fn sync_file(&self, path: &Path) -> io::Result<()>;
    /// Gives a file a second name; fails with `AlreadyExists` if that name is taken.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Replaces whatever has the name `to`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a name.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Creates one folder; no error if it exists.
    fn create_folder(&self, path: &Path) -> io::Result<()>;
    /// The folder's names survive a power loss after this.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
}

/// The operating system's file system.
#[derive(Debug, Default)]
pub struct OsDisk;

impl Disk for OsDisk {
    fn write(&self, path: &Path, parts: &[bytes::Bytes]) -> io::Result<()> {
        let mut file = File::create_new(path)?;
        parts.iter().try_for_each(|part| file.write_all(part))
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        match fs::create_dir(path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        }
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}
