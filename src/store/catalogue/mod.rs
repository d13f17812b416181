//! Which events are reported, with which properties? The event catalogue: what `events.toml` declares, kept in the store.
//!
//! A property is global: one name has one type in all events, and one column `p_<name>`. A catalogue only grows. A later
//! file may add events and properties and change what is for people (`name`, `doc`); a type stays, but for `int`, which
//! may become `float`.

mod file;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::{Result, exec_datafusion_err, plan_datafusion_err, plan_err};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::Store;
use super::log::Change;
use super::schema::{event_schema, timestamp};
use super::values::Unit;
use crate::error::footfall_internal_err;

/// What the names of the columns of declared properties begin with.
pub(super) const PREFIX: &str = "p_";
/// Key of the events table's configuration that holds the catalogue.
pub(super) const CATALOGUE_KEY: &str = "footfall.catalogue";
/// The application transaction of every declaration.
const TRANSACTION: &str = "footfall.catalogue";
/// Key of a column's metadata that holds the unit of times given as numbers.
const UNIT: &str = "footfall.unit";
/// Distinct properties; each is a column of every query's schema.
const MAX_PROPERTIES: usize = 500;

/// See the module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Catalogue {
    events: BTreeMap<String, Event>,
    /// The columns of the properties, by name.
    fields: Vec<FieldRef>,
    schema: SchemaRef,
}

/// A declared event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Event {
    /// Display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) doc: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) properties: BTreeMap<String, Property>,
}

/// A declared property of one event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Property {
    #[serde(rename = "type")]
    pub(crate) kind: PropertyType,
    /// Of a timestamp, which always has one: what a number counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unit: Option<Unit>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) doc: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PropertyType {
    Int,
    Float,
    Text,
    Bool,
    Timestamp,
}

/// A catalogue as the table's configuration holds it.
#[derive(Serialize, Deserialize)]
struct Stored {
    events: BTreeMap<String, Event>,
}

impl Default for Catalogue {
    /// Nothing is declared.
    fn default() -> Self {
        Self { events: BTreeMap::new(), fields: Vec::new(), schema: event_schema() }
    }
}

impl Catalogue {
    /// Reads an `events.toml`.
    pub fn from_file(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| exec_datafusion_err!("catalogue {}: {e}", path.display()))?;
        Self::read(&text).map_err(|e| plan_datafusion_err!("catalogue {}: {e}", path.display()))
    }

    /// Reads the text of an `events.toml`.
    pub fn parse(text: &str) -> Result<Self> {
        Self::read(text).map_err(|e| plan_datafusion_err!("catalogue: {e}"))
    }

    fn read(text: &str) -> Result<Self, String> {
        Self::of(file::events(text)?)
    }

    /// The catalogue of a store, from the events table's configuration.
    pub(crate) fn from_configuration(value: Option<&String>) -> Result<Self> {
        match value {
            None => Ok(Self::default()),
            Some(text) => serde_json::from_str(text)
                .map_err(|e| exec_datafusion_err!("the store's event catalogue cannot be read: {e}")),
        }
    }

    /// Key and value for the events table's configuration.
    pub(crate) fn to_configuration(&self) -> (String, String) {
        let events = serde_json::json!({ "events": self.events });
        (CATALOGUE_KEY.to_string(), events.to_string())
    }

    fn of(events: BTreeMap<String, Event>) -> Result<Self, String> {
        let fields = columns(&events)?;
        let schema = event_schema();
        let all: Vec<FieldRef> = schema.fields().iter().chain(&fields).map(Arc::clone).collect();
        Ok(Self { events, fields, schema: Arc::new(Schema::new(all)) })
    }

    /// This catalogue with what a newer file declares.
    pub fn merged(&self, newer: &Self) -> Result<Self> {
        let mut types: HashMap<&str, (&Property, &str)> = HashMap::new();
        for (event, name, property) in properties(&self.events) {
            types.entry(name).or_insert((property, event));
        }
        let mut widened: BTreeSet<&str> = BTreeSet::new();
        for (event, name, property) in properties(&newer.events) {
            if let Some((known, by)) = types.get(name)
                && !known.is_of_type(property)
            {
                if (known.kind, property.kind) != (PropertyType::Int, PropertyType::Float) {
                    return plan_err!(
                        "property {name}: event {event} declares it as {}, but in the store event {by} declares it as {}; \
                         a property keeps its type, only int may become float",
                        property.type_name(),
                        known.type_name()
                    );
                }
                widened.insert(name);
            }
        }
        let mut events = self.events.clone();
        for (name, newer) in &newer.events {
            let event = events.entry(name.clone()).or_default();
            replace(&mut event.name, &newer.name);
            replace(&mut event.doc, &newer.doc);
            for (name, newer) in &newer.properties {
                let property = event.properties.entry(name.clone()).or_insert_with(|| newer.clone());
                replace(&mut property.name, &newer.name);
                replace(&mut property.doc, &newer.doc);
            }
        }
        for event in events.values_mut() {
            for (name, property) in &mut event.properties {
                if widened.contains(name.as_str()) {
                    property.kind = PropertyType::Float;
                }
            }
        }
        Self::of(events).map_err(|e| plan_datafusion_err!("with what the store has declared: {e}"))
    }

    /// The columns of the properties: nullable, one a distinct name, in the order of their names.
    pub fn fields(&self) -> Vec<FieldRef> {
        self.fields.clone()
    }

    /// The columns of the events table: those of every store, then [`Self::fields`].
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Whether `event` declares `property` itself.
    pub fn declares(&self, event: &str, property: &str) -> bool {
        self.property(event, property).is_some()
    }

    /// Whether nothing is declared.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The name of a property's column.
    pub(crate) fn column(property: &str) -> String {
        format!("{PREFIX}{property}")
    }

    /// A number for the declared columns with their types, 0 without any: a file that bears it has them all.
    pub(crate) fn declared(&self) -> u64 {
        let columns: Vec<String> =
            self.fields.iter().map(|field| format!("{}: {}", field.name(), field.data_type())).collect();
        if columns.is_empty() { 0 } else { xxh3_64(columns.join("\n").as_bytes()) }
    }

    pub(crate) fn property(&self, event: &str, property: &str) -> Option<&Property> {
        self.events.get(event)?.properties.get(property)
    }

    /// The declared events by id.
    pub(crate) fn events(&self) -> &BTreeMap<String, Event> {
        &self.events
    }
}

