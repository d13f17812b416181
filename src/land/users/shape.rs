//! Raw rows become rows of users:
//!
//! ```text
//! raw row ─▶ declared types ─▶ where ─▶ expressions, and the columns that are not declared ─▶ checks ─▶ user
//! ```
//!
//! | column | a row is rejected if |
//! |---|---|
//! | `user_id` | missing, empty, over 512 bytes |
//! | `birth_year` | before 1900 or after this year |
//! | `first_seen`, `updated_at` | before 1990-01-01 or more than 24 hours after the landing |
//! | any | it is not of its type, or text over 64 KiB |

use std::collections::HashMap;
use std::sync::Arc;

use chrono::Datelike;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, RecordBatch, StringViewArray, StringViewBuilder, UInt32Array, new_null_array,
};
use datafusion::arrow::compute::{cast, filter_record_batch};
use datafusion::arrow::datatypes::{
    DataType, Field, Int64Type, Schema, SchemaRef, TimestampMicrosecondType, UInt32Type,
};
use datafusion::common::{Result, exec_datafusion_err, plan_err};

use super::super::LandOptions;
use super::super::check::{MAX_TEXT, MAX_USER};
use super::super::convert::Kind;
use super::super::expressions::{Expression, Expressions, evaluate};
use super::super::input::Raw;
use super::super::instant::Reading;
use super::super::quarantine::{Fault, Faults, Reject};
use super::super::shape::{converted, truth};
use super::mapping::{MORE, check_name};
use crate::store::users::profile_schema;

/// Name of a column that follows the rows through the steps: which row of the raw batch it is.
const ORIGIN: &str = "(origin)";

/// A batch of the source after all steps. Its columns are those that the rows have.
pub(super) struct Shaped {
    pub(super) users: RecordBatch,
    pub(super) rejects: Vec<Reject>,
    /// Rows read, and rows that `where` leaves out.
    pub(super) rows: u64,
    pub(super) left_out: u64,
}

pub(super) struct Shaper {
    /// A type for each raw column that is to be converted.
    types: Vec<Option<(Kind, Reading)>>,
    /// The raw rows after that, and `ORIGIN`.
    typed: SchemaRef,
    filter: Vec<Expression>,
    columns: Vec<Expression>,
    reading: Reading,
    options: LandOptions,
}

impl Shaper {
    pub(super) fn plan(raw: &SchemaRef, options: &LandOptions) -> Result<Self> {
        let mapping = &options.map;
        let reading = Reading { unit: None, zone: mapping.time_zone };
        let (mut types, mut typed) = (vec![], vec![]);
        for column in raw.fields() {
            let Some(field) = mapping.fields.iter().find(|field| field.name == *column.name()) else {
                types.push(None);
                typed.push(column.as_ref().clone());
                continue;
            };
            let reading = Reading { unit: field.unit, ..reading };
            let output = match field.kind.output(column.data_type(), reading) {
                Ok(output) => output,
                Err(e) => return plan_err!("column '{}': {}", field.path, e.strip_backtrace()),
            };
            types.push((output != *column.data_type()).then_some((field.kind, reading)));
            typed.push(Field::new(column.name(), output, true));
        }
        for (name, _) in &mapping.columns {
            check_name(name).map_err(|e| exec_datafusion_err!("column {e}"))?;
        }
        let planned = Expressions::plan(mapping, &Arc::new(Schema::new(typed.clone())))?;
        typed.push(Field::new(ORIGIN, DataType::UInt32, false));
        Ok(Self {
            types,
            typed: Arc::new(Schema::new(typed)),
            filter: planned.filter.into_iter().collect(),
            columns: planned.columns,
            reading,
            options: options.clone(),
        })
    }

