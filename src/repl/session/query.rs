//! A statement runs on threads of its own: Ctrl-C, or the time that is up, gives the prompt back at once, and what the query
//! holds goes when its batch is done.

use std::error::Error;
use std::fmt::{self, Display};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::MemTable;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::{DataFrame, SessionContext};
use futures::StreamExt;

use super::progress::{Line, Running};
use super::workers::Waited;
use super::{LastResult, Session};
use crate::ask::{
    Arguments, Format, Given, Header, Numbers, OutputFile, Parsed, Source, Usage, answer, locate, parse,
    write,
};
use crate::error::footfall_internal_err;
use crate::report::Days;

/// What is kept of a result that is shown: more is for a file.
const MOST_ROWS: u64 = 100_000;
const MOST_BYTES: usize = 256 << 20;

/// The table that holds the last result.
pub(super) const LAST: &str = "_";

/// The query was stopped by Ctrl-C.
#[derive(Debug)]
struct Cancelled;

impl Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cancelled")
    }
}

impl Error for Cancelled {}

/// Whether Ctrl-C is what ended it.
pub fn is_cancelled(error: &DataFusionError) -> bool {
    matches!(error, DataFusionError::External(inner) if inner.is::<Cancelled>())
}

impl Session {
    /// Runs the statements of a text, the first error ends it; the rows of the last one.
    pub(super) async fn statements(&mut self, source: &Source) -> Result<Option<u64>> {
        let statements = parse(source)?;
        let header = Header::parse(source)?;
        let given: Vec<Given> = self.parameters.values().cloned().collect();
        let mut rows = None;
        for parsed in statements {
            self.renew_store().await?;
            let arguments = self.arguments(&header, &given, &parsed).await?;
            self.asked = Some(source.text.trim().to_string());
            rows = self.statement(source.clone(), parsed, arguments).await?;
        }
        Ok(rows)
    }

    /// The values of the parameters that the statement needs.
    pub(super) async fn arguments(
        &self,
        header: &Header,
        given: &[Given],
        parsed: &Parsed,
    ) -> Result<Arguments> {
        let arguments = if header.parameters.is_empty() {
            let needed = parsed.parameters();
            let given: Vec<Given> =
                given.iter().filter(|given| needed.contains(&given.name)).cloned().collect();
            Arguments::undeclared(&given)?
        } else {
            let declared = std::iter::once(header.parameters.as_slice());
            let days = Days::where_needed(&self.engine, declared, given).await?;
            Arguments::declared(&header.parameters, given, |parameter, text| days.resolve(parameter, text))?
        };
        match arguments.missing(parsed) {
            None => Ok(arguments),
            Some(_) => {
                let known: Vec<&str> = given.iter().map(|given| given.name.as_str()).collect();
                let missing = parsed.parameters().into_iter().find(|name| !known.contains(&name.as_str()));
                let missing = missing.unwrap_or_default();
                Err(Usage::error(format!(
                    "${missing} has no value; give it one: \\set {missing} VALUE, or \\set {missing}:TYPE VALUE"
                )))
            }
        }
    }

    async fn statement(
        &mut self,
        source: Source,
        parsed: Parsed,
        arguments: Arguments,
    ) -> Result<Option<u64>> {
        if parsed.returns_rows() {
            self.check_form(self.format)?;
        }
        let context = self.engine.context().clone();
        let failed = {
            let (source, parsed) = (source.clone(), parsed.clone());
            move |e: DataFusionError| locate(&e, &source, &parsed)
        };
        let plan = async move {
            let frame = answer(&context, &source, &parsed, &arguments).await?;
            match frame {
                Some(frame) if !parsed.returns_rows() => {
                    frame.collect().await.map_err(|e| locate(&e, &source, &parsed))?;
                    Ok(None)
                }
                other => Ok(other),
            }
        };
        self.answer_of(plan, failed).await
    }

    /// Runs what a future plans, and shows it or writes it to the file of `\o`; the number of rows.
    pub(super) async fn answer_of(
        &mut self,
        plan: impl Future<Output = Result<Option<DataFrame>>> + Send + 'static,
        failed: impl Fn(DataFusionError) -> DataFusionError + Send + 'static,
    ) -> Result<Option<u64>> {
        let started = std::time::Instant::now();
        let running: Running = Arc::new(OnceLock::new());
        if let Some(path) = self.output.clone() {
            let format = Format::of_file(&path).unwrap_or(self.format);
            let file = OutputFile::create(&path)?;
            let work = async move { to_file(plan, file, format, failed).await };
            let Some(rows) = self.supervised(work, &running)? else {
                self.say_done(started.elapsed());
                return Ok(None);
            };
            self.output = None;
            self.say(&format!("wrote {} ({rows} rows)", path.display()));
            return Ok(Some(rows));
        }
        // Rows that nobody looks at are not cut: they go into a pipe.
        let most = if self.terminal.is_some() { MOST_ROWS } else { u64::MAX };
        let work = collect(plan, Arc::clone(&running), most, failed);
        let Some(last) = self.supervised(work, &running)? else {
            self.say_done(started.elapsed());
            return Ok(None);
        };
        let rows = last.rows;
        self.keep(last)?;
        self.show_last(false, Some(started.elapsed())).await?;
        Ok(Some(rows))
    }

