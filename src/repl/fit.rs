//! How does a result of any width fit into a terminal?
//!
//! ```text
//! | user_id | ts                  | event      |   …   | referrer    | scene |      long values end in …, numbers and times stay
//! |---------|---------------------|------------|   …   |-------------|-------|      whole, columns in the middle make room, and the
//! 12 rows, 6 of 9 columns; not shown: seq, page, query                             footer names them
//! ```
//!
//! Every line of the table takes the same number of cells, whatever the values hold.

use std::collections::HashSet;

use crate::repl::grid::{Cell, Grid, Kind};
use crate::repl::text::{cut, fitted, grouped, in_words, one_line, pad, width, wrap};

/// The least width to which a column of text is cut before columns are left out.
const NARROW: usize = 12;
/// What stands where columns were left out.
const GAP: &str = "…";

/// How a result is to be shown.
#[derive(Debug, Clone)]
pub struct Fit<'a> {
    /// Cells of a line.
    pub width: usize,
    /// Rows to show at most; the footer says how many there are.
    pub rows: usize,
    /// Changed cells, (row, column): in reverse video, or with a star where there is no colour.
    pub marked: Option<&'a HashSet<(usize, usize)>>,
    pub colour: bool,
    /// Said behind the number of rows.
    pub note: String,
}

/// A table ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fitted {
    /// All of one width.
    pub lines: Vec<String>,
    /// What the table does not show, in lines that fit.
    pub footer: Vec<String>,
}

impl Fit<'_> {
    pub fn new(width: usize) -> Self {
        Self { width, rows: usize::MAX, marked: None, colour: false, note: String::new() }
    }

    /// The grid as a table; `total` is how many rows the whole result has.
    pub fn table(&self, grid: &Grid, total: u64) -> Fitted {
        let shown = grid.rows.len().min(self.rows);
        let texts: Vec<Vec<String>> =
            grid.rows[..shown].iter().enumerate().map(|(row, cells)| self.texts(row, cells)).collect();
        let names: Vec<String> = grid.columns.iter().map(|column| one_line(&column.name)).collect();
        let plan = Plan::new(grid, &names, &texts, self.width);
        let mut lines = Vec::with_capacity(shown + 4);
        let rule = plan.rule();
        lines.push(rule.clone());
        lines.push(plan.line(&names, |_, text| text));
        lines.push(rule.clone());
        for (row, cells) in texts.iter().enumerate() {
            lines.push(plan.line(cells, |column, text| match self.is_marked(row, column) && self.colour {
                true => format!("\u{1b}[7m{text}\u{1b}[0m"),
                false => text,
            }));
        }
        lines.push(rule);
        Fitted { lines, footer: self.footer(grid, &plan, shown as u64, total) }
    }

    /// One block of lines for each row: what is too wide to be a table.
    pub fn vertical(&self, grid: &Grid, total: u64) -> Fitted {
        let names: Vec<String> = grid.columns.iter().map(|column| one_line(&column.name)).collect();
        let widest = names.iter().map(|name| width(name)).max().unwrap_or(0).min(self.width / 2);
        let shown = grid.rows.len().min(self.rows);
        let mut lines = Vec::new();
        for (row, cells) in grid.rows[..shown].iter().enumerate() {
            lines.push(pad(&cut(&format!("row {}", row + 1), self.width), self.width, false));
            for (name, text) in names.iter().zip(self.texts(row, cells)) {
                let line = format!("  {}: {text}", fitted(name, widest, true));
                lines.push(fitted(&line, self.width, false));
            }
        }
        let plan = Plan { kept: (0..grid.columns.len()).map(Some).collect(), ..Plan::default() };
        Fitted { lines, footer: self.footer(grid, &plan, shown as u64, total) }
    }

    fn texts(&self, row: usize, cells: &[Cell]) -> Vec<String> {
        let text = |(column, cell): (usize, &Cell)| {
            let text = one_line(cell.shown());
            if self.is_marked(row, column) && !self.colour { format!("*{text}") } else { text }
        };
        cells.iter().enumerate().map(text).collect()
    }

    fn is_marked(&self, row: usize, column: usize) -> bool {
        self.marked.is_some_and(|marked| marked.contains(&(row, column)))
    }

    fn footer(&self, grid: &Grid, plan: &Plan, shown: u64, total: u64) -> Vec<String> {
        let unit = if total == 1 { "row" } else { "rows" };
        let mut text = format!("{} {unit}", grouped(total));
        if let Some(words) = in_words(total) {
            text.push_str(&format!(" ({words})"));
        }
        if shown < total {
            text.push_str(&format!(", the first {} shown", grouped(shown)));
        }
        text.push_str(&self.note);
        let missing: Vec<String> = (0..grid.columns.len())
            .filter(|column| !plan.kept.contains(&Some(*column)))
            .map(|column| one_line(&grid.columns[column].name))
            .collect();
        if !missing.is_empty() {
            let all = grid.columns.len();
            text.push_str(&format!(
                "; {} of {all} columns, not shown: {}",
                all - missing.len(),
                missing.join(", ")
            ));
        }
        wrap(&text, self.width.max(8))
    }
}

