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

/// Which rows of a result the rows and columns of the turned one come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The columns of the result that are rows and values.
    pub rows: usize,
    pub values: usize,
    /// Of the turned result's columns, the first one included.
    pub names: Vec<String>,
    /// For each row, one that has its value of the first column.
    pub first: Vec<usize>,
    /// For each other column the row that its values come from; `None` where there is none.
    pub places: Vec<Vec<Option<usize>>>,
}

/// Turns `grid`: the named columns are rows, headings and values; without names the first, the second and the third.
///
/// NULL is a value of its own, beside the text 'NULL'. A column whose name is taken, as that of NULL may be, has a number
/// behind it: `NULL_1`.
pub fn pivot(grid: &Grid, names: &[String]) -> Result<Grid, String> {
    let turn = turn(grid, names)?;
    let kind = |column: usize| {
        if column == 0 { grid.columns[turn.rows].kind } else { grid.columns[turn.values].kind }
    };
    let named = turn.names.iter().enumerate();
    let columns = named.map(|(at, name)| Column { name: name.clone(), kind: kind(at) }).collect();
    let row = |(at, first): (usize, &usize)| {
        let value = |places: &Vec<Option<usize>>| match places[at] {
            Some(row) => grid.rows[row][turn.values].clone(),
            None => Cell::Null,
        };
        let head = grid.rows[*first][turn.rows].clone();
        std::iter::once(head).chain(turn.places.iter().map(value)).collect::<Vec<Cell>>()
    };
    Ok(Grid { columns, rows: turn.first.iter().enumerate().map(row).collect() })
}

/// As [`pivot`], without the values themselves.
pub fn turn(grid: &Grid, names: &[String]) -> Result<Turn, String> {
    let (rows, heads, values) = places(grid, names)?;
    let mut row_of: HashMap<Key<'_>, usize> = HashMap::new();
    let mut first: Vec<usize> = Vec::new();
    let mut head_cells: Vec<&Cell> = Vec::new();
    let mut seen: HashSet<Key<'_>> = HashSet::new();
    for (at, row) in grid.rows.iter().enumerate() {
        row_of.entry(key(&row[rows])).or_insert_with(|| {
            first.push(at);
            first.len() - 1
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
    let mut names = vec![grid.columns[rows].name.clone()];
    let mut taken: HashSet<String> = [names[0].clone()].into();
    for cell in &head_cells {
        let name = free(cell.shown(), &taken);
        taken.insert(name.clone());
        names.push(name);
    }
    let mut places: Vec<Vec<Option<usize>>> = vec![vec![None; first.len()]; head_cells.len()];
    for (source, row) in grid.rows.iter().enumerate() {
        let (at, head) = (row_of[&key(&row[rows])], head_of[&key(&row[heads])]);
        if places[head][at].replace(source).is_some() {
            return Err(format!(
                "\\pivot: two rows have {} = {} and {} = {}; group by both, or name other columns",
                grid.columns[rows].name,
                row[rows].shown(),
                grid.columns[heads].name,
                row[heads].shown()
            ));
        }
    }
    Ok(Turn { rows, values, names, first, places })
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
