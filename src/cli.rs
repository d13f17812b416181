//! What was typed: the words of the command line and their types, no more.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use footfall::EngineOptions;
use footfall::ask::{Format, Given, Period, plain};

/// Behavioural analytics as SQL: who came, what they did, where they left, who came back.
#[derive(Debug, Parser)]
#[command(name = "footfall", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    /// The prompt where there is none.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

impl Cli {
    pub(crate) fn into_parts(self) -> (Command, Limits) {
        let prompt = || {
            Command::Repl(ReplArgs {
                store: std::env::var_os("FOOTFALL_STORE").map(PathBuf::from),
                ..ReplArgs::default()
            })
        };
        (self.command.unwrap_or_else(prompt), self.limits)
    }

    /// Whether it ends only when a person wants it to: time-outs and Ctrl-C are for its statements.
    pub(crate) fn is_prompt(&self) -> bool {
        matches!(self.command, None | Some(Command::Repl(_))) && std::io::stdin().is_terminal()
    }
}

const AFTER_HELP: &str = "\
Results go to stdout, messages and progress to stderr.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 landed with rejected rows under --strict, 4 time-out, 130 cancelled.

To begin: footfall demo";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Land files of events or users in a store: every row is checked, a file lands once
    Land(LandArgs),
    /// Run SQL over a store, or over anyone's Parquet, CSV and JSON files
    Sql(SqlArgs),
    /// Ask one question after the other at a prompt; what footfall does without a command
    Repl(ReplArgs),
    /// Run reports: every .sql file with a title, to CSV, JSON or Markdown
    Report(ReportArgs),
    /// Bring a store's files to one per shard and day, finished week, or month of old weeks
    Compact(CompactArgs),
    /// Read every file of a store and say which are not what was written
    Verify(StoreArgs),
    /// Remove files that no version of a store needs any more
    Vacuum(VacuumArgs),
    /// Say what a store holds, or which days changed
    Info(InfoArgs),
    /// Write made-up traffic of a mini program, the same for the same arguments
    Generate(GenerateArgs),
    /// Land a bundled real log, run the reports and say what to try next
    Demo(DemoArgs),
    /// The reference of the SQL functions, or the page of one
    Functions(FunctionsArgs),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Limits {
    /// Memory that queries and landing may hold, such as 512MB or 2GB (of 1024s)
    #[arg(long, global = true, value_name = "SIZE", value_parser = bytes, help_heading = "Limits")]
    pub(crate) memory_limit: Option<usize>,
    /// Threads to work with; all processors without it
    #[arg(long, global = true, value_name = "N", value_parser = threads, help_heading = "Limits")]
    pub(crate) threads: Option<usize>,
    /// Give up after this time, such as 30s, 5m or 1h, with exit code 4
    #[arg(long, global = true, value_name = "TIME", value_parser = duration, help_heading = "Limits")]
    pub(crate) timeout: Option<Duration>,
    /// No messages and no progress, only results and errors
    #[arg(long, short, global = true, help_heading = "Limits")]
    pub(crate) quiet: bool,
    /// Only read the store: no statement may change anything, no file is a table, 256 kB of SQL; unless told otherwise
    /// 30 s and 1 GB. The answer still goes where -o wants it
    #[arg(long, global = true, help_heading = "Limits")]
    pub(crate) read_only: bool,
    /// How an error is told: for people, or as one line of JSON, and then no messages and no progress beside it
    #[arg(long, global = true, value_name = "FORM", default_value = "text", value_parser = PossibleValuesParser::new(["text", "json"]), help_heading = "Limits")]
    pub(crate) errors: String,
}

impl Limits {
    pub(crate) fn engine_options(&self) -> EngineOptions {
        EngineOptions { threads: self.threads, memory_limit: self.memory(), ..EngineOptions::default() }
    }

    pub(crate) fn memory(&self) -> Option<usize> {
        self.memory_limit.or(self.read_only.then_some(1 << 30))
    }

    pub(crate) fn time(&self) -> Option<Duration> {
        self.timeout.or(self.read_only.then_some(Duration::from_secs(30)))
    }
}

