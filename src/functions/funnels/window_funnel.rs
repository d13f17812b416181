//! `window_funnel(window, [mode, …] ts, c1, …, cn [, {zone, tie, window_open, compatibility}])`: how many of the steps did
//! this user take, in order, within `window` of the first?
//!
//! ```text
//! window = 60 min            view ──20──▶ cart ──50──▶ pay        → 2  (pay is 70 min after view)
//!                            0            20           70
//! ```
//!
//! Ties: events of the same time are ordered by step, never by arrival. The window includes its bound. An event that
//! satisfies several steps may fill several, unless the mode is `strict_once`. A row without a time is ignored, a NULL
//! condition is false, a group without rows has level 0. What each mode asks of a chain is in [`super::rules`].
//! O(events × steps) once the events are in time order.

use std::mem::size_of;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, Int32Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Documentation;

use super::scan::Scan;
use super::window_call::{self, WindowParameters};
use crate::functions::call::Arguments;
use crate::functions::events::{AnswerColumn, Event, EventFunction, EventReader, Payloads};

/// The SQL function.
#[derive(Debug)]
pub(crate) struct WindowFunnel;

impl EventFunction for WindowFunnel {
    const NAME: &'static str = "window_funnel";
    const ALIASES: &'static [&'static str] = &["windowfunnel", "funnel_max_step"];
    type Parameters = WindowParameters;
    type Column = LevelColumn;

    fn coerce_types(types: &[DataType]) -> Result<Vec<DataType>> {
        window_call::coerce_types(Self::NAME, types)
    }

    fn return_type(_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int32)
    }

    fn merged_type(_ts: &DataType, _value: &DataType) -> Result<DataType> {
        Ok(DataType::Int32)
    }

    fn read(call: &Arguments) -> Result<(WindowParameters, EventReader)> {
        let call = window_call::read(Self::NAME, call, &window_call::OPTIONS)?;
        Ok((call.parameters, call.reader))
    }

    fn column(parameters: &WindowParameters) -> Result<LevelColumn> {
        Ok(LevelColumn {
            scan: Scan::new(parameters, false),
            parameters: parameters.clone(),
            levels: Vec::new(),
        })
    }

    fn default_value(_data_type: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Int32(Some(0)))
    }

    fn documentation() -> &'static Documentation {
        &DOCUMENTATION
    }
}

/// The levels of users.
#[derive(Debug)]
pub(crate) struct LevelColumn {
    scan: Scan,
    parameters: WindowParameters,
    levels: Vec<i32>,
}

impl AnswerColumn for LevelColumn {
    #[inline]
    fn push(&mut self, events: &[Event], _payloads: &Payloads) {
        self.scan.push(events, &self.parameters);
    }

    fn end_user(&mut self, _payloads: &Payloads) {
        self.levels.push(self.scan.finish(&self.parameters) as i32);
        self.scan.clear();
    }

    fn take(&mut self, _payloads: &Payloads) -> Result<ArrayRef> {
        Ok(Arc::new(Int32Array::from(std::mem::take(&mut self.levels))))
    }

    fn size(&self) -> usize {
        self.scan.size() + self.levels.capacity() * size_of::<i32>()
    }
}

/// What the modes mean, for the pages of all functions that take them.
pub(super) const MODES: &str = "Text literals, several in one ('strict_order, strict_once') or one after the other, in any combination; or a \
     number as in StarRocks, which may stand after ts: 1 deduplication, 2 fixed, 4 increase, or their sum. Accepted are \
     default, strict_deduplication (deduplication), strict_order, allow_reentry, fixed, strict_increase (increase), \
     strict_once, keep_all, clickhouse.";

pub(super) const TS: &str =
    "When the event happened: a timestamp of any unit and zone, a date or an integer.";

pub(super) const WINDOW: &str = "A literal: an INTERVAL, or an integer in the unit of a ts that is an integer (Date32: days, Date64: milliseconds). \
     Months are calendar months in `zone`; a day is 24 hours. 0 keeps events of the same time only.";

pub(super) const STEPS: &str =
    "The steps as Boolean conditions, 1 to 64, or all of them as one array [c1, ..., cn].";

pub(super) const ZONE: &str =
    "Option: the IANA time zone of calendar months, by default `footfall.time_zone`.";

pub(super) const TIE: &str = "Option: an integer or timestamp column that orders events of the same ts; without it they are ordered by step. \
     strict_increase then asks for a later (ts, tie).";

pub(super) const WINDOW_OPEN: &str = "Option: true excludes the bound of the window.";

