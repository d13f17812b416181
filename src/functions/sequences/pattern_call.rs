//! The call `f(pattern, ts, c1, …, cn [, {options}])`, which the functions over patterns share.

use std::fmt::Display;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err, plan_err};
use serde::{Deserialize, Serialize};

use super::pattern::Pattern;
use crate::functions::call::{self, Arguments};
use crate::functions::conditions::{self, Conditions, MAX_CONDITIONS, stored_count};
use crate::functions::events::{EventReader, Keep};
use crate::functions::options::{Options, constant};
use crate::functions::time::TimeType;

/// The pattern of a call, as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sequence {
    pattern: String,
    #[serde(deserialize_with = "stored_count")]
    conditions: usize,
    /// The ticks of a second; 1 where ts is no timestamp.
    pub(crate) ticks: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) clickhouse: bool,
}

impl Sequence {
    pub(crate) fn parse(&self, function: &str) -> Result<Pattern> {
        match Pattern::parse(&self.pattern, self.conditions, self.clickhouse) {
            Ok(pattern) => Ok(pattern),
            Err(error) => exec_err!("{}", wrong(function, &self.pattern, error.at, &error.message)),
        }
    }
}

pub(super) fn coerce_types(function: &str, types: &[DataType]) -> Result<Vec<DataType>> {
    let len = call::len_without_options(types);
    if len < 3 {
        return plan_err!(
            "{function}: needs a pattern, a time and at least one condition, as in \
             {function}('(?1).*(?2)', ts, c1, c2); found {len} arguments"
        );
    }
    let mut types = types.to_vec();
    types[0] = match &types[0] {
        text if is_text(text) => text.clone(),
        DataType::Null => DataType::Utf8,
        other => {
            return plan_err!(
                "{function}: argument 1, the pattern, must be a text literal such as '(?1).*(?2)', found {other}"
            );
        }
    };
    TimeType::new(function, "2, ts,", &types[1])?;
    conditions::coerce(function, &mut types, 2..len)?;
    Ok(types)
}

/// The pattern, the options beside `tie` and `compatibility`, and where the columns stand.
pub(super) fn read(
    function: &str,
    call: &Arguments,
    accepted: &[&str],
) -> Result<(Sequence, Options, EventReader)> {
    let options = call.options(function, accepted)?;
    let clickhouse = options.clickhouse()?;
    let time = TimeType::new(function, "2, ts,", &call.types[1])?;
    let conditions = Conditions::new(function, &call.exprs, &call.types, 2..call.len_without_options())?;
    let Some(literal) = constant(&call.exprs[0])? else {
        return plan_err!(
            "{function}: argument 1, the pattern, must be a text literal, found the expression {}",
            call.exprs[0]
        );
    };
    let Some(Some(pattern)) = literal.try_as_str() else {
        return plan_err!("{function}: argument 1, the pattern, must be a text literal, found {literal}");
    };
    let ticks = match time.data_type() {
        DataType::Timestamp(_, _) => {
            1_000_000_000 / time.nanos_per_tick().unwrap_or(1_000_000_000).unsigned_abs()
        }
        _ => 1,
    };
    let sequence = Sequence {
        pattern: pattern.to_owned(),
        // Over a window the planner may have moved the array of conditions below, so that its length is not seen.
        conditions: conditions.count().unwrap_or(MAX_CONDITIONS),
        ticks,
        clickhouse,
    };
    if let Err(error) = Pattern::parse(pattern, sequence.conditions, clickhouse) {
        return plan_err!("{}", wrong(function, pattern, error.at, &error.message));
    }
    let reader = EventReader {
        ts: 1,
        time,
        tie: options.tie()?,
        conditions,
        more_conditions: vec![],
        payload: vec![],
        keep: Keep::Matching,
        drop_null_conditions: clickhouse,
    };
    Ok((sequence, options, reader))
}

/// The item of a list of times.
pub(super) fn time_of(function: &str, types: &[DataType]) -> Result<DataType> {
    match types.get(1) {
        Some(ts) => Ok(ts.clone()),
        None => plan_err!("{function}: needs a pattern, a time and at least one condition"),
    }
}

fn wrong(function: &str, pattern: &str, at: usize, message: impl Display) -> String {
    format!("{function}: pattern '{pattern}', at character {at}: {message}")
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => is_text(value),
        other => other.is_string(),
    }
}

/// How a pattern is written, for the documentation of every function that takes one.
pub(super) const PATTERN: &str = "A text literal. Elements: `(?2)` an event that satisfies condition 2; `(?1|3)` condition 1 or 3; `(?!3)` \
     an event that does not satisfy 3; `.` any event. After an element `{m}`, `{m,n}`, `{m,}`, `?`, `+`, `*`: so many \
     events of it, one right after the other. Elements side by side are adjacent: no visible event lies between their \
     events; `.*` lets any number of events lie there. A gate `(?t<=60)` with <, <=, >, >=, == or != lets events lie there too \
     and bounds the time from the event before it to the event after it: whole seconds where ts is a timestamp, ticks where \
     it is an integer, days of a Date32. A numbered gate `(?t[1,3]<=600)`, anywhere in the pattern, bounds the time from the first event of \
     the 1st to the last event of the 3rd named element (those in brackets, counted as written; dots do not count). \
     A gate at the end looks at a later event that is not part of the match; with <, <= or >= 0 it also holds when \
     no event follows.";

pub(super) const CONDITIONS: &str = "What the numbers of the pattern mean: 1 to 64 Boolean conditions, or all of them as one array [c1, ..., cn].";

pub(super) const TIME: &str =
    "When the event happened: a timestamp of any unit and zone, a date or an integer.";

pub(super) const TIE: &str = "Option: an integer or timestamp column that orders events of the same time.";

pub(super) const COMPATIBILITY: &str = "Option: 'clickhouse' measures a gate behind `.*` from where `.*` ended and meets a gate \
     before `.*` by an event of its own, lets a gate stand first, and drops rows with a NULL condition. By default \
     what footfall.compatibility says.";

pub(super) const RULES: &str = "Rows that satisfy no condition are invisible, so declare a condition for whatever shall be seen between two \
     elements. Each element has its own events: one event never serves two. Events of the same time are in the order of \
     `tie`, then of the lowest condition they satisfy, then of all their conditions; never of arrival. A row whose ts is \
     NULL is ignored, a NULL condition is false, an exact duplicate is an event like any other.";

pub(super) const ERRORS: &str = "Errors while planning, with the character of the pattern: a condition or element that does not exist, an \
     unknown operator, a gate without an element before it, two gates side by side, a gate beside an element that may be \
     left out, a pattern that matches no event at all, more than 6 gates with !=, an unknown option, DISTINCT.";
