//! `funnel_times(times [, {since: 'entry', steps: n, unit: 'second'}])`: over all users, how long does each step take?
//!
//! ```text
//! ann  a@0 ──60 s──▶ b@60 ──30 s──▶ c@90        step 2: 2 users, 60 s and 20 s
//! bob  a@5 ──20 s──▶ b@25                       step 3: 1 user, 30 s
//! ```
//!
//! Counts and means are exact. Median and p90 interpolate as SQL's `percentile_cont` does, over values that are exact
//! unless different ones lie within 0.4 % of each other; then they are off by less than that. No order of rows or
//! partitions makes a difference. 64 bytes a bucket of a step, at most 256 buckets for each doubling of the times.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int32Array, Int64Array, ListArray, StructArray,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::Documentation;
use serde::{Deserialize, Serialize};

use super::histogram::{Bucket, Distribution, Place, place};
use crate::functions::bytes;
use crate::functions::call::{self, Arguments};
use crate::functions::conditions::MAX_CONDITIONS;
use crate::functions::folds::{Fold, FoldFunction, tree_heap};
use crate::functions::time::TimeType;

const NAME: &str = "funnel_times";

/// The SQL function.
#[derive(Debug)]
pub(crate) struct FunnelTimes;

/// What a call asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Durations {
    /// From the first step instead of the one before.
    #[serde(default)]
    since_entry: bool,
    /// How many steps an answer has; without it as many as the longest list.
    steps: Option<usize>,
    time: TimeType,
    /// `None` of integers whose unit nobody has named.
    nanos_per_tick: Option<i64>,
}

/// Lists of times.
pub(crate) struct TimeLists {
    offsets: OffsetBuffer<i32>,
    nulls: Option<NullBuffer>,
    ticks: Int64Array,
}

impl FoldFunction for FunnelTimes {
    const NAME: &'static str = NAME;
    type Parameters = Durations;
    type Fold = Times;
    type Rows = TimeLists;

    fn coerce_types(types: &[DataType]) -> Result<Vec<DataType>> {
        let mut types = types.to_vec();
        let len = call::len_without_options(&types);
        let [times] = &mut types[..len] else {
            return plan_err!(
                "{NAME}: takes one list of times and options, as in {NAME}(f['times']); found {len} arguments before \
                 the options"
            );
        };
        let item = match &*times {
            DataType::Null => DataType::Null,
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                item.data_type().clone()
            }
            other => {
                return plan_err!(
                    "{NAME}: argument 1, times, must be a list of timestamps, dates or integers, found {other}"
                );
            }
        };
        TimeType::new(NAME, "1, times, a list whose items", &item)?;
        let item = if item == DataType::Null { DataType::Int64 } else { item };
        *times = DataType::new_list(item, true);
        Ok(types)
    }

    fn return_type(_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::new_list(DataType::Struct(fields()), true))
    }

    fn merged_type(_ts: &DataType, _value: &DataType) -> Result<DataType> {
        Self::return_type(&[])
    }

    fn read(call: &Arguments) -> Result<Durations> {
        let options = call.options(NAME, &["since", "steps", "unit"])?;
        let Some(DataType::List(item)) = call.types.first() else {
            return plan_err!("{NAME}: argument 1, times, must be a list");
        };
        let time = TimeType::new(NAME, "1, times,", item.data_type())?;
        let units = UNITS.map(|(name, _)| name);
        let unit = options.choice("unit", &units)?;
        let nanos_per_tick = match (time.nanos_per_tick(), unit) {
            (Some(_), Some(_)) => {
                return plan_err!(
                    "{NAME}: option 'unit' names the unit of integers, but the times are of type {}",
                    time.data_type()
                );
            }
            (nanos, None) => nanos,
            (None, Some(unit)) => UNITS.iter().find(|(name, _)| *name == unit).map(|(_, nanos)| *nanos),
        };
        let steps = match options.integer("steps")? {
            None => None,
            Some(steps) if (1..=MAX_CONDITIONS as i64).contains(&steps) => Some(steps as usize),
            Some(steps) => {
                return plan_err!("{NAME}: option 'steps' must be from 1 to {MAX_CONDITIONS}, found {steps}");
            }
        };
        let since_entry = options.choice("since", &["previous", "entry"])? == Some("entry");
        Ok(Durations { since_entry, steps, time, nanos_per_tick })
    }

    fn rows(durations: &Durations, values: &[ArrayRef]) -> Result<TimeLists> {
        let lists = values[0].as_list::<i32>();
        let offsets = lists.offsets().clone();
        // Only the items that rows refer to: a batch may be a slice of a larger one.
        let (first, last) = (offsets[0] as usize, offsets[offsets.len() - 1] as usize);
        let ticks = durations.time.ticks(&lists.values().slice(first, last - first))?;
        Ok(TimeLists { offsets, nulls: lists.nulls().cloned(), ticks })
    }

    fn update(durations: &Durations, lists: &TimeLists, row: usize, times: &mut Times) -> Result<()> {
        let Some(items) = lists.row(row) else {
            return Ok(());
        };
        let most = durations.steps.unwrap_or(MAX_CONDITIONS);
        if items.len() > most {
            return exec_err!("{NAME}: a list holds {} times, at most {most} are possible", items.len());
        }
        times.longest = times.longest.max(items.len() as u8);
        let mut since = None;
        for (step, item) in items.enumerate() {
            if lists.ticks.is_null(item) {
                continue;
            }
            let ts = lists.ticks.value(item);
            if step == 0 {
                times.entries += 1;
            }
            if let Some(since) = since {
                times.bucket(step as u8, place(ts.saturating_sub(since))).add(ts.saturating_sub(since));
            }
            if step == 0 || !durations.since_entry {
                since = Some(ts);
            }
        }
        Ok(())
    }

    fn answers(durations: &Durations, groups: &[Times]) -> Result<ArrayRef> {
        let steps = |group: &Times| durations.steps.unwrap_or(group.longest.into());
        let millis = |ticks: f64| Some(ticks * durations.nanos_per_tick? as f64 / 1e6);
        let mut figures = Figures::default();
        let mut buckets = Vec::new();
        for group in groups {
            for step in 0..steps(group) {
                buckets.clear();
                let places = (step as u8, Place::MIN)..=(step as u8, Place::MAX);
                buckets.extend(group.buckets.range(places).map(|(_, bucket)| *bucket));
                let values = Distribution(&buckets);
                figures.step.push(step as i32 + 1);
                figures.count.push(if step == 0 { group.entries } else { values.count() } as i64);
                figures.mean.push(values.mean().and_then(millis));
                figures.median.push(values.quantile(5).and_then(millis));
                figures.p90.push(values.quantile(9).and_then(millis));
            }
        }
        if i32::try_from(figures.step.len()).is_err() {
            return exec_err!(
                "{NAME}: more than {} steps in one column of answers; raise datafusion.execution.target_partitions",
                i32::MAX
            );
        }
        Ok(Arc::new(ListArray::try_new(
            Arc::new(Field::new_list_field(DataType::Struct(fields()), true)),
            OffsetBuffer::from_lengths(groups.iter().map(steps)),
            Arc::new(figures.finish()?),
            None,
        )?))
    }

    fn default_value(data_type: &DataType) -> Result<ScalarValue> {
        ScalarValue::try_from(data_type)
    }

    fn documentation() -> &'static Documentation {
        &DOCUMENTATION
    }
}

