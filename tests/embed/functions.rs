//! Footfall's functions in a program's own DataFusion session, without a store: `cargo run --release --example embed_functions`.
//!
//! The session keeps its own tables, settings and other functions; only the functions and rules are added.

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{Float64Type, Int64Type};
use datafusion::common::Result;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use footfall::FootfallExt;

/// Edits of Wikipedia on one day, with columns of their own.
const EDITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/wikipedia_edits_20150912/events.parquet");

#[tokio::main]
async fn main() -> Result<()> {
    let (sessions, bounce_rate) = run().await?;
    println!("{sessions} sessions, {:.1} % of them of one edit", bounce_rate * 100.0);
    Ok(())
}

/// Sessions of editing at a 30-minute gap, and the part of them with a single edit.
pub(crate) async fn run() -> Result<(i64, f64)> {
    let state = SessionStateBuilder::new().with_default_features().with_footfall().build();
    let context = SessionContext::new_with_state(state);
    context.register_parquet("edits", EDITS, ParquetReadOptions::default()).await?;
    let batches = context
        .sql(
            "SELECT count(*) FILTER (WHERE s['is_entry']), bounce_rate(s['is_bounce'], s['is_entry'])
             FROM (SELECT session_info(ts, INTERVAL '30 minutes', page) OVER (PARTITION BY \"user\" ORDER BY ts) AS s FROM edits)",
        )
        .await?
        .collect()
        .await?;
    let sessions = batches[0].column(0).as_primitive::<Int64Type>().value(0);
    let rate = batches[0].column(1).as_primitive::<Float64Type>().value(0);
    Ok((sessions, rate))
}
