//! `footfall report --each day`: the reports of many days, weeks or months, each in a folder of its own.

use std::collections::BTreeSet;
use std::path::Path;

use datafusion::common::{DataFusionError, Result};
use footfall::Engine;
use footfall::ask::{Arguments, Format, Given, Period, check_known, narrowed};
use footfall::report::batch::{Day, DayCounts, Lock, Order, RUN_FILE, RunRecord, StoreState, Which, recover};
use footfall::report::{Days, Report};
use footfall::store::Store;
use footfall::tables::scenes_version;
use serde_json::{Value, json};

use crate::cli::{Form, Limits, ReportArgs};
use crate::commands::progress::Shown;
use crate::commands::report::{NO_EVENTS, open, parameter_names, say_unknown};
use crate::commands::{Outcome, say, summary, tell, usage};

pub(crate) async fn run(
    args: &ReportArgs,
    mut reports: Vec<&Report>,
    each: &str,
    folder: &Path,
    limits: &Limits,
) -> Result<Outcome> {
    let mut given = args.parameters.parameter.clone();
    let mut format = match args.format {
        Some(Form::Rows(format)) => format,
        _ => Format::Markdown,
    };
    let mut segment = args.segment.clone();
    let last = if args.batch.retry { Some(last_run(folder)?) } else { None };
    match &last {
        Some(last) => {
            format = take_up(last, args, each, &mut reports, &mut given)?;
            segment = last.segment.clone();
        }
        None => check_known(&given, &parameter_names(&reports))?,
    }
    let store = open(args).await?;
    let mut state = state(&store).await?;
    // Who is in a segment is asked before anything is decided: an answer depends on it.
    let of_segment = match &segment {
        Some(segment) => Some(engine(&store, Some(segment), limits).await?),
        None => None,
    };
    state.segment = of_segment.as_ref().and_then(version_of);
    let Some((from, to)) = range(args, &state, last.as_ref())? else {
        say(limits, NO_EVENTS);
        summary::print(&line("done", each, None, &state, 0, folder))?;
        return Ok(Outcome::Done);
    };
    let mut order = Order {
        folder,
        store: store.root().display().to_string(),
        reports,
        given,
        segment,
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
    if let Some(last) = &last {
        same_reports(last, &order.reports)?;
    }
    if order.reports.is_empty() {
        return Err(usage(format!("none of the reports is made for one {each}: {}", left_out.join(", "))));
    }
    if !left_out.is_empty() && !args.only.is_empty() {
        say(limits, format!("left out, not made for one {each}: {}", left_out.join(", ")));
    }
    let ends = state.events.first().zip(state.events.last());
    let days =
        Days::known(ends.map(|(first, last)| (first.to_string(), last.to_string())), state.time_zone.clone());
    let range = Some((from, to));
    if args.batch.plan {
        let plan = order.plan(&days, &state)?;
        tell(limits, plan.to_string())?;
        let waiting = plan.busy().count() + plan.left.len();
        summary::print(&line("planned", each, range, &state, waiting, folder))?;
        return Ok(Outcome::Done);
    }
    // Before the folder is made: wrong words leave nothing behind.
    order.check(&days)?;
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
        let mut text = format!("nothing to do: {} folders are as they should be", plan.tasks.len());
        if !plan.left.is_empty() {
            text = format!("{text}, {} outside of the range are not", plan.left.len());
        }
        say(limits, text);
        summary::print(&line("done", each, range, &state, plan.left.len(), folder))?;
        return Ok(Outcome::Done);
    }
    let engine = match of_segment {
        Some(engine) => engine,
        None => engine(&store, None, limits).await?,
    };
    let asked = order
        .reports
        .iter()
        .filter_map(|report| Some((*report, report.arguments(&order.given, &days).ok()?)));
    let asked: Vec<(&Report, Arguments)> = asked.collect();
    say_unknown(limits, &engine, &asked, &order.given).await;
    let shown = Shown::new(&args.batch.progress, limits);
    summary::begin(folder);
    let (record, error) = order.run(&engine, &plan, &days, &state, &shown).await?;
    say(limits, told(&record, folder));
    summary::print(&record.summary(folder))?;
    match error {
        None => Ok(Outcome::Done),
        Some(e) => Err(e),
    }
}

/// The run that `--retry` takes up.
fn last_run(folder: &Path) -> Result<RunRecord> {
    RunRecord::read(folder).ok_or_else(|| {
        usage(format!("{} has no {RUN_FILE} of a run that could be tried again", folder.display()))
    })
}

