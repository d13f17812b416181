//! `footfall land`: files in, and an account of every row.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use datafusion::arrow::util::display::array_value_to_string;
use datafusion::common::{DataFusionError, Result};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::prelude::{Expr, col, lit};
use footfall::land::{Format, LandOptions, Landed, Mapping, Progress, inspect, land, shown, sources};
use footfall::store::{Catalogue, Store};
use footfall::{Engine, EngineOptions};
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::{LandArgs, Limits};
use crate::commands::{Outcome, follow, grouped, preview, say, tell, users};

pub(crate) async fn run(args: &LandArgs, limits: &Limits) -> Result<Outcome> {
    let format = args.format.as_deref().map(str::parse::<Format>).transpose()?;
    if args.table == "users" {
        return users::run(args, format, limits).await;
    }
    let map = match args.map.as_str() {
        file if file.ends_with(".toml") => Mapping::from_file(Path::new(file))?,
        name => Mapping::named(name)?,
    };
    let mut options = LandOptions { format, ..LandOptions::new(map) };
    if let Some(bytes) = limits.memory_limit {
        options.memory_limit = bytes;
    }
    let catalogue = args.catalogue.as_deref().map(Catalogue::from_file).transpose()?;
    if args.follow {
        return follow::run(args, options, catalogue.as_ref(), limits).await;
    }
    let target = Target { store: &args.store, time_zone: args.tz.as_deref(), catalogue: catalogue.as_ref() };
    if args.files.is_empty() {
        return declare(target, limits).await;
    }
    let sources = {
        let (files, format) = (args.files.clone(), options.format.or(options.map.format()));
        // Beside the runtime, so that Ctrl-C ends the reading of stdin.
        tokio::task::spawn_blocking(move || sources(&files, format))
            .await
            .map_err(|e| DataFusionError::External(Box::new(e)))??
    };
    if args.dry_run {
        return preview::run(&sources.files, &options, target, limits).await;
    }
    let landed = land_files(&sources.files, target, &options, limits).await?;
    let was_rejected = landed.iter().any(|landed| landed.quarantined > 0);
    Ok(if args.strict && was_rejected { Outcome::Rejected } else { Outcome::Done })
}

/// A catalogue without a file to land.
async fn declare(target: Target<'_>, limits: &Limits) -> Result<Outcome> {
    let store = target.open().await?;
    let declared = store.snapshot().await?.catalogue;
    let columns = declared.fields().len();
    tell(limits, format!("{}: {columns} declared properties", store.root().display()))?;
    Ok(Outcome::Done)
}

/// Where to land, and what the store is to know before.
pub(crate) struct Target<'a> {
    pub(crate) store: &'a Path,
    pub(crate) time_zone: Option<&'a str>,
    pub(crate) catalogue: Option<&'a Catalogue>,
}

impl Target<'_> {
    /// Opens the store, or makes it, and declares what the catalogue says.
    pub(crate) async fn open(&self) -> Result<Store> {
        let store = Store::open_or_create(self.store, self.time_zone).await?;
        if let Some(catalogue) = self.catalogue {
            store.declare(catalogue).await?;
        }
        Ok(store)
    }
}

/// Lands the files one after the other and says what became of each; a failure leaves those before it landed.
pub(crate) async fn land_files(
    files: &[PathBuf],
    target: Target<'_>,
    options: &LandOptions,
    limits: &Limits,
) -> Result<Vec<Landed>> {
    // A misspelt name should not leave an empty store behind.
    for file in files {
        std::fs::metadata(file)
            .map_err(|e| DataFusionError::Execution(format!("cannot read {}: {e}", shown(file))))?;
    }
    if !target.store.exists() {
        // A store keeps its zone for ever: none is made for files that cannot land.
        inspect(files, options).await?;
    }
    let store = target.open().await?;
    let shows_bar = std::io::stderr().is_terminal() && !limits.quiet;
    let teller = Teller { limits, bar: shows_bar.then(Bar::default) };
    let started = Instant::now();
    let all = land(&store, files, options, &teller).await?;
    if all.len() > 1 {
        tell(limits, account("total", &Landed { seconds: started.elapsed().as_secs_f64(), ..total(&all) }))?;
    }
    let none_landed: Vec<String> = all
        .iter()
        .filter(|landed| landed.rows > 0 && landed.rows == landed.quarantined)
        .map(|landed| shown(&landed.source))
        .collect();
    for name in &none_landed {
        let map = &options.map.name;
        say(
            limits,
            format!("{name}: no row landed; is it a log of mapping '{map}'? land --dry-run tells more"),
        );
    }
    // The files have landed, as far as they can: what is only told is no reason to fail.
    if let Ok(Some(reason)) = frequent_reason(&store, &none_landed).await {
        say(limits, format!("warning: no row of these files landed; the most frequent reason is: {reason}"));
    }
    let quarantined: u64 = all.iter().map(|landed| landed.quarantined).sum();
    if quarantined > 0 {
        say(limits, "rejected rows and their reasons: select * from quarantine");
    }
    Ok(all)
}

