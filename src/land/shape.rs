//! Raw rows become events, in six steps that each may reject or leave out rows:
//!
//! ```text
//! raw row ─▶ declared types ─▶ where ─▶ expressions ─▶ event types ─▶ declared properties ─▶ checks ─▶ event
//! ```

use std::sync::Arc;

use chrono_tz::Tz;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Int64Array, RecordBatch, RecordBatchOptions,
    UInt32Array, new_null_array,
};
use datafusion::arrow::compute::{cast, filter, filter_record_batch, prep_null_mask_filter, take};
use datafusion::arrow::datatypes::{
    DataType, Field, FieldRef, Int64Type, Schema, SchemaRef, TimestampMicrosecondType, UInt32Type,
};
use datafusion::common::cast::{as_map_array, as_string_view_array};
use datafusion::common::{DataFusionError, Result, plan_datafusion_err};

use super::LandOptions;
use super::check::{Limits, check};
use super::convert::{Kind, convert, unfit};
use super::expressions::{Expression, Expressions, evaluate};
use super::input::Raw;
use super::instant::Reading;
use super::mapping::Mapping;
use super::quarantine::{Fault, Faults, Reject};
use crate::calendar::LocalDays;
use crate::store::Catalogue;
use crate::store::declared::{self, take_declared};

/// A batch of the source after all steps.
pub(super) struct Shaped {
    pub(super) events: RecordBatch,
    /// Number in the input of each event.
    pub(super) numbers: Int64Array,
    pub(super) rejects: Vec<Reject>,
    /// Rows read, and rows that `where` leaves out.
    pub(super) rows: u64,
    pub(super) left_out: u64,
}

/// A type for each raw column that is to be converted.
type Types = Vec<Option<(Kind, Reading)>>;

pub(super) struct Shaper {
    types: Types,
    /// The raw rows after that.
    typed: SchemaRef,
    filter: Vec<Expression>,
    expressions: Vec<Expression>,
    /// What each event column is made of.
    columns: Vec<Made>,
    events: SchemaRef,
    catalogue: Arc<Catalogue>,
    /// Columns of declared properties, which are taken out of `props`.
    declared: Vec<FieldRef>,
    reading: Reading,
    limits: Limits,
    days: LocalDays,
    /// NULLs of each type that some column is all of, to be sliced.
    nulls: Vec<ArrayRef>,
}

enum Made {
    /// The result of an expression.
    Of(usize),
    Nothing,
    /// `seq` of a log that has none.
    Number,
    /// `dt`, which is computed last.
    Day,
}

impl Shaper {
    /// Events get the columns of the catalogue's schema, with days of `zone`.
    pub(super) fn plan(
        raw: &SchemaRef,
        options: &LandOptions,
        zone: Tz,
        catalogue: &Arc<Catalogue>,
    ) -> Result<Self> {
        let mapping = &options.map;
        let reading = Reading { unit: None, zone: mapping.time_zone };
        let (types, typed) = declared(raw, mapping, reading)?;
        let planned = Expressions::plan(mapping, &typed)?;
        let events = catalogue.schema();
        let columns = events.fields().iter().map(|field| made(field, &planned.columns, reading, mapping));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let limits = Limits { earliest: options.earliest, future: options.future, now: options.now };
        Ok(Self {
            types,
            typed,
            filter: planned.filter.into_iter().collect(),
            expressions: planned.columns,
            columns,
            events,
            declared: catalogue.fields(),
            catalogue: Arc::clone(catalogue),
            reading,
            limits,
            days: LocalDays::new(zone),
            nulls: vec![],
        })
    }

    /// Whether events of this source have ids by which duplicates are found.
    pub(super) fn has_event_ids(&self) -> bool {
        let index = self.events.index_of("event_id").ok();
        index.is_some_and(|index| matches!(self.columns[index], Made::Of(_)))
    }

