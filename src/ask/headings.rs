//! What a column without a name of its own is called: the expression as it was written.
//!
//! The engine calls it by its own words, `date_trunc(Utf8("hour"),events.ts)`. Where such a word would be shown, the result is
//! renamed, outside of everything that a query can refer to. DESCRIBE names types as `\d` does.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::Schema;
use datafusion::common::{Column, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{SelectItem, SetExpr, Statement as SqlStatement};

use crate::ask::output::type_name;

/// The plan of a query whose columns are called as they were written.
pub(super) fn as_written(plan: LogicalPlan, statement: &Statement) -> Result<LogicalPlan> {
    let Some(items) = items(statement) else { return Ok(plan) };
    let columns = plan.schema().columns();
    if !columns.iter().any(|column| is_of_the_engine(&column.name)) {
        return Ok(plan);
    }
    let names: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| match item_of(items, columns.len(), index) {
            Some(SelectItem::UnnamedExpr(written)) if is_of_the_engine(&column.name) => written.to_string(),
            _ => column.name.clone(),
        })
        .collect();
    let collides = columns
        .iter()
        .zip(&names)
        .filter(|(column, name)| column.name != **name)
        .any(|(_, name)| names.iter().filter(|other| *other == name).count() > 1);
    let distinct: HashSet<&Column> = columns.iter().collect();
    if collides || distinct.len() < columns.len() {
        return Ok(plan);
    }
    let renamed: Vec<Expr> = columns
        .into_iter()
        .zip(names)
        .map(|(column, name)| match column.name == name {
            true => Expr::Column(column),
            false => Expr::Column(column).alias(name),
        })
        .collect();
    LogicalPlanBuilder::from(plan).project(renamed)?.build()
}

/// A table's columns as DESCRIBE shows them.
pub(super) fn described(schema: &Schema) -> Result<RecordBatch> {
    let fields = schema.fields();
    let names: StringArray = fields.iter().map(|field| Some(field.name().as_str())).collect();
    let types: StringArray = fields.iter().map(|field| Some(type_name(field.data_type()))).collect();
    let nullable: StringArray =
        fields.iter().map(|field| Some(if field.is_nullable() { "YES" } else { "NO" })).collect();
    Ok(RecordBatch::try_from_iter([
        ("column_name", Arc::new(names) as ArrayRef),
        ("data_type", Arc::new(types) as ArrayRef),
        ("is_nullable", Arc::new(nullable) as ArrayRef),
    ])?)
}

/// Whether a name holds a value as the engine writes it.
fn is_of_the_engine(name: &str) -> bool {
    const TYPES: [&str; 14] = [
        "Int8(",
        "Int16(",
        "Int32(",
        "Int64(",
        "Float32(",
        "Float64(",
        "Utf8(",
        "Utf8View(",
        "Boolean(",
        "Date32(",
        "Decimal128(",
        "IntervalMonthDayNano(",
        "TimestampMicrosecond(",
        "TimestampNanosecond(",
    ];
    TYPES.iter().any(|written| name.contains(written))
}

/// What stands behind the SELECT whose names a query has.
fn items(statement: &Statement) -> Option<&[SelectItem]> {
    let Statement::Statement(statement) = statement else { return None };
    let SqlStatement::Query(query) = statement.as_ref() else { return None };
    let mut body = query.body.as_ref();
    loop {
        match body {
            SetExpr::Select(select) => return Some(&select.projection),
            SetExpr::Query(query) => body = query.body.as_ref(),
            SetExpr::SetOperation { left, .. } => body = left.as_ref(),
            _ => return None,
        }
    }
}

/// What a column was written as: counted from the left before a `*`, from the right behind it.
fn item_of(items: &[SelectItem], columns: usize, index: usize) -> Option<&SelectItem> {
    let is_star =
        |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(_, _));
    let (Some(first), Some(last)) = (items.iter().position(is_star), items.iter().rposition(is_star)) else {
        return if items.len() == columns { items.get(index) } else { None };
    };
    let from_right = columns - index;
    if index < first {
        items.get(index)
    } else if from_right < items.len() - last {
        items.get(items.len() - from_right)
    } else {
        None
    }
}
