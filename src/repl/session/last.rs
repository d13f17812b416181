//! The last result: kept for `_`, `\last`, `\chart` and `\pivot`.

use std::sync::Arc;

use datafusion::arrow::array::UInt64Array;
use datafusion::arrow::compute::{concat_batches, take};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;

use crate::ask::cells::{Cells, columns};
use crate::ask::{Numbers, type_name};
use crate::repl::complete::Item;
use crate::repl::grid::{Cell, Column, Grid, Kind};
use crate::repl::pivot::Turn;

/// Rows of a query, at least the first ones.
#[derive(Debug, Clone)]
pub(in crate::repl) struct LastResult {
    pub(in crate::repl) schema: SchemaRef,
    pub(in crate::repl) batches: Vec<RecordBatch>,
    pub(in crate::repl) rows: u64,
    /// There were more rows, which were not kept.
    pub(in crate::repl) is_cut: bool,
}

impl LastResult {
    /// Names and types of the columns.
    pub(in crate::repl) fn items(&self) -> Vec<Item> {
        self.schema
            .fields()
            .iter()
            .map(|field| Item::new(field.name(), type_name(field.data_type())))
            .collect()
    }

    /// The result of `\pivot`, whose values keep their types.
    pub(in crate::repl) fn turned(&self, turn: &Turn) -> Result<Self> {
        let all = concat_batches(&self.schema, &self.batches)?;
        let (heads, values) = (all.column(turn.rows), all.column(turn.values));
        let first: UInt64Array = turn.first.iter().map(|row| Some(*row as u64)).collect();
        let mut columns = vec![take(heads, &first, None)?];
        for places in &turn.places {
            let rows: UInt64Array = places.iter().map(|row| row.map(|row| row as u64)).collect();
            columns.push(take(values, &rows, None)?);
        }
        let named = turn.names.iter().zip(&columns);
        let fields: Vec<Field> =
            named.map(|(name, column)| Field::new(name, column.data_type().clone(), true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns)?;
        Ok(Self { schema, rows: batch.num_rows() as u64, batches: vec![batch], is_cut: self.is_cut })
    }

    /// The first `most` rows as texts.
    pub(in crate::repl) fn grid(&self, most: usize) -> Result<Grid> {
        let column =
            |field: &Arc<Field>| Column { name: field.name().clone(), kind: kind(field.data_type()) };
        let mut grid = Grid { columns: self.schema.fields().iter().map(column).collect(), rows: Vec::new() };
        for batch in &self.batches {
            let rows = batch.num_rows().min(most - grid.rows.len());
            let batch = batch.slice(0, rows);
            let arrays = columns(&batch)?;
            let cells = Cells::all(&arrays, Numbers::Exact)?;
            for row in 0..rows {
                let mut values = Vec::with_capacity(cells.len());
                for (cell, column) in cells.iter().zip(&grid.columns) {
                    let mut text = String::new();
                    cell.text(row, &mut text)?;
                    values.push(match (cell.is_null(row), column.kind) {
                        (true, _) => Cell::Null,
                        (false, Kind::Number) => Cell::Number(text.parse().unwrap_or(f64::NAN), text),
                        _ => Cell::Text(text),
                    });
                }
                grid.rows.push(values);
            }
            if grid.rows.len() >= most {
                break;
            }
        }
        Ok(grid)
    }
}

fn kind(data_type: &DataType) -> Kind {
    match data_type {
        DataType::Boolean => Kind::Bool,
        DataType::Date32 | DataType::Date64 => Kind::Date,
        DataType::Timestamp(..) => Kind::Time,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Kind::Text,
        DataType::Dictionary(_, values) => kind(values),
        number if number.is_numeric() => Kind::Number,
        _ => Kind::Other,
    }
}
