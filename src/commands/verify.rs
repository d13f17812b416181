//! `footfall verify`: is everything in a store as it was written?

use std::io::Write;

use datafusion::common::Result;
use footfall::store::Store;

use crate::cli::{Limits, StoreArgs};
use crate::commands::{Outcome, grouped, say, stdout, tell};

pub(crate) async fn run(args: &StoreArgs, limits: &Limits) -> Result<Outcome> {
    let threads =
        limits.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(2, usize::from));
    let verified = Store::verify_folder(&args.store, threads).await?;
    let mut out = stdout();
    for problem in &verified.problems {
        writeln!(out, "{problem}")?;
    }
    out.flush()?;
    let verdict = match verified.problems.len() {
        0 => "all sound".to_string(),
        1 => "1 problem".to_string(),
        more => format!("{more} problems"),
    };
    tell(
        limits,
        format!(
            "{} files, {} rows, {} bytes: {verdict}; {:.2} s, {:.0} MB/s",
            grouped(verified.files as u64),
            grouped(verified.rows),
            grouped(verified.bytes),
            verified.seconds,
            verified.bytes as f64 / 1e6 / verified.seconds.max(1e-9)
        ),
    )?;
    if verified.files == 0 && !verified.problems.is_empty() {
        say(limits, "no data file was read: the log does not tell which there are");
    }
    if verified.unreferenced > 0 {
        say(
            limits,
            format!(
                "no version of the last 7 days refers to {} other files of {} bytes: footfall vacuum removes them",
                grouped(verified.unreferenced as u64),
                grouped(verified.unreferenced_bytes)
            ),
        );
    }
    Ok(if verified.problems.is_empty() { Outcome::Done } else { Outcome::Failed })
}
