//! The views that somebody saved in the store, as a session knows them.
//!
//! They come after the tables and views that every store has, in whatever order they build on each other: what does not plan
//! yet is tried again as long as another one has been found. One that does not plan at all stands in nobody's way; who uses
//! it is told its file and what is wrong.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{
    DataFusionError, Result, TableReference, exec_datafusion_err, exec_err, plan_datafusion_err, plan_err,
};
use datafusion::datasource::ViewTable;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::optimizer::analyzer::type_coercion::TypeCoercion;
use datafusion::optimizer::{Analyzer, AnalyzerRule};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::sqlparser::ast::{
    Statement as SqlStatement, Value as SqlValue, ValueWithSpan, Visit, Visitor,
};

use crate::store::{SavedView, Store, is_view_name};

/// A name that the checks of reports need.
const KEPT_FREE: &str = "result";

/// The saved views of a session, and the folder in which they are.
pub(crate) struct SavedViews {
    store: Store,
    /// Tables and views that every store has.
    built_in: BTreeSet<String>,
    known: Mutex<BTreeMap<String, Known>>,
}

struct Known {
    file: PathBuf,
    text: String,
    /// Why it does not plan.
    broken: Option<Arc<DataFusionError>>,
}

impl SavedViews {
    /// None yet; `built_in` are the names that are taken.
    pub(crate) fn new(store: &Store, built_in: Vec<String>) -> Self {
        let built_in = built_in.into_iter().chain([KEPT_FREE.to_string()]).collect();
        Self { store: store.clone(), built_in, known: Mutex::default() }
    }

    /// Registers the views as their files are now, in place of those that were registered before.
    pub(crate) async fn load(&self, context: &SessionContext) -> Result<()> {
        let before = std::mem::take(&mut *self.known());
        for name in before.into_keys() {
            context.deregister_table(TableReference::bare(name))?;
        }
        let mut waiting = Vec::new();
        for view in self.store.saved_views()? {
            // A table that the session has made itself stays.
            if !self.is_built_in(&view.name)
                && !context.table_exist(TableReference::bare(view.name.as_str()))?
            {
                waiting.push(view);
            }
        }
        let mut known = BTreeMap::new();
        let mut errors = BTreeMap::new();
        loop {
            let count = waiting.len();
            let mut left = Vec::new();
            for view in waiting {
                match table(context, &view).await {
                    Ok(table) => {
                        context.register_table(TableReference::bare(view.name.as_str()), table)?;
                        known.insert(view.name.clone(), Known::of(view, None));
                    }
                    Err(e) => {
                        errors.insert(view.name.clone(), e);
                        left.push(view);
                    }
                }
            }
            waiting = left;
            if waiting.is_empty() || waiting.len() == count {
                break;
            }
        }
        let broken: BTreeSet<String> = waiting.iter().map(|view| view.name.clone()).collect();
        let reads: BTreeMap<String, Vec<String>> = waiting
            .iter()
            .map(|view| {
                let read = references(context, view).into_iter().filter(|name| broken.contains(name));
                (view.name.clone(), read.collect::<Vec<String>>())
            })
            .collect();
        for view in waiting {
            let first = reads.get(&view.name).and_then(|read| read.first());
            let error = match (circle(&reads, &view.name), first, errors.remove(&view.name)) {
                (Some(circle), ..) if circle.len() == 1 => plan_datafusion_err!("it reads itself"),
                (Some(circle), ..) => plan_datafusion_err!(
                    "views that read each other in a circle: {} → {}",
                    circle.join(" → "),
                    view.name
                ),
                (None, Some(other), _) => {
                    plan_datafusion_err!("it reads view {other}, which cannot be used either")
                }
                (None, None, Some(e)) => e,
                (None, None, None) => exec_datafusion_err!("it does not plan"),
            };
            let error = Arc::new(error);
            let table = BrokenView { file: view.file.clone(), error: Arc::clone(&error) };
            context.register_table(TableReference::bare(view.name.as_str()), Arc::new(table))?;
            known.insert(view.name.clone(), Known::of(view, Some(error)));
        }
        *self.known() = known;
        Ok(())
    }

    /// Names of the views, also of those that do not plan.
    pub(crate) fn names(&self) -> Vec<String> {
        self.known().keys().cloned().collect()
    }

    /// Names of the tables and views that every store has.
    pub(crate) fn built_in(&self) -> impl Iterator<Item = &str> {
        self.built_in.iter().map(String::as_str).filter(|name| *name != KEPT_FREE)
    }

    pub(crate) fn is_saved(&self, name: &str) -> bool {
        self.known().contains_key(name)
    }

    /// Whether every store has a table or view of this name, or may not have one.
    pub(crate) fn is_built_in(&self, name: &str) -> bool {
        self.built_in.contains(name)
    }

    /// The file of a view that does not plan, and why it does not.
    pub(crate) fn broken(&self, name: &str) -> Option<(PathBuf, Arc<DataFusionError>)> {
        let known = self.known();
        let view = known.get(name)?;
        Some((view.file.clone(), Arc::clone(view.broken.as_ref()?)))
    }

