//! The SQL suite: every `tests/sql/**/*.slt` under every way of running the engine, each rule off among them, is one named test,
//! `sessions/sessionize.slt [batch_size_1]`; names and filters work as with any test binary (`cargo test --release --test sql -- sessionize`).
//!
//! Expected values stand in the `.slt` files, worked out by hand. Rules of the runner:
//! - a file whose name starts with `_` is skipped (it is included by others);
//! - a line `# land: <arguments of footfall land>` lands those files into a store made for the test, which the engine then opens;
//! - a plan depends on the settings, so `EXPLAIN` is compared in the variant `default` only;
//! - under `small_memory` a query may end in `Resources exhausted` instead of its answer: the documented outcome, never a wrong answer;
//! - values print as Arrow prints them, but NULL as `NULL`, empty text as `(empty)`, floats with 12 significant digits,
//!   and a plan one line a row, numbered, leading spaces as dashes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::DataFusionError;
use datafusion::physical_plan::{ExecutionPlan, collect, displayable};
use datafusion_proto::bytes::{
    physical_plan_from_bytes_with_extension_codec, physical_plan_to_bytes_with_extension_codec,
};
use footfall::{Engine, EngineOptions, FootfallCodec};
use libtest_mimic::{Arguments, Failed, Trial};
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Record, Runner};

/// Session queries of the suite that the streaming operator must execute: raise it when the suite grows, never lower it.
const SESSION_QUERIES_STREAMED: usize = 72;

fn main() {
    let arguments = Arguments::from_args();
    let files = suite();
    assert!(!files.is_empty(), "no .slt file under {}", root().display());
    let mut trials = Vec::new();
    for file in &files {
        for variant in Variant::all() {
            let name = format!("{} [{}]", name(file), variant.name());
            let file = file.clone();
            trials.push(Trial::test(name, move || run_file(&file, variant)));
        }
    }
    trials.push(Trial::test("session_queries_are_streamed", move || count_streamed(&files)));
    libtest_mimic::run(&arguments, trials).exit();
}

/// One way of running the engine: the answers must not depend on it.
#[derive(Clone, Copy, PartialEq)]
enum Variant {
    Default,
    /// Every row comes alone: all state must outlive a batch.
    BatchSize1,
    /// Seven partitions and batches small enough that five rows are worth spreading.
    ManyPartitions,
    /// 32 MB in all: spill, or say that memory is short.
    SmallMemory,
    /// Every plan becomes bytes and comes back before it runs.
    Codec,
    /// One of the rules that make a plan quicker is off.
    Without(&'static str),
}

/// Options that turn a rule on, each of which the answers must not depend on.
const RULES: [&str; 6] = [
    "bound_days",
    "filter_in_scan",
    "numbered_aggregates",
    "sorted_aggregates",
    "stream_events",
    "stream_sessions",
];

impl Variant {
    fn all() -> impl Iterator<Item = Self> {
        [Self::Default, Self::BatchSize1, Self::ManyPartitions, Self::SmallMemory, Self::Codec]
            .into_iter()
            .chain(RULES.map(Self::Without))
    }

    fn name(self) -> String {
        match self {
            Self::Default => "default".to_owned(),
            Self::BatchSize1 => "batch_size_1".to_owned(),
            Self::ManyPartitions => "many_partitions".to_owned(),
            Self::SmallMemory => "small_memory".to_owned(),
            Self::Codec => "codec".to_owned(),
            Self::Without(rule) => format!("without_{rule}"),
        }
    }

    /// Partitions are fixed: a plan must not depend on the number of cores of the machine.
    fn options(self) -> EngineOptions {
        let mut options =
            EngineOptions { threads: Some(2), target_partitions: Some(4), ..EngineOptions::default() };
        match self {
            Self::Default | Self::Codec | Self::Without(_) => {}
            Self::BatchSize1 => options.batch_size = Some(1),
            Self::ManyPartitions => {
                options.target_partitions = Some(7);
                options.batch_size = Some(3);
            }
            Self::SmallMemory => options.memory_limit = Some(32 << 20),
        }
        options
    }

