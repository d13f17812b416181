//! Parquet: its columns as raw rows.
//!
//! Lists and structs that no field reads are properties, as JSON text.
//!
//! Text arrives as views into the pages that were read, and only the columns that the mapping reads are decoded: this is
//! the path on which a million rows a second land, so nothing here is done row by row.

use std::collections::BTreeSet;
use std::fs::File;
use std::sync::Arc;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, RecordBatch, RecordBatchOptions, new_null_array,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field as ArrowField, Schema, SchemaRef};
use datafusion::arrow::json::LineDelimitedWriter;
use datafusion::common::{Result, exec_datafusion_err, exec_err};

use super::LandOptions;
use super::convert::{Kind, convert, to_json};
use super::expressions::columns_read;
use super::input::{Raw, Reader, Texts};
use super::instant::Reading;
use super::mapping::{Mapping, users_or};
use super::props::{Props, PropsBuilder};
use crate::parquet_gate::gate;
use crate::store::schema::properties;

/// Decoded bytes of a batch, so that wide rows come in smaller batches.
const BATCH_BYTES: u64 = 64 << 20;

pub(super) struct ParquetReader {
    batches: ParquetRecordBatchReader,
    schema: SchemaRef,
    /// For each column of `schema`, what it is made of.
    columns: Vec<Source>,
    reading: Reading,
    file_bytes: u64,
    /// Rows that the file says it has, and rows read.
    total: u64,
    done: u64,
}

enum Source {
    /// A column of the batches as they are read.
    Column(usize),
    /// An optional field that the file does not have.
    Missing,
    /// Properties: those of a column, if there is one, and the columns that no field reads, by name.
    Rest { props: Option<usize>, others: Vec<(usize, String)> },
}

impl ParquetReader {
    pub(super) fn open(mut file: File, options: &LandOptions) -> Result<Self> {
        let file_bytes = gate(&mut file)?;
        let metadata = load(&file)?;
        let mapping = &options.map;
        let file_schema = Arc::clone(metadata.schema());
        check_columns(&file_schema, mapping)?;

        let mut plan = plan_columns(&file_schema, mapping);
        let all = schema_of(&plan, &file_schema);
        let needed = columns_read(mapping, &all)?;
        plan.retain(|(name, _)| needed.contains(name));
        let schema = schema_of(&plan, &file_schema);
        let mut columns: Vec<Source> = plan.into_iter().map(|(_, source)| source).collect();
        let used: BTreeSet<usize> = columns.iter().flat_map(Source::read).collect();
        columns.iter_mut().for_each(|source| source.renumber(&used));

        let total = u64::try_from(metadata.metadata().file_metadata().num_rows()).unwrap_or(0);
        let groups = metadata.metadata().row_groups().iter();
        let bytes = groups.fold(0, |bytes: i64, group| bytes.saturating_add(group.total_byte_size().max(0)));
        let row_bytes = (bytes as u64 / total.max(1)).max(1);
        let batch_rows = options.batch_rows.min((BATCH_BYTES / row_bytes).max(1024) as usize);
        let mask = ProjectionMask::roots(metadata.parquet_schema(), used);
        let batches = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
            .with_projection(mask)
            .with_batch_size(batch_rows)
            .build()?;
        let reading = Reading { unit: None, zone: mapping.time_zone };
        Ok(Self { batches, schema, columns, reading, file_bytes, total, done: 0 })
    }
}

impl Reader for ParquetReader {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn next(&mut self) -> Result<Option<Raw>> {
        let Some(batch) = self.batches.next().transpose()? else {
            if self.done != self.total {
                return exec_err!("it holds {} rows where its footer says {}", self.done, self.total);
            }
            return Ok(None);
        };
        let rows = batch.num_rows();
        let first = self.done as i64;
        self.done += rows as u64;
        let columns = self.columns.iter().map(|source| source.column(&batch, self.reading));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let shape = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(Some(Raw {
            batch: RecordBatch::try_new_with_options(self.schema(), columns, &shape)?,
            numbers: Int64Array::from_iter_values(first..first + rows as i64),
            lines: None,
            texts: Texts::Columns,
            rejects: vec![],
            rows: rows as u64,
        }))
    }

    fn bytes(&self) -> u64 {
        (u128::from(self.file_bytes) * u128::from(self.done) / u128::from(self.total.max(1))) as u64
    }
}

/// A row as JSON.
pub(super) fn text(row: &RecordBatch) -> Result<String> {
    let mut writer = LineDelimitedWriter::new(vec![]);
    writer.write(row)?;
    writer.finish()?;
    Ok(String::from_utf8_lossy(writer.into_inner().trim_ascii_end()).into_owned())
}

/// The metadata, with all text as views.
fn load(file: &File) -> Result<ArrowReaderMetadata> {
    let plain = ArrowReaderMetadata::load(file, ArrowReaderOptions::new())?;
    let fields = plain.schema().fields().iter().map(|field| match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 => as_view(field),
        DataType::Dictionary(_, value) if value.is_string() => as_view(field),
        _ => field.as_ref().clone(),
    });
    let views = Schema::new_with_metadata(fields.collect::<Vec<_>>(), plain.schema().metadata().clone());
    let options = ArrowReaderOptions::new().with_schema(Arc::new(views));
    // A schema that the reader does not take as views is read as it is, and converted later.
    Ok(ArrowReaderMetadata::try_new(Arc::clone(plain.metadata()), options).unwrap_or(plain))
}

