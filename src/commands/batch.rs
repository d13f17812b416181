//! `footfall report --each day`: the reports of many days, weeks or months, each in a folder of its own.

use std::fmt::{self, Display};
use std::path::Path;

use datafusion::common::{DataFusionError, Result};
use footfall::Engine;
use footfall::ask::{Format, Period, check_known};
use footfall::report::batch::{Day, DayCounts, Lock, Order, RunRecord, StoreState, Which, recover};
use footfall::report::{Days, Report};
use footfall::store::Store;
use footfall::tables::scenes_version;

use crate::cli::{Limits, ReportArgs};
use crate::commands::progress::Shown;
use crate::commands::report::{open, parameter_names, sum_up};
use crate::commands::{Outcome, say, tell, usage};

pub(crate) async fn run(
    args: &ReportArgs,
    format: Format,
    reports: Vec<&Report>,
    each: &str,
    folder: &Path,
    limits: &Limits,
) -> Result<Outcome> {
    let given = &args.parameters.parameter;
    check_known(given, &parameter_names(&reports))?;
    let store = open(args).await?;
    let state = state(&store).await?;
    let (from, to) = range(args, &state)?;
    let mut order = Order {
        folder,
        store: store.root().display().to_string(),
        reports,
        given: given.clone(),
        each: Period::parse(each).map_err(usage)?,
        from,
        to,
        format,
        which: match (args.batch.changed, args.batch.retry) {
            (true, _) => Which::Changed,
            (_, true) => Which::Unfinished,
            _ => Which::All,
        },
        keep_going: args.batch.keep_going,
    };
    let left_out = order.leave_out();
    if order.reports.is_empty() {
        return Err(usage(format!("none of the reports is made for one {each}: {}", left_out.join(", "))));
    }
    if !left_out.is_empty() && !args.only.is_empty() {
        say(limits, format!("left out, not made for one {each}: {}", left_out.join(", ")));
    }
    let ends = state.events.first().zip(state.events.last());
    let days =
        Days::known(ends.map(|(first, last)| (first.to_string(), last.to_string())), state.time_zone.clone());
    if args.batch.plan {
        tell(limits, order.plan(&days, &state)?.to_string())?;
        return Ok(Outcome::Done);
    }
    let lock = Lock::take(folder)
        .map_err(|e| DataFusionError::Execution(format!("cannot write {}: {e}", folder.display())))?;
    if lock.is_none() {
        return Err(DataFusionError::Execution(format!(
            "another run writes to {} at this moment; wait for its end, or give -o another folder",
            folder.display()
        )));
    }
    // What a run that was killed has left must be whole again before it is looked at.
    recover(folder)?;
    // With the lock, because the run before may have changed what is to do.
    let plan = order.plan(&days, &state)?;
    if plan.count() == 0 {
        say(limits, format!("nothing to do: {} folders are as they should be", plan.tasks.len()));
        if args.batch.summary.is_some() {
            let version = state.version;
            let line = serde_json::json!({
                "status": "done", "each": each, "from": from, "to": to, "time_zone": state.time_zone,
                "version": version, "ran": 0, "failed": 0, "waiting": 0, "changed_files": 0, "rows": 0,
                "output": folder.display().to_string(), "error": null,
            });
            sum_up(&line)?;
        }
        return Ok(Outcome::Done);
    }
    let engine = engine(&store, limits).await?;
    let shown = Shown::new(&args.batch.progress, limits);
    let (record, error) = order.run(&engine, &plan, &days, &state, &shown).await?;
    say(limits, told(&record, folder));
    let sums_up = args.batch.summary.is_some();
    if sums_up {
        sum_up(&record.summary(folder))?;
    }
    match error {
        None => Ok(Outcome::Done),
        Some(e) if sums_up => Err(DataFusionError::External(Box::new(SummedUp(e)))),
        Some(e) => Err(e),
    }
}

/// A session over the version that was the newest when the store was opened.
pub(crate) async fn engine(store: &Store, limits: &Limits) -> Result<Engine> {
    let engine = Engine::as_opened(store, &limits.engine_options()).await?;
    if limits.read_only { engine.read_only().await } else { Ok(engine) }
}

/// What reports depend on, as the store was when it was opened.
pub(crate) async fn state(store: &Store) -> Result<StoreState> {
    let snapshot = store.opened();
    let declared: Vec<String> = snapshot
        .catalogue
        .fields()
        .iter()
        .map(|field| format!("{} {}", field.name(), field.data_type()))
        .collect();
    Ok(StoreState {
        id: snapshot.id.clone(),
        version: snapshot.version,
        // Before the session is opened, which may see a later one: then a report runs once too often.
        users: store.users_version().await?,
        catalogue: format!("{}; {}", declared.join(", "), scenes_version(store.root())?),
        time_zone: store.time_zone().to_string(),
        events: DayCounts::new(snapshot.events_of_days()?),
    })
}

/// From the first to the last day asked for; the store's where none is.
fn range(args: &ReportArgs, state: &StoreState) -> Result<(Day, Day)> {
    let day = |name: &str, text: &str| -> Result<Day> {
        text.parse().map_err(|e: String| usage(format!("--{name}: {e}")))
    };
    let no_events = || usage("the store has no events: give --from and --to");
    if let Some(date) = &args.date {
        let date = day("date", date)?;
        return Ok((date, date));
    }
    let from = match &args.from {
        Some(from) => day("from", from)?,
        None => state.events.first().ok_or_else(no_events)?,
    };
    let to = match &args.to {
        Some(to) => day("to", to)?,
        None => state.events.last().ok_or_else(no_events)?,
    };
    if from > to {
        return Err(usage(format!("--from {from} is after --to {to}")));
    }
    Ok((from, to))
}

fn told(record: &RunRecord, folder: &Path) -> String {
    let summary = record.summary(folder);
    let (ran, failed, waiting) = (&summary["ran"], &summary["failed"], &summary["waiting"]);
    let mut text = format!(
        "{}: {ran} of {} folders written, {} files changed, days in {}; {:.2} s",
        folder.display(),
        record.stretches.len(),
        summary["changed_files"],
        record.time_zone,
        record.seconds
    );
    if failed != &serde_json::json!(0) {
        text = format!("{text}; {failed} failed, {waiting} not begun: --retry runs them again");
    }
    text
}

/// An error after which the summary has been printed.
#[derive(Debug)]
struct SummedUp(DataFusionError);

impl Display for SummedUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for SummedUp {}

pub(crate) fn has_summed_up(error: &DataFusionError) -> bool {
    matches!(error, DataFusionError::External(inner) if inner.is::<SummedUp>())
}

/// The error itself.
pub(crate) fn without_mark(error: DataFusionError) -> DataFusionError {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<SummedUp>() {
            Ok(marked) => marked.0,
            Err(inner) => DataFusionError::External(inner),
        },
        other => other,
    }
}
