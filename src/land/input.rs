//! What was handed over? A source is looked at before it is read: is it a file, is it what its name says, which bytes are
//! in it. Whatever the format, a reader then yields batches of raw rows.

use std::fs::{File, Metadata};
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::arrow::array::{Int64Array, RecordBatch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::{DataFusionError, Result, exec_err, plan_datafusion_err, plan_err};
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use xxhash_rust::xxh3::Xxh3;

use super::mapping::Mapping;
use super::quarantine::{Fault, Reject, shortened};
use super::sources::shown;
use super::{LandOptions, csv, jsonl, lines, parquet};
use crate::error::{did_you_mean, footfall_internal_err};
use crate::store::InputId;

/// A text row longer than this is not kept in memory.
pub(super) const MAX_ROW: usize = 16 << 20;
/// Text of a batch after which it is passed on, whatever its number of rows.
pub(super) const BATCH_TEXT: usize = 8 << 20;
/// What is read at once, and how much of a text file is looked at before it is read.
const BUFFER: usize = 256 << 10;

/// The formats of a log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values under a header.
    Csv,
    Parquet,
    /// Lines of text that the mapping has a pattern for.
    Lines,
}

impl Format {
    /// As they are written on the command line.
    pub const NAMES: [&'static str; 4] = ["jsonl", "csv", "parquet", "lines"];

    /// The one word of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Lines => "lines",
        }
    }
}

impl FromStr for Format {
    type Err = DataFusionError;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "jsonl" | "ndjson" | "json" => Ok(Self::Jsonl),
            "csv" => Ok(Self::Csv),
            "parquet" => Ok(Self::Parquet),
            "lines" => Ok(Self::Lines),
            _ => Err(plan_datafusion_err!(
                "unknown format '{name}'; accepted are {}{}",
                Self::NAMES.join(", "),
                did_you_mean(name, &Self::NAMES)
            )),
        }
    }
}

/// Raw rows, as the source has them.
pub(super) struct Raw {
    /// Fields of the mapping and columns of the source; see [`Reader::schema`].
    pub(super) batch: RecordBatch,
    /// Number in the input of each row of the batch, from 0.
    pub(super) numbers: Int64Array,
    /// What each row is called in messages, from 1: the line of a text file; the number where `None`.
    pub(super) lines: Option<Int64Array>,
    pub(super) texts: Texts,
    /// Rows that could not be read at all.
    pub(super) rejects: Vec<Reject>,
    /// Rows read: those of the batch and the rejects.
    pub(super) rows: u64,
}

impl Raw {
    /// A row of the batch that does not land.
    pub(super) fn reject(&self, row: usize, fault: Fault) -> Result<Reject> {
        let number =
            self.lines.as_ref().map_or_else(|| self.numbers.value(row) + 1, |lines| lines.value(row));
        let text = self.texts.text(&self.batch, row)?;
        Ok(Reject { row: number, text: shortened(&text).to_owned(), fault })
    }
}

/// The rows of a batch as they stand in the source, for the quarantine.
pub(super) enum Texts {
    Lines {
        text: Vec<u8>,
        ends: Vec<usize>,
    },
    Records(Vec<::csv::ByteRecord>),
    /// As JSON, made of the columns that the mapping reads.
    Columns,
}

impl Texts {
    pub(super) fn text(&self, batch: &RecordBatch, row: usize) -> Result<String> {
        Ok(match self {
            Self::Lines { text, ends } => {
                let start = if row == 0 { 0 } else { ends[row - 1] };
                String::from_utf8_lossy(&text[start..ends[row]]).into_owned()
            }
            Self::Records(records) => csv::text(&records[row])?,
            Self::Columns => parquet::text(&batch.slice(row, 1))?,
        })
    }
}

/// Reads a source of one format. It runs on a thread of its own.
pub(super) trait Reader {
    /// Schema of the raw rows.
    fn schema(&self) -> SchemaRef;

    fn next(&mut self) -> Result<Option<Raw>>;

    /// Bytes of the file that were read so far.
    fn bytes(&self) -> u64;
}

/// Opens a source for reading, or refuses it.
pub(super) fn open(source: &Path, options: &LandOptions) -> Result<Box<dyn Reader>> {
    let mut file = File::open(source)?;
    let format = format_of(source, options)?;
    let compression = compression_of(&mut file)?;
    if format == Format::Parquet {
        if compression != FileCompressionType::UNCOMPRESSED {
            return exec_err!("it is compressed as a whole; Parquet compresses inside, unpack it first");
        }
        return Ok(Box::new(parquet::ParquetReader::open(file, options)?));
    }
    let read = Arc::new(AtomicU64::new(0));
    let text = compression.convert_read(Counted { file, read: Arc::clone(&read) })?;
    let mut text = BufReader::with_capacity(BUFFER, text);
    refuse_foreign(text.fill_buf()?, format, &options.map)?;
    open_text(text, read, format, options)
}

