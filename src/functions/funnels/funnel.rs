//! `funnel(ts, [c1, …, cn] [, {window: INTERVAL …, zone: 'name'}])`: the best way of this user through the steps, with
//! the time of every step.
//!
//! ```text
//! window = 10 min      a@0     a@8  b@9      → level 2, times [8, 9], durations_ms [60000]
//!                       └──────────▶ would convert too, but a later entry is the better one
//! ```
//!
//! A chain is a sequence of different events, ascending in time, the first satisfying step 1, the second step 2, and so
//! on, the last one inside the window that starts with the first. Events of the same time may follow each other in the
//! order of the steps, but one event never fills two steps. The best chain has the highest level, then the earliest time
//! of its top step, then the latest entry, then each step in between as early as possible.
//! O(events × steps) once the events are in time order; 24 bytes an event that satisfies a step.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, Int32Array, Int64Array, ListArray, StructArray, new_null_array};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, Documentation, Expr, GroupsAccumulator, Signature, Volatility,
};

use super::accumulators::{self, Answers, FunnelGroups, FunnelRows};
use super::chain::ChainScan;
use super::events::{self, Event, EventReader};
use crate::error::footfall_internal_err;
use crate::functions::call::{self, Arguments};
use crate::functions::conditions::{self, Conditions};
use crate::functions::options::check_names;
use crate::functions::time::{self, TimeType, Window};

const NAME: &str = "funnel";

/// The SQL function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Funnel {
    signature: Signature,
}

impl Funnel {
    pub(crate) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for Funnel {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let len = call::len_without_options(types);
        if len < 2 {
            return plan_err!(
                "{NAME}: needs a time and the steps, as in {NAME}(ts, [c1, c2], {{window: INTERVAL '1 day'}}); \
                 found {len} arguments before the options"
            );
        }
        TimeType::new(NAME, "1, ts,", &types[0])?;
        let mut types = types.to_vec();
        conditions::coerce(NAME, &mut types, 1..len)?;
        Ok(types)
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types.first() {
            Some(ts) => Ok(DataType::Struct(answer_fields(ts))),
            None => plan_err!("{NAME}: needs a time and the steps, found no argument"),
        }
    }

    /// The answer over an empty window frame: level 0.
    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        let Some(ts) = ts_type(data_type) else {
            return footfall_internal_err!("{NAME} has the result type {data_type}");
        };
        let mut answers =
            AnswerColumn::new(Arc::new(Window::UNBOUNDED), 1, TimeType::new(NAME, "ts", ts)?, 1);
        answers.push(&[]);
        ScalarValue::try_from_array(&answers.finish()?, 0)
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        Some(Box::new(|mut call: AggregateFunction, context: &SimplifyContext| {
            call.params.args = conditions::flatten_arrays(call.params.args);
            call::checked(NAME, &call, context, |args| read(args).map(drop))?;
            Ok(Expr::AggregateFunction(call))
        }))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let (chains, reader) = read(&Arguments::of_accumulator(NAME, &args)?)?;
        Ok(Box::new(FunnelRows::new(chains, reader)))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(events::state_fields(&args))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        let (chains, reader) = read(&Arguments::of_accumulator(NAME, &args)?)?;
        Ok(Box::new(FunnelGroups::new(chains, reader)))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}

const OPTIONS: [&str; 2] = ["window", "zone"];

/// What the literals of a call ask for, and where its columns stand.
fn read(args: &Arguments) -> Result<(BestChains, EventReader)> {
    let time = TimeType::new(NAME, "1, ts,", &args.types[0])?;
    let mut window = Window::UNBOUNDED;
    if let Some(options) = args.options(NAME)? {
        check_names(NAME, options.names(), &OPTIONS)?;
        let zone = options.text("zone")?.map(|name| time::zone(NAME, &name)).transpose()?;
        if let Some(value) = options.value("window", "an interval such as INTERVAL '1 day'")? {
            window = Window::new(NAME, &value, &time, zone)?;
        }
    }
    let conditions = Conditions::new(NAME, &args.exprs, &args.types, 1..args.len_without_options())?;
    let chains = BestChains {
        window: Arc::new(window),
        steps: conditions.count().unwrap_or(conditions::MAX_CONDITIONS),
        time: time.clone(),
    };
    let reader = EventReader { ts: 0, time, conditions };
    Ok((chains, reader))
}

