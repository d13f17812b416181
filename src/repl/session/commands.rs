//! What each `\` command does.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use datafusion::arrow::array::BooleanArray;
use datafusion::common::{DataFusionError, Result};

use super::progress::Running;
use super::query::is_cancelled;
use super::{Next, Origin, Session, describe};
use crate::ask::{Arguments, Format, Given, Source, Usage, at_line, check_known, parse, plain};
use crate::error::did_you_mean;
use crate::repl::chart::{Canvas, draw, draw_report};
use crate::repl::fit::Fit;
use crate::repl::grid::{Cell, Grid, Kind};
use crate::repl::meta::{self, Expanded, Meta, Watch};
use crate::repl::pivot::turn;
use crate::repl::statement::{Input, inputs_with_places};
use crate::repl::{history, watch};
use crate::report::{Days, Report, unknown_values};

/// Files that include each other end here.
const DEEPEST: usize = 16;

impl Session {
    pub(super) async fn command(&mut self, line: &str) -> Result<Next> {
        let command = meta::parse(line).map_err(Usage::error)?;
        if self.read_only && matches!(command, Meta::Output(Some(_)) | Meta::Include(_) | Meta::Edit(_)) {
            return Err(Usage::error("a read-only prompt neither reads nor writes files"));
        }
        match command {
            Meta::Quit => return Ok(Next::Leave),
            Meta::Help => self.print_text(&meta::help())?,
            Meta::Describe(None) => {
                self.renew_store().await?;
                let grid = self.tables().await;
                self.show_grid(&grid)?;
            }
            Meta::Describe(Some(name)) => {
                self.renew_store().await?;
                let (grid, definition) = self.table(&name).await?;
                self.show_grid(&grid)?;
                if let Some(definition) = definition {
                    self.print_text(&format!("\ndefinition\n\n{}", definition.trim()))?;
                }
            }
            Meta::Functions(name) => {
                let names = self.names();
                let names = names.read().map(|names| names.clone()).unwrap_or_default();
                match name {
                    None => self.show_grid(&describe::functions(&names))?,
                    Some(name) => {
                        let cells = self.terminal.map_or(80, |(cells, _)| cells);
                        self.print(&describe::function(&name, &names, cells)?)?;
                    }
                }
            }
            Meta::Summary(table) => {
                self.renew_store().await?;
                let grid = self.summary(&table).await?;
                self.show_grid(&grid)?;
            }
            Meta::Timing(on) => {
                self.timing = on.unwrap_or(!self.timing);
                self.say(if self.timing { "timing is on" } else { "timing is off" });
            }
            Meta::Watch(watch) => self.watch(&watch).await?,
            Meta::Chart { kind, columns } => {
                let grid = self.last_grid("chart")?;
                let width = self.terminal.map_or(80, |(width, _)| width).min(120);
                let canvas = Canvas::new(width, self.colour);
                // Words of the person come before those of a report.
                let of_report = match (kind, columns.as_slice()) {
                    (None, []) => draw_report(&grid, &self.charts, canvas),
                    _ => None,
                };
                let lines = match of_report {
                    Some(lines) => lines,
                    None => draw(&grid, kind, &columns, canvas).map_err(Usage::error)?,
                };
                self.print(&lines)?;
            }
            Meta::Pivot(columns) => {
                self.check_form(self.format)?;
                let turn = turn(&self.last_grid("pivot")?, &columns).map_err(Usage::error)?;
                if let Some(last) = &self.last {
                    let turned = last.turned(&turn)?;
                    self.hand_over(turned).await?;
                }
            }
            Meta::Output(path) => {
                match &path {
                    Some(path) => self.say(&format!("the next result goes to {}", path.display())),
                    None => self.say("results go to the terminal"),
                }
                self.output = path;
            }
            Meta::Format(None) => {
                self.say(&format!("the form is {}; there are {}", self.format, Format::NAMES.join(", ")))
            }
            Meta::Format(Some(name)) => {
                let format: Format = name.parse()?;
                self.check_form(format)?;
                self.format = format;
            }
            Meta::Expanded(mode) => {
                self.expanded =
                    mode.unwrap_or(if self.expanded == Expanded::On { Expanded::Off } else { Expanded::On });
                self.say(match self.expanded {
                    Expanded::On => "a line for each value",
                    Expanded::Off => "a line for each row",
                    Expanded::Auto => "a line for each value where the columns do not fit",
                });
            }
            Meta::Include(path) => return self.include(&path).await,
            Meta::Edit(path) => return self.edit(path.as_deref()).await,
            Meta::Set(what) => self.set(what).await?,
            Meta::Unset(name) => {
                if self.parameters.remove(&name).is_none() {
                    return Err(Usage::error(format!("\\unset: ${name} has no value")));
                }
                self.renew_names().await;
            }
            // A statement that is open has ended before it comes here.
            Meta::Reset => {}
            Meta::Last => {
                self.last_grid("last")?;
                self.show_last(true, None).await?;
            }
            Meta::Print => {
                let text = self.last_statement("p")?;
                self.print_text(&text)?;
            }
            Meta::Report { name: None, .. } => {
                let mut grid =
                    Grid::new(&[("report", Kind::Text), ("title", Kind::Text), ("parameters", Kind::Text)]);
                for report in &self.pack.reports {
                    let parameters: Vec<&str> =
                        report.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
                    grid.rows.push(vec![
                        Cell::text(&report.name),
                        Cell::text(report.title.to_string()),
                        Cell::text(parameters.join(", ")),
                    ]);
                }
                self.show_grid(&grid)?;
            }
            Meta::Report { name: Some(name), parameters } => self.report(&name, &parameters).await?,
            Meta::History(count) => self.history(count)?,
        }
        Ok(Next::GoOn)
    }