#[derive(Debug, Args)]
pub(crate) struct LandArgs {
    /// Files to land: JSON lines, CSV with a header, Parquet or lines of a server's log; the text ones also as .gz or .zst.
    /// A quoted pattern such as 'logs/*.jsonl' is expanded, '-' is stdin
    #[arg(required_unless_present = "catalogue", value_name = "FILE")]
    pub(crate) files: Vec<String>,
    /// Folder of the store; made if it does not exist
    #[arg(long, env = "FOOTFALL_STORE", value_name = "DIR")]
    pub(crate) store: PathBuf,
    /// What a row is: an event, or a user, whose newer values take the place of older ones
    #[arg(long, default_value = "events", value_parser = PossibleValuesParser::new(["events", "users"]))]
    pub(crate) table: String,
    /// How the files' columns become events (or users): a built-in mapping's name or a .toml file
    #[arg(long, default_value = "footfall", value_name = "NAME|FILE")]
    pub(crate) map: String,
    /// Events and properties to declare, before the files land: each property becomes a column p_NAME
    #[arg(long, value_name = "FILE")]
    pub(crate) catalogue: Option<PathBuf>,
    /// Format of the files; by default what each file's name says
    #[arg(long, value_parser = PossibleValuesParser::new(["jsonl", "csv", "parquet", "lines"]))]
    pub(crate) format: Option<String>,
    /// Zone in which a new store counts days; Asia/Shanghai without it. Fixed once the store exists
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<String>,
    /// Exit with 3 if any row was rejected
    #[arg(long)]
    pub(crate) strict: bool,
    /// Say what would land and what would not, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Go on landing what is appended to the files, and files that appear, until stopped
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) follow: bool,
    /// With --follow: land an event at most so long after it was read
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "2s", requires = "follow")]
    pub(crate) every: Duration,
    /// With --follow: stop when nothing was appended for so long
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "follow")]
    pub(crate) idle_exit: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct SqlArgs {
    /// Statements; with neither these nor -f, or for '-', they are read from stdin
    #[arg(value_name = "SQL")]
    pub(crate) sql: Vec<String>,
    /// Folder of the store; without one, SQL over files: select * from 'events.parquet'
    #[arg(long, env = "FOOTFALL_STORE", value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
    /// Only the users of this segment: a view or table with a column user_id; every figure is of these users
    #[arg(long, value_name = "NAME", requires = "store")]
    pub(crate) segment: Option<String>,
    /// File of statements, run before those of the command line
    #[arg(long = "file", short, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) parameters: ParameterArgs,
    /// Form of the rows; without it what the name given to -o ends in, else table. agent: types, at most 25 rows, their
    /// number and a hash of all of them
    #[arg(long, value_parser = formats())]
    pub(crate) format: Option<Format>,
    /// Write the one result there instead of stdout: the whole file or none; folders on its way are made
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Default, Args)]
pub(crate) struct ReplArgs {
    /// Folder of the store; without one, SQL over files
    #[arg(long, env = "FOOTFALL_STORE", value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,
    /// Only the users of this segment: a view or table with a column user_id; every figure is of these users
    #[arg(long, value_name = "NAME", requires = "store")]
    pub(crate) segment: Option<String>,
    #[command(flatten)]
    pub(crate) parameters: ParameterArgs,
    /// Form of the rows at the beginning
    #[arg(long, value_parser = formats())]
    pub(crate) format: Option<Format>,
}

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ParameterArgs {
    /// Value of $NAME, as NAME=VALUE or NAME:TYPE=VALUE; types: text, int, float, bool, date, timestamp, interval,
    /// list, column, filter. Without a type: as declared in the file's header, else text
    #[arg(long = "parameter", short, value_name = "NAME[:TYPE]=VALUE", value_parser = given)]
    pub(crate) parameter: Vec<Given>,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Folder of the store
    #[arg(long, env = "FOOTFALL_STORE", value_name = "DIR", required_unless_present_any = ["list", "test"])]
    pub(crate) store: Option<PathBuf>,
    /// Only the users of this segment: a view or table with a column user_id; every figure is of these users
    #[arg(long, value_name = "NAME")]
    pub(crate) segment: Option<String>,
    /// Folder of .sql files to run instead of the built-in reports
    #[arg(long, value_name = "DIR")]
    pub(crate) pack: Option<PathBuf>,
    /// Only these reports: access/pages, pages, or access for all of a folder
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// List the reports with their parameters
    #[arg(long)]
    pub(crate) list: bool,
    /// Say of each result column from which columns of the store it is computed; runs nothing
    #[arg(long, conflicts_with_all = ["list", "test", "output", "each"])]
    pub(crate) lineage: bool,
    /// With --list or --lineage: as JSON; the list with columns, charts and checks
    #[arg(long)]
    pub(crate) json: bool,
    /// Run the tests of the pack, DIR/tests/*.sql, and no report
    #[arg(long, requires = "pack", conflicts_with_all = ["list", "output"])]
    pub(crate) test: bool,
    /// One local day: the same as --from and --to
    #[arg(long, value_name = "YYYY-MM-DD", conflicts_with_all = ["from", "to"])]
    pub(crate) date: Option<String>,
    /// First local day; the store's first without it
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) from: Option<String>,
    /// Last local day; the store's last without it
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) to: Option<String>,
    #[command(flatten)]
    pub(crate) parameters: ParameterArgs,
    /// Form of the rows, markdown without it; html: one page for a browser that shows all reports; agent: at most 25 rows
    /// of one report with types, their number and a hash of all of them
    #[arg(long, value_parser = forms())]
    pub(crate) format: Option<Form>,
    /// Language of the page
    #[arg(long, default_value = "zh", value_parser = PossibleValuesParser::new(["zh", "en"]))]
    pub(crate) lang: String,
    /// Write one file per report into this folder instead of stdout (-), all of them at once, with a run.json
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) batch: BatchArgs,
}