pub(super) const COMPATIBILITY: &str =
    "Option: 'clickhouse' gives ClickHouse's answers; by default `footfall.compatibility`.";

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "How many of the steps did a user take, in order, within a window that starts at the first? The best chain \
         over all entries counts, so a later entry that leads further wins.\n\n\
         Result: Int32 from 0 to the number of conditions, never NULL; 0 for a group without rows.\n\n\
         The window includes its bound. Events of the same time are ordered by step, never by arrival, and an event \
         that satisfies several steps may fill several; `funnel` never lets it. A row whose ts is NULL is ignored, a \
         NULL condition is false; a row whose conditions are all NULL is no event and breaks no order. The order of the \
         input makes no difference, a huge window does not overflow.\n\n\
         ```text\n\
         window = 60 min     view ──20──▶ cart ──50──▶ pay      → 2  (pay is 70 min after view)\n\
         \x20                   0            20           70\n\
         ```\n\n\
         Every event occurs once for each step it satisfies; occurrences stand in order of time, then of step. A chain of \
         level j is a sequence of occurrences of the steps 1 to j, each after the one before, the last one inside the \
         window of the first. The modes say which chains count, and the level is that of the longest one that does:\n\n\
         - strict_deduplication (deduplication, 1): no step is repeated. Between step i of the chain and the next, both \
         places included, none of the steps 2 to i occurs again, and the next step is taken where it can be taken first. \
         A repeated step 1 never counts as a repeat.\n\
         - strict_order: between two steps of the chain stands no event without a step, and no step beyond the next \
         one. Steps that the chain has already may be repeated.\n\
         - strict_order, allow_reentry: only events without a step break the chain.\n\
         - 2: only steps beyond the next one break the chain (StarRocks' FIXED).\n\
         - fixed: no step at all stands between two steps of the chain; events without a step do not matter (Doris).\n\
         - strict_increase (increase, 4): each step is later than the one before.\n\
         - strict_once: the steps are taken by different events.\n\
         - keep_all, default: no rule.\n\n\
         ```text\n\
         a@0  d@1  a@2  b@3  c@4      steps a, b, c    strict_order → 3: d ends the chain of a@0, not that of a@2\n\
         a@0  b@1  b@2  c@3           steps a, b, c    strict_deduplication → 2, fixed → 2, strict_order → 3\n\
         ```\n\n\
         With 'clickhouse' as a mode or compatibility a violation ends the whole search, as in ClickHouse: 1 in the \
         first example. strict_increase then forgets the entry before the last one, even if only that one can go on, and \
         a row with a NULL condition is dropped. Of events of one time that satisfy the same step strict_once with \
         strict_deduplication lets the one with the lower other steps go first, or the one that `tie` puts first, where \
         ClickHouse takes the one that arrived first.\n\n\
         Errors while planning: a window that is negative or no literal, an interval over an integer ts, an integer \
         over a timestamp, an unknown mode, 'strict' (ClickHouse's old name), allow_reentry without strict_order, fixed \
         or 2 in ClickHouse's compatibility, an unknown option, no condition or more than 64, DISTINCT.\n\n\
         Cost: one pass, O(events × steps), in every mode polynomial; 24 bytes for each event that counts, of the users \
         in one batch when the input is ordered by user and time, of all users otherwise.\n\n\
         Definition: ClickHouse's `windowFunnel`. Without a mode and with strict_once the answers are ClickHouse's where no \
         condition is NULL; in the other modes they are those of its rules, but a violation ends the chain that it \
         concerns and not the search.",
        "window_funnel(window, [mode, ...] ts, c1, ..., cn [, {zone: 'name', tie: column, window_open: true, \
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
    .with_alternative_syntax("windowFunnel(window, [mode, ...] ts, c1, ..., cn)")
    .with_alternative_syntax("funnel_max_step(window, [mode, ...] ts, c1, ..., cn)")
    .with_alternative_syntax("window_funnel(window, ts, number, [c1, ..., cn])")
    .with_sql_example(
        "SELECT u, window_funnel(INTERVAL '60 minutes', ts, e = 'view', e = 'cart', e = 'pay') AS level\n\
         FROM (VALUES ('ann', TIMESTAMP '2026-01-01 10:00:00', 'view'),\n\
         \x20            ('ann', TIMESTAMP '2026-01-01 10:20:00', 'cart'),\n\
         \x20            ('ann', TIMESTAMP '2026-01-01 11:10:00', 'pay')) AS t(u, ts, e)\n\
         GROUP BY u;\n\
         -- ann | 2",
    )
    .with_related_udf("window_funnel_events")
    .with_related_udf("funnel_match_step")
    .with_related_udf("funnel")
    .build()
});
