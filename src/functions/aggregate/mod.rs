//! One aggregate, four SQL functions: the answer, the state that can be stored, and what is made of stored states.
//!
//! ```text
//! rows ──▶ f(…) ───────────▶ answer
//!    └───▶ f_state(…) ──▶ bytes ──▶ f_merge(state) ──────────▶ answer
//!                             └───▶ f_merge_state(state) ──▶ bytes
//! ```
//!
//! A function says how rows are read, and what it keeps of a group ([`Groups`]); how DataFusion calls it, in groups and
//! over windows, with partial states that travel and spill, is written here once for all of them.

mod calls;
mod function;
mod merge;
mod rows;
mod sole;

use std::fmt::Debug;

use datafusion::arrow::array::{ArrayRef, BooleanArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Accumulator, Documentation, EmitTo, GroupsAccumulator};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use self::function::{StreamedCall, family, is_ours};
use self::rows::RowGroups;
use self::sole::SoleGroup;
use super::call::Arguments;

/// What one aggregate makes of its rows, as far as DataFusion asks.
pub(crate) trait Aggregate: Debug + Send + Sync + Sized + 'static {
    const NAME: &'static str;
    const ALIASES: &'static [&'static str];
    /// From which argument on an array of Booleans is a list of conditions; `None` where it is a value like any other.
    const CONDITIONS: Option<usize>;
    /// All that is needed to merge and answer a state without the call that made it. It is stored with every state.
    type Definition: Serialize + DeserializeOwned + Clone + Debug + PartialEq + Send + Sync + 'static;
    /// Where the values of a row stand.
    type Reader: Debug + Send + Sync + 'static;
    type Groups: Groups;

    fn coerce_types(types: &[DataType]) -> Result<Vec<DataType>>;
    fn return_type(types: &[DataType]) -> Result<DataType>;
    /// The answer's type where only states are at hand: `ts` and `value` are what the caller says they were.
    fn merged_type(ts: &DataType, value: &DataType) -> Result<DataType>;
    fn default_value(data_type: &DataType) -> Result<ScalarValue>;
    fn documentation() -> &'static Documentation;

    fn read(arguments: &Arguments) -> Result<(Self::Definition, Self::Reader)>;
    fn groups(definition: &Self::Definition) -> Result<Self::Groups>;
    /// Takes rows into groups that have room already.
    fn update(
        groups: &mut Self::Groups,
        definition: &Self::Definition,
        reader: &Self::Reader,
        rows: &Batch,
    ) -> Result<()>;
    /// A partial state for each row, as [`Groups::states`] gives it without a head.
    fn row_states(definition: &Self::Definition, reader: &Self::Reader, rows: &Batch) -> Result<ArrayRef>;
    /// One group, for a query without GROUP BY and for window frames.
    fn rows(definition: &Self::Definition, reader: Self::Reader) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(SoleGroup::<Self>::new(definition.clone(), reader, None)?))
    }
    /// The argument that a plan must prove order of for [`Self::streamed`]; `None` where there is no such path.
    fn streams_by(_reader: &Self::Reader) -> Option<usize> {
        None
    }
    /// Many groups, one after the other, each in order of [`Self::streams_by`].
    fn streamed(definition: &Self::Definition, reader: Self::Reader) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(RowGroups::<Self>::new(definition.clone(), reader, None)?))
    }
}

/// What an aggregate keeps of its groups.
pub(crate) trait Groups: Sized + Send + Sync + 'static {
    fn set_groups(&mut self, groups: usize) -> Result<()>;
    /// Adds what [`Self::states`] wrote, its head taken off.
    fn merge(&mut self, group: usize, content: &[u8]) -> Result<()>;
    /// Takes the first groups out and answers them.
    fn answers(&mut self, emit_to: EmitTo) -> Result<ArrayRef>;
    /// Takes the first groups out and writes each one as bytes behind `head`.
    fn states(&mut self, emit_to: EmitTo, head: &[u8]) -> Result<ArrayRef>;
    /// The same once more, for an answer after which rows follow.
    fn snapshot(&self) -> Result<Self>;
    /// Heap bytes, by capacity.
    fn size(&self) -> usize;
}

/// One batch of evaluated arguments.
pub(crate) struct Batch<'a> {
    pub(crate) values: &'a [ArrayRef],
    /// The group of each row.
    pub(crate) groups: &'a [usize],
    pub(crate) filter: Option<&'a BooleanArray>,
}
