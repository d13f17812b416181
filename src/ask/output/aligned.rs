//! Rows for people: columns aligned by display width, so that 中文 and emoji line up too.

use std::io::{self, Write};

use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use unicode_width::UnicodeWidthStr;

use crate::ask::output::cells::{Cells, columns};
use crate::ask::output::{Numbers, Rows};

pub(super) enum Shape {
    Table,
    Vertical,
    Markdown,
}

pub(super) struct Aligned {
    shape: Shape,
    numbers: Numbers,
    names: Vec<String>,
    /// Numbers stand to the right.
    is_number: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Aligned {
    pub(super) fn new(shape: Shape, schema: &Schema, numbers: Numbers) -> Self {
        let names = schema.fields().iter().map(|field| visible(field.name())).collect();
        let is_number = schema.fields().iter().map(|field| field.data_type().is_numeric()).collect();
        Self { shape, numbers, names, is_number, rows: Vec::new() }
    }
}

impl Rows for Aligned {
    fn batch(&mut self, batch: &RecordBatch, _out: &mut dyn Write) -> Result<()> {
        let columns = columns(batch)?;
        let cells = Cells::all(&columns, self.numbers)?;
        let null = if matches!(self.shape, Shape::Markdown) { "" } else { "NULL" };
        for row in 0..batch.num_rows() {
            let mut values = Vec::with_capacity(cells.len());
            for cell in &cells {
                let mut value = String::new();
                cell.text(row, &mut value)?;
                values.push(if cell.is_null(row) { null.to_string() } else { visible(&value) });
            }
            self.rows.push(values);
        }
        Ok(())
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        match self.shape {
            Shape::Table => self.table(out),
            Shape::Vertical => self.vertical(out),
            Shape::Markdown => self.markdown(out),
        }
    }
}

impl Aligned {
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let widths = widths(&self.names, &self.rows);
        let rule: String = widths.iter().map(|width| format!("+{}", "-".repeat(width + 2))).collect();
        writeln!(out, "{rule}+")?;
        self.table_row(&self.names, &widths, out)?;
        writeln!(out, "{rule}+")?;
        for row in &self.rows {
            self.table_row(row, &widths, out)?;
        }
        writeln!(out, "{rule}+")
    }

    /// A value of several lines, such as a plan, makes its row as many lines high.
    fn table_row(&self, row: &[String], widths: &[usize], out: &mut dyn Write) -> io::Result<()> {
        let height = row.iter().map(|value| value.lines().count()).max().unwrap_or(1).max(1);
        for line in 0..height {
            for ((value, width), is_number) in row.iter().zip(widths).zip(&self.is_number) {
                let part = value.lines().nth(line).unwrap_or_default();
                write!(out, "| {} ", aligned(part, *width, *is_number))?;
            }
            writeln!(out, "|")?;
        }
        Ok(())
    }

    fn vertical(&self, out: &mut dyn Write) -> io::Result<()> {
        let width = self.names.iter().map(|name| name.width()).max().unwrap_or(0);
        for (at, row) in self.rows.iter().enumerate() {
            writeln!(out, "row {}", at + 1)?;
            for (name, value) in self.names.iter().zip(row) {
                let indented = value.replace('\n', &format!("\n{}", " ".repeat(width + 4)));
                writeln!(out, "  {}: {indented}", aligned(name, width, true))?;
            }
        }
        Ok(())
    }

    fn markdown(&self, out: &mut dyn Write) -> io::Result<()> {
        let escape = |value: &String| value.replace('\\', "\\\\").replace('|', "\\|").replace('\n', "<br>");
        let names: Vec<String> = self.names.iter().map(escape).collect();
        let rows: Vec<Vec<String>> = self.rows.iter().map(|row| row.iter().map(escape).collect()).collect();
        // Three characters are the least that a rule may have.
        let widths: Vec<usize> = widths(&names, &rows).into_iter().map(|width| width.max(3)).collect();
        self.table_row(&names, &widths, out)?;
        for (width, is_number) in widths.iter().zip(&self.is_number) {
            let (dashes, end) = if *is_number { (width - 1, ":") } else { (*width, "") };
            write!(out, "| {}{end} ", "-".repeat(dashes))?;
        }
        writeln!(out, "|")?;
        rows.iter().try_for_each(|row| self.table_row(row, &widths, out))
    }
}

fn widths(names: &[String], rows: &[Vec<String>]) -> Vec<usize> {
    let width = |value: &String| value.lines().map(UnicodeWidthStr::width).max().unwrap_or(0);
    let mut widths: Vec<usize> = names.iter().map(width).collect();
    for row in rows {
        for (widest, value) in widths.iter_mut().zip(row) {
            *widest = (*widest).max(width(value));
        }
    }
    widths
}

fn aligned(text: &str, width: usize, to_the_right: bool) -> String {
    let padding = " ".repeat(width.saturating_sub(text.width()));
    if to_the_right { format!("{padding}{text}") } else { format!("{text}{padding}") }
}

/// No value may move the cursor or colour the terminal.
fn visible(text: &str) -> String {
    if !text.contains(|c: char| c.is_control() && c != '\n') {
        return text.to_string();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push(c),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}
