//! One JSON object into the fields of a row, in one pass over its text and without a tree of values.

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

use super::convert::Kind;
use super::mapping::Mapping;
use super::quarantine::Fault;
use super::rows::RowBuilder;

/// Where each field stands in an object.
pub(super) struct JsonRow {
    root: Node,
    /// The field that takes the keys of the outermost object that are not known.
    rest: Option<usize>,
    names: Vec<(String, Kind)>,
}

/// A place in an object: the fields that read it, and the keys below it.
#[derive(Default)]
struct Node {
    fields: Vec<usize>,
    keys: HashMap<String, Node>,
}

impl JsonRow {
    pub(super) fn new(mapping: &Mapping) -> Self {
        let mut root = Node::default();
        for (index, field) in mapping.fields.iter().enumerate() {
            let node = field
                .path
                .split('.')
                .fold(&mut root, |node, key| node.keys.entry(key.to_owned()).or_default());
            node.fields.push(index);
        }
        for key in &mapping.ignore {
            root.keys.entry(key.clone()).or_default();
        }
        Self {
            root,
            rest: mapping.rest.as_ref().and_then(|rest| mapping.fields.iter().position(|f| f.name == *rest)),
            names: mapping.fields.iter().map(|field| (field.name.clone(), field.kind)).collect(),
        }
    }

    /// Sets the fields of a row from the text of its object.
    pub(super) fn read(&self, text: &[u8], out: &mut RowBuilder) -> Result<(), Fault> {
        let mut fault = None;
        let mut json = serde_json::Deserializer::from_slice(text);
        let place = Place { row: self, node: &self.root, outermost: true, out, fault: &mut fault };
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
    }

    fn complain(&mut self, field: usize, complaint: &str) {
        let name = &self.row.names[field].0;
        self.fault.get_or_insert_with(|| Fault::of_column(name, format!("{name} {complaint}")));
    }

    /// Sets the fields here and below from a value that some field takes whole.
    fn value(&mut self, value: Value) {
        for (key, node) in &self.node.keys {
            if let Some(value) = value.get(key) {
                let mut below = Place {
                    row: self.row,
                    node,
                    outermost: false,
                    out: &mut *self.out,
                    fault: &mut *self.fault,
                };
                below.value(value.clone());
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

    fn visit_str<E>(mut self, value: &str) -> Result<(), E> {
        self.scalar(value);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        if self.outermost {
            self.scalar("");
        }
        if self.node.fields.is_empty() {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
        } else {
            let value = Value::deserialize(SeqAccessDeserializer::new(seq))?;
            self.value(value);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        if !self.node.fields.is_empty() {
            let value = Value::deserialize(MapAccessDeserializer::new(map))?;
            self.value(value);
            return Ok(());
        }
        let rest = self.row.rest.filter(|_| self.outermost);
        let row = self.row;
        while let Some(key) = map.next_key_seed(Key { node: self.node, keep: rest.is_some() })? {
            match (key, rest) {
                (Found::Known(node), _) => map.next_value_seed(Place {
                    row,
                    node,
                    outermost: false,
                    out: &mut *self.out,
                    fault: &mut *self.fault,
                })?,
                (Found::Other(key), Some(rest)) => {
                    let value = map.next_value()?;
                    if let Some(props) = self.out.props(rest) {
                        props.set_json(key, value);
                    }
                }
                (Found::Other(_), None) => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// A key of an object, looked up without a copy of it.
struct Key<'a> {
    node: &'a Node,
    /// Whether a key that is not known matters.
    keep: bool,
}

enum Found<'a> {
    Known(&'a Node),
    Other(String),
}

impl<'de, 'a> DeserializeSeed<'de> for Key<'a> {
    type Value = Found<'a>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found<'a>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de, 'a> Visitor<'de> for Key<'a> {
    type Value = Found<'a>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Found<'a>, E> {
        Ok(match self.node.keys.get(key) {
            Some(node) => Found::Known(node),
            None if self.keep => Found::Other(key.to_owned()),
            None => Found::Other(String::new()),
        })
    }
}
