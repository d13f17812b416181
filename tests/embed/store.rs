//! A program with a store of its own: open or create it, land a log, ask in SQL, read record batches.
//! `cargo run --release --example embed_store -- FOLDER`

use std::path::{Path, PathBuf};

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::common::{Result, exec_datafusion_err};
use footfall::land::{LandOptions, Mapping, NoProgress, land};
use footfall::store::Store;
use footfall::{Engine, EngineOptions};
use futures::TryStreamExt;

/// Requests of a web server; the mapping `nasa` says which are page views.
const LOG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/nasa_ksc_19950801/events.parquet");

#[tokio::main]
async fn main() -> Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "footfall-demo/embedded".to_string());
    let [views, visitors, sessions, bounces] = run(Path::new(&folder)).await?;
    println!("{views} page views of {visitors} visitors in {sessions} sessions, {bounces} of them bounces");
    Ok(())
}

/// Page views, visitors, sessions and bounces of the log.
pub(crate) async fn run(folder: &Path) -> Result<[i64; 4]> {
    let store = Store::open_or_create(folder, Some("UTC")).await?;
    // A file lands once, however often the program runs.
    let options = LandOptions::new(Mapping::named("nasa")?);
    land(&store, &[PathBuf::from(LOG)], &options, &NoProgress).await?;

    let engine = Engine::with_store(&store, &EngineOptions::default()).await?;
    let answer = engine
        .sql(
            "SELECT sum(views), count(DISTINCT user_id), count(*), count(*) FILTER (WHERE is_bounce)
             FROM sessions WHERE views > 0",
        )
        .await?;
    // Batches come as they are made; a large answer is never held as a whole.
    let mut batches = answer.execute_stream().await?;
    while let Some(batch) = batches.try_next().await? {
        if batch.num_rows() > 0 {
            return Ok([0, 1, 2, 3].map(|i| batch.column(i).as_primitive::<Int64Type>().value(0)));
        }
    }
    Err(exec_datafusion_err!("the store gave no answer"))
}
