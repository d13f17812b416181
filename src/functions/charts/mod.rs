//! Charts: how does a column of numbers look, in any client that shows text?

pub(crate) mod bar;
pub(crate) mod sparkline;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{DocSection, ScalarUDF};

use super::Function;

pub(crate) fn functions() -> Vec<Function> {
    vec![ScalarUDF::from(bar::Bar::new()).into(), ScalarUDF::from(sparkline::Sparkline::new()).into()]
}

pub(crate) const SECTION: DocSection = DocSection {
    include: true,
    label: "Charts",
    description: Some("How does a column of numbers look, in any client that shows text?"),
};

/// The type to which a number is brought; anything else is an error that names the argument.
fn float(function: &str, number: usize, found: &DataType) -> Result<DataType> {
    if found.is_numeric() || *found == DataType::Null {
        return Ok(DataType::Float64);
    }
    plan_err!("{function}: argument {number} must be a number, found {found}")
}
