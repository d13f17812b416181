//! An object store on a local folder whose `put` is durable when it returns.
//!
//! object_store 0.13 never calls fsync, so a commit that it acknowledged can be gone, or be an empty log file, after a
//! power loss. Here a name becomes visible only when its content is on disk:
//!
//! ```text
//! write .tmp ─▶ fsync .tmp ─▶ link (create) or rename (overwrite) ─▶ fsync folder, and every folder made on the way
//! ```
//!
//! Reads go to [`LocalFileSystem`]. To be dropped when DataFusion moves to object_store 0.14, which can fsync.

use std::fmt::{Display, Formatter};
use std::io;
use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
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
}

impl DurableFolder {
    /// The whole file system, as deltalake addresses a table by its path from `/`.
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk, reader: Arc::new(LocalFileSystem::new()) }
    }

    fn write(&self, location: &Path, parts: &[Bytes], mode: &PutMode) -> Result<()> {
        let target = self.reader.path_to_filesystem(location)?;
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AlreadyExists => {
                Error::AlreadyExists { path: target.display().to_string(), source: source.into() }
            }
            _ => Error::Generic {
                store: "store",
                source: io::Error::new(source.kind(), format!("{}: {source}", target.display())).into(),
            },
        };
        let folder = target.parent().unwrap_or(FsPath::new("/")).to_path_buf();
        self.make_folder(&folder).map_err(failed)?;
        let temporary = temporary_beside(&folder);
        let written = self
            .disk
            .write(&temporary, parts)
            .and_then(|()| self.disk.sync_file(&temporary))
            .and_then(|()| self.publish(&temporary, &target, mode))
            .and_then(|()| self.disk.sync_folder(&folder));
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
                self.disk.remove(temporary)
            }
            _ => self.disk.rename(temporary, target),
        }
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
        tokio::task::spawn_blocking(move || this.write(&location, &parts, &opts.mode))
            .await
            .map_err(|source| Error::JoinError { source })??;
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
        self.reader.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.reader.list(prefix)
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
