//! `footfall report`: the reports of a pack, to files of a folder or one after the other to stdout.

use std::io::Write;
use std::path::Path;

use datafusion::common::{DataFusionError, Result};
use footfall::Engine;
use footfall::ask::{Arguments, Format, Given, OutputFile, check_known, plain};
use footfall::report::batch::{FolderRecord, StoreState, run_once, share};
use footfall::report::page::Language;
use footfall::report::{Days, Pack, PageStore, Report, write_page};
use footfall::store::Store;

use crate::cli::{Form, Limits, ReportArgs};
use crate::commands::progress::Shown;
use crate::commands::{Outcome, batch, engine, list, pack_tests, say, stdout, usage};

pub(crate) async fn run(args: &ReportArgs, limits: &Limits) -> Result<Outcome> {
    let outcome = reports(args, limits).await;
    if let (Err(e), Some(_)) = (&outcome, &args.batch.summary)
        && !batch::has_summed_up(e)
    {
        sum_up(&serde_json::json!({ "status": "failed", "error": plain(e) }))?;
    }
    outcome.map_err(batch::without_mark)
}

async fn reports(args: &ReportArgs, limits: &Limits) -> Result<Outcome> {
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
    let Form::Rows(format) = args.format else {
        return page(args, &reports, limits).await;
    };
    if let Some(folder) = &args.output {
        if folder.ancestors().any(|folder| folder.join("events/_delta_log").is_dir()) {
            return Err(usage(format!("{} lies in a store; give -o another folder", folder.display())));
        }
        return match &args.batch.each {
            Some(each) => batch::run(args, format, reports, each, folder, limits).await,
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
    let engine = engine(args.store.as_deref(), limits).await?;
    let asked = check(&engine, &reports, &given).await?;
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

/// Reports with their values, and the version of the store that they are asked of.
struct Asked<'a> {
    store: Store,
    state: StoreState,
    engine: Engine,
    asked: Vec<(&'a Report, Arguments)>,
}

async fn ask<'a>(args: &ReportArgs, reports: &[&'a Report], limits: &Limits) -> Result<Asked<'a>> {
    let given = given(args, reports)?;
    let store = open(args).await?;
    let state = batch::state(&store).await?;
    let engine = batch::engine(&store, limits).await?;
    let asked = check(&engine, reports, &given).await?;
    Ok(Asked { store, state, engine, asked })
}

/// Each report to its file in `folder`, all files at once.
async fn files(
    args: &ReportArgs,
    format: Format,
    reports: &[&Report],
    folder: &Path,
    limits: &Limits,
) -> Result<Outcome> {
    let Asked { store, state, engine, asked } = ask(args, reports, limits).await?;
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
    if args.batch.summary.is_some() {
        sum_up(&summary(&record, folder))?;
    }
    Ok(Outcome::Done)
}

/// All reports on one page, to DIR/index.html or to stdout.
async fn page(args: &ReportArgs, reports: &[&Report], limits: &Limits) -> Result<Outcome> {
    if args.batch.each.is_some() {
        return Err(usage("--format html is one page of a whole range; leave out --each"));
    }
    let Asked { store, state, engine, asked } = ask(args, reports, limits).await?;
    let shared = share(&engine, &asked, &state).await?;
    let name = store.root().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let about = PageStore { name, version: state.version };
    let language = if args.lang == "en" { Language::En } else { Language::Zh };
    let page = write_page(&engine, &shared, &asked, &about, language).await?;
    match &args.output {
        Some(folder) => {
            let path = folder.join("index.html");
            let mut file = OutputFile::create(&path)?;
            file.write_all(page.as_bytes())?;
            file.commit()?;
            say(limits, format!("wrote {}", path.display()));
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

fn summary(record: &FolderRecord, folder: &Path) -> serde_json::Value {
    let files = || record.reports.iter().filter(|file| file.run == record.run);
    serde_json::json!({
        "run": record.run,
        "status": record.status,
        "time_zone": record.time_zone,
        "version": record.version,
        "reports": files().count(),
        "rows": files().map(|file| file.rows).sum::<u64>(),
        "seconds": record.seconds,
        "output": folder.display().to_string(),
    })
}

/// The last line on stdout.
pub(crate) fn sum_up(summary: &serde_json::Value) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{summary}")?;
    out.flush().map_err(DataFusionError::IoError)
}

/// The values for every report, checked before the first one runs.
pub(crate) async fn check<'a>(
    engine: &Engine,
    reports: &[&'a Report],
    given: &[Given],
) -> Result<Vec<(&'a Report, Arguments)>> {
    let needs_days = reports.iter().any(|report| Days::are_needed(&report.parameters, given));
    let days = if needs_days { Days::of(engine).await? } else { Days::default() };
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
    given.extend(args.parameters.parameter.iter().cloned());
    check_known(&given, &known)?;
    Ok(given)
}
