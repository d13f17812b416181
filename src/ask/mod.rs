//! Ask: how do texts of SQL become answers that a person or a program can read?
//!
//! ```text
//! Source ─▶ script::parse ─▶ Parsed ─▶ Arguments::bind ─▶ answer ─▶ DataFrame ─▶ output::write ─▶ stdout or OutputFile
//! ```
//! Everything is checked before anything runs: the syntax of all statements, then the names, types and values of the
//! parameters. Results are written as they come, except where columns must be aligned.

#[cfg(feature = "store")]
mod about;
mod error_json;
mod errors;
mod files;
mod guard;
mod header;
mod header_lines;
mod headings;
mod output;
mod parameters;
mod script;
mod tables;
#[cfg(feature = "store")]
mod views;

#[cfg(feature = "store")]
pub use about::{ColumnAbout, TableAbout, about_tables};
pub use error_json::{error_json, message_json};
#[cfg(feature = "store")]
pub(crate) use errors::sentence;
pub use errors::{Located, Usage, at_line, is_usage, locate, plain};
pub use files::OutputFile;
#[cfg(feature = "store")]
pub(crate) use guard::check_chains;
pub use header::Header;
pub use header_lines::{Chart, ChartKind, Check, ColumnNote, Edge, Label, Period, Reach, Shift};
#[cfg(feature = "store")]
pub(crate) use output::cells;
pub use output::{Format, Numbers, type_name, write, write_objects};
pub use parameters::{Arguments, Given, Parameter, ParameterType, ValuesOf, check_known};
pub use script::{Parsed, Source, parse, quoted};

use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{DataFrame, SessionContext};

#[cfg(feature = "store")]
use crate::engine::Engine;

/// Plans one statement; runs it if it is one that returns no rows (`SET`, `CREATE VIEW`, …), which gives `None`.
///
/// Errors point into `source`.
pub async fn answer(
    context: &SessionContext,
    source: &Source,
    statement: &Parsed,
    arguments: &Arguments,
) -> Result<Option<DataFrame>> {
    guard::check_length(context, source)?;
    let located =
        |e: DataFusionError| errors::locate_in(context, &arguments.expressions(), &e, source, statement);
    match plan(context, source, statement, arguments).await {
        Ok(frame) if !frame.schema().fields().is_empty() => Ok(Some(frame)),
        Ok(frame) => match frame.collect().await {
            Ok(_) => Ok(None),
            Err(e) => Err(located(e)),
        },
        Err(e) => Err(arguments.hint(located(e))),
    }
}

async fn plan(
    context: &SessionContext,
    source: &Source,
    statement: &Parsed,
    arguments: &Arguments,
) -> Result<DataFrame> {
    let mut bound = statement.statement.clone();
    guard::check_statement(context, &bound)?;
    if guard::only_reads(context) {
        tables::refuse_files(context, &bound)?;
    } else {
        tables::register_files(context, &bound).await?;
    }
    arguments.bind(context, &mut bound).await?;
    // Without spans an error cannot point at the column or table it is about.
    context.state_ref().write().config_mut().options_mut().sql_parser.collect_spans = true;
    #[cfg(feature = "store")]
    {
        views::check(context, &bound)?;
        if let Some(done) = views::run(context, source, statement, &mut bound).await? {
            return Ok(done);
        }
    }
    #[cfg(not(feature = "store"))]
    let _ = source;
    let plan = context.state().statement_to_plan(bound).await?;
    guard::check_plan(context, &plan)?;
    guard::check_setting(&plan)?;
    if let LogicalPlan::DescribeTable(table) = &plan {
        return context.read_batch(headings::described(&table.schema)?);
    }
    let plan = headings::as_written(plan, &statement.statement)?;
    context.execute_logical_plan(plan).await
}

/// The session as it is asked for: with a segment only its users, and only reading.
#[cfg(feature = "store")]
pub async fn narrowed(engine: Engine, segment: Option<&str>, read_only: bool) -> Result<Engine> {
    let engine = match segment {
        Some(segment) => of_segment(&engine, segment).await?,
        None => engine,
    };
    if read_only { engine.read_only().await } else { Ok(engine) }
}

/// A session as `engine`, over the same version of its store, that shows only the users of the segment `name`: a view or table
/// with a column `user_id`. Who they are is asked once, among all users.
#[cfg(feature = "store")]
async fn of_segment(engine: &Engine, name: &str) -> Result<Engine> {
    use datafusion::arrow::array::AsArray;
    use datafusion::arrow::compute::cast;
    use datafusion::arrow::datatypes::DataType;

    parameters::check_segment(engine.context(), name, "--segment").await?;
    let mut users = Vec::new();
    for batch in engine.sql(&parameters::users_of(name)).await?.collect().await? {
        let ids = cast(batch.column(0), &DataType::Utf8)?;
        users.extend(ids.as_string::<i32>().iter().flatten().map(str::to_string));
    }
    engine.of_users(name, users).await
}
