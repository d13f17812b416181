//! The column of answers: one Struct a user.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Int32Array, Int64Array, ListArray, StructArray, new_null_array,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::{cast, nullif};
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, exec_err};

use super::person::Answer;
use super::rules::{Order, Rules};
use crate::functions::events::Payloads;
use crate::functions::funnels::funnel::NAME;
use crate::functions::time::TimeType;

/// The fields of an answer, all there from the start so that a query's type does not depend on its options.
pub(in crate::functions::funnels) fn answer_fields(ts: &DataType) -> Fields {
    Fields::from(vec![
        Field::new("level", DataType::Int32, true),
        Field::new("excluded", DataType::Boolean, true),
        Field::new("times", DataType::new_list(ts.clone(), true), true),
        Field::new("durations_ms", DataType::new_list(DataType::Int64, true), true),
        Field::new("dwell_after_drop_ms", DataType::Int64, true),
        Field::new("breakdown", DataType::Utf8, true),
        Field::new("ids", DataType::new_list(DataType::Utf8, true), true),
        Field::new("breakdowns", DataType::new_list(DataType::Struct(breakdown_fields()), true), true),
    ])
}

/// The type of ts that an answer shows.
pub(in crate::functions::funnels) fn ts_type(answer: &DataType) -> Option<&DataType> {
    let DataType::Struct(fields) = answer else {
        return None;
    };
    match fields.find("times")?.1.data_type() {
        DataType::List(item) => Some(item.data_type()),
        _ => None,
    }
}

/// One level of attribution 'all'.
fn breakdown_fields() -> Fields {
    Fields::from(vec![Field::new("value", DataType::Utf8, true), Field::new("level", DataType::Int32, true)])
}

/// Answers under construction, by field.
#[derive(Debug)]
pub(super) struct Answers {
    time: TimeType,
    /// Whether times are by step, so that those of optional steps may be missing.
    optional: bool,
    in_any_order: bool,
    excludes: bool,
    /// The column of the breakdown property, and whether each of its values is judged for itself.
    breakdown: Option<(usize, bool)>,
    ids: Option<usize>,
    levels: Vec<i32>,
    excluded: Vec<bool>,
    /// Per user the number of times, and all of them, one user after the other.
    lengths: Vec<usize>,
    times: Vec<i64>,
    /// Which of the times stand for a step that was skipped; empty where no step may be.
    skipped: Vec<bool>,
    id_keys: Vec<u32>,
    dwells: Vec<Option<i64>>,
    breakdowns: Vec<u32>,
    /// Per user the number of values, and all of them.
    value_counts: Vec<usize>,
    values: Vec<u32>,
    value_levels: Vec<i32>,
}

impl Answers {
    pub(super) fn new(
        time: TimeType,
        rules: &Rules,
        breakdown: Option<(usize, bool)>,
        ids: Option<usize>,
    ) -> Self {
        Self {
            time,
            optional: rules.optional != 0,
            in_any_order: rules.order == Order::Any,
            excludes: !rules.exclusions.is_empty(),
            breakdown,
            ids,
            levels: vec![],
            excluded: vec![],
            lengths: vec![],
            times: vec![],
            skipped: vec![],
            id_keys: vec![],
            dwells: vec![],
            breakdowns: vec![],
            value_counts: vec![],
            values: vec![],
            value_levels: vec![],
        }
    }

    /// Appends a user of whom only the times of the chain are asked.
    pub(super) fn push_times(&mut self, times: &[i64]) {
        self.levels.push(times.len() as i32);
        self.excluded.push(false);
        self.lengths.push(times.len());
        self.times.extend_from_slice(times);
        self.dwells.push(None);
    }

    pub(super) fn push(&mut self, answer: &Answer) {
        self.levels.push(answer.level as i32);
        self.excluded.push(answer.excluded);
        self.dwells.push(answer.dwell.and_then(|ticks| self.time.millis(ticks)));
        let start = self.times.len();
        for taken in answer.chain {
            while self.optional && !self.in_any_order && self.times.len() - start < taken.step {
                self.push_time(0, 0, true);
            }
            self.push_time(answer.times[taken.item.group as usize], taken.item.id, false);
        }
        self.lengths.push(self.times.len() - start);
        if self.breakdown.is_some() {
            self.breakdowns.push(answer.breakdown);
        }
        if let Some((_, true)) = self.breakdown {
            self.value_counts.push(answer.levels.len());
            self.values.extend(answer.levels.iter().map(|(value, _)| *value));
            self.value_levels.extend(answer.levels.iter().map(|(_, level)| *level));
        }
    }

    fn push_time(&mut self, ts: i64, id: u32, skipped: bool) {
        self.times.push(ts);
        if self.optional {
            self.skipped.push(skipped);
        }
        if self.ids.is_some() {
            self.id_keys.push(id);
        }
    }

