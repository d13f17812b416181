//! Properties that the catalogue declares move from the map `props` to their typed columns. One kernel, two uses:
//!
//! - **landing** takes them out of the rows that it lands. Where a value does not fit and the row's own event declares
//!   the property, the row is rejected ([`faults`]); a property of that name at another event stays in `props`;
//! - **reading a file from before the declaration** takes them out of the rows that it reads, and a value that does not
//!   fit stays in `props`. Old rows then answer as if they landed today, and compaction writes them so. The same holds
//!   for a file whose column is still `int` where the property has become `float` ([`widened`]).
//!
//! A key that stands twice in a row has its last value. A key without a value (NULL) says nothing and is taken out.

use std::sync::Arc;

use chrono_tz::Tz;
use datafusion::arrow::array::{
    Array, ArrayBuilder, ArrayRef, AsArray, BooleanArray, BooleanBufferBuilder, BooleanBuilder,
    Float64Builder, Int64Builder, MapArray, NullBufferBuilder, StringViewArray, StringViewBuilder,
    TimestampMicrosecondBuilder, new_null_array,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::kernels::zip::zip;
use datafusion::arrow::compute::{cast, filter, is_not_null};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::Result;

use super::catalogue::{Catalogue, PREFIX, unit_of};
use super::values::{Reading, instant, integer, number, truth};
use crate::error::footfall_internal_err;

/// What [`take_declared`] makes of a map.
pub(crate) struct Taken {
    /// A column a field.
    pub(crate) columns: Vec<ArrayRef>,
    /// The map without the entries that moved; NULL where nothing is left.
    pub(crate) rest: MapArray,
    /// Row and field of each value that does not fit, by row.
    pub(crate) unfit: Vec<(usize, usize)>,
}

/// Moves the entries of `props` whose key is a field's name without `p_` to a column of the field's type.
pub(crate) fn take_declared(props: &MapArray, fields: &[FieldRef]) -> Result<Taken> {
    let (keys, values) = (props.keys().as_string_opt::<i32>(), props.values().as_string_opt::<i32>());
    let (Some(keys), Some(values)) = (keys, values) else {
        return footfall_internal_err!("properties are {}, not a map of text", props.data_type());
    };
    let names = Names::of(fields);
    let offsets = props.value_offsets();
    let mut columns: Vec<Option<Column>> = fields.iter().map(|_| None).collect();
    let mut rest = Rest::new(props);
    let mut unfit = Vec::new();
    // The last entry of each field, which is one of the present row or older; the field of each entry of the row.
    let mut last = vec![usize::MAX; fields.len()];
    let mut found: Vec<Option<usize>> = Vec::new();
    for row in 0..props.len() {
        let entries = offsets[row] as usize..offsets[row + 1] as usize;
        if props.is_null(row) {
            rest.skip(entries.len());
            continue;
        }
        found.clear();
        for entry in entries.clone() {
            let field = names.field(keys.value(entry));
            if let Some(field) = field {
                last[field] = entry;
            }
            found.push(field);
        }
        for (entry, field) in entries.zip(&found) {
            let Some(field) = *field else {
                rest.push(true);
                continue;
            };
            if last[field] != entry || values.is_null(entry) {
                rest.push(false);
                continue;
            }
            let column = match &mut columns[field] {
                Some(column) => column,
                none => none.insert(Column::new(&fields[field], props.len())?),
            };
            let fits = column.set(row, values.value(entry));
            if !fits {
                unfit.push((row, field));
            }
            rest.push(!fits);
        }
        rest.end_row();
    }
    let mut nulls = Nulls { rows: props.len(), known: Vec::new() };
    let columns = columns.into_iter().zip(fields).map(|(column, field)| match column {
        Some(column) => column.finish(props.len()),
        None => nulls.of(field.data_type()),
    });
    Ok(Taken { columns: columns.collect(), rest: rest.finish(props)?, unfit })
}

/// Why rows are rejected: row, column and reason of each value that does not fit and that the row's own event declares.
/// `events` is the column `event`, `fields` and `unfit` are those of [`take_declared`].
pub(crate) fn faults<'a>(
    catalogue: &'a Catalogue,
    events: &'a StringViewArray,
    fields: &'a [FieldRef],
    unfit: &'a [(usize, usize)],
) -> impl Iterator<Item = (usize, &'a str, String)> {
    unfit.iter().filter(move |(row, _)| events.is_valid(*row)).filter_map(move |(row, field)| {
        let (event, column) = (events.value(*row), fields[*field].name());
        let name = property_of(column);
        let property = catalogue.property(event, name)?;
        let reason = format!(
            "{name} {}; event {event} declares it as {}",
            property.kind.complaint(),
            property.type_name()
        );
        Some((*row, column.as_str(), reason))
    })
}

/// A column of a file that was written before its property became `float`: the file's own values, and where it has none
/// those that [`take_declared`] found in `props`, which did not fit at the time.
pub(crate) fn widened(written: &ArrayRef, taken: &ArrayRef) -> Result<ArrayRef> {
    let written = cast(written, taken.data_type())?;
    Ok(zip(&is_not_null(&written)?, &written, taken)?)
}

fn property_of(column: &str) -> &str {
    column.strip_prefix(PREFIX).unwrap_or(column)
}

/// Which field is a key? Keys are compared with the names of their length only.
struct Names<'a> {
    by_length: Vec<Vec<(&'a str, usize)>>,
}

impl<'a> Names<'a> {
    fn of(fields: &'a [FieldRef]) -> Self {
        let mut by_length: Vec<Vec<(&str, usize)>> = Vec::new();
        for (index, field) in fields.iter().enumerate() {
            let name = property_of(field.name());
            if by_length.len() <= name.len() {
                by_length.resize_with(name.len() + 1, Vec::new);
            }
            by_length[name.len()].push((name, index));
        }
        Self { by_length }
    }

