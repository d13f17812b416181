//! `footfall report`: the reports of a pack, to files of a folder or one after the other to stdout.

use std::io::Write;
use std::path::Path;

use datafusion::common::Result;
use footfall::Engine;
use footfall::ask::{Arguments, Format, Given, OutputFile, check_known};
use footfall::report::batch::{FolderRecord, StoreState, run_once, share};
use footfall::report::page::Language;
use footfall::report::{Days, Pack, PageStore, Report, unknown_values, write_page};
use footfall::store::Store;
use serde_json::{Value, json};

use crate::cli::{Form, Limits, ReportArgs};
use crate::commands::progress::Shown;
use crate::commands::{Outcome, batch, engine, lineage, list, pack_tests, say, stdout, summary, usage};

/// What is said of a store without events, where a report asks for its days.
pub(crate) const NO_EVENTS: &str = "nothing to do: the store has no events";

pub(crate) async fn run(args: &ReportArgs, limits: &Limits) -> Result<Outcome> {
    if args.batch.summary.is_some() {
        if args.folder().is_none() && !args.test {
            return Err(usage("--summary json sums up what is written: give -o DIR, or --test"));
        }
        summary::promise();
    }
    if args.batch.each.is_some() && args.folder().is_none() {
        return Err(usage(
            "--each writes a folder of each stretch of days, which stdout is not: give -o DIR",
        ));
    }
    if args.json && !args.list && !args.lineage {
        return Err(usage("--json is the form of --list and of --lineage; rows as JSON: --format json"));
    }
    let pack = match &args.pack {
        Some(folder) => Pack::open(folder)?,
        None => Pack::built_in()?,
    };
    if let (true, Some(folder)) = (args.test, &args.pack) {
        return pack_tests::run(folder, &pack, limits).await;
    }
    let reports = pack.select(&args.only)?;
    if args.list {
        let mut out = stdout();
        out.write_all(if args.json { list::json(&reports)? } else { list::text(&reports) }.as_bytes())?;
        out.flush()?;
        return Ok(Outcome::Done);
    }
    if args.lineage {
        return show_lineage(args, &reports, limits).await;
    }
    let Form::Rows(format) = args.format.unwrap_or(Form::Rows(Format::Markdown)) else {
        return page(args, &reports, limits).await;
    };
    if let Some(folder) = args.folder() {
        if folder.ancestors().any(|folder| folder.join("events/_delta_log").is_dir()) {
            return Err(usage(format!("{} lies in a store; give -o another folder", folder.display())));
        }
        return match &args.batch.each {
            Some(each) => batch::run(args, reports, each, folder, limits).await,
            None => files(args, format, &reports, folder, limits).await,
        };
    }
    let given = given(args, &reports)?;
    if reports.len() > 1 && format != Format::Markdown && format != Format::Table {
        return Err(usage(format!(
            "{} reports as {} do not fit into one stream: give -o DIR, or one report with --only",
            reports.len(),
            format
        )));
    }
    let engine = engine(args.store.as_deref(), args.segment.as_deref(), limits).await?;
    let asked = check(&engine, &reports, &given).await?;
    say_unknown(limits, &engine, &asked, &given).await;
    let mut out = stdout();
    for (at, (report, arguments)) in asked.iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        report.write(&engine, arguments, format, &mut out).await?;
        out.flush()?;
    }
    Ok(Outcome::Done)
}

/// Plans the reports and runs none.
async fn show_lineage(args: &ReportArgs, reports: &[&Report], limits: &Limits) -> Result<Outcome> {
    let given = given(args, reports)?;
    let engine = engine(args.store.as_deref(), args.segment.as_deref(), limits).await?;
    let mut lineages = Vec::new();
    for (report, arguments) in check(&engine, reports, &given).await? {
        lineages.push((report.name.as_str(), report.lineage(&engine, &arguments).await?));
    }
    let mut out = stdout();
    let text = if args.json { lineage::json(&lineages)? } else { lineage::text(&lineages) };
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(Outcome::Done)
}

