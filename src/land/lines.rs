//! Text of which each line is a row. A line that is no row of the format is rejected by itself; blank lines are no rows.
//!
//! What a line says is told by a [`LineRow`]: an object of JSON lines, or the named groups of a mapping's pattern, as in the
//! log of a web server.

use std::io::{BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::arrow::array::{Int64Array, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::{Result, exec_err};
use regex::{CaptureLocations, Regex};

use super::LandOptions;
use super::convert::Kind;
use super::input::{BATCH_TEXT, MAX_ROW, Raw, Reader, Text, Texts};
use super::mapping::Mapping;
use super::quarantine::{Fault, Reject, shortened};
use super::rows::RowBuilder;
use crate::error::did_you_mean;

/// What a line says.
pub(super) trait LineRow {
    /// Sets the fields of a row from its line.
    fn read(&mut self, line: &[u8], out: &mut RowBuilder) -> Result<(), Fault>;
}

/// Reads rows that are lines.
pub(super) struct LineReader<R> {
    source: Text,
    read: Arc<AtomicU64>,
    schema: SchemaRef,
    row: R,
    rows: RowBuilder,
    batch_rows: usize,
    /// Lines and rows (lines that are not blank) read so far.
    lines: i64,
    numbered: i64,
    /// Text of the last batch: the next one will have about as much.
    last_text: usize,
}

impl<R: LineRow> LineReader<R> {
    /// `columns` are the fields of a row.
    pub(super) fn new(
        source: Text,
        read: Arc<AtomicU64>,
        columns: &[(String, Kind)],
        row: R,
        batch_rows: usize,
    ) -> Self {
        let schema = columns.iter().map(|(name, kind)| RowBuilder::field(name, *kind));
        Self {
            source,
            read,
            schema: Arc::new(Schema::new(schema.collect::<Vec<_>>())),
            row,
            rows: RowBuilder::new(columns.iter().map(|(_, kind)| *kind)),
            batch_rows,
            lines: 0,
            numbered: 0,
            last_text: 0,
        }
    }
}

impl<R: LineRow> Reader for LineReader<R> {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn next(&mut self) -> Result<Option<Raw>> {
        let mut text = Vec::with_capacity(self.last_text);
        let (mut ends, mut numbers, mut lines) = (vec![], vec![], vec![]);
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
                Line::Whole => self.row.read(&text[start..], &mut self.rows).err(),
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
        self.last_text = text.len();
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
    // As much as the longest row with its end: of a longer one no more is kept.
    let most = MAX_ROW as u64 + 2;
    if source.by_ref().take(most).read_until(b'\n', text)? == 0 {
        return Ok(None);
    }
    let is_ended = text.last() == Some(&b'\n');
    if is_ended {
        text.pop();
    }
    if text.last() == Some(&b'\r') && text.len() > start {
        text.pop();
    }
    if text.len() - start <= MAX_ROW {
        return Ok(Some(Line::Whole));
    }
    text.truncate(start + MAX_ROW);
    if !is_ended {
        source.skip_until(b'\n')?;
    }
    Ok(Some(Line::TooLong))
}

/// A line that matches a pattern, of which every named group is a field.
pub(super) struct PatternRow {
    pattern: Regex,
    places: CaptureLocations,
    /// Number of a group and where its text goes.
    groups: Vec<(usize, Target)>,
    kinds: Vec<(String, Kind)>,
    mismatch: String,
}

enum Target {
    Fields(Vec<usize>),
    /// To the properties in this field, under the group's name.
    Rest(usize, String),
}

/// Opens lines that match `pattern`, the one of the mapping.
pub(super) fn open(
    source: Text,
    read: Arc<AtomicU64>,
    pattern: &Regex,
    options: &LandOptions,
) -> Result<LineReader<PatternRow>> {
    let mapping = &options.map;
    check_groups(pattern, mapping)?;
    let mut kinds: Vec<_> = mapping.fields.iter().map(|field| (field.name.clone(), field.kind)).collect();
    let rest = mapping.rest.as_ref().and_then(|rest| kinds.iter().position(|(name, _)| name == rest));
    let mut groups = vec![];
    for (number, name) in pattern.capture_names().enumerate() {
        let Some(name) = name.filter(|name| !mapping.ignore.iter().any(|ignored| ignored == name)) else {
            continue;
        };
        let fields = mapping.fields.iter().enumerate().filter(|(_, field)| field.path == name);
        let fields: Vec<_> = fields.map(|(index, _)| index).collect();
        let is_read = !fields.is_empty();
        if is_read {
            groups.push((number, Target::Fields(fields)));
        }
        match rest {
            Some(rest) if !is_read || mapping.rest_of.iter().any(|path| path == name) => {
                groups.push((number, Target::Rest(rest, name.to_owned())));
            }
            // A group that is not declared is text under its own name, unless a field has that name.
            None if !is_read && !kinds.iter().any(|(known, _)| known == name) => {
                kinds.push((name.to_owned(), Kind::Text));
                groups.push((number, Target::Fields(vec![kinds.len() - 1])));
            }
            _ => {}
        }
    }
    let row = PatternRow {
        places: pattern.capture_locations(),
        pattern: pattern.clone(),
        groups,
        kinds: kinds.clone(),
        mismatch: format!("the line does not match lines of mapping '{}'", mapping.name),
    };
    Ok(LineReader::new(source, read, &kinds, row, options.batch_rows))
}

impl LineRow for PatternRow {
    fn read(&mut self, line: &[u8], out: &mut RowBuilder) -> Result<(), Fault> {
        let line = std::str::from_utf8(line).map_err(|_| Fault::of_row("not UTF-8"))?;
        if self.pattern.captures_read(&mut self.places, line).is_none() {
            return Err(Fault::of_row(self.mismatch.as_str()));
        }
        for (group, target) in &self.groups {
            // A group that took no part in the match is NULL.
            let Some((start, end)) = self.places.get(*group) else { continue };
            let value = &line[start..end];
            match target {
                Target::Fields(fields) => {
                    for field in fields {
                        let Some(props) = out.props(*field) else {
                            out.set_text(*field, value);
                            continue;
                        };
                        if !props.set_object(value) {
                            let (name, kind) = &self.kinds[*field];
                            return Err(Fault::of_column(name, format!("{name} {}", kind.complaint())));
                        }
                    }
                }
                Target::Rest(field, name) => {
                    if let Some(props) = out.props(*field) {
                        props.set(name.clone(), value.to_owned());
                    }
                }
            }
        }
        Ok(())
    }
}

/// Every field that a row must have is a group of the pattern.
fn check_groups(pattern: &Regex, mapping: &Mapping) -> Result<()> {
    let names: Vec<&str> = pattern.capture_names().flatten().collect();
    let missing = mapping.fields.iter().find(|field| {
        !field.optional && Some(&field.name) != mapping.rest.as_ref() && !names.contains(&field.path.as_str())
    });
    match missing {
        Some(field) => exec_err!(
            "mapping '{}' reads '{}', which is no named group of its lines; they have {}{}",
            mapping.name,
            field.path,
            names.join(", "),
            did_you_mean(&field.path, &names)
        ),
        None => Ok(()),
    }
}