    fn settings(self) -> Vec<String> {
        match self {
            Self::ManyPartitions => vec![
                "SET datafusion.optimizer.repartition_file_min_size = 0".to_owned(),
                "SET datafusion.optimizer.enable_round_robin_repartition = true".to_owned(),
            ],
            Self::Without(rule) => vec![format!("SET footfall.{rule} = false")],
            _ => vec![],
        }
    }
}

fn run_file(file: &Path, variant: Variant) -> Result<(), Failed> {
    let store = land_directives(file)?;
    let store_path = store.as_ref().map(|dir| dir.path().join("store"));
    runtime()?.block_on(async {
        let mut runner = Runner::new(|| Database::open(variant, store_path.clone()));
        runner.add_label(&variant.name());
        let mut short_of_memory = 0;
        for record in sqllogictest::parse_file::<DefaultColumnType>(file)? {
            match &record {
                Record::Halt { .. } => break,
                Record::Query { sql, .. } if is_explain(sql) && variant != Variant::Default => {
                    continue;
                }
                _ => {}
            }
            let is_query = matches!(record, Record::Query { .. });
            match runner.run_async(record).await {
                Ok(_) => {}
                Err(e)
                    if is_query
                        && variant == Variant::SmallMemory
                        && e.to_string().contains("Resources exhausted") =>
                {
                    short_of_memory += 1;
                }
                Err(e) => return Err(Failed::from(e)),
            }
        }
        if short_of_memory > 0 {
            println!("{}: {short_of_memory} queries said that memory was short", name(file));
        }
        Ok(())
    })
}

/// How many statements with a session function the streaming operator executes, chosen by what the plan proves.
fn count_streamed(files: &[PathBuf]) -> Result<(), Failed> {
    let (mut streamed, mut planned) = (0, 0);
    for file in files {
        let store = land_directives(file)?;
        let store_path = store.as_ref().map(|dir| dir.path().join("store"));
        runtime()?.block_on(async {
            let database = Database::open(Variant::Default, store_path).await?;
            for record in sqllogictest::parse_file::<DefaultColumnType>(file)? {
                match record {
                    // Nothing is substituted here, so a file would get the variable's name and stay.
                    Record::Statement { sql, .. } if sql.contains("$__TEST_DIR__") => {}
                    Record::Statement { sql, .. } => {
                        // Makes the tables and settings; one that is expected to fail may fail here too.
                        let _ = database.execute(&sql).await;
                    }
                    Record::Query { sql, .. } if calls_session_function(&sql) => {
                        if let Ok(plan) = database.plan(&sql).await {
                            planned += 1;
                            let text = displayable(plan.as_ref()).indent(false).to_string();
                            streamed += usize::from(text.contains("SessionizeExec"));
                        }
                    }
                    _ => {}
                }
            }
            Ok::<_, Failed>(())
        })?;
    }
    println!("{streamed} of {planned} session queries of the suite use SessionizeExec");
    if streamed < SESSION_QUERIES_STREAMED {
        return Err(format!(
            "{streamed} session queries use SessionizeExec, {SESSION_QUERIES_STREAMED} did before"
        )
        .into());
    }
    Ok(())
}

fn calls_session_function(sql: &str) -> bool {
    let sql = sql.to_lowercase();
    !is_explain(&sql) && (sql.contains("sessionize(") || sql.contains("session_info("))
}

struct Database {
    engine: Engine,
    variant: Variant,
}

impl Database {
    async fn open(variant: Variant, store: Option<PathBuf>) -> Result<Self, DataFusionError> {
        let engine = match store {
            Some(path) => Engine::open(&path, &variant.options()).await?,
            None => Engine::new(&variant.options())?,
        };
        let database = Self { engine, variant };
        for setting in variant.settings() {
            database.execute(&setting).await?;
        }
        Ok(database)
    }

    async fn plan(&self, sql: &str) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        self.engine.sql(sql).await?.create_physical_plan().await
    }

    async fn execute(&self, sql: &str) -> Result<Vec<RecordBatch>, DataFusionError> {
        let frame = self.engine.sql(sql).await?;
        let context = Arc::new(frame.task_ctx());
        let mut plan = frame.create_physical_plan().await?;
        if self.variant == Variant::Codec {
            let bytes = physical_plan_to_bytes_with_extension_codec(plan, &FootfallCodec)?;
            plan = physical_plan_from_bytes_with_extension_codec(&bytes, &context, &FootfallCodec)?;
        }
        let schema = plan.schema();
        let mut batches = collect(plan, context).await?;
        if batches.is_empty() && !schema.fields().is_empty() {
            batches.push(RecordBatch::new_empty(schema));
        }
        Ok(batches)
    }
}

