//! `funnel(ts, [c1, …, cn] [, {options}])`: the best way of this user through the steps, with the time of every step.
//!
//! ```text
//! window = 10 min      a@0     a@8  b@9      → level 2, times [8, 9], durations_ms [60000]
//!                       └──────────▶ would convert too, but a later entry is the better one
//! ```
//!
//! A chain is a sequence of different events, ascending in time, the first satisfying step 1, the second step 2, and so
//! on, the last one inside the window that starts with the first. Events of the same time may follow each other in the
//! order of the steps, but one event never fills two steps. The best chain has the highest level, then the earliest time
//! of its top step, then the latest entry, then each step in between as early as possible. [`chains`](super::chains) says
//! what each option adds; where only a window is given, [`chain`](super::chain) needs no more than one pass.

use std::sync::LazyLock;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::Documentation;

use super::chains::{self, Chains, ChainsColumn};
use crate::error::footfall_internal_err;
use crate::functions::call::{self, Arguments};
use crate::functions::conditions;
use crate::functions::events::{AnswerColumn, EventFunction, EventReader, Payloads};
use crate::functions::time::TimeType;

pub(super) const NAME: &str = "funnel";

/// The SQL function.
#[derive(Debug)]
pub(crate) struct Funnel;

impl EventFunction for Funnel {
    const NAME: &'static str = NAME;
    type Parameters = Chains;
    type Column = ChainsColumn;

    fn coerce_types(types: &[DataType]) -> Result<Vec<DataType>> {
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

    fn return_type(types: &[DataType]) -> Result<DataType> {
        match types.first() {
            Some(ts) => Ok(answer_type(ts)),
            None => plan_err!("{NAME}: needs a time and the steps, found no argument"),
        }
    }

    fn merged_type(ts: &DataType, _value: &DataType) -> Result<DataType> {
        Ok(answer_type(ts))
    }

    fn read(call: &Arguments) -> Result<(Chains, EventReader)> {
        chains::read(call)
    }

    fn column(chains: &Chains) -> Result<ChainsColumn> {
        Ok(chains.column())
    }

    /// Level 0.
    fn default_value(data_type: &DataType) -> Result<ScalarValue> {
        let Some(ts) = chains::ts_type(data_type) else {
            return footfall_internal_err!("{NAME} has the result type {data_type}");
        };
        let mut column = Chains::one_step(TimeType::new(NAME, "ts", ts)?).column();
        let payloads = Payloads::new(&[], false);
        column.end_user(&payloads);
        ScalarValue::try_from_array(&column.take(&payloads)?, 0)
    }

    fn documentation() -> &'static Documentation {
        &DOCUMENTATION
    }
}

