//! Table forms: a whole question as one relation in FROM, `sessions(t, user, ts, gap, page)` and its like.
//!
//! ```text
//! SELECT count(*) FROM sessions(events, user_id, ts, INTERVAL '30 minutes', page)
//!                               └ relation: any table, view, CTE, `(SELECT …)`, file or table function
//!   call.rs      what is written: arguments, options, each with its place
//!   relation.rs  the relation as a plan, wherever it comes from
//!   sessions.rs  page_stats.rs  cohort.rs  funnel_report.rs     the question as SQL over the session functions
//!   template.rs  that SQL with the caller's own expressions put in, as a parsed tree
//! ```
//!
//! A form is nothing but the SQL that one would write without it, so all rules of the planner apply to it: rows in order of
//! user and time are streamed, columns nobody reads are not computed. No text of the query is pasted: the parsed
//! expressions move into the parsed template. What each form answers is said in `functions::table_forms`.

mod call;
mod cohort;
mod funnel_report;
mod page_stats;
mod relation;
mod sessions;
mod template;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::catalog::TableFunction;
use datafusion::common::{DFSchema, Result, plan_err};
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{Query, TableFactor};

use self::call::FormCall;
use self::relation::NamedTable;
use crate::functions::table_forms::TableForm as Form;

/// Plans the table forms. Stateless but for the moment in which a form is being planned.
#[derive(Debug, Default)]
pub(crate) struct TableForms {
    /// The relations of the forms that are being planned, by the names that their templates use.
    inputs: Mutex<HashMap<String, LogicalPlan>>,
    named: AtomicU64,
}

/// The table function by which a form finds a table that nothing else in the query names.
pub(crate) fn named_table() -> (String, Arc<TableFunction>) {
    let name = relation::NAMED_TABLE.to_owned();
    (name.clone(), Arc::new(TableFunction::new(name, Arc::new(NamedTable))))
}

impl Form {
    /// The fewest and the most arguments before the options.
    fn arguments(self) -> (usize, usize) {
        match self {
            Form::Sessions | Form::PageStats => (5, 5),
            Form::Cohort => (3, 4),
            Form::FunnelReport => (5, 4 + funnel_report::MAX_STEPS),
        }
    }

    /// The form that `relation` calls, if it calls one.
    fn of(relation: &TableFactor, context: &dyn RelationPlannerContext) -> Option<Self> {
        let TableFactor::Table { name, args: Some(_), .. } = relation else {
            return None;
        };
        let [part] = name.0.as_slice() else {
            return None;
        };
        let name = context.normalize_ident(part.as_ident()?.clone());
        Self::ALL.into_iter().find(|form| form.name() == name)
    }

    /// The question as SQL over the relation `input`, whose columns are those of `schema`.
    fn query(
        self,
        call: &FormCall,
        input: &str,
        schema: &DFSchema,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<Box<Query>> {
        match self {
            Form::Sessions => sessions::query(call, input, schema, context),
            Form::PageStats => page_stats::query(call, input, schema, context),
            Form::Cohort => cohort::query(call, input, schema, context),
            Form::FunnelReport => funnel_report::query(call, input, schema, context),
        }
    }
}

impl RelationPlanner for TableForms {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        if let Some(input) = self.input(&relation) {
            return Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(input, None))));
        }
        let Some(form) = Form::of(&relation, context) else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let (call, alias) = FormCall::read(form, relation)?;
        let input = relation::plan(form, &call, context)?;
        let schema = Arc::clone(input.schema());
        let name = format!("{INPUT}{}", self.named.fetch_add(1, Ordering::Relaxed));
        let query = form.query(&call, &name, &schema, context)?;
        let mut plan = self.plan_over(&name, input, query, context)?;
        if alias.is_none() {
            plan = LogicalPlanBuilder::from(plan).alias(form.name())?.build()?;
        }
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, alias))))
    }
}

/// No query of a user has such a table, and one that has is none of ours: the name must be known, too.
const INPUT: &str = "__footfall_input_";

impl TableForms {
    /// Plans `query`, in which `name` stands for `input`.
    fn plan_over(
        &self,
        name: &str,
        input: LogicalPlan,
        query: Box<Query>,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<LogicalPlan> {
        self.inputs.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), input);
        let plan =
            context.plan(TableFactor::Derived { lateral: false, subquery: query, alias: None, sample: None });
        self.inputs.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        plan
    }

    fn input(&self, relation: &TableFactor) -> Option<LogicalPlan> {
        let TableFactor::Table { name, args: None, .. } = relation else {
            return None;
        };
        let name = &name.0.first()?.as_ident()?.value;
        if !name.starts_with(INPUT) {
            return None;
        }
        self.inputs.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }
}

/// An argument that is wrong, with its place.
fn wrong<T>(form: Form, place: usize, name: &str, what: &str) -> Result<T> {
    plan_err!("{}: argument {place} ({name}) {what}", form.name())
}