const UNITS: [(&str, i64); 7] = [
    ("nanosecond", 1),
    ("microsecond", 1_000),
    ("millisecond", 1_000_000),
    ("second", 1_000_000_000),
    ("minute", 60_000_000_000),
    ("hour", 3_600_000_000_000),
    ("day", 86_400_000_000_000),
];

fn fields() -> Fields {
    Fields::from(vec![
        Field::new("step", DataType::Int32, true),
        Field::new("count", DataType::Int64, true),
        Field::new("mean_ms", DataType::Float64, true),
        Field::new("median_ms", DataType::Float64, true),
        Field::new("p90_ms", DataType::Float64, true),
    ])
}

/// The steps of all answers, column by column.
#[derive(Default)]
struct Figures {
    step: Vec<i32>,
    count: Vec<i64>,
    mean: Vec<Option<f64>>,
    median: Vec<Option<f64>>,
    p90: Vec<Option<f64>>,
}

impl Figures {
    fn finish(self) -> Result<StructArray> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int32Array::from(self.step)),
            Arc::new(Int64Array::from(self.count)),
            Arc::new(Float64Array::from(self.mean)),
            Arc::new(Float64Array::from(self.median)),
            Arc::new(Float64Array::from(self.p90)),
        ];
        Ok(StructArray::try_new(fields(), columns, None)?)
    }
}

impl TimeLists {
    /// Where the times of a row stand; `None` for a NULL list.
    fn row(&self, row: usize) -> Option<Range<usize>> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return None;
        }
        let first = self.offsets[0];
        Some((self.offsets[row] - first) as usize..(self.offsets[row + 1] - first) as usize)
    }
}

/// The distribution of the durations of each step.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times {
    /// Lists that have a time of the first step.
    entries: u64,
    /// The length of the longest list.
    longest: u8,
    /// By step, counted from 0, and place.
    buckets: BTreeMap<(u8, Place), Bucket>,
}

impl Times {
    fn bucket(&mut self, step: u8, place: Place) -> &mut Bucket {
        self.buckets.entry((step, place)).or_default()
    }
}

