//! A disk that records what is asked of it, and what may be left of that after a power loss.
//!
//! The model is the weak one of the papers on crash consistency (ALICE, and the one SQLite is tested against), not what
//! ext4 happens to do:
//! - The bytes of a file survive from [`Disk::sync_file`] on. Before it the file may be empty, zeros, cut, or whole.
//! - A name (made, replaced or removed) survives from [`Disk::sync_folder`] of its folder on. Before it each change of
//!   a name may have happened or not, whatever came before or after it; one rename happens as a whole.
//! - Syncing a file says nothing of its name, and syncing a folder nothing of the folder's own name.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use footfall::store::{Disk, OsDisk};

use crate::support::Random;

/// What the store asked of the disk, and got.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    Write(PathBuf, Bytes),
    SyncFile(PathBuf),
    Link(PathBuf, PathBuf),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    CreateFolder(PathBuf),
    SyncFolder(PathBuf),
}

/// How an operation goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not done and fails.
    Fails,
    /// It is done, and yet fails.
    DoneButFails,
    /// It is not done, and nothing is after it, as if the process had been killed.
    Killed,
}

/// A disk that remembers every operation under its folder. It syncs nothing: what would survive is for [`Model`] to say.
#[derive(Debug)]
pub(super) struct Recorder {
    folder: PathBuf,
    state: Mutex<Recording>,
}

#[derive(Debug, Default)]
struct Recording {
    operations: Vec<Operation>,
    asked: usize,
    fault: Option<(usize, Fault)>,
    hit: bool,
}

impl Recorder {
    /// `fault`: how the n-th operation goes wrong, counted from 0.
    pub(super) fn new(folder: &Path, fault: Option<(usize, Fault)>) -> Self {
        let state = Mutex::new(Recording { fault, ..Recording::default() });
        Self { folder: folder.to_path_buf(), state }
    }

    /// What was done until now.
    pub(super) fn operations(&self) -> Vec<Operation> {
        self.state().operations.clone()
    }

    /// How many operations were done until now.
    pub(super) fn count(&self) -> usize {
        self.state().operations.len()
    }

    /// Whether the fault has happened.
    pub(super) fn hit(&self) -> bool {
        self.state().hit
    }

    /// No more faults, as after a restart.
    pub(super) fn heal(&self) {
        self.state().fault = None;
    }

    fn state(&self) -> MutexGuard<'_, Recording> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One operation at a time, so that the record has them in the order in which they were done.
    fn perform(&self, operation: Operation, run: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let state = &mut *self.state();
        let number = state.asked;
        state.asked += 1;
        let fault = match state.fault {
            Some((at, Fault::Killed)) if at <= number => Some(Fault::Killed),
            Some((at, fault)) if at == number => Some(fault),
            _ => None,
        };
        state.hit |= fault.is_some();
        let broken = || Err(io::Error::other("the disk fails here, for a test"));
        if matches!(fault, Some(Fault::Fails | Fault::Killed)) {
            return broken();
        }
        run()?;
        state.operations.push(operation);
        if fault.is_some() { broken() } else { Ok(()) }
    }
}

impl Disk for Recorder {
    fn write(&self, path: &Path, parts: &[Bytes]) -> io::Result<()> {
        let operation = Operation::Write(path.to_path_buf(), parts.concat().into());
        self.perform(operation, || OsDisk.write(path, parts))
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.perform(Operation::SyncFile(path.to_path_buf()), || fs::metadata(path).map(drop))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let operation = Operation::Link(from.to_path_buf(), to.to_path_buf());
        self.perform(operation, || OsDisk.link(from, to))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let operation = Operation::Rename(from.to_path_buf(), to.to_path_buf());
        self.perform(operation, || OsDisk.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.perform(Operation::Remove(path.to_path_buf()), || OsDisk.remove(path))
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.perform(Operation::CreateFolder(path.to_path_buf()), || OsDisk.create_folder(path))
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        if !path.starts_with(&self.folder) {
            // The test's own folder, and what is above it, was there before.
            return Ok(());
        }
        self.perform(Operation::SyncFolder(path.to_path_buf()), || fs::metadata(path).map(drop))
    }
}

/// A file system in memory that knows what is on disk and what is on its way there.
#[derive(Clone, Debug)]
pub(super) struct Model {
    root: PathBuf,
    folders: BTreeMap<PathBuf, Folder>,
    files: Vec<File>,
}

#[derive(Clone, Debug, Default)]
struct Folder {
    on_disk: BTreeMap<OsString, Entry>,
    /// Changes since the last sync, in order; each happens as a whole or not at all.
    pending: Vec<Vec<(OsString, Option<Entry>)>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    Folder,
    File(usize),
}

#[derive(Clone, Debug)]
struct File {
    bytes: Bytes,
    on_disk: bool,
}

/// What is left of bytes that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Left {
    Nothing,
    Zeros,
    Half,
    Whole,
}

impl Left {
    pub(super) const ALL: [Self; 4] = [Self::Nothing, Self::Zeros, Self::Half, Self::Whole];
}

/// What happens to everything that was not synced.
pub(super) enum Loss<'a> {
    /// No name made it.
    Names,
    /// All names made it, and so much of the bytes.
    Bytes(Left),
    /// Each name and each file for itself.
    Random(&'a mut Random),
}

/// A state of the disk: paths from the root, of files with what they hold.
pub(super) type Tree = BTreeMap<PathBuf, Option<(usize, Left)>>;

