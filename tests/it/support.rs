//! What the tests share: engines, random event tables in every layout, answers as text, the binary.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::DataFusionError;
use datafusion::datasource::MemTable;
use footfall::land::{LandOptions, Landed, Mapping, NoProgress, land};
use footfall::store::Store;
use footfall::{Engine, EngineOptions};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// Runs a random test with a fixed seed, so that a failure comes back; `FOOTFALL_CASES` multiplies the cases, `FOOTFALL_SEED` picks others.
pub(crate) fn random<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value)) {
    let config = Config {
        cases: cases * number("FOOTFALL_CASES", 1) as u32,
        rng_seed: RngSeed::Fixed(number("FOOTFALL_SEED", 19_950_801)),
        failure_persistence: None,
        max_shrink_iters: 4000,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(strategy, |value| {
        test(value);
        Ok(())
    });
    if let Err(e) = outcome {
        panic!("{e}");
    }
}

/// A count given in the environment, so that long runs use the same tests.
pub(crate) fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable}: '{text}' is not a whole number")),
        Err(_) => default,
    }
}

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime of two threads")
    });
    RUNTIME.block_on(future)
}

/// The answer as text, one `Vec` a row, NULL as `NULL`.
pub(crate) fn try_ask(engine: &Engine, sql: &str) -> Result<Vec<Vec<String>>, DataFusionError> {
    let batches = block_on(async { engine.sql(sql).await?.collect().await })?;
    text(&batches)
}

/// As [`try_ask`], for a question that has an answer.
pub(crate) fn ask(engine: &Engine, sql: &str) -> Vec<Vec<String>> {
    try_ask(engine, sql).unwrap_or_else(|e| panic!("{e}\n{sql}"))
}

pub(crate) fn text(batches: &[RecordBatch]) -> Result<Vec<Vec<String>>, DataFusionError> {
    let options = FormatOptions::default().with_null("NULL");
    let mut rows = Vec::new();
    for batch in batches {
        let columns = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
            .collect::<Result<Vec<_>, _>>()?;
        for i in 0..batch.num_rows() {
            rows.push(columns.iter().map(|c| c.value(i).to_string()).collect());
        }
    }
    Ok(rows)
}

/// `ask`, sorted: for answers whose order the question leaves open.
pub(crate) fn ask_sorted(engine: &Engine, sql: &str) -> Vec<Vec<String>> {
    let mut rows = ask(engine, sql);
    rows.sort();
    rows
}

/// An engine without a store.
pub(crate) fn engine(partitions: usize, batch_size: usize) -> Engine {
    Engine::new(&EngineOptions {
        threads: Some(2),
        target_partitions: Some(partitions),
        batch_size: Some(batch_size),
        ..EngineOptions::default()
    })
    .expect("an engine without a store")
}

/// One event of a random table. `tick` counts units of time whose length the [`Time`] type decides.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Row {
    pub(crate) user: u8,
    pub(crate) tick: Option<i64>,
    /// Position in time order among equals; unique in the table.
    pub(crate) seq: i64,
    pub(crate) event: Option<&'static str>,
    pub(crate) page: Option<&'static str>,
    pub(crate) scene: Option<i32>,
    pub(crate) key: Option<&'static str>,
}

/// A type that a time column may have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Time {
    Int32,
    Int64,
    Second,
    Millisecond,
    MicrosecondUtc,
    Nanosecond,
    Date32,
}

impl Time {
    pub(crate) const ALL: [Self; 7] = [
        Self::Int32,
        Self::Int64,
        Self::Second,
        Self::Millisecond,
        Self::MicrosecondUtc,
        Self::Nanosecond,
        Self::Date32,
    ];

    /// Those with a clock in which a tick can be a second.
    pub(crate) const CLOCKS: [Self; 4] =
        [Self::Second, Self::Millisecond, Self::MicrosecondUtc, Self::Nanosecond];

    fn data_type(self) -> DataType {
        match self {
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::Second => DataType::Timestamp(TimeUnit::Second, None),
            Self::Millisecond => DataType::Timestamp(TimeUnit::Millisecond, None),
            Self::MicrosecondUtc => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Nanosecond => DataType::Timestamp(TimeUnit::Nanosecond, None),
            Self::Date32 => DataType::Date32,
        }
    }

    /// Units of the type in a tick: a second where the type has a clock, else one unit.
    pub(crate) fn scale(self) -> i64 {
        match self {
            Self::Int32 | Self::Int64 | Self::Second | Self::Date32 => 1,
            Self::Millisecond => 1_000,
            Self::MicrosecondUtc => 1_000_000,
            Self::Nanosecond => 1_000_000_000,
        }
    }

    /// SQL of a span of so many ticks.
    pub(crate) fn span(self, ticks: i64) -> String {
        match self {
            Self::Int32 | Self::Int64 => ticks.to_string(),
            Self::Date32 => format!("INTERVAL '{ticks} days'"),
            _ => format!("INTERVAL '{ticks} seconds'"),
        }
    }

