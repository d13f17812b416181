//! Batches in, a row a group out, as groups are complete.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use futures::{Stream, StreamExt};

use super::exec::{KeyedAggregateExec, Way};
use super::keys::Keys;
use crate::error::footfall_internal_err;
use crate::plan::groups::evaluate;

/// Complete groups that wait for the first batch out; each next batch may be twice as large, so that a LIMIT is
/// answered soon and a whole table in whole batches.
const FIRST_BATCH: usize = 64;

pub(super) struct KeyedAggregateStream {
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
    /// What is left of groups that were all taken at once.
    left: Option<RecordBatch>,
    /// `None` where answers are given, else states, which a later phase puts together.
    states: Option<States>,
    batch_size: usize,
    reservation: MemoryReservation,
    metrics: BaselineMetrics,
}

/// Whether groups are worth looking for.
struct States {
    rows: usize,
    /// After so many rows it is decided whether there are too many groups for one row.
    probe_rows: usize,
    most_groups: f64,
    /// Every row is given out as a group of its own.
    is_passing: bool,
}

/// One aggregate function with what it is called with.
struct Call {
    arguments: Vec<Arc<dyn PhysicalExpr>>,
    filter: Option<Arc<dyn PhysicalExpr>>,
    accumulator: Box<dyn GroupsAccumulator>,
}

impl Call {
    fn values(&self, batch: &RecordBatch) -> Result<(Vec<ArrayRef>, Option<BooleanArray>)> {
        let values = evaluate(&self.arguments, batch)?;
        let Some(filter) = &self.filter else { return Ok((values, None)) };
        let filter = filter.evaluate(batch)?.into_array(batch.num_rows())?;
        match filter.as_boolean_opt() {
            Some(filter) => Ok((values, Some(filter.clone()))),
            None => footfall_internal_err!("a FILTER gave {}", filter.data_type()),
        }
    }
}

impl KeyedAggregateStream {
    pub(super) fn try_new(
        plan: &KeyedAggregateExec,
        input: SendableRecordBatchStream,
        metrics: &ExecutionPlanMetricsSet,
        partition: usize,
        context: &TaskContext,
    ) -> Result<Self> {
        let aggregate = plan.aggregate();
        let calls = aggregate.aggr_expr().iter().zip(aggregate.filter_expr()).map(|(function, filter)| {
            Ok(Call {
                arguments: function.expressions(),
                filter: filter.clone(),
                accumulator: function.create_groups_accumulator()?,
            })
        });
        let batch_size = context.session_config().batch_size();
        let group_by = aggregate.group_expr().input_exprs();
        let execution = &context.session_config().options().execution;
        let (keys, states) = match plan.way() {
            Way::Sorted { places, .. } => (Keys::new(places.clone(), group_by.len()), None),
            Way::Numbered => {
                let states = States {
                    rows: 0,
                    probe_rows: execution.skip_partial_aggregation_probe_rows_threshold,
                    most_groups: execution.skip_partial_aggregation_probe_ratio_threshold,
                    is_passing: false,
                };
                (Keys::new(vec![], group_by.len()), Some(states))
            }
        };
        Ok(Self {
            schema: aggregate.schema(),
            input,
            is_done: false,
            keys,
            group_by,
            calls: calls.collect::<Result<_>>()?,
            indices: vec![],
            enough: FIRST_BATCH.min(batch_size),
            left: None,
            states,
            batch_size,
            reservation: MemoryConsumer::new(format!("{}[{partition}]", plan.name()))
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
            let (values, filter) = call.values(batch)?;
            call.accumulator.update_batch(&values, &self.indices, filter.as_ref(), groups)?;
        }
        if let Some(states) = &mut self.states {
            states.rows += rows;
            states.is_passing =
                states.rows >= states.probe_rows && groups as f64 / states.rows as f64 > states.most_groups;
            if states.is_passing {
                self.take_all()?;
            }
        }
        Ok(())
    }

    /// Each row as a group of its own, with its state.
    fn pass(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let mut columns = evaluate(&self.group_by, batch)?;
        for call in &self.calls {
            let (values, filter) = call.values(batch)?;
            columns.extend(call.accumulator.convert_to_state(&values, filter.as_ref())?);
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
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
            // A group may be given out once more later.
            Err(_) if self.states.is_some() && self.keys.groups() > 0 => {
                self.take_all()?;
                self.reservation.free();
                Ok(self.next_of_left())
            }
            Err(e) => Err(e),
        }
    }

    fn emit(&mut self, groups: usize) -> Result<RecordBatch> {
        let emit_to = if groups == self.keys.groups() { EmitTo::All } else { EmitTo::First(groups) };
        let mut columns = self.keys.take(groups)?;
        for call in &mut self.calls {
            match self.states {
                Some(_) => columns.extend(call.accumulator.state(emit_to)?),
                None => columns.push(call.accumulator.evaluate(emit_to)?),
            }
        }
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }

    /// Takes all groups, to be given out one batch after the other, and begins anew.
    fn take_all(&mut self) -> Result<()> {
        self.left = Some(self.emit(self.keys.groups())?);
        if self.states.is_some() {
            self.keys = Keys::new(vec![], self.group_by.len());
        }
        Ok(())
    }

    fn next_of_left(&mut self) -> Option<RecordBatch> {
        let left = self.left.take()?;
        let rows = left.num_rows().min(self.batch_size);
        if rows < left.num_rows() {
            self.left = Some(left.slice(rows, left.num_rows() - rows));
        }
        (rows > 0).then(|| left.slice(0, rows))
    }

    fn size(&self) -> usize {
        let accumulators: usize = self.calls.iter().map(|call| call.accumulator.size()).sum();
        accumulators + self.keys.size() + self.indices.capacity() * size_of::<usize>()
    }

    fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<RecordBatch>>> {
        let compute = self.metrics.elapsed_compute().clone();
        loop {
            let timer = compute.timer();
            if let Some(batch) = self.next_of_left() {
                return Poll::Ready(Some(Ok(batch)));
            }
            if self.is_done {
                if self.keys.groups() == 0 {
                    self.reservation.free();
                    return Poll::Ready(None);
                }
                if let Err(error) = self.take_all() {
                    return Poll::Ready(Some(Err(error)));
                }
                continue;
            }
            if let Some(batch) = self.emit_enough().transpose() {
                return Poll::Ready(Some(batch));
            }
            drop(timer);
            match ready!(self.input.poll_next_unpin(cx)) {
                Some(Ok(batch)) => {
                    let _timer = compute.timer();
                    if self.states.as_ref().is_some_and(|states| states.is_passing) {
                        if batch.num_rows() > 0 {
                            return Poll::Ready(Some(self.pass(&batch)));
                        }
                    } else if let Err(error) = self.push(&batch) {
                        return Poll::Ready(Some(Err(error)));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => self.is_done = true,
            }
        }
    }
}

impl Stream for KeyedAggregateStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let poll = self.poll_batch(cx);
        if let Poll::Ready(Some(Err(_))) = &poll {
            // What is left would be counted without the rows that failed.
            self.is_done = true;
            self.keys = Keys::new(vec![], 0);
            self.left = None;
            self.calls.clear();
        }
        self.metrics.record_poll(poll)
    }
}

impl RecordBatchStream for KeyedAggregateStream {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
