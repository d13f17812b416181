//! Which files does a location name? A folder, a pattern or a single file, on any storage of the session.

use std::path::PathBuf;

use datafusion::catalog::Session;
use datafusion::common::{DataFusionError, Result, TableReference, plan_datafusion_err, plan_err};
use datafusion::datasource::listing::ListingTableUrl;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};
use url::Url;

/// A location as it was written, and as storage knows it.
pub(super) struct Location {
    text: String,
    pub(super) url: ListingTableUrl,
}

/// A file of the table.
pub(super) struct File {
    pub(super) meta: ObjectMeta,
    /// As the user would write it.
    pub(super) name: String,
    pub(super) url: Url,
    /// Keys of the folders `key=value` between the location and the file.
    pub(super) keys: Vec<String>,
}

impl Location {
    pub(super) fn parse(text: &str) -> Result<Self> {
        Ok(Self { text: text.to_string(), url: ListingTableUrl::parse(text)? })
    }

    /// For messages.
    pub(super) fn described(&self) -> String {
        match (self.url.get_glob(), self.url.is_collection()) {
            (Some(_), _) => format!("pattern '{}'", self.text),
            (None, true) => format!("folder '{}'", self.text),
            (None, false) => format!("'{}'", self.text),
        }
    }

    /// Why there is no file to be read.
    pub(super) fn nothing(&self, extension: &str) -> String {
        let described = self.described();
        match self.url.get_glob() {
            Some(_) => format!("no file of {described} is to be read: none matches, or all are hidden"),
            None => format!(
                "no file of {described} is to be read: none ends in {extension}, or all are hidden or in folders that \
                 are not named key=value"
            ),
        }
    }

    /// The visible files that the location names, in the order of their names.
    pub(super) async fn files(&self, state: &dyn Session, extension: &str) -> Result<Vec<File>> {
        let store = state.runtime_env().object_store(&self.url)?;
        if !self.url.is_collection() {
            let meta = store.head(self.url.prefix()).await.map_err(|error| match error {
                object_store::Error::NotFound { .. } => {
                    plan_datafusion_err!("file '{}' does not exist", self.text)
                }
                other => DataFusionError::from(other),
            })?;
            return Ok(vec![File {
                url: self.url_of(&meta.location),
                name: self.text.clone(),
                meta,
                keys: vec![],
            }]);
        }
        let listed: Vec<ObjectMeta> = store.list(Some(self.url.prefix())).try_collect().await?;
        let mut files: Vec<File> = listed.into_iter().filter_map(|meta| self.file(meta, extension)).collect();
        files.sort_by(|a, b| a.meta.location.cmp(&b.meta.location));
        Ok(files)
    }

    /// What the scan is to read: the files that were found, or the folder itself if its keys are columns or it is the
    /// place of the table called `name`.
    pub(super) fn paths(
        &self,
        files: &[File],
        extension: &str,
        name: Option<&TableReference>,
    ) -> Result<Vec<ListingTableUrl>> {
        let has_keys = files.iter().any(|file| !file.keys.is_empty());
        // The scan takes a file named `a=b` for a folder.
        let odd =
            files.iter().find(|file| file.meta.location.filename().is_some_and(|name| name.contains('=')));
        match (odd, name) {
            (Some(odd), _) if has_keys => {
                plan_err!("file '{}' is in a folder of keys, so its own name cannot hold a '='", odd.name)
            }
            (None, name) if self.is_folder() && (has_keys || name.is_some()) => {
                let folder = self.url.clone().with_glob(&format!("[!._]*{extension}"))?;
                Ok(vec![match name {
                    Some(name) => folder.with_table_ref(name.clone()),
                    None => folder,
                }])
            }
            _ => files.iter().map(|file| ListingTableUrl::try_new(file.url.clone(), None)).collect(),
        }
    }

    fn is_folder(&self) -> bool {
        self.url.is_collection() && self.url.get_glob().is_none()
    }

    /// What was listed, if it is one of the files that are meant.
    fn file(&self, meta: ObjectMeta, extension: &str) -> Option<File> {
        let segments: Vec<&str> = self.url.strip_prefix(&meta.location)?.collect();
        let (name, folders) = segments.split_last()?;
        let hidden = |name: &str| name.starts_with('.') || name.starts_with('_');
        if hidden(name) || folders.iter().any(|folder| hidden(folder) && !folder.contains('=')) {
            return None;
        }
        let rest = segments.join("/");
        let mut keys = vec![];
        match self.url.get_glob() {
            // A `*` ends at the next `/`; only `**` goes further.
            Some(pattern) => {
                let text = pattern.as_str();
                let as_deep = text.contains("**") || text.matches('/').count() == folders.len();
                if !as_deep || !pattern.matches(&rest) {
                    return None;
                }
            }
            None => {
                if !name.ends_with(extension) {
                    return None;
                }
                for folder in folders {
                    keys.push(folder.split_once('=')?.0.to_string());
                }
            }
        }
        let name = format!("{}{rest}", self.folder());
        Some(File { url: self.url_of(&meta.location), name, meta, keys })
    }

    /// The part of the text that is no pattern, up to its last `/`.
    fn folder(&self) -> String {
        let fixed = match self.url.get_glob() {
            Some(_) => {
                let end = self.text.find(['*', '?', '[']).unwrap_or(self.text.len());
                &self.text[..self.text[..end].rfind('/').map_or(0, |slash| slash + 1)]
            }
            None => self.text.as_str(),
        };
        if fixed.is_empty() || fixed.ends_with('/') { fixed.to_string() } else { format!("{fixed}/") }
    }

    fn url_of(&self, file: &Path) -> Url {
        let mut url = self.url.get_url().clone();
        url.set_path(&format!("/{}", file.as_ref().replace('%', "%25")));
        url
    }
}

impl File {
    /// Where it lies on the local disk, if it does.
    pub(super) fn local_path(&self) -> Option<PathBuf> {
        if self.url.scheme() == "file" { self.url.to_file_path().ok() } else { None }
    }
}
