//! A file's name in quotes is a table: `select * from 'logs/events.jsonl'`.
//!
//! Before a statement is planned, each table name that looks like a file is registered as one. Compressed files
//! (`.gz`, `.zst`, `.bz2`, `.xz`), patterns (`'logs/*.csv'`) and folders of one kind of file work too.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use datafusion::common::{DataFusionError, Result, TableReference, plan_datafusion_err, plan_err};
use datafusion::datasource::TableProvider;
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::execution::SessionState;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;

use crate::ask::errors::Usage;
use crate::error::did_you_mean;
use crate::folder::{Folder, INSTEAD, first_fault};
use crate::parquet_gate::gate;

const COMPRESSIONS: [&str; 5] = ["gz", "gzip", "zst", "bz2", "xz"];

/// Registers the files that a statement names as tables.
pub(super) async fn register_files(context: &SessionContext, statement: &Statement) -> Result<()> {
    let state = context.state();
    for reference in state.resolve_table_references(statement)? {
        let TableReference::Bare { table } = &reference else {
            continue;
        };
        if !looks_like_a_file(table, statement) || context.table_exist(reference.clone())? {
            continue;
        }
        let provider = table_of(&state, table).await?;
        let registered = context.register_table(reference.clone(), provider);
        // Another report of the run may have come first.
        if registered.is_err() && !context.table_exist(reference.clone())? {
            registered?;
        }
    }
    Ok(())
}

/// Fails if a statement names a file, in a session that knows the store's tables and no files. Only the name is looked at, so
/// that nobody learns which files there are.
pub(super) fn refuse_files(context: &SessionContext, statement: &Statement) -> Result<()> {
    for reference in context.state().resolve_table_references(statement)? {
        let TableReference::Bare { table } = &reference else {
            continue;
        };
        let is_file = has_the_name_of_a_file(table) || table.contains("://");
        if is_file && !context.table_exist(reference.clone())? {
            return Err(Usage::error(format!(
                "--read-only: '{table}' names a file, but this session reads the tables and views of a store alone \
                 (--store DIR); SHOW TABLES lists them"
            )));
        }
    }
    Ok(())
}

fn looks_like_a_file(name: &str, statement: &Statement) -> bool {
    let path = Path::new(name);
    !name.contains("://")
        && (has_the_name_of_a_file(name)
            || has_a_log(path)
            // A word is a folder in quotes alone: a folder must not take the name of a table that is about to be made.
            || (path.is_dir() && is_quoted(name, statement) && first_known_file(path).is_some()))
}

fn is_quoted(name: &str, statement: &Statement) -> bool {
    let written = statement.to_string();
    ['\'', '"'].iter().any(|quote| written.contains(&format!("{quote}{name}{quote}")))
}

fn has_the_name_of_a_file(name: &str) -> bool {
    name.contains(['/', '\\']) || Kind::of(name).is_some()
}

/// Whether the folder is a store or a table of one.
fn has_a_log(path: &Path) -> bool {
    path.join("_delta_log").is_dir() || path.join("events").join("_delta_log").is_dir()
}

