//! Text rows into columns: the fields of one row are gathered first, so that a row that turns out bad leaves nothing.

use std::mem::take;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringViewBuilder};
use datafusion::arrow::datatypes::{DataType, Field as ArrowField};
use datafusion::common::Result;

use super::convert::Kind;
use super::props::{Props, PropsBuilder};
use crate::store::schema::properties;

/// Columns under construction, one per field of the raw row: properties as a map, everything else as text.
pub(super) struct RowBuilder {
    slots: Vec<Slot>,
    columns: Vec<Column>,
    rows: usize,
}

/// The field of the row that is being read.
enum Slot {
    Text { set: bool, text: String },
    Map { set: bool, props: Props },
}

enum Column {
    Text(StringViewBuilder),
    Map(PropsBuilder),
}

impl RowBuilder {
    pub(super) fn new(kinds: impl Iterator<Item = Kind>) -> Self {
        let slots: Vec<_> = kinds
            .map(|kind| match kind {
                Kind::Map => Slot::Map { set: false, props: Props::default() },
                _ => Slot::Text { set: false, text: String::new() },
            })
            .collect();
        Self { columns: slots.iter().map(Slot::column).collect(), slots, rows: 0 }
    }

    /// Type of a column before it is converted to its declared type.
    pub(super) fn field(name: &str, kind: Kind) -> ArrowField {
        let data_type = if kind == Kind::Map { properties() } else { DataType::Utf8View };
        ArrowField::new(name, data_type, true)
    }

    /// Gives a text field of the row a value, in place of the one it has.
    pub(super) fn set_text(&mut self, field: usize, value: &str) {
        if let Slot::Text { set, text } = &mut self.slots[field] {
            *set = true;
            text.clear();
            text.push_str(value);
        }
    }

    /// The properties of the row; the field is then not NULL.
    pub(super) fn props(&mut self, field: usize) -> Option<&mut Props> {
        match &mut self.slots[field] {
            Slot::Map { set, props } => {
                *set = true;
                Some(props)
            }
            Slot::Text { .. } => None,
        }
    }

    pub(super) fn end_row(&mut self) {
        for (slot, column) in self.slots.iter_mut().zip(&mut self.columns) {
            match (slot, column) {
                (Slot::Text { set, text }, Column::Text(column)) => {
                    column.append_option(take(set).then_some(text.as_str()));
                }
                (Slot::Map { set, props }, Column::Map(column)) => {
                    if take(set) {
                        column.append(props)
                    } else {
                        column.append_null()
                    }
                    props.clear();
                }
                _ => {}
            }
        }
        self.rows += 1;
    }

    /// Forgets what was set since the last row.
    pub(super) fn drop_row(&mut self) {
        for slot in &mut self.slots {
            match slot {
                Slot::Text { set, .. } => *set = false,
                Slot::Map { set, props } => {
                    *set = false;
                    props.clear();
                }
            }
        }
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The columns of the rows so far.
    pub(super) fn finish(&mut self) -> Result<Vec<ArrayRef>> {
        self.rows = 0;
        let fresh = self.slots.iter().map(Slot::column).collect();
        std::mem::replace(&mut self.columns, fresh)
            .into_iter()
            .map(|column| match column {
                Column::Text(mut column) => Ok(Arc::new(column.finish()) as ArrayRef),
                Column::Map(column) => column.finish(),
            })
            .collect()
    }
}

impl Slot {
    fn column(&self) -> Column {
        match self {
            Self::Text { .. } => Column::Text(StringViewBuilder::new()),
            Self::Map { .. } => Column::Map(PropsBuilder::new()),
        }
    }
}
