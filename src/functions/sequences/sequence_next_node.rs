//! `sequence_next_node(direction, base, ts, value, base_condition, e1, …, en [, {tie, compatibility}])`: what came right
//! after a chain of consecutive events, or right before it?
//!
//! ```text
//! 'forward', 'first_match'      home ── gift ── basket ── exit       e1 = gift, e2 = basket    → exit
//! 'backward', 'last_match'      home ── gift ── basket ── exit       e1 = basket, e2 = gift    → home
//! ```
//!
//! Every row with a time and a value is an event, also one that satisfies nothing, and breaks a chain it stands in. Events of
//! the same time are in the order of `tie`, then of their values. One base is tried, without another attempt.
//! O(events); at most n + 1 values are kept while a user is read.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::Documentation;
use datafusion::physical_expr::PhysicalExpr;
use serde::{Deserialize, Serialize};

use super::neighbour::{Base, Direction, Neighbour};
use super::pattern_call;
use crate::error::did_you_mean;
use crate::functions::call::{self, Arguments};
use crate::functions::conditions::{self, Conditions, MAX_CONDITIONS};
use crate::functions::events::{
    AnswerColumn, Event, EventFunction, EventReader, Keep, PayloadColumn, PayloadKind, Payloads,
};
use crate::functions::interner::is_keyable;
use crate::functions::options::constant;
use crate::functions::row_value::RowValue;
use crate::functions::time::TimeType;

const NAME: &str = "sequence_next_node";

const DIRECTIONS: [(&str, Direction); 2] =
    [("forward", Direction::Forward), ("backward", Direction::Backward)];

const BASES: [(&str, Base); 4] = [
    ("head", Base::Head),
    ("tail", Base::Tail),
    ("first_match", Base::FirstMatch),
    ("last_match", Base::LastMatch),
];

/// Where the arguments stand: direction, base, ts, value, base condition, events.
const TS: usize = 2;
const VALUE: usize = 3;
const BASE_CONDITION: usize = 4;
const EVENTS: usize = 5;

/// The SQL function.
#[derive(Debug)]
pub(crate) struct SequenceNextNode;

/// What a call asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct NextNode {
    direction: Direction,
    base: Base,
    events: usize,
}

