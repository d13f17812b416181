//! What the operators of a running query tell, and the line on stderr that says it.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::common::stats::Precision;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};

use super::workers::Shared;
use crate::repl::progress::{EVERY, FROM, Progress, Reading};

/// The plan, once there is one.
pub(super) type Running = Shared<Arc<dyn ExecutionPlan>>;

/// Draws the line while a query runs, and wipes it when it is dropped.
pub(super) struct Line {
    started: Instant,
    progress: Progress,
    running: Running,
    memory: Arc<dyn MemoryPool>,
    width: usize,
    is_wanted: bool,
    is_drawn: bool,
    /// When it was drawn last.
    drawn: Duration,
}

impl Line {
    pub(super) fn new(running: Running, memory: Arc<dyn MemoryPool>, width: usize, quiet: bool) -> Self {
        let is_wanted = !quiet && std::io::stderr().is_terminal();
        let started = Instant::now();
        Self {
            started,
            progress: Progress::default(),
            running,
            memory,
            width,
            is_wanted,
            is_drawn: false,
            drawn: Duration::ZERO,
        }
    }

    pub(super) fn draw(&mut self) {
        let elapsed = self.started.elapsed();
        if !self.is_wanted || elapsed < FROM || elapsed - self.drawn < EVERY {
            return;
        }
        self.drawn = elapsed;
        let mut reading = Reading { memory: self.memory.reserved() as u64, ..Reading::default() };
        if let Some(plan) = self.running.get() {
            read(plan, &mut reading);
        }
        let line = self.progress.line(elapsed, reading, self.width.saturating_sub(1));
        let mut out = std::io::stderr().lock();
        let _ = write!(out, "\r\u{1b}[K{line}");
        let _ = out.flush();
        self.is_drawn = true;
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.is_drawn {
            let mut out = std::io::stderr().lock();
            let _ = write!(out, "\r\u{1b}[K");
            let _ = out.flush();
        }
    }
}

/// Sums over the scans, which are the leaves of the plan.
fn read(plan: &Arc<dyn ExecutionPlan>, reading: &mut Reading) {
    let children = plan.children();
    if !children.is_empty() {
        children.into_iter().for_each(|child| read(child, reading));
        return;
    }
    if let Some(metrics) = plan.metrics() {
        reading.rows += metrics.output_rows().unwrap_or(0) as u64;
        reading.bytes += metrics.sum_by_name("bytes_scanned").map_or(0, |bytes| bytes.as_usize()) as u64;
    }
    if let Ok(statistics) = StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new())
        && let Precision::Exact(rows) | Precision::Inexact(rows) = statistics.num_rows
    {
        reading.all_rows += rows as u64;
    }
}