#[async_trait]
impl AsyncDB for Database {
    type Error = DataFusionError;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, DataFusionError> {
        let batches = self.execute(sql).await?;
        let Some(first) = batches.first() else {
            return Ok(DBOutput::StatementComplete(0));
        };
        let types = first.schema().fields().iter().map(|field| column_type(field.data_type())).collect();
        let mut rows = Vec::new();
        for batch in &batches {
            for row in text_rows(batch)? {
                if is_explain(sql) {
                    rows.extend(plan_lines(row));
                } else {
                    rows.push(row);
                }
            }
        }
        Ok(DBOutput::Rows { types, rows })
    }

    async fn shutdown(&mut self) {}
}

fn column_type(data_type: &DataType) -> DefaultColumnType {
    match data_type {
        t if t.is_integer() => DefaultColumnType::Integer,
        t if t.is_floating() => DefaultColumnType::FloatingPoint,
        t if t.is_string() => DefaultColumnType::Text,
        _ => DefaultColumnType::Any,
    }
}

fn text_rows(batch: &RecordBatch) -> Result<Vec<Vec<String>>, DataFusionError> {
    let options = FormatOptions::default().with_null("NULL");
    let mut rows = vec![Vec::with_capacity(batch.num_columns()); batch.num_rows()];
    for column in batch.columns() {
        let formatter = ArrayFormatter::try_new(column.as_ref(), &options)?;
        for (i, row) in rows.iter_mut().enumerate() {
            row.push(cell(column.as_ref(), i, &formatter)?);
        }
    }
    Ok(rows)
}

fn cell(column: &dyn Array, i: usize, formatter: &ArrayFormatter) -> Result<String, DataFusionError> {
    if column.is_null(i) {
        return Ok("NULL".to_string());
    }
    Ok(match column.data_type() {
        DataType::Float64 => float(column.as_primitive::<Float64Type>().value(i)),
        DataType::Float32 => float(f64::from(column.as_primitive::<Float32Type>().value(i))),
        _ => match formatter.value(i).try_to_string()? {
            text if text.is_empty() => "(empty)".to_string(),
            text => text,
        },
    })
}

/// 12 significant digits: what two orders of summation agree on.
fn float(value: f64) -> String {
    match format!("{value:.11e}").parse::<f64>() {
        Ok(rounded) => rounded.to_string(),
        Err(_) => value.to_string(),
    }
}

/// A plan as DataFusion's own suite writes it, so that a line of it can be compared and its depth seen.
fn plan_lines(mut row: Vec<String>) -> Vec<Vec<String>> {
    let plan = row.pop().unwrap_or_default();
    if !plan.trim_end().contains('\n') {
        row.push(plan.replace(manifest_dir(), "."));
        return vec![row];
    }
    let mut lines = vec![row];
    for (i, line) in plan.trim_end().lines().enumerate() {
        let content = line.trim_start();
        let depth = "-".repeat(line.len() - content.len());
        let content = content.replace(manifest_dir(), ".");
        lines.push(vec![format!("{:02}){depth}{content}", i + 1)]);
    }
    lines
}

/// As plans print paths: without the leading slash.
fn manifest_dir() -> &'static str {
    env!("CARGO_MANIFEST_DIR").trim_start_matches('/')
}

fn is_explain(sql: &str) -> bool {
    sql.trim_start().get(..7).is_some_and(|word| word.eq_ignore_ascii_case("explain"))
}

/// Lands what the file asks for; the store lives as long as the returned folder.
fn land_directives(file: &Path) -> Result<Option<tempfile::TempDir>, Failed> {
    let script = std::fs::read_to_string(file)?;
    let directives: Vec<&str> = script.lines().filter_map(|line| line.strip_prefix("# land:")).collect();
    if directives.is_empty() {
        return Ok(None);
    }
    let dir = tempfile::tempdir()?;
    for arguments in directives {
        let output = Command::new(env!("CARGO_BIN_EXE_footfall"))
            .arg("land")
            .args(arguments.split_whitespace())
            .arg("--store")
            .arg(dir.path().join("store"))
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr);
            return Err(format!("land{arguments}: {why}").into());
        }
    }
    Ok(Some(dir))
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sql")
}

fn name(file: &Path) -> String {
    file.strip_prefix(root()).unwrap_or(file).display().to_string()
}

/// All files of the suite, in order.
fn suite() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "slt")
                && !entry.file_name().to_string_lossy().starts_with('_')
            {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
