//! From the engine to the names that a completion chooses from.

use std::collections::HashSet;

use datafusion::common::config::ConfigExtension;
use datafusion::common::{Result, TableReference};
use datafusion::logical_expr::Documentation;
use datafusion::prelude::SessionContext;

use crate::ask::{ParameterType, type_name};
use crate::config::FootfallOptions;
use crate::engine::Engine;
use crate::functions::{self, Function as OurFunction};
use crate::repl::complete::{Function, Item, Report, ReportParameter, Table, Takes};
use crate::report::{Pack, declared_events, texts};

/// Columns of events whose values are offered behind `=`.
const WITH_VALUES: [&str; 3] = ["event", "page", "scene"];
const MOST_VALUES: usize = 200;

/// Every table and view with its columns, those of the default schema first and without its name.
pub(crate) async fn tables(context: &SessionContext) -> Vec<Table> {
    let config = context.copied_config();
    let defaults = &config.options().catalog;
    let mut found = Vec::new();
    for catalog in context.catalog_names() {
        let Some(provider) = context.catalog(&catalog) else {
            continue;
        };
        for schema in provider.schema_names() {
            let Some(tables) = provider.schema(&schema) else {
                continue;
            };
            let is_default = catalog == defaults.default_catalog && schema == defaults.default_schema;
            for name in tables.table_names() {
                let Ok(Some(table)) = tables.table(&name).await else {
                    continue;
                };
                let columns = table
                    .schema()
                    .fields()
                    .iter()
                    .map(|field| Item::new(field.name(), type_name(field.data_type())))
                    .collect();
                let kind = match table.table_type() {
                    datafusion::datasource::TableType::View => "view",
                    _ => "table",
                };
                let name = if is_default { name } else { format!("{schema}.{name}") };
                found.push(Table { name, detail: kind.to_string(), columns });
            }
        }
    }
    let place = |table: &Table| {
        let order = ["events", "visits", "sessions", "active_days", "users", "shares"];
        (
            table.name.contains('.'),
            order.iter().position(|name| *name == table.name).unwrap_or(order.len()),
            table.name.clone(),
        )
    };
    found.sort_by_key(place);
    // The schema of the engine's own tables is not of the store.
    found.sort_by_key(|table| table.name.contains('.'));
    found
}

/// Footfall's functions and table forms, then the engine's.
pub(crate) fn functions(context: &SessionContext) -> Vec<Function> {
    let mut found: Vec<Function> = Vec::new();
    for function in functions::all().into_iter().filter(|function| function.states_of().is_none()) {
        let is_relation = matches!(function, OurFunction::TableForm(_));
        found.push(described(function.name(), function.documentation(), is_relation, true));
    }
    let known: HashSet<String> =
        functions::all().iter().map(|function| function.name().to_string()).collect();
    let state = context.state();
    let mut others: Vec<Function> = Vec::new();
    others.extend(
        state.scalar_functions().values().map(|f| described(f.name(), f.documentation(), false, false)),
    );
    others.extend(
        state.aggregate_functions().values().map(|f| described(f.name(), f.documentation(), false, false)),
    );
    others.extend(
        state.window_functions().values().map(|f| described(f.name(), f.documentation(), false, false)),
    );
    others.extend(state.table_functions().keys().map(|name| described(name, None, true, false)));
    others.retain(|function| !known.contains(&function.name));
    others.sort_by(|a, b| a.name.cmp(&b.name));
    others.dedup_by(|a, b| a.name == b.name);
    found.extend(others);
    found
}

fn described(
    name: &str,
    documentation: Option<&Documentation>,
    is_relation: bool,
    is_ours: bool,
) -> Function {
    let mut function = Function { name: name.to_string(), is_relation, is_ours, ..Function::default() };
    if let Some(documentation) = documentation {
        function.syntax = documentation.syntax_example.trim().to_string();
        function.doc = documentation.description.trim().lines().next().unwrap_or_default().to_string();
        function.arguments = documentation.arguments.clone().unwrap_or_default();
    }
    function
}

/// What may be SET, ours first.
pub(crate) fn settings(context: &SessionContext) -> Vec<(Item, String)> {
    let config = context.copied_config();
    let mut entries = config.options().entries();
    // The engine tells the names of an extension's options without their prefix.
    for entry in entries.iter_mut().filter(|entry| !entry.key.contains('.')) {
        entry.key = format!("{}.{}", FootfallOptions::PREFIX, entry.key);
    }
    entries.sort_by_key(|entry| (!entry.key.starts_with(FootfallOptions::PREFIX), entry.key.clone()));
    entries
        .into_iter()
        .map(|entry| (Item::new(entry.key, entry.value.unwrap_or_default()), entry.description.to_string()))
        .collect()
}

pub(crate) fn reports(pack: &Pack) -> Vec<Report> {
    let report = |report: &crate::report::Report| Report {
        name: report.name.clone(),
        title: report.title.to_string(),
        parameters: report
            .parameters
            .iter()
            .map(|parameter| ReportParameter {
                name: parameter.name.clone(),
                detail: format!("{}: {}", parameter.kind, parameter.meaning),
                accepted: parameter.accepted.clone(),
                takes: match (parameter.kind, &parameter.values) {
                    (ParameterType::Column, _) => Takes::Column,
                    (ParameterType::Filter, _) => Takes::Filter,
                    (ParameterType::List, Some(values)) => Takes::Values(values.column.clone()),
                    (_, Some(values)) => Takes::Value(values.column.clone()),
                    (_, None) => Takes::Other,
                },
            })
            .collect(),
    };
    pack.reports.iter().map(report).collect()
}

/// The most frequent values of events' columns with few of them, over the last week of the store.
pub(crate) async fn values(engine: &Engine) -> Result<Vec<(String, Vec<String>)>> {
    let context = engine.context();
    if !context.table_exist(TableReference::bare("events"))? {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    for column in WITH_VALUES {
        let query = format!(
            "SELECT CAST({column} AS VARCHAR) AS value, count(*) AS times FROM events \
             WHERE {column} IS NOT NULL AND dt > (SELECT max(dt) FROM events) - INTERVAL '7 days' \
             GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MOST_VALUES}"
        );
        let mut values = texts(engine, &query).await?;
        if column == "event" {
            // What is declared but has not come yet.
            for event in declared_events(engine).await.unwrap_or_default() {
                if !values.contains(&event) {
                    values.push(event);
                }
            }
        }
        all.push((column.to_string(), values));
    }
    Ok(all)
}
