//! CSV under a header. The header decides whether the file is the one the mapping means; a row with another number of
//! fields is rejected by itself. An empty field is NULL.

use std::collections::{HashSet, VecDeque};
use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ::csv::{ByteRecord, ReaderBuilder, WriterBuilder};
use datafusion::arrow::array::{Int64Array, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::{Result, exec_datafusion_err, exec_err};

use super::LandOptions;
use super::convert::Kind;
use super::input::{BATCH_TEXT, MAX_ROW, Raw, Reader, Text, Texts};
use super::mapping::{Mapping, users_or};
use super::quarantine::{Fault, Reject, shortened};
use super::rows::RowBuilder;

pub(super) struct CsvReader {
    source: ::csv::Reader<Guard>,
    /// Bytes that were read since the last row ended.
    unfinished: Arc<AtomicU64>,
    lines: Arc<Mutex<Lines>>,
    read: Arc<AtomicU64>,
    schema: SchemaRef,
    columns: Vec<Target>,
    kinds: Vec<(String, Kind)>,
    rows: RowBuilder,
    batch_rows: usize,
    numbered: i64,
    /// Line of the last row, if it spans lines and does not fit the header.
    open_quote: Option<i64>,
}

/// Where a column's values go.
enum Target {
    Fields(Vec<usize>),
    /// To the properties in this field, under the column's name.
    Rest(usize, String),
    Nowhere,
}

impl CsvReader {
    pub(super) fn open(source: Text, read: Arc<AtomicU64>, options: &LandOptions) -> Result<Self> {
        let unfinished = Arc::new(AtomicU64::new(0));
        let lines = Arc::new(Mutex::new(Lines::default()));
        let guard = Guard { source, unfinished: Arc::clone(&unfinished), lines: Arc::clone(&lines) };
        let mut source = ReaderBuilder::new().flexible(true).from_reader(guard);
        let header = source.headers().map_err(|e| exec_datafusion_err!("its header: {e}"))?;
        let header: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
        check_header(&header, &options.map)?;

        let mut kinds: Vec<_> =
            options.map.fields.iter().map(|field| (field.name.clone(), field.kind)).collect();
        let rest = options.map.rest.as_ref();
        let rest = rest.and_then(|rest| kinds.iter().position(|(name, _)| name == rest));
        let mut columns = Vec::with_capacity(header.len());
        for name in header {
            let fields = options.map.fields.iter().enumerate();
            let fields: Vec<_> =
                fields.filter(|(_, field)| field.path == name).map(|(index, _)| index).collect();
            columns.push(match rest {
                _ if !fields.is_empty() => Target::Fields(fields),
                _ if options.map.ignore.contains(&name) => Target::Nowhere,
                Some(rest) => Target::Rest(rest, name),
                // A column that is not declared is text under its own name, unless a field has that name.
                None if kinds.iter().any(|(known, _)| *known == name) => Target::Nowhere,
                None => {
                    kinds.push((name, Kind::Text));
                    Target::Fields(vec![kinds.len() - 1])
                }
            });
        }
        let schema: Vec<_> = kinds.iter().map(|(name, kind)| RowBuilder::field(name, *kind)).collect();
        Ok(Self {
            source,
            unfinished,
            lines,
            read,
            schema: Arc::new(Schema::new(schema)),
            columns,
            rows: RowBuilder::new(kinds.iter().map(|(_, kind)| *kind)),
            kinds,
            batch_rows: options.batch_rows,
            numbered: 0,
            open_quote: None,
        })
    }

    /// Sets the fields of a row.
    fn read_row(&mut self, record: &ByteRecord) -> Result<(), Fault> {
        if record.len() != self.columns.len() {
            let (found, accepted) = (record.len(), self.columns.len());
            return Err(Fault::of_row(format!("{found} fields where the header has {accepted}")));
        }
        for (target, value) in self.columns.iter().zip(record) {
            let value = std::str::from_utf8(value).map_err(|_| Fault::of_row("not UTF-8"))?;
            if value.is_empty() {
                continue;
            }
            match target {
                Target::Fields(fields) => {
                    for field in fields {
                        let Some(props) = self.rows.props(*field) else {
                            self.rows.set_text(*field, value);
                            continue;
                        };
                        if !props.set_object(value) {
                            let (name, kind) = &self.kinds[*field];
                            let reason = format!("{name} {}", kind.complaint());
                            return Err(Fault::of_column(name, reason));
                        }
                    }
                }
                Target::Rest(field, name) => {
                    if let Some(props) = self.rows.props(*field) {
                        props.set(name.clone(), value.to_owned());
                    }
                }
                Target::Nowhere => {}
            }
        }
        Ok(())
    }
}

impl Reader for CsvReader {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn next(&mut self) -> Result<Option<Raw>> {
        let (mut records, mut numbers, mut lines) = (vec![], vec![], vec![]);
        let mut rejects = vec![];
        let (mut rows, mut bytes) = (0, 0);
        let mut whole = false;
        while rows < self.batch_rows && bytes < BATCH_TEXT {
            let mut record = ByteRecord::new();
            if !self.source.read_byte_record(&mut record).map_err(|e| exec_datafusion_err!("{e}"))? {
                if let Some(line) = self.open_quote {
                    return exec_err!(
                        "line {line}: a quote is opened that is never closed; nothing has landed"
                    );
                }
                whole = true;
                break;
            }
            self.unfinished.store(0, Ordering::Relaxed);
            rows += 1;
            bytes += record.as_slice().len();
            self.numbered += 1;
            let start = record.position().map_or(0, |position| position.byte());
            let line = self.lines.lock().unwrap_or_else(PoisonError::into_inner).of_row(start);
            match self.read_row(&record) {
                Ok(()) => {
                    self.open_quote = None;
                    self.rows.end_row();
                    records.push(record);
                    numbers.push(self.numbered - 1);
                    lines.push(line);
                }
                Err(fault) => {
                    // Should nothing follow it, it has swallowed the rest of the file.
                    self.open_quote = record.iter().any(|field| field.contains(&b'\n')).then_some(line);
                    self.rows.drop_row();
                    let text = shortened(&text(&record)?).to_owned();
                    rejects.push(Reject { row: line, text, fault });
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
            texts: Texts::Records(records),
            rejects,
            rows: rows as u64,
        }))
    }

    fn bytes(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}

/// A row written as CSV again.
pub(super) fn text(record: &ByteRecord) -> Result<String> {
    let mut writer = WriterBuilder::new().from_writer(vec![]);
    writer.write_byte_record(record).map_err(|e| exec_datafusion_err!("{e}"))?;
    let line = writer.into_inner().map_err(|e| exec_datafusion_err!("{e}"))?;
    Ok(String::from_utf8_lossy(line.trim_ascii_end()).into_owned())
}

fn check_header(header: &[String], mapping: &Mapping) -> Result<()> {
    let mut seen = HashSet::new();
    if let Some(twice) = header.iter().find(|name| !seen.insert(name.as_str())) {
        return exec_err!("its header has column '{twice}' twice");
    }
    let missing = mapping.fields.iter().find(|field| !field.optional && !seen.contains(field.path.as_str()));
    if let Some(field) = missing {
        let names: Vec<_> = header.iter().map(String::as_str).collect();
        return exec_err!(
            "column '{}', which mapping '{}' reads, is missing; its header has {}{}",
            field.path,
            mapping.name,
            names.join(", "),
            users_or(&names, &field.path)
        );
    }
    Ok(())
}

/// Where the lines begin that are not blank. The parser's own count knows neither blank lines before a row nor `\r\n`.
#[derive(Default)]
struct Lines {
    /// First byte and number of each.
    starts: VecDeque<(u64, i64)>,
    bytes: u64,
    /// Ends of lines so far.
    ended: i64,
    /// Whether something other than an end stands on the line that is being read.
    begun: bool,
}

impl Lines {
    fn advance(&mut self, text: &[u8]) {
        for (at, byte) in text.iter().enumerate() {
            if *byte == b'\n' {
                self.ended += 1;
                self.begun = false;
            } else if !self.begun && *byte != b'\r' {
                self.begun = true;
                self.starts.push_back((self.bytes + at as u64, self.ended + 1));
            }
        }
        self.bytes += text.len() as u64;
    }

    /// The line of the row that the parser found at byte `start` or after blank lines there; rows come in order.
    fn of_row(&mut self, start: u64) -> i64 {
        while self.starts.front().is_some_and(|(first, _)| *first < start) {
            self.starts.pop_front();
        }
        self.starts.front().map_or(0, |(_, line)| *line)
    }
}

/// Stops at a row that does not end, as after a quote that is never closed: it would be gathered in memory.
struct Guard {
    source: Text,
    unfinished: Arc<AtomicU64>,
    lines: Arc<Mutex<Lines>>,
}

impl Read for Guard {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).advance(&buffer[..read]);
        let unfinished = self.unfinished.fetch_add(read as u64, Ordering::Relaxed) + read as u64;
        if unfinished > MAX_ROW as u64 {
            let reason = format!("a row is longer than {} MiB; is a quote left open?", MAX_ROW >> 20);
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, reason));
        }
        Ok(read)
    }
}