fn answer_type(ts: &DataType) -> DataType {
    DataType::Struct(chains::answer_fields(ts))
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "The best way of a user through the steps, with the time of every step.\n\n\
         **Chains.** A chain of level k gives each of the first k steps an event of its own that satisfies its \
         condition: event e1 to step 1, e2 to step 2, and so on. It is valid iff e1 ≤ e2 ≤ … ≤ ek in time and ek is \
         inside the window that starts with e1. Events of the same time may follow each other in the order of the \
         steps, but one event never fills two. The best chain has the highest level, then the earliest time of the top \
         step, then the latest entry e1 (under a window of months: the entry whose window ends last), then every step \
         in between as early as possible after the entry. An option adds to what makes a chain valid; unless said \
         otherwise they combine.\n\n\
         **Result:** a Struct, never NULL, of\n\n\
         - level Int32: the required steps of the best chain, 0 for a group without rows and for a user who is removed\n\
         - excluded Boolean: whether `exclude` removed the user; NULL without that option\n\
         - times List(type of ts): when each step was taken, by step; with `optional` the time of a step that was \
         skipped is NULL; in order 'any' by time\n\
         - durations_ms List(Int64): item i holds the milliseconds to time i + 1 from the taken step before it, so there \
         is one fewer than times; NULL for a skipped step; negative where `grace` took a step before an earlier one; a \
         NULL list when ts is an integer, whose unit is unknown\n\
         - dwell_after_drop_ms Int64: see `dwell`; NULL without it\n\
         - breakdown Utf8: the value that the user counts for; NULL without `breakdown`\n\
         - ids List(Utf8): the event that filled each step, by the value of `ids`, in the order of times; NULL without it\n\
         - breakdowns List(Struct{value Utf8, level Int32}): with attribution 'all' the level of each value, ascending by \
         value; else NULL\n\n\
         **Ties, NULLs, bounds.** Events of one time (and one value of `tie`) have no order among them: they may follow \
         each other in any order of steps, and nothing stands between them. Which of several events of one time fills a \
         step is decided by their conditions and values, never by arrival. A row whose ts is NULL is ignored, a NULL \
         condition is false. The window includes its bound unless `window_open` is true.\n\n\
         ```text\n\
         window = 10 min      a@0     a@8  b@9      → level 2, times [8, 9], durations_ms [60000]\n\
         order 'strict'       a@0 x@1 a@2 b@3       → level 2, times [2, 3]: nothing stands between a@2 and b@3\n\
         exclude x, 1 to 2    a@0 x@1 b@2           → level 0, excluded\n\
         ```\n\n\
         **Errors** while planning: an unknown option or word, a window that is negative or no literal, an interval over \
         an integer ts, an integer over a timestamp, step_windows of another length than the number of steps less one, a \
         step number that does not exist, an exclusion that does not lead from a required step to a later one, \
         window_open without a window, attribution without breakdown; order 'any' with step_windows, optional, exclude, \
         grace or entry 'last'; grace with order 'strict' or 'exact'; no step, or more than 64 steps and exclusions; \
         DISTINCT.\n\n\
         **Cost.** With a window alone: one pass, O(events × steps). Under any other option: O(events × steps) moves of \
         O(steps + exclusions) checks each; order 'any' O(events × steps). With `hold` and attribution 'all' the events \
         are also sorted by value, and each event is looked at once, whatever the number of values. Memory: 24 bytes for \
         each event that satisfies a step or an exclusion (for every event in order 'strict' and with `dwell`), about \
         twice that with options, and the values that options name; of the users in one batch when the input is ordered \
         by user and time and no option names a column, of all users otherwise.\n\n\
         **Definition.** PostHog's funnel (the last entry before the next step gives the time to convert; strict order, \
         exclusions, optional steps, attribution) and Mixpanel's (entry 'first' is its default for uniques, 'best' its \
         optimized re-entry; hold, grace), as rules about chains. It differs from PostHog where that walks greedily: all \
         chains count, so a step that is repeated after an excluded event is a fresh start for the exclusions that begin \
         with it, and strictness and exclusions hold at equal times too, where nothing stands *between* two events.",
        "funnel(ts, [c1, ..., cn] [, {window: INTERVAL '1 day', option: value, ...}])",
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
    .with_argument("window_open", "Option: true takes the bound out of the window. Default false.")
    .with_argument(
        "zone",
        "Option: the IANA time zone of calendar months, by default that of `footfall.time_zone`.",
    )
    .with_argument(
        "order",
        "Option: 'ordered' (default), anything may stand between two steps. 'strict': every event whose time lies \
         strictly between those of two neighbouring steps satisfies the later one (with `optional`, or an optional step \
         between them); one that does not, also one that satisfies no step, breaks this chain but no other. 'exact': the \
         same, but events that satisfy no step may stand anywhere (Amplitude's exact order among the events of the \
         funnel). 'any' (or 'unordered'): the steps come in any order, all inside the window of the first of them; level \
         is the most steps that different events can fill; best is the highest level, then the earliest last event, the \
         latest first one, and the events between as late as possible.",
    )
    .with_argument(
        "entry",
        "Option: 'best' (default), a chain may begin with any event of step 1. 'first' or 'last': only with one of \
         the first or last time at which step 1 happened (with `hold`: with a value of it), so the window does not \
         restart. In order 'any', 'first' begins with the first event of any step, and takes each further step as \
         early as possible.",
    )
    .with_argument(
        "step_windows",
        "Option: [INTERVAL or NULL, ...], one for each transition from a step to the next: the event of step i + 1 comes \
         at most that long after the event of the last required step before it, bound included; NULL is no limit.",
    )
    .with_argument(
        "optional",
        "Option: [step numbers] that may be skipped, not step 1. Level counts the other, required steps, and the \
         best chain is chosen by them alone. Then each optional step between two taken steps or after the last one, \
         the lowest number first, takes its earliest event that is not before the steps taken with lower numbers, not \
         after the next required step (after the last one: inside the window, and in strict and exact order up to the \
         first event that breaks), and not needed by another step. times and ids have an item for every step up to \
         the last one taken.",
    )
    .with_argument(
        "exclude",
        "Option: [{when: condition, from: step, to: step}, ...], all items with the same names; both are required \
         steps, 1 and the last one when left out or NULL. A chain is tainted iff an event that satisfies `when` lies \
         strictly after its step `from` and strictly before its step `to`, or, when it does not reach `to`, inside \
         its window. The level is the highest of all chains, tainted or not; if no chain of that level is clean, the \
         user is removed: excluded is true, level 0. Otherwise the best clean chain of that level counts.",
    )
    .with_argument(
        "hold",
        "Option: a column whose value all events of a chain have in common; an event where it is NULL is in no \
         chain. Of equally good chains that of the smallest value counts. An exclusion concerns the chains of its own \
         value, or all when it has none; in strict and exact order events of all values stand between.",
    )
    .with_argument(
        "breakdown",
        "Option: a column whose value the user is counted for, as text; `attribution` says which.",
    )
    .with_argument(
        "attribution",
        "Option: 'first' (default; or 'first_touch'), 'last' (or 'last_touch'): the value of the first or last event \
         that satisfies a step and has one, whether or not it is in the best chain; events of one time stand in the \
         order of their lowest step, then of all their conditions, then of their values. 'step_2': the value of the \
         event that fills step 2 in the best chain, NULL where it does not get there. 'all' (or 'all_events'): the \
         funnel of the events of each value by itself, all levels in `breakdowns`; the other fields are those of the \
         value with the highest level, and the user is excluded when removals leave no level above 0.",
    )
    .with_argument(
        "grace",
        "Option: INTERVAL or ticks by which clocks may differ: the event of a later step may come that much before the \
         event of an earlier one. Steps that one event of the user satisfies together, directly or through other steps, \
         keep their order. It does not extend the window, nor to optional steps.",
    )
    .with_argument("ids", "Option: a column that names events; its value for each step taken is in the field ids.")
    .with_argument(
        "dwell",
        "Option: true fills dwell_after_drop_ms for a user who took a step but not all required ones: the \
         milliseconds from the last event of the best chain to the user's last event of any kind in the window of \
         that chain. NULL for converters, level 0 and an integer ts.",
    )
    .with_argument(
        "tie",
        "Option: an integer or timestamp column that orders events of the same time; only those of one value of it then \
         are at one time.",
    )
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
