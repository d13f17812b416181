//! `funnel_complete_count(window, [mode, …] ts, c1, …, cn [, {…}])`: how many times did this user go through all steps?
//!
//! ```text
//! window = 10, steps a, b       a@0  b@1   a@5  b@6   a@20      → 2
//! ```
//!
//! The first chain of any entry to be complete counts, then the search starts anew after its time. No other choice of
//! chains that do not overlap has more of them. An event never fills two steps of a chain. Arguments and modes are those
//! of [`super::window_funnel`].

use std::mem::size_of;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, Int64Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Documentation;

use super::strict::StrictScan;
use super::window_call::{self, WindowParameters};
use super::window_funnel::{MODES, STEPS, TIE, TS, WINDOW, WINDOW_OPEN, ZONE};
use crate::functions::call::Arguments;
use crate::functions::events::{AnswerColumn, Event, EventFunction, EventReader, Payloads};

/// The SQL function.
#[derive(Debug)]
pub(crate) struct FunnelCompleteCount;

impl EventFunction for FunnelCompleteCount {
    const NAME: &'static str = "funnel_complete_count";
    const ALIASES: &'static [&'static str] = &["funnelcompletecount"];
    type Parameters = WindowParameters;
    type Column = CountColumn;

    fn coerce_types(types: &[DataType]) -> Result<Vec<DataType>> {
        window_call::coerce_types(Self::NAME, types)
    }

    fn return_type(_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn merged_type(_ts: &DataType, _value: &DataType) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn read(call: &Arguments) -> Result<(WindowParameters, EventReader)> {
        let call = window_call::read(Self::NAME, call, &window_call::OPTIONS)?;
        Ok((call.parameters, call.reader))
    }

    fn column(parameters: &WindowParameters) -> Result<CountColumn> {
        let mut rules = parameters.modes.rules;
        rules.once = true;
        Ok(CountColumn {
            scan: StrictScan::new(rules, parameters.steps, false),
            parameters: parameters.clone(),
            count: 0,
            counts: Vec::new(),
        })
    }

    fn default_value(_data_type: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Int64(Some(0)))
    }

    fn documentation() -> &'static Documentation {
        &DOCUMENTATION
    }
}

/// The completed chains of users.
#[derive(Debug)]
pub(crate) struct CountColumn {
    scan: StrictScan,
    parameters: WindowParameters,
    /// Of the user under way.
    count: i64,
    counts: Vec<i64>,
}

impl AnswerColumn for CountColumn {
    fn push(&mut self, events: &[Event], _payloads: &Payloads) {
        let parameters = &self.parameters;
        self.scan.push(events, |start| parameters.window_end(start));
        if self.scan.level() == parameters.steps {
            self.count += 1;
            self.scan.clear();
        }
    }

    fn end_user(&mut self, _payloads: &Payloads) {
        self.counts.push(std::mem::take(&mut self.count));
        self.scan.clear();
    }

    fn take(&mut self, _payloads: &Payloads) -> Result<ArrayRef> {
        Ok(Arc::new(Int64Array::from(std::mem::take(&mut self.counts))))
    }

    fn size(&self) -> usize {
        self.scan.size() + self.counts.capacity() * size_of::<i64>()
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "How many times did a user go through all steps of a funnel?\n\n\
         Result: Int64, never NULL; 0 for a group without rows.\n\n\
         The first chain of any entry to be complete counts, then the search starts anew after the time of its last \
         step. No choice of chains that follow each other in time has more of them. Modes say which chains count, see \
         `window_funnel`; an event never fills two steps. The window includes its bound, events of the same time are \
         ordered by step, a row whose ts is NULL is ignored, a NULL condition is false, the order of the input makes no \
         difference.\n\n\
         ```text\n\
         window = 10, steps a, b       a@0  b@1   a@5  b@6   a@20      → 2\n\
         ```\n\n\
         Errors while planning: those of `window_funnel`.\n\n\
         Cost: one pass, O(events × steps); 24 bytes for each event that counts, of the users in one batch when the input \
         is ordered by user and time, of all users otherwise.\n\n\
         Definition: Pinot's `FUNNELCOMPLETECOUNT`, which has another order of arguments, excludes the bound of the \
         window, takes an event for its first step only, and may count what follows a complete chain within its window \
         twice.",
        "funnel_complete_count(window, [mode, ...] ts, c1, ..., cn [, {zone: 'name', tie: column, window_open: true, \
         compatibility: 'clickhouse'}])",
    )
    .with_argument("window", WINDOW)
    .with_argument("mode", MODES)
    .with_argument("ts", TS)
    .with_argument("c1, ..., cn", STEPS)
    .with_argument("zone", ZONE)
    .with_argument("tie", TIE)
    .with_argument("window_open", WINDOW_OPEN)
    .with_argument("compatibility", "Option: 'clickhouse' drops rows in which a condition is NULL.")
    .with_sql_example(
        "SELECT u, funnel_complete_count(10, ts, e = 'a', e = 'b') AS completed\n\
         FROM (VALUES ('ann', 0, 'a'), ('ann', 1, 'b'), ('ann', 5, 'a'), ('ann', 6, 'b'), ('ann', 20, 'a')) AS t(u, ts, e)\n\
         GROUP BY u;\n\
         -- ann | 2",
    )
    .with_related_udf("funnel_count_runs")
    .with_related_udf("window_funnel")
    .build()
});
