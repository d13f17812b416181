//! `footfall info`: what a store holds, or which days have changed; for people or as JSON.

use std::io::Write;

use datafusion::arrow::temporal_conversions::date32_to_datetime;
use datafusion::common::Result;
use footfall::Engine;
use footfall::ask::{ColumnAbout, TableAbout, about_tables, type_name};
use footfall::store::{Changes, Store};
use serde_json::{Value, json};

use crate::cli::{InfoArgs, Limits};
use crate::commands::{Outcome, pretty, stdout};

pub(crate) async fn run(args: &InfoArgs, limits: &Limits) -> Result<Outcome> {
    let store = Store::open(&args.store).await?;
    let mut out = stdout();
    match (args.changed_since, args.json) {
        (Some(version), false) => writeln!(out, "{}", store.changed_since(version).await?)?,
        (Some(version), true) => {
            write!(out, "{}", pretty(&changes(version, &store.changed_since(version).await?))?)?
        }
        (None, false) => writeln!(out, "{}", store.info().await?)?,
        (None, true) => write!(out, "{}", pretty(&info(&store, limits).await?)?)?,
    }
    out.flush()?;
    Ok(Outcome::Done)
}

/// What the text says, and every table and view with its columns.
async fn info(store: &Store, limits: &Limits) -> Result<Value> {
    let info = store.info().await?;
    let engine = Engine::with_store(store, &limits.engine_options()).await?;
    let tables = about_tables(&engine).await?;
    Ok(json!({
        "store": info.root,
        "time_zone": info.time_zone,
        "version": info.version,
        "rows": info.rows,
        "days": info.days.map(|(first, last)| json!({ "first": day(first), "last": day(last) })),
        "files": info.files,
        "bytes": info.bytes,
        "shards": info.shards,
        "splits": info.splits,
        "profiles": info.profiles,
        "quarantined": info.quarantined,
        "tables": tables.iter().map(table).collect::<Vec<_>>(),
    }))
}

fn table(table: &TableAbout) -> Value {
    json!({
        "name": table.name,
        "kind": if table.is_view { "view" } else { "table" },
        "comment": table.comment,
        "columns": table.columns.iter().map(column).collect::<Vec<_>>(),
    })
}

fn column(column: &ColumnAbout) -> Value {
    json!({
        "name": column.name,
        "type": type_name(&column.data_type),
        "nullable": column.is_nullable,
        "comment": column.comment,
    })
}

fn changes(since: u64, changes: &Changes) -> Value {
    let days: Vec<Value> =
        changes.days.iter().map(|(date, rows)| json!({ "day": day(*date), "rows": rows })).collect();
    json!({ "since": since, "version": changes.version, "days": days })
}

fn day(date: i32) -> Option<String> {
    date32_to_datetime(date).map(|day| day.format("%Y-%m-%d").to_string())
}
