//! The commands, one file each: they connect the words of the command line to the library and print.

pub(crate) mod batch;
pub(crate) mod compact;
pub(crate) mod demo;
pub(crate) mod follow;
pub(crate) mod functions;
pub(crate) mod generate;
pub(crate) mod info;
pub(crate) mod land;
pub(crate) mod lineage;
pub(crate) mod list;
pub(crate) mod pack_tests;
pub(crate) mod preview;
pub(crate) mod progress;
pub(crate) mod repl;
pub(crate) mod report;
pub(crate) mod sql;
pub(crate) mod summary;
pub(crate) mod users;
pub(crate) mod vacuum;
pub(crate) mod verify;
pub(crate) mod watchdog;

use std::io::{BufWriter, IsTerminal, Write};
use std::path::Path;

use datafusion::common::{DataFusionError, Result};
use footfall::Engine;
use footfall::ask::{Usage, of_segment};

use crate::cli::Limits;

/// How a command ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    /// Landed, but not every row, and that was asked to be told.
    Rejected,
    /// What was looked for is not as it should be, as was told.
    Failed,
}

/// A session over the store, all of it or the users of a segment, or over files alone.
async fn engine(store: Option<&Path>, segment: Option<&str>, limits: &Limits) -> Result<Engine> {
    let engine = match store {
        Some(store) => Engine::open(store, &limits.engine_options()).await?,
        None => Engine::new(&limits.engine_options())?,
    };
    narrowed(engine, segment, limits).await
}

/// The session as it was asked for: only the users of a segment, only reading.
async fn narrowed(engine: Engine, segment: Option<&str>, limits: &Limits) -> Result<Engine> {
    let engine = match segment {
        Some(segment) => of_segment(&engine, segment).await?,
        None => engine,
    };
    if limits.read_only { engine.read_only().await } else { Ok(engine) }
}

/// Tells the person at the terminal or the log of a batch run; a program that reads errors as JSON gets nothing else.
fn say(limits: &Limits, message: impl AsRef<str>) {
    if !limits.quiet && limits.errors != "json" {
        eprintln!("{}", message.as_ref());
    }
}

/// Tells only a person at the terminal.
fn remark(limits: &Limits, message: impl AsRef<str>) {
    if std::io::stderr().is_terminal() {
        say(limits, message);
    }
}

/// A command's one-line answer, on stdout; `--quiet` is for those who do not want it.
fn tell(limits: &Limits, line: impl AsRef<str>) -> Result<()> {
    if !limits.quiet {
        let mut out = std::io::stdout();
        writeln!(out, "{}", line.as_ref())?;
        out.flush()?;
    }
    Ok(())
}

/// What makes the exit code 2.
fn usage(message: impl Into<String>) -> DataFusionError {
    DataFusionError::External(Box::new(Usage(message.into())))
}

fn stdout() -> impl Write + Send {
    BufWriter::with_capacity(1 << 16, std::io::stdout())
}

/// 1234567 as 1,234,567.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