/// A retry has the words of the run before, which it may say again but not change. The form of the files.
fn take_up(
    last: &RunRecord,
    args: &ReportArgs,
    each: &str,
    reports: &mut Vec<&Report>,
    given: &mut Vec<Given>,
) -> Result<Format> {
    let differs = |had: &str, found: &str| {
        usage(format!(
            "--retry goes on with the last run, which had {had}, not {found}; leave that out, or run without --retry"
        ))
    };
    if last.each != each {
        return Err(differs(&format!("--each {}", last.each), each));
    }
    let format: Format = last.format.parse()?;
    if let Some(Form::Rows(other)) = args.format
        && other != format
    {
        return Err(differs(&format!("--format {format}"), &other.to_string()));
    }
    if args.segment.is_some() && args.segment != last.segment {
        let segment = |segment: &Option<String>| match segment {
            Some(segment) => format!("--segment {segment}"),
            None => "no --segment".to_string(),
        };
        return Err(differs(&segment(&last.segment), &segment(&args.segment)));
    }
    for own in given.iter() {
        match last.parameters.get(&own.name) {
            Some(value) if *value == own.value => {}
            Some(value) => return Err(differs(&format!("-p {}={value}", own.name), &own.value)),
            None => return Err(differs(&format!("no -p {}", own.name), &own.value)),
        }
    }
    let parameters = last.parameters.iter();
    *given = parameters
        .map(|(name, value)| Given { name: name.clone(), kind: None, value: value.clone() })
        .collect();
    if args.only.is_empty() {
        reports.retain(|report| last.reports.contains(&report.name));
    }
    Ok(format)
}

fn same_reports(last: &RunRecord, reports: &[&Report]) -> Result<()> {
    let names: BTreeSet<&String> = reports.iter().map(|report| &report.name).collect();
    let had: BTreeSet<&String> = last.reports.iter().collect();
    if names == had {
        return Ok(());
    }
    Err(usage(format!(
        "--retry goes on with the last run, which was of {}; leave out --only and give the same --pack, or run without --retry",
        last.reports.join(", ")
    )))
}

/// The line of `--summary json` where nothing was run.
fn line(
    status: &str,
    each: &str,
    range: Option<(Day, Day)>,
    state: &StoreState,
    waiting: usize,
    folder: &Path,
) -> Value {
    json!({
        "status": status, "each": each, "from": range.map(|range| range.0), "to": range.map(|range| range.1),
        "time_zone": state.time_zone, "version": state.version, "ran": 0, "failed": 0, "waiting": waiting,
        "changed_files": 0, "rows": 0, "output": folder.display().to_string(), "error": null,
    })
}

/// A session over the version that was the newest when the store was opened.
pub(crate) async fn engine(store: &Store, segment: Option<&str>, limits: &Limits) -> Result<Engine> {
    narrowed(Engine::as_opened(store, &limits.engine_options()).await?, segment, limits.read_only).await
}

/// The segment that a session shows, and who is in it.
pub(crate) fn version_of(engine: &Engine) -> Option<String> {
    engine.segment().map(|segment| segment.version.clone())
}

/// What reports of all users depend on, as the store was when it was opened.
pub(crate) async fn state(store: &Store) -> Result<StoreState> {
    let snapshot = store.opened();
    let declared: Vec<String> = snapshot
        .catalogue
        .fields()
        .iter()
        .map(|field| format!("{} {}", field.name(), field.data_type()))
        .collect();
    let views = match store.saved_views_version()? {
        version if version.is_empty() => version,
        version => format!("; views {version}"),
    };
    Ok(StoreState {
        id: snapshot.id.clone(),
        version: snapshot.version,
        // Before the session is opened, which may see a later one: then a report runs once too often.
        users: store.users_version().await?,
        catalogue: format!("{}; {}{views}", declared.join(", "), scenes_version(store.root())?),
        time_zone: store.time_zone().to_string(),
        events: DayCounts::new(snapshot.events_of_days()?),
        segment: None,
    })
}

/// From the first to the last day asked for; those of the run that is tried again, or the store's, where none is. `None` if
/// the store has none.
fn range(args: &ReportArgs, state: &StoreState, last: Option<&RunRecord>) -> Result<Option<(Day, Day)>> {
    let day = |name: &str, text: &Option<String>| -> Result<Option<Day>> {
        let parsed =
            text.as_ref().map(|text| text.parse::<Day>().map_err(|e| usage(format!("--{name}: {e}"))));
        parsed.transpose()
    };
    let (first, newest) = match last {
        Some(last) => (Some(last.from), Some(last.to)),
        None => (state.events.first(), state.events.last()),
    };
    let (from, to) = match day("date", &args.date)? {
        Some(date) => (Some(date), Some(date)),
        None => (day("from", &args.from)?.or(first), day("to", &args.to)?.or(newest)),
    };
    match (from.zip(to), last) {
        (Some((from, to)), _) if from > to => Err(usage(format!("--from {from} is after --to {to}"))),
        (Some((from, to)), Some(last)) if from < last.from || to > last.to => Err(usage(format!(
            "--retry goes on with the last run, which had the days from {} to {}, not {from} to {to}; leave that out, or run \
             without --retry",
            last.from, last.to
        ))),
        (range, _) => Ok(range),
    }
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
    if [failed, waiting].iter().any(|count| **count != json!(0)) {
        text = format!("{text}; {failed} failed, {waiting} not begun: --retry runs them again");
    }
    text
}
