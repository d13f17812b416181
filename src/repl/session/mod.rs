//! One conversation with the engine: statements and commands in, answers on the terminal.
//!
//! It knows what lasts from one line to the next: the last result (`_`), parameters, the form of results, names for the
//! completion. Before each statement it looks whether the store has a newer version, so that an answer is of now.

mod commands;
mod describe;
mod last;
mod progress;
mod query;
mod show;
mod workers;

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::{Arc, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use datafusion::common::Result;
use tokio::task::JoinHandle;

use crate::ask::{Chart, Format, Given, Source, Usage, narrowed};
use crate::engine::{Engine, EngineOptions};
use crate::repl::complete::{Item, Names};
use crate::repl::editor::SharedNames;
use crate::repl::grid::Grid;
use crate::repl::history::{self, Entry, Outcome};
use crate::repl::meta::Expanded;
use crate::repl::names;
use crate::repl::statement::Input;
use crate::report::Pack;
use crate::store::Store;

use self::workers::Workers;

pub(super) use last::LastResult;
pub use query::is_cancelled;

/// How a conversation begins.
#[derive(Debug, Clone, Default)]
pub struct SessionOptions {
    pub store: Option<PathBuf>,
    /// Name of the segment whose users alone are shown.
    pub segment: Option<String>,
    pub engine: EngineOptions,
    /// For each statement.
    pub timeout: Option<Duration>,
    /// No messages, no progress.
    pub quiet: bool,
    pub format: Option<Format>,
    pub parameters: Vec<Given>,
    /// No statement changes anything, and no command reads or writes a file.
    pub read_only: bool,
}

/// Whether the conversation goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    GoOn,
    Leave,
}

/// See the module.
pub struct Session {
    engine: Engine,
    store: Option<OpenStore>,
    workers: Workers,
    pack: Pack,
    names: SharedNames,
    values: Option<JoinHandle<()>>,
    parameters: BTreeMap<String, Given>,
    format: Format,
    expanded: Expanded,
    timing: bool,
    quiet: bool,
    timeout: Option<Duration>,
    read_only: bool,
    /// Where the next result goes.
    output: Option<PathBuf>,
    last: Option<LastResult>,
    /// How it is drawn, if a report says so.
    charts: Vec<Chart>,
    /// The last statement's text.
    asked: Option<String>,
    history: Option<PathBuf>,
    /// Cells of a line, and lines; `None` where no terminal shows the answers.
    terminal: Option<(usize, usize)>,
    colour: bool,
    /// How deep files include files.
    depth: usize,
}

/// Where a statement or command stands in a text: an error names this place.
struct Origin<'a> {
    /// File, or what stands for one.
    name: &'a str,
    /// 1-based.
    line: u64,
    /// Characters of the line before it.
    column: usize,
    /// Statements of the text before it.
    statements: usize,
}

impl<'a> Origin<'a> {
    /// The beginning of a text.
    fn new(name: &'a str) -> Self {
        Self { name, line: 1, column: 0, statements: 0 }
    }

    fn source(&self, statement: &str) -> Source {
        let text = format!("{}{statement}", " ".repeat(self.column));
        Source::new(self.name, text).behind(self.line - 1, self.statements)
    }
}

struct OpenStore {
    store: Store,
    version: u64,
    name: String,
}

impl Session {
    pub async fn open(options: SessionOptions) -> Result<Self> {
        let (engine, store) = match &options.store {
            Some(folder) => {
                let store = Store::open(folder).await?;
                let engine = Engine::with_store(&store, &options.engine).await?;
                let version = store.snapshot().await?.version;
                (engine, Some(OpenStore { store, version, name: folder.display().to_string() }))
            }
            None => (Engine::new(&options.engine)?, None),
        };
        let engine = narrowed(engine, options.segment.as_deref(), options.read_only).await?;
        let variable = |name: &str| std::env::var(name).ok();
        let is_terminal = std::io::stdout().is_terminal();
        let mut session = Self {
            engine,
            store,
            workers: Workers::new(options.engine.threads)?,
            pack: Pack::built_in()?,
            names: Arc::new(RwLock::new(Names::default())),
            values: None,
            parameters: options.parameters.into_iter().map(|given| (given.name.clone(), given)).collect(),
            format: options.format.unwrap_or(Format::Table),
            expanded: Expanded::Off,
            timing: true,
            quiet: options.quiet,
            timeout: options.timeout,
            read_only: options.read_only,
            output: None,
            last: None,
            charts: Vec::new(),
            asked: None,
            history: history::path(variable),
            terminal: is_terminal.then_some((80, 24)),
            colour: is_terminal
                && variable("NO_COLOR").is_none()
                && variable("TERM").is_none_or(|term| term != "dumb"),
            depth: 0,
        };
        session.renew_names().await;
        session.load_values();
        Ok(session)
    }

    /// The names that the line editor completes.
    pub fn names(&self) -> SharedNames {
        Arc::clone(&self.names)
    }

    /// Whether the terminal shows colours.
    pub fn has_colour(&self) -> bool {
        self.colour
    }

    /// Texts of earlier conversations, oldest first.
    pub fn remembered(&self) -> Vec<String> {
        let entries = self.history.as_deref().and_then(|path| history::read(path).ok()).unwrap_or_default();
        entries.into_iter().map(|entry| entry.text).collect()
    }

