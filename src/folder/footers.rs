//! What does each file hold? Its footer or its first rows tell, and a file in which they cannot be read is refused by name.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::{DataFusionError, Result, exec_datafusion_err, exec_err, plan_datafusion_err};
use datafusion::datasource::file_format::FileFormat;
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::ObjectStore;

use super::files::File;
use super::json_lines::{INSTEAD, first_fault};
use crate::parquet_gate::gate;

/// The schema of each file, in the order of the files. All lie on the storage of the first.
pub(super) async fn schemas(
    state: &dyn Session,
    format: &Arc<dyn FileFormat>,
    files: &[File],
) -> Result<Vec<SchemaRef>> {
    let Some(first) = files.first() else { return Ok(vec![]) };
    let store = state.runtime_env().object_store_registry.get_store(&first.url)?;
    let at_once = state.config_options().execution.meta_fetch_concurrency.get();
    let reads: Vec<_> = files.iter().map(|file| schema(state, &store, format, file)).collect();
    futures::stream::iter(reads).buffered(at_once).try_collect().await
}

async fn schema(
    state: &dyn Session,
    store: &Arc<dyn ObjectStore>,
    format: &Arc<dyn FileFormat>,
    file: &File,
) -> Result<SchemaRef> {
    let name = &file.name;
    let refused = |error: DataFusionError| {
        let path = file.local_path().filter(|_| format.get_ext() == "json");
        match path.and_then(|path| first_fault(&path, None)) {
            Some(fault) => plan_datafusion_err!("file '{name}', {fault}; {INSTEAD}"),
            None => error.context(format!("file '{name}'")),
        }
    };
    let is_parquet = format.get_ext() == "parquet";
    if file.meta.size == 0 {
        return exec_err!("file '{name}' is empty: 0 bytes, as a writer leaves it that has not finished");
    }
    if is_parquet && let Some(path) = file.local_path() {
        gate(&mut std::fs::File::open(path)?).map_err(refused)?;
    }
    let read = format.infer_schema(state, store, std::slice::from_ref(&file.meta));
    // Some broken footers make the reader panic.
    match AssertUnwindSafe(read).catch_unwind().await {
        Ok(read) => read.map_err(refused),
        Err(_) => Err(exec_datafusion_err!("file '{name}' is broken in a way that its reader fails on")),
    }
}
