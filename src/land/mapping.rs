//! What does a foreign log call things? A mapping is data: which fields a raw row has, which rows count, and each event
//! column as a SQL expression over the raw row. `data/mappings/` holds those that are built in.
//!
//! | key | says |
//! |---|---|
//! | `name`, `doc` | what the mapping is called, and for whom it is |
//! | `[fields]` | a field's `type`, its `path` where that is not its name, the `unit` of a time, whether it is `optional` |
//! | `lines` | a pattern for logs that are plain text: each of its named groups is a field |
//! | `rest` | the field of type map that takes every key, column or group that is not declared |
//! | `rest_of` | objects of a JSON line whose undeclared keys the rest takes, too; what is no object, and a group, it takes whole |
//! | `ignore` | keys, columns and groups that the rest does not take |
//! | `time_zone` | the zone of times that name none |
//! | `where` | SQL over the fields; rows for which it is not true are left out |
//! | `[columns]` | each event column as SQL over the fields |

use std::collections::BTreeMap;
use std::path::Path;

use chrono_tz::Tz;
use datafusion::common::{Result, exec_datafusion_err, plan_datafusion_err, plan_err};
use regex::Regex;
use serde::Deserialize;

use super::convert::Kind;
use super::input::Format;
use super::instant::Unit;
use crate::error::did_you_mean;
use crate::store::schema::event_schema;

/// The built-in mappings: name and text.
const BUILT_IN: [(&str, &str); 9] = [
    ("footfall", include_str!("../../data/mappings/footfall.toml")),
    ("sensors", include_str!("../../data/mappings/sensors.toml")),
    ("growingio", include_str!("../../data/mappings/growingio.toml")),
    ("aladdin", include_str!("../../data/mappings/aladdin.toml")),
    ("datafinder", include_str!("../../data/mappings/datafinder.toml")),
    ("uni-stat", include_str!("../../data/mappings/uni-stat.toml")),
    ("access-log", include_str!("../../data/mappings/access-log.toml")),
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
    /// The rows are lines of text that match this; each named group is a field.
    pub(super) lines: Option<Regex>,
    /// The `map` field that takes every key or column that is not declared.
    pub(super) rest: Option<String>,
    /// Objects inside the outermost one of a JSON line whose undeclared keys are taken, too. What stands there and is no
    /// object is taken whole, and so is a group of `lines`, though a field reads it.
    pub(super) rest_of: Vec<String>,
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

    /// The format that the mapping is for, where it is for one only.
    pub fn format(&self) -> Option<Format> {
        self.lines.is_some().then_some(Format::Lines)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let file: MappingFile = toml::from_str(text).map_err(|e| e.to_string())?;
        file.check_columns()?;
        file.check_rest()?;
        let lines = file.lines.as_deref().map(pattern).transpose()?;
        let time_zone = zone(file.time_zone.as_deref())?;
        Ok(Self {
            name: file.name,
            doc: file.doc,
            time_zone,
            filter: file.filter,
            lines,
            rest: file.rest,
            rest_of: file.rest_of,
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
    lines: Option<String>,
    rest: Option<String>,
    #[serde(default)]
    rest_of: Vec<String>,
    #[serde(default)]
    ignore: Vec<String>,
    #[serde(default)]
    fields: BTreeMap<String, FieldEntry>,
    columns: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FieldEntry {
    pub(super) path: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    pub(super) unit: Option<Unit>,
    #[serde(default)]
    pub(super) optional: bool,
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
                return Err(format!("rest: '{rest}' is not a field of type 'map'"));
            }
            None if !self.rest_of.is_empty() => {
                return Err("rest_of: there is no rest that takes the keys".to_owned());
            }
            _ => {}
        }
        self.rest_of.iter().chain(&self.ignore).try_for_each(|path| match is_path(path) {
            true => Ok(()),
            false => Err(format!("rest_of, ignore: '{path}' is not a path such as a or a.b.c")),
        })
    }
}

/// What may have been meant where a file lacks the column `missing`: a file of users, or another column.
pub(super) fn users_or(columns: &[&str], missing: &str) -> String {
    const OF_USERS: [&str; 6] = ["gender", "birth_year", "province", "city", "first_seen", "updated_at"];
    let is_of_users = columns.contains(&"user_id")
        && !columns.contains(&"ts")
        && OF_USERS.iter().any(|column| columns.contains(column));
    if is_of_users {
        return "; a file of users lands with --table users".to_owned();
    }
    did_you_mean(missing, columns)
}

/// The zone that a mapping names, UTC if none.
pub(super) fn zone(name: Option<&str>) -> Result<Tz, String> {
    let name = name.unwrap_or("UTC");
    name.parse().map_err(|_| format!("time_zone: '{name}' is not an IANA zone such as Asia/Shanghai"))
}

pub(super) fn field((name, entry): (String, FieldEntry)) -> Result<Field, String> {
    let unit = match (entry.kind, entry.unit) {
        (Kind::Timestamp, unit) => Some(unit.unwrap_or(Unit::Ms)),
        (_, None) => None,
        (_, Some(_)) => return Err(format!("fields: {name}: only a timestamp has a unit")),
    };
    let path = entry.path.unwrap_or_else(|| name.clone());
    if !is_path(&path) {
        return Err(format!("fields: {name}: '{path}' is not a path such as a or a.b.c"));
    }
    Ok(Field { path, name, kind: entry.kind, unit, optional: entry.optional })
}

fn is_path(path: &str) -> bool {
    !path.split('.').any(str::is_empty)
}

fn pattern(text: &str) -> Result<Regex, String> {
    let pattern = Regex::new(text).map_err(|e| format!("lines: {e}"))?;
    match pattern.capture_names().flatten().next() {
        Some(_) => Ok(pattern),
        None => Err("lines: the pattern has no named group such as (?<url>[^ ]*)".to_owned()),
    }
}
