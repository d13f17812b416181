//! `funnel_rollup(level, n_steps)`: of all users, how many took each step, and what share went on?
//!
//! ```text
//! levels 0 1 1 2 3     → step 1: 4 users, step 2: 2 (half of step 1), step 3: 1 (half of step 2, a quarter of step 1)
//! ```
//!
//! Cumulative: a user of level 3 took steps 1, 2 and 3. A NULL level is ignored, level 0 took no step. 8 bytes a step.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int32Array, Int64Array, ListArray, StructArray,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, Fields, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::Documentation;
use serde::{Deserialize, Serialize};

use crate::functions::bytes;
use crate::functions::call::Arguments;
use crate::functions::conditions::{MAX_CONDITIONS, stored_count};
use crate::functions::counts::literal_in;
use crate::functions::folds::{Fold, FoldFunction};

const NAME: &str = "funnel_rollup";

/// The SQL function.
#[derive(Debug)]
pub(crate) struct FunnelRollup;

/// What a call asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Steps {
    #[serde(deserialize_with = "stored_count")]
    steps: usize,
}

impl FoldFunction for FunnelRollup {
    const NAME: &'static str = NAME;
    type Parameters = Steps;
    type Fold = Levels;
    type Rows = Int64Array;

    fn coerce_types(types: &[DataType]) -> Result<Vec<DataType>> {
        let [level, steps] = types else {
            return plan_err!(
                "{NAME}: takes a level and the number of steps, as in {NAME}(level, 4); found {} arguments",
                types.len()
            );
        };
        if !level.is_integer() && level != &DataType::Null {
            return plan_err!("{NAME}: argument 1, level, must be an integer, found {level}");
        }
        Ok(vec![DataType::Int64, steps.clone()])
    }

    fn return_type(_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::new_list(DataType::Struct(fields()), true))
    }

    fn merged_type(_ts: &DataType, _value: &DataType) -> Result<DataType> {
        Self::return_type(&[])
    }

    fn read(call: &Arguments) -> Result<Steps> {
        Ok(Steps { steps: literal_in(NAME, call, (1, "n_steps"), 1..=MAX_CONDITIONS as i64)? })
    }

    fn rows(_steps: &Steps, values: &[ArrayRef]) -> Result<Int64Array> {
        Ok(values[0].as_primitive::<Int64Type>().clone())
    }

    fn update(steps: &Steps, rows: &Int64Array, row: usize, levels: &mut Levels) -> Result<()> {
        if rows.is_null(row) {
            return Ok(());
        }
        match usize::try_from(rows.value(row)) {
            Ok(level) if level <= steps.steps => {
                levels.add(level, 1);
                Ok(())
            }
            _ => {
                exec_err!("{NAME}: level {} is not between 0 and n_steps = {}", rows.value(row), steps.steps)
            }
        }
    }

    fn answers(steps: &Steps, groups: &[Levels]) -> Result<ArrayRef> {
        let steps = steps.steps;
        let len = groups.len() * steps;
        if i32::try_from(len).is_err() {
            return exec_err!(
                "{NAME}: more than {} steps in one column of answers; raise datafusion.execution.target_partitions",
                i32::MAX
            );
        }
        let (mut users, mut previous, mut total) =
            (Vec::with_capacity(len), Vec::with_capacity(len), Vec::with_capacity(len));
        let mut drop = Vec::with_capacity(len);
        for group in groups {
            let first = group.reached(1);
            for step in 1..=steps {
                let here = group.reached(step);
                // Nobody is lost on the way to the first step: who enters is who the funnel is about.
                let before = if step == 1 { here } else { group.reached(step - 1) };
                users.push(here);
                previous.push(share(here, before));
                total.push(share(here, first));
                drop.push(before - here);
            }
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int32Array::from_iter_values((0..len).map(|i| (i % steps) as i32 + 1))),
            Arc::new(Int64Array::from(users)),
            Arc::new(Float64Array::from(previous)),
            Arc::new(Float64Array::from(total)),
            Arc::new(Int64Array::from(drop)),
        ];
        let items = StructArray::try_new(fields(), columns, None)?;
        Ok(Arc::new(ListArray::try_new(
            Arc::new(Field::new_list_field(DataType::Struct(fields()), true)),
            OffsetBuffer::from_repeated_length(steps, groups.len()),
            Arc::new(items),
            None,
        )?))
    }

    fn default_value(data_type: &DataType) -> Result<ScalarValue> {
        ScalarValue::try_from(data_type)
    }

    fn documentation() -> &'static Documentation {
        &DOCUMENTATION
    }
}

