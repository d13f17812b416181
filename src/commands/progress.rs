//! How far a run of reports has come: a bar on a terminal, or a line each ten seconds in a log.

use std::io::IsTerminal;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use footfall::report::batch::Progress;
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::Limits;

/// Time between two lines.
const BETWEEN: Duration = Duration::from_secs(10);

/// Shows a run's progress on stderr; when it is dropped, nothing of it is left on a terminal.
pub(crate) enum Shown {
    Nothing,
    Bar(ProgressBar),
    Plain(Lines),
}

impl Shown {
    /// `form` is what `--progress` says.
    pub(crate) fn new(form: &str, limits: &Limits) -> Self {
        match form {
            _ if limits.quiet || limits.errors == "json" => Self::Nothing,
            "plain" => Self::Plain(Lines::start()),
            "auto" if std::io::stderr().is_terminal() => {
                let bar = ProgressBar::no_length();
                let template = "{wide_bar} {pos}/{len} reports, {msg}, {eta} left";
                bar.set_style(
                    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
                );
                Self::Bar(bar)
            }
            _ => Self::Nothing,
        }
    }
}

impl Progress for Shown {
    fn begin(&self, reports: usize) {
        match self {
            Self::Nothing => {}
            Self::Bar(bar) => {
                bar.set_length(reports as u64);
                bar.enable_steady_tick(Duration::from_millis(250));
            }
            Self::Plain(lines) => lines.now().of = reports,
        }
    }

    fn report(&self, stretch: &str, report: &str) {
        let what = [stretch, report].join(" ").trim().to_string();
        match self {
            Self::Nothing => {}
            Self::Bar(bar) => bar.set_message(what),
            Self::Plain(lines) => lines.now().what = what,
        }
    }

    fn advance(&self) {
        match self {
            Self::Nothing => {}
            Self::Bar(bar) => bar.inc(1),
            Self::Plain(lines) => lines.now().done += 1,
        }
    }

    fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// A thread that tells where the run is.
pub(crate) struct Lines {
    now: Arc<Mutex<Now>>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Now {
    done: usize,
    of: usize,
    what: String,
}

impl Lines {
    fn start() -> Self {
        let now = Arc::<Mutex<Now>>::default();
        let (stop, stopped) = channel();
        let seen = Arc::clone(&now);
        let thread = std::thread::spawn(move || {
            let started = Instant::now();
            while stopped.recv_timeout(BETWEEN) == Err(RecvTimeoutError::Timeout) {
                let now = lock(&seen);
                let percent = now.done * 100 / now.of.max(1);
                eprintln!(
                    "{} of {} reports ({percent} %), {:.0} s, now {}",
                    now.done,
                    now.of,
                    started.elapsed().as_secs_f64(),
                    now.what
                );
            }
        });
        Self { now, stop: Some(stop), thread: Some(thread) }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        lock(&self.now)
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        // The other end of the channel hears that this one is gone.
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(now: &Mutex<Now>) -> MutexGuard<'_, Now> {
    now.lock().unwrap_or_else(PoisonError::into_inner)
}