    pub(super) fn shape(&self, raw: &Raw) -> Result<Shaped> {
        let mut rejected = Faults::default();
        let mut batch = self.to_declared(&raw.batch, &mut rejected)?;
        if !rejected.is_empty() {
            batch = filter_record_batch(&batch, &rejected.sound(batch.num_rows()))?;
        }
        let wanted = follow(&self.filter, &mut batch, &mut rejected)?;
        let before = batch.num_rows();
        if let Some(wanted) = wanted.first() {
            batch = filter_record_batch(&batch, &truth(wanted))?;
        }
        let left_out = before - batch.num_rows();
        let values = follow(&self.columns, &mut batch, &mut rejected)?;

        let mut faults = Faults::default();
        let users = self.columns_of(&batch, values, &mut faults)?;
        self.check(&users, &mut faults);
        let users = match faults.is_empty() {
            true => users,
            false => filter_record_batch(&users, &faults.sound(users.num_rows()))?,
        };
        let origin = origin_of(&batch);
        faults.into_rows().for_each(|(row, fault)| rejected.add(origin.value(row) as usize, fault));
        let rejects =
            rejected.into_rows().map(|(row, fault)| raw.reject(row, fault)).collect::<Result<_>>()?;
        Ok(Shaped { users, rejects, rows: raw.rows, left_out: left_out as u64 })
    }

    fn to_declared(&self, raw: &RecordBatch, faults: &mut Faults) -> Result<RecordBatch> {
        let mut columns = raw.columns().to_vec();
        for (index, declared) in self.types.iter().enumerate() {
            if let Some((kind, reading)) = declared {
                columns[index] =
                    converted(self.typed.field(index).name(), &columns[index], *kind, *reading, faults)?;
            }
        }
        columns.push(Arc::new(UInt32Array::from_iter_values(0..raw.num_rows() as u32)));
        Ok(RecordBatch::try_new(Arc::clone(&self.typed), columns)?)
    }

    /// The columns of users under the names of the source, each of one of the types of such a column.
    fn columns_of(
        &self,
        batch: &RecordBatch,
        values: Vec<ArrayRef>,
        faults: &mut Faults,
    ) -> Result<RecordBatch> {
        let mut named: Vec<(String, ArrayRef)> =
            self.columns.iter().map(|column| column.name.clone()).zip(values).collect();
        if let Some(more) = batch.column_by_name(MORE) {
            named.extend(texts_of(more));
        }
        let rows = batch.num_rows();
        let (mut fields, mut columns) = (vec![], vec![]);
        for (name, value) in named {
            // What has no type has no value.
            let none = value.data_type().is_null();
            if none && name != "user_id" {
                continue;
            }
            let value = match none {
                true => new_null_array(&DataType::Utf8View, rows),
                false => self.as_user_column(&name, &value, faults)?,
            };
            // Rows without a user are rejected below.
            fields.push(Field::new(&name, value.data_type().clone(), true));
            columns.push(value);
        }
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
    }

    fn as_user_column(&self, name: &str, value: &ArrayRef, faults: &mut Faults) -> Result<ArrayRef> {
        let known = match name {
            "first_seen" => Some(Kind::Timestamp),
            name => profile_schema().field_with_name(name).ok().map(|field| Kind::of(field.data_type())),
        };
        let found = match value.data_type() {
            DataType::Dictionary(_, values) => values.as_ref(),
            found => found,
        };
        let kind = match (known, found) {
            (Some(kind), _) => kind,
            (None, DataType::Date32 | DataType::Date64) => return Ok(cast(value, &DataType::Date32)?),
            (None, DataType::Boolean) => Kind::Bool,
            (None, DataType::Timestamp(..)) => Kind::Timestamp,
            (None, found) if found.is_integer() => Kind::Int,
            (None, found) if found.is_floating() => Kind::Float,
            (None, found) if found.is_string() => Kind::Text,
            (None, found) => {
                return plan_err!(
                    "column '{name}': found {found}, accepted are whole numbers, floats, text, booleans, timestamps and \
                     dates; leave it out (ignore) or convert it in a mapping"
                );
            }
        };
        let fit = match converted(name, value, kind, self.reading, faults) {
            Ok(fit) => fit,
            Err(e) => return plan_err!("column '{name}': {}", e.strip_backtrace()),
        };
        Ok(if kind == Kind::Int { cast(&fit, &DataType::Int64)? } else { fit })
    }