    /// SQL that makes ticks of a time.
    pub(crate) fn ticks(self, time: &str) -> String {
        match self {
            Self::Int32 | Self::Int64 => format!("CAST({time} AS BIGINT)"),
            Self::Date32 => format!("CAST(CAST({time} AS INT) AS BIGINT)"),
            _ => format!("CAST({time} AS BIGINT) / {}", self.scale()),
        }
    }
}

/// How a table lies in memory; no answer may depend on it.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) partitions: usize,
    pub(crate) batch_size: usize,
    pub(crate) text: DataType,
    pub(crate) time: Time,
}

impl Layout {
    pub(crate) fn engine(&self) -> Engine {
        engine(self.partitions, self.batch_size)
    }

    pub(crate) fn load(&self, engine: &Engine, name: &str, rows: &[Row]) {
        let size = self.batch_size.min(5);
        let mut partitions = vec![vec![]; self.partitions];
        for (i, chunk) in rows.chunks(size).enumerate() {
            partitions[i % self.partitions].push(self.batch(chunk));
        }
        let schema = self.batch(&[]).schema();
        let table = MemTable::try_new(schema, partitions).expect("batches of one schema");
        let _ = engine.context().deregister_table(name);
        engine.context().register_table(name, Arc::new(table)).expect("a free name");
    }

    fn batch(&self, rows: &[Row]) -> RecordBatch {
        let text = |values: Vec<Option<String>>| -> ArrayRef {
            cast(&StringArray::from(values), &self.text).expect("text to text")
        };
        let times = rows.iter().map(|r| r.tick.map(|t| t * self.time.scale()));
        let times: ArrayRef = match self.time {
            Time::Int32 | Time::Date32 => {
                let days: Int32Array = times.map(|t| t.map(|t| t as i32)).collect();
                cast(&days, &self.time.data_type()).expect("Int32 to a time")
            }
            _ => {
                let units: Int64Array = times.collect();
                cast(&units, &self.time.data_type()).expect("Int64 to a time")
            }
        };
        let seq: Int64Array = rows.iter().map(|r| Some(r.seq)).collect();
        let scene: Int32Array = rows.iter().map(|r| r.scene).collect();
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("u", text(rows.iter().map(|r| Some(format!("u{}", r.user))).collect())),
            ("ts", times),
            ("seq", Arc::new(seq)),
            ("event", text(rows.iter().map(|r| r.event.map(str::to_string)).collect())),
            ("page", text(rows.iter().map(|r| r.page.map(str::to_string)).collect())),
            ("scene", Arc::new(scene)),
            ("key", text(rows.iter().map(|r| r.key.map(str::to_string)).collect())),
        ];
        let fields: Vec<Field> =
            columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
        let arrays = columns.into_iter().map(|(_, array)| array).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("columns of one length")
    }
}

pub(crate) fn text_types() -> Vec<DataType> {
    vec![
        DataType::Utf8,
        DataType::LargeUtf8,
        DataType::Utf8View,
        DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
    ]
}

pub(crate) fn layouts(times: &'static [Time]) -> impl Strategy<Value = Layout> {
    (select(&[1usize, 7][..]), select(&[1usize, 7, 8192][..]), select(text_types()), select(times))
        .prop_map(|(partitions, batch_size, text, time)| Layout { partitions, batch_size, text, time })
}

/// The rows of one user that have a time, in order of (time, seq).
pub(crate) fn in_order(rows: &[Row], user: u8) -> Vec<&Row> {
    let mut rows: Vec<&Row> = rows.iter().filter(|r| r.user == user && r.tick.is_some()).collect();
    rows.sort_by_key(|r| (r.tick, r.seq));
    rows
}

/// Users of a table, ascending.
pub(crate) fn users(rows: &[Row]) -> Vec<u8> {
    let users: std::collections::BTreeSet<u8> = rows.iter().map(|r| r.user).collect();
    users.into_iter().collect()
}

/// Lands one file by a built-in mapping.
pub(crate) async fn land_file(store: &Store, file: &Path, map: &str) -> Result<Landed, DataFusionError> {
    let options = LandOptions::new(Mapping::named(map)?);
    let mut landed = land(store, &[file.to_path_buf()], &options, &NoProgress).await?;
    Ok(landed.pop().expect("one answer a file"))
}

/// Runs the binary and waits for it.
pub(crate) fn footfall(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_footfall"))
        .args(arguments)
        .current_dir(repository())
        .output()
        .expect("the binary runs")
}

/// Runs the binary; a failure ends the test with what it printed.
pub(crate) fn footfall_ok(arguments: &[&str]) -> String {
    let output = footfall(arguments);
    assert!(
        output.status.success(),
        "footfall {}\n{}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn data(set: &str) -> PathBuf {
    repository().join("data").join(set).join("events.parquet")
}

/// A small generator (SplitMix64): the same numbers on every machine.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// From 0 to `bound`, without it.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }
}
