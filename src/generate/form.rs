//! Which format is a file to have?

use std::io::Write;
use std::path::Path;
use std::str::FromStr;

use datafusion::common::{DataFusionError, Result, plan_datafusion_err, plan_err};

use super::EventSink;
use super::columns::Columns;
use super::csv::Csv;
use super::jsonl::JsonLines;
use super::output::Output;

/// A format of events that can be landed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values under a header.
    Csv,
    Parquet,
}

/// A format, and whether the file is packed as a whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Form {
    pub format: Format,
    pub gzip: bool,
}

impl Form {
    /// What a file's name says; a format that is given is not asked of it.
    pub fn of(path: &Path, format: Option<Format>) -> Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let (name, gzip) = match name.strip_suffix(".gz") {
            Some(name) => (name, true),
            None => (name.as_str(), false),
        };
        let ending = name.rsplit_once('.').map(|(_, ending)| ending);
        let format = match (format, ending) {
            (Some(format), _) => format,
            (None, Some("jsonl" | "ndjson")) => Format::Jsonl,
            (None, Some("csv")) => Format::Csv,
            (None, Some("parquet")) => Format::Parquet,
            _ => {
                return plan_err!(
                    "{}: the name tells no format; accepted are .jsonl, .ndjson, .csv and .parquet, or --format",
                    path.display()
                );
            }
        };
        if gzip && format == Format::Parquet {
            return plan_err!("{}: Parquet is packed inside, leave out .gz", path.display());
        }
        Ok(Self { format, gzip })
    }

    /// Writes events to `out`.
    pub fn sink<'a>(self, out: &'a mut (dyn Write + Send)) -> Result<Box<dyn EventSink + Send + 'a>> {
        let sink: Box<dyn EventSink + Send + 'a> = match self.format {
            Format::Jsonl => Box::new(JsonLines::new(Output::new(out, self.gzip))),
            Format::Csv => Box::new(Csv::new(Output::new(out, self.gzip))),
            Format::Parquet => Box::new(Columns::new(out)?),
        };
        Ok(sink)
    }
}

impl From<Format> for Form {
    fn from(format: Format) -> Self {
        Self { format, gzip: false }
    }
}

impl FromStr for Format {
    type Err = DataFusionError;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "jsonl" | "ndjson" => Ok(Self::Jsonl),
            "csv" => Ok(Self::Csv),
            "parquet" => Ok(Self::Parquet),
            _ => Err(plan_datafusion_err!("unknown format '{name}'; accepted are jsonl, csv, parquet")),
        }
    }
}
