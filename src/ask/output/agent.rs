//! Rows for a program that reads with a language model: few of them, none that could be taken for another.
//!
//! ```text
//! # dt:date | page:text | visits:int64              names and types
//! 2026-03-01 | pages/home | 410                     the first 20 rows
//! …
//! # 95 rows are left out here                       only if there are more than 25
//! 2026-03-31 | NULL | 2                             the last 5
//! # rows=120 shown=25 hash=83c1f0f2a5b6d7e8         how many there are, and a hash of all of them
//! ```
//! A line that begins with `# ` is about the result, any other one is a row; cells are split at ` | `. A text stands as it is,
//! or as a JSON string where it could be taken for something else: `"NULL"`, `""`, `"a\nb"`, `"a \u007c b"`. A value of more
//! than 200 characters is its first 200 as a JSON string and, behind it, how many more there are: `"…"…+1834`.
//!
//! The hash is the sum, modulo 2^64, of the XXH3 hashes of the header and of each row's line as it would be without cuts. So
//! neither the order of the rows nor their batches show in it, and a row that is there twice counts twice.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{self, Write};

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use xxhash_rust::xxh3::xxh3_64;

use crate::ask::output::cells::{Cells, columns, quote};
use crate::ask::output::types::type_name;
use crate::ask::output::{Numbers, Rows, failed};

/// Rows that are shown from the beginning and from the end.
const HEAD: u64 = 20;
const TAIL: usize = 5;
/// Characters of a value that are shown.
const LONGEST: usize = 200;
const SEPARATOR: &str = " | ";

/// See the module. It keeps the last five lines and two numbers, however many rows come.
pub(super) struct Agent {
    header: String,
    numbers: Numbers,
    rows: u64,
    hash: u64,
    tail: VecDeque<String>,
    line: String,
    value: String,
}

impl Agent {
    pub(super) fn new(schema: &Schema, numbers: Numbers) -> Self {
        let mut header = String::from("# ");
        for (at, field) in schema.fields().iter().enumerate() {
            if at > 0 {
                header.push_str(SEPARATOR);
            }
            text(field.name(), &mut header);
            header.push(':');
            escaped(&type_name(field.data_type()), &mut header);
        }
        let hash = xxh3_64(header.as_bytes());
        Self {
            header,
            numbers,
            rows: 0,
            hash,
            tail: VecDeque::with_capacity(TAIL + 1),
            line: String::new(),
            value: String::new(),
        }
    }

    /// Makes `self.line` the line of a row, each value whole or cut.
    fn write_line(&mut self, cells: &[Cell<'_>], row: usize, is_cut: bool) -> Result<()> {
        self.line.clear();
        for (at, cell) in cells.iter().enumerate() {
            if at > 0 {
                self.line.push_str(SEPARATOR);
            }
            if cell.values.is_null(row) {
                self.line.push_str("NULL");
                continue;
            }
            self.value.clear();
            cell.values.text(row, &mut self.value)?;
            match self.value.char_indices().nth(LONGEST) {
                Some((end, _)) if is_cut => {
                    quoted(&self.value[..end], &mut self.line);
                    let more = self.value[end..].chars().count();
                    write!(self.line, "…+{more}").expect("a String takes every text");
                }
                _ if cell.is_json => escaped(&self.value, &mut self.line),
                _ => text(&self.value, &mut self.line),
            }
        }
        Ok(())
    }
}

/// The values of a column.
struct Cell<'a> {
    values: Cells<'a>,
    /// A list, a struct or a map, which stands as JSON.
    is_json: bool,
}

impl Rows for Agent {
    fn begin(&mut self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.header)
    }

    fn batch(&mut self, batch: &RecordBatch, out: &mut dyn Write) -> Result<()> {
        let columns = columns(batch)?;
        let cells: Vec<Cell<'_>> = Cells::all(&columns, self.numbers)?
            .into_iter()
            .zip(&columns)
            .map(|(values, column)| Cell { values, is_json: column.data_type().is_nested() })
            .collect();
        for row in 0..batch.num_rows() {
            self.write_line(&cells, row, false)?;
            self.hash = self.hash.wrapping_add(xxh3_64(self.line.as_bytes()));
            self.rows += 1;
            let is_head = self.rows <= HEAD;
            // No other row of the batch can be one of the last.
            if !is_head && row + TAIL < batch.num_rows() {
                continue;
            }
            self.write_line(&cells, row, true)?;
            if is_head {
                writeln!(out, "{}", self.line).map_err(failed)?;
            } else {
                if self.tail.len() == TAIL {
                    self.tail.pop_front();
                }
                self.tail.push_back(self.line.clone());
            }
        }
        Ok(())
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let shown = self.rows.min(HEAD) + self.tail.len() as u64;
        match self.rows - shown {
            0 => {}
            1 => writeln!(out, "# 1 row is left out here")?,
            left => writeln!(out, "# {left} rows are left out here")?,
        }
        for line in &self.tail {
            writeln!(out, "{line}")?;
        }
        writeln!(out, "# rows={} shown={shown} hash={:016x}", self.rows, self.hash)
    }
}

/// Appends a text as it is, or quoted where it could be taken for something else.
fn text(text: &str, out: &mut String) {
    let is_plain = !text.is_empty()
        && text != "NULL"
        && !text.starts_with('#')
        && !text.starts_with(char::is_whitespace)
        && !text.ends_with(char::is_whitespace)
        && !text.contains(|c: char| matches!(c, '"' | '\\' | '|') || is_hidden(c));
    if is_plain {
        out.push_str(text);
    } else {
        quoted(text, out);
    }
}

/// Appends a JSON string in which no bar and no control character stands.
fn quoted(text: &str, out: &mut String) {
    let mut json = String::with_capacity(text.len() + 2);
    quote(text, &mut json);
    escaped(&json, out);
}

/// Appends JSON, in which bars and control characters stand within strings only.
fn escaped(json: &str, out: &mut String) {
    for c in json.chars() {
        if c == '|' || is_hidden(c) {
            write!(out, "\\u{:04x}", u32::from(c)).expect("a String takes every text");
        } else {
            out.push(c);
        }
    }
}

/// Characters that break a line, show nothing, or turn the direction of what follows; all of them take four hex digits.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
