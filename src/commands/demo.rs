//! `footfall demo`: a real log, from file to report, and what to try next.

use std::io::Write;
use std::path::{Path, PathBuf};

use datafusion::common::Result;
use footfall::Engine;
use footfall::ask::{Format, Numbers, OutputFile, write};
use footfall::land::{LandOptions, Mapping};
use footfall::report::Pack;

use crate::cli::{DemoArgs, Limits};
use crate::commands::land::{self, Target};
use crate::commands::{Outcome, report, say, stdout};

/// One day of a real web server; its README says where it comes from.
const LOG: &[u8] = include_bytes!("../../data/nasa_ksc_19950801/events.parquet");
const LOG_NAME: &str = "nasa_ksc_19950801.parquet";

/// What is shown: a question and the query that answers it.
const QUESTIONS: [(&str, &str); 3] = [
    (
        "How many came, how often, and how many left after one page?",
        "select count(*) as opens, count(distinct user_id) as visitors, sum(views) as page_views, \
         bounce_rate(is_bounce) as bounce_rate from sessions",
    ),
    (
        "Which pages are read most, and where do people leave?",
        "select page, count(*) as visits, count(distinct user_id) as visitors, exit_rate(is_exit) as exit_rate \
         from visits group by page order by visits desc, page limit 10",
    ),
    (
        "How many pages does an open see?",
        "select least(views, 10) as pages, count(*) as opens from sessions group by 1 order by 1",
    ),
];

pub(crate) async fn run(args: &DemoArgs, limits: &Limits) -> Result<Outcome> {
    let folder = args.output.as_path();
    let log = write_log(folder)?;
    let store = folder.join("store");
    let target = Target { store: &store, time_zone: Some("UTC"), catalogue: None };
    land::land_files(&[log], target, &LandOptions::new(Mapping::named("nasa")?), limits).await?;

    let engine = Engine::open(&store, &limits.engine_options()).await?;
    let reports = folder.join("reports");
    let pack = Pack::built_in()?;
    let asked = report::check(&engine, &pack.select(&[])?, &[]).await?;
    for (report, arguments) in &asked {
        for format in [Format::Csv, Format::Json, Format::Markdown] {
            report::write_file(&engine, report, arguments, format, &reports).await?;
        }
    }
    say(
        limits,
        format!("{} reports written to {} as CSV, JSON and Markdown", asked.len(), reports.display()),
    );

    let mut out = stdout();
    for (question, sql) in QUESTIONS {
        writeln!(out, "\n{question}\n\n  {}\n", command(&store, sql))?;
        write(engine.sql(sql).await?, Format::Table, Numbers::Exact, &mut out).await?;
    }
    write!(out, "{}", next(folder, &store, &reports))?;
    out.flush()?;
    Ok(Outcome::Done)
}

fn write_log(folder: &Path) -> Result<PathBuf> {
    let path = folder.join(LOG_NAME);
    let mut file = OutputFile::create(&path)?;
    file.write_all(LOG)?;
    file.commit()?;
    Ok(path)
}

fn next(folder: &Path, store: &Path, reports: &Path) -> String {
    let log = folder.join(LOG_NAME);
    let sessions = format!(
        "select visitor, max(session) as opens from (select visitor, sessionize(ts, interval '30 minutes') over \
         (partition by visitor order by ts) as session from '{}') group by visitor order by opens desc limit 5",
        log.display()
    );
    format!(
        "\nTry next\n\n  less {}\n  {}\n  {}\n  footfall report --store {} --only access --date 1995-08-01\n  \
         footfall report --list\n  footfall functions sessionize\n\nYour own log: footfall land FILE --store DIR, \
         with --map FILE.toml where its columns have other names.\n",
        shell(&reports.join("access/pages.md").display().to_string()),
        command(store, "select * from sessions limit 5"),
        // Any file is a table, without a store.
        format_args!("footfall sql {}", shell(&sessions)),
        shell(&store.display().to_string()),
    )
}

fn command(store: &Path, sql: &str) -> String {
    format!("footfall sql --store {} {}", shell(&store.display().to_string()), shell(sql))
}

/// As a shell takes it.
fn shell(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_string();
    }
    if text.contains(['"', '$', '`', '\\', '!']) {
        return format!("'{}'", text.replace('\'', "'\\''"));
    }
    format!("\"{text}\"")
}
