//! What is there to ask about? The tables and views of a session, their columns, and what each of them means.

use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::SchemaProvider;
use datafusion::common::Result;
use datafusion::logical_expr::TableType;

use crate::engine::{Engine, own_tables};

/// A table or view.
#[derive(Debug, Clone)]
pub struct TableAbout {
    pub name: String,
    pub is_view: bool,
    /// What one row of it is, where that is known.
    pub comment: Option<&'static str>,
    pub columns: Vec<ColumnAbout>,
}

/// A column of it.
#[derive(Debug, Clone)]
pub struct ColumnAbout {
    pub name: String,
    pub data_type: DataType,
    pub is_nullable: bool,
    /// What it means, with unit and definition, where that is known.
    pub comment: Option<String>,
}

/// All of them, in the order of their names.
pub async fn about_tables(engine: &Engine) -> Result<Vec<TableAbout>> {
    let own = own_tables(engine.context()).await?;
    let mut names = own.table_names();
    names.sort_unstable();
    let mut tables = Vec::new();
    for name in names {
        let Some(table) = own.table(&name).await? else { continue };
        let columns = table
            .schema()
            .fields()
            .iter()
            .map(|field| ColumnAbout {
                name: field.name().clone(),
                data_type: field.data_type().clone(),
                is_nullable: field.is_nullable(),
                comment: engine.comment_of_column(&name, field.name()),
            })
            .collect();
        tables.push(TableAbout {
            is_view: table.table_type() == TableType::View,
            comment: engine.comment_of_table(&name),
            columns,
            name,
        });
    }
    Ok(tables)
}
