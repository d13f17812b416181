//! Answers on the terminal: fitted to its width, through a pager where they are long; whole into a pipe.

use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use datafusion::common::Result;

use super::Session;
use super::query::{LAST, needs_a_file};
use crate::ask::{Format, Numbers, write};
use crate::repl::fit::{Fit, Fitted};
use crate::repl::grid::Grid;
use crate::repl::meta::Expanded;
use crate::repl::pager::pager;
use crate::repl::text::width;

/// Rows of a table that are drawn; a file takes them all.
const MOST_DRAWN: usize = 1000;

const MORE_ROWS: &str = "there are more rows; \\o FILE and the statement again writes all of them";

impl Session {
    /// The last result in the form that was chosen; `whole` leaves no column out.
    pub(super) async fn show_last(&mut self, whole: bool, took: Option<Duration>) -> Result<()> {
        let Some(last) = &self.last else {
            return Ok(());
        };
        let seconds = took.filter(|_| self.timing).map(|took| format!(" in {:.3} s", took.as_secs_f64()));
        match (self.format, self.terminal) {
            (Format::Table | Format::Vertical, Some((cells, _))) => {
                let grid = last.grid(MOST_DRAWN)?;
                let total = last.rows;
                let is_cut = last.is_cut;
                let cells = if whole { usize::MAX / 4 } else { cells };
                let mut shown = self.fitted(&grid, total, cells, seconds.unwrap_or_default());
                if is_cut {
                    shown.footer.push(MORE_ROWS.to_string());
                }
                self.print(&[shown.lines, shown.footer].concat())
            }
            (Format::Parquet, _) => Err(needs_a_file()),
            (format, terminal) => {
                let is_cut = last.is_cut;
                let mut bytes = Vec::new();
                let frame = self.context().table(LAST).await?;
                let rows = write(frame, format, Numbers::Exact, &mut bytes).await?;
                match terminal {
                    Some(_) => {
                        let text = String::from_utf8_lossy(&bytes).into_owned();
                        self.print(&text.lines().map(str::to_string).collect::<Vec<_>>())?;
                        self.say(&format!("{rows} rows{}", seconds.unwrap_or_default()));
                        if is_cut {
                            self.say(MORE_ROWS);
                        }
                    }
                    None => {
                        let mut out = io::stdout().lock();
                        out.write_all(&bytes)?;
                        out.flush()?;
                    }
                }
                Ok(())
            }
        }
    }

    /// A table of the prompt's own.
    pub(super) fn show_grid(&self, grid: &Grid) -> Result<()> {
        let cells = self.terminal.map_or(usize::MAX / 4, |(cells, _)| cells);
        let shown = Fit { rows: MOST_DRAWN, ..Fit::new(cells) }.table(grid, grid.rows.len() as u64);
        let footer = if self.terminal.is_some() { shown.footer } else { Vec::new() };
        self.print(&[shown.lines, footer].concat())
    }

    fn fitted(&self, grid: &Grid, total: u64, cells: usize, note: String) -> Fitted {
        let fit = Fit { rows: MOST_DRAWN, note, ..Fit::new(cells) };
        let table = fit.table(grid, total);
        let screen = self.terminal.map_or(80, |(cells, _)| cells);
        let is_cut = table.footer.iter().any(|line| line.contains("not shown: "));
        match (self.expanded, self.format) {
            (Expanded::On, _) | (_, Format::Vertical) => Fit { width: screen, ..fit }.vertical(grid, total),
            (Expanded::Auto, _) if is_cut => Fit { width: screen, ..fit }.vertical(grid, total),
            _ => table,
        }
    }

    /// Lines to stdout, or to a pager where the terminal is too small for them.
    pub(super) fn print(&self, lines: &[String]) -> Result<()> {
        if let Some(size) = self.terminal {
            let widest = lines
                .iter()
                .map(|line| if line.contains('\u{1b}') { 0 } else { width(line) })
                .max()
                .unwrap_or(0);
            let variable = |name: &str| std::env::var(name).ok();
            if let Some(words) = pager(lines.len(), widest, size, variable)
                && page(&words, lines).is_ok()
            {
                return Ok(());
            }
        }
        let mut out = io::BufWriter::new(io::stdout().lock());
        for line in lines {
            writeln!(out, "{line}")?;
        }
        out.flush()?;
        Ok(())
    }
}

/// Fails only if the program cannot be started; a reader who leaves early has seen enough.
fn page(words: &[String], lines: &[String]) -> io::Result<()> {
    let (program, arguments) = words.split_first().ok_or(io::ErrorKind::NotFound)?;
    let mut child = Command::new(program).args(arguments).stdin(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all((lines.join("\n") + "\n").as_bytes());
    }
    child.wait()?;
    Ok(())
}
