//! The arguments that `window_funnel` and its kin share: `(window, [mode, …] ts, c1, …, cn [, {option: value}])`.
//!
//! A mode is a text, or a number as in StarRocks, which puts it after `ts`: `(window, ts, mode, [c1, …, cn])`.

use std::ops::Range;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};
use serde::{Deserialize, Serialize};

use super::modes::{ModeReader, Modes};
use crate::functions::call::{self, Arguments};
use crate::functions::conditions::{self, Conditions, stored_count};
use crate::functions::events::{EventReader, Keep};
use crate::functions::options::{Options, constant};
use crate::functions::time::{TimeType, Window};

/// What the literals of a call ask for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct WindowParameters {
    pub(crate) time: TimeType,
    pub(crate) window: Window,
    #[serde(default)]
    pub(crate) window_open: bool,
    #[serde(default)]
    pub(crate) modes: Modes,
    #[serde(deserialize_with = "stored_count")]
    pub(crate) steps: usize,
    /// Whether a column orders events of the same time.
    #[serde(default)]
    pub(crate) tie: bool,
}

impl WindowParameters {
    /// The last tick that belongs to a chain starting at `start`.
    #[inline]
    pub(crate) fn window_end(&self, start: i64) -> i64 {
        let end = self.window.deadline(start);
        // A window that reaches the end of time has no tick after it.
        if self.window_open && end < i64::MAX { end.saturating_sub(1) } else { end }
    }
}

/// The options that all of these functions take.
pub(super) const OPTIONS: [&str; 4] = ["zone", "tie", "window_open", "compatibility"];

/// A call taken apart: its parameters, where its columns stand, its options.
pub(super) struct WindowCall {
    pub(super) parameters: WindowParameters,
    pub(super) reader: EventReader,
    pub(super) options: Options,
    /// Whether the call shows how many conditions there are; else there is room for as many as possible.
    pub(super) counted: bool,
}

/// Reads a call of `function`, which accepts the names of `options`.
pub(super) fn read(function: &'static str, call: &Arguments, options: &[&str]) -> Result<WindowCall> {
    let options = call.options(function, options)?;
    let layout = Layout::of(function, &call.types)?;
    let (mode_places, ts) = layout.places(function, call)?;
    let mut modes = ModeReader::new(function);
    for place in mode_places {
        match constant(&call.exprs[place])? {
            Some(mode) => modes.add(place + 1, &mode)?,
            None => {
                return plan_err!(
                    "{function}: argument {}, a mode, must be a literal, found {}",
                    place + 1,
                    call.exprs[place]
                );
            }
        }
    }
    let modes = modes.finish(options.clickhouse()?)?;
    let time = TimeType::new(function, &format!("{}, ts,", ts + 1), &call.types[ts])?;
    let Some(window) = constant(&call.exprs[0])? else {
        return plan_err!("{function}: argument 1, the window, must be a literal, found {}", call.exprs[0]);
    };
    let window = Window::new(function, &window, &time, options.zone()?)?;
    let conditions = Conditions::new(function, &call.exprs, &call.types, layout.conditions)?;
    let count = conditions.count();
    let tie = options.tie()?;
    let parameters = WindowParameters {
        time: time.clone(),
        window,
        window_open: options.bool("window_open")?.unwrap_or(false),
        modes,
        steps: count.unwrap_or(conditions::MAX_CONDITIONS),
        tie: tie.is_some(),
    };
    let reader = EventReader {
        ts,
        time,
        tie,
        conditions,
        more_conditions: vec![],
        payload: vec![],
        keep: if modes.rules.no_strangers { Keep::Known } else { Keep::Matching },
        drop_null_conditions: modes.clickhouse,
    };
    Ok(WindowCall { parameters, reader, options, counted: count.is_some() })
}

