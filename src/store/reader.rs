//! One data file as a stream of batches: the wanted columns, the row groups that can matter, the wanted users.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, MAX_INLINE_VIEW_LEN, RecordBatch, UInt64Array, new_null_array,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::cast::{as_map_array, as_string_view_array};
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, DataFusionError, Result, ScalarValue, exec_datafusion_err, exec_err};
use datafusion::physical_optimizer::pruning::PruningPredicate;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::ObjectStore;
use object_store::path::Path;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::ParquetRecordBatchStreamBuilder;
use parquet::file::metadata::RowGroupMetaData;
use parquet::schema::types::SchemaDescriptor;
use serde::{Deserialize, Serialize};

use super::data_file::Rank;
use super::declared::{take_declared, widened};
use super::encode::first_row_from;
use super::merge::Ranked;
use super::object_reader::ObjectReader;
use super::row_filter::RowFilter;

const PROPS: &str = "props";

/// A half-open range of user ids; `None` is open.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UserRange {
    /// First user inside.
    pub(crate) from: Option<String>,
    /// First user behind.
    pub(crate) to: Option<String>,
}

impl UserRange {
    /// Whether some user of `low..=high` is inside.
    pub(crate) fn overlaps(&self, low: &str, high: &str) -> bool {
        self.from.as_deref().is_none_or(|from| high >= from) && self.to.as_deref().is_none_or(|to| low < to)
    }

    fn covers(&self, low: &str, high: &str) -> bool {
        self.from.as_deref().is_none_or(|from| low >= from) && self.to.as_deref().is_none_or(|to| high < to)
    }
}

/// What to read of a file.
#[derive(Clone)]
pub(crate) struct FileRead {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) location: Path,
    pub(crate) size: u64,
    /// The columns, in order; those that the file lacks are NULL, but for declared properties.
    pub(crate) schema: SchemaRef,
    /// Columns of declared properties: a file from before a declaration has their values in `props`.
    pub(crate) declared: Arc<[FieldRef]>,
    /// See [`Rank`]; for the merge.
    pub(crate) rank: Rank,
    pub(crate) users: UserRange,
    /// Row groups for which this cannot be true are not read.
    pub(crate) predicate: Option<Arc<PruningPredicate>>,
    /// Rows that it does not let through are left out, and the columns that only it needs.
    pub(crate) filter: Option<RowFilter>,
    pub(crate) batch_size: usize,
}

