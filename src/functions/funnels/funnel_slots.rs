//! `funnel_slots(ts, [c1, …, cn], {slot: INTERVAL '1 day' [, zone, window, tie]})`: of the chains that this user enters
//! in each day, week or hour, how far does the best one get? The trend of a funnel in one pass.
//!
//! ```text
//! slot = 1 day     a ── b         a ───────── b ── c
//!                  │ Monday    │  Tuesday  │  Wednesday      → [{Monday, 2}, {Tuesday, 3}]
//! ```
//!
//! A chain belongs to the slot of its first event, wherever it goes on. Chains are those of `funnel`: different events
//! ascending in time, the last one inside the window of the first. O(events × steps); see [`super::slot_scan`].

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, Int32Array, ListArray, StructArray, new_empty_array};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::Documentation;
use serde::{Deserialize, Serialize};

use super::slot::{DAY, HOUR, Slot, Slots};
use super::slot_scan::SlotScan;
use crate::error::footfall_internal_err;
use crate::functions::call::{self, Arguments};
use crate::functions::conditions::{self, Conditions, stored_count};
use crate::functions::events::{AnswerColumn, Event, EventFunction, EventReader, Keep, Payloads};
use crate::functions::options::{Options, interval};
use crate::functions::time::{TimeType, Window, zone_name};

const NAME: &str = "funnel_slots";

/// The SQL function.
#[derive(Debug)]
pub(crate) struct FunnelSlots;

/// What a call asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SlotFunnel {
    #[serde(deserialize_with = "stored_count")]
    steps: usize,
    window: Window,
    slot: Slot,
    #[serde(with = "zone_name")]
    zone: chrono_tz::Tz,
    time: TimeType,
}

impl EventFunction for FunnelSlots {
    const NAME: &'static str = NAME;
    type Parameters = SlotFunnel;
    type Column = SlotColumn;

