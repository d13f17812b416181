//! CSV as RFC 4180 has it, and TSV with escapes: one line a row below a header.

use std::io::{self, Write};

use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;

use crate::ask::output::cells::{Cells, columns};
use crate::ask::output::{Numbers, Rows, failed};

pub(super) struct Delimited {
    names: Vec<String>,
    numbers: Numbers,
    separator: char,
    escape: fn(&str, &mut String),
    line: String,
}

impl Delimited {
    pub(super) fn csv(schema: &Schema, numbers: Numbers) -> Self {
        Self::new(schema, numbers, ',', quote_csv)
    }

    pub(super) fn tsv(schema: &Schema, numbers: Numbers) -> Self {
        Self::new(schema, numbers, '\t', escape_tsv)
    }

    fn new(schema: &Schema, numbers: Numbers, separator: char, escape: fn(&str, &mut String)) -> Self {
        let names = schema.fields().iter().map(|field| field.name().clone()).collect();
        Self { names, numbers, separator, escape, line: String::new() }
    }
}

impl Rows for Delimited {
    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.line.clear();
        for (at, name) in self.names.iter().enumerate() {
            if at > 0 {
                self.line.push(self.separator);
            }
            (self.escape)(name, &mut self.line);
        }
        self.line.push('\n');
        out.write_all(self.line.as_bytes())
    }

    fn batch(&mut self, batch: &RecordBatch, out: &mut dyn Write) -> Result<()> {
        let columns = columns(batch)?;
        let cells = Cells::all(&columns, self.numbers)?;
        let mut value = String::new();
        for row in 0..batch.num_rows() {
            self.line.clear();
            for (at, cell) in cells.iter().enumerate() {
                if at > 0 {
                    self.line.push(self.separator);
                }
                if !cell.is_null(row) {
                    value.clear();
                    cell.text(row, &mut value)?;
                    (self.escape)(&value, &mut self.line);
                }
            }
            self.line.push('\n');
            out.write_all(self.line.as_bytes()).map_err(failed)?;
        }
        Ok(())
    }

    fn end(&mut self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

/// An empty text is quoted, so that it is not read as NULL.
fn quote_csv(text: &str, out: &mut String) {
    let needs_quotes = text.is_empty()
        || text.contains([',', '"', '\n', '\r'])
        || text.starts_with(char::is_whitespace)
        || text.ends_with(char::is_whitespace);
    if needs_quotes {
        out.push('"');
        out.push_str(&text.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(text);
    }
}

fn escape_tsv(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\\' => out.push_str("\\\\"),
            c => out.push(c),
        }
    }
}