    pub(super) fn shape(&mut self, raw: Raw) -> Result<Shaped> {
        let mut rows = Rows { batch: raw.batch.clone(), origin: None, rejected: Faults::default() };

        let mut faults = Faults::default();
        rows.batch = self.to_declared(&rows.batch, &mut faults)?;
        rows.reject(faults, true)?;

        let mut faults = Faults::default();
        let wanted = evaluate(&self.filter, &mut rows.batch, &mut faults)?;
        rows.reject(faults, false)?;
        let before = rows.batch.num_rows();
        if let Some(wanted) = wanted.first() {
            rows.keep(&truth(wanted), true)?;
        }
        let left_out = before - rows.batch.num_rows();

        let mut faults = Faults::default();
        let values = evaluate(&self.expressions, &mut rows.batch, &mut faults)?;
        rows.reject(faults, false)?;

        let mut faults = Faults::default();
        let numbers = rows.pick(&raw.numbers)?;
        let mut events = self.event_columns(&values, &numbers, rows.batch.num_rows(), &mut faults)?;
        self.set_declared(&mut events, &mut faults)?;
        check(&self.events, &events, &self.limits, &mut faults);
        let sound = (!faults.is_empty()).then(|| faults.sound(rows.batch.num_rows()));
        if let Some(sound) = &sound {
            for column in &mut events {
                *column = filter(column, sound)?;
            }
        }
        rows.reject(faults, true)?;
        self.set_days(&mut events)?;

        let rejected = rows.rejected.into_rows().map(|(row, fault)| raw.reject(row, fault));
        let mut rejects = rejected.collect::<Result<Vec<_>>>()?;
        rejects.extend(raw.rejects);
        rejects.sort_by_key(|reject| reject.row);
        Ok(Shaped {
            events: RecordBatch::try_new(Arc::clone(&self.events), events)?,
            numbers: match &sound {
                Some(sound) => filter(&numbers, sound)?.as_primitive::<Int64Type>().clone(),
                None => numbers,
            },
            rejects,
            rows: raw.rows,
            left_out: left_out as u64,
        })
    }

    fn to_declared(&self, batch: &RecordBatch, faults: &mut Faults) -> Result<RecordBatch> {
        if self.types.iter().all(Option::is_none) {
            return Ok(batch.clone());
        }
        let mut columns = batch.columns().to_vec();
        for (index, declared) in self.types.iter().enumerate() {
            if let Some((kind, reading)) = declared {
                let name = self.typed.field(index).name();
                columns[index] = converted(name, &columns[index], *kind, *reading, faults)?;
            }
        }
        let shape = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.typed), columns, &shape)?)
    }

    /// The event columns; the day is a place-holder until it is known which rows stay.
    fn event_columns(
        &mut self,
        values: &[ArrayRef],
        numbers: &Int64Array,
        rows: usize,
        faults: &mut Faults,
    ) -> Result<Vec<ArrayRef>> {
        let mut events = Vec::with_capacity(self.columns.len());
        for index in 0..self.columns.len() {
            let field = self.events.field(index).clone();
            events.push(match self.columns[index] {
                Made::Nothing | Made::Day => self.nulls_of(field.data_type(), rows),
                Made::Number => Arc::new(numbers.clone()),
                Made::Of(value) => {
                    let kind = Kind::of(field.data_type());
                    let value = converted(field.name(), &values[value], kind, self.reading, faults)?;
                    let value = narrowed(field.name(), value, field.data_type(), faults)?;
                    if field.name() == "seq" { numbered(value, numbers) } else { value }
                }
            });
        }
        Ok(events)
    }

    /// Moves declared properties from `props` to their columns.
    fn set_declared(&self, events: &mut [ArrayRef], faults: &mut Faults) -> Result<()> {
        let props = self.events.index_of("props")?;
        if self.declared.is_empty() || matches!(self.columns[props], Made::Nothing) {
            return Ok(());
        }
        let taken = take_declared(as_map_array(&events[props])?, &self.declared)?;
        let event = as_string_view_array(&events[self.events.index_of("event")?])?;
        for (row, column, reason) in declared::faults(&self.catalogue, event, &self.declared, &taken.unfit) {
            faults.add(row, Fault::of_column(column, reason));
        }
        for (field, column) in self.declared.iter().zip(taken.columns) {
            events[self.events.index_of(field.name())?] = column;
        }
        events[props] = Arc::new(taken.rest);
        Ok(())
    }

    fn set_days(&mut self, events: &mut [ArrayRef]) -> Result<()> {
        let times = events[self.events.index_of("ts")?].as_primitive::<TimestampMicrosecondType>();
        let days: Vec<i32> = times.values().iter().map(|time| self.days.day(*time)).collect();
        events[self.events.index_of("dt")?] = Arc::new(Date32Array::from(days));
        Ok(())
    }

    fn nulls_of(&mut self, data_type: &DataType, rows: usize) -> ArrayRef {
        let known = self.nulls.iter().position(|nulls| nulls.data_type() == data_type);
        match known {
            Some(known) if self.nulls[known].len() >= rows => self.nulls[known].slice(0, rows),
            Some(known) => {
                self.nulls[known] = new_null_array(data_type, rows);
                Arc::clone(&self.nulls[known])
            }
            None => {
                self.nulls.push(new_null_array(data_type, rows));
                self.nulls_of(data_type, rows)
            }
        }
    }
}

/// The rows of a batch that are still in, and which rows of the source they are.
struct Rows {
    batch: RecordBatch,
    /// Index in the source's batch; `None` while all rows are in.
    origin: Option<UInt32Array>,
    rejected: Faults,
}