/// Reports with their values, and the version of the store that they are asked of.
struct Asked<'a> {
    store: Store,
    state: StoreState,
    engine: Engine,
    asked: Vec<(&'a Report, Arguments)>,
}

/// `None` for a store without events whose days are asked for, where the answer would go to a folder.
async fn ask<'a>(args: &ReportArgs, reports: &[&'a Report], limits: &Limits) -> Result<Option<Asked<'a>>> {
    let given = given(args, reports)?;
    let store = open(args).await?;
    let mut state = batch::state(&store).await?;
    if args.folder().is_some() && has_no_days(reports, &given, &state) {
        return Ok(None);
    }
    let engine = batch::engine(&store, args.segment.as_deref(), limits).await?;
    state.segment = batch::version_of(&engine);
    let asked = check(&engine, reports, &given).await?;
    say_unknown(limits, &engine, &asked, &given).await;
    Ok(Some(Asked { store, state, engine, asked }))
}

/// Each report to its file in `folder`, all files at once.
async fn files(
    args: &ReportArgs,
    format: Format,
    reports: &[&Report],
    folder: &Path,
    limits: &Limits,
) -> Result<Outcome> {
    let Some(Asked { store, state, engine, asked }) = ask(args, reports, limits).await? else {
        return nothing_to_do(limits, args);
    };
    let shown = Shown::new(&args.batch.progress, limits);
    let name = store.root().display().to_string();
    let record = run_once(&engine, &asked, format, folder, &name, &state, &shown).await?;
    let written: Vec<_> = record.reports.iter().filter(|file| file.run == record.run).collect();
    say(
        limits,
        match written.as_slice() {
            [file] => format!("wrote {}", folder.join(&file.file).display()),
            files => format!("wrote {} files to {}", files.len(), folder.display()),
        },
    );
    summary::print(&line(&record, folder))?;
    Ok(Outcome::Done)
}

/// All reports on one page, to DIR/index.html or to stdout.
async fn page(args: &ReportArgs, reports: &[&Report], limits: &Limits) -> Result<Outcome> {
    if args.batch.each.is_some() {
        return Err(usage("--format html is one page of a whole range; leave out --each"));
    }
    let Some(Asked { store, state, engine, asked }) = ask(args, reports, limits).await? else {
        return nothing_to_do(limits, args);
    };
    let shared = share(&engine, &asked, &state).await?;
    let mut name = store.root().file_name().unwrap_or_default().to_string_lossy().into_owned();
    if let Some(segment) = engine.segment() {
        name = format!("{name} · {}", segment.name);
    }
    let about = PageStore { name, version: state.version };
    let language = if args.lang == "en" { Language::En } else { Language::Zh };
    let page = write_page(&engine, &shared, &asked, &about, language).await?;
    match args.folder() {
        Some(folder) => {
            let path = folder.join("index.html");
            let mut file = OutputFile::create(&path)?;
            file.write_all(page.as_bytes())?;
            file.commit()?;
            say(limits, format!("wrote {}", path.display()));
            summary::print(&json!({
                "status": "done",
                "time_zone": state.time_zone,
                "version": state.version,
                "reports": asked.len(),
                "output": path.display().to_string(),
                "error": null,
            }))?;
        }
        None => {
            let mut out = stdout();
            out.write_all(page.as_bytes())?;
            out.flush()?;
        }
    }
    Ok(Outcome::Done)
}

pub(crate) async fn open(args: &ReportArgs) -> Result<Store> {
    match &args.store {
        Some(store) => Store::open(store).await,
        None => Err(usage("--store DIR is missing")),
    }
}

/// Whether a report asks for the first or the last day of a store that has none.
fn has_no_days(reports: &[&Report], given: &[Given], state: &StoreState) -> bool {
    let ends = state.events.first().zip(state.events.last());
    let days = Days::known(ends.map(|(first, last)| (first.to_string(), last.to_string())), "");
    reports.iter().any(|report| days.are_missing(&report.parameters, given))
}

