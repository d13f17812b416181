//! `footfall land --follow`: what is appended to growing logs lands while it is appended, until stopped.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use datafusion::common::{DataFusionError, Result};
use footfall::ask::plain;
use footfall::land::{FollowListener, FollowOptions, FollowState, Followed, LandOptions, Landed, follow};
use footfall::store::Catalogue;
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::{LandArgs, Limits};
use crate::commands::land::{Target, account};
use crate::commands::{Outcome, grouped, say, tell};

/// Between two lines in the log of a service.
const REPORT: Duration = Duration::from_secs(60);
/// What a rate is measured over.
const RATE: Duration = Duration::from_secs(2);

pub(crate) async fn run(
    args: &LandArgs,
    options: LandOptions,
    catalogue: Option<&Catalogue>,
    limits: &Limits,
) -> Result<Outcome> {
    for file in &args.files {
        // A misspelt name should not leave an empty store behind. The file itself may appear later.
        let folder = Path::new(file).parent().filter(|folder| !folder.as_os_str().is_empty());
        let is_pattern = file.contains(['*', '?', '[']);
        if let Some(folder) = folder
            && !is_pattern
            && !folder.is_dir()
        {
            let message = format!("cannot follow {file}: there is no folder {}", folder.display());
            return Err(DataFusionError::Execution(message));
        }
    }
    let target = Target { store: &args.store, time_zone: args.tz.as_deref(), catalogue };
    let store = target.open().await?;
    let teller = Teller::new(limits);
    let pace = FollowOptions { every: args.every, idle_exit: args.idle_exit };
    let followed = follow(&store, &args.files, &options, &pace, &teller).await?;
    teller.end();
    for followed in &followed {
        tell(limits, account_of(followed))?;
    }
    let was_rejected = followed.iter().any(|followed| followed.quarantined > 0) || teller.was_rejected();
    if was_rejected {
        say(limits, "rejected rows and their reasons: select * from quarantine");
    }
    Ok(if args.strict && was_rejected { Outcome::Rejected } else { Outcome::Done })
}

/// Every row of a log, by what became of it.
fn account_of(followed: &Followed) -> String {
    let mut line = format!(
        "{}: {} rows = {} landed + {} duplicates + {} quarantined",
        followed.source.display(),
        grouped(followed.rows),
        grouped(followed.landed),
        grouped(followed.duplicates),
        grouped(followed.quarantined)
    );
    if followed.left_out > 0 {
        line += &format!(" + {} left out by the mapping", grouped(followed.left_out));
    }
    line += &format!("; {} commits", grouped(followed.commits));
    if followed.unfinished > 0 {
        line += &format!("; {} bytes without the end of their row wait", grouped(followed.unfinished));
    }
    if followed.elsewhere > 0 {
        line += &format!("; {} bytes were landed by another process", grouped(followed.elsewhere));
    }
    line
}

/// Tells how it goes: a line that changes on a terminal, a line a minute anywhere else.
struct Teller<'a> {
    limits: &'a Limits,
    bar: Option<ProgressBar>,
    told: Mutex<Told>,
}

/// What was told last.
struct Told {
    at: Instant,
    rows: u64,
    /// When the rate was measured last, and at how many rows.
    measured: (Instant, u64),
    rate: f64,
    was_rejected: bool,
}

impl<'a> Teller<'a> {
    fn new(limits: &'a Limits) -> Self {
        let bar = (std::io::stderr().is_terminal() && !limits.quiet).then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(
                ProgressStyle::with_template("{spinner} {msg}")
                    .unwrap_or_else(|_| ProgressStyle::default_spinner()),
            );
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        let now = Instant::now();
        let told = Told { at: now, rows: 0, measured: (now, 0), rate: 0.0, was_rejected: false };
        Self { limits, bar, told: Mutex::new(told) }
    }

    /// Prints above the line that changes.
    fn above(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    fn was_rejected(&self) -> bool {
        self.told.lock().is_ok_and(|told| told.was_rejected)
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl FollowListener for Teller<'_> {
    fn state(&self, state: &FollowState) {
        // What another thread left in a bad state is not worth an error.
        let Ok(mut told) = self.told.lock() else { return };
        let (since, rows) = told.measured;
        if since.elapsed() >= RATE {
            told.rate = (state.rows - rows) as f64 / since.elapsed().as_secs_f64();
            told.measured = (Instant::now(), state.rows);
        }
        let line = |rate: f64| {
            format!(
                "{} rows, {} rows/s, {:.1} s behind, {} logs",
                grouped(state.rows),
                grouped(rate as u64),
                state.lag.as_secs_f64(),
                grouped(state.sources as u64)
            )
        };
        match &self.bar {
            Some(bar) => bar.set_message(line(told.rate)),
            None if told.at.elapsed() >= REPORT => {
                let rate = (state.rows - told.rows) as f64 / told.at.elapsed().as_secs_f64();
                say(self.limits, line(rate));
                (told.at, told.rows) = (Instant::now(), state.rows);
            }
            None => {}
        }
    }

    fn trouble(&self, trouble: &DataFusionError) {
        // Not an answer but not silent either: nobody else says that a log is left out.
        self.above(|| eprintln!("warning: {}", plain(trouble)));
    }

    fn landed(&self, landed: &Landed) {
        if let Ok(mut told) = self.told.lock() {
            told.was_rejected |= landed.quarantined > 0;
        }
        let line = account(&landed.source.display().to_string(), landed);
        self.above(|| {
            // Whoever reads the answers may have gone; the landing goes on.
            tell(self.limits, line).ok();
        });
    }
}
