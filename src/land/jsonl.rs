//! JSON lines: one object a line. A line that is no JSON object is rejected by itself; blank lines are no rows.

use std::io::BufRead;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::arrow::array::{Int64Array, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::Result;

use super::LandOptions;
use super::input::{BATCH_TEXT, MAX_ROW, Raw, Reader, Text, Texts};
use super::json_row::JsonRow;
use super::quarantine::{Fault, Reject, shortened};
use super::rows::RowBuilder;

pub(super) struct JsonlReader {
    source: Text,
    read: Arc<AtomicU64>,
    schema: SchemaRef,
    fields: JsonRow,
    rows: RowBuilder,
    batch_rows: usize,
    /// Lines and rows (lines that are not blank) read so far.
    lines: i64,
    numbered: i64,
}

impl JsonlReader {
    pub(super) fn open(source: Text, read: Arc<AtomicU64>, options: &LandOptions) -> Self {
        let fields = &options.map.fields;
        let schema = fields.iter().map(|field| RowBuilder::field(&field.name, field.kind));
        Self {
            source,
            read,
            schema: Arc::new(Schema::new(schema.collect::<Vec<_>>())),
            fields: JsonRow::new(&options.map),
            rows: RowBuilder::new(fields.iter().map(|field| field.kind)),
            batch_rows: options.batch_rows,
            lines: 0,
            numbered: 0,
        }
    }
}

impl Reader for JsonlReader {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn next(&mut self) -> Result<Option<Raw>> {
        let (mut text, mut ends): (Vec<u8>, Vec<usize>) = (vec![], vec![]);
        let (mut numbers, mut lines) = (vec![], vec![]);
        let mut rejects = vec![];
        let mut rows = 0;
        let mut whole = false;
        // Rejected lines count, too: their texts are kept elsewhere.
        let mut rejected_text = 0;
        while rows < self.batch_rows && text.len() + rejected_text < BATCH_TEXT {
            let start = text.len();
            let Some(line) = read_line(&mut self.source, &mut text)? else {
                whole = true;
                break;
            };
            self.lines += 1;
            if self.lines == 1 && text[start..].starts_with(b"\xef\xbb\xbf") {
                text.drain(start..start + 3);
            }
            if text[start..].trim_ascii().is_empty() {
                text.truncate(start);
                continue;
            }
            rows += 1;
            self.numbered += 1;
            let fault = match line {
                Line::Whole => self.fields.read(&text[start..], &mut self.rows).err(),
                Line::TooLong => {
                    Some(Fault::of_row(format!("the line is longer than {} MiB", MAX_ROW >> 20)))
                }
            };
            match fault {
                None => {
                    self.rows.end_row();
                    ends.push(text.len());
                    numbers.push(self.numbered - 1);
                    lines.push(self.lines);
                }
                Some(fault) => {
                    self.rows.drop_row();
                    rejected_text += text.len() - start;
                    let row = String::from_utf8_lossy(&text[start..]);
                    rejects.push(Reject { row: self.lines, text: shortened(&row).to_owned(), fault });
                    text.truncate(start);
                }
            }
        }
        if whole && rows == 0 {
            return Ok(None);
        }
        let shape = RecordBatchOptions::new().with_row_count(Some(self.rows.rows()));
        let columns = self.rows.finish()?;
        Ok(Some(Raw {
            batch: RecordBatch::try_new_with_options(self.schema(), columns, &shape)?,
            numbers: Int64Array::from(numbers),
            lines: Some(Int64Array::from(lines)),
            texts: Texts::Lines { text, ends },
            rejects,
            rows: rows as u64,
        }))
    }

    fn bytes(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}

enum Line {
    Whole,
    /// Only its beginning was kept.
    TooLong,
}

/// Appends the next line to `text`, without its end; `None` at the end of the source.
fn read_line(source: &mut Text, text: &mut Vec<u8>) -> Result<Option<Line>> {
    let start = text.len();
    let mut any = false;
    loop {
        let buffer = source.fill_buf()?;
        if buffer.is_empty() {
            break;
        }
        any = true;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        let room = (MAX_ROW + 1).saturating_sub(text.len() - start);
        text.extend_from_slice(&part[..part.len().min(room)]);
        let used = part.len() + usize::from(end.is_some());
        source.consume(used);
        if end.is_some() {
            break;
        }
    }
    if text.len() - start > MAX_ROW {
        text.truncate(start + MAX_ROW);
        return Ok(Some(Line::TooLong));
    }
    if text.last() == Some(&b'\r') && text.len() > start {
        text.pop();
    }
    Ok(any.then_some(Line::Whole))
}