    /// Makes a result that is there already the last one, and shows it or writes it to the file of `\o`.
    pub(super) async fn hand_over(&mut self, last: LastResult) -> Result<()> {
        self.keep(last)?;
        self.renew_names().await;
        if self.output.is_none() {
            return self.show_last(false, None).await;
        }
        let context = self.context().clone();
        self.answer_of(async move { context.table(LAST).await.map(Some) }, |e| e).await?;
        Ok(())
    }

    /// Fails where results would be shown in a form that is for files.
    pub(super) fn check_form(&self, format: Format) -> Result<()> {
        if format == Format::Parquet && self.output.is_none() { Err(needs_a_file()) } else { Ok(()) }
    }

    /// The frame's rows, neither shown nor kept; for the prompt's own questions.
    pub(super) fn collected(&self, frame: DataFrame) -> Result<LastResult> {
        let running: Running = Arc::new(OnceLock::new());
        let work = collect(async move { Ok(Some(frame)) }, Arc::clone(&running), u64::MAX, |e| e);
        match self.supervised(work, &running)? {
            Some(result) => Ok(result),
            None => Err(Usage::error("the query gave no columns")),
        }
    }

    /// Makes a result the table `_`.
    pub(super) fn keep(&mut self, last: LastResult) -> Result<()> {
        let context = self.engine.context();
        context.deregister_table(LAST)?;
        let table = MemTable::try_new(Arc::clone(&last.schema), vec![last.batches.clone()])?;
        context.register_table(LAST, Arc::new(table))?;
        self.last = Some(last);
        self.charts.clear();
        Ok(())
    }

    /// Runs `work` until it ends, is cancelled, or the time is up.
    pub(super) fn supervised<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
        running: &Running,
    ) -> Result<T> {
        let memory = Arc::clone(&self.engine.context().runtime_env().memory_pool);
        let width = self.terminal.map_or(80, |(width, _)| width);
        let mut line = Line::new(Arc::clone(running), memory, width, self.quiet);
        let waited = self.workers.run(work, self.timeout, || line.draw());
        drop(line);
        match waited? {
            Waited::Done(done) => done,
            Waited::Interrupted => Err(DataFusionError::External(Box::new(Cancelled))),
            Waited::TimeIsUp => {
                let timeout = self.timeout.unwrap_or_default();
                Err(DataFusionError::Execution(format!("not done within {timeout:?}")))
            }
            Waited::Gone => footfall_internal_err!("the query panicked, as the message above says"),
        }
    }

    fn say_done(&self, took: Duration) {
        if self.timing {
            self.say(&format!("done in {:.3} s", took.as_secs_f64()));
        }
    }

    /// Tells the person at the terminal.
    pub(super) fn say(&self, message: &str) {
        if !self.quiet && self.terminal.is_some() {
            eprintln!("{message}");
        }
    }

    /// Tells what is no error but probably not meant; also where no terminal shows the answers.
    pub(super) fn note(&self, message: &str) {
        if !self.quiet {
            eprintln!("note: {message}");
        }
    }

    pub(super) fn context(&self) -> &SessionContext {
        self.engine.context()
    }
}

pub(super) fn needs_a_file() -> DataFusionError {
    Usage::error(
        "parquet is the form of a file: \\o FILE.parquet, then the statement, writes one; \\format table shows rows here",
    )
}

async fn collect(
    plan: impl Future<Output = Result<Option<DataFrame>>> + Send,
    running: Running,
    most: u64,
    failed: impl Fn(DataFusionError) -> DataFusionError + Send,
) -> Result<Option<LastResult>> {
    let Some(frame) = plan.await? else {
        return Ok(None);
    };
    let task = Arc::new(frame.task_ctx());
    let physical = frame.create_physical_plan().await.map_err(&failed)?;
    let _ = running.set(Arc::clone(&physical));
    let mut stream = execute_stream(physical, task).map_err(&failed)?;
    let mut last = LastResult { schema: stream.schema(), batches: Vec::new(), rows: 0, is_cut: false };
    let mut bytes = 0;
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(&failed)?;
        let room = most - last.rows;
        if batch.num_rows() as u64 > room || bytes > MOST_BYTES && most != u64::MAX {
            last.rows += room.min(batch.num_rows() as u64);
            last.batches.push(batch.slice(0, (room as usize).min(batch.num_rows())));
            last.is_cut = true;
            break;
        }
        bytes += batch.get_array_memory_size();
        last.rows += batch.num_rows() as u64;
        last.batches.push(batch);
    }
    Ok(Some(last))
}

async fn to_file(
    plan: impl Future<Output = Result<Option<DataFrame>>> + Send,
    mut file: OutputFile,
    format: Format,
    failed: impl Fn(DataFusionError) -> DataFusionError + Send,
) -> Result<Option<u64>> {
    let Some(frame) = plan.await? else {
        return Ok(None);
    };
    let rows = write(frame, format, Numbers::Exact, &mut file).await.map_err(failed)?;
    file.commit()?;
    Ok(Some(rows))
}
