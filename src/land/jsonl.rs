//! JSON lines: one object a line, see [`super::lines`] for the lines and [`super::json_row`] for the object.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::LandOptions;
use super::input::Text;
use super::json_row::JsonRow;
use super::lines::LineReader;

pub(super) fn open(source: Text, read: Arc<AtomicU64>, options: &LandOptions) -> LineReader<JsonRow> {
    let columns: Vec<_> = options.map.fields.iter().map(|field| (field.name.clone(), field.kind)).collect();
    LineReader::new(source, read, &columns, JsonRow::new(&options.map), options.batch_rows)
}