/// The types that a call's arguments are coerced to.
pub(super) fn coerce_types(function: &str, types: &[DataType]) -> Result<Vec<DataType>> {
    let layout = Layout::of(function, types)?;
    let mut types = types.to_vec();
    match layout.ts {
        Place::Known(ts) => {
            TimeType::new(function, &format!("{}, ts,", ts + 1), &types[ts])?;
        }
        // Whichever of the two is ts: the answer's type must not depend on it.
        Place::OneOf(first) if types[first] != types[first + 1] => {
            let unsigned = types[first..=first + 1].contains(&DataType::UInt64);
            let common = if unsigned { DataType::UInt64 } else { DataType::Int64 };
            types[first..=first + 1].fill(common);
        }
        Place::OneOf(_) => {}
    }
    for mode in layout.modes.clone() {
        if types[mode] == DataType::Null {
            types[mode] = DataType::Utf8;
        }
    }
    conditions::coerce(function, &mut types, layout.conditions)?;
    Ok(types)
}

/// The type of `ts`, of coerced types.
pub(super) fn ts_type<'a>(function: &str, types: &'a [DataType]) -> Result<&'a DataType> {
    match Layout::of(function, types)?.ts {
        Place::Known(ts) | Place::OneOf(ts) => Ok(&types[ts]),
    }
}

/// Where the arguments stand, as far as their types tell.
struct Layout {
    /// The modes that stand together; one more may stand after ts.
    modes: Range<usize>,
    ts: Place,
    after_ts: bool,
    conditions: Range<usize>,
}

#[derive(Clone, Copy)]
enum Place {
    Known(usize),
    /// This argument or the next, both integers; the other one is a mode.
    OneOf(usize),
}

impl Layout {
    fn of(function: &str, types: &[DataType]) -> Result<Self> {
        let len = call::len_without_options(types);
        let texts = types[..len].iter().skip(1).take_while(|data_type| is_text(data_type)).count();
        let first = 1 + texts;
        if first + 1 >= len {
            return plan_err!(
                "{function}: needs a window, a time and at least one condition, as in \
                 {function}(INTERVAL '1 day', ts, c1, c2); found {len} arguments"
            );
        }
        match &types[0] {
            DataType::Interval(_) | DataType::Duration(_) | DataType::Null => {}
            integer if integer.is_integer() => {}
            other => {
                return plan_err!(
                    "{function}: argument 1, the window, must be an interval such as INTERVAL '1 day', or an integer in \
                     the unit of ts; found {other}"
                );
            }
        }
        let known = |ts: usize, conditions: usize, after_ts: bool| Self {
            modes: 1..if after_ts { first } else { ts },
            ts: Place::Known(ts),
            after_ts,
            conditions: conditions..len,
        };
        if first + 2 >= len {
            return Ok(known(first, first + 1, false));
        }
        let (one, other) = (&types[first], &types[first + 1]);
        Ok(if one.is_integer() && other.is_integer() {
            Self { modes: 1..first, ts: Place::OneOf(first), after_ts: false, conditions: first + 2..len }
        } else if is_time(other) && (one.is_integer() || *one == DataType::Null) {
            known(first + 1, first + 2, false)
        } else if is_time(one) && other.is_integer() {
            known(first, first + 2, true)
        } else {
            known(first, first + 1, false)
        })
    }

    /// The places of the modes, and that of ts.
    fn places(&self, function: &str, call: &Arguments) -> Result<(Vec<usize>, usize)> {
        let mut modes: Vec<usize> = self.modes.clone().collect();
        match self.ts {
            Place::Known(ts) => {
                modes.extend(self.after_ts.then_some(ts + 1));
                Ok((modes, ts))
            }
            Place::OneOf(first) => {
                let (ts, mode) = if constant(&call.exprs[first + 1])?.is_some() {
                    (first, first + 1)
                } else if constant(&call.exprs[first])?.is_some() {
                    (first + 1, first)
                } else {
                    return plan_err!(
                        "{function}: argument {} or {} must be a mode, which is a literal, and the other one ts; found \
                         {} and {}",
                        first + 1,
                        first + 2,
                        call.exprs[first],
                        call.exprs[first + 1]
                    );
                };
                modes.push(mode);
                Ok((modes, ts))
            }
        }
    }
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => is_text(value),
        other => other.is_string(),
    }
}

fn is_time(data_type: &DataType) -> bool {
    data_type.is_integer()
        || matches!(data_type, DataType::Timestamp(_, _) | DataType::Date32 | DataType::Date64)
}
