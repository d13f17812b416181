//! `footfall vacuum`: files that no version of a store needs any more.

use std::io::Write;
use std::time::Duration;

use datafusion::common::Result;
use footfall::store::Store;

use crate::cli::{Limits, VacuumArgs};
use crate::commands::{Outcome, grouped, stdout, tell, usage};

/// Less than this is shorter than a long query or landing.
const LEAST: Duration = Duration::from_secs(3600);

pub(crate) async fn run(args: &VacuumArgs, limits: &Limits) -> Result<Outcome> {
    if args.retain < LEAST && !args.force {
        return Err(usage(format!(
            "--retain {:?} is less than an hour: queries and landings under way would lose their files",
            args.retain
        )));
    }
    let vacuumed = Store::open(&args.store).await?.vacuum(args.retain, args.dry_run).await?;
    if args.dry_run {
        let mut out = stdout();
        for file in &vacuumed.removed {
            writeln!(out, "{file}")?;
        }
        out.flush()?;
    }
    tell(
        limits,
        format!(
            "{} files, {} bytes {}; {:.2} s",
            grouped(vacuumed.removed.len() as u64),
            grouped(vacuumed.bytes),
            if args.dry_run { "would be removed" } else { "removed" },
            vacuumed.seconds
        ),
    )?;
    Ok(Outcome::Done)
}