    fn field(&self, key: &str) -> Option<usize> {
        let names = self.by_length.get(key.len())?;
        names.iter().find(|(name, _)| *name == key).map(|(_, index)| *index)
    }
}

/// A column under construction. Rows without a value are filled in when the next one has a value.
enum Column {
    Int(Int64Builder),
    Float(Float64Builder),
    Text(StringViewBuilder),
    Bool(BooleanBuilder),
    Time(TimestampMicrosecondBuilder, Reading),
}

impl Column {
    fn new(field: &Field, rows: usize) -> Result<Self> {
        Ok(match field.data_type() {
            DataType::Int64 => Self::Int(Int64Builder::with_capacity(rows)),
            DataType::Float64 => Self::Float(Float64Builder::with_capacity(rows)),
            DataType::Utf8View => Self::Text(StringViewBuilder::with_capacity(rows)),
            DataType::Boolean => Self::Bool(BooleanBuilder::with_capacity(rows)),
            DataType::Timestamp(..) => {
                // The zone of a mapping is not known any more when an old file is read.
                let reading = Reading { unit: Some(unit_of(field)), zone: Tz::UTC };
                Self::Time(TimestampMicrosecondBuilder::with_capacity(rows), reading)
            }
            other => return footfall_internal_err!("column {} is declared as {other}", field.name()),
        })
    }

    /// Sets the value of a row behind all rows that have one; false if it does not fit.
    fn set(&mut self, row: usize, text: &str) -> bool {
        match self {
            Self::Int(column) => {
                let Some(value) = integer(text) else { return false };
                column.append_nulls(row - column.len());
                column.append_value(value);
            }
            Self::Float(column) => {
                let Some(value) = number(text) else { return false };
                column.append_nulls(row - column.len());
                column.append_value(value);
            }
            Self::Text(column) => {
                (column.len()..row).for_each(|_| column.append_null());
                column.append_value(text);
            }
            Self::Bool(column) => {
                let Some(value) = truth(text) else { return false };
                column.append_nulls(row - column.len());
                column.append_value(value);
            }
            Self::Time(column, reading) => {
                let Some(value) = instant(text, *reading) else { return false };
                column.append_nulls(row - column.len());
                column.append_value(value);
            }
        }
        true
    }

    fn finish(self, rows: usize) -> ArrayRef {
        match self {
            Self::Int(mut column) => {
                column.append_nulls(rows - column.len());
                Arc::new(column.finish())
            }
            Self::Float(mut column) => {
                column.append_nulls(rows - column.len());
                Arc::new(column.finish())
            }
            Self::Text(mut column) => {
                (column.len()..rows).for_each(|_| column.append_null());
                Arc::new(column.finish())
            }
            Self::Bool(mut column) => {
                column.append_nulls(rows - column.len());
                Arc::new(column.finish())
            }
            Self::Time(mut column, _) => {
                column.append_nulls(rows - column.len());
                Arc::new(column.finish().with_timezone("UTC"))
            }
        }
    }
}

/// Most declared properties have no value in a batch: their columns share one array a type.
struct Nulls {
    rows: usize,
    known: Vec<ArrayRef>,
}

impl Nulls {
    fn of(&mut self, data_type: &DataType) -> ArrayRef {
        if let Some(known) = self.known.iter().find(|known| known.data_type() == data_type) {
            return Arc::clone(known);
        }
        let nulls = new_null_array(data_type, self.rows);
        self.known.push(Arc::clone(&nulls));
        nulls
    }
}

/// The map that is left over, entry by entry.
struct Rest {
    stays: BooleanBufferBuilder,
    /// Entries that stay, and the same at the end of each row.
    kept: i32,
    ends: Vec<i32>,
    valid: NullBufferBuilder,
    /// Entries before the present row.
    before: usize,
    moved: bool,
}

impl Rest {
    fn new(props: &MapArray) -> Self {
        let offsets = props.value_offsets();
        let entries = (offsets[props.len()] - offsets[0]) as usize;
        let mut ends = Vec::with_capacity(props.len() + 1);
        ends.push(0);
        Self {
            stays: BooleanBufferBuilder::new(entries),
            kept: 0,
            ends,
            valid: NullBufferBuilder::new(props.len()),
            before: 0,
            moved: false,
        }
    }

    fn push(&mut self, stays: bool) {
        self.stays.append(stays);
        self.kept += i32::from(stays);
        self.moved |= !stays;
    }

    fn end_row(&mut self) {
        let was_empty = self.stays.len() == self.before;
        let is_empty = self.ends.last() == Some(&self.kept);
        self.valid.append(was_empty || !is_empty);
        self.ends.push(self.kept);
        self.before = self.stays.len();
    }

    /// A NULL row, which may have entries all the same.
    fn skip(&mut self, entries: usize) {
        self.stays.append_n(entries, false);
        self.valid.append(false);
        self.ends.push(self.kept);
        self.before = self.stays.len();
    }

    fn finish(mut self, props: &MapArray) -> Result<MapArray> {
        if !self.moved {
            return Ok(props.clone());
        }
        let DataType::Map(field, ordered) = props.data_type() else {
            return footfall_internal_err!("properties are {}, not a map", props.data_type());
        };
        let first = props.value_offsets()[0] as usize;
        let entries = props.entries().slice(first, self.stays.len());
        let kept = filter(&entries, &BooleanArray::new(self.stays.finish(), None))?;
        let offsets = OffsetBuffer::new(self.ends.into());
        let kept = kept.as_struct().clone();
        Ok(MapArray::try_new(Arc::clone(field), offsets, kept, self.valid.finish(), *ordered)?)
    }
}