impl ReportArgs {
    /// Where the files go; without it the answer goes to stdout.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.output.as_deref().filter(|path| *path != Path::new("-"))
    }
}

#[derive(Debug, Args)]
pub(crate) struct BatchArgs {
    /// Run the reports for each day, week or month from --from to --to on its own, into a folder of its own in -o DIR
    #[arg(long, value_name = "PERIOD", value_parser = PossibleValuesParser::new(Period::NAMES), requires = "output", help_heading = "Batch")]
    pub(crate) each: Option<String>,
    /// Run only what is not there yet, and what may be another answer by now: late events, another query
    #[arg(long, requires = "each", help_heading = "Batch")]
    pub(crate) changed: bool,
    /// Run only what the last run did not finish, in its form, of its reports and with its parameters
    #[arg(long, requires = "each", conflicts_with = "changed", help_heading = "Batch")]
    pub(crate) retry: bool,
    /// Say what would run and why, and run nothing
    #[arg(long, requires = "each", help_heading = "Batch")]
    pub(crate) plan: bool,
    /// Go on after a failure; the exit code is 1 all the same
    #[arg(long, requires = "each", help_heading = "Batch")]
    pub(crate) keep_going: bool,
    /// How progress is shown: a bar on a terminal, or a line each 10 seconds
    #[arg(long, value_name = "FORM", default_value = "auto", value_parser = PossibleValuesParser::new(["auto", "plain", "none"]), help_heading = "Batch")]
    pub(crate) progress: String,
    /// Sum up what was done as one line of JSON, the last one on stdout; for -o DIR and --test
    #[arg(long, value_name = "FORM", value_parser = PossibleValuesParser::new(["json"]), help_heading = "Batch")]
    pub(crate) summary: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// Folder of the store
    #[arg(long, env = "FOOTFALL_STORE", value_name = "DIR")]
    pub(crate) store: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct CompactArgs {
    /// Folder of the store
    #[arg(long, env = "FOOTFALL_STORE", value_name = "DIR")]
    pub(crate) store: PathBuf,
    /// Keep a file a shard and day; without it finished weeks become one
    #[arg(long)]
    pub(crate) daily: bool,
    /// Weeks that end more than so many days before the newest day become months
    #[arg(long, value_name = "DAYS", default_value_t = 90, conflicts_with = "daily")]
    pub(crate) months_after: u32,
}

#[derive(Debug, Args)]
pub(crate) struct VacuumArgs {
    /// Folder of the store
    #[arg(long, env = "FOOTFALL_STORE", value_name = "DIR")]
    pub(crate) store: PathBuf,
    /// Keep what was needed within this time, such as 36h or 7d
    #[arg(long, value_name = "TIME", value_parser = span, default_value = "7d")]
    pub(crate) retain: Duration,
    /// Accept less than an hour to retain, though a reader or a landing under way may lose its files
    #[arg(long, hide = true)]
    pub(crate) force: bool,
    /// Name the files and remove none
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// Folder of the store
    #[arg(long, env = "FOOTFALL_STORE", value_name = "DIR")]
    pub(crate) store: PathBuf,
    /// The days to which rows were added after this version, with their number
    #[arg(long, value_name = "VERSION")]
    pub(crate) changed_since: Option<u64>,
    /// As JSON, with every table and view: its columns, their types, and what they mean
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// People who come
    #[arg(long, value_name = "N")]
    pub(crate) users: u64,
    /// Days of traffic
    #[arg(long, value_name = "N")]
    pub(crate) days: u32,
    /// Other people and other traffic for another number
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// First day
    #[arg(long, value_name = "YYYY-MM-DD", default_value = "2026-03-01")]
    pub(crate) from: String,
    /// Zone in which the people live
    #[arg(long, value_name = "ZONE", default_value = "Asia/Shanghai")]
    pub(crate) tz: String,
    /// Format of the file; by default what its name says
    #[arg(long, value_parser = PossibleValuesParser::new(["jsonl", "csv", "parquet"]))]
    pub(crate) format: Option<String>,
    /// File of events to write: whole or not at all
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// File of users to write as well
    #[arg(long, value_name = "FILE")]
    pub(crate) users_output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Folder to write to
    #[arg(long, short, default_value = "footfall-demo", value_name = "DIR")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct FunctionsArgs {
    /// A function's name
    pub(crate) name: Option<String>,
    /// As JSON: kind, signature, arguments, description, example and its types of each function
    #[arg(long)]
    pub(crate) json: bool,
}

/// What a run of reports writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Rows(Format),
    Page,
}

