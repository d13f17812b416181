//! What else does a row say? Properties that no column holds, as a map of text to text.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayBuilder, ArrayRef, AsArray, MapArray, NullBufferBuilder, StringBuilder, StructArray,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use serde_json::Value;

use super::check::MAX_PROPERTIES;
use crate::error::footfall_internal_err;
use crate::store::schema::properties;

/// The properties of one row; a key counts once, its last value wins.
#[derive(Default)]
pub(super) struct Props(Vec<(String, String)>);

impl Props {
    pub(super) fn set(&mut self, key: String, value: String) {
        // A row with too many is rejected whole; searching through them would only take quadratic time.
        let known = match self.0.len() <= MAX_PROPERTIES {
            true => self.0.iter_mut().find(|(known, _)| *known == key),
            false => None,
        };
        match known {
            Some((_, known)) => *known = value,
            None => self.0.push((key, value)),
        }
    }

    /// NULL is no property; what is nested stays JSON text.
    pub(super) fn set_json(&mut self, key: String, value: Value) {
        match value {
            Value::Null => {}
            Value::String(text) => self.set(key, text),
            other => self.set(key, other.to_string()),
        }
    }

    /// Takes the keys of a JSON object written as text; false if it is none.
    pub(super) fn set_object(&mut self, text: &str) -> bool {
        match serde_json::from_str(text) {
            Ok(Value::Object(object)) => {
                object.into_iter().for_each(|(key, value)| self.set_json(key, value));
                true
            }
            _ => false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// A column of properties under construction.
pub(super) struct PropsBuilder {
    keys: StringBuilder,
    values: StringBuilder,
    offsets: Vec<i32>,
    nulls: NullBufferBuilder,
}

impl PropsBuilder {
    pub(super) fn new() -> Self {
        Self {
            keys: StringBuilder::new(),
            values: StringBuilder::new(),
            offsets: vec![0],
            nulls: NullBufferBuilder::new(0),
        }
    }

    pub(super) fn append(&mut self, props: &Props) {
        for (key, value) in &props.0 {
            self.keys.append_value(key);
            self.values.append_value(value);
        }
        self.end(true);
    }

    pub(super) fn append_null(&mut self) {
        self.end(false);
    }

    fn end(&mut self, valid: bool) {
        self.offsets.push(self.keys.len() as i32);
        self.nulls.append(valid);
    }

    pub(super) fn finish(mut self) -> Result<ArrayRef> {
        let offsets = OffsetBuffer::new(self.offsets.into());
        let keys: ArrayRef = Arc::new(self.keys.finish());
        let values: ArrayRef = Arc::new(self.values.finish());
        build(&keys, &values, offsets, self.nulls.finish())
    }
}

/// A map, or text that is a JSON object, as properties; what is neither becomes NULL.
pub(super) fn to_props(array: &ArrayRef) -> Result<ArrayRef> {
    if let Some(map) = array.as_map_opt() {
        return build(map.keys(), map.values(), map.offsets().clone(), map.nulls().cloned());
    }
    let text = cast(array, &DataType::Utf8View)?;
    let mut builder = PropsBuilder::new();
    let mut props = Props::default();
    for text in text.as_string_view() {
        props.clear();
        match text {
            Some(text) if props.set_object(text) => builder.append(&props),
            _ => builder.append_null(),
        }
    }
    builder.finish()
}

fn build(
    keys: &ArrayRef,
    values: &ArrayRef,
    offsets: OffsetBuffer<i32>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let DataType::Map(entries, ordered) = properties() else {
        return footfall_internal_err!("properties are not a map");
    };
    let DataType::Struct(fields) = entries.data_type() else {
        return footfall_internal_err!("the entries of properties are not a struct");
    };
    if keys.null_count() > 0 {
        return exec_err!("a property has no name");
    }
    let columns = vec![cast(keys, fields[0].data_type())?, cast(values, fields[1].data_type())?];
    let rows = StructArray::try_new(fields.clone(), columns, None)?;
    Ok(Arc::new(MapArray::try_new(entries, offsets, rows, nulls, ordered)?))
}
