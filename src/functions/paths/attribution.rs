//! `attribution(ts, touch, channel, conversion, value, lookback, model [, {…}])`: which channels earned this user's
//! conversions?
//!
//! ```text
//! linear, lookback 30 days     ad ── mail ── mail ── buy 30 ── buy 5       → ad 10, mail 20, (none) 5
//! ```
//!
//! A conversion is shared among the touches since the conversion before it that are at most `lookback` old. Touches of one
//! time come before conversions of that time, and these are one conversion. Sums are taken in time order, so that the
//! last digit does not depend on the order of the input.
//! O(events) once they are in time order; 48 bytes an event that is a touch or a conversion.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array, MapArray, StructArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Float64Type};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::Documentation;
use serde::{Deserialize, Serialize};

use super::credit::{Ledger, Model};
use super::labels::Labels;
use super::offsets;
use crate::error::did_you_mean;
use crate::functions::call::{self, Arguments};
use crate::functions::conditions::Conditions;
use crate::functions::events::{
    AnswerColumn, Event, EventFunction, EventReader, Keep, PayloadColumn, PayloadKind, Payloads,
};
use crate::functions::interner::is_keyable;
use crate::functions::options::{Options, constant};
use crate::functions::row_value::RowValue;
use crate::functions::time::{TimeType, Window};

const NAME: &str = "attribution";

/// The SQL function.
#[derive(Debug)]
pub(crate) struct Attribution;

/// How credit is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CreditRules {
    model: Model,
    lookback: Window,
    /// The name of the channel that nobody knows.
    none: String,
}

impl EventFunction for Attribution {
    const NAME: &'static str = NAME;
    type Parameters = CreditRules;
    type Column = CreditColumn;

    fn coerce_types(types: &[DataType]) -> Result<Vec<DataType>> {
        let len = call::len_without_options(types);
        if len != 7 {
            return plan_err!(
                "{NAME}: takes a time, a touch condition, a channel, a conversion condition, a value, a look-back and a \
                 model, as in {NAME}(ts, event = 'visit', channel, event = 'buy', amount, INTERVAL '30 days', 'linear'); \
                 found {len} arguments before the options"
            );
        }
        let mut types = types.to_vec();
        TimeType::new(NAME, "1, ts,", &types[0])?;
        for (place, name) in [(1, "the touch"), (3, "the conversion")] {
            if !matches!(types[place], DataType::Boolean | DataType::Null) {
                return plan_err!(
                    "{NAME}: argument {}, {name}, must be a Boolean condition, found {}",
                    place + 1,
                    types[place]
                );
            }
            types[place] = DataType::Boolean;
        }
        if !is_keyable(&types[2]) {
            return plan_err!(
                "{NAME}: argument 3, the channel, must be a text, a number, a Boolean, a date or a timestamp; found {}",
                types[2]
            );
        }
        if !types[4].is_numeric() && types[4] != DataType::Null {
            return plan_err!("{NAME}: argument 5, the value, must be a number, found {}", types[4]);
        }
        types[4] = DataType::Float64;
        Ok(types)
    }

    fn return_type(_types: &[DataType]) -> Result<DataType> {
        Ok(answer_type())
    }

    fn merged_type(_ts: &DataType, _value: &DataType) -> Result<DataType> {
        Ok(answer_type())
    }

    fn read(call: &Arguments) -> Result<(CreditRules, EventReader)> {
        let options = call.options(NAME, &["weights", "half_life", "none", "tie", "zone"])?;
        let time = TimeType::new(NAME, "1, ts,", &call.types[0])?;
        let Some(lookback) = constant(&call.exprs[5])? else {
            return plan_err!(
                "{NAME}: argument 6, the look-back, must be a literal such as INTERVAL '30 days', found {}",
                call.exprs[5]
            );
        };
        let rules = CreditRules {
            model: model(call, &options, &time)?,
            lookback: Window::new(NAME, &lookback, &time, options.zone()?)?,
            none: options.text("none")?.unwrap_or_else(|| "(none)".to_owned()),
        };
        let payload = |argument: usize, kind| PayloadColumn {
            source: RowValue::Argument(argument),
            kind,
            data_type: call.types[argument].clone(),
        };
        let reader = EventReader {
            ts: 0,
            time,
            tie: options.tie()?,
            conditions: Conditions::Arguments(1..2),
            more_conditions: vec![RowValue::Argument(3)],
            payload: vec![payload(2, PayloadKind::Key), payload(4, PayloadKind::Number)],
            keep: Keep::Matching,
            drop_null_conditions: false,
        };
        Ok((rules, reader))
    }

