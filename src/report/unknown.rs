//! A value that no row has, such as a mistyped event: the answer is right and empty, and a word tells why.
//!
//! Only what was given is looked up. A value that exists is found with the first rows; all rows are read for one that does not,
//! and once more for those that could have been meant.

use std::collections::BTreeSet;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

use super::Report;
use crate::ask::{Arguments, Given, ParameterType, ValuesOf, quoted};
use crate::engine::Engine;
use crate::error::did_you_mean;

/// So many values are compared with the one that does not exist, the most frequent ones.
const MOST: usize = 10_000;

/// What a value must be, to have any rows.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Sought {
    /// Of a table's column.
    Value { table: String, column: String, value: String },
    /// `props.NAME`
    Property(String),
}

/// What is to be said of the values `given` to these reports: `no event 'product_vew' in the store; did you mean 'product_view'?`
pub async fn unknown_values(engine: &Engine, asked: &[(&Report, Arguments)], given: &[Given]) -> Vec<String> {
    let mut all = BTreeSet::new();
    for (report, arguments) in asked {
        for parameter in &report.parameters {
            if !given.iter().any(|given| given.name == parameter.name) {
                continue;
            }
            let words = arguments.words(&parameter.name).into_iter().filter(|word| !word.is_empty());
            match &parameter.values {
                Some(ValuesOf { table, column }) => all.extend(words.map(|value| Sought::Value {
                    table: table.clone(),
                    column: column.clone(),
                    value: value.to_string(),
                })),
                None if parameter.kind == ParameterType::Column => {
                    let properties = words.filter_map(|word| word.strip_prefix("props."));
                    all.extend(properties.map(|name| Sought::Property(name.to_string())));
                }
                None => {}
            }
        }
    }
    let mut notes = Vec::new();
    for sought in &all {
        // What cannot be looked up is the report's to tell.
        if let Ok(Some(note)) = note(engine, sought).await {
            notes.push(note);
        }
    }
    notes
}

async fn note(engine: &Engine, sought: &Sought) -> Result<Option<String>> {
    let (what, value, known) = match sought {
        Sought::Value { table, column, value } => {
            let (table_name, column_name) = (quoted(table), quoted(column));
            if exists(engine, &format!("{table_name} WHERE {column_name} = {}", text(value))).await? {
                return Ok(None);
            }
            let query = format!(
                "SELECT CAST({column_name} AS VARCHAR) AS value, count(*) AS times FROM {table_name} \
                 WHERE {column_name} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MOST}"
            );
            let mut known = texts(engine, &query).await?;
            if (table.as_str(), column.as_str()) == ("events", "event") {
                known.extend(declared_events(engine).await?);
            }
            (column.as_str(), value, known)
        }
        Sought::Property(name) => {
            let schema = engine.context().table_provider("events").await?.schema();
            let declared = schema.fields().iter().filter_map(|field| field.name().strip_prefix("p_"));
            let mut known: Vec<String> = declared.map(str::to_string).collect();
            if known.contains(name)
                || exists(engine, &format!("events WHERE props[{}] IS NOT NULL", text(name))).await?
            {
                return Ok(None);
            }
            let query = format!("SELECT DISTINCT unnest(map_keys(props)) AS name FROM events LIMIT {MOST}");
            known.extend(texts(engine, &query).await?);
            ("property", name, known)
        }
    };
    let place = match engine.segment() {
        Some(segment) => format!("of the users of segment {}", segment.name),
        None => "in the store".to_string(),
    };
    let rest = match known.contains(value) {
        true => ", though it is declared".to_string(),
        false => did_you_mean(value, &known.iter().map(String::as_str).collect::<Vec<_>>()),
    };
    Ok(Some(format!("no {what} '{value}' {place}{rest}")))
}

/// The ids of events that the catalogue declares.
pub(crate) async fn declared_events(engine: &Engine) -> Result<Vec<String>> {
    texts(engine, "SELECT DISTINCT event FROM event_catalogue ORDER BY event").await
}

/// The first column of a query's answer, without NULLs.
pub(crate) async fn texts(engine: &Engine, query: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for batch in engine.sql(query).await?.collect().await? {
        let column = cast(batch.column(0), &DataType::Utf8)?;
        found.extend(column.as_string::<i32>().iter().flatten().map(str::to_string));
    }
    Ok(found)
}

async fn exists(engine: &Engine, rows: &str) -> Result<bool> {
    let found = engine.sql(&format!("SELECT 1 AS one FROM {rows} LIMIT 1")).await?.collect().await?;
    Ok(found.iter().any(|batch| batch.num_rows() > 0))
}

fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}
