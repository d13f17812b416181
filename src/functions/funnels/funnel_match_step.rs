//! `funnel_match_step(window, [mode, …] ts, c1, …, cn [, {…}])`: which of the steps does this user's level hold?
//!
//! ```text
//! steps a, b, c, d       a@0  b@1      → [true, true, false, false]
//! ```
//!
//! The first `window_funnel` values are true, the others false. Arguments, modes and rules are those of
//! [`super::window_funnel`].

use std::mem::size_of;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, BooleanArray, ListArray, new_empty_array};
use datafusion::arrow::buffer::{BooleanBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::Documentation;

use super::scan::Scan;
use super::window_call::{self, WindowParameters};
use super::window_funnel::{COMPATIBILITY, MODES, STEPS, TIE, TS, WINDOW, WINDOW_OPEN, ZONE};
use crate::functions::call::Arguments;
use crate::functions::events::{AnswerColumn, Event, EventFunction, EventReader, Payloads};

/// The SQL function.
#[derive(Debug)]
pub(crate) struct FunnelMatchStep;

impl EventFunction for FunnelMatchStep {
    const NAME: &'static str = "funnel_match_step";
    const ALIASES: &'static [&'static str] = &["funnelmatchstep"];
    type Parameters = WindowParameters;
    type Column = StepsColumn;

    fn coerce_types(types: &[DataType]) -> Result<Vec<DataType>> {
        window_call::coerce_types(Self::NAME, types)
    }

    fn return_type(_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::new_list(DataType::Boolean, true))
    }

    fn merged_type(_ts: &DataType, _value: &DataType) -> Result<DataType> {
        Ok(DataType::new_list(DataType::Boolean, true))
    }

    fn read(call: &Arguments) -> Result<(WindowParameters, EventReader)> {
        let read = window_call::read(Self::NAME, call, &window_call::OPTIONS)?;
        if !read.counted {
            return plan_err!(
                "{}: the conditions must be Boolean arguments or one array literal [c1, c2, ...], whose number is the \
                 length of the answer",
                Self::NAME
            );
        }
        Ok((read.parameters, read.reader))
    }

    fn column(parameters: &WindowParameters) -> Result<StepsColumn> {
        Ok(StepsColumn {
            scan: Scan::new(parameters, false),
            parameters: parameters.clone(),
            levels: Vec::new(),
        })
    }

    /// The number of steps is not known here, so there is none.
    fn default_value(_data_type: &DataType) -> Result<ScalarValue> {
        let item = Arc::new(Field::new_list_field(DataType::Boolean, true));
        let none = new_empty_array(&DataType::Boolean);
        let list = ListArray::try_new(item, OffsetBuffer::from_lengths([0]), none, None)?;
        Ok(ScalarValue::List(Arc::new(list)))
    }

    fn documentation() -> &'static Documentation {
        &DOCUMENTATION
    }
}

/// The steps of users.
#[derive(Debug)]
pub(crate) struct StepsColumn {
    scan: Scan,
    parameters: WindowParameters,
    levels: Vec<usize>,
}

impl AnswerColumn for StepsColumn {
    fn push(&mut self, events: &[Event], _payloads: &Payloads) {
        self.scan.push(events, &self.parameters);
    }

    fn end_user(&mut self, _payloads: &Payloads) {
        self.levels.push(self.scan.finish(&self.parameters));
        self.scan.clear();
    }

    fn take(&mut self, _payloads: &Payloads) -> Result<ArrayRef> {
        let levels = std::mem::take(&mut self.levels);
        let steps = self.parameters.steps;
        if i32::try_from(levels.len().saturating_mul(steps)).is_err() {
            return exec_err!(
                "{}: more than {} values in one column of answers; raise datafusion.execution.target_partitions",
                FunnelMatchStep::NAME,
                i32::MAX
            );
        }
        let reached = BooleanBuffer::collect_bool(levels.len() * steps, |i| i % steps < levels[i / steps]);
        let offsets = OffsetBuffer::from_lengths(levels.iter().map(|_| steps));
        let item = Arc::new(Field::new_list_field(DataType::Boolean, true));
        let reached = Arc::new(BooleanArray::new(reached, None));
        Ok(Arc::new(ListArray::try_new(item, offsets, reached, None)?))
    }

    fn size(&self) -> usize {
        self.scan.size() + self.levels.capacity() * size_of::<usize>()
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "Which steps of a funnel did a user reach? One Boolean a step.\n\n\
         Result: List(Boolean), never NULL, as long as there are conditions: true for as many as `window_funnel` counts, \
         false for the others. All false for a group without rows; empty over a window frame without rows.\n\n\
         Everything else is as in `window_funnel`: the window includes its bound, events of the same time are ordered by \
         step, a row whose ts is NULL is ignored, a NULL condition is false, the order of the input makes no \
         difference.\n\n\
         ```text\n\
         steps a, b, c, d       a@0  b@1      → [true, true, false, false]\n\
         ```\n\n\
         Errors while planning: those of `window_funnel`, and conditions in an array column, which does not show their \
         number.\n\n\
         Cost: that of `window_funnel`.\n\n\
         Definition: Pinot's `FUNNELMATCHSTEP`, which returns 1 and 0, has another order of arguments, excludes the bound \
         of the window, and takes an event for its first step only.",
        "funnel_match_step(window, [mode, ...] ts, c1, ..., cn [, {zone: 'name', tie: column, window_open: true, \
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
        "SELECT u, funnel_match_step(10, ts, e = 'a', e = 'b', e = 'c', e = 'd') AS steps\n\
         FROM (VALUES ('ann', 0, 'a'), ('ann', 1, 'b')) AS t(u, ts, e)\n\
         GROUP BY u;\n\
         -- ann | [true, true, false, false]",
    )
    .with_related_udf("window_funnel")
    .build()
});
