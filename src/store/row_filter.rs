//! A condition on the rows of one file, so that what does not matter is gone before files are merged.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::{BatchCoalescer, filter_record_batch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::common::cast::as_boolean_array;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::metrics::Count;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

/// Lets the rows through for which a condition is true.
#[derive(Debug, Clone)]
pub(crate) struct RowFilter {
    /// Over the columns that are read.
    condition: Arc<dyn PhysicalExpr>,
    /// The columns that are handed on: those that are read, but for the last ones, which only the condition needs.
    schema: SchemaRef,
    /// How many rows were looked at, for EXPLAIN ANALYZE.
    rows_read: Count,
}

impl RowFilter {
    pub(crate) fn new(condition: Arc<dyn PhysicalExpr>, schema: SchemaRef, rows_read: Count) -> Self {
        Self { condition, schema, rows_read }
    }

    /// The rows that are let through, in batches of about `batch_size` where few are.
    pub(super) fn rows(
        self,
        batches: BoxStream<'static, Result<RecordBatch>>,
        batch_size: usize,
    ) -> BoxStream<'static, Result<RecordBatch>> {
        // Batches that are still large are not copied once more.
        let joined = BatchCoalescer::new(Arc::clone(&self.schema), batch_size)
            .with_biggest_coalesce_batch_size(Some(batch_size / 4));
        let filtered = Filtered { filter: self, batches: Some(batches), joined, enough: 1 };
        futures::stream::try_unfold(filtered, |mut filtered| async move {
            Ok(filtered.next().await?.map(|batch| (batch, filtered)))
        })
        .boxed()
    }

    fn let_through(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        self.rows_read.add(rows);
        let is_true = self.condition.evaluate(batch)?.into_array(rows)?;
        let is_true = as_boolean_array(&is_true)?;
        let columns: Vec<usize> = (0..self.schema.fields().len()).collect();
        let batch = batch.project(&columns)?;
        if is_true.true_count() == rows { Ok(batch) } else { Ok(filter_record_batch(&batch, is_true)?) }
    }
}

struct Filtered {
    filter: RowFilter,
    /// `None` behind the last one.
    batches: Option<BoxStream<'static, Result<RecordBatch>>>,
    joined: BatchCoalescer,
    /// So many rows are handed on: one at first, for whoever wants no more, and then twice as many each time.
    enough: usize,
}

impl Filtered {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.joined.next_completed_batch() {
                return Ok(Some(batch));
            }
            let Some(batches) = &mut self.batches else {
                return Ok(None);
            };
            // Where hardly any row is let through nobody above could stop the query.
            tokio::task::coop::consume_budget().await;
            match batches.try_next().await? {
                Some(batch) => {
                    self.joined.push_batch(self.filter.let_through(&batch)?)?;
                    if self.joined.get_buffered_rows() >= self.enough {
                        self.joined.finish_buffered_batch()?;
                        self.enough = self.enough.saturating_mul(2);
                    }
                }
                None => {
                    self.joined.finish_buffered_batch()?;
                    self.batches = None;
                }
            }
        }
    }
}
