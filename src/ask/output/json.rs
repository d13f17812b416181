//! Rows as JSON objects: in one array, a row a line; a line each; or, where a row is an answer of its own, one row as one
//! object and more than one as an array.

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
    shape: Shape,
    /// Rows so far.
    rows: u64,
    line: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Array,
    Lines,
    /// An array, unless there is one row.
    Objects,
}

impl Json {
    pub(super) fn array(schema: &Schema, numbers: Numbers) -> Self {
        Self::new(schema, numbers, Shape::Array)
    }

    pub(super) fn lines(schema: &Schema, numbers: Numbers) -> Self {
        Self::new(schema, numbers, Shape::Lines)
    }

    pub(super) fn objects(schema: &Schema, numbers: Numbers) -> Self {
        Self::new(schema, numbers, Shape::Objects)
    }

    fn new(schema: &Schema, numbers: Numbers, shape: Shape) -> Self {
        let name = |name: &String| {
            let mut quoted = String::new();
            quote(name, &mut quoted);
            quoted.push(':');
            quoted
        };
        let names = schema.fields().iter().map(|field| name(field.name())).collect();
        Self { names, numbers, shape, rows: 0, line: String::new() }
    }
}

impl Rows for Json {
    fn batch(&mut self, batch: &RecordBatch, out: &mut dyn Write) -> Result<()> {
        let columns = columns(batch)?;
        let cells = Cells::all(&columns, self.numbers)?;
        for row in 0..batch.num_rows() {
            // What was the only row until now has not been written yet: it depends on this one how.
            if self.shape == Shape::Objects && self.rows == 1 {
                out.write_all(b"[\n").map_err(failed)?;
                out.write_all(self.line.as_bytes()).map_err(failed)?;
            }
            self.line.clear();
            match self.shape {
                Shape::Array if self.rows == 0 => self.line.push_str("[\n"),
                Shape::Array | Shape::Objects if self.rows > 0 => self.line.push_str(",\n"),
                _ => {}
            }
            self.rows += 1;
            self.line.push('{');
            for (at, (name, cell)) in self.names.iter().zip(&cells).enumerate() {
                if at > 0 {
                    self.line.push(',');
                }
                self.line.push_str(name);
                cell.json(row, &mut self.line)?;
            }
            self.line.push('}');
            if self.shape == Shape::Lines {
                self.line.push('\n');
            }
            if self.shape != Shape::Objects || self.rows > 1 {
                out.write_all(self.line.as_bytes()).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        match (self.shape, self.rows) {
            (Shape::Lines, _) => Ok(()),
            (_, 0) => out.write_all(b"[]\n"),
            (Shape::Objects, 1) => {
                out.write_all(self.line.as_bytes())?;
                out.write_all(b"\n")
            }
            _ => out.write_all(b"\n]\n"),
        }
    }
}
