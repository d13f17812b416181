//! ④ The SQL functions: a folder is a mission, a file is a function of that name.
//!
//! This folder knows Arrow and DataFusion, no files and no tables, so that every function works in anyone's session. A
//! function is a stateless value that its SQL name identifies; settings reach it as arguments only.
//!
//! [`all`] is the one list. Registration, the reference and the completion of names read it.

pub mod docs;
pub mod table_forms;

pub(crate) mod aggregate;
pub(crate) mod bytes;
pub(crate) mod call;
pub(crate) mod conditions;
pub(crate) mod events;
pub(crate) mod folds;
pub(crate) mod interner;
pub(crate) mod options;
pub(crate) mod row_value;
pub(crate) mod states;
pub(crate) mod time;

pub(crate) mod charts;
pub(crate) mod counts;
pub(crate) mod funnels;
pub(crate) mod pages;
pub(crate) mod paths;
pub(crate) mod retention;
pub(crate) mod sequences;
pub(crate) mod sessions;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{AggregateUDF, Documentation, ScalarUDF, WindowUDF};

use self::table_forms::TableForm;

/// Every function of Footfall, mission by mission.
pub fn all() -> Vec<Function> {
    [
        sessions::functions(),
        pages::functions(),
        retention::functions(),
        funnels::functions(),
        sequences::functions(),
        paths::functions(),
        counts::functions(),
        charts::functions(),
        table_forms::functions(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Whether `function` is an aggregate of ours that takes settings and checks its call while the query is planned.
pub(crate) fn prepares_calls(function: &AggregateUDF) -> bool {
    aggregate::is_ours(function) || function.inner().is::<retention::retention::Retention>()
}

/// Makes every function known under its name and its aliases.
pub fn register_all(registry: &mut dyn FunctionRegistry) -> Result<()> {
    for function in all() {
        match function {
            Function::Scalar(function) => drop(registry.register_udf(function)?),
            Function::Aggregate(function) => drop(registry.register_udaf(function)?),
            Function::Window(function) => drop(registry.register_udwf(function)?),
            // Planned by `plan::table_forms`; nothing runs under its name.
            Function::TableForm(_) => {}
        }
    }
    Ok(())
}

/// A function of any kind.
#[derive(Debug, Clone)]
pub enum Function {
    Scalar(Arc<ScalarUDF>),
    Aggregate(Arc<AggregateUDF>),
    Window(Arc<WindowUDF>),
    TableForm(TableForm),
}

impl Function {
    pub fn name(&self) -> &str {
        match self {
            Function::Scalar(function) => function.name(),
            Function::Aggregate(function) => function.name(),
            Function::Window(function) => function.name(),
            Function::TableForm(form) => form.name(),
        }
    }

    pub fn aliases(&self) -> &[String] {
        match self {
            Function::Scalar(function) => function.aliases(),
            Function::Aggregate(function) => function.aliases(),
            Function::Window(function) => function.aliases(),
            Function::TableForm(_) => &[],
        }
    }

    pub fn documentation(&self) -> Option<&Documentation> {
        match self {
            Function::Scalar(function) => function.documentation(),
            Function::Aggregate(function) => function.documentation(),
            Function::Window(function) => function.documentation(),
            Function::TableForm(form) => Some(form.documentation()),
        }
    }

    /// The aggregate whose stored states this function writes or merges; `None` for a function that answers by itself.
    pub fn states_of(&self) -> Option<&str> {
        let suffixes = ["_merge_state", "_state", "_merge"];
        suffixes.iter().find_map(|suffix| self.name().strip_suffix(suffix))
    }

    /// How a call is used: in a row, over a group, over a window, or as a relation.
    pub fn kind(&self) -> &'static str {
        match self {
            Function::Scalar(_) => "scalar function",
            Function::Aggregate(_) => "aggregate function",
            Function::Window(_) => "window function",
            Function::TableForm(_) => "table form",
        }
    }
}

impl From<ScalarUDF> for Function {
    fn from(function: ScalarUDF) -> Self {
        Function::Scalar(Arc::new(function))
    }
}

impl From<AggregateUDF> for Function {
    fn from(function: AggregateUDF) -> Self {
        Function::Aggregate(Arc::new(function))
    }
}

impl From<WindowUDF> for Function {
    fn from(function: WindowUDF) -> Self {
        Function::Window(Arc::new(function))
    }
}