fn fields() -> Fields {
    Fields::from(vec![
        Field::new("step", DataType::Int32, true),
        Field::new("users", DataType::Int64, true),
        Field::new("conv_prev", DataType::Float64, true),
        Field::new("conv_total", DataType::Float64, true),
        Field::new("drop", DataType::Int64, true),
    ])
}

fn share(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Per level, how many users ended there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Levels(Vec<u64>);

impl Levels {
    fn add(&mut self, level: usize, users: u64) {
        if level >= self.0.len() {
            self.0.resize(level + 1, 0);
        }
        self.0[level] = self.0[level].saturating_add(users);
    }

    /// How many users took a step.
    fn reached(&self, step: usize) -> i64 {
        let users = self.0.iter().skip(step).fold(0_u64, |users, level| users.saturating_add(*level));
        i64::try_from(users).unwrap_or(i64::MAX)
    }
}

impl Fold for Levels {
    fn merge(&mut self, other: Self) {
        for (level, users) in other.0.into_iter().enumerate() {
            self.add(level, users);
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        bytes::write_number(out, self.0.len() as u64);
        self.0.iter().for_each(|users| bytes::write_number(out, *users));
    }

    fn decode(mut from: &[u8]) -> Result<Self> {
        let levels = bytes::read_number(&mut from)?;
        if levels > MAX_CONDITIONS as u64 + 1 {
            return exec_err!("{NAME}: a stored state is damaged: it holds {levels} levels");
        }
        Ok(Self((0..levels).map(|_| bytes::read_number(&mut from)).collect::<Result<_>>()?))
    }

    fn heap(&self) -> usize {
        self.0.capacity() * size_of::<u64>()
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "Of all users, how many took each step, and what share went on? Rolls up the levels that `window_funnel` or \
         `funnel` gives for each user.\n\n\
         Result: a List with a Struct for each step from 1 to n_steps, of\n\n\
         - step Int32\n\
         - users Int64: who took this step, so all users whose level is at least the step\n\
         - conv_prev Float64: their share of the users of the step before; at step 1 of itself\n\
         - conv_total Float64: their share of the users of step 1\n\
         - drop Int64: users of the step before who did not take this one; 0 at step 1\n\n\
         A share is NULL where nobody could take the step: the users it divides by are 0. A NULL level is ignored; \
         level 0 took no step and counts nowhere. A group without rows gives every step with 0 users, an empty window \
         frame NULL. The order of the input makes no difference.\n\n\
         ```text\n\
         levels 0 1 1 2 3     step   users   conv_prev   conv_total   drop\n\
         \x20                    1      4       1.0         1.0          0\n\
         \x20                    2      2       0.5         0.5          2\n\
         \x20                    3      1       0.5         0.25         1\n\
         ```\n\n\
         Errors while planning: a level that is no integer, an n_steps that is no literal integer from 1 to 64, \
         DISTINCT. Error while running: a level below 0 or above n_steps.\n\n\
         Cost: one pass, O(1) a row, 8 bytes a step of a group.\n\n\
         Definition: ByConity's `funnelRep`, with shares. ClickHouse's `SELECT level, count()` tells where users \
         stopped instead, which is not cumulative.",
        "funnel_rollup(level, n_steps)",
    )
    .with_argument("level", "How many steps a user took: an integer from 0 to n_steps.")
    .with_argument("n_steps", "How many steps the funnel has: a literal integer from 1 to 64.")
    .with_sql_example(
        "SELECT s['step'] AS step, s['users'], s['conv_prev'], s['conv_total'], s['drop']\n\
         FROM (SELECT unnest(funnel_rollup(level, 3)) AS s FROM (VALUES (0), (1), (1), (2), (3)) AS t(level))\n\
         ORDER BY step;\n\
         -- 1 | 4 | 1.0 | 1.0 | 0\n\
         -- 2 | 2 | 0.5 | 0.5 | 2\n\
         -- 3 | 1 | 0.5 | 0.25 | 1",
    )
    .with_related_udf("window_funnel")
    .with_related_udf("funnel_times")
    .build()
});
