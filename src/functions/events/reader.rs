//! Evaluated arguments become events: which rows count, what do they satisfy, what do they carry?

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::common::{Result, plan_err};

use super::event::Event;
use super::payloads::{PayloadBatch, PayloadColumn, PayloadType, Payloads};
use crate::functions::conditions::{Conditions, MAX_CONDITIONS, null_rows, truths};
use crate::functions::row_value::RowValue;
use crate::functions::time::TimeType;

/// Turns evaluated arguments into events.
#[derive(Debug, Clone)]
pub(crate) struct EventReader {
    /// The argument that says when.
    pub(crate) ts: usize,
    pub(crate) time: TimeType,
    /// What orders events of the same time.
    pub(crate) tie: Option<RowValue>,
    pub(crate) conditions: Conditions,
    /// Boolean values of options; their bits follow those of the conditions.
    pub(crate) more_conditions: Vec<RowValue>,
    pub(crate) payload: Vec<PayloadColumn>,
    pub(crate) keep: Keep,
    /// As ClickHouse does: a row with a NULL in any condition is dropped.
    pub(crate) drop_null_conditions: bool,
}

/// Which rows are events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Rows that satisfy a condition.
    Matching,
    /// Every row with a time.
    All,
    /// Every row with a time of which something is known: not all its conditions are NULL.
    Known,
    /// Every row with a time whose first value is not NULL.
    WithValue,
}

impl EventReader {
    /// The values that events carry, the tie column last.
    pub(crate) fn payload_types(&self) -> Vec<PayloadType> {
        let columns = self.payload.iter().map(PayloadColumn::payload_type);
        columns.chain(self.tie.clone().map(|tie| PayloadColumn::tie(tie).payload_type())).collect()
    }

    pub(crate) fn check(&self, function: &str) -> Result<()> {
        let conditions = self.conditions.count().unwrap_or(0) + self.more_conditions.len();
        if conditions > MAX_CONDITIONS {
            return plan_err!(
                "{function}: takes at most {MAX_CONDITIONS} conditions, those in options counted; found {conditions}"
            );
        }
        Ok(())
    }

    /// Calls `visit` with each row that counts, its group still 0; `masks` is scratch space.
    pub(super) fn read(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
        masks: &mut Vec<u64>,
        payloads: &mut Payloads,
        mut visit: impl FnMut(usize, Event) -> Result<()>,
    ) -> Result<()> {
        let dropped = self.masks(values, masks)?;
        let unknown = match self.keep {
            Keep::Known => self.conditions.all_null(values),
            _ => None,
        };
        let ticks = self.time.ticks(&values[self.ts])?;
        let mut columns = self.payload.clone();
        columns.extend(self.tie.clone().map(PayloadColumn::tie));
        let mut batch = PayloadBatch::new(&columns, values)?;
        let mut take = |row: usize, mask: u64, ts: i64| -> Result<()> {
            let counts = match self.keep {
                Keep::Matching => mask != 0,
                Keep::All => true,
                Keep::Known => mask != 0 || unknown.as_ref().is_none_or(|unknown| !unknown.value(row)),
                Keep::WithValue => !batch.is_null(row),
            };
            if !counts {
                return Ok(());
            }
            let payload = if batch.is_empty() { 0 } else { batch.push(row, payloads)? };
            visit(row, Event { ts, mask, payload, group: 0 })
        };
        let timed = ticks.nulls().map(|nulls| nulls.inner().clone());
        let selected = [timed, filter.map(truths), dropped.map(|dropped| !&dropped)];
        // Most batches have neither a NULL nor a filter.
        match selected.into_iter().flatten().reduce(|some, more| &some & &more) {
            None => {
                for (row, (&mask, &ts)) in masks.iter().zip(ticks.values()).enumerate() {
                    take(row, mask, ts)?;
                }
            }
            Some(selected) => {
                for row in selected.set_indices() {
                    take(row, masks[row], ticks.value(row))?;
                }
            }
        }
        Ok(())
    }

    /// Fills `masks`, and says which rows are dropped for a NULL.
    fn masks(&self, values: &[ArrayRef], masks: &mut Vec<u64>) -> Result<Option<BooleanBuffer>> {
        self.conditions.masks(values, masks)?;
        let first = self.conditions.count().or_else(|| self.conditions.count_in(values)).unwrap_or(0);
        let mut dropped = match self.drop_null_conditions {
            true => self.conditions.nulls(values),
            false => None,
        };
        for (i, value) in self.more_conditions.iter().enumerate() {
            let column = value.column(values)?;
            let Some(truths) = column.as_boolean_opt().map(truths) else {
                continue;
            };
            for row in truths.set_indices() {
                masks[row] |= 1 << (first + i);
            }
            if let (true, Some(null)) = (self.drop_null_conditions, null_rows(&column)) {
                dropped = Some(dropped.map_or_else(|| null.clone(), |dropped| &dropped | &null));
            }
        }
        Ok(dropped)
    }
}
