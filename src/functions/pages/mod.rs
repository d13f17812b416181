//! Pages: where do visits begin and end, and how many see one page only?
//!
//! Both rates are shares of Boolean rows, so that any GROUP BY over the views `visits` and `sessions` gives them. What
//! counts as a row is the definition: every page view, every visit that saw the page, every entry.

pub(crate) mod bounce_rate;
pub(crate) mod exit_rate;
mod rate;
mod visits;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::datatypes::{DataType, Fields};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{AggregateUDF, DocSection};

use super::Function;
use super::call::Arguments;
use super::conditions::truths;
use super::options::{Options, check_names};
use crate::error::footfall_internal_err;

pub(crate) fn functions() -> Vec<Function> {
    vec![
        AggregateUDF::from(exit_rate::ExitRate::new()).into(),
        AggregateUDF::from(bounce_rate::BounceRate::new()).into(),
    ]
}

pub(crate) const SECTION: DocSection = DocSection {
    include: true,
    label: "Pages",
    description: Some("Where do visits begin and end, and how many see one page only?"),
};

/// The options of a rate: their names, and the basis if the call shows it.
///
/// Names come from the type of the struct and values are read row by row, since an option may be a column. So a rate still
/// works when the optimizer has moved an equal struct of two calls into a column of its own.
struct RateOptions {
    names: Vec<String>,
    basis: Option<String>,
}

impl RateOptions {
    fn new(function: &str, args: &Arguments, accepted: &[&str]) -> Result<Self> {
        let names: Vec<String> =
            option_fields(&args.types).iter().map(|field| field.name().to_lowercase()).collect();
        check_names(function, names.iter().map(String::as_str), accepted)?;
        let basis = match args.exprs.last() {
            Some(expr) if !names.is_empty() => match Options::from_expr(function, expr)? {
                Some(options) => options.text("basis")?.map(|basis| basis.to_lowercase()),
                None => None,
            },
            _ => None,
        };
        Ok(Self { names, basis })
    }

    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|given| given == name)
    }
}

fn option_fields(types: &[DataType]) -> Fields {
    match types.last() {
        Some(DataType::Struct(fields)) => fields.clone(),
        _ => Fields::empty(),
    }
}

/// The values of an option, which stands in the last argument.
fn option_column<'a>(values: &'a [ArrayRef], argument: usize, name: &str) -> Result<&'a ArrayRef> {
    let options = values[argument].as_struct();
    let position = options.fields().iter().position(|field| field.name().eq_ignore_ascii_case(name));
    match position {
        Some(position) => Ok(options.column(position)),
        None => footfall_internal_err!("option {name} is not among {:?}", options.column_names()),
    }
}

/// True where the array is; an untyped NULL literal is never.
fn truths_of(array: &ArrayRef) -> BooleanBuffer {
    match array.as_boolean_opt() {
        Some(array) => truths(array),
        None => BooleanBuffer::new_unset(array.len()),
    }
}

/// Checks that the arguments before the options are Boolean, and gives untyped NULLs that type.
fn coerce(function: &str, types: &[DataType], names: &[&str]) -> Result<Vec<DataType>> {
    let mut types = types.to_vec();
    let len = super::call::len_without_options(&types);
    if len == 0 || len > names.len() {
        return plan_err!(
            "{function}: takes {} and options, found {len} arguments before the options",
            names.join(", ")
        );
    }
    for (i, data_type) in types[..len].iter_mut().enumerate() {
        if !matches!(data_type, DataType::Boolean | DataType::Null) {
            return plan_err!(
                "{function}: argument {}, {}, must be Boolean, found {data_type}",
                i + 1,
                names[i]
            );
        }
        *data_type = DataType::Boolean;
    }
    Ok(types)
}
