//! An object store on a local folder whose `put` is durable when it returns.
//!
//! object_store 0.13 never calls fsync, so a commit that it acknowledged can be gone, or be an empty log file, after a
//! power loss. Here a name becomes visible only when its content is on disk:
//!
//! ```text
//! write .tmp ─▶ fsync .tmp ─▶ link (create) or rename (overwrite) ─▶ fsync folder, and those above it, once
//! ```
//!
//! The name itself is seen by others before its folder is synced, and whoever gave it may be killed in between. So the
//! folder of a log is synced before its names are told: what a reader is shown survives, and "has landed before" is
//! as good as an acknowledgement. On a folder in which nothing changed this takes microseconds.
//!
//! Reads go to [`LocalFileSystem`]. To be dropped when DataFusion moves to object_store 0.14, which can fsync.

use std::collections::HashSet;
use std::fmt::{Display, Formatter};
use std::io;
use std::path::{Path as FsPath, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

use super::disk::Disk;
use super::unique::unique;

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct DurableFolder {
    disk: Arc<dyn Disk>,
    reader: Arc<LocalFileSystem>,
    /// Folders whose own names are known to be on disk, each in the folder above.
    named: Arc<Mutex<HashSet<PathBuf>>>,
}

impl DurableFolder {
    /// The whole file system, as deltalake addresses a table by its path from `/`.
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk, reader: Arc::new(LocalFileSystem::new()), named: Arc::default() }
    }

    fn write(&self, location: &Path, parts: &[Bytes], mode: &PutMode) -> Result<()> {
        let target = self.reader.path_to_filesystem(location)?;
        let failed = |source: io::Error| failed(&target, source);
        let folder = target.parent().unwrap_or(FsPath::new("/")).to_path_buf();
        self.make_folder(&folder).map_err(failed)?;
        let temporary = temporary_beside(&folder);
        let written = self
            .disk
            .write(&temporary, parts)
            .and_then(|()| self.disk.sync_file(&temporary))
            .and_then(|()| self.publish(&temporary, &target, mode))
            .and_then(|()| self.sync(&folder));
        if written.is_err() {
            // Best effort: a left-over starts with a dot and is no part of the table.
            self.disk.remove(&temporary).ok();
        }
        written.map_err(failed)
    }

    fn publish(&self, temporary: &FsPath, target: &FsPath, mode: &PutMode) -> io::Result<()> {
        match mode {
            PutMode::Create => {
                self.disk.link(temporary, target)?;
                // From here on others see it: a name too many is no reason to call it failed.
                self.disk.remove(temporary).ok();
                Ok(())
            }
            _ => self.disk.rename(temporary, target),
        }
    }

    /// The names in `folder` survive a power loss after this, and so does its own.
    pub(crate) fn sync(&self, folder: &FsPath) -> io::Result<()> {
        self.disk.sync_folder(folder)?;
        // Who made the folder may have been killed before it synced the one above.
        let unknown: Vec<&FsPath> = {
            let named = self.named();
            folder.ancestors().take_while(|folder| !named.contains(*folder)).collect()
        };
        for above in unknown.iter().filter_map(|folder| folder.parent()) {
            match self.disk.sync_folder(above) {
                Err(e) if !is_read_only(&e) => return Err(e),
                _ => {}
            }
        }
        self.named().extend(unknown.into_iter().map(FsPath::to_path_buf));
        Ok(())
    }

    fn named(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The files of a log, none of which a power loss can take away again.
    async fn list_log(self, log: Path, offset: Option<Path>) -> Result<Vec<ObjectMeta>> {
        // A listing that others add to meanwhile may have the later of two names and not the earlier one; what was there
        // before a listing began is in it.
        let mut holes = None;
        let files = loop {
            let listed = match &offset {
                Some(offset) => self.reader.list_with_offset(Some(&log), offset),
                None => self.reader.list(Some(&log)),
            };
            let files: Vec<ObjectMeta> = listed.try_collect().await?;
            let found = missing_versions(&files);
            if found.is_empty() || holes.as_ref() == Some(&found) {
                break files;
            }
            holes = Some(found);
        };
        if !files.is_empty() {
            let folder = self.reader.path_to_filesystem(&log)?;
            blocking(move || match self.sync(&folder) {
                Err(e) if !is_read_only(&e) => Err(failed(&folder, e)),
                _ => Ok(()),
            })
            .await?;
        }
        Ok(files)
    }

    async fn delete(self, location: Path) -> Result<Path> {
        let target = self.reader.path_to_filesystem(&location)?;
        blocking(move || self.disk.remove(&target).map_err(|e| failed(&target, e))).await?;
        Ok(location)
    }

    /// Takes a file away for good; whether there was one.
    pub(crate) async fn remove_name(self, target: PathBuf) -> Result<bool> {
        blocking(move || {
            match self.disk.remove(&target) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
                Err(e) => return Err(failed(&target, e)),
                Ok(()) => {}
            }
            let folder = target.parent().unwrap_or(FsPath::new("/"));
            self.sync(folder).map_err(|e| failed(folder, e))?;
            Ok(true)
        })
        .await
    }

    /// Creates `folder` and its missing parents, each synced in its own parent.
    pub(crate) fn make_folder(&self, folder: &FsPath) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        if let Some(parent) = folder.parent() {
            self.make_folder(parent)?;
            self.disk.create_folder(folder)?;
            self.disk.sync_folder(parent)?;
        }
        Ok(())
    }
}