/// A store that waits for its first events is no failure: what runs every night has nothing to do yet.
fn nothing_to_do(limits: &Limits, args: &ReportArgs) -> Result<Outcome> {
    say(limits, NO_EVENTS);
    let output = args.folder().map(|folder| folder.display().to_string());
    summary::print(&json!({ "status": "done", "reports": 0, "rows": 0, "output": output, "error": null }))?;
    Ok(Outcome::Done)
}

fn line(record: &FolderRecord, folder: &Path) -> Value {
    let files = || record.reports.iter().filter(|file| file.run == record.run);
    json!({
        "run": record.run,
        "status": record.status,
        "time_zone": record.time_zone,
        "version": record.version,
        "reports": files().count(),
        "rows": files().map(|file| file.rows).sum::<u64>(),
        "seconds": record.seconds,
        "output": folder.display().to_string(),
        "error": null,
    })
}

/// The values for every report, checked before the first one runs.
pub(crate) async fn check<'a>(
    engine: &Engine,
    reports: &[&'a Report],
    given: &[Given],
) -> Result<Vec<(&'a Report, Arguments)>> {
    let declared = reports.iter().map(|report| report.parameters.as_slice());
    let days = Days::where_needed(engine, declared, given).await?;
    let asked: Vec<(&Report, Arguments)> =
        reports.iter().map(|report| Ok((*report, report.arguments(given, &days)?))).collect::<Result<_>>()?;
    for (report, arguments) in &asked {
        let day = |name: &str| arguments.texts().find(|(known, _)| *known == name).map(|(_, day)| day);
        // Days as texts are in the order of days.
        if let (Some(from), Some(to)) = (day("from"), day("to"))
            && from > to
        {
            return Err(usage(format!("{}: from {from} is after to {to}", report.name)));
        }
    }
    Ok(asked)
}

/// Tells which of the values that were given no row has.
pub(crate) async fn say_unknown(
    limits: &Limits,
    engine: &Engine,
    asked: &[(&Report, Arguments)],
    given: &[Given],
) {
    for note in unknown_values(engine, asked, given).await {
        say(limits, format!("note: {note}"));
    }
}

/// The names of all parameters of these reports.
pub(crate) fn parameter_names<'a>(reports: &[&'a Report]) -> Vec<&'a str> {
    let parameters = reports.iter().flat_map(|report| &report.parameters);
    let mut names: Vec<&str> = parameters.map(|parameter| parameter.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The values of the command line; days go to the reports that have days.
fn given(args: &ReportArgs, reports: &[&Report]) -> Result<Vec<Given>> {
    let known = parameter_names(reports);
    let mut given = Vec::new();
    let mut day = |name: &str, value: &Option<String>| {
        if let Some(value) = value {
            given.push(Given { name: name.to_string(), kind: None, value: value.clone() });
        }
    };
    day("from", &args.from);
    day("to", &args.to);
    // A report of one day has one of them.
    let of_date: Vec<&str> = ["from", "to", "day"].into_iter().filter(|name| known.contains(name)).collect();
    let of_date = if of_date.is_empty() { vec!["to"] } else { of_date };
    for name in of_date {
        day(name, &args.date);
    }
    let own = &args.parameters.parameter;
    // A range ends with the day that a report of one day is about.
    if known.contains(&"day") && !own.iter().any(|own| own.name == "day") {
        day("day", &args.to);
    }
    if let Some(day) = given.iter().find(|day| own.iter().any(|own| own.name == day.name)) {
        let option = if args.date.is_some() { "date" } else { day.name.as_str() };
        return Err(usage(format!("parameter {} is given twice, by -p and by --{option}", day.name)));
    }
    given.extend(own.iter().cloned());
    check_known(&given, &known)?;
    Ok(given)
}
