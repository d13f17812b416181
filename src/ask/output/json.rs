//! Rows as JSON objects: in one array, a row a line, or a line each.

use std::io::{self, Write};

use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;

use crate::ask::output::cells::{Cells, columns, quote};
use crate::ask::output::{Numbers, Rows, failed};

pub(super) struct Json {
    /// The columns' names as JSON, each with its colon.
    names: Vec<String>,
    numbers: Numbers,
    is_array: bool,
    is_first: bool,
    line: String,
}

impl Json {
    pub(super) fn array(schema: &Schema, numbers: Numbers) -> Self {
        Self::new(schema, numbers, true)
    }

    pub(super) fn lines(schema: &Schema, numbers: Numbers) -> Self {
        Self::new(schema, numbers, false)
    }

    fn new(schema: &Schema, numbers: Numbers, is_array: bool) -> Self {
        let name = |name: &String| {
            let mut quoted = String::new();
            quote(name, &mut quoted);
            quoted.push(':');
            quoted
        };
        let names = schema.fields().iter().map(|field| name(field.name())).collect();
        Self { names, numbers, is_array, is_first: true, line: String::new() }
    }
}

impl Rows for Json {
    fn batch(&mut self, batch: &RecordBatch, out: &mut dyn Write) -> Result<()> {
        let columns = columns(batch)?;
        let cells = Cells::all(&columns, self.numbers)?;
        for row in 0..batch.num_rows() {
            self.line.clear();
            if self.is_array {
                self.line.push_str(if self.is_first { "[\n" } else { ",\n" });
            }
            self.is_first = false;
            self.line.push('{');
            for (at, (name, cell)) in self.names.iter().zip(&cells).enumerate() {
                if at > 0 {
                    self.line.push(',');
                }
                self.line.push_str(name);
                cell.json(row, &mut self.line)?;
            }
            self.line.push('}');
            if !self.is_array {
                self.line.push('\n');
            }
            out.write_all(self.line.as_bytes()).map_err(failed)?;
        }
        Ok(())
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        match (self.is_array, self.is_first) {
            (true, true) => out.write_all(b"[]\n"),
            (true, false) => out.write_all(b"\n]\n"),
            (false, _) => Ok(()),
        }
    }
}
