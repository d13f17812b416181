//! What a function that folds rows has to say; everything else is shared.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BinaryBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Documentation;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::groups::FoldGroups;
use crate::functions::Function;
use crate::functions::aggregate::{Aggregate, Batch, family};
use crate::functions::call::Arguments;
use crate::functions::conditions::truths;
use crate::functions::states::append;

/// The state of one group. The order of rows and of merges makes no difference.
pub(crate) trait Fold: Default + Clone + Debug + Send + Sync + 'static {
    fn merge(&mut self, other: Self);
    /// Appends stable bytes: they are stored.
    fn encode(&self, out: &mut Vec<u8>);
    fn decode(bytes: &[u8]) -> Result<Self>;
    /// Heap bytes, by capacity.
    fn heap(&self) -> usize;
}

/// One function that folds rows.
pub(crate) trait FoldFunction: Debug + Send + Sync + 'static {
    const NAME: &'static str;
    const ALIASES: &'static [&'static str] = &[];
    /// From which argument on an array of Booleans is a list of conditions.
    const CONDITIONS: Option<usize> = None;
    /// What the literals of a call say. They are written into every stored state: small, stable and complete.
    type Parameters: Serialize + DeserializeOwned + Clone + Debug + PartialEq + Send + Sync + 'static;
    type Fold: Fold;
    /// The columns of one batch.
    type Rows;

    /// Types with the trailing struct of options, which stays as it is.
    fn coerce_types(types: &[DataType]) -> Result<Vec<DataType>>;
    fn return_type(types: &[DataType]) -> Result<DataType>;
    /// The answer's type where only states are at hand: of this time and this value.
    fn merged_type(ts: &DataType, value: &DataType) -> Result<DataType>;
    fn read(call: &Arguments) -> Result<Self::Parameters>;
    fn rows(parameters: &Self::Parameters, values: &[ArrayRef]) -> Result<Self::Rows>;
    fn update(
        parameters: &Self::Parameters,
        rows: &Self::Rows,
        row: usize,
        fold: &mut Self::Fold,
    ) -> Result<()>;
    /// The same for several rows of a batch, in ascending order.
    fn update_rows(
        parameters: &Self::Parameters,
        rows: &Self::Rows,
        selected: impl Iterator<Item = usize>,
        fold: &mut Self::Fold,
    ) -> Result<()> {
        for row in selected {
            Self::update(parameters, rows, row, fold)?;
        }
        Ok(())
    }
    /// One value for each group.
    fn answers(parameters: &Self::Parameters, folds: &[Self::Fold]) -> Result<ArrayRef>;
    /// The answer of a group without rows, over an empty window frame.
    fn default_value(data_type: &DataType) -> Result<ScalarValue>;
    fn documentation() -> &'static Documentation;
}

/// A [`FoldFunction`] as the four SQL functions of its family.
#[derive(Debug)]
pub(crate) struct FoldAggregate<F>(PhantomData<F>);

impl<F: FoldFunction> FoldAggregate<F> {
    pub(crate) fn functions() -> Vec<Function> {
        family::<Self>()
    }
}

impl<F: FoldFunction> Aggregate for FoldAggregate<F> {
    const NAME: &'static str = F::NAME;
    const ALIASES: &'static [&'static str] = F::ALIASES;
    const CONDITIONS: Option<usize> = F::CONDITIONS;
    type Definition = F::Parameters;
    type Reader = ();
    type Groups = FoldGroups<F>;

    fn coerce_types(types: &[DataType]) -> Result<Vec<DataType>> {
        F::coerce_types(types)
    }

    fn return_type(types: &[DataType]) -> Result<DataType> {
        F::return_type(types)
    }

    fn merged_type(ts: &DataType, value: &DataType) -> Result<DataType> {
        F::merged_type(ts, value)
    }

    fn default_value(data_type: &DataType) -> Result<ScalarValue> {
        F::default_value(data_type)
    }

    fn documentation() -> &'static Documentation {
        F::documentation()
    }

    fn read(arguments: &Arguments) -> Result<(Self::Definition, Self::Reader)> {
        Ok((F::read(arguments)?, ()))
    }

    fn groups(definition: &Self::Definition) -> Result<Self::Groups> {
        Ok(FoldGroups::new(definition.clone()))
    }

    fn update(
        groups: &mut Self::Groups,
        definition: &Self::Definition,
        (): &Self::Reader,
        batch: &Batch,
    ) -> Result<()> {
        let rows = F::rows(definition, batch.values)?;
        let filter = batch.filter.map(truths);
        let mut start = 0;
        // Rows of one group often follow each other, and what is done once a group is then done once for all of them.
        for run in batch.groups.chunk_by(|one, next| one == next) {
            let selected = start..start + run.len();
            start += run.len();
            groups.change(run[0], |fold| match &filter {
                None => F::update_rows(definition, &rows, selected, fold),
                Some(filter) => {
                    F::update_rows(definition, &rows, selected.filter(|row| filter.value(*row)), fold)
                }
            })?;
        }
        Ok(())
    }

    fn row_states(definition: &Self::Definition, (): &Self::Reader, batch: &Batch) -> Result<ArrayRef> {
        let rows = F::rows(definition, batch.values)?;
        let filter = batch.filter.map(truths);
        let count = batch.values.first().map_or(0, |values| values.len());
        let mut states = BinaryBuilder::with_capacity(count, count * 8);
        let mut state = vec![];
        for row in 0..count {
            state.clear();
            if filter.as_ref().is_none_or(|filter| filter.value(row)) {
                let mut fold = F::Fold::default();
                F::update(definition, &rows, row, &mut fold)?;
                fold.encode(&mut state);
            }
            append(&mut states, &state)?;
        }
        Ok(Arc::new(states.finish()))
    }
}
