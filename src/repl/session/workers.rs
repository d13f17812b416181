//! Threads for queries, beside those that read keys, and a thread that waits for Ctrl-C.
//!
//! A query may keep every thread it gets busy for minutes without a pause: a join of everything with everything does. So the
//! prompt shares none with it; and where a query that was given up does not pause soon, its threads are left to it, and the
//! next query gets others.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use datafusion::common::{DataFusionError, Result};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// As the threads that run a command: a deep expression is planned by recursion.
const STACK: usize = 16 << 20;
const BLOCKING_THREADS: usize = 20;

/// How long a query that was given up may take to notice it.
const PATIENCE: Duration = Duration::from_millis(60);

/// How often somebody looks whether to go on.
const TICK: Duration = Duration::from_millis(20);

/// The threads of one session.
pub(super) struct Workers {
    threads: Option<usize>,
    runtime: Mutex<Option<Runtime>>,
}

/// How waiting for a query ended.
pub(super) enum Waited<T> {
    Done(T),
    Interrupted,
    TimeIsUp,
    /// The task is gone without an answer: a panic.
    Gone,
}

impl Workers {
    pub(super) fn new(threads: Option<usize>) -> Result<Self> {
        listen();
        Ok(Self { threads, runtime: Mutex::new(Some(runtime(threads)?)) })
    }

    /// Runs `work` and blocks this thread, which is none of those that run queries; `tick` is called again and again.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
        timeout: Option<Duration>,
        mut tick: impl FnMut(),
    ) -> Result<Waited<T>> {
        let (sender, receiver) = channel();
        let interrupts = INTERRUPTS.load(Ordering::Relaxed);
        let started = Instant::now();
        let task = self.spawn(async move {
            // Nobody waits any more where it cannot be sent.
            let _ = sender.send(work.await);
        })?;
        loop {
            match receiver.recv_timeout(TICK) {
                Ok(done) => return Ok(Waited::Done(done)),
                Err(RecvTimeoutError::Disconnected) => return Ok(Waited::Gone),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if INTERRUPTS.load(Ordering::Relaxed) != interrupts {
                self.give_up(&task, &receiver)?;
                return Ok(Waited::Interrupted);
            }
            if timeout.is_some_and(|timeout| started.elapsed() >= timeout) {
                self.give_up(&task, &receiver)?;
                return Ok(Waited::TimeIsUp);
            }
            tick();
        }
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> Result<JoinHandle<()>> {
        let mut runtime_now = self.runtime.lock().map_err(|_| lost())?;
        let running = match runtime_now.take() {
            Some(running) => running,
            None => runtime(self.threads)?,
        };
        let task = running.spawn(work);
        *runtime_now = Some(running);
        Ok(task)
    }

    fn give_up<T>(&self, task: &JoinHandle<()>, receiver: &Receiver<T>) -> Result<()> {
        task.abort();
        // Once the task is dropped, so is what sends its answer.
        if matches!(receiver.recv_timeout(PATIENCE), Err(RecvTimeoutError::Timeout))
            && let Some(stuck) = self.runtime.lock().map_err(|_| lost())?.take()
        {
            stuck.shutdown_background();
        }
        Ok(())
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        if let Ok(runtime) = self.runtime.get_mut()
            && let Some(runtime) = runtime.take()
        {
            runtime.shutdown_background();
        }
    }
}

fn lost() -> DataFusionError {
    DataFusionError::Execution("the threads of the prompt are lost; leave and start it again".to_string())
}

fn runtime(threads: Option<usize>) -> Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.max_blocking_threads(BLOCKING_THREADS).thread_stack_size(STACK).thread_name("query").enable_all();
    if let Some(threads) = threads {
        builder.worker_threads(threads);
    }
    Ok(builder.build()?)
}

/// How often Ctrl-C was pressed since the program began.
static INTERRUPTS: AtomicU64 = AtomicU64::new(0);

/// Starts the thread that counts them, once.
fn listen() {
    static LISTENER: OnceLock<()> = OnceLock::new();
    LISTENER.get_or_init(|| {
        // Without it Ctrl-C ends the program, as it does any other.
        let _ = std::thread::Builder::new().name("ctrl-c".to_string()).spawn(|| {
            let Ok(runtime) = Builder::new_current_thread().enable_all().build() else {
                return;
            };
            runtime.block_on(async {
                while tokio::signal::ctrl_c().await.is_ok() {
                    INTERRUPTS.fetch_add(1, Ordering::Relaxed);
                }
            });
        });
    });
}

/// What a query shares with the line that says how far it is.
pub(super) type Shared<T> = Arc<OnceLock<T>>;
