//! Which picture suits a result, and which columns does it take?

use super::ChartKind;
use crate::error::did_you_mean;
use crate::repl::grid::{Grid, Kind};
use crate::repl::pivot::find;

/// The kind and the columns, in the order in which the picture wants them.
///
/// - A column named step, stage or level and numbers: a funnel.
/// - Two columns that are no figures (day, offset; page, scene) and one that is: a heat map.
/// - A day or a time, and numbers: lines. Anything else and numbers: bars.
///
/// A number in front of other numbers is what they are over, such as the minute or the offset.
pub fn guess(
    grid: &Grid,
    kind: Option<ChartKind>,
    names: &[String],
) -> Result<(ChartKind, Vec<usize>), String> {
    let named = names
        .iter()
        .enumerate()
        .map(|(at, name)| find(grid, name).map_err(|e| unknown(grid, kind.is_none() && at == 0, name, &e)))
        .collect::<Result<Vec<_>, _>>()?;
    let all: Vec<usize> = if named.is_empty() { (0..grid.columns.len()).collect() } else { named.clone() };
    let is_number = |column: &usize| grid.columns[*column].kind == Kind::Number;
    let is_time = |column: &usize| matches!(grid.columns[*column].kind, Kind::Date | Kind::Time);
    let is_label = |column: &usize| {
        matches!(grid.columns[*column].kind, Kind::Text | Kind::Bool | Kind::Date | Kind::Time)
    };
    let numbers: Vec<usize> = all.iter().copied().filter(is_number).collect();
    let labels: Vec<usize> = all.iter().copied().filter(is_label).collect();
    if numbers.is_empty() {
        return Err(format!("\\chart: nothing to draw: no number among {}", names_of(grid, &all)));
    }
    let kind = kind.unwrap_or_else(|| {
        let is_step = |column: &usize| {
            ["step", "stage", "level"]
                .iter()
                .any(|word| grid.columns[*column].name.to_lowercase().contains(word))
        };
        // Two things that are no figures: of two labels, or of a label and a number that is a place and not a figure.
        let two_ways = labels.len() == 2 && numbers.len() == 1
            || labels.len() == 1 && numbers.len() == 2 && all.len() == 3 && repeats(grid, labels[0]);
        let is_matrix = labels.len() == 1
            && numbers.len() >= 3
            && numbers.iter().all(|column| grid.columns[*column].name.parse::<i64>().is_ok());
        if all.first().is_some_and(is_step) && all.len() <= 3 && !repeats(grid, all[0]) {
            ChartKind::Funnel
        } else if (two_ways && all.len() == 3) || is_matrix {
            ChartKind::Heat
        } else if all.first().is_some_and(is_time) || labels.is_empty() && numbers.len() > 1 {
            ChartKind::Line
        } else {
            ChartKind::Bar
        }
    });
    // Of a number, a text and a figure the first number is what a line is over.
    let is_over_number = kind == ChartKind::Line
        && numbers.len() == 2
        && numbers[0] == all[0]
        && matches!(labels.as_slice(), [label] if grid.columns[*label].kind == Kind::Text && repeats(grid, *label));
    let x = match labels.first() {
        Some(label) if named.is_empty() && !is_over_number => *label,
        _ => all[0],
    };
    let figures: Vec<usize> = numbers.iter().copied().filter(|column| *column != x).collect();
    let columns = match kind {
        ChartKind::Line | ChartKind::Bar if figures.is_empty() => vec![x, x],
        ChartKind::Line | ChartKind::Bar => [vec![x], figures].concat(),
        ChartKind::Funnel if figures.is_empty() => vec![x, x],
        ChartKind::Funnel => vec![x, figures[0]],
        ChartKind::Heat => heat(grid, &all, x, &figures)?,
    };
    Ok((kind, columns))
}

/// The first word may have been meant as a kind.
fn unknown(grid: &Grid, may_be_kind: bool, name: &str, reason: &str) -> String {
    if !may_be_kind {
        return format!("\\chart: {reason}");
    }
    let columns = grid.names();
    let known: Vec<&str> = ChartKind::NAMES.into_iter().chain(columns.iter().copied()).collect();
    format!(
        "\\chart: '{name}' is neither a kind of chart ({}) nor a column ({}){}",
        ChartKind::NAMES.join(", "),
        columns.join(", "),
        did_you_mean(name, &known)
    )
}

/// Rows, headings and value; or a label and every number as a column of the matrix.
fn heat(grid: &Grid, all: &[usize], x: usize, figures: &[usize]) -> Result<Vec<usize>, String> {
    let rest: Vec<usize> = all.iter().copied().filter(|column| *column != x).collect();
    match rest.as_slice() {
        [heading, value] if grid.columns[*value].kind == Kind::Number && repeats(grid, x) => {
            Ok(vec![x, *heading, *value])
        }
        _ if (figures.len() >= 2 || rest.len() == 1) && !repeats(grid, x) => {
            Ok([vec![x], figures.to_vec()].concat())
        }
        _ => Err(format!(
            "\\chart heat: name rows, headings and value, of {}",
            names_of(grid, &(0..grid.columns.len()).collect::<Vec<_>>())
        )),
    }
}

/// Whether a value of the column stands in more than one row.
pub(super) fn repeats(grid: &Grid, column: usize) -> bool {
    let mut seen = std::collections::HashSet::new();
    grid.rows.iter().any(|row| !seen.insert(row[column].shown()))
}

fn names_of(grid: &Grid, columns: &[usize]) -> String {
    columns.iter().map(|column| grid.columns[*column].name.as_str()).collect::<Vec<_>>().join(", ")
}
