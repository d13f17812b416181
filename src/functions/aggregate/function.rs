//! The SQL functions of an aggregate: `f`, `f_state`, `f_merge` and `f_merge_state`.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, format_state_name};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, Expr, GroupsAccumulator, Signature,
    Volatility,
};

use super::Aggregate;
use super::calls::{Calls, CallsOf, Kind};
use crate::functions::Function;
use crate::functions::call::{self, Arguments};

/// The four functions of an aggregate.
pub(crate) fn family<A: Aggregate>() -> Vec<Function> {
    let calls: Arc<dyn Calls> = Arc::new(CallsOf::<A>::new());
    [Kind::Answer, Kind::State, Kind::Merge, Kind::MergeState]
        .into_iter()
        .map(|kind| AggregateUDF::from(AggregateFunctionOf::new(Arc::clone(&calls), kind)).into())
        .collect()
}

/// A call that can run without keeping events, where the plan proves their order.
pub(crate) struct StreamedCall {
    /// The same function, for groups that come one after the other, each in order of [`Self::ts`].
    pub(crate) function: Arc<AggregateUDF>,
    /// The argument that says when.
    pub(crate) ts: usize,
}

impl StreamedCall {
    /// `None` for a call that has no such form, ours or not.
    pub(crate) fn of(function: &AggregateUDF, arguments: &Arguments) -> Result<Option<Self>> {
        let Some(call) = function.inner().downcast_ref::<AggregateFunctionOf>() else {
            return Ok(None);
        };
        if call.kind != Kind::Answer {
            return Ok(None);
        }
        let streamed = AggregateFunctionOf::new(Arc::clone(&call.calls), Kind::Streamed);
        Ok(call
            .calls
            .streams_by(arguments)?
            .map(|ts| Self { function: Arc::new(AggregateUDF::from(streamed)), ts }))
    }
}

/// Whether `function` is one of those that this folder makes.
pub(crate) fn is_ours(function: &AggregateUDF) -> bool {
    function.inner().is::<AggregateFunctionOf>()
}

/// One SQL function.
#[derive(Debug)]
struct AggregateFunctionOf {
    calls: Arc<dyn Calls>,
    kind: Kind,
    name: String,
    aliases: Vec<String>,
    signature: Signature,
    documentation: Documentation,
}

impl AggregateFunctionOf {
    fn new(calls: Arc<dyn Calls>, kind: Kind) -> Self {
        let suffix = match kind {
            Kind::Answer | Kind::Streamed => "",
            Kind::State => "_state",
            Kind::Merge => "_merge",
            Kind::MergeState => "_merge_state",
        };
        // The aliases are names of other systems, which write the suffix without a line: `windowFunnelState`.
        let aliases = calls.aliases().iter().map(|alias| format!("{alias}{}", suffix.replace('_', "")));
        Self {
            kind,
            name: format!("{}{suffix}", calls.name()),
            aliases: aliases.collect(),
            signature: Signature::user_defined(Volatility::Immutable),
            documentation: documentation(calls.documentation(), calls.name(), kind),
            calls,
        }
    }

    /// What the arguments of a merge must be.
    fn check_merge(&self, types: &[DataType]) -> Result<()> {
        let name = &self.name;
        match types {
            [state] | [state, DataType::Struct(_)] => match state {
                DataType::Null
                | DataType::Binary
                | DataType::LargeBinary
                | DataType::BinaryView
                | DataType::FixedSizeBinary(_) => Ok(()),
                other => plan_err!(
                    "{name}: argument 1 must be a state that {}_state gave, a Binary; found {other}",
                    self.calls.name()
                ),
            },
            _ => plan_err!(
                "{name}: takes a state and, where the answer holds times or values, their types as in \
                 {name}(state, {{ts: ts, value: page}}); found {} arguments",
                types.len()
            ),
        }
    }

    /// The arguments of a call, checked as far as they are not the aggregate's own matter.
    fn arguments(&self, args: &AccumulatorArgs) -> Result<Arguments> {
        let arguments = Arguments::of_accumulator(&self.name, args)?;
        if matches!(self.kind, Kind::Merge | Kind::MergeState) {
            arguments.options(&self.name, &["ts", "value"])?;
        }
        Ok(arguments)
    }
}

