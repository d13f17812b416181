//! `retention_state`, `retention_merge` and `retention_merge_state`: one bit mask that can be stored and merged.
//!
//! The same bits as in [`super::retention`], which answers faster, because its partial states are plain numbers.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Documentation;
use serde::{Deserialize, Serialize};

use super::retention::{self, Masks};
use crate::functions::Function;
use crate::functions::bytes::{read_number, write_number};
use crate::functions::call::{self, Arguments};
use crate::functions::conditions::{self, Conditions, stored_count};
use crate::functions::folds::{Fold, FoldAggregate, FoldFunction};

const NAME: &str = "retention";

/// The functions of the family that work on stored states.
pub(super) fn functions() -> Vec<Function> {
    FoldAggregate::<RetentionStates>::functions()
        .into_iter()
        .filter(|function| function.name() != NAME)
        .collect()
}

#[derive(Debug)]
struct RetentionStates;

/// What the literals of a call say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Parameters {
    #[serde(deserialize_with = "stored_count")]
    conditions: usize,
    #[serde(default)]
    drop_nulls: bool,
}

/// Which conditions were ever true.
#[derive(Debug, Clone, Copy, Default)]
struct Seen(u64);

impl Fold for Seen {
    fn merge(&mut self, other: Self) {
        self.0 |= other.0;
    }

    fn encode(&self, out: &mut Vec<u8>) {
        write_number(out, self.0);
    }

    fn decode(mut bytes: &[u8]) -> Result<Self> {
        // A state in which no row has gone.
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        Ok(Self(read_number(&mut bytes)?))
    }

    fn heap(&self) -> usize {
        0
    }
}

impl FoldFunction for RetentionStates {
    const NAME: &'static str = NAME;
    const CONDITIONS: Option<usize> = Some(0);

    type Parameters = Parameters;
    type Fold = Seen;
    type Rows = Vec<u64>;

    fn coerce_types(types: &[DataType]) -> Result<Vec<DataType>> {
        let mut types = types.to_vec();
        let len = call::len_without_options(&types);
        conditions::coerce(NAME, &mut types, 0..len)?;
        Ok(types)
    }

    fn return_type(_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::new_list(DataType::Boolean, true))
    }

    fn merged_type(_ts: &DataType, _value: &DataType) -> Result<DataType> {
        Ok(DataType::new_list(DataType::Boolean, true))
    }

    fn read(call: &Arguments) -> Result<Parameters> {
        let (masks, conditions) = retention::read(call)?;
        Ok(Parameters { conditions, drop_nulls: masks.drop_nulls })
    }

    fn rows(parameters: &Parameters, values: &[ArrayRef]) -> Result<Vec<u64>> {
        let types: Vec<DataType> = values.iter().map(|array| array.data_type().clone()).collect();
        let conditions = match &types[0] {
            DataType::List(_) => Conditions::List { argument: 0, len: Some(parameters.conditions) },
            _ => Conditions::Arguments(0..call::len_without_options(&types)),
        };
        Ok(Masks::new(conditions, parameters.drop_nulls).of(values)?.to_vec())
    }

    fn update(_parameters: &Parameters, rows: &Vec<u64>, row: usize, fold: &mut Seen) -> Result<()> {
        fold.0 |= rows[row];
        Ok(())
    }

    fn answers(parameters: &Parameters, folds: &[Seen]) -> Result<ArrayRef> {
        let masks: Vec<u64> = folds.iter().map(|seen| seen.0).collect();
        retention::answers(&masks, parameters.conditions)
    }

    fn default_value(data_type: &DataType) -> Result<ScalarValue> {
        ScalarValue::try_new_null(data_type)
    }

    fn documentation() -> &'static Documentation {
        &retention::DOCUMENTATION
    }
}
