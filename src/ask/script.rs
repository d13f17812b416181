//! Which statements does a text hold, and where does each one start?
//!
//! The parser splits, not a search for `;`: comments, strings and dollar quotes may hold one. The whole text is parsed
//! before its first statement runs, so a slip in the last line costs nothing but a message.

use std::collections::BTreeSet;
use std::path::Path;

use datafusion::common::{DataFusionError, Result};
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Location, Token};

use crate::ask::{errors, guard, parameters};

/// A text of SQL and the name by which errors speak of it.
#[derive(Debug, Clone)]
pub struct Source {
    pub name: String,
    pub text: String,
    /// Lines and statements of the whole of which the text is a part, before it.
    lines_before: u64,
    statements_before: usize,
}

/// One statement of a [`Source`].
#[derive(Debug, Clone)]
pub struct Parsed {
    /// 1-based place among the source's statements.
    pub number: usize,
    /// 1-based line of its first word.
    pub line: u64,
    pub statement: Statement,
    /// Where the statement before it ends; `None` at the beginning.
    begin: Option<Location>,
    /// Where the next one begins, or the sign between them stands; `None` at the end.
    end: Option<Location>,
}

/// The statements of a text, in order; the first syntax error, with its place, if there is one.
pub fn parse(source: &Source) -> Result<Vec<Parsed>> {
    guard::check_chains(source)?;
    let mut parser =
        DFParserBuilder::new(source.text.as_str()).build().map_err(|e| errors::syntax(&e, source, 0))?;
    let mut statements = Vec::new();
    loop {
        let mut separated = statements.is_empty();
        let mut begin = None;
        loop {
            let sign = parser.parser.peek_token();
            if !parser.parser.consume_token(&Token::SemiColon) {
                break;
            }
            separated = true;
            begin = Some(sign.span.end);
        }
        let next = parser.parser.peek_token();
        if next.token == Token::EOF {
            return Ok(statements);
        }
        let number = source.statements_before + statements.len() + 1;
        if !separated {
            let message = format!("Expected: ';' or the end, found: {}{}", next.token, next.span.start);
            return Err(errors::syntax(&syntax_error(message), source, number - 1));
        }
        let statement = parser.parse_statement().map_err(|e| errors::syntax(&e, source, number))?;
        let behind = parser.parser.peek_token();
        let end = (behind.token != Token::EOF).then_some(behind.span.start);
        statements.push(Parsed { number, line: next.span.start.line, statement, begin, end });
    }
}

fn syntax_error(message: String) -> DataFusionError {
    DataFusionError::SQL(Box::new(ParserError::ParserError(message)), None)
}

impl Source {
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into(), lines_before: 0, statements_before: 0 }
    }

    /// The same text as a part of a longer one, in which errors have their place.
    pub fn behind(self, lines: u64, statements: usize) -> Self {
        Self { lines_before: lines, statements_before: statements, ..self }
    }

    /// A line of the text as one of the whole, both counted from 1.
    pub(super) fn line(&self, line: u64) -> u64 {
        self.lines_before + line
    }

    /// A file's text; a byte-order mark at its start is not part of it.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let bytes = std::fs::read(path)
            .map_err(|e| DataFusionError::Execution(format!("cannot read {name}: {e}")))?;
        let text = String::from_utf8(bytes).map_err(|e| {
            let at = e.utf8_error().valid_up_to();
            DataFusionError::Execution(format!("cannot read {name}: byte {at} is not UTF-8 text"))
        })?;
        Ok(Self::new(name, text.strip_prefix('\u{feff}').unwrap_or(&text)))
    }

    /// Line and column just behind the last character.
    pub(super) fn end(&self) -> (u64, u64) {
        let lines = self.text.trim_end().lines().count().max(1);
        let last = self.text.lines().nth(lines - 1).unwrap_or_default().trim_end();
        (lines as u64, last.chars().count() as u64 + 1)
    }
}

impl Parsed {
    /// The names of the parameters that it needs.
    pub fn parameters(&self) -> BTreeSet<String> {
        parameters::names(&self.statement)
    }

    /// Whether a place of the source is within the statement.
    pub(super) fn holds(&self, place: Location) -> bool {
        self.begin.is_none_or(|begin| begin <= place) && self.end.is_none_or(|end| place < end)
    }

    /// The statement as it is written in its source, with the comments above it.
    #[cfg(feature = "store")]
    pub(super) fn text<'a>(&self, source: &'a Source) -> &'a str {
        let text = source.text.as_str();
        let begin = self.begin.map_or(0, |begin| offset(text, begin));
        let end = self.end.map_or(text.len(), |end| offset(text, end));
        text.get(begin..end).unwrap_or_default()
    }

    /// Whether the statement is one that answers with rows, known before it runs.
    pub fn returns_rows(&self) -> bool {
        returns_rows(&self.statement)
    }
}

/// A name in double quotes, in which it may hold any letters and be any word.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The byte at a place in a text.
#[cfg(feature = "store")]
pub(super) fn offset(text: &str, place: Location) -> usize {
    let (mut line, mut column) = (1, 1);
    for (at, c) in text.char_indices() {
        if (line, column) == (place.line, place.column) {
            return at;
        }
        if c == '\n' {
            (line, column) = (line + 1, 1);
        } else {
            column += 1;
        }
    }
    text.len()
}

fn returns_rows(statement: &Statement) -> bool {
    match statement {
        Statement::Statement(statement) => matches!(
            statement.as_ref(),
            SqlStatement::Query(_)
                | SqlStatement::Execute { .. }
                | SqlStatement::ExplainTable { .. }
                | SqlStatement::ShowColumns { .. }
                | SqlStatement::ShowCreate { .. }
                | SqlStatement::ShowFunctions { .. }
                | SqlStatement::ShowTables { .. }
                | SqlStatement::ShowVariable { .. }
                | SqlStatement::ShowVariables { .. }
        ),
        Statement::Explain(_) => true,
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => false,
    }
}
