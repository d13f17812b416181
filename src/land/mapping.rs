//! What does a foreign log call things? A mapping is data: which fields a raw row has, which rows count, and each event
//! column as a SQL expression over the raw row. `data/mappings/` holds those that are built in.

use std::collections::BTreeMap;
use std::path::Path;

use chrono_tz::Tz;
use datafusion::common::{Result, exec_datafusion_err, plan_datafusion_err, plan_err};
use serde::Deserialize;

use super::convert::Kind;
use super::instant::Unit;
use crate::error::did_you_mean;
use crate::store::schema::event_schema;

/// The built-in mappings: name and text.
const BUILT_IN: [(&str, &str); 3] = [
    ("footfall", include_str!("../../data/mappings/footfall.toml")),
    ("nasa", include_str!("../../data/mappings/nasa.toml")),
    ("bench", include_str!("../../data/mappings/bench.toml")),
];

/// The columns without which a row is no event.
const NEEDED: [&str; 3] = ["user_id", "ts", "event"];

/// How raw rows become events.
#[derive(Clone, Debug)]
pub struct Mapping {
    pub name: String,
    pub doc: String,
    /// Zone of times that name none.
    pub(super) time_zone: Tz,
    /// Rows where this is not true are left out.
    pub(super) filter: Option<String>,
    /// The `map` field that takes every key or column that is not declared.
    pub(super) rest: Option<String>,
    /// Keys and columns that are neither fields nor rest.
    pub(super) ignore: Vec<String>,
    pub(super) fields: Vec<Field>,
    /// Event column and SQL expression.
    pub(super) columns: Vec<(String, String)>,
}

/// A field of the raw row.
#[derive(Clone, Debug)]
pub(super) struct Field {
    /// Its name in the expressions.
    pub(super) name: String,
    /// Where it stands: a column's name, or keys joined by dots in JSON.
    pub(super) path: String,
    pub(super) kind: Kind,
    /// What a number counts, where `kind` is a timestamp.
    pub(super) unit: Option<Unit>,
    /// A file without this column is accepted, the field is then NULL.
    pub(super) optional: bool,
}

impl Mapping {
    /// A built-in mapping.
    pub fn named(name: &str) -> Result<Self> {
        let Some((_, text)) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name) else {
            let names = Self::names();
            return plan_err!(
                "unknown mapping '{name}'; built in are {}, anything else is a file ending in .toml{}",
                names.join(", "),
                did_you_mean(name, &names)
            );
        };
        Self::parse(text).map_err(|e| plan_datafusion_err!("mapping '{name}': {e}"))
    }

    pub fn from_file(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| exec_datafusion_err!("mapping {}: {e}", path.display()))?;
        Self::parse(&text).map_err(|e| plan_datafusion_err!("mapping {}: {e}", path.display()))
    }

    /// The names of the built-in mappings.
    pub fn names() -> Vec<&'static str> {
        BUILT_IN.iter().map(|(name, _)| *name).collect()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: MappingFile = toml::from_str(text).map_err(|e| e.to_string())?;
        file.check_columns()?;
        file.check_rest()?;
        let time_zone = file.time_zone.as_deref().unwrap_or("UTC");
        let time_zone = time_zone
            .parse::<Tz>()
            .map_err(|_| format!("time_zone: '{time_zone}' is not an IANA zone such as Asia/Shanghai"))?;
        Ok(Self {
            name: file.name,
            doc: file.doc,
            time_zone,
            filter: file.filter,
            rest: file.rest,
            ignore: file.ignore,
            fields: file.fields.into_iter().map(field).collect::<Result<_, _>>()?,
            columns: file.columns.into_iter().collect(),
        })
    }
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
    rest: Option<String>,
    #[serde(default)]
    ignore: Vec<String>,
    #[serde(default)]
    fields: BTreeMap<String, FieldEntry>,
    columns: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldEntry {
    path: Option<String>,
    #[serde(rename = "type")]
    kind: Kind,
    unit: Option<Unit>,
    #[serde(default)]
    optional: bool,
}

impl MappingFile {
    fn check_columns(&self) -> Result<(), String> {
        let schema = event_schema();
        let accepted: Vec<&str> =
            schema.fields().iter().map(|f| f.name().as_str()).filter(|name| *name != "dt").collect();
        for name in self.columns.keys() {
            if !accepted.contains(&name.as_str()) {
                return Err(format!(
                    "columns: an event has no column '{name}'; it has {}{}",
                    accepted.join(", "),
                    did_you_mean(name, &accepted)
                ));
            }
        }
        match NEEDED.iter().find(|name| !self.columns.contains_key(**name)) {
            Some(name) => Err(format!("columns: '{name}' is missing; user_id, ts and event are needed")),
            None => Ok(()),
        }
    }

    fn check_rest(&self) -> Result<(), String> {
        match &self.rest {
            Some(rest) if self.fields.get(rest).is_none_or(|field| field.kind != Kind::Map) => {
                Err(format!("rest: '{rest}' is not a field of type 'map'"))
            }
            _ => Ok(()),
        }
    }
}

fn field((name, entry): (String, FieldEntry)) -> Result<Field, String> {
    let unit = match (entry.kind, entry.unit) {
        (Kind::Timestamp, unit) => Some(unit.unwrap_or(Unit::Ms)),
        (_, None) => None,
        (_, Some(_)) => return Err(format!("fields: {name}: only a timestamp has a unit")),
    };
    let path = entry.path.unwrap_or_else(|| name.clone());
    if path.split('.').any(str::is_empty) {
        return Err(format!("fields: {name}: '{path}' is not a path such as a or a.b.c"));
    }
    Ok(Field { path, name, kind: entry.kind, unit, optional: entry.optional })
}
