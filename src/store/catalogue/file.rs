//! The form of `events.toml`. Every error names the table and the key in it, what was found and what is accepted.
//!
//! ```toml
//! [events.add_to_cart]
//! name = "加入购物车"
//! doc = "Tapped on the product page or in a list."
//! [events.add_to_cart.properties.price]
//! type = "float"     # int, float, text, bool or timestamp
//! name = "价格"
//! [events.add_to_cart.properties.shown_at]
//! type = "timestamp"
//! unit = "s"         # of a time given as a number: s, ms, us or ns; ms without it
//! ```
//!
//! A value fits as `store::values` reads it; a time that names no zone is UTC.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::{Event, Property, PropertyType, Unit};
use crate::error::did_you_mean;

/// Longest name of a property, in bytes.
const MAX_NAME: usize = 64;

/// The events that a file declares. What must hold across them is not checked here.
pub(super) fn events(text: &str) -> Result<BTreeMap<String, Event>, String> {
    let file: Table = toml::from_str(text).map_err(|e| e.to_string())?;
    let file = Section { path: String::new(), table: &file };
    file.check_keys(&["events"])?;
    let mut events = BTreeMap::new();
    for (id, section) in file.sections("events")? {
        if id.is_empty() {
            return Err(format!("{}: an event needs an id", section.place()));
        }
        events.insert(id.to_string(), event(&section)?);
    }
    Ok(events)
}

fn event(section: &Section) -> Result<Event, String> {
    section.check_keys(&["name", "doc", "properties"])?;
    let mut properties = BTreeMap::new();
    for (name, section) in section.sections("properties")? {
        check_name(name, &section)?;
        properties.insert(name.to_string(), property(&section)?);
    }
    Ok(Event { name: section.text("name")?, doc: section.text("doc")?, properties })
}

fn property(section: &Section) -> Result<Property, String> {
    section.check_keys(&["type", "unit", "name", "doc"])?;
    let accepted = PropertyType::NAMES;
    let Some(kind) = section.text("type")? else {
        return Err(format!("{}: type is missing; accepted are {}", section.place(), accepted.join(", ")));
    };
    let Some(kind) = PropertyType::named(&kind) else {
        return Err(section.unknown("type", &kind, &accepted));
    };
    let unit = match (kind, section.text("unit")?) {
        (PropertyType::Timestamp, None) => Some(Unit::Ms),
        (PropertyType::Timestamp, Some(unit)) => {
            Some(Unit::named(&unit).ok_or_else(|| section.unknown("unit", &unit, &Unit::NAMES))?)
        }
        (_, None) => None,
        (_, Some(unit)) => {
            return Err(format!(
                "{}: unit: found '{unit}' for type {}, only a timestamp has a unit",
                section.place(),
                kind.name()
            ));
        }
    };
    Ok(Property { kind, unit, name: section.text("name")?, doc: section.text("doc")? })
}

/// A property's name becomes a column's.
fn check_name(name: &str, section: &Section) -> Result<(), String> {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !starts || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(format!(
            "{}: '{name}' is no name of a property; accepted are letters of ASCII, digits and _, not beginning with a digit",
            section.place()
        ));
    }
    if name.len() > MAX_NAME {
        return Err(format!(
            "{}: the name has {} bytes, at most {MAX_NAME} are accepted",
            section.place(),
            name.len()
        ));
    }
    Ok(())
}

/// A table of the file and where it stands.
struct Section<'a> {
    path: String,
    table: &'a Table,
}

impl<'a> Section<'a> {
    fn place(&self) -> String {
        match self.path.as_str() {
            "" => "top level".to_string(),
            path => format!("[{path}]"),
        }
    }

    fn path_of(&self, key: &str) -> String {
        let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let key = match !key.is_empty() && key.chars().all(bare) {
            true => key.to_string(),
            false => format!("{key:?}"),
        };
        if self.path.is_empty() { key } else { format!("{}.{key}", self.path) }
    }

    fn check_keys(&self, accepted: &[&str]) -> Result<(), String> {
        match self.table.keys().find(|key| !accepted.contains(&key.as_str())) {
            Some(key) => Err(format!(
                "{}: unknown key '{key}'; accepted {} {}{}",
                self.place(),
                if accepted.len() == 1 { "is" } else { "are" },
                accepted.join(", "),
                did_you_mean(key, accepted)
            )),
            None => Ok(()),
        }
    }

    fn text(&self, key: &str) -> Result<Option<String>, String> {
        match self.table.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(format!(
                "{}: {key}: found {} of type {}, accepted is text in quotes",
                self.place(),
                other,
                other.type_str()
            )),
        }
    }

    /// The tables in the table `key`, none if it is missing.
    fn sections(&self, key: &str) -> Result<Vec<(&'a str, Section<'a>)>, String> {
        let table = match self.table.get(key) {
            None => return Ok(Vec::new()),
            Some(value) => table(value, &self.path_of(key))?,
        };
        let outer = Section { path: self.path_of(key), table };
        let mut sections = Vec::with_capacity(table.len());
        for (name, value) in table {
            let path = outer.path_of(name);
            sections.push((name.as_str(), Section { table: self::table(value, &path)?, path }));
        }
        Ok(sections)
    }

    fn unknown(&self, key: &str, found: &str, accepted: &[&str]) -> String {
        format!(
            "{}: {key}: found '{found}', accepted are {}{}",
            self.place(),
            accepted.join(", "),
            did_you_mean(found, accepted)
        )
    }
}

fn table<'a>(value: &'a Value, path: &str) -> Result<&'a Table, String> {
    match value {
        Value::Table(table) => Ok(table),
        other => {
            Err(format!("{path}: found {other} of type {}, accepted is a table [{path}]", other.type_str()))
        }
    }
}