    fn column(rules: &CreditRules) -> Result<CreditColumn> {
        Ok(CreditColumn {
            ledger: Ledger::new(rules.model),
            rules: rules.clone(),
            labels: Labels::default(),
            user: Vec::new(),
            channels: Vec::new(),
            credits: Vec::new(),
            lengths: Vec::new(),
        })
    }

    /// The answer over an empty window frame: no channel.
    fn default_value(_data_type: &DataType) -> Result<ScalarValue> {
        let entries = StructArray::new_null(entry_fields(), 0);
        let map = MapArray::try_new(entries_field(), OffsetBuffer::from_lengths([0]), entries, None, false)?;
        Ok(ScalarValue::Map(Arc::new(map)))
    }

    fn documentation() -> &'static Documentation {
        &DOCUMENTATION
    }
}

const MODELS: [&str; 5] = ["first", "last", "linear", "position", "time_decay"];

fn model(call: &Arguments, options: &Options, time: &TimeType) -> Result<Model> {
    let name = constant(&call.exprs[6])?;
    let Some(name) = name.as_ref().and_then(ScalarValue::try_as_str).flatten() else {
        return plan_err!(
            "{NAME}: argument 7, the model, must be a literal, one of {}; found {}",
            MODELS.join(", "),
            call.exprs[6]
        );
    };
    let name = name.trim().to_lowercase();
    let model = match name.as_str() {
        "first" => Model::First,
        "last" => Model::Last,
        "linear" => Model::Linear,
        "position" => {
            let [first, middle, last] = weights(options)?.unwrap_or([40.0, 20.0, 40.0]);
            Model::Position { first, middle, last }
        }
        "time_decay" | "decay" => Model::TimeDecay { half_life: half_life(options, time)? },
        _ => {
            return plan_err!(
                "{NAME}: argument 7, the model, is '{name}'; accepted are {}{}",
                MODELS.join(", "),
                did_you_mean(&name, &MODELS)
            );
        }
    };
    for (option, of) in [("weights", "position"), ("half_life", "time_decay")] {
        let is_used = match model {
            Model::Position { .. } => option == "weights",
            Model::TimeDecay { .. } => option == "half_life",
            _ => false,
        };
        if !is_used && options.names().any(|given| given == option) {
            return plan_err!(
                "{NAME}: option '{option}' has no effect with model '{name}'; it belongs to '{of}'"
            );
        }
    }
    Ok(model)
}

fn weights(options: &Options) -> Result<Option<[f64; 3]>> {
    const ACCEPTED: &str = "three numbers [first, middle, last], none negative, not all 0";
    let Some(value) = options.value("weights", ACCEPTED)? else {
        return Ok(None);
    };
    if let ScalarValue::List(list) = &value
        && list.value_type().is_numeric()
    {
        let numbers = cast(&list.value(0), &DataType::Float64)?;
        let numbers: Vec<Option<f64>> = numbers.as_primitive::<Float64Type>().iter().collect();
        if let [Some(first), Some(middle), Some(last)] = numbers[..]
            && [first, middle, last].iter().all(|weight| weight.is_finite() && *weight >= 0.0)
            && (f64::MIN_POSITIVE..f64::MAX).contains(&(first + middle + last))
        {
            return Ok(Some([first, middle, last]));
        }
    }
    plan_err!("{NAME}: option 'weights' must be {ACCEPTED}; found {value}")
}

/// The half-life in ticks, a week by default.
fn half_life(options: &Options, time: &TimeType) -> Result<u64> {
    const WEEK: i64 = 7 * 86_400_000_000_000;
    match (options.window("half_life", time)?, time.nanos_per_tick()) {
        (Some(Window::Ticks(ticks)), _) if ticks > 0 => Ok(ticks),
        (Some(_), _) => plan_err!(
            "{NAME}: option 'half_life' must be a fixed time above 0, such as INTERVAL '7 days', without months"
        ),
        (None, Some(nanos)) => Ok((WEEK / nanos).unsigned_abs()),
        (None, None) => plan_err!(
            "{NAME}: model 'time_decay' needs option 'half_life' where ts is of type {}, whose unit is unknown",
            time.data_type()
        ),
    }
}

