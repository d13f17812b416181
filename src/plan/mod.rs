//! What the planner learns from us: one ordered list of rules for each stage, and the operators they put into plans.

pub(crate) mod bound_days;
pub(crate) mod declared_properties;
pub(crate) mod grouping_sets;
pub(crate) mod keyed_aggregate;
pub(crate) mod prepare_window_calls;
pub(crate) mod sessionize;

pub(crate) mod stream_events;
pub(crate) mod stream_sessions;
pub(crate) mod table_forms;

mod groups;

use std::sync::Arc;

use datafusion::optimizer::{AnalyzerRule, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;

/// Rules over logical plans as they were written, to be put before DataFusion's.
pub(crate) fn first_analyzer_rules() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    vec![
        // Before type coercion: a property is compared with the type that was declared.
        Arc::new(declared_properties::DeclaredProperties),
    ]
}

/// Rules over logical plans as they were written, to be appended to DataFusion's.
pub(crate) fn analyzer_rules() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    vec![
        // After type coercion: a call is checked with the types it will run with.
        Arc::new(prepare_window_calls::PrepareWindowCalls),
    ]
}

/// Rules over logical plans, to be appended to DataFusion's.
pub(crate) fn logical_rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    vec![
        // After DataFusion's own: filters then stand right above the window, in their simplest form. The optimizer goes
        // round again while a rule finds something, so what this one adds is pushed into the scan in the next round.
        Arc::new(bound_days::BoundDays),
    ]
}

/// Rules over physical plans as they were planned, to be put before DataFusion's.
pub(crate) fn first_physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    vec![
        // Before EnsureRequirements: it leaves out a sort where the groups seem to be in order.
        Arc::new(grouping_sets::GroupingSets),
    ]
}

/// Rules over physical plans, to be appended to DataFusion's.
pub(crate) fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    vec![
        // After EnsureRequirements: only then does the plan say in which order rows really arrive. It asks nothing of its
        // input that the operator it replaces did not ask, so nothing has to run after it.
        Arc::new(stream_sessions::StreamSessions),
        // After it: where sessions are streamed, an aggregation above them may have gained an order.
        Arc::new(stream_events::StreamEvents),
        // Last: it takes what the rules before it made of an aggregation.
        Arc::new(keyed_aggregate::KeyedAggregates),
    ]
}
