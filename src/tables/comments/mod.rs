//! Table `column_comments`: what the columns of the store's tables and views mean, with unit and definition, one row a column.
//!
//! The words stand in `words.rs` and nowhere else: the README's list of tables, `\d` at the prompt and `info --json` show
//! them. `information_schema` has no place for comments; a client joins it with this table by `table_name` and `column_name`.

mod words;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringViewBuilder};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{Result, TableReference};
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;

use crate::store::Catalogue;
use words::TABLES;

const NAME: &str = "column_comments";

/// A table or view of every store.
struct Table {
    name: &'static str,
    /// What one row of it is.
    row: &'static str,
    /// Columns that every store has, in their order.
    columns: &'static [(&'static str, &'static str)],
    /// What every other column is.
    others: Option<&'static str>,
}

/// Registers the table; those that it speaks of have to be there.
pub(super) async fn register(context: &SessionContext, catalogue: &Catalogue) -> Result<()> {
    let mut rows: [Vec<Option<String>>; 4] = Default::default();
    for table in &TABLES {
        let known = match table.name {
            NAME => schema(),
            name => context.table_provider(TableReference::bare(name)).await?.schema(),
        };
        for field in known.fields() {
            let comment = of_column(table.name, field.name(), catalogue);
            let values = [
                Some(table.name.to_string()),
                Some(field.name().clone()),
                Some(field.data_type().to_string()),
                comment,
            ];
            rows.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
        }
    }
    let columns = rows.map(|values| {
        let mut column = StringViewBuilder::new();
        values.iter().for_each(|value| column.append_option(value.as_deref()));
        Arc::new(column.finish()) as ArrayRef
    });
    let batch = RecordBatch::try_new(schema(), Vec::from(columns))?;
    context.register_table(NAME, Arc::new(MemTable::try_new(schema(), vec![vec![batch]])?))?;
    Ok(())
}

fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let text = |name, nullable| Field::new(name, DataType::Utf8View, nullable);
        Arc::new(Schema::new(vec![
            text("table_name", false),
            text("column_name", false),
            text("data_type", false),
            text("comment", true),
        ]))
    });
    Arc::clone(&SCHEMA)
}

/// What one row of a table is; `None` for a table that not every store has.
pub(crate) fn of_table(table: &str) -> Option<&'static str> {
    named(table).map(|table| table.row)
}

/// What a column means; of a declared property what the catalogue says.
pub(crate) fn of_column(table: &str, column: &str, catalogue: &Catalogue) -> Option<String> {
    let table = named(table)?;
    if let Some((_, comment)) = table.columns.iter().find(|(name, _)| *name == column) {
        return Some((*comment).to_string());
    }
    if table.name == "events"
        && let Some(comment) = declared(column, catalogue)
    {
        return Some(comment);
    }
    table.others.map(str::to_string)
}

/// The tables as rows of Markdown, as they stand in the README.
pub fn reference() -> String {
    let mut text = String::from("| table | one row is | columns |\n|---|---|---|\n");
    for table in &TABLES {
        let mut columns: Vec<String> = table.columns.iter().map(|(name, _)| format!("`{name}`")).collect();
        if table.others.is_some() {
            columns.push(if table.name == "events" { "`p_…`".to_string() } else { "…".to_string() });
        }
        text.push_str(&format!("| `{}` | {} | {} |\n", table.name, table.row, columns.join(", ")));
    }
    text
}

fn named(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|table| table.name == name)
}

/// `单价: Price of one piece. (property price of add_to_cart, product_view)`; events that say the same stand together.
fn declared(column: &str, catalogue: &Catalogue) -> Option<String> {
    let mut said: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut property = "";
    for (event, of_event) in catalogue.events() {
        for (name, declared) in &of_event.properties {
            if Catalogue::column(name) == column {
                property = name.as_str();
                let words: Vec<&str> =
                    [&declared.name, &declared.doc].into_iter().flatten().map(String::as_str).collect();
                said.entry(words.join(": ")).or_default().push(event);
            }
        }
    }
    let parts: Vec<String> = said
        .iter()
        .map(|(words, events)| {
            let of = format!("property {property} of {}", events.join(", "));
            if words.is_empty() { of } else { format!("{words} ({of})") }
        })
        .collect();
    if parts.is_empty() { None } else { Some(parts.join("; ")) }
}