impl EventFunction for SequenceNextNode {
    const NAME: &'static str = NAME;
    const ALIASES: &'static [&'static str] = &["sequencenextnode"];
    type Parameters = NextNode;
    type Column = NodeColumn;

    fn coerce_types(types: &[DataType]) -> Result<Vec<DataType>> {
        let len = call::len_without_options(types);
        if len <= BASE_CONDITION {
            return plan_err!(
                "{NAME}: needs a direction, a base, a time, a value, a base condition and events, as in \
                 {NAME}('forward', 'head', ts, page, true, page = '/home'); found {len} arguments"
            );
        }
        let mut types = types.to_vec();
        for (argument, what) in [(0, "direction"), (1, "base")] {
            types[argument] = match &types[argument] {
                text if is_text(text) => text.clone(),
                DataType::Null => DataType::Utf8,
                other => {
                    return plan_err!(
                        "{NAME}: argument {}, the {what}, must be a text literal, found {other}",
                        argument + 1
                    );
                }
            };
        }
        TimeType::new(NAME, "3, ts,", &types[TS])?;
        if !is_keyable(&types[VALUE]) {
            return plan_err!(
                "{NAME}: argument 4, the value, must be text, a number, a Boolean, a date or a timestamp, found {}",
                types[VALUE]
            );
        }
        if !matches!(types[BASE_CONDITION], DataType::Boolean | DataType::Null) {
            return plan_err!(
                "{NAME}: argument 5, the base condition, must be Boolean, found {}",
                types[BASE_CONDITION]
            );
        }
        types[BASE_CONDITION] = DataType::Boolean;
        if len > EVENTS {
            conditions::coerce(NAME, &mut types, EVENTS..len)?;
        }
        Ok(types)
    }

    fn return_type(types: &[DataType]) -> Result<DataType> {
        match types.get(VALUE) {
            Some(DataType::Dictionary(_, value)) => Ok(value.as_ref().clone()),
            Some(value) => Ok(value.clone()),
            None => plan_err!("{NAME}: needs a direction, a base, a time and a value"),
        }
    }

    fn merged_type(_ts: &DataType, value: &DataType) -> Result<DataType> {
        Ok(value.clone())
    }

    fn read(call: &Arguments) -> Result<(NextNode, EventReader)> {
        let options = call.options(NAME, &["tie", "compatibility"])?;
        let direction = choice(call, 0, "direction", &DIRECTIONS)?;
        let base = choice(call, 1, "base", &BASES)?;
        match (direction, base) {
            (Direction::Forward, Base::Tail) => {
                return plan_err!(
                    "{NAME}: nothing follows the base 'tail'; with 'forward' accepted are 'head', 'first_match', 'last_match'"
                );
            }
            (Direction::Backward, Base::Head) => {
                return plan_err!(
                    "{NAME}: nothing is before the base 'head'; with 'backward' accepted are 'tail', 'first_match', 'last_match'"
                );
            }
            _ => {}
        }
        let len = call.len_without_options();
        let events = len - EVENTS;
        if events == 0 && matches!(base, Base::FirstMatch | Base::LastMatch) {
            return plan_err!(
                "{NAME}: a base 'first_match' or 'last_match' needs at least one event, found none"
            );
        }
        if let Some(DataType::List(_)) = call.types.get(EVENTS) {
            return plan_err!(
                "{NAME}: the events must be Boolean arguments or one array literal [e1, e2, ...], found {}",
                call.exprs[EVENTS]
            );
        }
        if events >= MAX_CONDITIONS {
            return plan_err!(
                "{NAME}: takes at most {} events beside the base condition, found {events}",
                MAX_CONDITIONS - 1
            );
        }
        let clickhouse = options.clickhouse()?;
        let reader = EventReader {
            ts: TS,
            time: TimeType::new(NAME, "3, ts,", &call.types[TS])?,
            tie: options.tie()?,
            conditions: Conditions::new(NAME, &call.exprs, &call.types, BASE_CONDITION..len)?,
            more_conditions: vec![],
            payload: vec![PayloadColumn {
                source: RowValue::Argument(VALUE),
                kind: PayloadKind::Key,
                data_type: call.types[VALUE].clone(),
            }],
            keep: Keep::WithValue,
            drop_null_conditions: clickhouse,
        };
        Ok((NextNode { direction, base, events }, reader))
    }

    fn column(call: &NextNode) -> Result<NodeColumn> {
        Ok(NodeColumn {
            neighbour: Neighbour::new(call.direction, call.base, call.events),
            same_time: Vec::new(),
            answers: Vec::new(),
        })
    }

    fn default_value(data_type: &DataType) -> Result<ScalarValue> {
        ScalarValue::try_from(data_type)
    }

    fn documentation() -> &'static Documentation {
        &DOCUMENTATION
    }
}

fn choice<T: Copy>(call: &Arguments, argument: usize, what: &str, accepted: &[(&str, T)]) -> Result<T> {
    let names: Vec<&str> = accepted.iter().map(|(name, _)| *name).collect();
    let quoted = names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    let expr: &Arc<dyn PhysicalExpr> = &call.exprs[argument];
    let literal = constant(expr)?;
    let Some(Some(Some(text))) = literal.as_ref().map(ScalarValue::try_as_str) else {
        return plan_err!(
            "{NAME}: argument {}, the {what}, must be one of the literals {quoted}; found {expr}",
            argument + 1
        );
    };
    match accepted.iter().find(|(name, _)| name.eq_ignore_ascii_case(text.trim())) {
        Some((_, value)) => Ok(*value),
        None => plan_err!(
            "{NAME}: argument {}, the {what}, is '{text}'; accepted are {quoted}{}",
            argument + 1,
            did_you_mean(text, &names)
        ),
    }
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => is_text(value),
        other => other.is_string(),
    }
}

#[derive(Debug)]
pub(crate) struct NodeColumn {
    neighbour: Neighbour,
    /// Scratch space: the events of one time in the order of their values.
    same_time: Vec<Event>,
    /// The key of each answer, 0 for none.
    answers: Vec<u32>,
}