fn forms() -> impl TypedValueParser<Value = Form> {
    let names: Vec<&str> = Format::NAMES.into_iter().chain(["html"]).collect();
    PossibleValuesParser::new(names).try_map(|name| match name.as_str() {
        "html" => Ok(Form::Page),
        name => name.parse::<Format>().map(Form::Rows).map_err(|e| plain(&e)),
    })
}

fn formats() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::NAMES).try_map(|name| name.parse::<Format>().map_err(|e| plain(&e)))
}

fn given(text: &str) -> Result<Given, String> {
    text.parse().map_err(|e| plain(&e))
}

fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("a whole number from 1".to_string()),
        Ok(threads) => Ok(threads),
    }
}

fn bytes(text: &str) -> Result<usize, String> {
    let (number, unit) = split_unit(text);
    let factor = match unit.to_ascii_uppercase().as_str() {
        "" | "B" => 1_u64,
        "K" | "KB" | "KIB" => 1 << 10,
        "M" | "MB" | "MIB" => 1 << 20,
        "G" | "GB" | "GIB" => 1 << 30,
        "T" | "TB" | "TIB" => 1 << 40,
        _ => return Err("a size such as 512MB or 2GB".to_string()),
    };
    match number.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok((number * factor as f64) as usize),
        _ => Err("a size such as 512MB or 2GB".to_string()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    span(text).and_then(|time| if time.is_zero() { Err(A_TIME.to_string()) } else { Ok(time) })
}

const A_TIME: &str = "a time such as 30s, 5m, 1h or 7d";

fn span(text: &str) -> Result<Duration, String> {
    let (number, unit) = split_unit(text);
    let seconds = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return Err(A_TIME.to_string()),
    };
    let time =
        number.parse::<f64>().ok().and_then(|number| Duration::try_from_secs_f64(number * seconds).ok());
    time.ok_or_else(|| A_TIME.to_string())
}

fn split_unit(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number.trim(), unit)
}