    /// Whether the view `from` reads the view `name`, by way of others, too.
    pub(crate) fn reads(&self, context: &SessionContext, from: &str, name: &str) -> bool {
        let mut seen = BTreeSet::new();
        let mut next = vec![from.to_string()];
        while let Some(view) = next.pop() {
            if view == name {
                return true;
            }
            let text = self.known().get(&view).map(|view| view.text.clone());
            if let Some(text) = text
                && seen.insert(view)
            {
                next.extend(references_of(context, &text));
            }
        }
        false
    }

    /// Saves a view once it is known to plan, and shows it in the session. Views that build on it see the new one.
    pub(crate) async fn save(
        &self,
        context: &SessionContext,
        name: &str,
        text: String,
        or_replace: bool,
    ) -> Result<()> {
        if !is_view_name(name) || self.is_built_in(name) {
            return plan_err!("'{name}' is no name for a saved view");
        }
        planned(context, &text).await?;
        self.store.save_view(name, &text, or_replace).await?;
        self.load(context).await
    }

    /// Removes a saved view, from the session, too.
    pub(crate) async fn remove(&self, context: &SessionContext, name: &str) -> Result<()> {
        self.store.remove_view(name).await?;
        self.load(context).await
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn of(view: SavedView, broken: Option<Arc<DataFusionError>>) -> Self {
        Self { file: view.file, text: view.text.unwrap_or_default(), broken }
    }
}

/// The shortest way from a view over those that it reads back to itself, without its end.
fn circle(reads: &BTreeMap<String, Vec<String>>, view: &str) -> Option<Vec<String>> {
    let mut seen = BTreeSet::new();
    let mut ways = VecDeque::from([vec![view.to_string()]]);
    while let Some(way) = ways.pop_front() {
        for next in way.last().and_then(|last| reads.get(last)).into_iter().flatten() {
            if next == view {
                return Some(way);
            }
            if seen.insert(next.clone()) {
                let mut longer = way.clone();
                longer.push(next.clone());
                ways.push_back(longer);
            }
        }
    }
    None
}

async fn table(context: &SessionContext, view: &SavedView) -> Result<Arc<dyn TableProvider>> {
    match &view.text {
        Ok(text) => planned(context, text).await,
        Err(reason) => exec_err!("{reason}"),
    }
}

/// The view of a text, if it is one query over what the session knows.
async fn planned(context: &SessionContext, text: &str) -> Result<Arc<dyn TableProvider>> {
    let plan = context.state().statement_to_plan(query(text)?).await?;
    // A UNION knows the types of its columns only then; CREATE VIEW does the same.
    let rule: Arc<dyn AnalyzerRule + Send + Sync> = Arc::new(TypeCoercion::new());
    let plan =
        Analyzer::with_rules(vec![rule]).execute_and_check(plan, &ConfigOptions::default(), |_, _| {})?;
    let mut names = BTreeSet::new();
    for field in plan.schema().fields() {
        if !names.insert(field.name().as_str()) {
            return plan_err!(
                "the view has two columns {}; name one of them otherwise: … AS name",
                field.name()
            );
        }
    }
    Ok(Arc::new(ViewTable::new(plan, Some(text.to_string()))))
}

/// The one query that a text holds.
fn query(text: &str) -> Result<Statement> {
    let mut statements = DFParser::parse_sql(text)?;
    let count = statements.len();
    let Some(statement) = statements.pop_front().filter(|_| count == 1) else {
        return plan_err!("a saved view is one query; the file has {count} statements");
    };
    let Statement::Statement(inner) = &statement else {
        return plan_err!("a saved view is a query: SELECT …");
    };
    if !matches!(inner.as_ref(), SqlStatement::Query(_)) {
        return plan_err!("a saved view is a query: SELECT …");
    }
    match Visit::visit(inner.as_ref(), &mut NoParameter) {
        ControlFlow::Continue(()) => Ok(statement),
        ControlFlow::Break(name) => plan_err!("a saved view has no parameters, but it names {name}"),
    }
}

/// Stops at a parameter.
struct NoParameter;

impl Visitor for NoParameter {
    type Break = String;

    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<Self::Break> {
        match &value.value {
            SqlValue::Placeholder(name) => ControlFlow::Break(name.clone()),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// The tables that a view reads; none if its text cannot be read.
fn references(context: &SessionContext, view: &SavedView) -> Vec<String> {
    view.text.as_ref().map_or_else(|_| Vec::new(), |text| references_of(context, text))
}

fn references_of(context: &SessionContext, text: &str) -> Vec<String> {
    let references = query(text).and_then(|query| context.state().resolve_table_references(&query));
    references.into_iter().flatten().map(|reference| reference.table().to_string()).collect()
}

/// Stands for a view that does not plan.
#[derive(Debug)]
struct BrokenView {
    file: PathBuf,
    error: Arc<DataFusionError>,
}

#[async_trait]
impl TableProvider for BrokenView {
    fn schema(&self) -> SchemaRef {
        Arc::new(Schema::empty())
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        _: &dyn Session,
        _: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        exec_err!("{}: {}", self.file.display(), self.error)
    }
}
