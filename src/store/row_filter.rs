//! A condition on the rows of one file, so that what does not matter is gone before files are merged.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::{BatchCoalescer, filter_record_batch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::common::cast::as_boolean_array;
use datafusion::physical_expr::PhysicalExpr;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

/// Lets the rows through for which a condition is true.
#[derive(Debug, Clone)]
pub(crate) struct RowFilter {
    /// Over the columns that are read.
    condition: Arc<dyn PhysicalExpr>,
    /// The columns that are handed on: those that are read, but for the last ones, which only the condition needs.
    schema: SchemaRef,
}

impl RowFilter {
    pub(crate) fn new(condition: Arc<dyn PhysicalExpr>, schema: SchemaRef) -> Self {
        Self { condition, schema }
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
        let state = (self, batches, joined, false);
        futures::stream::try_unfold(state, |(filter, mut batches, mut joined, mut is_done)| async move {
            loop {
                if let Some(batch) = joined.next_completed_batch() {
                    return Ok(Some((batch, (filter, batches, joined, is_done))));
                }
                if is_done {
                    return Ok(None);
                }
                // Where few rows are let through nobody above could stop the query.
                tokio::task::coop::consume_budget().await;
                match batches.try_next().await? {
                    Some(batch) => joined.push_batch(filter.let_through(&batch)?)?,
                    None => {
                        joined.finish_buffered_batch()?;
                        is_done = true;
                    }
                }
            }
        })
        .boxed()
    }

    fn let_through(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        let is_true = self.condition.evaluate(batch)?.into_array(rows)?;
        let is_true = as_boolean_array(&is_true)?;
        let columns: Vec<usize> = (0..self.schema.fields().len()).collect();
        let batch = batch.project(&columns)?;
        if is_true.true_count() == rows { Ok(batch) } else { Ok(filter_record_batch(&batch, is_true)?) }
    }
}
