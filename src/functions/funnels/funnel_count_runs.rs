//! `funnel_count_runs(window, [mode, …] ts, c1, …, cn [, {exclude: [{when: c, from: 1, to: 2}], …}])`: how often did this
//! user enter the funnel, and how often come to its end?
//!
//! ```text
//! steps A, B; excluded: A      A@0     A@1        A@2     B@3        → {entries: 2, conversions: 1}
//!                              enters  drops out  enters  converts
//! ```
//!
//! One run after the other, see [`super::runs`]; an event never fills two steps of a run. Arguments and modes are those
//! of [`super::window_funnel`].

use std::mem::size_of;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, Int64Array, StructArray};
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::Documentation;
use serde::{Deserialize, Serialize};

use super::runs::{Exclusion, RunScan};
use super::window_call::{self, OPTIONS, WindowCall, WindowParameters};
use super::window_funnel::{MODES, STEPS, TIE, TS, WINDOW, WINDOW_OPEN, ZONE};
use crate::functions::call::Arguments;
use crate::functions::events::{AnswerColumn, Event, EventFunction, EventReader, Payloads};
use crate::functions::options::{Options, check_names};

/// The SQL function.
#[derive(Debug)]
pub(crate) struct FunnelCountRuns;

/// What the literals of a call ask for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunParameters {
    funnel: WindowParameters,
    #[serde(default)]
    exclude: Vec<Exclusion>,
}

impl EventFunction for FunnelCountRuns {
    const NAME: &'static str = "funnel_count_runs";
    const ALIASES: &'static [&'static str] = &["funnelcountruns"];
    type Parameters = RunParameters;
    type Column = RunColumn;

    fn coerce_types(types: &[DataType]) -> Result<Vec<DataType>> {
        window_call::coerce_types(Self::NAME, types)
    }

    fn return_type(_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(answer_fields()))
    }

    fn merged_type(_ts: &DataType, _value: &DataType) -> Result<DataType> {
        Ok(DataType::Struct(answer_fields()))
    }

    fn read(call: &Arguments) -> Result<(RunParameters, EventReader)> {
        let [zone, tie, window_open, compatibility] = OPTIONS;
        let accepted = [zone, tie, window_open, compatibility, "exclude"];
        let mut call = window_call::read(Self::NAME, call, &accepted)?;
        let exclude = read_exclusions(&mut call)?;
        Ok((RunParameters { funnel: call.parameters, exclude }, call.reader))
    }

    fn column(parameters: &RunParameters) -> Result<RunColumn> {
        let funnel = parameters.funnel.clone();
        let mut rules = funnel.modes.rules;
        rules.once = true;
        Ok(RunColumn {
            scan: RunScan::new(rules, funnel.steps, parameters.exclude.clone()),
            funnel,
            entries: Vec::new(),
            conversions: Vec::new(),
        })
    }

    fn default_value(_data_type: &DataType) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&answers(vec![0], vec![0])?, 0)
    }

    fn documentation() -> &'static Documentation {
        &DOCUMENTATION
    }
}

/// Reads the option `exclude`: each condition becomes one more bit of an event.
fn read_exclusions(call: &mut WindowCall) -> Result<Vec<Exclusion>> {
    const NAME: &str = FunnelCountRuns::NAME;
    let Some(items) = call.options.structs("exclude")? else {
        return Ok(vec![]);
    };
    if !items.is_empty() && !call.counted {
        return plan_err!(
            "{NAME}: with option 'exclude' the conditions must be Boolean arguments or one array literal [c1, c2, ...]"
        );
    }
    let steps = call.parameters.steps;
    let mut exclusions = Vec::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        check_names(NAME, item.names(), &["when", "from", "to"])?;
        match item.row_value("when")? {
            Some((value, DataType::Boolean)) => call.reader.more_conditions.push(value),
            Some((_, other)) => {
                return plan_err!(
                    "{NAME}: 'when' in item {} of option 'exclude' must be a Boolean condition, found {other}",
                    i + 1
                );
            }
            None => {
                return plan_err!(
                    "{NAME}: item {} of option 'exclude' needs 'when', a Boolean condition, as in \
                     {{when: event = 'refund', from: 1, to: 2}}",
                    i + 1
                );
            }
        }
        let (from, to) = (step(item, "from", 1)?, step(item, "to", steps)?);
        if from == 0 || from >= to || to > steps {
            return plan_err!(
                "{NAME}: item {} of option 'exclude' goes from step {from} to step {to}; accepted are steps from 1 to \
                 {steps}, 'from' before 'to'",
                i + 1
            );
        }
        exclusions.push(Exclusion { bit: steps + i, from, to });
    }
    Ok(exclusions)
}

/// A step by its number; a negative one becomes 0, which is none.
fn step(item: &Options, name: &str, default: usize) -> Result<usize> {
    Ok(item.integer(name)?.map_or(default, |step| usize::try_from(step).unwrap_or(0)))
}

