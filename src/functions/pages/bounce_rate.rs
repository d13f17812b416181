//! `bounce_rate(is_bounce [, is_entry] [, {basis: …}])`: how many visits see one page only?
//!
//! ```text
//! visit 1:  X                one argument, over sessions:   1 of 2 = 0.5
//! visit 2:  Y → X → Z        two, over visits, for page X:  1 bounce of 1 entry = 1.0, for page Z: no entry, NULL
//! ```
//!
//! A row whose `is_bounce` is NULL is ignored; NULL over no rows. Time plays no part. O(1) memory a group.

use std::sync::LazyLock;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, FieldRef, Float64Type, Int64Type};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, Documentation, Expr, GroupsAccumulator, Signature, Volatility,
};

use super::rate::{self, Rate, RateGroups, RateRows, Rows};
use super::{RateOptions, option_column, option_fields, truths_of};
use crate::error::did_you_mean;
use crate::functions::call::{self, Arguments};

const NAME: &str = "bounce_rate";

/// A visit that lasts longer is engaged, says GA4; one of exactly this length is not.
const GA4_ENGAGED_MS: f64 = 10_000.0;

/// The SQL function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct BounceRate {
    signature: Signature,
}

impl BounceRate {
    pub(crate) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for BounceRate {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        super::coerce(NAME, types, &["is_bounce", "is_entry"])
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        Some(Box::new(|call: AggregateFunction, context: &SimplifyContext| {
            call::checked(NAME, &call, context, |args| Bounces::new(args).map(drop))?;
            Ok(Expr::AggregateFunction(call))
        }))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let bounces = Bounces::new(&Arguments::of_accumulator(NAME, &args)?)?;
        Ok(Box::new(RateRows::new(bounces)))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        Ok(rate::state_fields(&args))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        let bounces = Bounces::new(&Arguments::of_accumulator(NAME, &args)?)?;
        Ok(Box::new(RateGroups::new(bounces)))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}

/// Which rows bounce, among the entries where a second argument says which rows those are.
#[derive(Debug)]
struct Bounces {
    basis: Basis,
    has_entry: bool,
}

/// Who says what a bounce is. A basis that looks at more than `is_bounce` takes it from the options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Basis {
    Wechat,
    Plausible,
    Ga4 {
        has_key_event: bool,
    },
    /// Also Piano: a visit of one action.
    Matomo,
}

impl Bounces {
    fn new(args: &Arguments) -> Result<Self> {
        Ok(Self { basis: basis(args)?, has_entry: args.len_without_options() == 2 })
    }

    /// The rows that are no bounce after all.
    fn engaged(&self, values: &[ArrayRef]) -> Result<Option<BooleanBuffer>> {
        let options = 1 + usize::from(self.has_entry);
        match self.basis {
            Basis::Wechat => Ok(None),
            Basis::Plausible => {
                let interactive = option_column(values, options, "interactive")?;
                Ok(Some(truths_of(interactive)))
            }
            Basis::Ga4 { has_key_event } => {
                let duration = option_column(values, options, "duration_ms")?;
                let duration = cast(duration, &DataType::Float64)?;
                let duration = duration.as_primitive::<Float64Type>();
                let long = BooleanBuffer::collect_bool(duration.len(), |row| {
                    duration.is_valid(row) && duration.value(row) > GA4_ENGAGED_MS
                });
                if !has_key_event {
                    return Ok(Some(long));
                }
                let key_event = truths_of(option_column(values, options, "key_event")?);
                Ok(Some(&long | &key_event))
            }
            Basis::Matomo => {
                let actions = option_column(values, options, "actions")?;
                let actions = cast(actions, &DataType::Int64)?;
                let actions = actions.as_primitive::<Int64Type>();
                Ok(Some(BooleanBuffer::collect_bool(actions.len(), |row| {
                    actions.is_valid(row) && actions.value(row) > 1
                })))
            }
        }
    }
}

impl Rate for Bounces {
    fn rows(&self, values: &[ArrayRef]) -> Result<Rows> {
        let len = values[0].len();
        let mut counted = match values[0].as_boolean_opt().map(Array::nulls) {
            Some(Some(nulls)) => nulls.inner().clone(),
            Some(None) => BooleanBuffer::new_set(len),
            None => BooleanBuffer::new_unset(len),
        };
        if self.has_entry {
            counted = &counted & &truths_of(&values[1]);
        }
        let mut hits = &counted & &truths_of(&values[0]);
        if let Some(engaged) = self.engaged(values)? {
            hits = &hits & &!&engaged;
        }
        Ok(Rows { counted, hits })
    }
}

const BASES: [&str; 5] = ["wechat", "plausible", "ga4", "matomo", "piano"];

