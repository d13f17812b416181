//! `footfall land --table users`: files of users into their profiles, and an account of every row.

use std::path::PathBuf;

use datafusion::common::Result;
use footfall::land::{
    Format, LandedUsers, UserMapping, UserOptions, inspect_users, land_users, shown, sources,
};
use footfall::store::Store;

use crate::cli::{LandArgs, Limits};
use crate::commands::{Outcome, grouped, say, tell, usage};

pub(crate) async fn run(args: &LandArgs, format: Option<Format>, limits: &Limits) -> Result<Outcome> {
    for (is_given, option) in
        [(args.follow, "--follow"), (args.dry_run, "--dry-run"), (args.catalogue.is_some(), "--catalogue")]
    {
        if is_given {
            return Err(usage(format!("{option} is for events; users land as whole files (--table users)")));
        }
    }
    // The default is the mapping of events with our own column names.
    let map = if args.map == "footfall" { "users" } else { args.map.as_str() };
    let mut options = UserOptions { format, ..UserOptions::new(UserMapping::of(map)?) };
    if let Some(bytes) = limits.memory_limit {
        options.memory_limit = bytes;
    }
    let sources = sources(&args.files, format)?;
    let files: &[PathBuf] = &sources.files;
    if !args.store.exists() {
        // A store keeps its zone for ever: none is made for files that cannot land.
        inspect_users(files, &options).await?;
    }
    let store = Store::open_or_create(&args.store, args.tz.as_deref()).await?;
    let told = |landed: &LandedUsers| {
        // Who does not listen any more misses nothing that the store does not know.
        tell(limits, account(landed)).ok();
    };
    let landed = land_users(&store, files, &options, &told).await?;
    let quarantined: u64 = landed.iter().map(|landed| landed.quarantined).sum();
    if quarantined > 0 {
        say(limits, "rejected rows and their reasons: select * from quarantine");
    }
    Ok(if args.strict && quarantined > 0 { Outcome::Rejected } else { Outcome::Done })
}

/// Every row of a file, by what became of it.
fn account(landed: &LandedUsers) -> String {
    let name = shown(&landed.source);
    if landed.already {
        return format!("{name}: has landed before, nothing to do");
    }
    let left_out = match landed.left_out {
        0 => String::new(),
        rows => format!(" + {} left out by the mapping", grouped(rows)),
    };
    format!(
        "{name}: {} rows = {} landed + {} quarantined{left_out}; {} users have a profile; {:.2} s",
        grouped(landed.rows),
        grouped(landed.landed),
        grouped(landed.quarantined),
        grouped(landed.users),
        landed.seconds
    )
}
