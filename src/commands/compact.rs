//! `footfall compact`: fewer, longer files, the same rows.

use datafusion::common::Result;
use footfall::store::{CompactOptions, Store};

use crate::cli::{CompactArgs, Limits};
use crate::commands::{Outcome, grouped, tell};

pub(crate) async fn run(args: &CompactArgs, limits: &Limits) -> Result<Outcome> {
    let store = Store::open(&args.store).await?;
    let mut options = CompactOptions {
        weeks: !args.daily,
        months_after_days: (!args.daily).then_some(args.months_after),
        ..CompactOptions::default()
    };
    if let Some(threads) = limits.threads {
        options.threads = threads;
    }
    let compacted = store.compact(&options).await?;
    let line = match compacted.rows {
        0 => format!("{} files, nothing to compact; version {}", compacted.files_before, compacted.version),
        rows => format!(
            "{} files became {}: {} rows and {} bytes rewritten in {:.2} s at {} rows/s; version {}",
            compacted.files_before,
            compacted.files_after,
            grouped(rows),
            grouped(compacted.bytes),
            compacted.seconds,
            grouped((rows as f64 / compacted.seconds.max(1e-9)) as u64),
            compacted.version
        ),
    };
    tell(limits, line)?;
    Ok(Outcome::Done)
}
