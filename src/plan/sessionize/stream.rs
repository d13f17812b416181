//! Batches in, the same batches out with the session columns, each as soon as all of its rows are final.
//!
//! ```text
//! poll ─▶ input batch ─▶ held ░░░░│░░░░│░░░░  rows of the open session ─▶ its last row comes ─▶ out
//! ```
//!
//! `sessionize`, `session_start` and `session_key` hold nothing. `next_node` and `time_to_next` hold the batches from the
//! last row that waits for its next one, `session_info` those that an open session touches: in the usual case the last one
//! only. More than that is reserved in the memory pool, so that a session without end fails by name.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, MAX_INLINE_VIEW_LEN, RecordBatch};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::Result;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use futures::{Stream, StreamExt};

use super::exec::SessionWindow;
use crate::functions::sessions::{SessionRunner, SessionSpec};
use crate::plan::groups::{evaluate, starts};

pub(super) struct SessionizeStream {
    schema: SchemaRef,
    input: SendableRecordBatchStream,
    is_done: bool,
    windows: Vec<(Arc<SessionSpec>, SessionRunner)>,
    users: Users,
    held: VecDeque<RecordBatch>,
    reservation: MemoryReservation,
    /// Bytes of the first `measured.len()` held batches.
    measured: VecDeque<usize>,
    metrics: BaselineMetrics,
}

impl SessionizeStream {
    pub(super) fn new(
        schema: SchemaRef,
        input: SendableRecordBatchStream,
        windows: &[SessionWindow],
        partition_by: Vec<Arc<dyn PhysicalExpr>>,
        metrics: &ExecutionPlanMetricsSet,
        partition: usize,
        pool: &Arc<dyn MemoryPool>,
    ) -> Self {
        let windows = windows
            .iter()
            .map(|window| (Arc::clone(window.spec()), SessionRunner::new(window.spec(), window.needed())))
            .collect();
        Self {
            schema,
            input,
            is_done: false,
            windows,
            users: Users { partition_by, last: None },
            held: VecDeque::new(),
            reservation: MemoryConsumer::new(format!("SessionizeExec[{partition}]")).register(pool),
            measured: VecDeque::new(),
            metrics: BaselineMetrics::new(metrics, partition),
        }
    }

    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let starts = self.users.starts(&batch)?;
        for (spec, runner) in &mut self.windows {
            let inputs = evaluate(spec.inputs(), &batch)?;
            runner.push(&inputs, &starts)?;
        }
        self.held.push_back(batch);
        self.reserve()
    }

    fn finish(&mut self) {
        self.is_done = true;
        for (_, runner) in &mut self.windows {
            runner.finish();
        }
    }

    /// The first held batch, if all of its rows are final.
    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let Some(rows) = self.held.front().map(RecordBatch::num_rows) else {
            return Ok(None);
        };
        if self.windows.iter().any(|(_, runner)| runner.ready() < rows) {
            return Ok(None);
        }
        let Some(batch) = self.held.pop_front() else {
            return Ok(None);
        };
        let mut columns = batch.columns().to_vec();
        for (_, runner) in &mut self.windows {
            columns.push(runner.take(rows)?);
        }
        if let Some(bytes) = self.measured.pop_front() {
            self.reservation.shrink(bytes.min(self.reservation.size()));
        }
        Ok(Some(RecordBatch::try_new(Arc::clone(&self.schema), columns)?))
    }

    /// Accounts for what waits. One batch is always under way and is not counted, as in every other operator; so the
    /// usual input, with sessions shorter than a batch, is never measured.
    fn reserve(&mut self) -> Result<()> {
        let ready = self.windows.iter().map(|(_, runner)| runner.ready()).min().unwrap_or(0);
        let mut rows = 0;
        let final_batches = self.held.iter().take_while(|batch| {
            rows += batch.num_rows();
            rows <= ready
        });
        if self.held.len() - final_batches.count() <= 1 {
            self.measured.clear();
            self.reservation.free();
            return Ok(());
        }
        while let Some(batch) = self.held.get(self.measured.len()) {
            let bytes = size(batch)?;
            self.reservation.try_grow(bytes)?;
            self.measured.push_back(bytes);
        }
        let batches: usize = self.measured.iter().sum();
        let records: usize = self.windows.iter().map(|(_, runner)| runner.size()).sum();
        self.reservation.try_resize(batches + records)
    }

    fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<RecordBatch>>> {
        let compute = self.metrics.elapsed_compute().clone();
        loop {
            let timer = compute.timer();
            if let Some(batch) = self.next_batch().transpose() {
                return Poll::Ready(Some(batch));
            }
            drop(timer);
            if self.is_done {
                return Poll::Ready(None);
            }
            match ready!(self.input.poll_next_unpin(cx)) {
                Some(Ok(batch)) => {
                    let _timer = compute.timer();
                    if let Err(error) = self.push(batch) {
                        return Poll::Ready(Some(Err(error)));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => self.finish(),
            }
        }
    }
}

impl Stream for SessionizeStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let poll = self.poll_batch(cx);
        if let Poll::Ready(Some(Err(_))) = &poll {
            // What comes after a broken row would be numbered wrongly.
            self.is_done = true;
            self.held.clear();
        }
        self.metrics.record_poll(poll)
    }
}

impl RecordBatchStream for SessionizeStream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// Where does another user begin?
struct Users {
    partition_by: Vec<Arc<dyn PhysicalExpr>>,
    /// The keys of the last row so far, one row each.
    last: Option<Vec<ArrayRef>>,
}

impl Users {
    fn starts(&mut self, batch: &RecordBatch) -> Result<Vec<usize>> {
        let keys = evaluate(&self.partition_by, batch)?;
        let starts = starts(self.last.as_deref(), &keys)?;
        let end = batch.num_rows() - 1;
        self.last = Some(keys.iter().map(|key| key.slice(end, 1)).collect());
        Ok(starts)
    }
}

/// The bytes of the rows themselves. The buffers behind them are shared by many batches and counted where they were made.
fn size(batch: &RecordBatch) -> Result<usize> {
    let mut bytes = 0;
    for column in batch.columns() {
        bytes += column.to_data().get_slice_memory_size()?;
        if *column.data_type() == DataType::Utf8View {
            let lengths = column.as_string_view().views().iter().map(|view| *view as u32);
            let outside = lengths.filter(|length| *length > MAX_INLINE_VIEW_LEN);
            bytes += outside.map(|length| length as usize).sum::<usize>();
        }
    }
    Ok(bytes)
}
