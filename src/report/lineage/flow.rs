//! What is known of the columns and the rows that a node of a plan puts out.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::common::{Column, DFSchemaRef, Result};

use super::Origin;
use crate::error::footfall_internal_err;

/// Where a value comes from, and what decides which rows count for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Trace {
    pub(super) from: BTreeSet<Origin>,
    pub(super) filters: BTreeSet<Origin>,
    /// The fields of a struct, where they are known one by one.
    pub(super) fields: BTreeMap<String, Trace>,
}

impl Trace {
    /// Of a value that is computed from this one and `other`.
    pub(super) fn add(&mut self, other: &Self) {
        self.from.extend(other.from.iter().cloned());
        self.filters.extend(other.filters.iter().cloned());
        self.fields.clear();
    }

    /// Of a value that counts only where `condition` says so.
    pub(super) fn filter(&mut self, condition: &Self) {
        self.filters.extend(condition.from.iter().chain(&condition.filters).cloned());
        self.fields.values_mut().for_each(|field| field.filter(condition));
    }

    /// Of a value whose rows are those that `rows` describes.
    pub(super) fn filter_by_rows(&mut self, rows: &Self) {
        self.filters.extend(rows.filters.iter().cloned());
        self.fields.values_mut().for_each(|field| field.filter_by_rows(rows));
    }

    pub(super) fn sum<'a>(traces: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut sum = Self::default();
        traces.into_iter().for_each(|trace| sum.add(trace));
        sum
    }
}

/// What a node puts out.
#[derive(Debug, Clone)]
pub(super) struct Flow {
    pub(super) schema: DFSchemaRef,
    /// In the order of the schema.
    pub(super) columns: Vec<Trace>,
    /// `from`: what tells the rows apart, which is what counting them counts. `filters`: what decides which there are.
    pub(super) rows: Trace,
    /// By what they are sorted, for a LIMIT above.
    pub(super) order: Trace,
}

impl Flow {
    pub(super) fn new(schema: &DFSchemaRef, columns: Vec<Trace>, rows: Trace) -> Result<Self> {
        if columns.len() != schema.fields().len() {
            return footfall_internal_err!(
                "the lineage of {} columns has {}",
                schema.fields().len(),
                columns.len()
            );
        }
        Ok(Self { schema: DFSchemaRef::clone(schema), columns, rows, order: Trace::default() })
    }

    pub(super) fn all_columns(&self) -> Trace {
        Trace::sum(&self.columns)
    }

    fn column(&self, column: &Column) -> Option<&Trace> {
        self.columns.get(self.schema.maybe_index_of_column(column)?)
    }
}

/// What an expression may name: the columns of a node's inputs, and around a subquery those of the queries outside.
pub(super) struct Scope<'a> {
    pub(super) inputs: &'a [&'a Flow],
    pub(super) outer: Option<&'a Scope<'a>>,
}

impl Scope<'_> {
    pub(super) fn column(&self, column: &Column) -> Result<&Trace> {
        match self.inputs.iter().find_map(|input| input.column(column)) {
            Some(trace) => Ok(trace),
            None => footfall_internal_err!("no input has the column {column}"),
        }
    }

    /// A column of the nearest query outside that has it.
    pub(super) fn outer_column(&self, column: &Column) -> Result<&Trace> {
        let mut scope = self.outer;
        while let Some(outer) = scope {
            if let Some(trace) = outer.inputs.iter().find_map(|input| input.column(column)) {
                return Ok(trace);
            }
            scope = outer.outer;
        }
        footfall_internal_err!("no query outside has the column {column}")
    }

    /// What counting the rows counts.
    pub(super) fn rows(&self) -> Trace {
        Trace { from: Trace::sum(self.inputs.iter().map(|input| &input.rows)).from, ..Trace::default() }
    }
}
