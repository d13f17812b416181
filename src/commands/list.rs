//! `footfall report --list`: which reports there are and what they ask for, for people or as JSON.

use std::fmt::Write as _;

use datafusion::common::Result;
use footfall::ask::{Chart, Label, Parameter};
use footfall::report::Report;
use serde_json::{Value, json};

use crate::commands::pretty;

pub(super) fn text(reports: &[&Report]) -> String {
    let mut out = String::new();
    for report in reports {
        let _ = writeln!(out, "{}\n  {}", report.name, report.title);
        if let Some(question) = &report.question {
            for half in std::iter::once(&question.en).chain(&question.zh) {
                let _ = writeln!(out, "  {half}");
            }
        }
        for parameter in &report.parameters {
            let _ = write!(out, "  -p {} ({}", parameter.name, parameter.kind);
            if let Some(values) = &parameter.values {
                let _ = write!(out, " of {values}");
            }
            if let Some(least) = parameter.least {
                let _ = write!(out, " from {least}");
            }
            if !parameter.accepted.is_empty() {
                let _ = write!(out, " in {}", parameter.accepted.join(", "));
            }
            let _ = match &parameter.default {
                Some(default) => write!(out, ", default {default})"),
                None => write!(out, ", must be given)"),
            };
            let _ = writeln!(out, ": {}", parameter.meaning);
        }
        out.push('\n');
    }
    out
}

/// An array of objects, one a report.
pub(super) fn json(reports: &[&Report]) -> Result<String> {
    let reports: Vec<Value> = reports.iter().map(|report| of(report)).collect();
    pretty(&reports)
}

fn of(report: &Report) -> Value {
    let columns: Vec<Value> = report
        .columns
        .iter()
        .map(|column| {
            json!({
                "name": column.name,
                "label": label(&column.label),
                "definition": label(&column.definition),
            })
        })
        .collect();
    json!({
        "name": report.name,
        "title": label(&report.title),
        "question": report.question.as_ref().map(label),
        "parameters": report.parameters.iter().map(parameter).collect::<Vec<_>>(),
        "columns": columns,
        "charts": report.charts.iter().map(chart).collect::<Vec<_>>(),
        "checks": report.checks().collect::<Vec<_>>(),
        "json": if report.json_object { "object" } else { "array" },
        "period": report.period.map(|period| period.to_string()),
        "sql": report.text(),
    })
}

fn label(label: &Label) -> Value {
    json!({ "en": label.en, "zh": label.zh })
}

fn parameter(parameter: &Parameter) -> Value {
    json!({
        "name": parameter.name,
        "type": parameter.kind.to_string(),
        "accepts": parameter.kind.accepts(),
        "of": parameter.values.as_ref().map(|values| values.to_string()),
        "default": parameter.default,
        "from": parameter.least,
        "in": parameter.accepted,
        "meaning": parameter.meaning,
    })
}

fn chart(chart: &Chart) -> Value {
    let roles: serde_json::Map<String, Value> =
        chart.roles().map(|(role, columns)| (role.to_string(), json!(columns))).collect();
    json!({ "kind": chart.kind.to_string(), "roles": roles })
}