/// The fields of an answer, all there from the start so that a query's type does not depend on its options.
fn answer_fields(ts: &DataType) -> Fields {
    Fields::from(vec![
        Field::new("level", DataType::Int32, true),
        Field::new("excluded", DataType::Boolean, true),
        Field::new("times", DataType::new_list(ts.clone(), true), true),
        Field::new("durations_ms", DataType::new_list(DataType::Int64, true), true),
        Field::new("dwell_after_drop_ms", DataType::Int64, true),
        Field::new("breakdown", DataType::Utf8, true),
        Field::new("ids", DataType::new_list(DataType::Utf8, true), true),
    ])
}

fn ts_type(answer: &DataType) -> Option<&DataType> {
    let DataType::Struct(fields) = answer else {
        return None;
    };
    match fields.find("times")?.1.data_type() {
        DataType::List(item) => Some(item.data_type()),
        _ => None,
    }
}

/// The best chains of groups under one window.
#[derive(Debug)]
struct BestChains {
    window: Arc<Window>,
    steps: usize,
    time: TimeType,
}

impl accumulators::Funnel for BestChains {
    type Answers = AnswerColumn;

    fn answers(&self, groups: usize) -> AnswerColumn {
        AnswerColumn::new(Arc::clone(&self.window), self.steps, self.time.clone(), groups)
    }
}

struct AnswerColumn {
    scan: ChainScan,
    time: TimeType,
    /// The times of all chains, one after the other.
    times: Vec<i64>,
    levels: Vec<i32>,
}

impl AnswerColumn {
    fn new(window: Arc<Window>, steps: usize, time: TimeType, groups: usize) -> Self {
        Self {
            scan: ChainScan::new(window, steps),
            time,
            times: Vec::new(),
            levels: Vec::with_capacity(groups),
        }
    }

    /// The distances between neighbouring times of each chain; NULL lists where the unit of ts is unknown.
    fn durations(&self) -> Result<ListArray> {
        let mut values = Vec::with_capacity(self.times.len());
        let mut lengths = Vec::with_capacity(self.levels.len());
        let mut start = 0;
        for &level in &self.levels {
            let times = &self.times[start..start + level as usize];
            start += times.len();
            lengths.push(times.len().saturating_sub(1));
            values.extend(times.windows(2).map(|pair| self.time.millis(pair[1].saturating_sub(pair[0]))));
        }
        let nulls = match self.time.millis(0) {
            Some(_) => None,
            None => Some(NullBuffer::new_null(self.levels.len())),
        };
        let item = Arc::new(Field::new_list_field(DataType::Int64, true));
        let offsets = OffsetBuffer::from_lengths(lengths);
        let values = Arc::new(Int64Array::from(values));
        Ok(ListArray::try_new(item, offsets, values, nulls)?)
    }
}

impl Answers for AnswerColumn {
    fn push(&mut self, events: &[Event]) {
        for same_time in events.chunk_by(|a, b| a.ts == b.ts) {
            self.scan.push(same_time[0].ts, same_time.iter().map(|event| event.mask));
        }
        let times = self.scan.best();
        self.levels.push(times.len() as i32);
        self.times.extend_from_slice(times);
        self.scan.clear();
    }