async fn table_of(state: &SessionState, name: &str) -> Result<Arc<dyn TableProvider>> {
    let path = Path::new(name);
    let is_pattern = name.contains(['*', '?', '[']);
    if !is_pattern && !path.exists() {
        let near = neighbours(path);
        let near: Vec<&str> = near.iter().map(String::as_str).collect();
        return plan_err!("file '{name}' does not exist{}", did_you_mean(name, &near));
    }
    let is_folder = path.is_dir();
    if has_a_log(path) {
        return plan_err!(
            "'{name}' belongs to a table with a log, and such a folder also holds files that were replaced; \
             open the store instead: --store DIR"
        );
    }
    let example = if is_folder { first_known_file(path) } else { Some(name.to_string()) };
    let Some(kind) = example.as_deref().and_then(Kind::of) else {
        return plan_err!(
            "cannot tell what '{name}' holds: a file that is a table ends in .parquet, .csv, .tsv, .json, .jsonl, \
             .ndjson or .arrow, with or without .gz, .zst, .bz2 or .xz behind it; others can be named by \
             CREATE EXTERNAL TABLE"
        );
    };
    let format = kind.file_format(state)?;
    if is_folder || is_pattern {
        let folder = Folder {
            name: None,
            format,
            extension: kind.extension,
            locations: vec![name.to_string()],
            order: vec![],
        };
        return Ok(Arc::new(folder.table(state).await?));
    }
    if kind.format == "parquet" && kind.compression.is_none() {
        gate(&mut File::open(path)?).map_err(|e| e.context(format!("file '{name}'")))?;
    }
    let options = ListingOptions::new(format).with_file_extension("");
    let config = ListingTableConfig::new(ListingTableUrl::parse(name)?).with_listing_options(options);
    let is_json = kind.format == "json";
    let about = |e: DataFusionError| match is_json.then(|| first_fault(path, None)).flatten() {
        Some(fault) => plan_datafusion_err!("file '{name}', {fault}; {INSTEAD}"),
        None => e.context(format!("file '{name}'")),
    };
    let config = config.infer_schema(state).await.map_err(about)?;
    Ok(Arc::new(ListingTable::try_new(config)?))
}

/// What a file's name says about its content.
struct Kind {
    /// DataFusion's name of the format.
    format: &'static str,
    /// The name's end, with the compression.
    extension: String,
    compression: Option<&'static str>,
    tabs: bool,
}

impl Kind {
    fn of(name: &str) -> Option<Self> {
        let (stem, last) = name.rsplit_once('.')?;
        let compression = COMPRESSIONS.into_iter().find(|known| last.eq_ignore_ascii_case(known));
        let inner = match compression {
            Some(_) => stem.rsplit_once('.')?.1,
            None => last,
        };
        let (format, tabs) = match inner.to_ascii_lowercase().as_str() {
            "parquet" => ("parquet", false),
            "csv" => ("csv", false),
            "tsv" => ("csv", true),
            "json" | "jsonl" | "ndjson" => ("json", false),
            "arrow" => ("arrow", false),
            _ => return None,
        };
        let extension = match compression {
            Some(_) => format!(".{inner}.{last}"),
            None => format!(".{inner}"),
        };
        Some(Self { format, extension, compression, tabs })
    }

    fn file_format(&self, state: &SessionState) -> Result<Arc<dyn FileFormat>> {
        let mut options = HashMap::new();
        if let Some(compression) = self.compression {
            let compression = if compression == "gzip" { "gz" } else { compression };
            options.insert("format.compression".to_string(), compression.to_string());
        }
        if self.tabs {
            options.insert("format.delimiter".to_string(), "\t".to_string());
        }
        let Some(factory) = state.get_file_format_factory(self.format) else {
            return plan_err!("this build cannot read {} files", self.format);
        };
        factory.create(state, &options)
    }
}

fn first_known_file(folder: &Path) -> Option<String> {
    let mut entries: Vec<_> = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    let hidden =
        |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(['.', '_']));
    entries.retain(|path| !hidden(path));
    let name = |path: &Path| path.to_string_lossy().into_owned();
    entries
        .iter()
        .filter(|path| path.is_file())
        .map(|path| name(path))
        .find(|name| Kind::of(name).is_some())
        .or_else(|| entries.iter().filter(|path| path.is_dir()).find_map(|path| first_known_file(path)))
}

/// The names beside a missing file, spelt as it was.
fn neighbours(path: &Path) -> Vec<String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Ok(entries) = std::fs::read_dir(folder.unwrap_or(Path::new("."))) else {
        return Vec::new();
    };
    entries
        .flatten()
        .map(|entry| match folder {
            Some(folder) => folder.join(entry.file_name()).to_string_lossy().into_owned(),
            None => entry.file_name().to_string_lossy().into_owned(),
        })
        .collect()
}
