//! A report is a `.sql` file: a header that says what it answers and what it needs, and one query that computes it.
//!
//! Every figure is computed in its file; what is here finds the file, checks the parameters, runs the query and writes
//! the rows. So a person can read, copy and change a figure without reading Rust.

pub mod batch;
mod checks;
mod days;
pub mod lineage;
mod pack;
pub mod page;
mod reads;
mod screens;
mod shared;
mod unknown;

use std::fmt::Write as _;
use std::io::Write;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::MemTable;
use datafusion::physical_plan::collect;
use datafusion::prelude::{DataFrame, SessionContext};

use crate::ask::{
    Arguments, Chart, ColumnNote, Format, Given, Header, Label, Numbers, Parameter, Parsed, Period, Reach,
    Source, Usage, answer, parse,
};
use crate::engine::Engine;

use batch::Reads;
use checks::Test;

pub use days::Days;
pub use pack::Pack;
pub use screens::{Store as PageStore, write_page};
pub use shared::Shared;
pub use unknown::unknown_values;
pub(crate) use unknown::{declared_events, texts};

/// A report that can be run.
#[derive(Debug, Clone)]
pub struct Report {
    /// Its place in the pack, `access/pages`.
    pub name: String,
    pub title: Label,
    pub question: Option<Label>,
    pub parameters: Vec<Parameter>,
    /// What the result's columns mean, in their order; empty where the file does not say.
    pub columns: Vec<ColumnNote>,
    pub charts: Vec<Chart>,
    /// In JSON a row is one object, an answer of its own.
    pub json_object: bool,
    /// For which stretch of the calendar it is made, if not for any.
    pub period: Option<Period>,
    /// On which days its answer depends, where the file says so.
    pub days: Option<Reach>,
    tests: Vec<Test>,
    source: Source,
    query: Parsed,
}

/// The rows of a report, and what they depend on.
#[derive(Debug, Clone)]
pub struct Answer {
    pub schema: SchemaRef,
    pub batches: Vec<RecordBatch>,
    pub reads: Reads,
}

impl Answer {
    /// Batches of one query may differ in what they say of NULLs and in metadata; here they all say the same.
    fn new(schema: &SchemaRef, batches: &[RecordBatch], reads: Reads) -> Result<Self> {
        let nullable = |field: &FieldRef| Field::new(field.name(), field.data_type().clone(), true);
        let schema: SchemaRef =
            Arc::new(Schema::new(schema.fields().iter().map(nullable).collect::<Vec<_>>()));
        let batches = batches
            .iter()
            .map(|batch| Ok(RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec())?))
            .collect::<Result<Vec<_>>>()?;
        Ok(Self { schema, batches, reads })
    }

    pub fn rows(&self) -> u64 {
        self.batches.iter().map(|batch| batch.num_rows() as u64).sum()
    }
}

impl Report {
    /// Reads a report's text; everything but the tables and columns it names is checked here.
    pub fn parse(name: impl Into<String>, source: Source) -> Result<Self> {
        let header = Header::parse(&source)?;
        let Some(title) = header.title else {
            return Err(Usage::error(format!(
                "{}:1: a report's first line is a comment `-- title: …`",
                source.name
            )));
        };
        let statements = parse(&source)?;
        let count = statements.len();
        // The place of the first one too many.
        let line = statements.get(1).or(statements.first()).map_or(1, |statement| statement.line);
        let Some(query) = statements.into_iter().next().filter(|first| count == 1 && first.returns_rows())
        else {
            return Err(Usage::error(format!(
                "{}:{line}: a report is one query; this file has {count} statements",
                source.name
            )));
        };
        let is_declared = |name: &String| header.parameters.iter().any(|parameter| parameter.name == *name);
        let tests =
            header.checks.iter().map(|check| Test::parse(&source.name, check)).collect::<Result<Vec<_>>>()?;
        let needed = query.parameters().into_iter().chain(tests.iter().flat_map(Test::parameters));
        if let Some(name) = needed.into_iter().find(|name| !is_declared(name)) {
            return Err(Usage::error(format!(
                "{}:{}: the query uses ${name}, which the header does not declare: add `-- param {name} type = default`",
                source.name, query.line
            )));
        }
        Ok(Self {
            name: name.into(),
            title,
            question: header.question,
            parameters: header.parameters,
            columns: header.columns,
            charts: header.charts,
            json_object: header.json_object,
            period: header.period,
            days: header.days,
            tests,
            source,
            query,
        })
    }

    /// The text of its file.
    pub fn text(&self) -> &str {
        &self.source.text
    }

