//! CSV is read by the place of a column, whatever its name: files of one table have the same header.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{Result, exec_err};

/// The schema of all files together. What is a number in one file and a word in another is text.
pub(super) fn merge<'a>(
    mut files: impl Iterator<Item = (&'a str, &'a SchemaRef)>,
    keys: &[String],
) -> Result<SchemaRef> {
    let Some((first, schema)) = files.next() else { return Ok(Arc::new(Schema::empty())) };
    if let Some(key) = keys.iter().find(|key| schema.field_with_name(key).is_ok()) {
        return exec_err!("file '{first}' has a column '{key}', and lies in a folder that is named {key}=…");
    }
    let mut types: Vec<DataType> = schema.fields().iter().map(|field| field.data_type().clone()).collect();
    for (file, other) in files {
        let names = |schema: &SchemaRef| -> Vec<String> {
            schema.fields().iter().map(|field| field.name().clone()).collect()
        };
        if names(schema) != names(other) {
            return exec_err!(
                "file '{first}' has the columns {} and file '{file}' the columns {}; CSV files of one table have the \
                 same header",
                names(schema).join(", "),
                names(other).join(", ")
            );
        }
        for (found, field) in types.iter_mut().zip(other.fields()) {
            *found = common(found, field.data_type());
        }
    }
    let fields = schema.fields().iter().zip(types);
    let fields: Vec<Field> = fields.map(|(field, found)| Field::new(field.name(), found, true)).collect();
    Ok(Arc::new(Schema::new(fields)))
}

fn common(a: &DataType, b: &DataType) -> DataType {
    match (a, b) {
        _ if a == b => a.clone(),
        (DataType::Null, other) | (other, DataType::Null) => other.clone(),
        (DataType::Int64, DataType::Float64) | (DataType::Float64, DataType::Int64) => DataType::Float64,
        _ => DataType::Utf8,
    }
}
