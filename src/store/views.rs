//! Views that somebody saved: files of SQL in the store's folder `views`, each named after its view.
//!
//! ```text
//! STORE/views/buyers.sql      one query, with or without comment lines above it
//! ```
//! People may edit them by hand. They belong to no version of the tables: who opens the store reads them as they are.

use std::io::ErrorKind;
use std::path::{Path as FsPath, PathBuf};

use datafusion::common::{Result, exec_datafusion_err, plan_err};
use object_store::{ObjectStore, PutMode, PutOptions, PutPayload};
use xxhash_rust::xxh3::xxh3_128;

use super::Store;

const FOLDER: &str = "views";
const EXTENSION: &str = "sql";

/// What a file may be called: no more than file systems take, with the extension.
const LONGEST_NAME: usize = 200;

/// A file of the folder.
#[derive(Debug, Clone)]
pub struct SavedView {
    /// The view's name: that of the file, without the extension.
    pub name: String,
    pub file: PathBuf,
    /// What the file holds, or why it cannot be read.
    pub text: std::result::Result<String, String>,
}

/// Whether a view of this name may be saved: `[a-z][a-z0-9_]*`, which needs no quotes in SQL and is the same on every file
/// system.
pub fn is_view_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

impl Store {
    /// The saved views, by name. A file whose name is no name of a view is left out.
    pub fn saved_views(&self) -> Result<Vec<SavedView>> {
        let folder = self.root.join(FOLDER);
        let failed = |e: std::io::Error| exec_datafusion_err!("cannot read {}: {e}", folder.display());
        let entries = match std::fs::read_dir(&folder) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut views = Vec::new();
        for entry in entries {
            let file = entry.map_err(failed)?.path();
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let is_sql = file.extension().is_some_and(|extension| extension == EXTENSION);
            if is_sql && is_view_name(&name) && file.is_file() {
                views.push(SavedView { text: read(&file), name, file });
            }
        }
        views.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(views)
    }

    /// What all saved views say, hashed; empty where there are none.
    pub fn saved_views_version(&self) -> Result<String> {
        let mut all = Vec::new();
        for view in self.saved_views()? {
            let text = view.text.unwrap_or_default();
            // The length says where a text ends, whatever it holds.
            all.extend(format!("{} {} ", view.name, text.len()).into_bytes());
            all.extend(text.into_bytes());
        }
        Ok(if all.is_empty() { String::new() } else { format!("{:032x}", xxh3_128(&all)) })
    }

    /// Saves a view; with `or_replace` in place of one of the same name. A power loss after this does not take it away.
    pub(crate) async fn save_view(&self, name: &str, text: &str, or_replace: bool) -> Result<()> {
        let location = self.location(FOLDER, &format!("{name}.{EXTENSION}"))?;
        let mode = if or_replace { PutMode::Overwrite } else { PutMode::Create };
        let options = PutOptions { mode, ..PutOptions::default() };
        match self.folder.put_opts(&location, PutPayload::from(text.to_string()), options).await {
            Err(object_store::Error::AlreadyExists { .. }) => {
                plan_err!("view {name} exists; CREATE OR REPLACE VIEW {name} replaces it")
            }
            done => Ok(done.map(|_| ())?),
        }
    }

    /// Removes a saved view; whether there was one.
    pub(crate) async fn remove_view(&self, name: &str) -> Result<bool> {
        let file = self.root.join(FOLDER).join(format!("{name}.{EXTENSION}"));
        Ok(self.folder.clone().remove_name(file).await?)
    }
}

fn read(file: &FsPath) -> std::result::Result<String, String> {
    let bytes = std::fs::read(file).map_err(|e| e.to_string())?;
    let text = String::from_utf8(bytes)
        .map_err(|e| format!("byte {} is not UTF-8 text", e.utf8_error().valid_up_to()))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_string).unwrap_or(text))
}