    fn finish(mut self) -> Result<ArrayRef> {
        let groups = self.levels.len();
        if i32::try_from(self.times.len()).is_err() {
            return exec_err!(
                "{NAME}: more than {} times in one column of answers; raise datafusion.execution.target_partitions",
                i32::MAX
            );
        }
        let durations = self.durations()?;
        let offsets = OffsetBuffer::from_lengths(self.levels.iter().map(|level| *level as usize));
        let ts = self.time.data_type().clone();
        let times = self.time.array(std::mem::take(&mut self.times))?;
        let item = Arc::new(Field::new_list_field(ts.clone(), true));
        let times = ListArray::try_new(item, offsets, times, None)?;
        let fields = answer_fields(&ts);
        let columns: Vec<ArrayRef> = fields
            .iter()
            .map(|field| match field.name().as_str() {
                "level" => Arc::new(Int32Array::from(std::mem::take(&mut self.levels))) as ArrayRef,
                "times" => Arc::new(times.clone()),
                "durations_ms" => Arc::new(durations.clone()),
                _ => new_null_array(field.data_type(), groups),
            })
            .collect();
        Ok(Arc::new(StructArray::try_new(fields, columns, None)?))
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "The best way of a user through the steps, with the time of every step.\n\n\
         A chain is a sequence of different events, ascending in time, the first satisfying c1, the second c2, and so \
         on, its last event inside the window that starts with its first. Events of the same time may follow each \
         other in the order of the steps, but one event never fills two steps. The best chain has the highest level, \
         then the earliest time of its top step, then the latest entry (under a window of months: the entry whose \
         window ends last), then every step in between as early as possible after the entry.\n\n\
         Result: a Struct, never NULL, of\n\n\
         - level Int32: the steps taken, 0 for a group without rows\n\
         - excluded Boolean: NULL\n\
         - times List(type of ts): when each step was taken, as many as level\n\
         - durations_ms List(Int64): milliseconds between neighbouring steps, one fewer; NULL when ts is an integer, \
         whose unit is unknown\n\
         - dwell_after_drop_ms Int64, breakdown Utf8, ids List(Utf8): NULL\n\n\
         A row whose ts is NULL is ignored, a NULL condition is false; the window includes its bound; the order of the \
         input makes no difference.\n\n\
         ```text\n\
         window = 10 min      a@0     a@8  b@9      → level 2, times [8, 9], durations_ms [60000]\n\
         ```\n\n\
         Errors while planning: an unknown option, a window that is negative or no literal, an interval over an \
         integer ts, an integer over a timestamp, no step or more than 64, DISTINCT.\n\n\
         Cost: one pass, O(events × steps); 24 bytes for each event that satisfies a step, of the users in one batch \
         when the input is ordered by user and time, of all users otherwise.\n\n\
         Definition: PostHog's ordered funnel (the last entry before the next step gives the time to convert).",
        "funnel(ts, [c1, ..., cn] [, {window: INTERVAL '1 day', zone: 'name'}])",
    )
    .with_argument("ts", "When the event happened: a timestamp of any unit and zone, a date or an integer.")
    .with_argument(
        "[c1, ..., cn]",
        "The steps, 1 to 64 Boolean conditions in an array literal (or as separate arguments).",
    )
    .with_argument(
        "window",
        "Option: how long after the entry the last step may come, a literal INTERVAL, or an integer in the unit of an \
         integer or date ts; without it any time. Months are calendar months in `zone`; a day is 24 hours.",
    )
    .with_argument("zone", "Option: the IANA time zone of calendar months, by default UTC.")
    .with_sql_example(
        "SELECT u, f['level'] AS level, f['durations_ms'] AS durations_ms\n\
         FROM (SELECT u, funnel(ts, [e = 'a', e = 'b'], {window: INTERVAL '10 minutes'}) AS f\n\
         \x20     FROM (VALUES ('ann', TIMESTAMP '2026-01-01 10:00:00', 'a'),\n\
         \x20                  ('ann', TIMESTAMP '2026-01-01 10:08:00', 'a'),\n\
         \x20                  ('ann', TIMESTAMP '2026-01-01 10:09:00', 'b')) AS t(u, ts, e)\n\
         \x20     GROUP BY u);\n\
         -- ann | 2 | [60000]",
    )
    .with_related_udf("window_funnel")
    .build()
});