    /// What holds of every result.
    pub fn checks(&self) -> impl Iterator<Item = &str> {
        self.tests.iter().map(Test::expression)
    }

    /// Checks the values for this report; those for other reports are passed over.
    pub fn arguments(&self, given: &[Given], days: &Days) -> Result<Arguments> {
        Arguments::declared(&self.parameters, given, |parameter, text| days.resolve(parameter, text))
    }

    /// Plans the report's query.
    pub async fn plan(&self, engine: &Engine, arguments: &Arguments) -> Result<DataFrame> {
        self.plan_in(engine.context(), arguments).await
    }

    async fn plan_in(&self, context: &SessionContext, arguments: &Arguments) -> Result<DataFrame> {
        match answer(context, &self.source, &self.query, arguments).await? {
            Some(frame) => Ok(frame),
            None => Err(Usage::error(format!(
                "{}:{}: the query has no columns",
                self.source.name, self.query.line
            ))),
        }
    }

    /// Runs the report; all that its header promises of the rows has been checked.
    pub async fn answer(&self, engine: &Engine, shared: &Shared, arguments: &Arguments) -> Result<Answer> {
        let located = |e: DataFusionError| arguments.locate(&e, &self.source, &self.query);
        let (state, written) = self.plan(engine, arguments).await?.into_parts();
        let optimized = state.optimize(&written).map_err(located)?;
        let reads = reads::reads(&written, &optimized, &engine.time_zone(), &engine.saved_views())?;
        // What it depends on is seen in the plan over the views; it is computed from what other reports have computed.
        let (state, optimized) = match shared.context() {
            None => (state, optimized),
            Some(context) => {
                let (state, written) = self.plan_in(context, arguments).await?.into_parts();
                let optimized = state.optimize(&written).map_err(located)?;
                (state, optimized)
            }
        };
        let plan = state.query_planner().create_physical_plan(&optimized, &state).await.map_err(located)?;
        let schema = plan.schema();
        let batches = collect(plan, state.task_ctx()).await.map_err(located)?;
        let answer = Answer::new(&schema, &batches, reads)?;
        checks::check(&self.tests, engine, arguments, &answer).await?;
        Ok(answer)
    }

    /// Runs the report and writes its rows; the number of rows.
    pub async fn write(
        &self,
        engine: &Engine,
        arguments: &Arguments,
        format: Format,
        out: &mut (dyn Write + Send),
    ) -> Result<u64> {
        if self.tests.is_empty() {
            // Rows are written as they come.
            let frame = self.plan(engine, arguments).await?;
            return self.write_frame(frame, engine, arguments, format, out).await;
        }
        let answer = self.answer(engine, &Shared::default(), arguments).await?;
        self.write_answer(&answer, engine, arguments, format, out).await
    }

    /// Writes the rows of an answer.
    pub async fn write_answer(
        &self,
        answer: &Answer,
        engine: &Engine,
        arguments: &Arguments,
        format: Format,
        out: &mut (dyn Write + Send),
    ) -> Result<u64> {
        let rows = MemTable::try_new(Arc::clone(&answer.schema), vec![answer.batches.clone()])?;
        let frame = engine.context().read_table(Arc::new(rows))?;
        self.write_frame(frame, engine, arguments, format, out).await
    }

    /// Markdown gets a heading that says what was asked.
    async fn write_frame(
        &self,
        frame: DataFrame,
        engine: &Engine,
        arguments: &Arguments,
        format: Format,
        out: &mut (dyn Write + Send),
    ) -> Result<u64> {
        if format == Format::Markdown {
            out.write_all(self.heading(engine, arguments).as_bytes())?;
        }
        let written = match format {
            Format::Json if self.json_object => crate::ask::write_objects(frame, Numbers::Figures, out).await,
            _ => crate::ask::write(frame, format, Numbers::Figures, out).await,
        };
        written.map_err(|e| arguments.locate(&e, &self.source, &self.query))
    }

    /// Title, question in English, and what a reader must know to read the numbers: the parameters that were given, the days and
    /// their zone.
    fn heading(&self, engine: &Engine, arguments: &Arguments) -> String {
        let mut heading = format!("## {}\n\n", self.title);
        if let Some(question) = &self.question {
            let _ = write!(heading, "{}\n\n", question.en);
        }
        for (name, value) in arguments.told() {
            let _ = write!(heading, "{name} {value} · ");
        }
        let _ = write!(heading, "days in {}", engine.time_zone());
        if let Some(segment) = engine.segment() {
            let _ = write!(heading, " · users of segment {}", segment.name);
        }
        heading.push_str("\n\n");
        heading
    }
}
