//! Table `event_catalogue`: what the store's event catalogue declares, one row a property of an event. An event without
//! properties has one row whose property is NULL.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringViewBuilder};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::common::Result;
use datafusion::datasource::MemTable;

use crate::store::Catalogue;

/// The columns, and whether a row may lack them.
const COLUMNS: [(&str, bool); 9] = [
    ("event", false),
    ("name", true),
    ("doc", true),
    ("property", true),
    ("property_name", true),
    ("property_doc", true),
    ("type", true),
    ("unit", true),
    ("column", true),
];

pub(super) fn table(catalogue: &Catalogue) -> Result<Arc<dyn TableProvider>> {
    let mut columns = COLUMNS.map(|_| StringViewBuilder::new());
    for (id, event) in catalogue.events() {
        let (name, doc) = (event.name.as_deref(), event.doc.as_deref());
        let mut row = |of_property: [Option<&str>; 6]| {
            let values = [Some(id.as_str()), name, doc].into_iter().chain(of_property);
            columns.iter_mut().zip(values).for_each(|(column, value)| column.append_option(value));
        };
        if event.properties.is_empty() {
            row([None; 6]);
        }
        for (property, declared) in &event.properties {
            row([
                Some(property.as_str()),
                declared.name.as_deref(),
                declared.doc.as_deref(),
                Some(declared.kind.name()),
                declared.unit.map(|unit| unit.name()),
                Some(Catalogue::column(property).as_str()),
            ]);
        }
    }
    let columns = columns.into_iter().map(|mut column| Arc::new(column.finish()) as ArrayRef).collect();
    let batch = RecordBatch::try_new(schema(), columns)?;
    Ok(Arc::new(MemTable::try_new(schema(), vec![vec![batch]])?))
}

fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let fields = COLUMNS.map(|(name, nullable)| Field::new(name, DataType::Utf8View, nullable));
        Arc::new(Schema::new(Vec::from(fields)))
    });
    Arc::clone(&SCHEMA)
}
