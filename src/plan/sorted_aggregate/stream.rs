//! Batches in, a row a group out, as groups are complete.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use futures::{Stream, StreamExt};

use super::keys::Keys;
use crate::error::footfall_internal_err;
use crate::plan::groups::evaluate;

/// Complete groups that wait for the first batch out; each next batch may be twice as large, so that a LIMIT is
/// answered soon and a whole table in whole batches.
const FIRST_BATCH: usize = 64;

pub(super) struct SortedAggregateStream {
    schema: SchemaRef,
    input: SendableRecordBatchStream,
    is_done: bool,
    group_by: Vec<Arc<dyn PhysicalExpr>>,
    calls: Vec<Call>,
    keys: Keys,
    /// The group of each row of a batch.
    indices: Vec<usize>,
    /// So many complete groups are emitted.
    enough: usize,
    batch_size: usize,
    reservation: MemoryReservation,
    metrics: BaselineMetrics,
}

/// One aggregate function with what it is called with.
struct Call {
    arguments: Vec<Arc<dyn PhysicalExpr>>,
    filter: Option<Arc<dyn PhysicalExpr>>,
    accumulator: Box<dyn GroupsAccumulator>,
}

impl SortedAggregateStream {
    pub(super) fn try_new(
        aggregate: &AggregateExec,
        ordered: Vec<usize>,
        input: SendableRecordBatchStream,
        metrics: &ExecutionPlanMetricsSet,
        partition: usize,
        context: &TaskContext,
    ) -> Result<Self> {
        let calls = aggregate.aggr_expr().iter().zip(aggregate.filter_expr()).map(|(function, filter)| {
            Ok(Call {
                arguments: function.expressions(),
                filter: filter.clone(),
                accumulator: function.create_groups_accumulator()?,
            })
        });
        let batch_size = context.session_config().batch_size();
        let group_by = aggregate.group_expr().input_exprs();
        Ok(Self {
            schema: aggregate.schema(),
            input,
            is_done: false,
            keys: Keys::new(ordered, group_by.len()),
            group_by,
            calls: calls.collect::<Result<_>>()?,
            indices: vec![],
            enough: FIRST_BATCH.min(batch_size),
            batch_size,
            reservation: MemoryConsumer::new(format!("SortedAggregateExec[{partition}]"))
                .register(context.memory_pool()),
            metrics: BaselineMetrics::new(metrics, partition),
        })
    }

    fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        let rows = batch.num_rows();
        if rows == 0 {
            return Ok(());
        }
        let keys = evaluate(&self.group_by, batch)?;
        self.keys.push(&keys, rows, &mut self.indices)?;
        let groups = self.keys.groups();
        for call in &mut self.calls {
            let values = evaluate(&call.arguments, batch)?;
            let filter = call.filter.as_ref().map(|filter| filter.evaluate(batch)?.into_array(rows));
            let filter = filter.transpose()?;
            let filter = match &filter {
                Some(filter) => match filter.as_boolean_opt() {
                    Some(filter) => Some(filter),
                    None => return footfall_internal_err!("a FILTER gave {}", filter.data_type()),
                },
                None => None,
            };
            call.accumulator.update_batch(&values, &self.indices, filter, groups)?;
        }
        Ok(())
    }

    /// The complete groups where there are enough of them, or where there is no memory for more.
    fn emit_enough(&mut self) -> Result<Option<RecordBatch>> {
        let complete = self.keys.complete();
        if complete >= self.enough {
            self.enough = (self.enough * 2).min(self.batch_size);
            return self.emit(complete.min(self.batch_size)).map(Some);
        }
        match self.reservation.try_resize(self.size()) {
            Ok(()) => Ok(None),
            Err(_) if complete > 0 => self.emit(complete.min(self.batch_size)).map(Some),
            Err(e) => Err(e),
        }
    }

    fn emit(&mut self, groups: usize) -> Result<RecordBatch> {
        let emit_to = if groups == self.keys.groups() { EmitTo::All } else { EmitTo::First(groups) };
        let mut columns = self.keys.take(groups)?;
        for call in &mut self.calls {
            columns.push(call.accumulator.evaluate(emit_to)?);
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }

    fn size(&self) -> usize {
        let accumulators: usize = self.calls.iter().map(|call| call.accumulator.size()).sum();
        accumulators + self.keys.size() + self.indices.capacity() * size_of::<usize>()
    }

    fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<RecordBatch>>> {
        let compute = self.metrics.elapsed_compute().clone();
        loop {
            let timer = compute.timer();
            if self.is_done {
                let rest = self.keys.groups().min(self.batch_size);
                let batch = (rest > 0).then(|| self.emit(rest));
                if batch.is_none() {
                    self.reservation.free();
                }
                return Poll::Ready(batch);
            }
            if let Some(batch) = self.emit_enough().transpose() {
                return Poll::Ready(Some(batch));
            }
            drop(timer);
            match ready!(self.input.poll_next_unpin(cx)) {
                Some(Ok(batch)) => {
                    let _timer = compute.timer();
                    if let Err(error) = self.push(&batch) {
                        return Poll::Ready(Some(Err(error)));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => self.is_done = true,
            }
        }
    }
}

impl Stream for SortedAggregateStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let poll = self.poll_batch(cx);
        if let Poll::Ready(Some(Err(_))) = &poll {
            // What is left would be counted without the rows that failed.
            self.is_done = true;
            self.keys = Keys::new(vec![], 0);
            self.calls.clear();
        }
        self.metrics.record_poll(poll)
    }
}

impl RecordBatchStream for SortedAggregateStream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
