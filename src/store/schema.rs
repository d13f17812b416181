//! The columns of a store: what an event is, and what a rejected row keeps.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};

/// One event, in the order of the columns. Text is `Utf8View` in memory: sorting and merging then move 16 bytes a value.
pub fn event_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let text = |name| Field::new(name, DataType::Utf8View, true);
        Arc::new(Schema::new(vec![
            Field::new("user_id", DataType::Utf8View, false),
            Field::new("ts", timestamp(), false),
            Field::new("seq", DataType::Int64, false),
            Field::new("event", DataType::Utf8View, false),
            text("page"),
            text("query"),
            text("referrer"),
            Field::new("scene", DataType::Int32, true),
            text("session_key"),
            Field::new("duration_ms", DataType::Int64, true),
            text("share_channel"),
            text("os"),
            text("platform"),
            text("brand"),
            text("model"),
            text("network"),
            text("app_version"),
            Field::new("props", properties(), true),
            text("event_id"),
            Field::new("received_at", timestamp(), true),
            Field::new("dt", DataType::Date32, false),
        ]))
    });
    Arc::clone(&SCHEMA)
}

/// Events with the columns of declared properties behind those that every event has.
pub(crate) fn event_schema_with(declared: &[FieldRef]) -> SchemaRef {
    if declared.is_empty() {
        return event_schema();
    }
    let all = event_schema();
    Arc::new(Schema::new(all.fields().iter().chain(declared).cloned().collect::<Vec<_>>()))
}

/// One row that was not landed, and why.
pub fn quarantine_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        Arc::new(Schema::new(vec![
            Field::new("file", DataType::Utf8View, false),
            Field::new("row", DataType::Int64, false),
            Field::new("text", DataType::Utf8View, true),
            Field::new("reason", DataType::Utf8View, false),
            Field::new("column", DataType::Utf8View, true),
            Field::new("landed_at", timestamp(), false),
        ]))
    });
    Arc::clone(&SCHEMA)
}

/// Type of `ts` and `received_at`.
pub fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// Type of `props`: every property that no column holds.
pub fn properties() -> DataType {
    let entries = Fields::from(vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("value", DataType::Utf8, true),
    ]);
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries), false)), false)
}
