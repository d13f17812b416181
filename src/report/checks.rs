//! `-- check:` lines: what holds of every result is tested before anybody sees it.
//!
//! A check is one Boolean expression over the result, which is a table of the name `result`. An expression over aggregates
//! gives one value, any other one a value a row; every value must be true. NULL is not: an aggregate over no rows would pass
//! for a check that nobody has made.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::DFParser;

use crate::ask::{
    Arguments, Check, Parsed, Source, Usage, answer, check_chains, is_usage, parse, plain, sentence,
};
use crate::engine::{Engine, copy_of};
use crate::report::Answer;

/// The table that a check is about.
const RESULT: &str = "result";

/// What is said behind a check whose value is NULL.
const IS_NULL: &str = " is NULL; where that is right, write coalesce(…, true)";

/// A check that can be asked.
#[derive(Debug, Clone)]
pub(super) struct Test {
    /// File and line, for messages.
    place: String,
    expression: String,
    source: Source,
    query: Parsed,
}

impl Test {
    /// Checks the expression's syntax; `file` is where it stands.
    pub(super) fn parse(file: &str, check: &Check) -> Result<Self> {
        let place = format!("{file}:{}", check.line);
        let wrong = |reason: String| Usage::error(format!("{place}: check: {reason}"));
        let text = format!("SELECT ({}) AS holds FROM {RESULT}", check.expression);
        let source = Source::new(format!("{place} (check)"), text);
        check_chains(&source)?;
        let parsed = DFParser::parse_sql_into_expr(&check.expression).map_err(|e| wrong(plain(&e)))?;
        if let Some(alias) = parsed.alias {
            return Err(wrong(format!("'{alias}' behind the expression")));
        }
        let mut statements = parse(&source).map_err(|e| wrong(plain(&e)))?;
        match (statements.pop(), statements.is_empty()) {
            (Some(query), true) => Ok(Self { place, expression: check.expression.clone(), source, query }),
            _ => Err(wrong("it is not one expression".to_string())),
        }
    }

    pub(super) fn expression(&self) -> &str {
        &self.expression
    }

    /// The parameters that it needs.
    pub(super) fn parameters(&self) -> impl Iterator<Item = String> {
        self.query.parameters().into_iter()
    }

    /// What is wrong with the result; `None` if the check holds of it.
    async fn fault(&self, context: &SessionContext, arguments: &Arguments) -> Result<Option<&'static str>> {
        // The place is that of the check: nobody wrote the query around it.
        let failed = |e: DataFusionError| {
            let text = format!("{}: check: {}", self.place, sentence(&e));
            if is_usage(&e) { Usage::error(text) } else { DataFusionError::Plan(text) }
        };
        let answered = answer(context, &self.source, &self.query, arguments).await;
        let Some(frame) = answered.map_err(failed)? else {
            return Err(Usage::error(format!("{}: check: it has no value", self.place)));
        };
        let mut fault = None;
        for batch in frame.collect().await? {
            let column = batch.column(0);
            match column.data_type() {
                DataType::Boolean => {
                    let values = column.as_boolean();
                    if values.has_false() {
                        return Ok(Some(""));
                    }
                    if values.null_count() > 0 {
                        fault = Some(IS_NULL);
                    }
                }
                DataType::Null if batch.num_rows() > 0 => fault = Some(IS_NULL),
                DataType::Null => {}
                other => {
                    return Err(Usage::error(format!(
                        "{}: check: `{}` is {other}, not true or false",
                        self.place, self.expression
                    )));
                }
            }
        }
        Ok(fault)
    }
}

/// Fails with the first check that does not hold of the answer.
pub(super) async fn check(
    tests: &[Test],
    engine: &Engine,
    arguments: &Arguments,
    found: &Answer,
) -> Result<()> {
    if tests.is_empty() {
        return Ok(());
    }
    let table = MemTable::try_new(Arc::clone(&found.schema), vec![found.batches.clone()])?;
    // A session of its own: another report may be checked at the same time.
    let context = copy_of(engine.context()).await?;
    context.register_table(RESULT, Arc::new(table))?;
    for test in tests {
        if let Some(fault) = test.fault(&context, arguments).await? {
            return exec_err!("{}: check failed: {}{fault}", test.place, test.expression);
        }
    }
    Ok(())
}