fn answer_type() -> DataType {
    DataType::Map(entries_field(), false)
}

fn entries_field() -> FieldRef {
    Arc::new(Field::new("entries", DataType::Struct(entry_fields()), false))
}

fn entry_fields() -> Fields {
    Fields::from(vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Float64, true)])
}

/// The credits of many users.
#[derive(Debug)]
pub(crate) struct CreditColumn {
    rules: CreditRules,
    ledger: Ledger,
    labels: Labels,
    /// What the channels of one user earned.
    user: Vec<(u32, f64)>,
    /// The entries of all finished users, and how many each has.
    channels: Vec<u32>,
    credits: Vec<f64>,
    lengths: Vec<usize>,
}

const TOUCH: u64 = 1;
const CONVERSION: u64 = 1 << 1;

impl AnswerColumn for CreditColumn {
    fn push(&mut self, events: &[Event], payloads: &Payloads) {
        let none = &self.rules.none;
        for event in events.iter().filter(|event| event.mask & TOUCH != 0) {
            let key = payloads.key(event.payload, 0);
            let text = || Some(payloads.text(0, key).map_or_else(|| none.clone(), |text| text.into_owned()));
            if let Some(channel) = self.labels.of_key(key, text) {
                self.ledger.touch(event.ts, channel);
            }
        }
        // Conversions of one time share their touches: they are one conversion of their total value.
        let mut conversion = None;
        for event in events.iter().filter(|event| event.mask & CONVERSION != 0) {
            let (ts, total) = conversion.unwrap_or((event.ts, 0.0));
            conversion = Some((ts, total + payloads.number(event.payload, 1).unwrap_or(0.0)));
        }
        if let Some((ts, total)) = conversion {
            let lookback = &self.rules.lookback;
            let none = self.labels.of_text(none);
            self.ledger.convert(ts, total, |touch| lookback.deadline(touch), none);
        }
    }

    fn end_user(&mut self, _payloads: &Payloads) {
        let (user, labels) = (&mut self.user, &self.labels);
        self.ledger.finish(|channel, credit| user.push((channel, credit)));
        user.sort_unstable_by(|(a, _), (b, _)| labels.text(*a).cmp(labels.text(*b)));
        self.lengths.push(user.len());
        for (channel, credit) in user.drain(..) {
            self.channels.push(channel);
            self.credits.push(credit);
        }
    }

    fn take(&mut self, _payloads: &Payloads) -> Result<ArrayRef> {
        let channels = self.labels.array(NAME, &std::mem::take(&mut self.channels))?;
        let credits: ArrayRef = Arc::new(Float64Array::from(std::mem::take(&mut self.credits)));
        let lengths = std::mem::take(&mut self.lengths);
        self.labels.clear();
        self.ledger.clear();
        let entries = StructArray::try_new(entry_fields(), vec![channels, credits], None)?;
        Ok(Arc::new(MapArray::try_new(entries_field(), offsets(NAME, &lengths)?, entries, None, false)?))
    }

