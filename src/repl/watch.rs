//! Which cells of a repeated query's answer have changed since the last time?

use std::collections::{HashMap, HashSet};

use crate::repl::grid::{Grid, Kind};

/// The cells, (row, column), of `now` whose values differ from those of `before`; all cells of a row that is new.
///
/// Rows are the same where their values of text, day and time are, if these tell the rows of both answers apart; otherwise
/// where their places are. Answers of other columns have nothing in common, and nothing is marked.
pub fn changes(before: &Grid, now: &Grid) -> HashSet<(usize, usize)> {
    if before.columns != now.columns {
        return HashSet::new();
    }
    let key: Vec<usize> = (0..now.columns.len())
        .filter(|column| {
            matches!(now.columns[*column].kind, Kind::Text | Kind::Date | Kind::Time | Kind::Bool)
        })
        .collect();
    let old = index(before, &key);
    let by_key =
        !key.is_empty() && old.len() == before.rows.len() && index(now, &key).len() == now.rows.len();
    let mut changed = HashSet::new();
    for (at, row) in now.rows.iter().enumerate() {
        let earlier = match by_key {
            true => old.get(&values(now, at, &key)).map(|place| &before.rows[*place]),
            false => before.rows.get(at),
        };
        for (column, cell) in row.iter().enumerate() {
            if earlier.is_none_or(|earlier| earlier[column].shown() != cell.shown()) {
                changed.insert((at, column));
            }
        }
    }
    changed
}

fn index<'a>(grid: &'a Grid, key: &[usize]) -> HashMap<Vec<&'a str>, usize> {
    (0..grid.rows.len()).map(|row| (values(grid, row, key), row)).collect()
}

fn values<'a>(grid: &'a Grid, row: usize, key: &[usize]) -> Vec<&'a str> {
    key.iter().map(|column| grid.rows[row][*column].shown()).collect()
}