impl Store {
    /// Adds what `catalogue` declares to what the store has declared, and returns both together. Declarations of several
    /// processes at the same moment all count.
    pub async fn declare(&self, catalogue: &Catalogue) -> Result<Arc<Catalogue>> {
        let mut agreed = None;
        self.events()
            .commit_once(
                TRANSACTION,
                |known| Some(known.unwrap_or(0) + 1),
                |state| {
                    let known = Catalogue::from_configuration(state.configuration.get(CATALOGUE_KEY))?;
                    let merged = Arc::new(known.merged(catalogue)?);
                    agreed = Some(Arc::clone(&merged));
                    if *merged == known {
                        return Ok(None);
                    }
                    Ok(Some(Change {
                        schema: (merged.fields != known.fields).then(|| merged.schema()),
                        configure: vec![merged.to_configuration()],
                        ..Change::default()
                    }))
                },
            )
            .await?;
        match agreed {
            Some(agreed) => Ok(agreed),
            None => footfall_internal_err!("a catalogue was declared without a look at the store's"),
        }
    }
}

impl TryFrom<Stored> for Catalogue {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        Self::of(stored.events)
    }
}

impl From<Catalogue> for Stored {
    fn from(catalogue: Catalogue) -> Self {
        Self { events: catalogue.events }
    }
}

impl Property {
    fn is_of_type(&self, other: &Self) -> bool {
        (self.kind, self.unit) == (other.kind, other.unit)
    }

    /// The type for people, with the unit where there is one.
    pub(crate) fn type_name(&self) -> String {
        match self.unit {
            Some(unit) => format!("{} in {}", self.kind.name(), unit.name()),
            None => self.kind.name().to_string(),
        }
    }

    fn field(&self, name: &str) -> Field {
        let field = Field::new(Catalogue::column(name), self.kind.column_type(), true);
        match self.unit {
            Some(unit) => field.with_metadata(HashMap::from([(UNIT.to_string(), unit.name().to_string())])),
            None => field,
        }
    }
}

impl PropertyType {
    pub(crate) const NAMES: [&'static str; 5] = ["int", "float", "text", "bool", "timestamp"];

    pub(crate) fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Int, Self::Float, Self::Text, Self::Bool, Self::Timestamp]
            .into_iter()
            .find(|kind| kind.name() == name)
    }

    fn column_type(self) -> DataType {
        match self {
            Self::Int => DataType::Int64,
            Self::Float => DataType::Float64,
            Self::Text => DataType::Utf8View,
            Self::Bool => DataType::Boolean,
            Self::Timestamp => timestamp(),
        }
    }

    /// What is wrong with a value that does not fit.
    pub(crate) fn complaint(self) -> &'static str {
        match self {
            Self::Int => "is not an integer",
            Self::Float => "is not a number",
            Self::Text => "is not text",
            Self::Bool => "is not true or false",
            Self::Timestamp => "is not a time",
        }
    }
}

/// What a number counts in a column of times.
pub(super) fn unit_of(field: &Field) -> Unit {
    field.metadata().get(UNIT).and_then(|name| Unit::named(name)).unwrap_or(Unit::Ms)
}

/// The columns of the properties, with a check of what must hold across events.
fn columns(events: &BTreeMap<String, Event>) -> Result<Vec<FieldRef>, String> {
    let mut columns: BTreeMap<&str, (&Property, &str)> = BTreeMap::new();
    for (event, name, property) in properties(events) {
        let (known, by) = *columns.entry(name).or_insert((property, event));
        if !known.is_of_type(property) {
            return Err(format!(
                "property {name}: event {by} declares it as {}, event {event} as {}; one name has one type in all events",
                known.type_name(),
                property.type_name()
            ));
        }
    }
    let mut folded: HashMap<String, (&str, &str)> = HashMap::new();
    for (name, (_, event)) in &columns {
        if let Some((other, by)) = folded.insert(name.to_lowercase(), (*name, *event)) {
            return Err(format!(
                "property {name} of event {event} and property {other} of event {by} differ only in case, which columns must not"
            ));
        }
    }
    if columns.len() > MAX_PROPERTIES {
        return Err(format!(
            "{} properties of different names, at most {MAX_PROPERTIES} are accepted",
            columns.len()
        ));
    }
    Ok(columns.iter().map(|(name, (property, _))| Arc::new(property.field(name))).collect())
}

/// Event, name and property, by event and name.
fn properties(events: &BTreeMap<String, Event>) -> impl Iterator<Item = (&str, &str, &Property)> {
    events.iter().flat_map(|(event, declared)| {
        declared.properties.iter().map(move |(name, property)| (event.as_str(), name.as_str(), property))
    })
}

/// What a newer file does not say stays.
fn replace(known: &mut Option<String>, newer: &Option<String>) {
    if newer.is_some() {
        known.clone_from(newer);
    }
}
