//! `conversion(ts, base, conv, window [, {constant: column, …}])`: how many base events did this user have, and how many
//! conversions followed one of them within the window?
//!
//! ```text
//! window = 100         visit 0     visit 50 ─▶ buy 60          → {base: 2, converted: 1}
//! ```
//!
//! Each conversion is joined to the nearest base before it. At one time bases come before conversions; a row that is both
//! is not joined to itself. The window includes its bound.
//! O(events) once they are in time order; 24 bytes an event that is a base or a conversion.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, Int64Array, StructArray};
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::Documentation;
use serde::{Deserialize, Serialize};

use super::nearest_base::NearestBase;
use crate::functions::call::{self, Arguments};
use crate::functions::conditions::{self, Conditions};
use crate::functions::events::{
    AnswerColumn, Event, EventFunction, EventReader, Keep, PayloadColumn, PayloadKind, Payloads,
};
use crate::functions::interner::is_keyable;
use crate::functions::options::constant;
use crate::functions::time::{TimeType, Window};

const NAME: &str = "conversion";

/// The SQL function.
#[derive(Debug)]
pub(crate) struct Conversion;

/// What a call asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct JoinRules {
    window: Window,
    /// Whether base and conversion must agree in a value.
    #[serde(default)]
    constant: bool,
}

impl EventFunction for Conversion {
    const NAME: &'static str = NAME;
    type Parameters = JoinRules;
    type Column = JoinColumn;

    fn coerce_types(types: &[DataType]) -> Result<Vec<DataType>> {
        let len = call::len_without_options(types);
        if len != 4 {
            return plan_err!(
                "{NAME}: takes a time, a base condition, a conversion condition and a window, as in \
                 {NAME}(ts, event = 'visit', event = 'buy', INTERVAL '7 days'); found {len} arguments before the options"
            );
        }
        TimeType::new(NAME, "1, ts,", &types[0])?;
        let mut types = types.to_vec();
        conditions::coerce(NAME, &mut types, 1..3)?;
        Ok(types)
    }

    fn return_type(_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(answer_fields()))
    }

    fn merged_type(_ts: &DataType, _value: &DataType) -> Result<DataType> {
        Ok(DataType::Struct(answer_fields()))
    }

    fn read(call: &Arguments) -> Result<(JoinRules, EventReader)> {
        let options = call.options(NAME, &["constant", "tie", "zone"])?;
        let time = TimeType::new(NAME, "1, ts,", &call.types[0])?;
        let Some(window) = constant(&call.exprs[3])? else {
            return plan_err!(
                "{NAME}: argument 4, the window, must be a literal such as INTERVAL '7 days', found {}",
                call.exprs[3]
            );
        };
        let mut payload = vec![];
        if let Some((source, data_type)) = options.row_value("constant")? {
            if !is_keyable(&data_type) {
                return plan_err!(
                    "{NAME}: option 'constant' must be a text, a number, a Boolean, a date or a timestamp; \
                     found {data_type}"
                );
            }
            payload.push(PayloadColumn { source, kind: PayloadKind::Key, data_type });
        }
        let rules = JoinRules {
            window: Window::new(NAME, &window, &time, options.zone()?)?,
            constant: !payload.is_empty(),
        };
        let reader = EventReader {
            ts: 0,
            time,
            tie: options.tie()?,
            conditions: Conditions::new(NAME, &call.exprs, &call.types, 1..3)?,
            more_conditions: vec![],
            payload,
            keep: Keep::Matching,
            drop_null_conditions: false,
        };
        Ok((rules, reader))
    }

    fn column(rules: &JoinRules) -> Result<JoinColumn> {
        Ok(JoinColumn {
            rules: rules.clone(),
            join: NearestBase::default(),
            bases: Vec::new(),
            converted: Vec::new(),
        })
    }

    /// The answer over an empty window frame: nothing of either.
    fn default_value(_data_type: &DataType) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&answers(vec![0], vec![0])?, 0)
    }

    fn documentation() -> &'static Documentation {
        &DOCUMENTATION
    }
}

fn answer_fields() -> Fields {
    Fields::from(vec![
        Field::new("base", DataType::Int64, true),
        Field::new("converted", DataType::Int64, true),
    ])
}

fn answers(bases: Vec<i64>, converted: Vec<i64>) -> Result<StructArray> {
    let columns: Vec<ArrayRef> =
        vec![Arc::new(Int64Array::from(bases)), Arc::new(Int64Array::from(converted))];
    Ok(StructArray::try_new(answer_fields(), columns, None)?)
}

/// The counts of many users.
#[derive(Debug)]
pub(crate) struct JoinColumn {
    rules: JoinRules,
    join: NearestBase,
    bases: Vec<i64>,
    converted: Vec<i64>,
}

const BASE: u64 = 1;
const CONVERSION: u64 = 1 << 1;

