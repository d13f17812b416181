//! `footfall report`: the reports of a pack, each to its file or one after the other to stdout.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use datafusion::common::Result;
use footfall::Engine;
use footfall::ask::{Arguments, Format, Given, OutputFile, check_known};
use footfall::report::{Days, Pack, Report};

use crate::cli::{Limits, ReportArgs};
use crate::commands::{Outcome, engine, say, stdout, usage};

pub(crate) async fn run(args: &ReportArgs, limits: &Limits) -> Result<Outcome> {
    let pack = match &args.pack {
        Some(folder) => Pack::open(folder)?,
        None => Pack::built_in()?,
    };
    let reports = pack.select(&args.only)?;
    if args.list {
        let mut out = stdout();
        out.write_all(list(&reports).as_bytes())?;
        out.flush()?;
        return Ok(Outcome::Done);
    }
    let given = given(args, &reports)?;
    if args.output.is_none()
        && reports.len() > 1
        && args.format != Format::Markdown
        && args.format != Format::Table
    {
        return Err(usage(format!(
            "{} reports as {} do not fit into one stream: give -o DIR, or one report with --only",
            reports.len(),
            args.format
        )));
    }
    let engine = engine(args.store.as_deref(), limits).await?;
    let asked = check(&engine, &reports, &given).await?;
    match &args.output {
        Some(folder) => {
            for (report, arguments) in &asked {
                let path = write_file(&engine, report, arguments, args.format, folder).await?;
                say(limits, format!("wrote {path}"));
            }
        }
        None => {
            let mut out = stdout();
            for (at, (report, arguments)) in asked.iter().enumerate() {
                if at > 0 {
                    writeln!(out)?;
                }
                report.write(&engine, arguments, args.format, &mut out).await?;
                out.flush()?;
            }
        }
    }
    Ok(Outcome::Done)
}

/// The values for every report, checked before the first one runs.
pub(crate) async fn check<'a>(
    engine: &Engine,
    reports: &[&'a Report],
    given: &[Given],
) -> Result<Vec<(&'a Report, Arguments)>> {
    let needs_days = reports.iter().any(|report| Days::are_needed(&report.parameters, given));
    let days = if needs_days { Days::of(engine).await? } else { Days::default() };
    reports.iter().map(|report| Ok((*report, report.arguments(given, &days)?))).collect()
}

/// Writes `folder/access/pages.csv`; its path.
pub(crate) async fn write_file(
    engine: &Engine,
    report: &Report,
    arguments: &Arguments,
    format: Format,
    folder: &Path,
) -> Result<String> {
    let path = folder.join(format!("{}.{}", report.name, format.extension()));
    let mut file = OutputFile::create(&path)?;
    report.write(engine, arguments, format, &mut file).await?;
    file.commit()?;
    Ok(path.display().to_string())
}

/// The values of the command line; days go to the reports that have days.
fn given(args: &ReportArgs, reports: &[&Report]) -> Result<Vec<Given>> {
    let mut known: Vec<&str> = reports
        .iter()
        .flat_map(|report| &report.parameters)
        .map(|parameter| parameter.name.as_str())
        .collect();
    known.sort_unstable();
    known.dedup();
    let mut given = Vec::new();
    let mut day = |name: &str, value: &Option<String>| {
        if let Some(value) = value {
            given.push(Given { name: name.to_string(), kind: None, value: value.clone() });
        }
    };
    day("from", &args.from);
    day("to", &args.to);
    // A report of one day has one of the two.
    let of_date: Vec<&str> = ["from", "to"].into_iter().filter(|name| known.contains(name)).collect();
    let of_date = if of_date.is_empty() { vec!["to"] } else { of_date };
    for name in of_date {
        day(name, &args.date);
    }
    given.extend(args.parameters.parameter.iter().cloned());
    check_known(&given, &known)?;
    Ok(given)
}

fn list(reports: &[&Report]) -> String {
    let mut out = String::new();
    for report in reports {
        let _ = writeln!(out, "{}\n  {}", report.name, report.title);
        if !report.question.is_empty() {
            let _ = writeln!(out, "  {}", report.question);
        }
        for parameter in &report.parameters {
            let _ = write!(out, "  -p {} ({}", parameter.name, parameter.kind);
            if !parameter.accepted.is_empty() {
                let _ = write!(out, " in {}", parameter.accepted.join(", "));
            }
            let _ = match &parameter.default {
                Some(default) => write!(out, ", default {default})"),
                None => write!(out, ", must be given)"),
            };
            let _ = writeln!(out, ": {}", parameter.meaning);
        }
        out.push('\n');
    }
    out
}
