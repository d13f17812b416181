//! The chart of a report: its header line `-- chart: line x=day y=visits,visitors` against the report's columns.

use super::input::{Column, Shown};
pub use crate::ask::ChartKind as Form;

/// A kind of chart and the columns that it draws.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    pub kind: Form,
    keys: Vec<(String, Vec<usize>)>,
}

impl Chart {
    /// The chart that a report's header asks for, over these columns; an error names the one that is not among them.
    pub fn of(asked: &crate::ask::Chart, columns: &[Column]) -> Result<Self, String> {
        let place = |name: &String| {
            columns.iter().position(|column| column.name == *name).ok_or_else(|| {
                let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
                format!("chart {}: no column '{name}'; the columns are {}", asked.kind, names.join(", "))
            })
        };
        let keys = asked.roles().map(|(role, names)| {
            Ok((role.to_string(), names.iter().map(place).collect::<Result<Vec<_>, String>>()?))
        });
        Ok(Self { kind: asked.kind, keys: keys.collect::<Result<_, String>>()? })
    }

    /// The columns of a key; none where it was not given.
    pub(super) fn columns(&self, key: &str) -> &[usize] {
        self.keys.iter().find(|(given, _)| given == key).map_or(&[], |(_, columns)| columns)
    }

    /// The first column of a key.
    pub(super) fn column(&self, key: &str) -> Option<usize> {
        self.columns(key).first().copied()
    }
}

/// A report's rows as places × series of one column of numbers.
pub(super) struct Grid {
    /// The rows' values of x in the order of their first appearance, each with the first row that has it.
    pub places: Vec<(String, usize)>,
    pub series: Vec<String>,
    /// By place, then by series.
    pub values: Vec<Vec<Option<f64>>>,
    /// The row of each value.
    pub rows: Vec<Vec<Option<usize>>>,
}

impl Grid {
    pub(super) fn new(shown: &Shown, rows: &[usize], x: usize, series: Option<usize>, value: usize) -> Self {
        let mut grid = Self { places: Vec::new(), series: Vec::new(), values: Vec::new(), rows: Vec::new() };
        let mut place_of = std::collections::HashMap::new();
        let mut series_of = std::collections::HashMap::new();
        for &row in rows {
            let cells = &shown.rows[row];
            let place = *place_of.entry(cells[x].plain()).or_insert_with(|| {
                grid.places.push((cells[x].plain(), row));
                grid.values.push(Vec::new());
                grid.rows.push(Vec::new());
                grid.places.len() - 1
            });
            let name = series.map(|column| cells[column].plain()).unwrap_or_default();
            let of = *series_of.entry(name.clone()).or_insert_with(|| {
                grid.series.push(name);
                grid.series.len() - 1
            });
            let (values, rows) = (&mut grid.values[place], &mut grid.rows[place]);
            values.resize(grid.series.len().max(values.len()), None);
            rows.resize(grid.series.len().max(rows.len()), None);
            values[of] = cells[value].number();
            rows[of] = Some(row);
        }
        for (values, rows) in grid.values.iter_mut().zip(&mut grid.rows) {
            values.resize(grid.series.len(), None);
            rows.resize(grid.series.len(), None);
        }
        grid
    }

    /// Keeps the series with the largest sums, in their order; the number of those left out.
    pub(super) fn keep(&mut self, most: usize) -> usize {
        let sum = |of: usize| self.values.iter().filter_map(|values| values[of]).sum::<f64>();
        let mut order: Vec<usize> = (0..self.series.len()).collect();
        order.sort_by(|a, b| sum(*b).total_cmp(&sum(*a)).then(a.cmp(b)));
        order.truncate(most);
        order.sort_unstable();
        let dropped = self.series.len() - order.len();
        self.series = order.iter().map(|of| self.series[*of].clone()).collect();
        for values in &mut self.values {
            *values = order.iter().map(|of| values[*of]).collect();
        }
        for rows in &mut self.rows {
            *rows = order.iter().map(|of| rows[*of]).collect();
        }
        dropped
    }

    pub(super) fn most(&self) -> f64 {
        self.values.iter().flatten().flatten().copied().fold(0.0, f64::max)
    }
}
