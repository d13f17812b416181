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
use footfall::ask::{Usage, narrowed};
use footfall::repl::text::grouped;
use serde::Serialize;

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
    narrowed(engine, segment, limits.read_only).await
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

/// As people read JSON, with the end of the last line.
fn pretty(value: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n").map_err(|e| DataFusionError::External(Box::new(e)))
}

fn stdout() -> impl Write + Send {
    BufWriter::with_capacity(1 << 16, std::io::stdout())
}
