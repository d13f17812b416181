//! `footfall repl`: the prompt. Without a terminal on stdin it takes statements from there, as `sql` does.

use std::io::{IsTerminal, Read};

use datafusion::common::{DataFusionError, Result};
use footfall::ask::plain;
use footfall::repl::editor::{Line, LineEditor};
use footfall::repl::statement::{Input, inputs, is_goodbye, typed};
use footfall::repl::{Next, Session, SessionOptions, is_cancelled};

use crate::cli::{Limits, ReplArgs, SqlArgs};
use crate::commands::{Outcome, sql};

pub(crate) async fn run(args: &ReplArgs, limits: &Limits) -> Result<Outcome> {
    let options = || SessionOptions {
        store: args.store.clone(),
        segment: args.segment.clone(),
        engine: limits.engine_options(),
        timeout: limits.time(),
        quiet: limits.quiet,
        format: args.format,
        parameters: args.parameters.parameter.clone(),
        read_only: limits.read_only,
    };
    if !std::io::stdin().is_terminal() {
        let text = stdin().await?;
        if inputs(&text).iter().any(|input| !matches!(input, Input::Sql(_))) {
            Session::open(options()).await?.run_text("<stdin>", &text).await?;
            return Ok(Outcome::Done);
        }
        let args = SqlArgs {
            sql: vec![text],
            store: args.store.clone(),
            files: Vec::new(),
            segment: args.segment.clone(),
            parameters: args.parameters.clone(),
            format: args.format,
            output: None,
        };
        return sql::run(&args, limits).await;
    }
    let mut session = Session::open(options()).await?;
    if !limits.quiet {
        eprintln!("{}", session.greeting().await);
    }
    converse(&mut session).await?;
    Ok(Outcome::Done)
}

/// Reads, runs, tells what went wrong, until the person leaves.
async fn converse(session: &mut Session) -> Result<()> {
    let mut editor = LineEditor::new(session.names(), session.has_colour())?;
    session.remembered().iter().for_each(|text| editor.remember(text));
    // A statement in which a command stands goes on after it.
    let mut open = String::new();
    loop {
        // Blocks this thread alone: queries, timers and signals have others.
        let text = match editor.read("footfall> ", &open)? {
            Line::Text(text) => text,
            Line::Forgotten => {
                open.clear();
                continue;
            }
            Line::Again => continue,
            Line::End => return Ok(()),
        };
        open.clear();
        if text.trim().is_empty() {
            continue;
        }
        if is_goodbye(&text) {
            return Ok(());
        }
        let (all, rest) = typed(&text);
        match rest {
            Some(rest) => open = rest + "\n",
            None => editor.remember(text.trim()),
        }
        session.set_size(editor.size());
        for input in all {
            match session.run(&input).await {
                Ok(Next::GoOn) => {}
                Ok(Next::Leave) => return Ok(()),
                Err(e) => {
                    let prefix = if is_cancelled(&e) { "" } else { "error: " };
                    eprintln!("{prefix}{}", plain(&e));
                    break;
                }
            }
        }
    }
}

/// Read beside the runtime, so that Ctrl-C ends the waiting.
async fn stdin() -> Result<String> {
    let read = tokio::task::spawn_blocking(|| {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    });
    let bytes = read.await.map_err(|e| DataFusionError::External(Box::new(e)))??;
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        DataFusionError::Execution(format!("stdin: byte {at} is not UTF-8 text"))
    })
}
