//! `\pivot`: rows become columns. A retention table of (cohort, offset, users) becomes the triangle that people expect.
//!
//! ```text
//! day    offset users            day    0    1    2
//! 03-01  0      80               03-01  80   31   22
//! 03-01  1      31       ──▶     03-02  76   29   NULL
//! …
//! ```

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::error::did_you_mean;
use crate::repl::grid::{Cell, Column, Grid, Kind};

/// More columns than this help nobody.
const WIDEST: usize = 400;

/// Turns `grid`: the named columns are rows, headings and values; without names the first, the second and the third.
///
/// NULL is a value of its own, beside the text 'NULL'. A column whose name is taken, as that of NULL may be, has a number
/// behind it: `NULL_1`.
pub fn pivot(grid: &Grid, names: &[String]) -> Result<Grid, String> {
    let (rows, heads, values) = places(grid, names)?;
    let mut row_of: HashMap<Key<'_>, usize> = HashMap::new();
    let mut row_cells: Vec<&Cell> = Vec::new();
    let mut head_cells: Vec<&Cell> = Vec::new();
    let mut seen: HashSet<Key<'_>> = HashSet::new();
    for row in &grid.rows {
        row_of.entry(key(&row[rows])).or_insert_with(|| {
            row_cells.push(&row[rows]);
            row_cells.len() - 1
        });
        if seen.insert(key(&row[heads])) {
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
    let head_of: HashMap<Key<'_>, usize> =
        head_cells.iter().enumerate().map(|(at, cell)| (key(cell), at)).collect();
    let mut columns = vec![grid.columns[rows].clone()];
    let kind = grid.columns[values].kind;
    let mut taken: HashSet<String> = [columns[0].name.clone()].into();
    for cell in &head_cells {
        let name = free(cell.shown(), &taken);
        taken.insert(name.clone());
        columns.push(Column { name, kind });
    }
    let mut out: Vec<Vec<Option<Cell>>> = vec![vec![None; head_cells.len()]; row_cells.len()];
    for row in &grid.rows {
        let (at, head) = (row_of[&key(&row[rows])], head_of[&key(&row[heads])]);
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

/// What makes two cells the same value: whether there is one, and how it is shown.
pub(crate) type Key<'a> = (bool, &'a str);

pub(crate) fn key(cell: &Cell) -> Key<'_> {
    (matches!(cell, Cell::Null), cell.shown())
}

/// The name, with the first number behind it that makes it one that is not taken, if it is.
fn free(name: &str, taken: &HashSet<String>) -> String {
    let numbered = (1_u64..).map(|number| format!("{name}_{number}"));
    std::iter::once(name.to_string()).chain(numbered).find(|name| !taken.contains(name)).unwrap_or_default()
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

/// Numbers, days and times ascend; what else there is stays in the order in which it came. NULL is last.
fn sort(cells: &mut [&Cell], kind: Kind) {
    match kind {
        Kind::Number => {
            let value = |cell: &Cell| match cell {
                Cell::Number(value, _) => (false, *value),
                _ => (true, 0.0),
            };
            cells.sort_by(|a, b| {
                let ((no_a, a), (no_b, b)) = (value(a), value(b));
                no_a.cmp(&no_b).then(a.total_cmp(&b))
            });
        }
        Kind::Date | Kind::Time => {
            cells.sort_by(|a, b| {
                (matches!(a, Cell::Null), a.shown()).cmp(&(matches!(b, Cell::Null), b.shown()))
            });
        }
        _ => cells.sort_by_key(|cell| matches!(cell, Cell::Null)),
    }
}
