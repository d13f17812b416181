//! Retention: which of the users who did the first thing came back for the others?

#[expect(clippy::module_inception, reason = "a folder is a mission, a file in it a function of that name")]
pub(crate) mod retention;

use datafusion::logical_expr::{AggregateUDF, DocSection};

use super::Function;

pub(crate) fn functions() -> Vec<Function> {
    vec![AggregateUDF::from(retention::Retention::new()).into()]
}

pub(crate) const SECTION: DocSection = DocSection {
    include: true,
    label: "Retention",
    description: Some("Which of the users who did the first thing came back for the others?"),
};