impl JoinColumn {
    /// The number of what base and conversion must share; NULL equals nothing, not even NULL.
    fn constant(&self, event: &Event, payloads: &Payloads) -> Option<u32> {
        match self.rules.constant {
            true => Some(payloads.key(event.payload, 0)).filter(|key| *key != 0),
            false => Some(0),
        }
    }
}

impl AnswerColumn for JoinColumn {
    fn push(&mut self, events: &[Event], payloads: &Payloads) {
        self.join.next_instant();
        for event in events.iter().filter(|event| event.mask & BASE != 0) {
            let constant = self.constant(event, payloads);
            self.join.base(constant, self.rules.window.deadline(event.ts));
        }
        for event in events.iter().filter(|event| event.mask & CONVERSION != 0) {
            let constant = self.constant(event, payloads);
            self.join.conversion(constant, event.ts, event.mask & BASE != 0);
        }
    }

    fn end_user(&mut self, _payloads: &Payloads) {
        let (bases, converted) = self.join.finish();
        self.bases.push(bases);
        self.converted.push(converted);
    }

    fn take(&mut self, _payloads: &Payloads) -> Result<ArrayRef> {
        // Values of a constant are known by keys, which change once answers are taken; without them a user may go on.
        if self.rules.constant {
            self.join.clear();
        }
        let (bases, converted) = (std::mem::take(&mut self.bases), std::mem::take(&mut self.converted));
        Ok(Arc::new(answers(bases, converted)?))
    }

    fn size(&self) -> usize {
        self.join.size() + (self.bases.capacity() + self.converted.capacity()) * size_of::<i64>()
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "How many base events did a user have, and how many conversions followed one of them within the window? Each \
         conversion is joined to the nearest base before it.\n\n\
         Result: a Struct{base Int64, converted Int64}, never NULL; zeros for a group without rows. The rate over users \
         is `sum(c['converted']) / sum(c['base'])`.\n\n\
         `base` counts the base rows, `converted` the conversion rows that have a base at most `window` before them. A \
         conversion counts once; a base may be the nearest one of several conversions, each of which counts, so \
         `converted` can exceed `base`. Exact duplicates count as often as they are there.\n\n\
         The window includes its bound. At one time (one time and `tie`) bases come before conversions; a row that is \
         both is not joined to itself, but to another base of that time or before it. A row whose ts is NULL is ignored, \
         a NULL condition is false. With `constant` base and conversion must agree in that value; NULL agrees with \
         nothing, so a base with a NULL is counted but never joined. The order of the input makes no difference.\n\n\
         ```text\n\
         window = 100         visit 0     visit 50 ─▶ buy 60          → {base: 2, converted: 1}\n\
         ```\n\n\
         Errors while planning: an unknown option, a window that is negative or no literal, an interval over an integer \
         ts, an integer over a timestamp, a condition that is not Boolean, DISTINCT.\n\n\
         Cost: one pass, O(events); 24 bytes for each event that is a base or a conversion, of the users in one batch \
         when the input is ordered by user and time, of all users otherwise.\n\n\
         Definition: MetricFlow's conversion metrics (base, conversion, window, constant properties). Its window leaves \
         out the bound, and a row that is both is joined to itself.",
        "conversion(ts, base, conv, window [, {constant: column, tie: seq, zone: 'name'}])",
    )
    .with_argument("ts", "When the event happened: a timestamp of any unit and zone, a date or an integer.")
    .with_argument("base", "A Boolean condition: the row may lead to a conversion.")
    .with_argument("conv", "A Boolean condition: the row is a conversion.")
    .with_argument(
        "window",
        "A literal: how long after its base a conversion may come, an INTERVAL, or an integer in the unit of an integer \
         or date ts. Months are calendar months in `zone`; a day is 24 hours.",
    )
    .with_argument(
        "constant",
        "Option: a column (text, number, Boolean, date or timestamp) that is the same in base and conversion, such as \
         the product.",
    )
    .with_argument("tie", "Option: an integer or timestamp column that orders events of the same time.")
    .with_argument("zone", "Option: the IANA time zone of calendar months, by default footfall.time_zone.")
    .with_sql_example(
        "SELECT sum(c['base']) AS visits, sum(c['converted']) AS bought\n\
         FROM (SELECT u, conversion(ts, e = 'visit', e = 'buy', INTERVAL '7 days') AS c\n\
         \x20     FROM (VALUES ('ann', TIMESTAMP '2026-01-01 10:00:00', 'visit'),\n\
         \x20                  ('ann', TIMESTAMP '2026-01-05 10:00:00', 'visit'),\n\
         \x20                  ('ann', TIMESTAMP '2026-01-06 10:00:00', 'buy'),\n\
         \x20                  ('bob', TIMESTAMP '2026-01-01 10:00:00', 'visit'),\n\
         \x20                  ('bob', TIMESTAMP '2026-01-09 10:00:00', 'buy')) AS t(u, ts, e)\n\
         \x20     GROUP BY u);\n\
         -- 3 | 1",
    )
    .with_related_udf("funnel")
    .with_related_udf("attribution")
    .build()
});
