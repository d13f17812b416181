//! `footfall info`: what a store holds, or which days have changed.

use std::io::Write;

use datafusion::common::Result;
use footfall::store::Store;

use crate::cli::{InfoArgs, Limits};
use crate::commands::{Outcome, stdout};

pub(crate) async fn run(args: &InfoArgs, _: &Limits) -> Result<Outcome> {
    let store = Store::open(&args.store).await?;
    let mut out = stdout();
    match args.changed_since {
        Some(version) => writeln!(out, "{}", store.changed_since(version).await?)?,
        None => writeln!(out, "{}", store.info().await?)?,
    }
    out.flush()?;
    Ok(Outcome::Done)
}
