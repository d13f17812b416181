//! An aggregate behind one type, so that the SQL functions of all aggregates are of one type too.

use std::fmt;
use std::marker::PhantomData;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Accumulator, Documentation, GroupsAccumulator};

use super::Aggregate;
use super::merge::Merged;
use super::rows::RowGroups;
use super::sole::SoleGroup;
use crate::functions::call::Arguments;
use crate::functions::states::write_header;

/// Which of the functions of an aggregate is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Answer,
    /// An answer whose rows come group by group in order of time. The plan has proven it.
    Streamed,
    State,
    Merge,
    MergeState,
}

/// [`Aggregate`] as an object.
pub(super) trait Calls: Send + Sync {
    fn name(&self) -> &'static str;
    fn aliases(&self) -> &'static [&'static str];
    fn conditions(&self) -> Option<usize>;
    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>>;
    fn return_type(&self, types: &[DataType]) -> Result<DataType>;
    fn merged_type(&self, ts: &DataType, value: &DataType) -> Result<DataType>;
    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue>;
    fn documentation(&self) -> &'static Documentation;
    fn check(&self, arguments: &Arguments) -> Result<()>;
    fn streams_by(&self, arguments: &Arguments) -> Result<Option<usize>>;
    fn accumulator(
        &self,
        kind: Kind,
        arguments: &Arguments,
        answer: &DataType,
    ) -> Result<Box<dyn Accumulator>>;
    fn groups(
        &self,
        kind: Kind,
        arguments: &Arguments,
        answer: &DataType,
    ) -> Result<Box<dyn GroupsAccumulator>>;
}

pub(super) struct CallsOf<A>(PhantomData<fn() -> A>);

impl<A> CallsOf<A> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<A: Aggregate> Calls for CallsOf<A> {
    fn name(&self) -> &'static str {
        A::NAME
    }

    fn aliases(&self) -> &'static [&'static str] {
        A::ALIASES
    }

    fn conditions(&self) -> Option<usize> {
        A::CONDITIONS
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        A::coerce_types(types)
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        A::return_type(types)
    }

    fn merged_type(&self, ts: &DataType, value: &DataType) -> Result<DataType> {
        A::merged_type(ts, value)
    }

    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        A::default_value(data_type)
    }

    fn documentation(&self) -> &'static Documentation {
        A::documentation()
    }

    fn check(&self, arguments: &Arguments) -> Result<()> {
        A::read(arguments).map(drop)
    }

    fn streams_by(&self, arguments: &Arguments) -> Result<Option<usize>> {
        Ok(A::streams_by(&A::read(arguments)?.1))
    }

    fn accumulator(
        &self,
        kind: Kind,
        arguments: &Arguments,
        answer: &DataType,
    ) -> Result<Box<dyn Accumulator>> {
        if let Some(merged) = merged::<A>(kind, answer) {
            return Ok(Box::new(merged));
        }
        let (definition, reader) = A::read(arguments)?;
        match head::<A>(kind, &definition)? {
            None => A::rows(&definition, reader),
            head => Ok(Box::new(SoleGroup::<A>::new(definition, reader, head)?)),
        }
    }

    fn groups(
        &self,
        kind: Kind,
        arguments: &Arguments,
        answer: &DataType,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        if let Some(merged) = merged::<A>(kind, answer) {
            return Ok(Box::new(merged));
        }
        let (definition, reader) = A::read(arguments)?;
        if kind == Kind::Streamed {
            return A::streamed(&definition, reader);
        }
        let head = head::<A>(kind, &definition)?;
        Ok(Box::new(RowGroups::<A>::new(definition, reader, head)?))
    }
}

fn merged<A: Aggregate>(kind: Kind, answer: &DataType) -> Option<Merged<A>> {
    match kind {
        Kind::Merge => Some(Merged::new(Some(answer.clone()))),
        Kind::MergeState => Some(Merged::new(None)),
        _ => None,
    }
}

fn head<A: Aggregate>(kind: Kind, definition: &A::Definition) -> Result<Option<Vec<u8>>> {
    if kind != Kind::State {
        return Ok(None);
    }
    let mut head = vec![];
    write_header(&mut head, A::NAME, definition)?;
    Ok(Some(head))
}

impl fmt::Debug for dyn Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
