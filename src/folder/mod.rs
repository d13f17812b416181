//! Files that others made, read as one table: a folder, a pattern, or several of them.
//!
//! Such files grow apart: a column is added, a number outgrows its type, two writers name a time differently. The
//! footers of all Parquet files, and the first rows of all JSON lines, are read first and their columns merged by name
//! ([`widen`]): a column that a file lacks is NULL there, a narrower type is read as the wider one. What has no common
//! type, and a Parquet file that is empty or cut short, is an error that names the files. CSV is read by the place of a
//! column ([`headers`]).
//!
//! A file whose name starts with `.` or `_` is not part of the table: writers keep there what is not finished. Of
//! sub-folders only those named `key=value` are read, and each key is a column.

mod factories;
mod files;
mod footers;
mod headers;
mod json_lines;
mod widen;

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::catalog::Session;
use datafusion::common::{Result, TableReference, plan_err};
use datafusion::datasource::file_format::FileFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig};
use datafusion::logical_expr::SortExpr;

use files::{File, Location};

pub(crate) use factories::with_folders;
pub(crate) use json_lines::{INSTEAD, first_fault};

/// What a table is made of.
pub(crate) struct Folder {
    /// Its name, if it is to take rows (`INSERT`) and files that come later.
    pub(crate) name: Option<TableReference>,
    pub(crate) format: Arc<dyn FileFormat>,
    /// End of the names of its files, such as `.parquet`; a pattern says it itself.
    pub(crate) extension: String,
    /// Folders, patterns and files, as the user wrote them.
    pub(crate) locations: Vec<String>,
    /// In which order each file is, if somebody says so.
    pub(crate) order: Vec<Vec<SortExpr>>,
}

impl Folder {
    /// Looks at every file and makes the table.
    pub(crate) async fn table(self, state: &dyn Session) -> Result<ListingTable> {
        let is_parquet = self.format.get_ext() == "parquet";
        let mut files = vec![];
        let mut paths = vec![];
        let mut storage = None;
        for text in &self.locations {
            let location = Location::parse(text)?;
            let holds = location.url.object_store();
            if *storage.get_or_insert_with(|| holds.clone()) != holds {
                return plan_err!(
                    "{} lies on another storage than '{}'",
                    location.described(),
                    self.locations[0]
                );
            }
            let mut found = location.files(state, &self.extension).await?;
            if found.is_empty() {
                return plan_err!("{}", location.nothing(&self.extension));
            }
            if !is_parquet {
                // A log that nothing was written to has no rows; Parquet has a footer even then.
                found.retain(|file| file.meta.size > 0);
                if found.is_empty() {
                    return plan_err!("every file of {} is empty", location.described());
                }
            }
            paths.extend(location.paths(&found, &self.extension, self.name.as_ref())?);
            files.extend(found);
        }
        let keys = keys(&files)?;
        let schemas = footers::schemas(state, &self.format, &files).await?;
        let named = files.iter().map(|file| file.name.as_str()).zip(&schemas);
        let merged = match self.format.get_ext().as_str() {
            "csv" => headers::merge(named, &keys)?,
            _ => widen::merge(named)?,
        };
        // The folder's name says it for all rows, whatever the files say.
        let columns = merged.fields().iter().filter(|field| !keys.contains(field.name())).cloned();
        let schema = Arc::new(Schema::new(columns.collect::<Vec<_>>()));
        let key_type = DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8));
        let options = ListingOptions::new(self.format)
            .with_file_extension("")
            .with_table_partition_cols(keys.into_iter().map(|key| (key, key_type.clone())).collect())
            .with_file_sort_order(self.order);
        let config =
            ListingTableConfig::new_with_multi_paths(paths).with_listing_options(options).with_schema(schema);
        let statistics = state.runtime_env().cache_manager.get_file_statistic_cache();
        Ok(ListingTable::try_new(config)?.with_cache(statistics))
    }
}

/// The keys of the folders `key=value` that the files lie in. Rows of a file with other keys would get lost unseen.
fn keys(files: &[File]) -> Result<Vec<String>> {
    let Some(first) = files.first() else { return Ok(vec![]) };
    match files.iter().find(|file| file.keys != first.keys) {
        Some(other) => plan_err!(
            "file '{}' and file '{}' do not lie in folders of the same keys ({} and {})",
            first.name,
            other.name,
            written(&first.keys),
            written(&other.keys)
        ),
        None => Ok(first.keys.clone()),
    }
}

fn written(keys: &[String]) -> String {
    if keys.is_empty() { "none".to_string() } else { keys.join(", ") }
}
