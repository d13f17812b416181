//! One JSON object into the fields of a row, in one pass over its text and without a tree of values.
//!
//! Keys come in the same order line after line, so that each object first looks where the key stood that came next the last
//! time.

use std::cell::Cell;
use std::fmt;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

use super::convert::Kind;
use super::lines::LineRow;
use super::mapping::Mapping;
use super::props::Props;
use super::quarantine::Fault;
use super::rows::RowBuilder;

/// Where each field stands in an object.
pub(super) struct JsonRow {
    root: Node,
    /// The field that takes keys that are not known, of those objects that are marked so.
    rest: Option<usize>,
    names: Vec<(String, Kind)>,
}

/// A place in an object: the fields that read it, and the keys below it.
#[derive(Default)]
struct Node {
    /// Its own key.
    key: String,
    fields: Vec<usize>,
    /// Keys below it that are not known are properties, and so is a value here that is no object.
    rest: bool,
    keys: Vec<String>,
    below: Vec<Node>,
    /// For the beginning and for each key, the key that came next in the last object.
    next: Vec<Cell<usize>>,
}

impl Node {
    fn child(&mut self, key: &str) -> &mut Node {
        let index = self.keys.iter().position(|known| known == key).unwrap_or_else(|| {
            self.keys.push(key.to_owned());
            self.below.push(Node { key: key.to_owned(), ..Node::default() });
            self.keys.len() - 1
        });
        &mut self.below[index]
    }

    fn at(&mut self, path: &str) -> &mut Node {
        path.split('.').fold(self, Node::child)
    }

    /// Guesses that keys come in the order in which they were declared.
    fn guess(&mut self) {
        self.next = (0..=self.keys.len()).map(Cell::new).collect();
        self.below.iter_mut().for_each(Node::guess);
    }

    /// Index of a key that comes after the key `last`, counted from 1; 0 is the beginning.
    fn find(&self, last: usize, key: &str) -> Option<usize> {
        let guess = self.next[last].get();
        if self.keys.get(guess).is_some_and(|known| known == key) {
            return Some(guess);
        }
        let found = self.keys.iter().position(|known| known == key)?;
        self.next[last].set(found);
        Some(found)
    }
}

impl JsonRow {
    pub(super) fn new(mapping: &Mapping) -> Self {
        let mut root = Node { rest: true, ..Node::default() };
        for (index, field) in mapping.fields.iter().enumerate() {
            root.at(&field.path).fields.push(index);
        }
        for path in &mapping.rest_of {
            root.at(path).rest = true;
        }
        for path in &mapping.ignore {
            root.at(path);
        }
        root.guess();
        Self {
            root,
            rest: mapping.rest.as_ref().and_then(|rest| mapping.fields.iter().position(|f| f.name == *rest)),
            names: mapping.fields.iter().map(|field| (field.name.clone(), field.kind)).collect(),
        }
    }
}

impl LineRow for JsonRow {
    fn read(&mut self, line: &[u8], out: &mut RowBuilder) -> Result<(), Fault> {
        let mut fault = None;
        let mut json = serde_json::Deserializer::from_slice(line);
        let row = &*self;
        let place = Place { row, node: &row.root, outermost: true, out, fault: &mut fault };
        place
            .deserialize(&mut json)
            .and_then(|()| json.end())
            .map_err(|e| Fault::of_row(format!("not JSON: {e}")))?;
        fault.map_or(Ok(()), Err)
    }
}

/// A place and what is to be set there.
struct Place<'a> {
    row: &'a JsonRow,
    node: &'a Node,
    outermost: bool,
    out: &'a mut RowBuilder,
    fault: &'a mut Option<Fault>,
}

impl Place<'_> {
    fn scalar(&mut self, text: &str) {
        if self.outermost {
            self.fault.get_or_insert_with(|| Fault::of_row("not a JSON object"));
            return;
        }
        for field in &self.node.fields {
            match self.row.names[*field].1 {
                Kind::Map => {
                    let is_object = self.out.props(*field).is_some_and(|props| props.set_object(text));
                    if !is_object {
                        self.complain(*field, Kind::Map.complaint());
                    }
                }
                _ => self.out.set_text(*field, text),
            }
        }
        let node = self.node;
        if let Some(props) = self.rest() {
            props.set(node.key.clone(), text.to_owned());
        }
    }

    fn complain(&mut self, field: usize, complaint: &str) {
        let name = &self.row.names[field].0;
        self.fault.get_or_insert_with(|| Fault::of_column(name, format!("{name} {complaint}")));
    }

    /// The properties, where keys that are not known here are some.
    fn rest(&mut self) -> Option<&mut Props> {
        let field = self.row.rest.filter(|_| self.node.rest)?;
        self.out.props(field)
    }

    fn below<'a>(&'a mut self, node: &'a Node) -> Place<'a> {
        Place { row: self.row, node, outermost: false, out: &mut *self.out, fault: &mut *self.fault }
    }

    /// Sets the fields here and below from a value that some field takes whole.
    fn value(&mut self, value: Value) {
        let node = self.node;
        for (key, below) in node.keys.iter().zip(&node.below) {
            if let Some(value) = value.get(key) {
                self.below(below).value(value.clone());
            }
        }
        match value {
            Value::Null => {}
            Value::String(text) => self.scalar(&text),
            Value::Object(_) | Value::Array(_) => self.nested(&value),
            other => self.scalar(&other.to_string()),
        }
    }

    fn nested(&mut self, value: &Value) {
        for field in &self.node.fields {
            match (self.row.names[*field].1, value) {
                (Kind::Json, value) => self.out.set_text(*field, &value.to_string()),
                (Kind::Map, Value::Object(object)) => {
                    if let Some(props) = self.out.props(*field) {
                        object.iter().for_each(|(key, value)| props.set_json(key.clone(), value.clone()));
                    }
                }
                (kind, _) => self.complain(*field, kind.complaint()),
            }
        }
        let node = self.node;
        if let Some(props) = self.rest() {
            match value {
                Value::Object(object) => {
                    for (key, value) in object.iter().filter(|(key, _)| !node.keys.contains(key)) {
                        props.set_json(key.clone(), value.clone());
                    }
                }
                other => props.set_json(node.key.clone(), other.clone()),
            }
        }
    }

    /// An object may be written as text, where its keys are properties.
    fn object_in_text(&self, text: &str) -> bool {
        self.node.rest
            && self.row.rest.is_some()
            && !self.outermost
            && text.trim_start().starts_with('{')
            && serde_json::from_str::<IgnoredAny>(text).is_ok()
    }
}

