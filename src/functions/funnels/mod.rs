//! Funnels: how far do users get through a sequence of steps, and how long do they take?
//!
//! Most functions look at one user (GROUP BY user) and see the same thing: the events that satisfy a step, in time order.
//! They differ in what one event may do and in what they answer. [`window_funnel`] is ClickHouse's function: an event that
//! satisfies several steps may fill several. [`funnel`] lets an event fill one step at most, knows the options of product
//! analytics, and reports the whole best chain instead of its length. The roll-ups make figures over users of both.

pub(crate) mod chain;
pub(crate) mod chain_table;
pub(crate) mod chains;
pub(crate) mod conversion;
pub(crate) mod first_violation;
pub(crate) mod first_violation_once;
pub(crate) mod funnel;
pub(crate) mod funnel_complete_count;
pub(crate) mod funnel_count;
pub(crate) mod funnel_count_runs;
pub(crate) mod funnel_match_step;
pub(crate) mod funnel_rollup;
pub(crate) mod funnel_slots;
pub(crate) mod funnel_times;
pub(crate) mod histogram;
pub(crate) mod levels;
pub(crate) mod matching;
pub(crate) mod modes;
pub(crate) mod nearest_base;
pub(crate) mod rules;
pub(crate) mod runs;
pub(crate) mod scan;
pub(crate) mod slot;
pub(crate) mod slot_scan;
pub(crate) mod strict;
pub(crate) mod window_call;
pub(crate) mod window_funnel;
pub(crate) mod window_funnel_events;

use datafusion::logical_expr::DocSection;

use super::Function;
use super::events::EventAggregate;
use super::folds::FoldAggregate;

pub(crate) fn functions() -> Vec<Function> {
    [
        EventAggregate::<window_funnel::WindowFunnel>::functions(),
        EventAggregate::<window_funnel_events::WindowFunnelEvents>::functions(),
        EventAggregate::<funnel_match_step::FunnelMatchStep>::functions(),
        EventAggregate::<funnel_count_runs::FunnelCountRuns>::functions(),
        EventAggregate::<funnel_complete_count::FunnelCompleteCount>::functions(),
        EventAggregate::<funnel::Funnel>::functions(),
        EventAggregate::<funnel_slots::FunnelSlots>::functions(),
        FoldAggregate::<funnel_rollup::FunnelRollup>::functions(),
        FoldAggregate::<funnel_times::FunnelTimes>::functions(),
        FoldAggregate::<funnel_count::FunnelCount>::functions(),
        EventAggregate::<conversion::Conversion>::functions(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(crate) const SECTION: DocSection = DocSection {
    include: true,
    label: "Funnels",
    description: Some("How far do users get through a sequence of steps?"),
};