impl AggregateUDFImpl for AggregateFunctionOf {
    fn name(&self) -> &str {
        &self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match self.kind {
            Kind::Answer | Kind::Streamed | Kind::State => self.calls.coerce_types(types),
            Kind::Merge | Kind::MergeState => {
                self.check_merge(types)?;
                let mut types = types.to_vec();
                types[0] = DataType::Binary;
                Ok(types)
            }
        }
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match self.kind {
            Kind::Answer | Kind::Streamed => self.calls.return_type(types),
            Kind::State | Kind::MergeState => Ok(DataType::Binary),
            Kind::Merge => {
                let like = |name: &str, default: DataType| match types.get(1) {
                    Some(DataType::Struct(fields)) => fields
                        .iter()
                        .find(|field| field.name().trim_start_matches('@').eq_ignore_ascii_case(name))
                        .map_or(default, |field| field.data_type().clone()),
                    _ => default,
                };
                let ts = like("ts", DataType::Timestamp(TimeUnit::Microsecond, None));
                self.calls.merged_type(&ts, &like("value", DataType::Utf8))
            }
        }
    }

    fn is_nullable(&self) -> bool {
        true
    }

    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        match self.kind {
            Kind::Answer | Kind::Streamed => self.calls.default_value(data_type),
            _ => ScalarValue::try_from(data_type),
        }
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        let (calls, kind, name) = (Arc::clone(&self.calls), self.kind, self.name.clone());
        Some(Box::new(move |call: AggregateFunction, context: &SimplifyContext| {
            if matches!(kind, Kind::Merge | Kind::MergeState) {
                return Ok(Expr::AggregateFunction(call));
            }
            let call = call::prepare(&name, call, calls.conditions(), context, |args| calls.check(args))?;
            Ok(Expr::AggregateFunction(call))
        }))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        self.calls.accumulator(self.kind, &self.arguments(&args)?, args.return_type())
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let name = format_state_name(args.name, "state");
        Ok(vec![Arc::new(Field::new(name, DataType::Binary, true))])
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        self.calls.groups(self.kind, &self.arguments(&args)?, args.return_type())
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

/// The reference of a function, or of what is made of its states.
fn documentation(answer: &Documentation, name: &str, kind: Kind) -> Documentation {
    let (syntax, description, argument) = match kind {
        Kind::Answer | Kind::Streamed => return answer.clone(),
        Kind::State => (
            format!("{name}_state(...)"),
            format!(
                "What [`{name}`](#{name}) keeps of a group, as bytes that can be stored.\n\nResult: Binary, never NULL. It \
                 holds the parameters of the call, so that `{name}_merge` needs the state alone: a day's states roll up \
                 to a week or a year without reading events again. Bytes of one version are read by every later one."
            ),
            ("...".to_owned(), format!("The arguments of {name}.")),
        ),
        Kind::Merge => (
            format!("{name}_merge(state [, {{ts: ts, value: value}}])"),
            format!(
                "The answer of [`{name}`](#{name}) over all rows whose states are merged.\n\nResult: as {name} gives it; NULL \
                 over no state. NULL states are ignored. The order of merging makes no difference. States of other \
                 parameters, and bytes that are no state, are an error."
            ),
            (
                "state".to_owned(),
                format!(
                    "What {name}_state or {name}_merge_state gave. Where the answer holds times or values that are no \
                     Timestamp(µs) and no text, any expression of their types is given as option `ts` and `value`; it is \
                     not evaluated."
                ),
            ),
        ),
        Kind::MergeState => (
            format!("{name}_merge_state(state)"),
            format!(
                "One state of [`{name}`](#{name}) out of many.\n\nResult: Binary; NULL over no state. NULL states are ignored. \
                 States of other parameters, and bytes that are no state, are an error."
            ),
            ("state".to_owned(), format!("What {name}_state or {name}_merge_state gave.")),
        ),
    };
    Documentation {
        doc_section: answer.doc_section.clone(),
        description,
        syntax_example: syntax,
        sql_example: None,
        arguments: Some(vec![argument]),
        alternative_syntax: None,
        related_udfs: Some(vec![name.to_owned()]),
    }
}

impl PartialEq for AggregateFunctionOf {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.kind) == (&other.name, other.kind)
    }
}

impl Eq for AggregateFunctionOf {}

impl Hash for AggregateFunctionOf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.kind.hash(state);
    }
}