fn basis(args: &Arguments) -> Result<Basis> {
    let options =
        RateOptions::new(NAME, args, &["basis", "interactive", "duration_ms", "key_event", "actions"])?;
    let basis = match options.basis.as_deref() {
        Some(basis) => basis,
        // A struct that became a column shows its names only; they are enough, since each basis has its own.
        None if options.has("interactive") => "plausible",
        None if options.has("duration_ms") || options.has("key_event") => "ga4",
        None if options.has("actions") => "matomo",
        None => "wechat",
    };
    let (result, accepted, needed) = match basis {
        "wechat" => (Basis::Wechat, &["basis"][..], None),
        "plausible" => (
            Basis::Plausible,
            &["basis", "interactive"][..],
            Some(("interactive", "Boolean: the visit held an interactive custom event")),
        ),
        "ga4" => (
            Basis::Ga4 { has_key_event: options.has("key_event") },
            &["basis", "duration_ms", "key_event"][..],
            Some(("duration_ms", "the length of the visit in milliseconds")),
        ),
        "matomo" | "piano" => (
            Basis::Matomo,
            &["basis", "actions"][..],
            Some(("actions", "how many actions the visit held, page views and all others")),
        ),
        other => {
            return plan_err!(
                "{NAME}: unknown basis '{other}'; accepted are {}{}",
                BASES.map(|name| format!("'{name}'")).join(", "),
                did_you_mean(other, &BASES)
            );
        }
    };
    if let Some(name) = options.names.iter().find(|name| !accepted.contains(&name.as_str())) {
        return plan_err!("{NAME}: basis '{basis}' does not use the option {name}");
    }
    if let Some((name, meaning)) = needed
        && !options.has(name)
    {
        return plan_err!("{NAME}: basis '{basis}' needs the option {name}, {meaning}");
    }
    for field in &option_fields(&args.types) {
        let name = field.name().to_lowercase();
        let accepted = match name.as_str() {
            "interactive" | "key_event" => {
                matches!(field.data_type(), DataType::Boolean | DataType::Null)
            }
            "duration_ms" => field.data_type().is_numeric() || field.data_type().is_null(),
            "actions" => field.data_type().is_integer() || field.data_type().is_null(),
            _ => true,
        };
        if !accepted {
            let wanted = match name.as_str() {
                "duration_ms" => "a number",
                "actions" => "an integer",
                _ => "Boolean",
            };
            return plan_err!("{NAME}: option {name} must be {wanted}, found {}", field.data_type());
        }
    }
    Ok(result)
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "How many visits see one page only? With one argument over the view `sessions`; with two over the view \
         `visits`, where the entries of a page are its divisor.\n\n\
         Result: Float64 from 0 to 1, NULL over no row, and so for a page that nobody entered at. One argument: rows \
         where is_bounce is true over rows where it is not NULL. Two: the same among the rows where is_entry is true. \
         A bounce rate of 1 beside an exit rate of 0.5 is right: the divisors differ.\n\n\
         ```text\n\
         visit 1:  X                one argument, over sessions:   1 of 2 = 0.5\n\
         visit 2:  Y → X → Z        two, over visits, for page X:  1 bounce of 1 entry = 1.0, for page Z: NULL\n\
         ```\n\n\
         The basis says what a bounce is. 'wechat': is_bounce, a visit with one page view. 'plausible': that, without \
         an interactive custom event. 'ga4': that, not longer than 10 seconds and without a key event (its complement \
         is GA4's engagement rate). 'matomo' and 'piano': that, with no other action than the page view. A NULL option \
         value counts as false, as no time, or as no action.\n\n\
         Errors while planning: an unknown option or basis, an option that the basis needs and is not given, an option \
         of another basis, DISTINCT.\n\n\
         Cost: one pass, 16 bytes a group.\n\n\
         Definition: WeChat Mini Program analytics, Plausible, Google Analytics 4, Matomo, Piano.",
        "bounce_rate(is_bounce [, is_entry] [, {basis: 'wechat' | 'plausible' | 'ga4' | 'matomo' | 'piano', ...}])",
    )
    .with_argument("is_bounce", "Boolean: does the visit have exactly one page view?")
    .with_argument("is_entry", "Boolean: is this page view the first one of its visit?")
    .with_argument("basis", "Option: 'wechat' (default), 'plausible', 'ga4', 'matomo' or 'piano'.")
    .with_argument(
        "interactive",
        "Option of basis 'plausible', Boolean: did the visit hold an interactive custom event?",
    )
    .with_argument(
        "duration_ms",
        "Option of basis 'ga4': how long the visit was, in milliseconds.",
    )
    .with_argument("key_event", "Option of basis 'ga4', Boolean: did the visit hold a key event?")
    .with_argument(
        "actions",
        "Option of basis 'matomo' and 'piano', an integer: page views and all other actions of the visit.",
    )
    .with_sql_example(
        "SELECT bounce_rate(views = 1) AS wechat,\n\
         \x20      bounce_rate(views = 1, {basis: 'ga4', duration_ms: ms, key_event: bought}) AS ga4\n\
         FROM (VALUES (1, 0, false), (2, 5000, false), (1, 30000, false), (1, 3000, true)) AS t(views, ms, bought);\n\
         -- 0.75 | 0.25",
    )
    .with_related_udf("exit_rate")
    .build()
});