    fn check(&self, users: &RecordBatch, faults: &mut Faults) {
        let now = self.options.now;
        for (field, column) in users.schema_ref().fields().iter().zip(users.columns()) {
            let name = field.name().as_str();
            match (name, column.data_type()) {
                ("user_id", _) => check_user(column.as_string_view(), faults),
                ("birth_year", _) => {
                    let this_year = i64::from(now.year());
                    for (row, year) in column.as_primitive::<Int64Type>().iter().enumerate() {
                        if year.is_some_and(|year| !(1900..=this_year).contains(&year)) {
                            let reason = format!("birth_year is not from 1900 to {this_year}");
                            faults.add(row, Fault::of_column(name, reason));
                        }
                    }
                }
                ("first_seen" | "updated_at", _) => {
                    let earliest = self.options.earliest.timestamp_micros();
                    let latest = (now + self.options.future).timestamp_micros();
                    for (row, time) in column.as_primitive::<TimestampMicrosecondType>().iter().enumerate() {
                        let reason = match time {
                            Some(time) if time < earliest => {
                                format!("{name} is before {}", self.options.earliest.format("%Y-%m-%d"))
                            }
                            Some(time) if time > latest => format!(
                                "{name} is more than {} hours after the landing",
                                self.options.future.num_hours()
                            ),
                            _ => continue,
                        };
                        faults.add(row, Fault::of_column(name, reason));
                    }
                }
                (_, DataType::Utf8View) => {
                    for (row, text) in column.as_string_view().iter().enumerate() {
                        if text.is_some_and(|text| text.len() > MAX_TEXT) {
                            let reason = format!("{name} is longer than {} KiB", MAX_TEXT >> 10);
                            faults.add(row, Fault::of_column(name, reason));
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

fn check_user(users: &StringViewArray, faults: &mut Faults) {
    for (row, user) in users.iter().enumerate() {
        let reason = match user {
            None => "user_id is missing".to_owned(),
            Some("") => "user_id is empty".to_owned(),
            Some(user) if user.len() > MAX_USER => format!("user_id is longer than {MAX_USER} bytes"),
            Some(_) => continue,
        };
        faults.add(row, Fault::of_column("user_id", reason));
    }
}

/// Evaluates `expressions`; rows that make one fail leave the batch.
fn follow(
    expressions: &[Expression],
    batch: &mut RecordBatch,
    rejected: &mut Faults,
) -> Result<Vec<ArrayRef>> {
    let origin = origin_of(batch);
    let mut faults = Faults::default();
    let values = evaluate(expressions, batch, &mut faults)?;
    faults.into_rows().for_each(|(row, fault)| rejected.add(origin.value(row) as usize, fault));
    Ok(values)
}

fn origin_of(batch: &RecordBatch) -> UInt32Array {
    batch.column(batch.num_columns() - 1).as_primitive::<UInt32Type>().clone()
}

/// A column of text for each key of the map, in the order in which the keys appear.
fn texts_of(map: &ArrayRef) -> Vec<(String, ArrayRef)> {
    let Some(map) = map.as_map_opt() else { return vec![] };
    let (keys, values) = (map.keys().as_string::<i32>(), map.values().as_string::<i32>());
    let offsets = map.value_offsets();
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let mut columns: Vec<(&str, Vec<Option<&str>>)> = vec![];
    for row in (0..map.len()).filter(|row| map.is_valid(*row)) {
        for entry in offsets[row] as usize..offsets[row + 1] as usize {
            let key = keys.value(entry);
            let number = *numbers.entry(key).or_insert_with(|| {
                columns.push((key, vec![None; map.len()]));
                columns.len() - 1
            });
            columns[number].1[row] = values.is_valid(entry).then(|| values.value(entry));
        }
    }
    let built = columns.into_iter().map(|(key, texts)| {
        let mut builder = StringViewBuilder::with_capacity(texts.len());
        texts.into_iter().for_each(|text| builder.append_option(text));
        (key.to_owned(), Arc::new(builder.finish()) as ArrayRef)
    });
    built.collect()
}
