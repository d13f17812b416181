//! `footfall info`: what a store holds.

use std::io::Write;

use datafusion::common::Result;
use footfall::store::Store;

use crate::cli::StoreArgs;
use crate::commands::{Outcome, stdout};

pub(crate) async fn run(args: &StoreArgs) -> Result<Outcome> {
    let info = Store::open(&args.store).await?.info().await?;
    let mut out = stdout();
    writeln!(out, "{info}")?;
    out.flush()?;
    Ok(Outcome::Done)
}