/// Versions between the first and the last that have no entry.
fn missing_versions(files: &[ObjectMeta]) -> Vec<u64> {
    let version = |file: &ObjectMeta| file.location.filename()?.strip_suffix(".json")?.parse::<u64>().ok();
    let mut versions: Vec<u64> = files.iter().filter_map(version).collect();
    versions.sort_unstable();
    versions.windows(2).flat_map(|pair| pair[0] + 1..pair[1]).collect()
}

/// Whether a folder cannot be synced because it cannot be changed, or not by us: then nothing of ours is unsynced in it.
fn is_read_only(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem, Unsupported};
    matches!(error.kind(), InvalidInput | PermissionDenied | ReadOnlyFilesystem | Unsupported)
}

fn failed(target: &FsPath, source: io::Error) -> Error {
    let path = target.display().to_string();
    match source.kind() {
        io::ErrorKind::AlreadyExists => Error::AlreadyExists { path, source: source.into() },
        io::ErrorKind::NotFound => Error::NotFound { path, source: source.into() },
        kind => Error::Generic {
            store: "store",
            source: io::Error::new(kind, format!("{path}: {source}")).into(),
        },
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|source| Error::JoinError { source })?
}

/// A fresh name in `folder`. It starts with a dot, so that readers and vacuums of other engines leave it alone.
fn temporary_beside(folder: &FsPath) -> PathBuf {
    folder.join(format!(".{:032x}.tmp", unique()))
}

impl Display for DurableFolder {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str("DurableFolder")
    }
}

#[async_trait]
impl ObjectStore for DurableFolder {
    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let (this, location) = (self.clone(), location.clone());
        let parts: Vec<Bytes> = payload.into_iter().collect();
        blocking(move || this.write(&location, &parts, &opts.mode)).await?;
        Ok(PutResult { e_tag: None, version: None })
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        // Only checkpoints of the log come this way, and they are small: gathered in memory, then one durable put.
        Ok(Box::new(GatheredUpload { folder: self.clone(), location: location.clone(), parts: Vec::new() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.reader.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[std::ops::Range<u64>]) -> Result<Vec<Bytes>> {
        self.reader.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let this = self.clone();
        locations
            .map(move |location| {
                let this = this.clone();
                async move { this.delete(location?).await }
            })
            .buffered(10)
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match prefix.filter(|prefix| prefix.filename() == Some("_delta_log")) {
            Some(log) => futures::stream::once(self.clone().list_log(log.clone(), None))
                .map_ok(|files| futures::stream::iter(files.into_iter().map(Ok::<_, Error>)))
                .try_flatten()
                .boxed(),
            None => self.reader.list(prefix),
        }
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        // Not by way of `list`: of a long log only what is behind the offset is looked at.
        match prefix.filter(|prefix| prefix.filename() == Some("_delta_log")) {
            Some(log) => futures::stream::once(self.clone().list_log(log.clone(), Some(offset.clone())))
                .map_ok(|files| futures::stream::iter(files.into_iter().map(Ok::<_, Error>)))
                .try_flatten()
                .boxed(),
            None => self.reader.list_with_offset(prefix, offset),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.reader.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.reader.copy_opts(from, to, options).await
    }
}

#[derive(Debug)]
struct GatheredUpload {
    folder: DurableFolder,
    location: Path,
    parts: Vec<Bytes>,
}

#[async_trait]
impl MultipartUpload for GatheredUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.parts.extend(data);
        Box::pin(futures::future::ready(Ok(())))
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let parts: PutPayload = std::mem::take(&mut self.parts).into_iter().collect();
        self.folder.put_opts(&self.location, parts, PutOptions::default()).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.parts.clear();
        Ok(())
    }
}
