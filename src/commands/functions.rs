//! `footfall functions`: the reference, from the one list of functions.

use std::io::Write;

use datafusion::common::Result;
use footfall::functions::docs;

use crate::cli::FunctionsArgs;
use crate::commands::{Outcome, stdout, usage};

pub(crate) fn run(args: &FunctionsArgs) -> Result<Outcome> {
    let text = match &args.name {
        Some(name) => docs::page(name).ok_or_else(|| usage(docs::unknown(name)))?,
        None => docs::reference(),
    };
    let mut out = stdout();
    writeln!(out, "{}", text.trim_end())?;
    out.flush()?;
    Ok(Outcome::Done)
}