    pub(super) fn print_text(&self, text: &str) -> Result<()> {
        self.print(&text.lines().map(str::to_string).collect::<Vec<_>>())
    }

    fn last_statement(&self, command: &str) -> Result<String> {
        self.asked.clone().ok_or_else(|| Usage::error(format!("\\{command}: there is no statement yet")))
    }

    /// Repeats the last statement and marks what changed.
    async fn watch(&mut self, watch: &Watch) -> Result<()> {
        let text = self.last_statement("watch")?;
        let mut before: Option<Grid> = None;
        let mut turn = 0;
        loop {
            turn += 1;
            let started = Instant::now();
            self.quietly(&text).await?;
            let now = self.last_grid("watch")?;
            let marked = before.as_ref().map(|before| watch::changes(before, &now)).unwrap_or_default();
            let cells = self.terminal.map_or(usize::MAX / 4, |(cells, _)| cells);
            let note = format!(", {}", chrono::Local::now().format("%H:%M:%S"));
            let fit = Fit { rows: 200, marked: Some(&marked), colour: self.colour, note, ..Fit::new(cells) };
            let shown = fit.table(&now, now.rows.len() as u64);
            let stop = match &watch.until {
                Some(condition) => self.is_met(condition).await?,
                None => false,
            };
            // Not through a pager, which would wait for somebody.
            shown.lines.iter().for_each(|line| println!("{line}"));
            for line in &shown.footer {
                // Into a pipe goes nothing but data.
                if self.terminal.is_some() { println!("{line}") } else { eprintln!("{line}") }
            }
            if stop {
                self.say(&format!("{} is true", watch.until.as_deref().unwrap_or_default()));
                return Ok(());
            }
            if watch.times.is_some_and(|times| turn >= times) {
                return Ok(());
            }
            before = Some(now);
            let rest = watch.every.saturating_sub(started.elapsed());
            match self.supervised(pause(rest), &Running::default()) {
                Ok(()) => {}
                Err(e) if is_cancelled(&e) => return Ok(()),
                Err(e) => return Err(e),
            }
        }
    }

    /// Runs the text for its result alone.
    async fn quietly(&mut self, text: &str) -> Result<()> {
        self.renew_store().await?;
        let source = Source::new("<prompt>", text);
        let mut statements = parse(&source)?;
        let Some(parsed) = statements.pop().filter(|parsed| statements.is_empty() && parsed.returns_rows())
        else {
            return Err(Usage::error("\\watch: repeats one statement that gives rows"));
        };
        let given: Vec<Given> = self.parameters.values().cloned().collect();
        let arguments = self.arguments(&crate::ask::Header::parse(&source)?, &given, &parsed).await?;
        let frame = crate::ask::answer(self.context(), &source, &parsed, &arguments).await?;
        let Some(frame) = frame else {
            return Err(Usage::error("\\watch: repeats one statement that gives rows"));
        };
        let result = self.collected(frame)?;
        self.keep(result)
    }

