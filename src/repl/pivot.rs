//! `\pivot`: rows become columns. A retention table of (cohort, offset, users) becomes the triangle that people expect.
//!
//! ```text
//! day    offset users            day    0    1    2
//! 03-01  0      80               03-01  80   31   22
//! 03-01  1      31       ──▶     03-02  76   29   NULL
//! …
//! ```

use std::collections::{BTreeSet, HashMap};

use crate::error::did_you_mean;
use crate::repl::grid::{Cell, Column, Grid, Kind};

/// More columns than this help nobody.
const WIDEST: usize = 400;

/// Turns `grid`: the named columns are rows, headings and values; without names the first, the second and the third.
pub fn pivot(grid: &Grid, names: &[String]) -> Result<Grid, String> {
    let (rows, heads, values) = places(grid, names)?;
    let mut row_of: HashMap<&str, usize> = HashMap::new();
    let mut row_cells: Vec<&Cell> = Vec::new();
    let mut head_cells: Vec<&Cell> = Vec::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for row in &grid.rows {
        if !row_of.contains_key(row[rows].shown()) {
            row_of.insert(row[rows].shown(), row_cells.len());
            row_cells.push(&row[rows]);
        }
        if seen.insert(row[heads].shown()) {
            head_cells.push(&row[heads]);
        }
    }
    if head_cells.len() > WIDEST {
        return Err(format!(
            "\\pivot: '{}' has {} different values, which would be as many columns; {WIDEST} are the most",
            grid.columns[heads].name,
            head_cells.len()
        ));
    }
    sort(&mut head_cells, grid.columns[heads].kind);
    let head_of: HashMap<&str, usize> =
        head_cells.iter().enumerate().map(|(at, cell)| (cell.shown(), at)).collect();
    let mut columns = vec![grid.columns[rows].clone()];
    let kind = grid.columns[values].kind;
    columns.extend(head_cells.iter().map(|cell| Column { name: cell.shown().to_string(), kind }));
    let mut out: Vec<Vec<Option<Cell>>> = vec![vec![None; head_cells.len()]; row_cells.len()];
    for row in &grid.rows {
        let (at, head) = (row_of[row[rows].shown()], head_of[row[heads].shown()]);
        let place = &mut out[at][head];
        if place.is_some() {
            return Err(format!(
                "\\pivot: two rows have {} = {} and {} = {}; group by both, or name other columns",
                grid.columns[rows].name,
                row[rows].shown(),
                grid.columns[heads].name,
                row[heads].shown()
            ));
        }
        *place = Some(row[values].clone());
    }
    let rows = row_cells.into_iter().zip(out).map(|(first, values)| {
        std::iter::once(first.clone())
            .chain(values.into_iter().map(|cell| cell.unwrap_or(Cell::Null)))
            .collect()
    });
    Ok(Grid { columns, rows: rows.collect() })
}

fn places(grid: &Grid, names: &[String]) -> Result<(usize, usize, usize), String> {
    let found = names.iter().map(|name| find(grid, name)).collect::<Result<Vec<_>, _>>()?;
    let free: Vec<usize> = (0..grid.columns.len()).filter(|column| !found.contains(column)).collect();
    let distinct: BTreeSet<&usize> = found.iter().collect();
    if distinct.len() < found.len() {
        return Err("\\pivot: rows, headings and values are three different columns".to_string());
    }
    match (found.as_slice(), grid.columns.len()) {
        ([rows, heads, values], _) => Ok((*rows, *heads, *values)),
        ([rows, heads], _) if free.len() == 1 => Ok((*rows, *heads, free[0])),
        ([], 3) => Ok((0, 1, 2)),
        (_, count) => Err(format!(
            "\\pivot: the result has {count} columns; name those of rows, headings and values: \\pivot ROWS HEADINGS \
             VALUES, of {}",
            grid.names().join(", ")
        )),
    }
}

/// The place of a column, or words about what there is instead.
pub(crate) fn find(grid: &Grid, name: &str) -> Result<usize, String> {
    let names = grid.names();
    grid.find(name).ok_or_else(|| {
        format!(
            "the result has no column '{name}'{}; it has {}",
            did_you_mean(name, &names),
            names.join(", ")
        )
    })
}

/// Numbers, days and times ascend; texts stay in the order in which they came. NULL is last.
fn sort(cells: &mut [&Cell], kind: Kind) {
    match kind {
        Kind::Number => {
            let value = |cell: &Cell| match cell {
                Cell::Number(value, _) => *value,
                _ => f64::INFINITY,
            };
            cells.sort_by(|a, b| value(a).total_cmp(&value(b)));
        }
        Kind::Date | Kind::Time => {
            cells.sort_by(|a, b| {
                (matches!(a, Cell::Null), a.shown()).cmp(&(matches!(b, Cell::Null), b.shown()))
            });
        }
        _ => {}
    }
}
