//! `footfall generate`: made-up traffic of a mini program into files that can be landed.

use std::path::Path;
use std::time::Instant;

use chrono::NaiveDate;
use chrono_tz::Tz;
use datafusion::common::{DataFusionError, Result};
use footfall::ask::{OutputFile, plain};
use footfall::generate::{Form, Format, GenerateOptions, Generated, Traffic, write_users};

use crate::cli::{GenerateArgs, Limits};
use crate::commands::{Outcome, grouped, tell, usage};

pub(crate) async fn run(args: &GenerateArgs, limits: &Limits) -> Result<Outcome> {
    let options = options(args)?;
    let format = args.format.as_deref().map(str::parse::<Format>).transpose()?;
    let form = Form::of(&args.output, format).map_err(|e| wrong(&e))?;
    let users_form = match &args.users_output {
        Some(path) if *path == args.output => return Err(usage("-o and --users-output name the same file")),
        // A name that tells no format gives users the one of the events.
        Some(path) => {
            let by_name = Form::of(path, None);
            Some((path, by_name.or_else(|_| Form::of(path, Some(form.format))).map_err(|e| wrong(&e))?))
        }
        None => None,
    };

    let started = Instant::now();
    let mut events = OutputFile::create(&args.output)?;
    let generated = write(&options, form, &mut events).await?;
    let users = match users_form {
        Some((path, form)) => {
            let mut file = OutputFile::create(path)?;
            let rows = write_users(&options, form, &mut file)?;
            Some((path, rows, file))
        }
        None => None,
    };
    events.commit()?;
    tell(limits, account(&args.output, generated, started.elapsed().as_secs_f64()))?;
    if let Some((path, rows, file)) = users {
        file.commit()?;
        tell(limits, format!("{}: {} users", path.display(), grouped(rows)))?;
    }
    Ok(Outcome::Done)
}

/// In steps, so that a time-out or someone's Ctrl-C finds its way in between.
async fn write(options: &GenerateOptions, form: Form, file: &mut OutputFile) -> Result<Generated> {
    let mut traffic = Traffic::new(options).map_err(|e| wrong(&e))?;
    let mut sink = form.sink(file)?;
    while traffic.step(sink.as_mut())? {
        tokio::task::yield_now().await;
    }
    sink.finish()?;
    Ok(traffic.generated())
}

fn options(args: &GenerateArgs) -> Result<GenerateOptions> {
    let users = u32::try_from(args.users)
        .map_err(|_| usage(format!("--users: found {}, accepted are 1 to 1073741824", args.users)))?;
    let from: NaiveDate = args
        .from
        .parse()
        .map_err(|_| usage(format!("--from: found '{}', accepted is a day such as 2026-03-01", args.from)))?;
    let time_zone: Tz = args.tz.parse().map_err(|_| {
        usage(format!("--tz: '{}' is no time zone; accepted are names such as Asia/Shanghai", args.tz))
    })?;
    Ok(GenerateOptions { users, days: args.days, seed: args.seed, from, time_zone })
}

fn account(path: &Path, generated: Generated, seconds: f64) -> String {
    let rate = generated.rows as f64 / seconds.max(1e-9);
    format!(
        "{}: {} rows, {} of them sent again; {seconds:.2} s, {} rows/s",
        path.display(),
        grouped(generated.rows),
        grouped(generated.retries),
        grouped(rate as u64)
    )
}

/// What was typed does not fit.
fn wrong(error: &DataFusionError) -> DataFusionError {
    usage(plain(error))
}