impl FileRead {
    /// Opens the file. The rows come in the order of the file.
    pub(crate) async fn open(self) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let (location, batch_size) = (self.location.clone(), self.batch_size);
        let filter = self.filter.clone();
        let opened = AssertUnwindSafe(self.open_inner()).catch_unwind().await;
        let rows =
            opened.unwrap_or_else(|_| broken()).map_err(|e| e.context(format!("data file {location}")))?;
        Ok(match filter {
            Some(filter) => filter.rows(rows, batch_size),
            None => rows,
        })
    }

    async fn open_inner(self) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let mut reader =
            ObjectReader { store: Arc::clone(&self.store), location: self.location.clone(), size: self.size };
        let plain = ArrowReaderMetadata::load_async(&mut reader, ArrowReaderOptions::new()).await?;
        let viewed = ArrowReaderOptions::new().with_schema(view_schema(plain.schema()));
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(plain.metadata()), viewed)?;
        let file_schema = Arc::clone(metadata.schema());

        let groups = metadata.metadata().row_groups();
        let parquet_schema = metadata.metadata().file_metadata().schema_descr_ptr();
        let undeclared = self.undeclared(&file_schema);
        let statistics = GroupStatistics {
            groups,
            file_schema: &file_schema,
            parquet_schema: &parquet_schema,
            undeclared: &undeclared,
        };
        let (wanted, cut) = self.row_groups(&statistics)?;
        if wanted.is_empty() {
            return Ok(futures::stream::empty().boxed());
        }
        let mut columns: Vec<usize> =
            self.schema.fields().iter().filter_map(|field| file_schema.index_of(field.name()).ok()).collect();
        if cut {
            columns.push(file_schema.index_of("user_id")?);
        }
        if let (false, Ok(props)) = (undeclared.is_empty(), file_schema.index_of(PROPS)) {
            columns.push(props);
        }
        let mask = ProjectionMask::roots(&parquet_schema, columns);
        let stream = ParquetRecordBatchStreamBuilder::new_with_metadata(reader, metadata)
            .with_projection(mask)
            .with_row_groups(wanted)
            .with_batch_size(self.batch_size)
            .build()?;
        let location = self.location.clone();
        // Some damages make the decoder panic.
        let stream = AssertUnwindSafe(stream).catch_unwind().map(|read| match read {
            Ok(read) => read.map_err(DataFusionError::from),
            Err(_) => broken(),
        });
        Ok(stream
            .map_err(move |e| e.context(format!("data file {location}")))
            .try_filter_map(move |batch| {
                let batch = self.shape(batch, cut, &undeclared);
                async move { batch.map(|batch| (batch.num_rows() > 0).then_some(batch)) }
            })
            .boxed())
    }

    /// The row groups to read, and whether any of them holds users outside the range.
    fn row_groups(&self, statistics: &GroupStatistics<'_>) -> Result<(Vec<usize>, bool)> {
        let groups = statistics.groups;
        let kept = match &self.predicate {
            Some(predicate) => predicate.prune(statistics)?,
            None => vec![true; groups.len()],
        };
        let whole = self.users == UserRange::default();
        let lows = statistics.min_values(&Column::from_name("user_id"));
        let highs = statistics.max_values(&Column::from_name("user_id"));
        let (mut wanted, mut cut) = (Vec::new(), false);
        for (index, kept) in kept.into_iter().enumerate() {
            if !kept || groups[index].num_rows() == 0 {
                continue;
            }
            let bounds = match (&lows, &highs) {
                (Some(lows), Some(highs)) if lows.is_valid(index) && highs.is_valid(index) => {
                    Some((text_at(lows, index)?, text_at(highs, index)?))
                }
                _ => None,
            };
            match bounds {
                _ if whole => wanted.push(index),
                Some((low, high)) if !self.users.overlaps(&low, &high) => {}
                Some((low, high)) => {
                    cut |= !self.users.covers(&low, &high);
                    wanted.push(index);
                }
                None => {
                    cut = true;
                    wanted.push(index);
                }
            }
        }
        Ok((wanted, cut))
    }

    /// The declared properties that the file may still hold in `props`, if what is wanted depends on them: those that it
    /// has no column for, and those that were integers when it was written and are floats now. A file that was
    /// written with any of the columns was written after all older declarations, but a column without a value is left
    /// out of a file: looking it up in `props` finds nothing then.
    fn undeclared(&self, file_schema: &Schema) -> Vec<FieldRef> {
        let wanted = |name: &str| self.schema.index_of(name).is_ok();
        let props = wanted(PROPS);
        let older = |field: &&FieldRef| match file_schema.field_with_name(field.name()) {
            Ok(written) => *field.data_type() == DataType::Float64 && *written.data_type() == DataType::Int64,
            Err(_) => true,
        };
        self.declared.iter().filter(older).filter(|field| props || wanted(field.name())).cloned().collect()
    }

    /// Cuts the users, puts the columns in order and fills those that the file lacks.
    fn shape(&self, batch: RecordBatch, cut: bool, undeclared: &[FieldRef]) -> Result<RecordBatch> {
        let mut batch = batch;
        if cut {
            let users = batch
                .column_by_name("user_id")
                .ok_or_else(|| exec_datafusion_err!("the file has no column user_id"))?;
            let users = as_string_view_array(users)?;
            let from = self.users.from.as_deref().map_or(0, |from| first_row_from(users, from));
            let to = self.users.to.as_deref().map_or(users.len(), |to| first_row_from(users, to));
            batch = batch.slice(from, to.saturating_sub(from));
        }
        let taken = match batch.column_by_name(PROPS) {
            Some(props) if !undeclared.is_empty() => Some(take_declared(as_map_array(props)?, undeclared)?),
            _ => None,
        };
        let found = |name: &str| -> Result<Option<ArrayRef>> {
            let written = batch.column_by_name(name);
            let Some(taken) = &taken else { return Ok(written.cloned()) };
            let moved = undeclared.iter().position(|field| field.name() == name);
            Ok(match (moved, written) {
                _ if name == PROPS => Some(Arc::new(taken.rest.clone())),
                (None, written) => written.cloned(),
                (Some(index), None) => Some(Arc::clone(&taken.columns[index])),
                (Some(index), Some(written)) => Some(widened(written, &taken.columns[index])?),
            })
        };
        let columns = self
            .schema
            .fields()
            .iter()
            .map(|field| match found(field.name())? {
                Some(column) if column.data_type() == field.data_type() => Ok(in_place(column)),
                Some(column) => Ok(cast(&column, field.data_type())?),
                None => Ok(new_null_array(field.data_type(), batch.num_rows())),
            })
            .collect::<Result<Vec<ArrayRef>>>()?;
        let options =
            datafusion::arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }
}