    /// All answers since the last time.
    pub(super) fn take(&mut self, payloads: &Payloads) -> Result<ArrayRef> {
        let users = self.levels.len();
        if i32::try_from(self.times.len().max(self.values.len())).is_err() {
            return exec_err!(
                "{NAME}: more than {} times in one column of answers; raise datafusion.execution.target_partitions",
                i32::MAX
            );
        }
        let durations = self.take_durations()?;
        let ids = match self.ids {
            None => None,
            Some(column) => {
                let keys = std::mem::take(&mut self.id_keys);
                Some(list(text(payloads, column, &keys)?, self.lengths.iter().copied(), None)?)
            }
        };
        let breakdowns = self.take_breakdowns(payloads)?;
        let breakdown = match self.breakdown {
            None => new_null_array(&DataType::Utf8, users),
            Some((column, _)) => text(payloads, column, &std::mem::take(&mut self.breakdowns))?,
        };
        let times = self.time.array(std::mem::take(&mut self.times))?;
        let skipped = std::mem::take(&mut self.skipped);
        let times = match skipped.contains(&true) {
            true => nullif(&times, &BooleanArray::from(skipped))?,
            false => times,
        };
        let times = list(times, std::mem::take(&mut self.lengths), None)?;
        let excluded = std::mem::take(&mut self.excluded);
        let excluded: ArrayRef = match self.excludes {
            true => Arc::new(BooleanArray::from(excluded)),
            false => new_null_array(&DataType::Boolean, users),
        };
        let fields = answer_fields(self.time.data_type());
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int32Array::from(std::mem::take(&mut self.levels))),
            excluded,
            times,
            durations,
            Arc::new(Int64Array::from(std::mem::take(&mut self.dwells))),
            breakdown,
            ids.unwrap_or_else(|| new_null_array(fields[6].data_type(), users)),
            breakdowns.unwrap_or_else(|| new_null_array(fields[7].data_type(), users)),
        ];
        Ok(Arc::new(StructArray::try_new(fields, columns, None)?))
    }

    pub(super) fn size(&self) -> usize {
        (self.levels.capacity() + self.value_levels.capacity()) * size_of::<i32>()
            + self.excluded.capacity()
            + self.skipped.capacity()
            + (self.lengths.capacity() + self.value_counts.capacity()) * size_of::<usize>()
            + self.times.capacity() * size_of::<i64>()
            + (self.id_keys.capacity() + self.breakdowns.capacity() + self.values.capacity())
                * size_of::<u32>()
            + self.dwells.capacity() * size_of::<Option<i64>>()
    }

    /// From each step that was taken to the one taken before it, NULL for one that was skipped; NULL lists where the unit
    /// of ts is unknown.
    fn take_durations(&self) -> Result<ArrayRef> {
        let mut values = Vec::with_capacity(self.times.len());
        let mut start = 0;
        for length in &self.lengths {
            let mut before = 0;
            for place in start..start + length {
                let taken = !self.skipped.get(place).is_some_and(|skipped| *skipped);
                let ts = self.times[place];
                if place > start {
                    values.push(self.time.millis(ts.saturating_sub(before)).filter(|_| taken));
                }
                if taken {
                    before = ts;
                }
            }
            start += length;
        }
        let nulls = match self.time.millis(0) {
            Some(_) => None,
            None => Some(NullBuffer::new_null(self.levels.len())),
        };
        let lengths = self.lengths.iter().map(|length| length.saturating_sub(1));
        list(Arc::new(Int64Array::from(values)), lengths, nulls)
    }

    fn take_breakdowns(&mut self, payloads: &Payloads) -> Result<Option<ArrayRef>> {
        let Some((column, true)) = self.breakdown else {
            return Ok(None);
        };
        let values = text(payloads, column, &std::mem::take(&mut self.values))?;
        let levels = Int32Array::from(std::mem::take(&mut self.value_levels));
        let columns: Vec<ArrayRef> = vec![values, Arc::new(levels)];
        let items = StructArray::try_new(breakdown_fields(), columns, None)?;
        list(Arc::new(items), std::mem::take(&mut self.value_counts), None).map(Some)
    }
}

/// A list for each user out of the items of all users.
fn list(
    items: ArrayRef,
    lengths: impl IntoIterator<Item = usize>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let field = Arc::new(Field::new_list_field(items.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(field, offsets, items, nulls)?))
}

/// The values of keys as text.
fn text(payloads: &Payloads, column: usize, keys: &[u32]) -> Result<ArrayRef> {
    Ok(cast(&payloads.array(column, keys)?, &DataType::Utf8)?)
}