    /// Whether the condition is true of any row of `_`.
    async fn is_met(&self, condition: &str) -> Result<bool> {
        let frame = self.context().sql(&format!("SELECT CAST(({condition}) AS BOOLEAN) AS met FROM _")).await;
        let frame = frame.map_err(|e| Usage::error(format!("\\watch: until {condition}: {}", plain(&e))))?;
        let result = self.collected(frame)?;
        Ok(result.batches.iter().any(|batch| {
            let met = batch.column(0).as_any().downcast_ref::<BooleanArray>();
            met.is_some_and(|met| met.iter().any(|met| met == Some(true)))
        }))
    }

    async fn include(&mut self, path: &Path) -> Result<Next> {
        let source = Source::read(path)?;
        self.run_text(&source.name, &source.text).await
    }

    /// Statements and commands one after the other; the first error ends it, and tells its place in the text of this name.
    pub async fn run_text(&mut self, name: &str, text: &str) -> Result<Next> {
        if self.depth >= DEEPEST {
            return Err(Usage::error(format!("\\i: {DEEPEST} files include each other")));
        }
        self.depth += 1;
        let mut next = Ok(Next::GoOn);
        let mut origin = Origin::new(name);
        let mut counted = 0;
        for (at, input) in inputs_with_places(text) {
            // A statement that a command interrupts begins before that.
            let lines = |from: usize, to: usize| text[from..to].matches('\n').count() as u64;
            origin.line = match at >= counted {
                true => origin.line + lines(counted, at),
                false => origin.line - lines(at, counted),
            };
            origin.column = text[..at].rsplit('\n').next().unwrap_or_default().chars().count();
            counted = at;
            next = match Box::pin(self.run_from(&input, &origin)).await {
                Err(e) if !is_cancelled(&e) => Err(at_line(e, name, origin.line)),
                other => other,
            };
            if !matches!(next, Ok(Next::GoOn)) {
                break;
            }
            origin.statements += usize::from(matches!(input, Input::Sql(_)));
        }
        self.depth -= 1;
        next
    }

    /// The last statement, or a file, in the user's editor.
    async fn edit(&mut self, path: Option<&Path>) -> Result<Next> {
        if self.terminal.is_none() {
            return Err(Usage::error("\\e: needs a terminal"));
        }
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let editor = variable("VISUAL").or_else(|| variable("EDITOR")).unwrap_or_else(|| "vi".to_string());
        let temporary = match path {
            Some(_) => None,
            None => {
                let mut builder = tempfile::Builder::new();
                let file = builder.prefix("footfall-").suffix(".sql").tempfile()?;
                std::fs::write(file.path(), self.asked.clone().unwrap_or_default() + "\n")?;
                Some(file)
            }
        };
        let file: PathBuf = match (&temporary, path) {
            (Some(temporary), _) => temporary.path().to_path_buf(),
            (None, Some(path)) => path.to_path_buf(),
            (None, None) => return Ok(Next::GoOn),
        };
        let mut words = editor.split_whitespace();
        let program = words.next().unwrap_or("vi");
        let ended = Command::new(program).args(words).arg(&file).status().map_err(|e| {
            DataFusionError::Execution(format!("\\e: cannot start {editor}: {e}; EDITOR names another one"))
        })?;
        if !ended.success() {
            self.say("the editor was left without success; nothing was run");
            return Ok(Next::GoOn);
        }
        let source = Source::read(&file)?;
        self.print_text(source.text.trim_end())?;
        // Of a temporary file nobody knows the name.
        let name = if path.is_some() { source.name.as_str() } else { "<editor>" };
        self.run_text(name, &source.text).await
    }

    async fn set(&mut self, what: Option<(String, Option<String>)>) -> Result<()> {
        match what {
            None => return self.show_parameters(None),
            Some((name, None)) => return self.show_parameters(name.split(':').next()),
            Some((name, Some(value))) => {
                let given: Given = format!("{name}={value}").parse()?;
                // A value that is not of its type is told now, not when it is used.
                crate::ask::Arguments::undeclared(std::slice::from_ref(&given))?;
                self.parameters.insert(given.name.clone(), given);
            }
        }
        self.renew_names().await;
        Ok(())
    }