/// Opens text, whatever stands in it; `read` counts what was read of its source.
pub(super) fn open_text(
    text: Text,
    read: Arc<AtomicU64>,
    format: Format,
    options: &LandOptions,
) -> Result<Box<dyn Reader>> {
    let reader: Box<dyn Reader> = match (format, &options.map.lines) {
        (Format::Lines, Some(pattern)) => Box::new(lines::open(text, read, pattern, options)?),
        (Format::Csv, _) => Box::new(csv::CsvReader::open(text, read, options)?),
        (Format::Jsonl, _) => Box::new(jsonl::open(text, read, options)),
        (Format::Parquet | Format::Lines, _) => {
            return footfall_internal_err!("{} is no text", format.name());
        }
    };
    Ok(reader)
}

/// The plain, non-empty file that `source` names.
pub(super) fn file_at(source: &Path) -> Result<Metadata> {
    let metadata = std::fs::metadata(source)?;
    if metadata.is_dir() {
        return exec_err!("it is a folder; name the files in it");
    }
    if !metadata.is_file() {
        return exec_err!("it is not a plain file; an input is read twice");
    }
    if metadata.len() == 0 {
        return exec_err!("the file is empty");
    }
    Ok(metadata)
}

/// The file is still the one that it was `before`.
pub(super) fn check_unchanged(source: &Path, before: &Metadata) -> Result<()> {
    let after = file_at(source)?;
    if after.len() != before.len() || after.modified().ok() != before.modified().ok() {
        return exec_err!("the file was changed while it was read; nothing has landed");
    }
    Ok(())
}

/// The same bytes, read in the same way into the same table, are the same input.
pub(super) fn identity(source: &Path, mapping: &str, table: &str) -> Result<InputId> {
    let mut file = File::open(source)?;
    let mut hash = Xxh3::new();
    let mut buffer = vec![0; BUFFER];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hash.update(&buffer[..read]),
        }
    }
    for part in [mapping, table] {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    Ok(InputId::whole(hash.digest128(), shown(source)))
}

/// The format that was given, that of the mapping, or what the name of `source` says.
pub(super) fn format_of(source: &Path, options: &LandOptions) -> Result<Format> {
    let mapping = &options.map;
    match (options.format, mapping.format()) {
        (Some(Format::Lines), None) => plan_err!(
            "format lines needs a mapping with a pattern for them (lines = \"…\"), mapping '{}' has none",
            mapping.name
        ),
        (Some(given), Some(only)) if given != only => {
            plan_err!("mapping '{}' is for {}, not for {}", mapping.name, only.name(), given.name())
        }
        (Some(format), _) | (None, Some(format)) => Ok(format),
        (None, None) => format_of_name(source),
    }
}

fn format_of_name(source: &Path) -> Result<Format> {
    let name = source.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("jsonl" | "ndjson" | "json") => Ok(Format::Jsonl),
        Some("csv") => Ok(Format::Csv),
        Some("parquet") => Ok(Format::Parquet),
        _ => exec_err!(
            "its name does not tell its format; accepted are .jsonl, .ndjson, .json, .csv (also .gz, .zst) and .parquet, \
             else give the format as jsonl, csv or parquet"
        ),
    }
}

/// By the first bytes: a name may be wrong.
fn compression_of(file: &mut File) -> Result<FileCompressionType> {
    let mut magic = Vec::with_capacity(4);
    file.by_ref().take(4).read_to_end(&mut magic)?;
    file.rewind()?;
    Ok(match magic.as_slice() {
        [0x1f, 0x8b, ..] => FileCompressionType::GZIP,
        [0x28, 0xb5, 0x2f, 0xfd] => FileCompressionType::ZSTD,
        _ => FileCompressionType::UNCOMPRESSED,
    })
}

/// Refuses what is no text of the format at all. A single bad row, though the first, is left to the quarantine.
pub(super) fn refuse_foreign(start: &[u8], format: Format, mapping: &Mapping) -> Result<()> {
    if start.is_empty() {
        return exec_err!("the file is empty");
    }
    if start.starts_with(b"PAR1") {
        return exec_err!("it is Parquet, not text; give the format as parquet");
    }
    if start.contains(&0) {
        return exec_err!("it is not text: it has a NUL byte");
    }
    if format == Format::Jsonl {
        let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
        if text.starts_with(b"[") {
            return exec_err!("it is a JSON array; accepted is one JSON object a line");
        }
        if !text.split(|byte| *byte == b'\n').any(|line| line.trim_ascii_start().starts_with(b"{")) {
            return exec_err!("it is not JSON lines: no line starts with '{{'");
        }
    }
    if let (Format::Lines, Some(pattern)) = (format, &mapping.lines) {
        let mut lines = start.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
        if !lines.any(|line| std::str::from_utf8(line).is_ok_and(|line| pattern.is_match(line))) {
            return exec_err!("no line of its beginning matches lines of mapping '{}'", mapping.name);
        }
    }
    Ok(())
}

/// Counts what is read of a file, for the progress.
struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Text of a source, unpacked.
pub(super) type Text = BufReader<Box<dyn Read + Send>>;
