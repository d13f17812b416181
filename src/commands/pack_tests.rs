//! `footfall report --pack DIR --test`: the tests of a pack, `DIR/tests/*.sql`.
//!
//! ```sql
//! -- test: visit_trend_day
//! -- zone: Asia/Shanghai
//! -- with from = 2026-03-01
//! -- with to = 2026-03-01
//! SELECT * FROM (VALUES ('ann', TIMESTAMP '2026-03-01 01:00:00', 'page_view', 'home')) AS events(user_id, ts, event, page);
//! SELECT '20260301' AS ref_date, 1 AS session_cnt;
//! ```
//! The rows of the first query land in an empty store; the report, run over it, has to give the rows of the second one. What
//! is compared is the CSV of both, of the columns that the second query names. With `--errors json` each test that fails is a
//! line of its own.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::MemTable;
use datafusion::prelude::DataFrame;
use footfall::ask::{
    Arguments, Format, Given, Numbers, Parsed, Source, answer, check_known, error_json, parse, plain, quoted,
    write,
};
use footfall::land::{LandOptions, Mapping, NoProgress, land};
use footfall::report::{Days, Pack, Report, Shared};
use footfall::store::Store;
use footfall::{Engine, EngineOptions};
use serde_json::json;

use crate::cli::Limits;
use crate::commands::{Outcome, summary, tell, usage};

pub(super) async fn run(folder: &Path, pack: &Pack, limits: &Limits) -> Result<Outcome> {
    let files = files(&folder.join("tests"))?;
    let mut failed = 0;
    for file in &files {
        let outcome = match Test::read(file, pack) {
            Ok(test) => test.run(limits).await,
            Err(e) => Err(e),
        };
        match outcome {
            Ok(()) => tell(limits, format!("ok      {}", file.display()))?,
            Err(e) => {
                failed += 1;
                if limits.errors == "json" {
                    let mut line = error_json(&e, 1);
                    if line["file"].is_null() {
                        line["file"] = json!(file.display().to_string());
                    }
                    eprintln!("{line}");
                } else {
                    eprintln!("failed  {}: {}", file.display(), plain(&e));
                }
            }
        }
    }
    tell(limits, format!("{} tests, {failed} failed", files.len()))?;
    let (outcome, status) = if failed == 0 { (Outcome::Done, "done") } else { (Outcome::Failed, "failed") };
    summary::print(&json!({ "status": status, "tests": files.len(), "failed": failed, "error": null }))?;
    Ok(outcome)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)
        .map_err(|e| usage(format!("a pack's tests are files of {}: {e}", folder.display())))?;
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .collect();
    files.sort();
    match files.is_empty() {
        true => Err(usage(format!("{} holds no .sql files", folder.display()))),
        false => Ok(files),
    }
}

struct Test<'a> {
    report: &'a Report,
    zone: String,
    given: Vec<Given>,
    source: Source,
    events: Parsed,
    expected: Parsed,
}

impl<'a> Test<'a> {
    fn read(file: &Path, pack: &'a Pack) -> Result<Self> {
        let source = Source::read(file)?;
        let mut statements = parse(&source)?.into_iter();
        let (Some(events), Some(expected), None) = (statements.next(), statements.next(), statements.next())
        else {
            return Err(usage("a test has two queries: the events, and the rows expected"));
        };
        let mut name = None;
        let mut zone = "UTC".to_string();
        let mut given = Vec::new();
        for line in source.text.lines().filter_map(|line| line.trim().strip_prefix("--")) {
            let line = line.trim();
            if let Some(test) = line.strip_prefix("test:") {
                name = Some(test.trim().to_string());
            } else if let Some(text) = line.strip_prefix("zone:") {
                zone = text.trim().to_string();
            } else if let Some((parameter, value)) =
                line.strip_prefix("with ").and_then(|with| with.split_once('='))
            {
                let (name, value) = (parameter.trim().to_string(), value.trim().to_string());
                given.push(Given { name, kind: None, value });
            }
        }
        let Some(name) = name else {
            return Err(usage("a test says which report it is of: `-- test: NAME`"));
        };
        let reports = pack.select(std::slice::from_ref(&name))?;
        let [report] = reports.as_slice() else {
            return Err(usage(format!("'{name}' is not one report")));
        };
        let known: Vec<&str> = report.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
        check_known(&given, &known)?;
        Ok(Self { report, zone, given, source, events, expected })
    }

    async fn run(&self, limits: &Limits) -> Result<()> {
        let folder = tempfile::tempdir()?;
        let rows = folder.path().join("events.parquet");
        let files = Engine::new(&limits.engine_options())?;
        self.write_rows(&files, &self.events, &rows).await?;
        let store = Store::open_or_create(&folder.path().join("store"), Some(&self.zone)).await?;
        let options = LandOptions::new(Mapping::named("footfall")?);
        for landed in land(&store, &[rows], &options, &NoProgress).await? {
            if landed.quarantined > 0 {
                return Err(DataFusionError::Execution(format!(
                    "{} of the test's events cannot land",
                    landed.quarantined
                )));
            }
        }
        let engine =
            Engine::with_store(&store, &EngineOptions { threads: Some(1), ..limits.engine_options() })
                .await?;
        let arguments = self.report.arguments(&self.given, &Days::of(&engine).await?)?;
        let found = self.report.answer(&engine, &Shared::default(), &arguments).await?;
        let wanted = self.query(&engine, &self.expected).await?;
        let names: Vec<String> = wanted.schema().fields().iter().map(|field| quoted(field.name())).collect();
        let mut expected = Vec::new();
        write(wanted, Format::Csv, Numbers::Figures, &mut expected).await?;
        let found = MemTable::try_new(found.schema, vec![found.batches])?;
        engine.context().register_table("found", Arc::new(found))?;
        let found = engine.sql(&format!("SELECT {} FROM found", names.join(", "))).await?;
        let mut text = Vec::new();
        write(found, Format::Csv, Numbers::Figures, &mut text).await?;
        if text == expected {
            return Ok(());
        }
        Err(DataFusionError::Execution(difference(&expected, &text)))
    }

    async fn query(&self, engine: &Engine, query: &Parsed) -> Result<DataFrame> {
        match answer(engine.context(), &self.source, query, &Arguments::default()).await? {
            Some(frame) => Ok(frame),
            None => Err(usage(format!("statement {} has no rows", query.number))),
        }
    }

    async fn write_rows(&self, engine: &Engine, query: &Parsed, file: &Path) -> Result<()> {
        let frame = self.query(engine, query).await?;
        let mut out = BufWriter::new(File::create(file)?);
        write(frame, Format::Parquet, Numbers::Exact, &mut out).await?;
        out.flush()?;
        Ok(())
    }
}

/// The first line in which two texts differ.
fn difference(expected: &[u8], found: &[u8]) -> String {
    let (expected, found) = (String::from_utf8_lossy(expected), String::from_utf8_lossy(found));
    let lines = expected.lines().count().max(found.lines().count());
    let line = |text: &str, at: usize| text.lines().nth(at).unwrap_or("nothing").to_string();
    let first = (0..lines).find(|at| line(&expected, *at) != line(&found, *at)).unwrap_or_default();
    format!("line {}\n  expected  {}\n  found     {}", first + 1, line(&expected, first), line(&found, first))
}