    fn coerce_types(types: &[DataType]) -> Result<Vec<DataType>> {
        let len = call::len_without_options(types);
        if len < 2 {
            return plan_err!(
                "{NAME}: needs a time, the steps and a slot, as in {NAME}(ts, [c1, c2], {{slot: INTERVAL '1 day'}}); \
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

    fn read(call: &Arguments) -> Result<(SlotFunnel, EventReader)> {
        let time = TimeType::new(NAME, "1, ts,", &call.types[0])?;
        let options = call.options(NAME, &["slot", "zone", "window", "tie"])?;
        let conditions = Conditions::new(NAME, &call.exprs, &call.types, 1..call.len_without_options())?;
        let Some(steps) = conditions.count() else {
            return plan_err!(
                "{NAME}: the steps must be Boolean arguments or one array literal [c1, c2, ...], found {}",
                call.exprs[1]
            );
        };
        let zone = match time.data_type() {
            DataType::Timestamp(_, _) => options.zone()?.unwrap_or(chrono_tz::Tz::UTC),
            // A date names a day by itself, no zone can move it.
            _ => chrono_tz::Tz::UTC,
        };
        let parameters = SlotFunnel {
            steps,
            window: options.window("window", &time)?.unwrap_or(Window::UNBOUNDED),
            slot: read_slot(&options, &time)?,
            zone,
            time: time.clone(),
        };
        let reader = EventReader {
            ts: 0,
            time,
            tie: options.tie()?,
            conditions,
            more_conditions: vec![],
            payload: vec![],
            keep: Keep::Matching,
            drop_null_conditions: false,
        };
        Ok((parameters, reader))
    }

    fn column(parameters: &SlotFunnel) -> Result<SlotColumn> {
        let nanos_per_tick = parameters.time.nanos_per_tick().unwrap_or(1);
        // Ticks of unsigned integers are shifted so that 0 is the least one.
        let origin = match parameters.time.data_type() {
            DataType::UInt64 => i64::MIN,
            _ => 0,
        };
        Ok(SlotColumn {
            scan: SlotScan::new(parameters.steps),
            window: parameters.window.clone(),
            slots: Slots::new(parameters.slot.clone(), parameters.zone, nanos_per_tick.into())
                .with_origin(origin),
            time: parameters.time.clone(),
            found: Vec::new(),
            starts: Vec::new(),
            levels: Vec::new(),
            lengths: Vec::new(),
        })
    }

    fn default_value(data_type: &DataType) -> Result<ScalarValue> {
        let DataType::List(item) = data_type else {
            return footfall_internal_err!("{NAME} has the result type {data_type}");
        };
        let (offsets, items) = (OffsetBuffer::from_lengths([0]), new_empty_array(item.data_type()));
        Ok(ScalarValue::List(Arc::new(ListArray::try_new(Arc::clone(item), offsets, items, None)?)))
    }

    fn documentation() -> &'static Documentation {
        &DOCUMENTATION
    }
}

fn answer_type(ts: &DataType) -> DataType {
    DataType::new_list(DataType::Struct(fields(ts)), true)
}

fn fields(ts: &DataType) -> Fields {
    Fields::from(vec![Field::new("slot", ts.clone(), true), Field::new("level", DataType::Int32, true)])
}

const ACCEPTED_SLOTS: &str =
    "an interval such as INTERVAL '1 day', a name such as 'week', or an integer over an integer ts";

const NAMED_SLOTS: [&str; 6] = ["hour", "day", "week", "month", "quarter", "year"];

fn read_slot(options: &Options, time: &TimeType) -> Result<Slot> {
    let Some(value) = options.value("slot", ACCEPTED_SLOTS)? else {
        return plan_err!("{NAME}: needs the option 'slot': {ACCEPTED_SLOTS}");
    };
    let (months, days, nanos) = if let Some(interval) = interval(&value) {
        (interval.months, interval.days, interval.nanoseconds)
    } else if value.data_type().is_string() {
        match options.choice("slot", &NAMED_SLOTS)? {
            Some("hour") => (0, 0, HOUR),
            Some("week") => (0, 7, 0),
            Some("month") => (1, 0, 0),
            Some("quarter") => (3, 0, 0),
            Some("year") => (12, 0, 0),
            _ => (0, 1, 0),
        }
    } else {
        return integer_slot(&value, time);
    };
    let Some(nanos_per_tick) = time.nanos_per_tick() else {
        return plan_err!(
            "{NAME}: option 'slot' is {value}, but ts is of type {}, whose unit is unknown; write an integer in that \
             unit",
            time.data_type()
        );
    };
    match (months, days, nanos) {
        (1.., 0, 0) => Ok(Slot::Months(months as u32)),
        (0, 1.., 0) => Ok(Slot::Days(days as u32)),
        (0, 0, 1..) if nanos % nanos_per_tick != 0 => plan_err!(
            "{NAME}: option 'slot' is {value}, which is no whole number of the units of a {}",
            time.data_type()
        ),
        // 24 hours are a day of the calendar, as who writes them means them.
        (0, 0, DAY) => Ok(Slot::Days(1)),
        (0, 0, 1..) if DAY % nanos == 0 => Ok(Slot::Clock(nanos)),
        (0, 0, 1..) => Ok(Slot::Ticks((nanos / nanos_per_tick) as u64)),
        _ => plan_err!(
            "{NAME}: option 'slot' must be a positive number of months, of days or of hours and less, found {value}"
        ),
    }
}

/// So many units of an integer or a date.
fn integer_slot(value: &ScalarValue, time: &TimeType) -> Result<Slot> {
    if !value.data_type().is_integer() || matches!(time.data_type(), DataType::Timestamp(_, _)) {
        return plan_err!(
            "{NAME}: option 'slot' must be {ACCEPTED_SLOTS}; found {value} of type {} over ts of type {}",
            value.data_type(),
            time.data_type()
        );
    }
    match value.cast_to(&DataType::UInt64) {
        Ok(ScalarValue::UInt64(Some(ticks))) if ticks > 0 => Ok(Slot::Ticks(ticks)),
        _ => plan_err!("{NAME}: option 'slot' must be positive, found {value}"),
    }
}

/// The slots of all users, one after the other.
#[derive(Debug)]
pub(crate) struct SlotColumn {
    scan: SlotScan,
    window: Window,
    slots: Slots,
    time: TimeType,
    /// The slots of the user being read, the latest first.
    found: Vec<(i64, i32)>,
    starts: Vec<i64>,
    levels: Vec<i32>,
    lengths: Vec<usize>,
}

impl AnswerColumn for SlotColumn {
    fn push(&mut self, events: &[Event], _payloads: &Payloads) {
        if let Some(first) = events.first() {
            self.scan.push(first.ts, events.iter().map(|event| event.mask));
        }
    }

    fn end_user(&mut self, _payloads: &Payloads) {
        let (slots, found) = (&mut self.slots, &mut self.found);
        found.clear();
        self.scan.finish(
            |ts| self.window.deadline(ts),
            |ts, level| {
                let (start, level) = (slots.start(ts), level as i32);
                match found.last_mut() {
                    Some((last, best)) if *last == start => *best = level.max(*best),
                    _ => found.push((start, level)),
                }
            },
        );
        // Where a zone moves its clocks inside an hour, a later time may lie in a slot that begins earlier.
        if !found.is_sorted_by(|a, b| a.0 > b.0) {
            found.sort_unstable_by(|a, b| b.cmp(a));
            found.dedup_by_key(|(start, _)| *start);
        }
        self.lengths.push(found.len());
        self.starts.extend(found.iter().rev().map(|(start, _)| *start));
        self.levels.extend(found.iter().rev().map(|(_, level)| *level));
    }

    fn take(&mut self, _payloads: &Payloads) -> Result<ArrayRef> {
        if i32::try_from(self.starts.len()).is_err() {
            return exec_err!(
                "{NAME}: more than {} slots in one column of answers; raise datafusion.execution.target_partitions",
                i32::MAX
            );
        }
        let lengths = std::mem::take(&mut self.lengths);
        let slots = self.time.array(std::mem::take(&mut self.starts))?;
        let levels = Int32Array::from(std::mem::take(&mut self.levels));
        let fields = fields(self.time.data_type());
        let items = StructArray::try_new(fields.clone(), vec![slots, Arc::new(levels)], None)?;
        Ok(Arc::new(ListArray::try_new(
            Arc::new(Field::new_list_field(DataType::Struct(fields), true)),
            OffsetBuffer::from_lengths(lengths),
            Arc::new(items),
            None,
        )?))
    }

    fn size(&self) -> usize {
        self.scan.heap()
            + self.slots.heap()
            + self.found.capacity() * size_of::<(i64, i32)>()
            + self.starts.capacity() * size_of::<i64>()
            + self.levels.capacity() * size_of::<i32>()
            + self.lengths.capacity() * size_of::<usize>()
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "Of the chains that a user enters in each day, week, month or hour, how far does the best one get? The trend \
         of a funnel, in one pass over the events.\n\n\
         Result: a List with a Struct for each slot in which the user took step 1, ascending, of\n\n\
         - slot, of the type of ts: when the slot begins, an instant (midnight of `zone` for days and longer)\n\
         - level Int32, at least 1: the most steps of any chain whose first event lies in the slot\n\n\
         A group without rows, or without an event of step 1, gives an empty list.\n\n\
         A chain is a sequence of different events, ascending in time, the first satisfying c1, the second c2, and so \
         on, its last event inside the window that starts with its first. It belongs to the slot of its first event, \
         wherever it goes on: a later slot takes nothing away from an earlier one. Events of the same time (and tie) \
         may follow each other in the order of the steps, but one event never fills two steps. The greatest level of \
         all slots is the level of `funnel`. A row whose ts is NULL is ignored, a NULL condition is false; the window \
         includes its bound; the order of the input makes no difference.\n\n\
         ```text\n\
         slot = 1 day     a ── b         a ───────── b ── c\n\
         \x20                │ Monday    │  Tuesday  │  Wednesday      → [{Monday, 2}, {Tuesday, 3}]\n\
         ```\n\n\
         Days, weeks (from Monday), months, quarters and years are those of the calendar in `zone`, so a day may have 23 \
         or 25 hours. An interval of n days is counted from Monday 5 January 1970, one of n months from January 1970. A \
         part of a day that divides 24 hours is read off the local clock from midnight on; an hour that the clock shows \
         twice is two slots. Any other interval, and an integer, is counted from 1970-01-01 00:00 UTC or from 0.\n\n\
         Errors while planning: no slot, a slot that is not positive or mixes months, days and hours, an interval over \
         an integer ts, an integer over a timestamp, an unknown option or zone, a negative window, no step or more than \
         64, DISTINCT.\n\n\
         Cost: one pass, O(events × steps), times the number of steps where events satisfy many; 24 bytes for each event \
         that satisfies a step.\n\n\
         Definition: ByConity's `finderFunnel` (levels by slot, `watch_step`) and PostHog's funnel trends, over any chain \
         instead of the first entry of a slot. A chain of both may be cut at the end of the slot; here it never is.",
        "funnel_slots(ts, [c1, ..., cn], {slot: INTERVAL '1 day' [, zone: 'name', window: INTERVAL '7 days', tie: seq]})",
    )
    .with_argument("ts", "When the event happened: a timestamp of any unit and zone, a date or an integer.")
    .with_argument(
        "[c1, ..., cn]",
        "The steps, 1 to 64 Boolean conditions in an array literal (or as separate arguments).",
    )
    .with_argument(
        "slot",
        "Option, needed: an INTERVAL of months, of days or of hours and less; 'hour', 'day', 'week', 'month', 'quarter' \
         or 'year'; or an integer in the unit of an integer or date ts.",
    )
    .with_argument("zone", "Option: the IANA time zone of the calendar, by default footfall.time_zone.")
    .with_argument(
        "window",
        "Option: how long after the entry the last step may come, a literal INTERVAL, or an integer in the unit of an \
         integer or date ts; without it any time. Months are calendar months in `zone`; a day is 24 hours.",
    )
    .with_argument("tie", "Option: an integer or timestamp column that orders events of the same ts.")
    .with_sql_example(
        "SELECT u, s['slot'] AS slot, s['level'] AS level\n\
         FROM (SELECT u, unnest(funnel_slots(ts, [e = 'a', e = 'b', e = 'c'], {slot: INTERVAL '1 day'})) AS s\n\
         \x20     FROM (VALUES ('ann', TIMESTAMP '2026-01-05 09:00:00', 'a'),\n\
         \x20                  ('ann', TIMESTAMP '2026-01-05 10:00:00', 'b'),\n\
         \x20                  ('ann', TIMESTAMP '2026-01-06 23:00:00', 'a'),\n\
         \x20                  ('ann', TIMESTAMP '2026-01-07 01:00:00', 'b')) AS t(u, ts, e)\n\
         \x20     GROUP BY u)\n\
         ORDER BY slot;\n\
         -- ann | 2026-01-05T00:00:00 | 2\n\
         -- ann | 2026-01-06T00:00:00 | 2",
    )
    .with_related_udf("funnel")
    .with_related_udf("funnel_rollup")
    .build()
});