    fn size(&self) -> usize {
        self.ledger.size()
            + self.labels.size()
            + self.user.capacity() * size_of::<(u32, f64)>()
            + self.channels.capacity() * size_of::<u32>()
            + self.credits.capacity() * size_of::<f64>()
            + self.lengths.capacity() * size_of::<usize>()
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "Which channels earned a user's conversions? The value of each conversion is shared among the touches before \
         it, and added up by channel.\n\n\
         Result: Map(Utf8, Float64), channel to credit, ordered by channel; an empty map for a user without a \
         conversion, never NULL. The credits of a user add up to the value of all conversions. Over users \
         `sum_map(m)` adds the maps up.\n\n\
         A conversion takes the touches since the conversion before it that are at most `lookback` old; a touch exactly \
         that old counts. Without such a touch its value goes to the channel `none`, and so does the share of a touch \
         whose channel is NULL (add `AND channel IS NOT NULL` to the touch to leave those out). The models:\n\n\
         - 'first', 'last': all to the first touch, or to the last\n\
         - 'linear': the same to each touch\n\
         - 'position': 40 % to the first, 40 % to the last, 20 % to those between, in equal parts; two touches get half \
         each, one gets all. `weights` changes the proportions\n\
         - 'time_decay': a touch gets half as much as one that is `half_life` younger\n\n\
         At one time touches come before conversions, so a row that is both is a touch of its own conversion. \
         Conversions of one time (of one time and `tie`) share the same touches. Touches of one time are ordered by \
         `tie` where it is given, then by channel, those that are conversions too last; never by arrival. A row whose ts \
         is NULL is ignored, a NULL condition is false, a NULL value is 0. Sums are taken in time order: the same digits \
         for every order of the input.\n\n\
         ```text\n\
         linear, lookback 30 days     ad ── mail ── mail ── buy 30 ── buy 5       → ad 10, mail 20, (none) 5\n\
         ```\n\n\
         Errors while planning: an unknown model or option, an option that the model does not use, a look-back that is \
         negative or no literal, weights that are not three numbers, 'time_decay' over an integer ts without \
         `half_life`, DISTINCT.\n\n\
         Cost: one pass, O(events); 48 bytes for each event that is a touch or a conversion, of the users in one batch \
         when the input is ordered by user and time, of all users otherwise.\n\n\
         Definition: ByConity's `attributionAnalysis` (look-back, touches since the last conversion, five models). That \
         one orders events of one time by name, counts whole half-lives only, takes a value of 0 or less as 1, shares \
         two touches equally whatever the weights, and leaves out conversions without a touch unless it is asked.",
        "attribution(ts, touch, channel, conversion, value, lookback, model [, {weights: [40, 20, 40], half_life: \
         INTERVAL '7 days', none: '(none)', tie: seq, zone: 'name'}])",
    )
    .with_argument("ts", "When the event happened: a timestamp of any unit and zone, a date or an integer.")
    .with_argument("touch", "A Boolean condition: the row is a touch.")
    .with_argument("channel", "Of a touch: a text, number, Boolean, date or timestamp; in the answer it is a text.")
    .with_argument("conversion", "A Boolean condition: the row is a conversion.")
    .with_argument("value", "Of a conversion: a number to share; 1 shares the number of conversions.")
    .with_argument(
        "lookback",
        "A literal: how old a touch may be, an INTERVAL, or an integer in the unit of an integer or date ts. Months are \
         calendar months in `zone`, counted from the touch; a day is 24 hours.",
    )
    .with_argument("model", "A literal: 'first', 'last', 'linear', 'position' or 'time_decay' (also 'decay').")
    .with_argument(
        "weights",
        "Option of 'position': what the first touch, all between together, and the last touch get, in any unit; \
         [40, 20, 40] by default.",
    )
    .with_argument(
        "half_life",
        "Option of 'time_decay': a literal INTERVAL, or an integer in the unit of an integer or date ts; 7 days by \
         default, needed where ts is an integer.",
    )
    .with_argument("none", "Option: the channel of what no channel earned; '(none)' by default.")
    .with_argument("tie", "Option: an integer or timestamp column that orders events of the same time.")
    .with_argument("zone", "Option: the IANA time zone of calendar months, by default footfall.time_zone.")
    .with_sql_example(
        "SELECT u, attribution(ts, e = 'visit', channel, e = 'buy', amount, INTERVAL '30 days', 'linear') AS credits\n\
         FROM (VALUES ('ann', TIMESTAMP '2026-01-01 10:00:00', 'visit', 'ad', NULL),\n\
         \x20            ('ann', TIMESTAMP '2026-01-02 10:00:00', 'visit', 'mail', NULL),\n\
         \x20            ('ann', TIMESTAMP '2026-01-03 10:00:00', 'visit', 'mail', NULL),\n\
         \x20            ('ann', TIMESTAMP '2026-01-03 10:05:00', 'buy', NULL, 30)) AS t(u, ts, e, channel, amount)\n\
         GROUP BY u;\n\
         -- ann | {ad: 10.0, mail: 20.0}",
    )
    .with_related_udf("conversion")
    .with_related_udf("user_path")
    .build()
});