/// Why most rows of the files were rejected.
async fn frequent_reason(store: &Store, files: &[String]) -> Result<Option<String>> {
    if files.is_empty() {
        return Ok(None);
    }
    let engine = Engine::with_store(store, &EngineOptions::default()).await?;
    let names: Vec<Expr> = files.iter().map(|name| lit(name.as_str())).collect();
    let reasons = engine.context().table("quarantine").await?.filter(col("file").in_list(names, false))?;
    let rows = reasons.aggregate(vec![col("reason")], vec![count(lit(1)).alias("rows")])?;
    let most = rows
        .sort(vec![col("rows").sort(false, false), col("reason").sort(true, false)])?
        .limit(0, Some(1))?;
    let batches = most.collect().await?;
    let first = batches.iter().find(|batch| batch.num_rows() > 0);
    Ok(first.map(|batch| array_value_to_string(batch.column(0), 0)).transpose()?)
}

/// Every row of a file, by what became of it.
pub(crate) fn account(name: &str, landed: &Landed) -> String {
    if landed.already {
        return format!("{name}: has landed before under a mapping of this name, nothing to do");
    }
    let mut parts = vec![format!("{} landed", grouped(landed.landed))];
    let others = [
        (landed.duplicates, "duplicates"),
        (landed.quarantined, "quarantined"),
        (landed.left_out, "left out by the mapping"),
    ];
    for (at, (rows, what)) in others.into_iter().enumerate() {
        // What a mapping leaves out is only worth a word where one does.
        if rows > 0 || at < 2 {
            parts.push(format!("{} {what}", grouped(rows)));
        }
    }
    let rate = landed.rows as f64 / landed.seconds.max(1e-9);
    format!(
        "{name}: {} rows = {}; {:.2} s, {} rows/s",
        grouped(landed.rows),
        parts.join(" + "),
        landed.seconds,
        grouped(rate as u64)
    )
}

fn total(all: &[Landed]) -> Landed {
    let sum = |count: fn(&Landed) -> u64| all.iter().map(count).sum();
    Landed {
        source: PathBuf::new(),
        rows: sum(|landed| landed.rows),
        left_out: sum(|landed| landed.left_out),
        landed: sum(|landed| landed.landed),
        duplicates: sum(|landed| landed.duplicates),
        quarantined: sum(|landed| landed.quarantined),
        seconds: all.iter().map(|landed| landed.seconds).sum(),
        already: all.iter().all(|landed| landed.already),
        files: all.iter().map(|landed| landed.files).sum(),
        bytes: sum(|landed| landed.bytes),
        version: all.iter().filter_map(|landed| landed.version).max(),
    }
}

/// Says what became of each file, under a bar where there is a terminal.
struct Teller<'a> {
    limits: &'a Limits,
    bar: Option<Bar>,
}

impl Progress for Teller<'_> {
    fn begin(&self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.begin(bytes);
        }
    }

    fn advance(&self, rows: u64, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.advance(rows, bytes);
        }
    }

    fn landed(&self, landed: &Landed) {
        let say = || tell(self.limits, account(&shown(&landed.source), landed)).ok();
        match &self.bar {
            Some(bar) => bar.with(|bar| bar.suspend(say)),
            None => say(),
        };
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.end();
        }
    }
}

/// A bar over the bytes of all files that tells the rows per second.
#[derive(Default)]
struct Bar {
    bar: std::sync::Mutex<Option<ProgressBar>>,
    rows: AtomicU64,
}

impl Bar {
    fn with<T>(&self, act: impl FnOnce(&ProgressBar) -> Option<T>) -> Option<T> {
        // A bar that another thread left in a bad state is not worth an error.
        self.bar.lock().ok().and_then(|bar| bar.as_ref().and_then(act))
    }

    fn begin(&self, bytes: u64) {
        let bar = ProgressBar::new(bytes);
        let template = "{wide_bar} {bytes}/{total_bytes}, {msg}, {eta} left";
        bar.set_style(
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        bar.enable_steady_tick(Duration::from_millis(250));
        if let Ok(mut slot) = self.bar.lock() {
            *slot = Some(bar);
        }
    }

    fn advance(&self, rows: u64, bytes: u64) {
        let rows = self.rows.fetch_add(rows, Ordering::Relaxed) + rows;
        self.with(|bar| {
            let rate = rows as f64 / bar.elapsed().as_secs_f64().max(1e-9);
            bar.set_message(format!("{} rows, {} rows/s", grouped(rows), grouped(rate as u64)));
            bar.inc(bytes);
            Some(())
        });
    }

    fn end(&self) {
        self.with(|bar| {
            bar.finish_and_clear();
            Some(())
        });
    }
}
