//! Funnels: how far do users get through a sequence of steps, and how long do they take?
//!
//! Both functions look at one user (GROUP BY user) and see the same thing: the rows that have a time and satisfy at least
//! one step, in time order. They differ in what one event may do. [`window_funnel`] is ClickHouse's function, result for
//! result: an event that satisfies several steps may fill several. [`funnel`] lets an event fill one step at most, and
//! reports the whole best chain instead of its length.

pub(crate) mod accumulators;
pub(crate) mod chain;
pub(crate) mod events;
pub(crate) mod funnel;
pub(crate) mod window_funnel;

use datafusion::logical_expr::{AggregateUDF, DocSection};

use super::Function;

pub(crate) fn functions() -> Vec<Function> {
    vec![
        AggregateUDF::from(window_funnel::WindowFunnel::new()).into(),
        AggregateUDF::from(funnel::Funnel::new()).into(),
    ]
}

pub(crate) const SECTION: DocSection = DocSection {
    include: true,
    label: "Funnels",
    description: Some("How far do users get through a sequence of steps?"),
};
