//! Which columns has a profile, and how do they grow?
//!
//! Seven columns are always there, NULL where no file has given them; what else a users file brings is appended with its
//! type. A column keeps its type, but whole numbers may become floats.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef};
use datafusion::common::{Result, exec_err};

use super::super::schema::timestamp;

/// The time at which a user's values were set, as the source has it.
pub(super) const UPDATED_AT: &str = "updated_at";
/// `first_seen` as the users file gives it; that of the table `users` also knows the page views.
pub(crate) const GIVEN_FIRST_SEEN: &str = "profile_first_seen";
/// For each column whose value was not set at `updated_at`: when it was, NULL for a row that did not say. It decides
/// whether a later file replaces the value, and is no column of SQL.
pub(crate) const UPDATED_AT_OF: &str = "updated_at_of";

/// The columns that every profile has.
pub(crate) fn profile_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let text = |name| Field::new(name, DataType::Utf8View, true);
        Arc::new(Schema::new(vec![
            Field::new("user_id", DataType::Utf8View, false),
            text("gender"),
            Field::new("birth_year", DataType::Int64, true),
            text("province"),
            text("city"),
            Field::new(GIVEN_FIRST_SEEN, timestamp(), true),
            Field::new(UPDATED_AT, timestamp(), true),
            Field::new(UPDATED_AT_OF, times(), true),
        ]))
    });
    Arc::clone(&SCHEMA)
}

/// Type of `updated_at_of`: a column's name to the time at which its value was set.
pub(super) fn times() -> DataType {
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(time_entries()), false)), false)
}

pub(super) fn time_entries() -> Fields {
    Fields::from(vec![Field::new("key", DataType::Utf8, false), Field::new("value", timestamp(), true)])
}

/// The columns of a data file as they are in memory.
pub(super) fn in_memory(file: &Schema) -> SchemaRef {
    let fields = file.fields().iter().map(|field| {
        let data_type = match field.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
            _ if field.name() == UPDATED_AT_OF => times(),
            other => other.clone(),
        };
        Field::new(field.name(), data_type, field.name() != "user_id")
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The columns of the table once rows with the columns `found` are in it.
pub(super) fn grown(stored: &Schema, found: &Schema) -> Result<SchemaRef> {
    let mut fields: Vec<FieldRef> = stored.fields().iter().cloned().collect();
    for new in found.fields() {
        let same = |known: &FieldRef| known.name().to_lowercase() == new.name().to_lowercase();
        let Some(index) = fields.iter().position(same) else {
            fields.push(Arc::clone(new));
            continue;
        };
        let known = &fields[index];
        if known.name() != new.name() {
            return exec_err!(
                "column '{}' and the stored column '{}' differ in case only; give it that name in a mapping",
                new.name(),
                known.name()
            );
        }
        match (known.data_type(), new.data_type()) {
            (stored, found) if stored == found => {}
            (DataType::Float64, DataType::Int64) => {}
            (DataType::Int64, DataType::Float64) => {
                fields[index] = Arc::new(known.as_ref().clone().with_data_type(DataType::Float64));
            }
            (stored, found) => {
                return exec_err!(
                    "column '{}' is {} in the store, found {}; accepted is the stored type, which a mapping can declare",
                    new.name(),
                    spoken(stored),
                    spoken(found)
                );
            }
        }
    }
    Ok(Arc::new(Schema::new(fields)))
}

fn spoken(data_type: &DataType) -> &'static str {
    match data_type {
        DataType::Utf8View => "text",
        DataType::Int64 => "a whole number",
        DataType::Float64 => "a float",
        DataType::Boolean => "a boolean",
        DataType::Timestamp(..) => "a timestamp",
        DataType::Date32 => "a date",
        _ => "of another kind",
    }
}
