//! Tables at a glance: what there is, what a table's columns are, and what they hold.

use datafusion::common::{Result, TableReference};

use super::{LastResult, Session};
use crate::ask::{Usage, quoted, type_name};
use crate::engine::Engine;
use crate::error::did_you_mean;
use crate::functions::docs;
use crate::repl::complete::Names;
use crate::repl::grid::{Cell, Grid, Kind};
use crate::repl::manual::Manual;
use crate::repl::names;

/// What may be SET, with its value and its meaning.
pub(super) fn settings(engine: &Engine) -> Grid {
    let mut grid = Grid::new(&[("setting", Kind::Text), ("value", Kind::Text), ("meaning", Kind::Text)]);
    let all = names::settings(engine.context());
    grid.rows = all
        .into_iter()
        .map(|(setting, meaning)| {
            vec![Cell::text(setting.name), Cell::text(setting.detail), Cell::text(meaning)]
        })
        .collect();
    grid
}

/// `\df`
pub(super) fn functions(names: &Names) -> Grid {
    let mut grid = Grid::new(&[("function", Kind::Text), ("call", Kind::Text), ("question", Kind::Text)]);
    let ours = names.functions.iter().filter(|function| function.is_ours);
    grid.rows = ours
        .map(|function| {
            vec![Cell::text(&function.name), Cell::text(&function.syntax), Cell::text(&function.doc)]
        })
        .collect();
    grid
}

/// `\df NAME`: the page of any function, in lines for a terminal of so many cells.
pub(super) fn function(name: &str, names: &Names, cells: usize) -> Result<Vec<String>> {
    if let Some(function) = docs::named(name) {
        let Some(page) = function.documentation() else {
            let manual = Manual { name: function.name(), kind: function.kind(), ..Manual::default() };
            return Ok(manual.lines(cells));
        };
        let others = page.alternative_syntax.iter().flatten().map(String::as_str);
        let manual = Manual {
            name: function.name(),
            kind: function.kind(),
            calls: std::iter::once(page.syntax_example.as_str()).chain(others).collect(),
            description: &page.description,
            arguments: page.arguments.as_deref().unwrap_or_default(),
            example: page.sql_example.as_deref(),
            related: page.related_udfs.iter().flatten().map(String::as_str).collect(),
        };
        return Ok(manual.lines(cells));
    }
    let Some(function) = names.functions.iter().find(|function| function.name.eq_ignore_ascii_case(name))
    else {
        let known: Vec<&str> = names.functions.iter().map(|function| function.name.as_str()).collect();
        return Err(Usage::error(format!("there is no function '{name}'{}", did_you_mean(name, &known))));
    };
    let manual = Manual {
        name: &function.name,
        calls: vec![&function.syntax],
        description: &function.doc,
        arguments: &function.arguments,
        ..Manual::default()
    };
    Ok(manual.lines(cells))
}

impl Session {
    /// `\d`
    pub(super) async fn tables(&self) -> Grid {
        let mut grid = Grid::new(&[("table", Kind::Text), ("kind", Kind::Text), ("columns", Kind::Number)]);
        for table in names::tables(self.context()).await {
            if !table.name.starts_with("information_schema.") {
                let columns = Cell::count(table.columns.len() as u64);
                grid.rows.push(vec![Cell::text(table.name), Cell::text(table.detail), columns]);
            }
        }
        grid
    }

    /// `\d NAME`: columns with types and comments, and the definition of a view.
    pub(super) async fn table(&self, name: &str) -> Result<(Grid, Option<String>)> {
        let reference = self.known(name).await?;
        let table = reference.table().to_string();
        let provider = self.context().table_provider(reference).await?;
        let mut grid = Grid::new(&[
            ("column", Kind::Text),
            ("type", Kind::Text),
            ("null", Kind::Text),
            ("comment", Kind::Text),
        ]);
        let schema = provider.schema();
        for field in schema.fields() {
            // Of other tables the field may say it itself.
            let comment = self.engine.comment_of_column(&table, field.name()).or_else(|| {
                let keys = ["comment", "description", "delta.comment"];
                keys.iter().find_map(|key| field.metadata().get(*key)).cloned()
            });
            grid.rows.push(vec![
                Cell::text(field.name()),
                Cell::text(type_name(field.data_type())),
                Cell::text(if field.is_nullable() { "yes" } else { "no" }),
                Cell::text(comment.unwrap_or_default()),
            ]);
        }
        if grid.rows.iter().all(|row| row[3].shown().is_empty()) {
            grid.columns.truncate(3);
            grid.rows.iter_mut().for_each(|row| row.truncate(3));
        }
        Ok((grid, provider.get_table_definition().map(str::to_string)))
    }

