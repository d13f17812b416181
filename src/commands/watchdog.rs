//! The last resort against a query that asks nobody: it neither lets go of its thread, so that a time-out is not heard, nor
//! asks the memory pool for what a scalar function builds.
//!
//! A thread of its own looks at the clock and at the memory of the process, and ends the process where nothing else has.
//! Temporary files are left then; they are hidden, and nothing reads them.

use std::time::{Duration, Instant};

/// Time for the ordinary way to end.
const GRACE: Duration = Duration::from_millis(500);
const BETWEEN: Duration = Duration::from_millis(20);
/// What a process needs beside what is limited: the program itself, buffers of files, the allocator's own.
const BESIDE: usize = 1 << 30;

/// Begins to watch; `failed` tells the person or the program at the other end, and gives the exit code.
pub(crate) fn start(
    timeout: Option<Duration>,
    memory_limit: Option<usize>,
    failed: impl Fn(u8, &str) + Send + 'static,
) {
    if timeout.is_none() && memory_limit.is_none() {
        return;
    }
    let end = timeout.map(|timeout| (Instant::now() + timeout + GRACE, timeout));
    let most = memory_limit.map(|limit| (limit.saturating_mul(2).saturating_add(BESIDE), limit));
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(BETWEEN);
            if let Some((end, timeout)) = end
                && Instant::now() > end
            {
                failed(4, &format!("not done within {timeout:?}"));
                std::process::exit(4);
            }
            if let (Some((most, limit)), Some(held)) = (most, held())
                && held > most
            {
                failed(
                    1,
                    &format!(
                        "not enough memory: the process holds {} MB with a limit of {} MB for what queries hold; \
                         --memory-limit SIZE raises it",
                        held >> 20,
                        limit >> 20
                    ),
                );
                std::process::exit(1);
            }
        }
    });
}

/// Bytes of memory that the process holds, where the system tells.
#[cfg(target_os = "linux")]
fn held() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: usize = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes << 10)
}

#[cfg(not(target_os = "linux"))]
fn held() -> Option<usize> {
    None
}