    /// What a person sees first: store, days and their zone.
    pub async fn greeting(&self) -> String {
        let mut text = format!("Footfall {}", env!("CARGO_PKG_VERSION"));
        match &self.store {
            Some(open) => {
                text.push_str(&format!(", store {}", open.name));
                if let Ok(info) = open.store.info().await {
                    let day = |day| {
                        datafusion::arrow::temporal_conversions::date32_to_datetime(day)
                            .map(|day| day.format("%Y-%m-%d").to_string())
                    };
                    let days = info
                        .days
                        .and_then(|(first, last)| Some(format!(" from {} to {}", day(first)?, day(last)?)));
                    let rows = crate::repl::text::grouped(info.rows);
                    text.push_str(&format!(
                        ": {rows} events{}, days in {}",
                        days.unwrap_or_default(),
                        info.time_zone
                    ));
                }
            }
            None => text.push_str(", no store: a file's name in quotes is a table"),
        }
        if let Some(segment) = self.engine.segment() {
            let users = crate::repl::text::grouped(segment.users as u64);
            text.push_str(&format!("\nonly the {users} users of segment {}", segment.name));
        }
        text.push_str("\n\\? lists the commands, Tab completes, \\q leaves");
        text
    }

    /// Cells of a line and lines of the terminal, asked before each line.
    pub fn set_size(&mut self, size: (usize, usize)) {
        if self.terminal.is_some() {
            self.terminal = Some(size);
        }
    }

    /// Runs a statement or a command. An error is the caller's to show; the conversation can go on.
    pub async fn run(&mut self, input: &Input) -> Result<Next> {
        self.run_from(input, &Origin::new("<prompt>")).await
    }

    /// As [`Session::run`], of what stands in a longer text.
    async fn run_from(&mut self, input: &Input, origin: &Origin<'_>) -> Result<Next> {
        match input {
            Input::Sql(text) if asks_for_settings(text).is_some() => {
                let mut grid = describe::settings(&self.engine);
                let beginning = asks_for_settings(text).unwrap_or_default();
                grid.rows.retain(|row| row[0].shown().starts_with(&beginning));
                self.show_grid(&grid)?;
                Ok(Next::GoOn)
            }
            Input::Sql(text) => {
                let started = SystemTime::now();
                let done = self.statements(&origin.source(text)).await;
                let rows = match &done {
                    Ok(rows) => *rows,
                    Err(_) => None,
                };
                let outcome = match &done {
                    Ok(_) => Outcome::Done,
                    Err(e) if query::is_cancelled(e) => Outcome::Cancelled,
                    Err(_) => Outcome::Failed,
                };
                self.write_history(text, started, rows, outcome);
                self.renew_names().await;
                done.map(|_| Next::GoOn)
            }
            Input::Open(text) => {
                self.print_text(text)?;
                Ok(Next::GoOn)
            }
            Input::Command(text) => {
                let started = SystemTime::now();
                let done = Box::pin(self.command(text)).await;
                let outcome = match &done {
                    Ok(_) => Outcome::Done,
                    Err(e) if query::is_cancelled(e) => Outcome::Cancelled,
                    Err(_) => Outcome::Failed,
                };
                self.write_history(&format!("\\{text}"), started, None, outcome);
                done
            }
        }
    }

    fn write_history(&self, text: &str, started: SystemTime, rows: Option<u64>, outcome: Outcome) {
        let Some(path) = self.history.as_deref().filter(|_| self.terminal.is_some() && self.depth == 0)
        else {
            return;
        };
        let entry = Entry {
            at: started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            took: started.elapsed().unwrap_or_default(),
            rows,
            outcome,
            store: self.store.as_ref().map(|open| open.name.clone()).unwrap_or_default(),
            text: text.trim().to_string(),
        };
        // A home that cannot be written to is no reason to stop.
        let _ = history::append(path, &entry);
    }

    /// Reads the store's log; tables of a newer version take the place of the older ones.
    async fn renew_store(&mut self) -> Result<()> {
        let Some(open) = &mut self.store else {
            return Ok(());
        };
        let snapshot = open.store.snapshot().await?;
        if snapshot.version == open.version {
            return Ok(());
        }
        open.version = snapshot.version;
        self.engine.renew(snapshot).await
    }

    async fn renew_names(&self) {
        let context = self.engine.context();
        let tables = names::tables(context).await;
        let settings = names::settings(context).into_iter().map(|(setting, _)| setting).collect();
        let parameters = self.parameters.values().map(|given| Item::new(&given.name, &given.value)).collect();
        let result = self.last.as_ref().map(|last| last.items()).unwrap_or_default();
        let Ok(mut names) = self.names.write() else {
            return;
        };
        if names.functions.is_empty() {
            names.functions = names::functions(context);
            names.reports = names::reports(&self.pack);
        }
        names.tables = tables;
        names.settings = settings;
        names.parameters = parameters;
        names.result = result;
    }

    /// Looks up values of events in the background: nobody waits for them.
    fn load_values(&mut self) {
        if self.store.is_none() || self.terminal.is_none() {
            return;
        }
        let (engine, names) = (self.engine.clone(), Arc::clone(&self.names));
        self.values = Some(tokio::spawn(async move {
            if let Ok(values) = names::values(&engine).await
                && let Ok(mut names) = names.write()
            {
                names.values = values;
            }
        }));
    }

    /// The last result as names and texts; an error where there is none.
    fn last_grid(&self, command: &str) -> Result<Grid> {
        match &self.last {
            Some(last) => last.grid(usize::MAX),
            None => Err(Usage::error(format!("\\{command}: there is no result yet; ask something first"))),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(values) = &self.values {
            values.abort();
        }
    }
}

/// `SET` alone asks what may be set, `SHOW footfall.…` what is; the engine's own SHOW knows no option of ours.
fn asks_for_settings(text: &str) -> Option<String> {
    let text = text.trim().trim_end_matches(';').trim_end().to_lowercase();
    match text.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["set"] => Some(String::new()),
        ["show", name] if name.starts_with("footfall.") => Some((*name).to_string()),
        _ => None,
    }
}