/// Which columns are shown, and how wide.
#[derive(Debug, Default)]
struct Plan {
    /// `None` is the gap where columns were left out.
    kept: Vec<Option<usize>>,
    widths: Vec<usize>,
    to_the_right: Vec<bool>,
}

impl Plan {
    fn new(grid: &Grid, names: &[String], rows: &[Vec<String>], room: usize) -> Self {
        let count = grid.columns.len();
        let mut natural: Vec<usize> = names.iter().map(|name| width(name).max(1)).collect();
        for row in rows {
            for (widest, text) in natural.iter_mut().zip(row) {
                // A text of a hundred thousand characters is not measured to the end.
                let cells = if text.len() > 4 * room.max(64) { room } else { width(text) };
                *widest = (*widest).max(cells);
            }
        }
        let is_number: Vec<bool> = grid.columns.iter().map(|column| column.kind == Kind::Number).collect();
        // A number that is cut is a wrong number; a text that is cut is the beginning of one.
        let least: Vec<usize> = (0..count)
            .map(|column| match grid.columns[column].kind {
                Kind::Text | Kind::Other => natural[column].min(NARROW),
                _ => natural[column],
            })
            .collect();
        let kept = keep(&least, room);
        let gap = usize::from(kept.contains(&None));
        let columns: Vec<usize> = kept.iter().copied().flatten().collect();
        let space = room.saturating_sub(1 + 3 * (columns.len() + gap) + gap);
        let natural_of: Vec<usize> = columns.iter().map(|column| natural[*column]).collect();
        let least_of: Vec<usize> = columns.iter().map(|column| least[*column]).collect();
        let given = share(&natural_of, &least_of, space);
        let mut widths = Vec::with_capacity(kept.len());
        let mut right = Vec::with_capacity(kept.len());
        let mut given = given.into_iter();
        for place in &kept {
            widths.push(if place.is_some() { given.next().unwrap_or(1) } else { 1 });
            right.push(place.is_some_and(|column| is_number[column]));
        }
        Self { kept, widths, to_the_right: right }
    }

    fn rule(&self) -> String {
        let mut rule: String =
            self.widths.iter().map(|width| format!("+{}", "-".repeat(width + 2))).collect();
        rule.push('+');
        rule
    }

    fn line(&self, texts: &[String], finish: impl Fn(usize, String) -> String) -> String {
        let mut line = String::new();
        for ((place, width), right) in self.kept.iter().zip(&self.widths).zip(&self.to_the_right) {
            let text = match place {
                Some(column) => {
                    let text = texts.get(*column).map_or("", String::as_str);
                    finish(*column, fitted(text, *width, *right))
                }
                None => GAP.to_string(),
            };
            line.push_str("| ");
            line.push_str(&text);
            line.push(' ');
        }
        line.push('|');
        line
    }
}

/// The columns that fit at their least widths: all, or as many as possible from both ends, more from the beginning.
fn keep(least: &[usize], room: usize) -> Vec<Option<usize>> {
    let whole: usize = 1 + least.iter().map(|width| width + 3).sum::<usize>();
    if whole <= room || least.len() <= 1 {
        return (0..least.len()).map(Some).collect();
    }
    // Frame and gap.
    let mut used = 1 + 4;
    let (mut left, mut right) = (0, 0);
    let mut from_left = true;
    let mut stuck = 0;
    while left + right < least.len() && stuck < 2 {
        let next = if from_left { left } else { least.len() - 1 - right };
        if used + least[next] + 3 <= room {
            used += least[next] + 3;
            if from_left {
                left += 1
            } else {
                right += 1
            };
            stuck = 0;
        } else {
            stuck += 1;
        }
        // Two from the beginning for each one from the end.
        from_left = if stuck > 0 { !from_left } else { left < 2 * (right + 1) };
    }
    if left + right == 0 {
        // Not even one fits: its beginning is better than nothing.
        return vec![Some(0), None];
    }
    let mut kept: Vec<Option<usize>> = (0..left).map(Some).collect();
    kept.push(None);
    kept.extend((least.len() - right..least.len()).map(Some));
    kept
}

/// Widths that sum up to at most `space`: each column its natural width where that fits; the wide ones share what is left.
fn share(natural: &[usize], least: &[usize], space: usize) -> Vec<usize> {
    if natural.iter().sum::<usize>() <= space {
        return natural.to_vec();
    }
    let of_cap = |cap: usize| -> Vec<usize> {
        natural.iter().zip(least).map(|(natural, least)| (*natural).min(cap.max(*least))).collect()
    };
    let (mut low, mut high) = (0, space + 1);
    while low + 1 < high {
        let middle = low.midpoint(high);
        if of_cap(middle).iter().sum::<usize>() <= space { low = middle } else { high = middle }
    }
    let mut widths = of_cap(low);
    // The last cells go to the first columns that lack some.
    let mut left = space.saturating_sub(widths.iter().sum());
    for (width, natural) in widths.iter_mut().zip(natural) {
        if left > 0 && *width < *natural {
            *width += 1;
            left -= 1;
        }
    }
    // Even the least widths are too much for a very narrow terminal.
    let mut over = widths.iter().sum::<usize>().saturating_sub(space);
    for width in widths.iter_mut().rev() {
        let taken = over.min(width.saturating_sub(1));
        *width -= taken;
        over -= taken;
    }
    widths
}