impl<'de> DeserializeSeed<'de> for Place<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(mut self) -> Result<(), E> {
        if self.outermost {
            self.scalar("");
        }
        Ok(())
    }

    fn visit_bool<E>(mut self, value: bool) -> Result<(), E> {
        self.scalar(if value { "true" } else { "false" });
        Ok(())
    }

    fn visit_i64<E>(mut self, value: i64) -> Result<(), E> {
        self.scalar(&value.to_string());
        Ok(())
    }

    fn visit_u64<E>(mut self, value: u64) -> Result<(), E> {
        self.scalar(&value.to_string());
        Ok(())
    }

    fn visit_f64<E>(mut self, value: f64) -> Result<(), E> {
        // A whole number of so many digits has lost some: two users' ids could become one.
        let is_rounded = value.fract() == 0.0 && value.abs() >= 9_007_199_254_740_992.0;
        for field in &self.node.fields {
            if is_rounded && self.row.names[*field].1 != Kind::Float {
                self.complain(*field, "is a number with more digits than can be kept; write it as text");
                return Ok(());
            }
        }
        if let Some(number) = Number::from_f64(value) {
            self.scalar(&number.to_string());
        }
        Ok(())
    }

    fn visit_str<E>(mut self, text: &str) -> Result<(), E> {
        if !self.object_in_text(text) {
            self.scalar(text);
        } else if self.node.fields.is_empty() {
            // The text was read once already: it is an object.
            self.deserialize(&mut serde_json::Deserializer::from_str(text)).ok();
        } else if let Ok(value) = serde_json::from_str(text) {
            self.value(value);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        if self.outermost {
            self.scalar("");
        }
        if self.node.fields.is_empty() && self.rest().is_none() {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
        } else {
            let value = Value::deserialize(SeqAccessDeserializer::new(seq))?;
            self.value(value);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let node = self.node;
        if !node.fields.is_empty() {
            let value = Value::deserialize(MapAccessDeserializer::new(map))?;
            self.value(value);
            return Ok(());
        }
        let keep = node.rest && self.row.rest.is_some();
        let mut last = 0;
        while let Some(key) = map.next_key_seed(Key { node, last, keep })? {
            match key {
                Found::Known(index) => {
                    last = index + 1;
                    map.next_value_seed(self.below(&node.below[index]))?;
                }
                Found::Other(key) => match self.rest() {
                    Some(props) => map.next_value_seed(Property { key, props })?,
                    None => map.next_value::<IgnoredAny>().map(drop)?,
                },
            }
        }
        Ok(())
    }
}

/// A key of an object, looked up without a copy of it.
struct Key<'a> {
    node: &'a Node,
    /// The key before it, see [`Node::find`].
    last: usize,
    /// Whether a key that is not known matters.
    keep: bool,
}

enum Found {
    Known(usize),
    Other(String),
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Found;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Found, E> {
        Ok(match self.node.find(self.last, key) {
            Some(index) => Found::Known(index),
            None if self.keep => Found::Other(key.to_owned()),
            None => Found::Other(String::new()),
        })
    }
}

/// A value that becomes a property: NULL is none, what is nested stays JSON text.
struct Property<'a> {
    key: String,
    props: &'a mut Props,
}

impl<'de> DeserializeSeed<'de> for Property<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Property<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.props.set(self.key, value.to_string());
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.props.set(self.key, value.to_string());
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.props.set(self.key, value.to_string());
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        if let Some(number) = Number::from_f64(value) {
            self.props.set(self.key, number.to_string());
        }
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.props.set(self.key, value.to_owned());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        let value = Value::deserialize(SeqAccessDeserializer::new(seq))?;
        self.props.set_json(self.key, value);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let value = Value::deserialize(MapAccessDeserializer::new(map))?;
        self.props.set_json(self.key, value);
        Ok(())
    }
}
