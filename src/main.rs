//! The binary: one match, one call per command; errors become exit codes.

mod cli;
mod commands;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use clap::error::ErrorKind;
use datafusion::common::{DataFusionError, Result};
use footfall::ask::{Usage, error_json, is_usage, message_json, plain};

use cli::{Cli, Command};
use commands::{Outcome, summary, watchdog};

// Landing and sorting free large vectors on other threads than those that made them; glibc's allocator keeps such
// memory, so that the limit on memory would hold in our books only.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A deep expression is planned by recursion; a debug build needs more than the default.
const STACK: usize = 16 << 20;

/// Threads beside the runtime's own. The allocator keeps for each what others free of it until it allocates again: with the
/// hundreds that are the default, a follower grew by a gigabyte. At most a handful wait for another one.
const BLOCKING_THREADS: usize = 20;

async fn run(cli: Cli) -> Result<Outcome> {
    let (command, limits) = cli.into_parts();
    let writes = matches!(
        command,
        Command::Land(_) | Command::Compact(_) | Command::Vacuum(_) | Command::Generate(_) | Command::Demo(_)
    );
    if limits.read_only && writes {
        let message = "--read-only is for commands that ask, not for those that write";
        return Err(DataFusionError::External(Box::new(Usage(message.to_string()))));
    }
    match command {
        Command::Land(args) => commands::land::run(&args, &limits).await,
        Command::Sql(args) => commands::sql::run(&args, &limits).await,
        Command::Repl(args) => commands::repl::run(&args, &limits).await,
        Command::Report(args) => commands::report::run(&args, &limits).await,
        Command::Compact(args) => commands::compact::run(&args, &limits).await,
        Command::Verify(args) => commands::verify::run(&args, &limits).await,
        Command::Vacuum(args) => commands::vacuum::run(&args, &limits).await,
        Command::Info(args) => commands::info::run(&args, &limits).await,
        Command::Generate(args) => commands::generate::run(&args, &limits).await,
        Command::Demo(args) => commands::demo::run(&args, &limits).await,
        Command::Functions(args) => commands::functions::run(&args).await,
    }
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse_from(words(std::env::args_os())) {
        Ok(cli) => cli,
        Err(e) => return refused(&e),
    };
    let in_json = cli.limits.errors == "json";
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.max_blocking_threads(BLOCKING_THREADS);
    if let Some(threads) = cli.limits.threads {
        builder.worker_threads(threads);
    }
    let runtime = match builder.enable_all().thread_stack_size(STACK).build() {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("error: cannot start threads: {e}");
            return ExitCode::from(1);
        }
    };
    let is_prompt = cli.is_prompt();
    let timeout = cli.limits.time().filter(|_| !is_prompt);
    if matches!(cli.command, Some(Command::Sql(_) | Command::Report(_))) {
        runtime.spawn(give_up(in_json));
    }
    watchdog::start(timeout, cli.limits.memory(), move |code, message| tell(code, message, in_json));
    // On a thread of its own, because planning a deep expression needs more stack than a main thread has.
    let ended = std::thread::scope(|scope| {
        let command = || runtime.block_on(supervise(run(cli), timeout, is_prompt));
        match std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, command) {
            Ok(thread) => thread.join().unwrap_or(Ended::Panicked),
            Err(e) => Ended::ByItself(Err(DataFusionError::IoError(e))),
        }
    });
    // What is still in the middle of a batch is not waited for.
    runtime.shutdown_timeout(Duration::from_millis(100));
    exit_code(ended, timeout, in_json)
}

/// The words of the command line; SQL that begins with a comment is no option.
fn words(words: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    words.map(|word| match word.to_str() {
        Some(text) if text.starts_with("--") && text[2..].starts_with(char::is_whitespace) => {
            format!(" {text}").into()
        }
        _ => word,
    })
}

/// Ends a query that keeps its thread to itself, so that the ordinary way is not heard.
async fn give_up(in_json: bool) {
    interrupted().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    cancelled(in_json);
    std::process::exit(130);
}

fn cancelled(in_json: bool) {
    if in_json {
        tell(130, "cancelled", true);
    } else {
        summary::give_up(130, "cancelled");
        eprintln!("cancelled");
    }
}

/// What clap says about words that it does not understand; help and the version are no errors.
fn refused(error: &clap::Error) -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    let in_json = words.iter().any(|word| word == "--errors=json")
        || words.windows(2).any(|pair| pair[0] == "--errors" && pair[1] == "json");
    if !in_json || matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        error.exit();
    }
    let text = error.render().to_string();
    let message = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
    tell(2, message, true);
    ExitCode::from(2)
}

/// An error that is no value of ours, in the form that was asked for.
fn tell(code: u8, message: &str, in_json: bool) {
    summary::give_up(code, message);
    if in_json {
        eprintln!("{}", message_json(message, code));
    } else {
        eprintln!("error: {message}");
    }
}

enum Ended {
    ByItself(Result<Outcome>),
    Panicked,
    TimedOut,
    Cancelled,
}

/// Runs the command until it ends, the time is up, or someone stops it. Dropping the command removes its temporary files.
async fn supervise(
    command: impl Future<Output = Result<Outcome>>,
    timeout: Option<Duration>,
    is_prompt: bool,
) -> Ended {
    let time_is_up = async {
        match timeout {
            Some(timeout) => tokio::time::sleep(timeout).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        done = command => Ended::ByItself(done),
        () = time_is_up => Ended::TimedOut,
        () = interrupted(), if !is_prompt => Ended::Cancelled,
    }
}

#[cfg(unix)]
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminated) => tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminated.recv() => {}
        },
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

#[cfg(not(unix))]
async fn interrupted() {
    let _ = tokio::signal::ctrl_c().await;
}

fn exit_code(ended: Ended, timeout: Option<Duration>, in_json: bool) -> ExitCode {
    match ended {
        Ended::ByItself(Ok(Outcome::Done)) => ExitCode::SUCCESS,
        Ended::ByItself(Ok(Outcome::Rejected)) => ExitCode::from(3),
        Ended::ByItself(Ok(Outcome::Failed)) => ExitCode::from(1),
        // The reader of a pipe has seen enough.
        Ended::ByItself(Err(DataFusionError::IoError(e))) if e.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Ended::ByItself(Err(e)) => {
            let code = if is_usage(&e) { 2 } else { 1 };
            summary::give_up(code, &plain(&e));
            if in_json {
                eprintln!("{}", error_json(&e, code));
            } else {
                eprintln!("error: {}", plain(&e));
            }
            ExitCode::from(code)
        }
        Ended::Panicked => {
            tell(1, "a bug in Footfall, please report it with the message above", in_json);
            ExitCode::from(1)
        }
        Ended::TimedOut => {
            tell(4, &format!("not done within {:?}", timeout.unwrap_or_default()), in_json);
            ExitCode::from(4)
        }
        Ended::Cancelled => {
            cancelled(in_json);
            ExitCode::from(130)
        }
    }
}
