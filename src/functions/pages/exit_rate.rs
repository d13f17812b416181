//! `exit_rate(is_exit [, {basis: 'visits', visit_key: k}])`: how often is this page the last one of a visit?
//!
//! ```text
//! visit 1:  A → A → A        page A: 1 exit of 3 views = 0.333, 1 exit of 1 visit = 1.0
//! ```
//!
//! A row whose `is_exit` is NULL is no page view and is ignored; NULL over no rows. Time plays no part.
//! O(1) memory a group on views, about 50 bytes a distinct visit of a group on visits.

use std::sync::LazyLock;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDFImpl, Documentation, Expr, GroupsAccumulator, Signature, Volatility,
};

use super::rate::{self, Rate, RateGroups, RateRows, Rows};
use super::visits::{self, VisitGroups, VisitReader, VisitRows};
use super::{RateOptions, truths_of};
use crate::error::did_you_mean;
use crate::functions::call::{self, Arguments};

const NAME: &str = "exit_rate";

/// The SQL function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct ExitRate {
    signature: Signature,
}

impl ExitRate {
    pub(crate) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl AggregateUDFImpl for ExitRate {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        super::coerce(NAME, types, &["is_exit"])
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        Some(Box::new(|call: AggregateFunction, context: &SimplifyContext| {
            call::checked(NAME, &call, context, |args| basis(args).map(drop))?;
            Ok(Expr::AggregateFunction(call))
        }))
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match basis(&Arguments::of_accumulator(NAME, &args)?)? {
            Basis::Views => Ok(Box::new(RateRows::new(Exits))),
            Basis::Visits => Ok(Box::new(VisitRows::new(VisitReader::new(Exits, OPTIONS)))),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let types: Vec<DataType> = args.input_fields.iter().map(|field| field.data_type().clone()).collect();
        // Only types are known here. `basis` makes sure that a key is given exactly when visits are counted.
        let has_key =
            super::option_fields(&types).iter().any(|field| field.name().eq_ignore_ascii_case("visit_key"));
        Ok(match has_key {
            true => visits::state_fields(&args),
            false => rate::state_fields(&args),
        })
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs) -> bool {
        true
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        match basis(&Arguments::of_accumulator(NAME, &args)?)? {
            Basis::Views => Ok(Box::new(RateGroups::new(Exits))),
            Basis::Visits => Ok(Box::new(VisitGroups::new(VisitReader::new(Exits, OPTIONS)))),
        }
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}

/// The argument after `is_exit`.
const OPTIONS: usize = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Basis {
    Views,
    Visits,
}

/// What each divisor is called, and who publishes a rate over it.
const BASES: [(&str, Basis); 6] = [
    ("views", Basis::Views),
    ("wechat", Basis::Views),
    ("plausible", Basis::Views),
    ("visits", Basis::Visits),
    ("matomo", Basis::Visits),
    ("piano", Basis::Visits),
];

fn basis(args: &Arguments) -> Result<Basis> {
    let options = RateOptions::new(NAME, args, &["basis", "visit_key"])?;
    let has_key = options.has("visit_key");
    let Some(name) = options.basis.as_deref() else {
        return Ok(if has_key { Basis::Visits } else { Basis::Views });
    };
    if name == "ga4" {
        return plan_err!(
            "{NAME}: basis 'ga4' does not exist, Google Analytics 4 counts exits and publishes no rate of them; write \
             count(*) FILTER (WHERE is_exit)"
        );
    }
    let Some((_, basis)) = BASES.iter().find(|(known, _)| *known == name) else {
        let names = BASES.map(|(name, _)| name);
        return plan_err!(
            "{NAME}: unknown basis '{name}'; accepted are {}{}",
            names.map(|name| format!("'{name}'")).join(", "),
            did_you_mean(name, &names)
        );
    };
    match (basis, has_key) {
        (Basis::Visits, false) => plan_err!(
            "{NAME}: basis '{name}' needs the option visit_key, an expression that tells visits apart"
        ),
        (Basis::Views, true) => {
            plan_err!("{NAME}: the option visit_key is for basis 'visits', found basis '{name}'")
        }
        _ => Ok(*basis),
    }
}

/// Rows that are true among rows that are not NULL.
#[derive(Debug)]
struct Exits;

impl Rate for Exits {
    fn rows(&self, values: &[ArrayRef]) -> Result<Rows> {
        let len = values[0].len();
        let counted = match values[0].as_boolean_opt().map(Array::nulls) {
            Some(Some(nulls)) => nulls.inner().clone(),
            Some(None) => BooleanBuffer::new_set(len),
            None => BooleanBuffer::new_unset(len),
        };
        Ok(Rows { counted, hits: truths_of(&values[0]) })
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "How often is a page the last one of a visit? Over the view `visits`, under any GROUP BY.\n\n\
         Result: Float64 from 0 to 1, the rows where is_exit is true over the rows where it is not NULL; NULL over no \
         such row. With basis 'visits' the divisor is the number of distinct visit_key instead; rows whose key is NULL \
         are ignored then. The names of vendors say the same: 'wechat' and 'plausible' are 'views', 'matomo' and 'piano' \
         are 'visits'. Google Analytics 4 counts exits and publishes no rate of them. Order and time play no part.\n\n\
         ```text\n\
         visit 1:  A → A → A        page A: 1 exit of 3 views = 0.333, 1 exit of 1 visit = 1.0\n\
         ```\n\n\
         Errors while planning: an unknown option or basis, basis 'visits' without visit_key, DISTINCT.\n\n\
         Cost: one pass; 16 bytes a group, and with basis 'visits' about 50 bytes for each distinct visit of a group. \
         Keys are told apart by 128-bit hashes.\n\n\
         Definition: exits over views is WeChat's and Plausible's, exits over visits that saw the page is Matomo's \
         and Piano's.",
        "exit_rate(is_exit [, {basis: 'wechat' | 'plausible' | 'matomo' | 'piano', visit_key: k}])",
    )
    .with_argument("is_exit", "Boolean: is this page view the last one of its visit?")
    .with_argument(
        "basis",
        "Option: 'views' (default), which is 'wechat' and 'plausible'; or 'visits', which is 'matomo' and 'piano'.",
    )
    .with_argument(
        "visit_key",
        "Option of basis 'visits': an expression of any type, one value for each visit.",
    )
    .with_sql_example(
        "SELECT page, exit_rate(is_exit) AS per_view,\n\
         \x20      exit_rate(is_exit, {basis: 'visits', visit_key: visit}) AS per_visit\n\
         FROM (VALUES (1, 'A', false), (1, 'A', false), (1, 'A', true), (2, 'A', true)) AS t(visit, page, is_exit)\n\
         GROUP BY page;\n\
         -- A | 0.5 | 1.0",
    )
    .with_related_udf("bounce_rate")
    .build()
});
