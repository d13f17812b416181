//! A folder of files takes the place of another one at once.
//!
//! ```text
//! DIR/.footfall-2026-03-01-7f3c….part/access/pages.csv, …, run.json     written, synced
//! DIR/2026-03-01  ⇄  DIR/.footfall-2026-03-01-7f3c….part                one exchange of names
//! ```
//! Killed at any moment, there is the old folder or the new one, whole. What a killed run left begins with `.footfall-` and
//! is cleared away by the next. Where the file system cannot exchange two names, the old folder steps aside first; a run
//! that is killed between the two steps leaves it under a name by which the next one brings it back.
//!
//! A folder that is a mount point, or beside which nothing may be made, cannot be exchanged: there the new folder is made in
//! it, and every file is put in its place, whole, one after the other.

use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::BuildHasher;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

const PREFIX: &str = ".footfall-";
const NEW: &str = ".part";
const OLD: &str = ".old";

/// A folder being filled. Dropped before it takes its place, it vanishes.
#[derive(Debug)]
pub(super) struct Staged {
    folder: PathBuf,
    target: PathBuf,
    /// Whether it stands in the target.
    is_inside: bool,
    /// Held, so that nobody takes the folder for what a killed run has left.
    _held: Option<File>,
}

/// As long as it lives, no other run writes to the same folder.
#[derive(Debug)]
pub struct Lock {
    _folder: Option<File>,
}

impl Lock {
    /// Waits until no other run holds the folder.
    pub fn wait(folder: &Path) -> io::Result<Self> {
        let file = File::open(folder).ok().filter(|file| file.lock().is_ok());
        Ok(Self { _folder: file })
    }

    /// Makes the folder if need be; `None` if another run holds it. A killed run holds nothing.
    pub fn take(folder: &Path) -> io::Result<Option<Self>> {
        fs::create_dir_all(folder)?;
        // The folder itself is locked, so that no file of ours lies around.
        let Ok(file) = File::open(folder) else { return Ok(Some(Self { _folder: None })) };
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _folder: Some(file) })),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            // A file system without locks, as some networks have.
            Err(fs::TryLockError::Error(_)) => Ok(Some(Self { _folder: None })),
        }
    }
}

impl Staged {
    /// A new folder that is to be `target`, beside it; in it where it cannot be exchanged.
    pub(super) fn create(target: &Path) -> io::Result<Self> {
        // The name may be a link: what it names is what is replaced.
        let target = fs::canonicalize(target).unwrap_or_else(|_| target.to_path_buf());
        let (above, name) = split(&target)?;
        if !is_mount_point(&target, &above) {
            fs::create_dir_all(&above)?;
            match hidden(&above, &name) {
                Ok((folder, held)) => return Ok(Self { folder, target, is_inside: false, _held: held }),
                Err(e) if is_refused(&e) && target.is_dir() => {}
                Err(e) => return Err(e),
            }
        }
        let (folder, held) = hidden(&target, &name)?;
        Ok(Self { folder, target, is_inside: true, _held: held })
    }

    /// The folder in which it stands.
    pub(super) fn place(&self) -> &Path {
        self.folder.parent().unwrap_or(&self.target)
    }

    /// Where a file of the new folder is written.
    pub(super) fn path(&self, file: &str) -> io::Result<PathBuf> {
        let path = self.folder.join(file);
        if let Some(above) = path.parent() {
            fs::create_dir_all(above)?;
        }
        Ok(path)
    }

    /// Takes over a file of the old folder as it is. Files are replaced, never written to, so two names of one are fine.
    pub(super) fn keep(&self, file: &str) -> io::Result<()> {
        let (from, to) = (self.target.join(file), self.path(file)?);
        match fs::remove_file(&to) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        fs::hard_link(&from, &to).or_else(|_| fs::copy(&from, &to).map(|_| ()))
    }

    /// Takes the place of the old folder.
    pub(super) fn commit(self) -> io::Result<()> {
        sync_tree(&self.folder)?;
        replace(&self.folder, &self.target)
        // What is left under the temporary name, the old folder, goes when `self` is dropped.
    }

    /// Brings each file to its place in the old folder, which keeps whatever else it holds: every file at once, the folder
    /// one after the other. `last` is the file that comes last.
    pub(super) fn spread(self, last: &str) -> io::Result<()> {
        sync_tree(&self.folder)?;
        let mut files = Vec::new();
        list(&self.folder, Path::new(""), &mut files)?;
        files.sort_by_key(|file| file == Path::new(last));
        for file in &files {
            let to = self.target.join(file);
            if let Some(above) = to.parent() {
                fs::create_dir_all(above)?;
            }
            fs::rename(self.folder.join(file), &to)?;
        }
        for folder in files.iter().filter_map(|file| file.parent()) {
            sync_folder(&self.target.join(folder))?;
        }
        sync_folder(&self.target)
    }