impl Model {
    /// What lies in `root` is all on disk.
    pub(super) fn of(root: &Path) -> Self {
        let mut model = Self { root: root.to_path_buf(), folders: BTreeMap::new(), files: Vec::new() };
        let mut folders = vec![root.to_path_buf()];
        while let Some(path) = folders.pop() {
            let mut folder = Folder::default();
            for entry in fs::read_dir(&path).expect("a folder of the test").flatten() {
                let is_folder = entry.path().is_dir();
                if is_folder {
                    folders.push(entry.path());
                } else {
                    let bytes = fs::read(entry.path()).expect("a file of the test").into();
                    model.files.push(File { bytes, on_disk: true });
                }
                let kind = if is_folder { Entry::Folder } else { Entry::File(model.files.len() - 1) };
                folder.on_disk.insert(entry.file_name(), kind);
            }
            model.folders.insert(path, folder);
        }
        model
    }

    pub(super) fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Write(path, bytes) => {
                self.files.push(File { bytes: bytes.clone(), on_disk: false });
                self.change(path, Some(Entry::File(self.files.len() - 1)));
            }
            Operation::SyncFile(path) => {
                let Some(Entry::File(file)) = self.entry(path) else { panic!("{operation:?}: no file") };
                self.files[file].on_disk = true;
            }
            Operation::Link(from, to) => {
                let file = self.entry(from);
                self.change(to, file);
            }
            Operation::Rename(from, to) => {
                let file = self.entry(from);
                assert_eq!(from.parent(), to.parent(), "a rename between folders is not one change");
                let (folder, name) = self.place(to);
                let gone = from.file_name().expect("a name").to_os_string();
                folder.pending.push(vec![(gone, None), (name.to_os_string(), file)]);
            }
            Operation::Remove(path) => self.change(path, None),
            Operation::CreateFolder(path) => {
                if self.entry(path).is_none() {
                    self.folders.insert(path.clone(), Folder::default());
                    self.change(path, Some(Entry::Folder));
                }
            }
            Operation::SyncFolder(path) => {
                let folder = self.folders.get_mut(path).unwrap_or_else(|| panic!("{operation:?}: no folder"));
                folder.on_disk = folder.names(|| true);
                folder.pending.clear();
            }
        }
    }

    /// The state that running programs see.
    pub(super) fn now(&self) -> Tree {
        self.after(&mut Loss::Bytes(Left::Whole))
    }

    /// A state that a power loss may leave.
    pub(super) fn after(&self, loss: &mut Loss<'_>) -> Tree {
        let mut tree = Tree::new();
        let mut folders = vec![self.root.clone()];
        while let Some(path) = folders.pop() {
            let names = self.folders[&path].names(|| match loss {
                Loss::Names => false,
                Loss::Bytes(_) => true,
                Loss::Random(random) => random.below(2) == 0,
            });
            for (name, entry) in names {
                let path = path.join(name);
                let relative = path.strip_prefix(&self.root).expect("a path under the root").to_path_buf();
                let held = match entry {
                    Entry::Folder => {
                        folders.push(path);
                        None
                    }
                    Entry::File(file) if self.files[file].on_disk => Some((file, Left::Whole)),
                    Entry::File(file) => Some((
                        file,
                        match loss {
                            Loss::Names => Left::Nothing,
                            Loss::Bytes(left) => *left,
                            Loss::Random(random) => Left::ALL[random.below(Left::ALL.len())],
                        },
                    )),
                };
                tree.insert(relative, held);
            }
        }
        tree
    }

    /// Writes a state into an empty folder.
    pub(super) fn write(&self, tree: &Tree, root: &Path) {
        for (path, held) in tree {
            let path = root.join(path);
            let written = match held {
                None => fs::create_dir(&path),
                Some((file, left)) => fs::write(&path, self.bytes(*file, *left)),
            };
            written.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        }
    }

    pub(super) fn bytes(&self, file: usize, left: Left) -> Bytes {
        let bytes = &self.files[file].bytes;
        match left {
            Left::Nothing => Bytes::new(),
            Left::Zeros => vec![0; bytes.len()].into(),
            Left::Half => bytes.slice(..bytes.len() / 2),
            Left::Whole => bytes.clone(),
        }
    }

    fn entry(&self, path: &Path) -> Option<Entry> {
        let folder = self.folders.get(path.parent()?)?;
        folder.names(|| true).get(path.file_name()?).copied()
    }

    fn change(&mut self, path: &Path, entry: Option<Entry>) {
        let (folder, name) = self.place(path);
        folder.pending.push(vec![(name.to_os_string(), entry)]);
    }

    fn place<'a>(&mut self, path: &'a Path) -> (&mut Folder, &'a OsStr) {
        let parent = path.parent().expect("a path with a folder");
        let folder = self.folders.get_mut(parent);
        (
            folder.unwrap_or_else(|| panic!("{}: a change in no folder", path.display())),
            path.file_name().expect("a path with a name"),
        )
    }
}

impl Folder {
    /// The names on disk, and those changes on their way there that `kept` keeps.
    fn names(&self, mut kept: impl FnMut() -> bool) -> BTreeMap<OsString, Entry> {
        let mut names = self.on_disk.clone();
        for change in &self.pending {
            if !kept() {
                continue;
            }
            for (name, entry) in change {
                match entry {
                    Some(entry) => names.insert(name.clone(), *entry),
                    None => names.remove(name),
                };
            }
        }
        names
    }
}