    /// All parameters, or the one of this name.
    fn show_parameters(&self, name: Option<&str>) -> Result<()> {
        let mut grid = Grid::new(&[("parameter", Kind::Text), ("type", Kind::Text), ("value", Kind::Text)]);
        for given in self.parameters.values().filter(|given| name.is_none_or(|name| name == given.name)) {
            let kind = given.kind.map_or_else(|| "text".to_string(), |kind| kind.to_string());
            grid.rows.push(vec![Cell::text(&given.name), Cell::text(kind), Cell::text(&given.value)]);
        }
        match name {
            Some(name) if grid.rows.is_empty() => {
                let known: Vec<&str> = self.parameters.keys().map(String::as_str).collect();
                Err(Usage::error(format!(
                    "\\set: ${name} has no value{}; \\set {name} VALUE gives it one",
                    did_you_mean(name, &known)
                )))
            }
            _ => self.show_grid(&grid),
        }
    }

    async fn report(&mut self, name: &str, parameters: &[String]) -> Result<()> {
        self.check_form(self.format)?;
        self.renew_store().await?;
        let given = parameters.iter().map(|text| text.parse()).collect::<Result<Vec<Given>>>()?;
        let found = self.pack.select(std::slice::from_ref(&name.to_string()))?;
        let reports: Vec<Report> = found.into_iter().cloned().collect();
        if reports.len() > 1 && self.output.is_some() {
            let names: Vec<&str> = reports.iter().map(|report| report.name.as_str()).collect();
            return Err(Usage::error(format!(
                "\\report: '{name}' is several, and a file takes one: {}",
                names.join(", ")
            )));
        }
        let known: Vec<&str> = reports
            .iter()
            .flat_map(|report| &report.parameters)
            .map(|parameter| parameter.name.as_str())
            .collect();
        check_known(&given, &known)?;
        // What was \set before holds where a report has such a parameter.
        let all: Vec<Given> = self.parameters.values().cloned().chain(given).collect();
        let declared = reports.iter().map(|report| report.parameters.as_slice());
        let days = Days::where_needed(&self.engine, declared, &all).await?;
        // The values of all are checked before the first one runs.
        let mut asked = Vec::new();
        for report in reports {
            let arguments = report.arguments(&all, &days)?;
            asked.push((report, arguments));
        }
        let refs: Vec<(&Report, Arguments)> =
            asked.iter().map(|(report, arguments)| (report, arguments.clone())).collect();
        for note in unknown_values(&self.engine, &refs, &all).await {
            self.note(&note);
        }
        for (report, arguments) in asked {
            self.say(&format!("{}; days in {}", report.title, self.engine.time_zone()));
            let engine = self.engine.clone();
            let charts = report.charts.clone();
            let is_kept = self.output.is_none();
            let plan = async move { report.plan(&engine, &arguments).await.map(Some) };
            self.answer_of(plan, |e| e).await?;
            if is_kept {
                self.charts = charts;
            }
        }
        Ok(())
    }

    fn history(&self, count: Option<usize>) -> Result<()> {
        let Some(path) = self.history.as_deref() else {
            return Err(Usage::error("\\history: neither HOME nor XDG_STATE_HOME says where to keep it"));
        };
        let entries = history::read(path)?;
        let mut grid = Grid::new(&[
            ("time", Kind::Time),
            ("seconds", Kind::Number),
            ("rows", Kind::Number),
            ("outcome", Kind::Bool),
            ("text", Kind::Text),
        ]);
        let shown = count.unwrap_or(50);
        for entry in entries.iter().skip(entries.len().saturating_sub(shown)) {
            let at = i64::try_from(entry.at).ok().and_then(|at| chrono::DateTime::from_timestamp(at, 0));
            let at = at.map(|at| at.with_timezone(&chrono::Local).format("%Y-%m-%dT%H:%M:%S").to_string());
            grid.rows.push(vec![
                at.map_or(Cell::Null, Cell::Text),
                Cell::Number(entry.took.as_secs_f64(), format!("{:.3}", entry.took.as_secs_f64())),
                entry.rows.map_or(Cell::Null, Cell::count),
                Cell::text(entry.outcome.name()),
                Cell::text(entry.text.split_whitespace().collect::<Vec<_>>().join(" ")),
            ]);
        }
        self.show_grid(&grid)
    }
}

async fn pause(time: Duration) -> Result<()> {
    tokio::time::sleep(time).await;
    Ok(())
}