    /// Whether the old folder holds nothing but `files`, so that it may be replaced as a whole; also if there is none.
    pub(super) fn replaces_all(&self, files: &[&str]) -> io::Result<bool> {
        if !self.target.exists() {
            return Ok(true);
        }
        if self.is_inside {
            return Ok(false);
        }
        if std::env::current_dir().is_ok_and(|current| current.starts_with(&self.target)) {
            // Whoever stands in it would stand in the old one.
            return Ok(false);
        }
        let mut found = Vec::new();
        list(&self.target, Path::new(""), &mut found)?;
        Ok(found.iter().all(|file| files.iter().any(|known| file == Path::new(known))))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // What stays is cleared away by the next run.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Clears away what killed runs left in the folder, and brings back what they moved aside. Only for who holds its lock.
pub fn recover(folder: &Path) -> io::Result<()> {
    clear(folder, None)
}

/// The same of what killed runs left of one folder, beside it and in it, where no other run is at work.
pub(super) fn recover_one(target: &Path) -> io::Result<()> {
    let target = fs::canonicalize(target).unwrap_or_else(|_| target.to_path_buf());
    let (above, name) = split(&target)?;
    for place in [above, target] {
        let mut entries = fs::read_dir(&place).into_iter().flatten().flatten();
        if entries.any(|entry| is_left(&entry.file_name().to_string_lossy(), Some(&name)))
            && let Some(_lock) = Lock::take(&place)?
        {
            clear(&place, Some(&name))?;
        }
    }
    Ok(())
}

/// Whether a name is one that runs give, to the folder `of` where that is said.
fn is_left(name: &str, of: Option<&str>) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX) else { return false };
    let Some(rest) = rest.strip_suffix(NEW).or_else(|| rest.strip_suffix(OLD)) else { return false };
    of.is_none_or(|of| rest.rsplit_once('-').is_some_and(|(target, _)| target == of))
}

fn clear(folder: &Path, of: Option<&str>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // Files that are called so are being written by others.
        if !is_left(&name, of) || !entry.file_type()?.is_dir() {
            continue;
        }
        let rest = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(OLD));
        if let Some((target, _)) = rest.and_then(|rest| rest.rsplit_once('-')) {
            let target = folder.join(target);
            if !target.exists() {
                fs::rename(entry.path(), target)?;
                continue;
            }
        }
        let held = File::open(entry.path());
        if let Ok(held) = &held
            && matches!(held.try_lock(), Err(fs::TryLockError::WouldBlock))
        {
            // Of a run at work.
            continue;
        }
        match fs::remove_dir_all(entry.path()) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

/// Writes a file of the run as a whole: all of it, or what was there before. Only for who holds the folder's lock.
pub(super) fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let temporary = folder.join(format!("{PREFIX}{name}{NEW}"));
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, folder.join(name))?;
    sync_folder(folder)
}

/// A number that no other run comes to, in hexadecimal.
pub(super) fn unique() -> String {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map(|age| age.as_nanos()).unwrap_or_default();
    // The keys of a fresh hasher are random.
    format!("{:016x}", RandomState::new().hash_one((nanos, std::process::id())))
}

/// Makes a hidden folder for what is to be called `name`, and holds it.
fn hidden(place: &Path, name: &str) -> io::Result<(PathBuf, Option<File>)> {
    loop {
        let folder = place.join(format!("{PREFIX}{name}-{}{NEW}", unique()));
        fs::create_dir(&folder)?;
        let file = match File::open(&folder) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            // Where folders cannot be opened they cannot be held either.
            Err(_) => return Ok((folder, None)),
        };
        match file.try_lock() {
            Ok(()) if folder.exists() => return Ok((folder, Some(file))),
            // Somebody cleared it away before it was held.
            Ok(()) | Err(fs::TryLockError::WouldBlock) => {}
            Err(fs::TryLockError::Error(_)) => return Ok((folder, None)),
        }
    }
}

/// Whether the system does not let us make anything in a folder.
fn is_refused(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

/// Whether another file system begins at a folder, or the same one once more.
fn is_mount_point(folder: &Path, above: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    is_other_device(folder, above)
        || mounts.lines().any(|line| line.split(' ').nth(4).is_some_and(|at| Path::new(at) == folder))
}

#[cfg(unix)]
fn is_other_device(folder: &Path, above: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let device = |path: &Path| fs::metadata(path).map(|found| found.dev()).ok();
    device(folder).is_some_and(|own| device(above).is_some_and(|other| own != other))
}

#[cfg(not(unix))]
fn is_other_device(_: &Path, _: &Path) -> bool {
    false
}

fn split(target: &Path) -> io::Result<(PathBuf, String)> {
    let name = target.file_name().map(|name| name.to_string_lossy().into_owned());
    let Some(name) = name else {
        return Err(io::Error::other(format!("{} is no name of a folder", target.display())));
    };
    match target.parent() {
        Some(above) if !above.as_os_str().is_empty() => Ok((above.to_path_buf(), name)),
        _ => Ok((PathBuf::from("."), name)),
    }
}

/// Gives `new` the name `target`. Afterwards what had that name, if anything, has the name of `new`, or is gone.
fn replace(new: &Path, target: &Path) -> io::Result<()> {
    let (above, name) = split(target)?;
    if !target.exists() {
        fs::rename(new, target)?;
        return sync_folder(&above);
    }
    if exchange(new, target).is_err() {
        let aside = above.join(format!("{PREFIX}{name}-{}{OLD}", unique()));
        fs::rename(target, &aside)?;
        if let Err(e) = fs::rename(new, target) {
            fs::rename(&aside, target)?;
            return Err(e);
        }
        sync_folder(&above)?;
        return fs::remove_dir_all(&aside);
    }
    sync_folder(&above)
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE)?)
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn exchange(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Files of a folder and of those in it, by their paths in it.
fn list(folder: &Path, below: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_type()?.is_dir() { list(folder, &path, files)? } else { files.push(path) }
    }
    Ok(())
}

/// The content of all files, and all names, survive a power loss after this.
fn sync_tree(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    sync_folder(folder)
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