/// Short texts stand in their views: without buffers, which none of them points into, two of them are compared at once.
fn in_place(column: ArrayRef) -> ArrayRef {
    if let Some(texts) = column.as_string_view_opt()
        && !texts.data_buffers().is_empty()
        && texts.views().iter().all(|view| *view as u32 <= MAX_INLINE_VIEW_LEN)
    {
        return Arc::new(texts.gc());
    }
    column
}

/// What a panic of the decoder becomes.
fn broken<T>() -> Result<T> {
    exec_err!("it is broken in a way that its reader fails on; footfall verify says more")
}

/// Files one after the other, for the merge; each is opened when the one before it is done.
pub(crate) fn read_in_turn(reads: Vec<FileRead>) -> Ranked {
    futures::stream::iter(reads.into_iter().map(Ok::<_, DataFusionError>))
        .and_then(|read| async move {
            let rank = read.rank;
            Ok(read.open().await?.map_ok(move |batch| (rank, batch)))
        })
        .try_flatten()
        .boxed()
}

/// Names of the columns that a file has.
pub(crate) async fn columns_of(
    store: &Arc<dyn ObjectStore>,
    location: &Path,
    size: u64,
) -> Result<Vec<String>> {
    let mut reader = ObjectReader { store: Arc::clone(store), location: location.clone(), size };
    let metadata = ArrowReaderMetadata::load_async(&mut reader, ArrowReaderOptions::new()).await?;
    Ok(metadata.schema().fields().iter().map(|field| field.name().clone()).collect())
}

/// Text as views: a value then is 16 bytes, wherever its characters are.
fn view_schema(schema: &Schema) -> SchemaRef {
    let fields: Vec<Arc<Field>> = schema
        .fields()
        .iter()
        .map(|field| match field.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 => {
                Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View))
            }
            _ => Arc::clone(field),
        })
        .collect();
    Arc::new(Schema::new(fields))
}

fn text_at(values: &ArrayRef, index: usize) -> Result<String> {
    match ScalarValue::try_from_array(values, index)?.try_as_str() {
        Some(Some(text)) => Ok(text.to_string()),
        _ => Err(exec_datafusion_err!("the statistics of user_id are no text")),
    }
}

/// The statistics of a file's row groups, as pruning asks for them.
struct GroupStatistics<'a> {
    groups: &'a [RowGroupMetaData],
    file_schema: &'a Schema,
    parquet_schema: &'a SchemaDescriptor,
    /// Columns whose values stand in `props`, of which there are no statistics.
    undeclared: &'a [FieldRef],
}

impl GroupStatistics<'_> {
    fn converter<'b>(&'b self, column: &'b Column) -> Option<StatisticsConverter<'b>> {
        if self.undeclared.iter().any(|field| *field.name() == column.name) {
            return None;
        }
        StatisticsConverter::try_new(&column.name, self.file_schema, self.parquet_schema).ok()
    }
}

impl PruningStatistics for GroupStatistics<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.converter(column)?.row_group_mins(self.groups).ok()
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.converter(column)?.row_group_maxes(self.groups).ok()
    }

    fn num_containers(&self) -> usize {
        self.groups.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let counts = self.converter(column)?.row_group_null_counts(self.groups).ok()?;
        Some(Arc::new(counts))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let rows: UInt64Array = self.groups.iter().map(|group| Some(group.num_rows() as u64)).collect();
        Some(Arc::new(rows))
    }

    fn contained(&self, _: &Column, _: &std::collections::HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
