//! An output file appears whole or not at all.
//!
//! The rows go to a hidden file beside the target, which takes the target's name only once its bytes are on the disk.
//! Dropped before [`OutputFile::commit`], by an error or a cancelled run, it vanishes, and whatever had the name stays.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use datafusion::common::{DataFusionError, Result};
use tempfile::NamedTempFile;

/// A file being written.
#[derive(Debug)]
pub struct OutputFile {
    target: PathBuf,
    writer: Writer,
}

#[derive(Debug)]
enum Writer {
    Temporary(BufWriter<NamedTempFile>),
    /// A device or pipe, such as /dev/null, cannot be replaced by a file.
    Device(BufWriter<File>),
}

impl OutputFile {
    /// Opens the hidden file; folders on the way to the target are made.
    pub fn create(target: &Path) -> Result<Self> {
        let failed = |e: io::Error| cannot_write(target, &e);
        // The name may be a link: its target is what is replaced.
        let target = fs::canonicalize(target).unwrap_or_else(|_| target.to_path_buf());
        if let Ok(found) = fs::metadata(&target) {
            if found.is_dir() {
                return Err(failed(io::Error::other("it is a folder")));
            }
            if !found.is_file() {
                let device = File::options().write(true).open(&target).map_err(failed)?;
                return Ok(Self { target, writer: Writer::Device(BufWriter::new(device)) });
            }
        }
        let folder = folder_of(&target);
        fs::create_dir_all(&folder).map_err(failed)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(".footfall-").suffix(".part");
        readable_by_others(&mut builder);
        let temporary = builder.tempfile_in(&folder).map_err(failed)?;
        Ok(Self { target, writer: Writer::Temporary(BufWriter::with_capacity(1 << 16, temporary)) })
    }

    /// Makes the bytes durable, then gives them their name.
    pub fn commit(self) -> Result<()> {
        let target = self.target;
        let written = match self.writer {
            Writer::Device(mut device) => device.flush(),
            Writer::Temporary(writer) => {
                writer.into_inner().map_err(|e| e.into_error()).and_then(|temporary| {
                    temporary.as_file().sync_all()?;
                    temporary.persist(&target).map_err(|e| e.error)?;
                    sync_folder(&folder_of(&target))
                })
            }
        };
        written.map_err(|e| cannot_write(&target, &e))
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.writer {
            Writer::Temporary(writer) => writer.write(bytes),
            Writer::Device(writer) => writer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.writer {
            Writer::Temporary(writer) => writer.flush(),
            Writer::Device(writer) => writer.flush(),
        }
    }
}

fn folder_of(target: &Path) -> PathBuf {
    match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

fn cannot_write(target: &Path, error: &io::Error) -> DataFusionError {
    DataFusionError::Execution(format!("cannot write {}: {error}", target.display()))
}

/// A temporary file is private by default; an output file has the rights of any new file.
#[cfg(unix)]
fn readable_by_others(builder: &mut tempfile::Builder<'_, '_>) {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(fs::Permissions::from_mode(0o666));
}

#[cfg(not(unix))]
fn readable_by_others(_builder: &mut tempfile::Builder<'_, '_>) {}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}