fn answer_fields() -> Fields {
    Fields::from(vec![
        Field::new("entries", DataType::Int64, true),
        Field::new("conversions", DataType::Int64, true),
    ])
}

fn answers(entries: Vec<i64>, conversions: Vec<i64>) -> Result<ArrayRef> {
    let columns: Vec<ArrayRef> =
        vec![Arc::new(Int64Array::from(entries)), Arc::new(Int64Array::from(conversions))];
    Ok(Arc::new(StructArray::try_new(answer_fields(), columns, None)?))
}

/// The runs of users.
#[derive(Debug)]
pub(crate) struct RunColumn {
    scan: RunScan,
    funnel: WindowParameters,
    entries: Vec<i64>,
    conversions: Vec<i64>,
}

impl AnswerColumn for RunColumn {
    fn push(&mut self, events: &[Event], _payloads: &Payloads) {
        let funnel = &self.funnel;
        self.scan.push(events, |start| funnel.window_end(start));
    }

    fn end_user(&mut self, _payloads: &Payloads) {
        let (entries, conversions) = self.scan.finish();
        self.entries.push(entries);
        self.conversions.push(conversions);
    }

    fn take(&mut self, _payloads: &Payloads) -> Result<ArrayRef> {
        answers(std::mem::take(&mut self.entries), std::mem::take(&mut self.conversions))
    }

    fn size(&self) -> usize {
        self.scan.size() + (self.entries.capacity() + self.conversions.capacity()) * size_of::<i64>()
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "How often did a user enter a funnel, and how often convert? One run after the other, as Mixpanel counts totals.\n\n\
         Result: a Struct, never NULL, of entries Int64 (runs started) and conversions Int64 (runs completed); 0 and 0 for \
         a group without rows.\n\n\
         A run starts with an event of step 1 while no run is under way. Further events of step 1 do not start it anew, so \
         its window runs from its first event. It ends, and the next one may start,\n\n\
         - when its last step is taken: a conversion\n\
         - when its window is over; the bound is inside\n\
         - when an event of `exclude` comes, after step `from` was taken and before step `to` is; the event that excludes \
         starts no run itself, even if it satisfies step 1\n\
         - when a mode is violated, see `window_funnel`; that event may start the next run.\n\n\
         An event fills one step of a run only. Steps of the same time are taken in the order of the steps by different \
         events. The time that completes or excludes a run belongs to it; the next run starts later. An excluded event \
         of the same time as a step of the run does not come between two steps. A row whose ts is NULL is ignored, a NULL \
         condition is false, the order of the input makes no difference.\n\n\
         ```text\n\
         steps A, B; excluded: A      A@0     A@1        A@2     B@3        → entries 2, conversions 1\n\
         \x20                            enters  drops out  enters  converts\n\
         ```\n\n\
         Errors while planning: those of `window_funnel`; an item of `exclude` without `when`, with a `when` that is no \
         condition, or with steps that do not follow each other; more than 64 conditions with those of `exclude`.\n\n\
         Cost: one pass, O(events × steps); 24 bytes for each event that counts, of the users in one batch when the input \
         is ordered by user and time, of all users otherwise.\n\n\
         Definition: Mixpanel's funnels counted by totals, with their exclusion steps, without the grace of two seconds. \
         `funnel_complete_count` counts completed chains over all entries instead and never less.",
        "funnel_count_runs(window, [mode, ...] ts, c1, ..., cn [, {exclude: [{when: condition, from: 1, to: 2}], \
         zone: 'name', tie: column, window_open: true, compatibility: 'clickhouse'}])",
    )
    .with_argument("window", WINDOW)
    .with_argument("mode", MODES)
    .with_argument("ts", TS)
    .with_argument("c1, ..., cn", STEPS)
    .with_argument(
        "exclude",
        "Option: an array of {when: condition, from: step, to: step}: an event that satisfies the condition ends a run \
         that is between the two steps; by default between any two.",
    )
    .with_argument("zone", ZONE)
    .with_argument("tie", TIE)
    .with_argument("window_open", WINDOW_OPEN)
    .with_argument("compatibility", "Option: 'clickhouse' drops rows in which a condition is NULL.")
    .with_sql_example(
        "SELECT u, r['entries'] AS entries, r['conversions'] AS conversions\n\
         FROM (SELECT u, funnel_count_runs(3600, ts, e = 'A', e = 'B', {exclude: [{when: e = 'A', from: 1, to: 2}]}) AS r\n\
         \x20     FROM (VALUES ('ann', 0, 'A'), ('ann', 1, 'A'), ('ann', 2, 'A'), ('ann', 3, 'B')) AS t(u, ts, e)\n\
         \x20     GROUP BY u);\n\
         -- ann | 2 | 1",
    )
    .with_related_udf("funnel_complete_count")
    .with_related_udf("window_funnel")
    .build()
});
