//! `footfall report --lineage`: from which columns of the store each column of a report is computed, for people or as JSON.

use std::fmt::Write as _;

use datafusion::common::Result;
use footfall::report::lineage::{ColumnLineage, Lineage, Origin};
use serde_json::{Value, json};

use crate::commands::pretty;

pub(super) fn text(lineages: &[(&str, Lineage)]) -> String {
    let mut out = String::new();
    for (report, lineage) in lineages {
        let _ = writeln!(out, "{report}");
        for column in &lineage.columns {
            let _ = writeln!(out, "  {}", column.name);
            let from =
                if column.from.is_empty() { "nothing of the store".to_string() } else { list(&column.from) };
            let _ = writeln!(out, "    from    {from}");
            if !column.filters.is_empty() {
                let _ = writeln!(out, "    filters {}", list(&column.filters));
            }
        }
        out.push('\n');
    }
    out
}

/// An array of objects, one a report.
pub(super) fn json(lineages: &[(&str, Lineage)]) -> Result<String> {
    let reports: Vec<Value> = lineages
        .iter()
        .map(|(report, lineage)| {
            json!({ "name": report, "columns": lineage.columns.iter().map(column).collect::<Vec<_>>() })
        })
        .collect();
    pretty(&reports)
}

fn column(column: &ColumnLineage) -> Value {
    json!({
        "name": column.name,
        "from": column.from.iter().map(origin).collect::<Vec<_>>(),
        "filters": column.filters.iter().map(origin).collect::<Vec<_>>(),
    })
}

/// The column is null where it is the rows themselves, as `count(*)` counts them.
fn origin(origin: &Origin) -> Value {
    json!({ "table": origin.table, "column": origin.column })
}

fn list(origins: &[Origin]) -> String {
    origins.iter().map(Origin::to_string).collect::<Vec<_>>().join(", ")
}