impl Rows {
    /// Takes rows out for their faults. The batch has lost them already unless `filter_batch`.
    fn reject(&mut self, faults: Faults, filter_batch: bool) -> Result<()> {
        if faults.is_empty() {
            return Ok(());
        }
        let rows = match (&self.origin, filter_batch) {
            (_, true) => self.batch.num_rows(),
            (Some(origin), false) => origin.len(),
            (None, false) => self.batch.num_rows() + faults.len(),
        };
        let sound = faults.sound(rows);
        for (row, fault) in faults.into_rows() {
            let row = self.origin.as_ref().map_or(row, |origin| origin.value(row) as usize);
            self.rejected.add(row, fault);
        }
        self.keep(&sound, filter_batch)
    }

    fn keep(&mut self, mask: &BooleanArray, filter_batch: bool) -> Result<()> {
        let all = || UInt32Array::from_iter_values(0..mask.len() as u32);
        let origin = self.origin.take().unwrap_or_else(all);
        self.origin = Some(filter(&origin, mask)?.as_primitive::<UInt32Type>().clone());
        if filter_batch {
            self.batch = filter_record_batch(&self.batch, mask)?;
        }
        Ok(())
    }

    /// The values of these rows out of those of the source's batch.
    fn pick(&self, values: &Int64Array) -> Result<Int64Array> {
        match &self.origin {
            None => Ok(values.clone()),
            Some(origin) => Ok(take(values, origin, None)?.as_primitive::<Int64Type>().clone()),
        }
    }
}

/// The declared type of each raw column where it has another one, and the schema after the conversion.
fn declared(raw: &SchemaRef, mapping: &Mapping, reading: Reading) -> Result<(Types, SchemaRef)> {
    let mut types = vec![];
    let mut typed = vec![];
    for column in raw.fields() {
        let field = mapping.fields.iter().find(|field| field.name == *column.name());
        let Some(field) = field else {
            types.push(None);
            typed.push(column.as_ref().clone());
            continue;
        };
        let reading = Reading { unit: field.unit, ..reading };
        let output = field
            .kind
            .output(column.data_type(), reading)
            .map_err(|e| mismatch(&format!("column '{}'", field.path), e))?;
        types.push((output != *column.data_type()).then_some((field.kind, reading)));
        typed.push(Field::new(column.name(), output, true));
    }
    Ok((types, Arc::new(Schema::new(typed))))
}

fn made(field: &Field, expressions: &[Expression], reading: Reading, mapping: &Mapping) -> Result<Made> {
    let name = field.name();
    let expression = expressions.iter().position(|expression| expression.name == *name);
    let Some(expression) = expression.filter(|index| !expressions[*index].data_type.is_null()) else {
        return Ok(match name.as_str() {
            "seq" => Made::Number,
            "dt" => Made::Day,
            _ => Made::Nothing,
        });
    };
    let place = format!("mapping '{}', column '{name}'", mapping.name);
    let found = &expressions[expression].data_type;
    Kind::of(field.data_type()).output(found, reading).map_err(|e| mismatch(&place, e))?;
    Ok(Made::Of(expression))
}

fn mismatch(place: &str, error: DataFusionError) -> DataFusionError {
    match error {
        DataFusionError::Plan(message) => plan_datafusion_err!("{place}: {message}"),
        other => other,
    }
}

/// `value` as `kind`; a row whose value does not fit is a fault.
pub(super) fn converted(
    name: &str,
    value: &ArrayRef,
    kind: Kind,
    reading: Reading,
    faults: &mut Faults,
) -> Result<ArrayRef> {
    let fitted = convert(value, kind, reading)?;
    complain(name, kind, value, &fitted, faults);
    Ok(fitted)
}

/// Integers of the width of the column.
fn narrowed(name: &str, value: ArrayRef, target: &DataType, faults: &mut Faults) -> Result<ArrayRef> {
    if value.data_type() == target {
        return Ok(value);
    }
    let narrow = cast(&value, target)?;
    complain(name, Kind::of(target), &value, &narrow, faults);
    Ok(narrow)
}

fn complain(name: &str, kind: Kind, before: &ArrayRef, after: &ArrayRef, faults: &mut Faults) {
    for row in unfit(before, after) {
        faults.add(row, Fault::of_column(name, format!("{name} {}", kind.complaint())));
    }
}

/// The number in the input where the source's own `seq` is NULL.
fn numbered(seq: ArrayRef, numbers: &Int64Array) -> ArrayRef {
    if seq.null_count() == 0 {
        return seq;
    }
    let seq = seq.as_primitive::<Int64Type>();
    let filled = seq.iter().zip(numbers.values()).map(|(seq, number)| seq.unwrap_or(*number));
    Arc::new(Int64Array::from_iter_values(filled))
}

/// Where a condition is true, which NULL is not.
pub(super) fn truth(condition: &ArrayRef) -> BooleanArray {
    match condition.as_boolean_opt() {
        None => BooleanArray::from(vec![false; condition.len()]),
        Some(condition) if condition.null_count() > 0 => prep_null_mask_filter(condition),
        Some(condition) => condition.clone(),
    }
}