impl AnswerColumn for NodeColumn {
    fn push(&mut self, events: &[Event], payloads: &Payloads) {
        if let [event] = events {
            return self.neighbour.push(event.mask, payloads.key(event.payload, 0));
        }
        // They come by their conditions. A stable sort keeps that among equal values.
        self.same_time.clear();
        self.same_time.extend_from_slice(events);
        let key = |event: &Event| payloads.key(event.payload, 0);
        self.same_time.sort_by(|a, b| payloads.compare(0, key(a), key(b)));
        for event in &self.same_time {
            self.neighbour.push(event.mask, key(event));
        }
    }

    fn end_user(&mut self, _payloads: &Payloads) {
        self.answers.push(self.neighbour.finish().unwrap_or(0));
    }

    fn take(&mut self, payloads: &Payloads) -> Result<ArrayRef> {
        payloads.array(0, &std::mem::take(&mut self.answers))
    }

    fn size(&self) -> usize {
        self.neighbour.size()
            + self.same_time.capacity() * size_of::<Event>()
            + self.answers.capacity() * size_of::<u32>()
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "What came right after a chain of consecutive events, or right before it? The chain starts at one base event, \
         which satisfies e1; its next events, in the direction, satisfy e2 to en. The answer is the value of the event \
         beyond the last one.\n\n\
         Result: the type of value; NULL where there is no base, the chain breaks off or no event lies beyond it, and \
         for a group without rows.\n\n\
         Every row with a time and a value is an event, also one that satisfies no condition: it breaks the chain it \
         stands in (unlike in `sequence_match`). A row whose value or ts is NULL is no event, a NULL condition is false. \
         Events of the same time are in the order of `tie`, then of their values, then of the lowest condition they \
         satisfy; never of arrival. If the chain of the base breaks off, no other base is tried.\n\n\
         ```text\n\
         forward, first_match     home ── gift ── basket ── exit     e1 = gift, e2 = basket    → exit\n\
         backward, last_match     home ── gift ── basket ── exit     e1 = basket, e2 = gift    → home\n\
         ```\n\n\
         Errors while planning: an unknown direction or base, 'forward' with 'tail', 'backward' with 'head', a match as base \
         without an event, more than 63 events, a value of a nested type, an unknown option, DISTINCT.\n\n\
         Cost: one pass, O(events); for each event its time, conditions and a key of its value.\n\n\
         Definition: ClickHouse's `sequenceNextNode`, for values of any simple type. ClickHouse drops a row with a NULL condition \
         and orders events of the same time and value by arrival.",
        "sequence_next_node(direction, base, ts, value, base_condition, e1, ..., en [, {tie: column, compatibility: 'clickhouse'}])",
    )
    .with_argument("direction", "A text literal: 'forward' (what came after) or 'backward' (what came before).")
    .with_argument(
        "base",
        "A text literal, which event the chain starts at: 'head' the first one of all (forward only), 'tail' the last one \
         (backward only), 'first_match' or 'last_match' the first or last one that satisfies the base condition and e1.",
    )
    .with_argument("ts", pattern_call::TIME)
    .with_argument("value", "What is answered: text, a number, a Boolean, a date or a timestamp.")
    .with_argument("base_condition", "What the base event must satisfy besides e1; `true` for any.")
    .with_argument(
        "e1, ..., en",
        "What the events of the chain satisfy one after the other, as up to 63 Boolean conditions or one array [e1, ..., en]. \
         With 'head' and 'tail' there may be none: the answer is then the base itself.",
    )
    .with_argument("tie", pattern_call::TIE)
    .with_argument(
        "compatibility",
        "Option: 'clickhouse' drops rows with a NULL condition. By default what footfall.compatibility says.",
    )
    .with_alternative_syntax("sequenceNextNode(direction, base, ts, value, base_condition, e1, ..., en)")
    .with_sql_example(
        "SELECT u, sequence_next_node('forward', 'head', ts, page, page = 'home', page = 'home', page = 'gift') AS next\n\
         FROM (VALUES ('ann', 1, 'home'), ('ann', 2, 'gift'), ('ann', 3, 'exit')) AS t(u, ts, page)\n\
         GROUP BY u;\n\
         -- ann | exit",
    )
    .with_related_udf("sequence_match_events")
    .build()
});