    /// The table of that name, or words about which there are.
    async fn known(&self, name: &str) -> Result<TableReference> {
        let tables = names::tables(self.context()).await;
        if let Some(table) = tables.iter().find(|table| table.name.eq_ignore_ascii_case(name)) {
            return Ok(match table.name.split_once('.') {
                Some((schema, name)) => TableReference::partial(schema, name),
                None => TableReference::bare(table.name.as_str()),
            });
        }
        let known: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
        let own: Vec<&str> = known.iter().copied().filter(|name| !name.contains('.')).collect();
        Err(Usage::error(format!(
            "there is no table '{name}'{}; there are {}",
            did_you_mean(name, &known),
            own.join(", ")
        )))
    }

    /// `\summary TABLE`: one pass for the figures, one more for each column whose values are few. Of a large table different
    /// values are counted about.
    pub(super) async fn summary(&self, name: &str) -> Result<Grid> {
        let reference = self.known(name).await?;
        let provider = self.context().table_provider(reference.clone()).await?;
        let table = match reference.schema() {
            Some(schema) => format!("{}.{}", quoted(schema), quoted(reference.table())),
            None => quoted(reference.table()),
        };
        let schema = provider.schema();
        let frame = self.context().sql(&format!("SELECT count(*) FROM {table}")).await?;
        let rows = self.collected(frame)?.grid(1)?.rows.first().and_then(|row| row[0].value()).unwrap_or(0.0);
        let is_exact = rows <= MOST_EXACT;
        let mut parts = Vec::new();
        for field in schema.fields() {
            let column = quoted(field.name());
            parts.push(format!("count({column})"));
            for form in match field.data_type().is_nested() {
                true => ["NULL", "NULL", "NULL"].map(str::to_string),
                false => [
                    match is_exact {
                        true => format!("count(DISTINCT {column})"),
                        // As text: not every type can be counted about.
                        false => {
                            format!("least(approx_distinct(CAST({column} AS VARCHAR)), count({column}))")
                        }
                    },
                    format!("CAST(min({column}) AS VARCHAR)"),
                    format!("CAST(max({column}) AS VARCHAR)"),
                ],
            } {
                parts.push(form);
            }
        }
        let parts: Vec<String> =
            parts.iter().enumerate().map(|(at, part)| format!("{part} AS c{at}")).collect();
        let frame = self.context().sql(&format!("SELECT {} FROM {table}", parts.join(", "))).await?;
        let figures = self.collected(frame)?.grid(1)?;
        let figures = figures.rows.into_iter().next().unwrap_or_default();
        let number = |at: usize| figures.get(at).and_then(Cell::value).unwrap_or(0.0);
        let mut grid = Grid::new(&[
            ("column", Kind::Text),
            ("type", Kind::Text),
            ("nulls", Kind::Number),
            (if is_exact { "distinct" } else { "distinct, about" }, Kind::Number),
            ("least", Kind::Text),
            ("greatest", Kind::Text),
            ("most frequent", Kind::Text),
        ]);
        for (at, field) in schema.fields().iter().enumerate() {
            let first = at * 4;
            let distinct = number(first + 1);
            let is_listed = !field.data_type().is_nested() && distinct > 0.0 && distinct <= 1000.0;
            let most =
                if is_listed { self.most_frequent(&table, field.name(), rows).await? } else { String::new() };
            let cell = |at: usize| figures.get(at).cloned().unwrap_or(Cell::Null);
            grid.rows.push(vec![
                Cell::text(field.name()),
                Cell::text(type_name(field.data_type())),
                Cell::count((rows - number(first)).max(0.0) as u64),
                cell(first + 1),
                cell(first + 2),
                cell(first + 3),
                Cell::text(most),
            ]);
        }
        Ok(grid)
    }

    /// `page_view 61 %, share 3 %`
    async fn most_frequent(&self, table: &str, column: &str, rows: f64) -> Result<String> {
        let column = quoted(column);
        let query = format!(
            "SELECT CAST({column} AS VARCHAR) AS value, count(*) AS times FROM {table} WHERE {column} IS NOT NULL \
             GROUP BY {column} ORDER BY 2 DESC, 1 LIMIT 3"
        );
        let frame = self.context().sql(&query).await?;
        let found: LastResult = self.collected(frame)?;
        let parts: Vec<String> = found
            .grid(3)?
            .rows
            .iter()
            .map(|row| {
                format!("{} {:.0} %", row[0].shown(), row[1].value().unwrap_or(0.0) / rows.max(1.0) * 100.0)
            })
            .collect();
        Ok(parts.join(", "))
    }
}

/// In a table of at most so many rows `\\summary` counts different values one by one.
const MOST_EXACT: f64 = 1_000_000.0;
