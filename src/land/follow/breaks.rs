//! Where does a row begin, and where does it end? A growing text is cut behind its last whole row.
//!
//! JSON lines and the lines of a server's log end with the line. A row of CSV may span lines inside quotes, so its ends are
//! found by the automaton of the CSV reader: a quote counts only where a field begins, and `""` inside quotes is a quote.

use datafusion::arrow::array::Int64Array;

use super::super::Format;
use super::super::input::Raw;

/// Stands somewhere in a text of rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Breaks {
    csv: bool,
    state: State,
    /// Line of the next byte, from 1.
    line: i64,
    /// Line under which a reader knows the row that begins next.
    known: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    BetweenRows,
    FieldStart,
    Plain,
    Quoted,
    /// Behind a quote inside quotes: it ends them unless another one follows.
    Quote,
}

impl Breaks {
    pub(super) fn new(format: Format) -> Self {
        Self { csv: format == Format::Csv, state: State::BetweenRows, line: 1, known: 1 }
    }

    /// Reads on; `row` hears where each row begins and under which line its reader knows it. The answer is where the last
    /// whole row ends, if one does.
    pub(super) fn read(&mut self, text: &[u8], row: impl FnMut(usize, i64)) -> Option<usize> {
        if self.csv { self.read_csv(text, row) } else { self.read_lines(text, row) }
    }

    fn read_lines(&mut self, text: &[u8], mut row: impl FnMut(usize, i64)) -> Option<usize> {
        let mut end = None;
        for (at, byte) in text.iter().enumerate() {
            if self.state == State::BetweenRows {
                row(at, self.line);
                self.state = State::Plain;
            }
            if *byte == b'\n' {
                self.line += 1;
                self.state = State::BetweenRows;
                end = Some(at + 1);
            }
        }
        end
    }

    fn read_csv(&mut self, text: &[u8], mut row: impl FnMut(usize, i64)) -> Option<usize> {
        let mut end = None;
        for (at, byte) in text.iter().enumerate() {
            self.line += i64::from(*byte == b'\n');
            let line_end = matches!(byte, b'\n' | b'\r');
            if self.state == State::BetweenRows && !line_end {
                row(at, self.known);
                self.state = State::FieldStart;
            }
            self.state = match (self.state, byte) {
                (State::BetweenRows, _) => State::BetweenRows,
                (State::Quoted, b'"') => State::Quote,
                (State::Quoted, _) | (State::FieldStart | State::Quote, b'"') => State::Quoted,
                (_, b',') => State::FieldStart,
                (_, b'\n' | b'\r') => {
                    // The reader stops behind the first byte of a line's end, and numbers the next row from there.
                    self.known = self.line;
                    State::BetweenRows
                }
                _ => State::Plain,
            };
            if *byte == b'\n' && self.state == State::BetweenRows {
                end = Some(at + 1);
            }
        }
        end
    }
}

/// Where the first `rows` rows end that are not blank; fewer if the text has fewer whole ones.
pub(super) fn first_rows(format: Format, text: &[u8], rows: usize) -> Vec<usize> {
    let mut breaks = Breaks::new(format);
    let mut ends: Vec<usize> = Vec::with_capacity(rows);
    for (at, byte) in text.iter().enumerate() {
        let start = ends.last().copied().unwrap_or(0);
        if breaks.read(std::slice::from_ref(byte), |_, _| {}).is_some()
            && !text[start..at].trim_ascii().is_empty()
        {
            ends.push(at + 1);
            if ends.len() == rows {
                break;
            }
        }
    }
    ends
}

/// Where the rows of a part stand in their source.
///
/// That place, in bytes, is their number: it grows with the source, whatever parts it is landed in, and it needs no counting
/// from the beginning after a restart. So it orders events that have no `seq`, and a rejected row is found by it.
pub(super) struct Places {
    /// As the reader of the part counts them; ascending.
    lines: Vec<i64>,
    starts: Vec<i64>,
}

impl Places {
    /// Of the rows of `text`, which stands at `begin` of the source and is read under `header`.
    pub(super) fn new(format: Format, header: &[u8], text: &[u8], begin: u64) -> Self {
        let mut breaks = Breaks::new(format);
        breaks.read(header, |_, _| {});
        let (mut lines, mut starts) = (vec![], vec![]);
        breaks.read(text, |at, line| {
            lines.push(line);
            starts.push((begin + at as u64) as i64);
        });
        Self { lines, starts }
    }

    /// Of the row that a reader knows by this line.
    pub(super) fn of_line(&self, line: i64) -> i64 {
        let behind = self.lines.partition_point(|known| *known <= line);
        self.starts.get(behind.saturating_sub(1)).copied().unwrap_or_default()
    }

    /// Of the rows of a batch.
    pub(super) fn of_rows(&self, raw: &Raw) -> Int64Array {
        match &raw.lines {
            Some(lines) => {
                Int64Array::from_iter_values(lines.values().iter().map(|line| self.of_line(*line)))
            }
            None => {
                let start = |row: &i64| self.starts.get(*row as usize).copied().unwrap_or_default();
                Int64Array::from_iter_values(raw.numbers.values().iter().map(start))
            }
        }
    }
}