impl Fold for Times {
    fn merge(&mut self, other: Self) {
        self.entries = self.entries.saturating_add(other.entries);
        self.longest = self.longest.max(other.longest);
        for ((step, place), bucket) in other.buckets {
            self.bucket(step, place).merge(bucket);
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        bytes::write_number(out, self.entries);
        out.push(self.longest);
        bytes::write_number(out, self.buckets.len() as u64);
        for ((step, place), bucket) in &self.buckets {
            out.push(*step);
            bytes::write_signed(out, (*place).into());
            bytes::write_number(out, bucket.count);
            out.extend_from_slice(&bucket.sum.to_le_bytes());
        }
    }

    fn decode(mut from: &[u8]) -> Result<Self> {
        let entries = bytes::read_number(&mut from)?;
        let longest = byte(&mut from)?;
        let mut times = Self { entries, longest, ..Self::default() };
        for _ in 0..bytes::read_number(&mut from)? {
            let step = byte(&mut from)?;
            let Ok(place) = Place::try_from(bytes::read_signed(&mut from)?) else {
                return exec_err!("{NAME}: a stored state is damaged: a duration beyond all times");
            };
            let count = bytes::read_number(&mut from)?;
            let mut sum = [0; 16];
            sum.copy_from_slice(bytes::take(&mut from, 16)?);
            times.bucket(step, place).merge(Bucket { count, sum: i128::from_le_bytes(sum) });
        }
        if !from.is_empty() {
            return exec_err!("{NAME}: a stored state is damaged: {} bytes follow its end", from.len());
        }
        Ok(times)
    }

    fn heap(&self) -> usize {
        tree_heap::<((u8, Place), Bucket)>(self.buckets.len())
    }
}

fn byte(from: &mut &[u8]) -> Result<u8> {
    Ok(bytes::take(from, 1)?[0])
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "Over all users, how long does each step of a funnel take? Rolls up the lists of times that \
         `funnel(...)['times']` or `window_funnel_events` gives for each user.\n\n\
         Result: a List with a Struct for each step, from 1 to the length of the longest list (or to `steps`), of\n\n\
         - step Int32\n\
         - count Int64: how many durations were measured; at step 1 how many users entered\n\
         - mean_ms, median_ms, p90_ms Float64: of the time since the step before, in milliseconds; NULL at step 1, where \
         there is none before, and where count is 0\n\n\
         A NULL list is ignored; a NULL in a list is a step that was skipped: it has no duration, and the next step is \
         measured from the last one that has a time. With {since: 'entry'} every step is measured from step 1. A time \
         before the one it is measured from gives a negative duration. Milliseconds of integers are NULL unless `unit` \
         names what they count. A group without rows gives an empty list, an empty window frame NULL.\n\n\
         ```text\n\
         ann  a@0 ──60 s──▶ b@60 ──30 s──▶ c@90        step 2: count 2, mean 40 s, median 40 s, p90 56 s\n\
         bob  a@5 ──20 s──▶ b@25                       step 3: count 1, mean 30 s\n\
         ```\n\n\
         Counts and means are exact. Median and p90 are those of SQL's `percentile_cont`: the value at 0.5 or 0.9 of the \
         way from the least to the greatest by rank, between two neighbours in proportion. Values that lie within 0.4 % \
         of each other are kept together by their mean, so the two are exact as long as there are no such values, and \
         otherwise off by less than 0.4 %. Neither order nor partitions make a difference.\n\n\
         Errors while planning: an argument that is no list of times, an unknown option, `steps` not from 1 to 64, `unit` \
         over times that have one, DISTINCT. Error while running: a list of more than `steps` (64) times.\n\n\
         Cost: one pass, O(log buckets) a time; about 100 bytes for each bucket of a step, at most 256 of them for each \
         doubling of the durations.\n\n\
         Definition: Pinot's `FunnelStepDurationStats` over all users; timestamps of all steps from one pass of `funnel`.",
        "funnel_times(times [, {since: 'previous', steps: n, unit: 'second'}])",
    )
    .with_argument("times", "A list of timestamps, dates or integers: when a user took each step.")
    .with_argument("since", "Option: 'previous' (default), the last step before that has a time, or 'entry', step 1.")
    .with_argument("steps", "Option: how many steps the answer has, a literal from 1 to 64; by default as the longest list.")
    .with_argument(
        "unit",
        "Option: what integers count: 'nanosecond', 'microsecond', 'millisecond', 'second', 'minute', 'hour' or 'day'.",
    )
    .with_sql_example(
        "SELECT s['step'] AS step, s['count'], s['mean_ms'], s['median_ms'], s['p90_ms']\n\
         FROM (SELECT unnest(funnel_times(times, {unit: 'second'})) AS s FROM (VALUES ([0, 60, 90]), ([5, 25])) AS t(times))\n\
         ORDER BY step;\n\
         -- 1 | 2 | NULL | NULL | NULL\n\
         -- 2 | 2 | 40000.0 | 40000.0 | 56000.0\n\
         -- 3 | 1 | 30000.0 | 30000.0 | 30000.0",
    )
    .with_related_udf("funnel")
    .with_related_udf("funnel_rollup")
    .build()
});