fn as_view(field: &ArrowField) -> ArrowField {
    field.clone().with_data_type(DataType::Utf8View)
}

fn check_columns(schema: &Schema, mapping: &Mapping) -> Result<()> {
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    if let Some(twice) = names.iter().enumerate().find(|(i, name)| names[..*i].contains(name)) {
        return exec_err!("it has column '{}' twice", twice.1);
    }
    match mapping.fields.iter().find(|field| !field.optional && !names.contains(&field.path.as_str())) {
        Some(field) => exec_err!(
            "column '{}', which mapping '{}' reads, is missing; it has {}{}",
            field.path,
            mapping.name,
            names.join(", "),
            users_or(&names, &field.path)
        ),
        None => Ok(()),
    }
}

/// The fields of the mapping, then the columns that no field reads: under their own names, or all in the rest.
fn plan_columns(schema: &Schema, mapping: &Mapping) -> Vec<(String, Source)> {
    let mut plan: Vec<(String, Source)> = mapping
        .fields
        .iter()
        .map(|field| {
            (field.name.clone(), schema.index_of(&field.path).map_or(Source::Missing, Source::Column))
        })
        .collect();
    let mut others = vec![];
    for (index, column) in schema.fields().iter().enumerate() {
        let name = column.name();
        let read = mapping.fields.iter().any(|field| field.path == *name || field.name == *name);
        if !read && !mapping.ignore.contains(name) {
            others.push((index, name.clone()));
        }
    }
    match &mapping.rest {
        None => plan.extend(others.into_iter().map(|(index, name)| (name, Source::Column(index)))),
        Some(rest) if !others.is_empty() => {
            if let Some((_, source)) = plan.iter_mut().find(|(name, _)| name == rest) {
                let props = source.read().next();
                *source = Source::Rest { props, others };
            }
        }
        Some(_) => {}
    }
    plan
}

fn schema_of(plan: &[(String, Source)], file: &Schema) -> SchemaRef {
    let fields = plan.iter().map(|(name, source)| {
        let data_type = match source {
            Source::Column(index) => file.field(*index).data_type().clone(),
            Source::Missing => DataType::Null,
            Source::Rest { .. } => properties(),
        };
        ArrowField::new(name, data_type, true)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

impl Source {
    /// The columns it is made of.
    fn read(&self) -> impl Iterator<Item = usize> {
        let columns = match self {
            Self::Column(index) => vec![*index],
            Self::Missing => vec![],
            Self::Rest { props, others } => {
                props.iter().copied().chain(others.iter().map(|(index, _)| *index)).collect()
            }
        };
        columns.into_iter()
    }

    /// From positions in the file to positions among the columns that are read.
    fn renumber(&mut self, used: &BTreeSet<usize>) {
        let place = |index: &mut usize| *index = used.range(..*index).count();
        match self {
            Self::Column(index) => place(index),
            Self::Missing => {}
            Self::Rest { props, others } => {
                props.iter_mut().for_each(place);
                others.iter_mut().for_each(|(index, _)| place(index));
            }
        }
    }

    fn column(&self, batch: &RecordBatch, reading: Reading) -> Result<ArrayRef> {
        match self {
            Self::Column(index) => Ok(Arc::clone(batch.column(*index))),
            Self::Missing => Ok(new_null_array(&DataType::Null, batch.num_rows())),
            Self::Rest { props, others } => rest(batch, *props, others, reading),
        }
    }
}

fn rest(
    batch: &RecordBatch,
    props: Option<usize>,
    others: &[(usize, String)],
    reading: Reading,
) -> Result<ArrayRef> {
    let known = props.map(|index| convert(batch.column(index), Kind::Map, reading)).transpose()?;
    let known = known.as_ref().and_then(|known| known.as_map_opt());
    let mut columns = Vec::with_capacity(others.len());
    for (index, name) in others {
        let column = batch.column(*index);
        let column = match column.data_type().is_nested() {
            true => to_json(column),
            false => cast(column, &DataType::Utf8View).map_err(Into::into),
        };
        columns.push((name, column.map_err(|e| exec_datafusion_err!("column '{name}' as a property: {e}"))?));
    }
    let mut builder = PropsBuilder::new();
    let mut row_props = Props::default();
    for row in 0..batch.num_rows() {
        row_props.clear();
        if let Some(known) = known.filter(|known| known.is_valid(row)) {
            let entries = known.value(row);
            let (keys, values) = (entries.column(0).as_string::<i32>(), entries.column(1).as_string::<i32>());
            for (key, value) in keys.iter().zip(values) {
                if let (Some(key), Some(value)) = (key, value) {
                    row_props.set(key.to_owned(), value.to_owned());
                }
            }
        }
        for (name, column) in &columns {
            let column = column.as_string_view();
            if column.is_valid(row) {
                row_props.set((*name).clone(), column.value(row).to_owned());
            }
        }
        if row_props.is_empty() { builder.append_null() } else { builder.append(&row_props) }
    }
    builder.finish()
}
