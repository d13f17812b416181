//! `footfall compact`: fewer, longer files, the same rows.

use datafusion::common::Result;
use footfall::store::{CompactOptions, Store};

use crate::cli::{Limits, StoreArgs};
use crate::commands::{Outcome, grouped, tell};

pub(crate) async fn run(args: &StoreArgs, limits: &Limits) -> Result<Outcome> {
    let store = Store::open(&args.store).await?;
    let mut options = CompactOptions::default();
    if let Some(threads) = limits.threads {
        options.threads = threads;
    }
    let compacted = store.compact(&options).await?;
    tell(
        limits,
        format!(
            "{} files became {}: {} rows and {} bytes rewritten in {:.2} s; version {}",
            compacted.files_before,
            compacted.files_after,
            grouped(compacted.rows),
            grouped(compacted.bytes),
            compacted.seconds,
            compacted.version
        ),
    )?;
    Ok(Outcome::Done)
}
