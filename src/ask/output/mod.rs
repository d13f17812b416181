//! How are rows written? In the form that the next reader wants: a person, a spreadsheet, a program.
//!
//! | format | rows are | NULL is |
//! |---|---|---|
//! | `table`, `markdown` | aligned by display width, numbers to the right | `NULL`, nothing |
//! | `vertical` | one block of `name: value` lines each | `NULL` |
//! | `csv`, `tsv` | lines below a header; lists and structs as JSON | nothing (an empty text in CSV is `""`) |
//! | `json`, `ndjson` | objects of one array, or one a line | `null` |
//! | `parquet` | typed columns | NULL |
//! | `agent` | at most 25 lines below names and types, with the number of all rows and a hash of them | `NULL` (such a text is `"NULL"`) |
//!
//! CSV, TSV, JSON, Parquet and agent are written batch by batch; the others need every row to know a column's width.

mod agent;
mod aligned;
pub(crate) mod cells;
mod delimited;
mod json;
mod parquet;
mod types;

use std::fmt::{self, Display};
use std::io::{self, Write};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::DataFrame;
use futures::StreamExt;

use crate::ask::errors::Usage;
use crate::error::did_you_mean;

pub use types::type_name;

/// A form of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Table,
    Vertical,
    Csv,
    Tsv,
    Json,
    Ndjson,
    Markdown,
    Parquet,
    Agent,
}

/// How many digits a number has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Numbers {
    /// As few as give the same number back.
    #[default]
    Exact,
    /// Of a report: the same, but a 32-bit figure has at most 6 decimals.
    Figures,
}

/// Runs the query and writes its rows; the number of rows.
pub async fn write(
    frame: DataFrame,
    format: Format,
    numbers: Numbers,
    out: &mut (dyn Write + Send),
) -> Result<u64> {
    let stream = frame.execute_stream().await?;
    if format == Format::Parquet {
        return parquet::write(stream, out).await;
    }
    let schema = stream.schema();
    write_rows(stream, rows(format, &schema, numbers), out).await
}

/// Runs a query whose rows are each an answer of its own, and writes them as JSON: one row is one object, several are an
/// array of objects. The number of rows.
pub async fn write_objects(frame: DataFrame, numbers: Numbers, out: &mut (dyn Write + Send)) -> Result<u64> {
    let stream = frame.execute_stream().await?;
    let rows = json::Json::objects(&stream.schema(), numbers);
    write_rows(stream, Box::new(rows), out).await
}

async fn write_rows(
    mut stream: SendableRecordBatchStream,
    mut rows: Box<dyn Rows>,
    out: &mut (dyn Write + Send),
) -> Result<u64> {
    rows.begin(out).map_err(failed)?;
    let mut count = 0;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        count += batch.num_rows() as u64;
        rows.batch(&batch, out)?;
    }
    rows.end(out).map_err(failed)?;
    Ok(count)
}

/// A form of output that takes batches.
trait Rows: Send {
    fn begin(&mut self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
    fn batch(&mut self, batch: &RecordBatch, out: &mut dyn Write) -> Result<()>;
    fn end(&mut self, out: &mut dyn Write) -> io::Result<()>;
}

fn rows(format: Format, schema: &Arc<Schema>, numbers: Numbers) -> Box<dyn Rows> {
    match format {
        Format::Csv => Box::new(delimited::Delimited::csv(schema, numbers)),
        Format::Tsv => Box::new(delimited::Delimited::tsv(schema, numbers)),
        Format::Json => Box::new(json::Json::array(schema, numbers)),
        Format::Ndjson => Box::new(json::Json::lines(schema, numbers)),
        Format::Vertical => Box::new(aligned::Aligned::new(aligned::Shape::Vertical, schema, numbers)),
        Format::Markdown => Box::new(aligned::Aligned::new(aligned::Shape::Markdown, schema, numbers)),
        Format::Agent => Box::new(agent::Agent::new(schema, numbers)),
        Format::Table | Format::Parquet => {
            Box::new(aligned::Aligned::new(aligned::Shape::Table, schema, numbers))
        }
    }
}

fn failed(error: io::Error) -> DataFusionError {
    DataFusionError::IoError(error)
}

impl Format {
    pub const NAMES: [&'static str; 9] =
        ["table", "vertical", "csv", "tsv", "json", "ndjson", "markdown", "parquet", "agent"];
    const ALL: [Self; 9] = [
        Self::Table,
        Self::Vertical,
        Self::Csv,
        Self::Tsv,
        Self::Json,
        Self::Ndjson,
        Self::Markdown,
        Self::Parquet,
        Self::Agent,
    ];

    /// The end of the name of a file in this format.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Table | Self::Vertical | Self::Agent => "txt",
            Self::Markdown => "md",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Parquet => "parquet",
        }
    }
}

impl Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES[*self as usize])
    }
}

impl Format {
    /// What the name of a file says about the form of its rows.
    pub fn of_file(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "md" => Some(Self::Markdown),
            "jsonl" => Some(Self::Ndjson),
            "txt" => Some(Self::Table),
            other => other.parse().ok(),
        }
    }
}

impl FromStr for Format {
    type Err = DataFusionError;

    fn from_str(text: &str) -> Result<Self> {
        match Self::NAMES.iter().position(|name| *name == text) {
            Some(at) => Ok(Self::ALL[at]),
            None => Err(Usage::error(format!(
                "'{text}' is not a format: {}{}",
                Self::NAMES.join(", "),
                did_you_mean(text, &Self::NAMES)
            ))),
        }
    }
}
