//! `window_funnel_events(window, [mode, …] ts, c1, …, cn [, {…}])`: when did this user take each step that
//! `window_funnel` counts?
//!
//! ```text
//! window = 10      a@0   a@8  b@9   c@16      → [8, 9, 16]
//! ```
//!
//! The best chain has the highest level, then the earliest time of its top step, then the latest entry, then every step
//! in between as early as possible. Arguments, modes and rules are those of [`super::window_funnel`].

use std::mem::size_of;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, ListArray, new_empty_array};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::Documentation;

use super::scan::Scan;
use super::window_call::{self, WindowParameters};
use super::window_funnel::{COMPATIBILITY, MODES, STEPS, TIE, TS, WINDOW, WINDOW_OPEN, ZONE};
use crate::error::footfall_internal_err;
use crate::functions::call::Arguments;
use crate::functions::events::{AnswerColumn, Event, EventFunction, EventReader, Payloads};

/// The SQL function.
#[derive(Debug)]
pub(crate) struct WindowFunnelEvents;

impl EventFunction for WindowFunnelEvents {
    const NAME: &'static str = "window_funnel_events";
    const ALIASES: &'static [&'static str] = &["windowfunnelevents"];
    type Parameters = WindowParameters;
    type Column = TimesColumn;

    fn coerce_types(types: &[DataType]) -> Result<Vec<DataType>> {
        window_call::coerce_types(Self::NAME, types)
    }

    fn return_type(types: &[DataType]) -> Result<DataType> {
        Ok(DataType::new_list(window_call::ts_type(Self::NAME, types)?.clone(), true))
    }

    fn merged_type(ts: &DataType, _value: &DataType) -> Result<DataType> {
        Ok(DataType::new_list(ts.clone(), true))
    }

    fn read(call: &Arguments) -> Result<(WindowParameters, EventReader)> {
        let call = window_call::read(Self::NAME, call, &window_call::OPTIONS)?;
        Ok((call.parameters, call.reader))
    }

    fn column(parameters: &WindowParameters) -> Result<TimesColumn> {
        Ok(TimesColumn {
            scan: Scan::new(parameters, true),
            parameters: parameters.clone(),
            times: Vec::new(),
            levels: Vec::new(),
        })
    }

    fn default_value(data_type: &DataType) -> Result<ScalarValue> {
        let DataType::List(item) = data_type else {
            return footfall_internal_err!("{} has the result type {data_type}", Self::NAME);
        };
        let none = new_empty_array(item.data_type());
        let list = ListArray::try_new(Arc::clone(item), OffsetBuffer::from_lengths([0]), none, None)?;
        Ok(ScalarValue::List(Arc::new(list)))
    }

    fn documentation() -> &'static Documentation {
        &DOCUMENTATION
    }
}

/// The times of the best chains of users.
#[derive(Debug)]
pub(crate) struct TimesColumn {
    scan: Scan,
    parameters: WindowParameters,
    /// The times of all chains, one after the other.
    times: Vec<i64>,
    levels: Vec<usize>,
}

impl AnswerColumn for TimesColumn {
    fn push(&mut self, events: &[Event], _payloads: &Payloads) {
        self.scan.push(events, &self.parameters);
    }

    fn end_user(&mut self, _payloads: &Payloads) {
        let level = self.scan.finish(&self.parameters);
        self.levels.push(level);
        self.times.extend_from_slice(self.scan.times());
        self.scan.clear();
    }

    fn take(&mut self, _payloads: &Payloads) -> Result<ArrayRef> {
        if i32::try_from(self.times.len()).is_err() {
            return exec_err!(
                "{}: more than {} times in one column of answers; raise datafusion.execution.target_partitions",
                WindowFunnelEvents::NAME,
                i32::MAX
            );
        }
        let offsets = OffsetBuffer::from_lengths(std::mem::take(&mut self.levels));
        let time = &self.parameters.time;
        let times = time.array(std::mem::take(&mut self.times))?;
        let item = Arc::new(Field::new_list_field(time.data_type().clone(), true));
        Ok(Arc::new(ListArray::try_new(item, offsets, times, None)?))
    }

    fn size(&self) -> usize {
        self.scan.size()
            + self.times.capacity() * size_of::<i64>()
            + self.levels.capacity() * size_of::<usize>()
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "When did a user take each of the steps that `window_funnel` counts?\n\n\
         Result: a list of the type of ts, never NULL, as long as the level: the times of the best chain, ascending. A \
         group without rows, or without step 1, has an empty list.\n\n\
         Of the chains that count under the modes the best one has the highest level, then the earliest time of its top \
         step, then the latest entry (under a window of months: the entry whose window ends last), then every step in \
         between as early as possible. With ClickHouse's compatibility it is the chain by which ClickHouse's search \
         reaches its level first.\n\n\
         Everything else is as in `window_funnel`: the window includes its bound, events of the same time are ordered by \
         step, a row whose ts is NULL is ignored, a NULL condition is false, the order of the input makes no \
         difference.\n\n\
         ```text\n\
         window = 10      a@0   a@8  b@9   c@16      → [8, 9, 16]\n\
         \x20                   └── too early for c\n\
         ```\n\n\
         Errors while planning: those of `window_funnel`. With a number as mode beside an integer ts of another type both \
         become BIGINT, and so do the times.\n\n\
         Cost: one pass, O(events × steps), with a copy of at most n times for each step taken; 24 bytes for each event \
         that counts, of the users in one batch when the input is ordered by user and time, of all users otherwise.\n\n\
         Definition: asked for in ClickHouse/ClickHouse#26069 and #71315; duckdb-behavioral has a function of this name.",
        "window_funnel_events(window, [mode, ...] ts, c1, ..., cn [, {zone: 'name', tie: column, window_open: true, \
         compatibility: 'clickhouse'}])",
    )
    .with_argument("window", WINDOW)
    .with_argument("mode", MODES)
    .with_argument("ts", TS)
    .with_argument("c1, ..., cn", STEPS)
    .with_argument("zone", ZONE)
    .with_argument("tie", TIE)
    .with_argument("window_open", WINDOW_OPEN)
    .with_argument("compatibility", COMPATIBILITY)
    .with_sql_example(
        "SELECT u, window_funnel_events(10, ts, e = 'a', e = 'b', e = 'c') AS times\n\
         FROM (VALUES ('ann', 0, 'a'), ('ann', 8, 'a'), ('ann', 9, 'b'), ('ann', 16, 'c')) AS t(u, ts, e)\n\
         GROUP BY u;\n\
         -- ann | [8, 9, 16]",
    )
    .with_related_udf("window_funnel")
    .with_related_udf("funnel")
    .build()
});
