//! `footfall sql`: statements in, rows out.

use std::io::{IsTerminal, Read, Write};
use std::path::Path;
use std::time::Instant;

use datafusion::common::{DataFusionError, Result};
use footfall::ask::{
    Arguments, Format, Given, Header, Numbers, OutputFile, Parsed, Source, answer, check_known, parse, write,
};
use footfall::report::Days;

use crate::cli::{Limits, SqlArgs};
use crate::commands::{Outcome, engine, remark, say, stdout, usage};

/// A text of SQL, checked.
struct Script {
    source: Source,
    header: Header,
    statements: Vec<Parsed>,
}

pub(crate) async fn run(args: &SqlArgs, limits: &Limits) -> Result<Outcome> {
    let format = format(args);
    let scripts = sources(args).await?.into_iter().map(script).collect::<Result<Vec<_>>>()?;
    let given = &args.parameters.parameter;
    check_names(&scripts, given)?;
    let mut output = open_output(args, format, &scripts)?;

    let engine = engine(args.store.as_deref(), args.segment.as_deref(), limits).await?;
    let declared = scripts.iter().map(|script| script.header.parameters.as_slice());
    let days = Days::where_needed(&engine, declared, given).await?;
    let arguments =
        scripts.iter().map(|script| script.arguments(given, &days)).collect::<Result<Vec<_>>>()?;

    let mut results = 0;
    for (script, arguments) in scripts.iter().zip(&arguments) {
        for statement in &script.statements {
            let started = Instant::now();
            let Some(frame) = answer(engine.context(), &script.source, statement, arguments).await? else {
                continue;
            };
            let failed = |e: DataFusionError| arguments.locate(&e, &script.source, statement);
            if !statement.returns_rows() {
                frame.collect().await.map_err(failed)?;
                continue;
            }
            let rows = match &mut output {
                Some(file) => write(frame, format, Numbers::Exact, file).await.map_err(failed)?,
                None => {
                    let mut out = stdout();
                    if results > 0 && !matches!(format, Format::Json | Format::Ndjson) {
                        writeln!(out)?;
                    }
                    let rows = write(frame, format, Numbers::Exact, &mut out).await.map_err(failed)?;
                    out.flush()?;
                    rows
                }
            };
            results += 1;
            let unit = if rows == 1 { "row" } else { "rows" };
            remark(limits, format!("{rows} {unit} in {:.3} s", started.elapsed().as_secs_f64()));
        }
    }
    if let (Some(file), Some(path)) = (output, &args.output) {
        file.commit()?;
        say(limits, format!("wrote {}", path.display()));
    }
    Ok(Outcome::Done)
}

fn format(args: &SqlArgs) -> Format {
    let by_name = || Format::of_file(args.output.as_ref()?);
    args.format.or_else(by_name).unwrap_or(Format::Table)
}

/// Files first, then what stands on the command line; stdin where neither is given or `-` is.
async fn sources(args: &SqlArgs) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for file in &args.files {
        sources.push(if file == Path::new("-") { stdin().await? } else { Source::read(file)? });
    }
    for (at, text) in args.sql.iter().enumerate() {
        sources.push(match text.as_str() {
            "-" => stdin().await?,
            text if args.sql.len() == 1 => Source::new("<sql>", text),
            text => Source::new(format!("<sql {}>", at + 1), text),
        });
    }
    if sources.is_empty() {
        if std::io::stdin().is_terminal() {
            return Err(usage("no SQL: give a statement, -f FILE, or a pipe into stdin"));
        }
        sources.push(stdin().await?);
    }
    Ok(sources)
}

/// Read beside the runtime, so that Ctrl-C and a time-out end the waiting.
async fn stdin() -> Result<Source> {
    let read = tokio::task::spawn_blocking(|| {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    });
    let bytes = read.await.map_err(|e| DataFusionError::External(Box::new(e)))??;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source::new("<stdin>", text)),
        Err(e) => Err(DataFusionError::Execution(format!(
            "stdin: byte {} is not UTF-8 text",
            e.utf8_error().valid_up_to()
        ))),
    }
}

fn script(source: Source) -> Result<Script> {
    let header = Header::parse(&source)?;
    let statements = parse(&source)?;
    Ok(Script { source, header, statements })
}

impl Script {
    /// What the header declares decides; a text that declares nothing takes what is given.
    fn arguments(&self, given: &[Given], days: &Days) -> Result<Arguments> {
        let arguments = if self.header.parameters.is_empty() {
            Arguments::undeclared(given)?
        } else {
            Arguments::declared(&self.header.parameters, given, |parameter, text| {
                days.resolve(parameter, text)
            })?
        };
        arguments.cover(&self.source, &self.statements)?;
        Ok(arguments)
    }
}

fn check_names(scripts: &[Script], given: &[Given]) -> Result<()> {
    let needed = scripts.iter().flat_map(|script| &script.statements).flat_map(Parsed::parameters);
    let declared =
        scripts.iter().flat_map(|script| &script.header.parameters).map(|parameter| parameter.name.clone());
    let mut names: Vec<String> = needed.chain(declared).collect();
    names.sort();
    names.dedup();
    check_known(given, &names.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Opened before anything runs: a folder that cannot be written to should cost no query.
fn open_output(args: &SqlArgs, format: Format, scripts: &[Script]) -> Result<Option<OutputFile>> {
    let results =
        scripts.iter().flat_map(|script| &script.statements).filter(|parsed| parsed.returns_rows()).count();
    // The rows go to stdout as others write to it, not to a new file under its name.
    let path = args.output.as_deref().filter(|path| !["-", "/dev/stdout"].map(Path::new).contains(path));
    match path {
        Some(path) if results != 1 => Err(usage(format!(
            "{results} statements return rows, but -o {} takes the rows of one",
            path.display()
        ))),
        Some(path) => Ok(Some(OutputFile::create(path)?)),
        None if format == Format::Parquet && (results > 1 || std::io::stdout().is_terminal()) => {
            Err(usage("Parquet is one file: give one query, and -o FILE or a pipe"))
        }
        None => Ok(None),
    }
}
