//! What does a foreign users file call things? As a mapping of events, but for any columns: without `[columns]` every field
//! and every column that is not declared becomes a column of users under its own name, and the built-in fields
//! (`data/mappings/users.toml`) need no declaration; with them, each column is a SQL expression over the raw row.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use ::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use chrono_tz::Tz;
use datafusion::common::{Result, exec_datafusion_err, plan_datafusion_err, plan_err};
use serde::Deserialize;

use super::super::convert::Kind;
use super::super::mapping::{Field, FieldEntry, Mapping, field, zone};
use crate::parquet_gate::gate;
use crate::store::users::{GIVEN_FIRST_SEEN, UPDATED_AT_OF};

const BUILT_IN: &str = include_str!("../../../data/mappings/users.toml");

/// The field that takes what is not declared of a row of text; no key of a log has this name.
pub(super) const MORE: &str = "(more)";

/// How raw rows become users.
#[derive(Clone, Debug)]
pub struct UserMapping {
    pub name: String,
    pub doc: String,
    pub(super) time_zone: Tz,
    /// Rows where this is not true are left out.
    pub(super) filter: Option<String>,
    pub(super) ignore: Vec<String>,
    pub(super) fields: Vec<Field>,
    /// Column and SQL expression; empty if each field is a column.
    pub(super) columns: Vec<(String, String)>,
}

impl UserMapping {
    /// The built-in mapping `users`.
    pub fn built_in() -> Result<Self> {
        Self::parse(BUILT_IN).map_err(|e| plan_datafusion_err!("mapping 'users': {e}"))
    }

    pub fn from_file(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| exec_datafusion_err!("mapping {}: {e}", path.display()))?;
        Self::parse(&text)
            .and_then(Self::with_built_in_fields)
            .map_err(|e| plan_datafusion_err!("mapping {}: {e}", path.display()))
    }

    /// `users`, or a file that ends in .toml.
    pub fn of(name: &str) -> Result<Self> {
        match name {
            "users" => Self::built_in(),
            file if file.ends_with(".toml") => Self::from_file(Path::new(file)),
            _ => plan_err!(
                "unknown mapping '{name}' of users; built in is users, anything else is a file ending in .toml"
            ),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: MappingFile = toml::from_str(text).map_err(|e| e.to_string())?;
        let time_zone = zone(file.time_zone.as_deref())?;
        if !file.columns.is_empty() && !file.columns.contains_key("user_id") {
            return Err("columns: 'user_id' is missing".to_owned());
        }
        for name in file.columns.keys() {
            check_name(name).map_err(|e| format!("columns: {e}"))?;
        }
        Ok(Self {
            name: file.name,
            doc: file.doc,
            time_zone,
            filter: file.filter,
            ignore: file.ignore,
            fields: file.fields.into_iter().map(field).collect::<Result<_, _>>()?,
            columns: file.columns.into_iter().collect(),
        })
    }

    /// Without expressions, the fields that are not declared otherwise are those of the built-in mapping.
    fn with_built_in_fields(mut self) -> Result<Self, String> {
        if self.columns.is_empty() {
            for field in Self::parse(BUILT_IN)?.fields {
                if !self.fields.iter().any(|known| known.name == field.name)
                    && !self.ignore.contains(&field.name)
                {
                    self.fields.push(field);
                }
            }
        }
        Ok(self)
    }

    /// The mapping by which the readers read `source`: its expressions yield the columns of users.
    pub(super) fn for_source(&self, source: &Path) -> Result<Mapping> {
        let mut mapping = Mapping::named("footfall")?;
        mapping.name = self.name.clone();
        mapping.doc = self.doc.clone();
        mapping.time_zone = self.time_zone;
        mapping.filter = self.filter.clone();
        mapping.ignore = self.ignore.clone();
        mapping.fields = self.fields.clone();
        mapping.columns = self.columns.clone();
        mapping.rest = None;
        if !self.columns.is_empty() {
            return Ok(mapping);
        }
        let mut names: Vec<String> = self.fields.iter().map(|field| field.name.clone()).collect();
        match parquet_columns(source)? {
            Some(found) => {
                let is_read = |name: &String| {
                    self.fields.iter().any(|field| field.path == *name || field.name == *name)
                        || self.ignore.contains(name)
                };
                names.extend(found.into_iter().filter(|name| !is_read(name)));
            }
            None => {
                let more = FieldEntry { path: None, kind: Kind::Map, unit: None, optional: true };
                let more = field((MORE.to_owned(), more)).map_err(|e| plan_datafusion_err!("{e}"))?;
                mapping.fields.push(more);
                mapping.rest = Some(MORE.to_owned());
            }
        }
        let quoted = |name: String| {
            let sql = format!("\"{}\"", name.replace('"', "\"\""));
            (name, sql)
        };
        mapping.columns = names.into_iter().map(quoted).collect();
        Ok(mapping)
    }
}

/// Whether a column of users can have this name; else why not.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    if ["last_seen", "first_dt", "last_dt"].contains(&name) {
        return Err(format!(
            "'{name}' is computed from page views; leave the column out (ignore in a mapping)"
        ));
    }
    if name == GIVEN_FIRST_SEEN {
        return Err(format!(
            "'{name}' is how the store names a given first_seen; call the column first_seen"
        ));
    }
    if name == UPDATED_AT_OF {
        return Err(format!("'{name}' is a column of the store's own; give it another name in a mapping"));
    }
    // Other engines refuse a Delta table with these.
    if name.is_empty() || name.contains([' ', ',', ';', '{', '}', '(', ')', '\n', '\t', '=']) {
        return Err(format!(
            "'{name}' is no name for a column of users: it is empty or has a space or one of ,;{{}}()=; give it another name in a mapping"
        ));
    }
    Ok(())
}

/// The columns of a Parquet file; `None` if it is text.
fn parquet_columns(source: &Path) -> Result<Option<Vec<String>>> {
    let mut file = File::open(source)?;
    let mut magic = Vec::with_capacity(4);
    file.by_ref().take(4).read_to_end(&mut magic)?;
    if magic != b"PAR1" {
        return Ok(None);
    }
    let mut file = File::open(source)?;
    gate(&mut file)?;
    let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())?;
    Ok(Some(metadata.schema().fields().iter().map(|field| field.name().clone()).collect()))
}

/// A mapping as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MappingFile {
    name: String,
    #[serde(default)]
    doc: String,
    time_zone: Option<String>,
    #[serde(rename = "where")]
    filter: Option<String>,
    #[serde(default)]
    ignore: Vec<String>,
    #[serde(default)]
    fields: BTreeMap<String, FieldEntry>,
    #[serde(default)]
    columns: BTreeMap<String, String>,
}
