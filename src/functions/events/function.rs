//! What a function over a user's events has to say; everything else is shared.

use std::fmt::Debug;
use std::marker::PhantomData;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{Accumulator, Documentation, GroupsAccumulator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::event::Event;
use super::groups::EventGroups;
use super::payloads::{PayloadType, Payloads};
use super::reader::EventReader;
use super::rows::EventRows;
use super::streamed::StreamedEvents;
use crate::functions::Function;
use crate::functions::aggregate::{Aggregate, Batch, family};
use crate::functions::call::Arguments;
use crate::functions::time::TimeType;

/// One function over the events of a user.
pub(crate) trait EventFunction: Debug + Send + Sync + 'static {
    const NAME: &'static str;
    const ALIASES: &'static [&'static str] = &[];
    /// What the literals of a call say. They are written into every stored state: small, stable and complete.
    type Parameters: Serialize + DeserializeOwned + Clone + Debug + PartialEq + Send + Sync + 'static;
    type Column: AnswerColumn;

    /// Types with the trailing struct of options, which stays as it is.
    fn coerce_types(types: &[DataType]) -> Result<Vec<DataType>>;
    fn return_type(types: &[DataType]) -> Result<DataType>;
    /// The answer's type where only states are at hand: of this time and this value.
    fn merged_type(ts: &DataType, value: &DataType) -> Result<DataType>;
    fn read(call: &Arguments) -> Result<(Self::Parameters, EventReader)>;
    fn column(parameters: &Self::Parameters) -> Result<Self::Column>;
    /// The answer of a group without rows, over an empty window frame.
    fn default_value(data_type: &DataType) -> Result<ScalarValue>;
    fn documentation() -> &'static Documentation;
}

/// A column of answers under construction: the adapter between a state machine and Arrow.
pub(crate) trait AnswerColumn: Debug + Send + Sync + 'static {
    /// Takes all events of one time of the user, of one value of the tie column where there is one; times ascend.
    ///
    /// Inside, events without a condition come first, then they ascend by lowest condition, all conditions and values.
    fn push(&mut self, events: &[Event], payloads: &Payloads);
    /// No event of the user follows, and there may have been none: appends the answer.
    fn end_user(&mut self, payloads: &Payloads);
    /// All answers since the last time. Where events carry no values, more events of a user may follow: those that were
    /// taken in since the last [`Self::end_user`] still count.
    fn take(&mut self, payloads: &Payloads) -> Result<ArrayRef>;
    /// Heap bytes, by capacity.
    fn size(&self) -> usize;
}

/// An [`EventFunction`] as the four SQL functions of its family.
#[derive(Debug)]
pub(crate) struct EventAggregate<F>(PhantomData<F>);

impl<F: EventFunction> EventAggregate<F> {
    pub(crate) fn functions() -> Vec<Function> {
        family::<Self>()
    }
}

/// What a stored state says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct EventDefinition<P> {
    pub(super) parameters: P,
    /// Times of different ticks do not merge, also where no parameter tells them apart.
    #[serde(default, skip_serializing_if = "Tick::is_integer")]
    tick: Tick,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) values: Vec<PayloadType>,
    /// Whether the last of the values orders events of the same time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) tie: bool,
}

/// What one step of a time is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Tick {
    /// One of a signed integer, or of an unsigned one that fits.
    #[default]
    Integer,
    /// One of a `UInt64`, whose ticks are shifted.
    Unsigned,
    Nanos(i64),
}

impl Tick {
    fn of(time: &TimeType) -> Self {
        match (time.data_type(), time.nanos_per_tick()) {
            (DataType::UInt64, _) => Tick::Unsigned,
            (_, Some(nanos)) => Tick::Nanos(nanos),
            (_, None) => Tick::Integer,
        }
    }

    fn is_integer(&self) -> bool {
        *self == Tick::Integer
    }
}

impl<F: EventFunction> Aggregate for EventAggregate<F> {
    const NAME: &'static str = F::NAME;
    const ALIASES: &'static [&'static str] = F::ALIASES;
    /// No other argument of these functions is an array.
    const CONDITIONS: Option<usize> = Some(0);
    type Definition = EventDefinition<F::Parameters>;
    type Reader = EventReader;
    type Groups = EventGroups<F>;

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
        let (parameters, reader) = F::read(arguments)?;
        reader.check(F::NAME)?;
        let definition = EventDefinition {
            parameters,
            tick: Tick::of(&reader.time),
            values: reader.payload_types(),
            tie: reader.tie.is_some(),
        };
        Ok((definition, reader))
    }

    fn groups(definition: &Self::Definition) -> Result<Self::Groups> {
        // The definition may be that of a state somebody has stored.
        Payloads::check(&definition.values, definition.tie)?;
        EventGroups::new(definition)
    }

    fn update(
        groups: &mut Self::Groups,
        _definition: &Self::Definition,
        reader: &Self::Reader,
        rows: &Batch,
    ) -> Result<()> {
        groups.update(reader, rows)
    }

    fn row_states(definition: &Self::Definition, reader: &Self::Reader, rows: &Batch) -> Result<ArrayRef> {
        super::groups::row_states(definition, reader, rows)
    }

    fn rows(definition: &Self::Definition, reader: Self::Reader) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(EventRows::<F>::new(definition.clone(), reader)))
    }

    fn streams_by(reader: &Self::Reader) -> Option<usize> {
        // Values of a user who is not complete are keys that nobody else may change.
        (reader.payload.is_empty() && reader.tie.is_none()).then_some(reader.ts)
    }

    fn streamed(definition: &Self::Definition, reader: Self::Reader) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(StreamedEvents::<F>::new(definition, reader)?))
    }
}
