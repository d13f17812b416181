//! `footfall land --dry-run`: what would land of each file, what would not, and why.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono_tz::Tz;
use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, UInt64Array};
use datafusion::common::{DataFusionError, Result};
use footfall::Engine;
use footfall::ask::{Format, Numbers, write};
use footfall::land::{LandOptions, Preview, preview, shown};
use footfall::store::{Catalogue, Store};

use crate::cli::Limits;
use crate::commands::land::Target;
use crate::commands::{Outcome, grouped, stdout};

/// Days are counted in the zone of the store, or in that of the store that a landing would create.
pub(crate) async fn run(
    files: &[PathBuf],
    options: &LandOptions,
    target: Target<'_>,
    limits: &Limits,
) -> Result<Outcome> {
    let asked = target.time_zone.map(parse_zone).transpose()?;
    let (zone, mut catalogue) = match existing(target.store).await? {
        Some(store) => (store.time_zone(), store.snapshot().await?.catalogue),
        None => (asked.unwrap_or(Tz::Asia__Shanghai), Arc::new(Catalogue::default())),
    };
    if let Some(asked) = asked.filter(|asked| *asked != zone) {
        let store = target.store.display();
        return Err(failed(format!("{store} counts days in {zone}, which cannot become {asked}")));
    }
    if let Some(newer) = target.catalogue {
        catalogue = Arc::new(catalogue.merged(newer)?);
    }
    let engine = Engine::new(&limits.engine_options())?;
    for file in files {
        let preview = preview(file, options, zone, &catalogue).await?;
        print(&engine, &preview, &options.map.name, zone.name()).await?;
    }
    Ok(Outcome::Done)
}

/// The store, if a landing would not have to make it.
async fn existing(store: &Path) -> Result<Option<Store>> {
    let has_files = std::fs::read_dir(store).is_ok_and(|mut entries| entries.next().is_some());
    match has_files || store.is_file() {
        true => Store::open(store).await.map(Some),
        false => Ok(None),
    }
}

async fn print(engine: &Engine, preview: &Preview, mapping: &str, zone: &str) -> Result<()> {
    let mut out = stdout();
    let parts = [
        (preview.would_land, "would land"),
        (preview.duplicates, "duplicates in the file"),
        (preview.quarantined, "would be quarantined"),
        (preview.left_out, "left out by the mapping"),
    ];
    let parts = parts.map(|(rows, what)| format!("{} {what}", grouped(rows)));
    writeln!(
        out,
        "{}: {} rows = {}; nothing was written",
        shown(&preview.source),
        grouped(preview.rows),
        parts.join(" + ")
    )?;
    if preview.events.num_rows() > 0 {
        writeln!(out, "\nfirst events by mapping '{mapping}', days in {zone}")?;
        table(engine, preview.events.clone(), &mut out).await?;
    }
    if !preview.reasons.is_empty() {
        writeln!(out, "\nreasons")?;
        table(engine, reasons(preview)?, &mut out).await?;
        writeln!(out, "\nfirst rejected rows")?;
        table(engine, rejected(preview)?, &mut out).await?;
    }
    out.flush()?;
    Ok(())
}

/// Text of a rejected row that is shown.
const TEXT: usize = 160;
/// Reasons that are shown.
const REASONS: usize = 20;

fn reasons(preview: &Preview) -> Result<RecordBatch> {
    let shown = preview.reasons.iter().take(REASONS);
    let rows: UInt64Array = shown.clone().map(|(_, rows)| Some(*rows)).collect();
    let reasons: StringArray = shown.map(|(reason, _)| Some(reason.as_str())).collect();
    columns([("rows", Arc::new(rows)), ("reason", Arc::new(reasons))])
}

fn rejected(preview: &Preview) -> Result<RecordBatch> {
    let rejected = preview.rejected.iter();
    let rows: Int64Array = rejected.clone().map(|rejected| Some(rejected.row)).collect();
    let reasons: StringArray = rejected.clone().map(|rejected| Some(rejected.reason.as_str())).collect();
    let texts: StringArray = rejected.map(|rejected| Some(beginning(&rejected.text))).collect();
    columns([("row", Arc::new(rows)), ("reason", Arc::new(reasons)), ("text", Arc::new(texts))])
}

fn columns<const N: usize>(columns: [(&str, ArrayRef); N]) -> Result<RecordBatch> {
    Ok(RecordBatch::try_from_iter(columns)?)
}

fn beginning(text: &str) -> String {
    match text.char_indices().nth(TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

async fn table(engine: &Engine, rows: RecordBatch, out: &mut (dyn Write + Send)) -> Result<()> {
    let frame = engine.context().read_batch(rows)?;
    write(frame, Format::Table, Numbers::Exact, out).await.map(drop)
}

fn parse_zone(name: &str) -> Result<Tz> {
    name.parse().map_err(|_| {
        failed(format!("unknown time zone '{name}'; accepted are IANA names such as Asia/Shanghai, UTC"))
    })
}

fn failed(message: String) -> DataFusionError {
    DataFusionError::Plan(message)
}
