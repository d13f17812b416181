//! The line editor: keys in, statements out. The only file that knows rustyline.
//!
//! It reads while no query runs, so that Ctrl-C means "forget this line" here and "stop the query" there.

use std::borrow::Cow;
use std::cell::Cell;
use std::io;
use std::sync::{Arc, RwLock};

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Whitespace};
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::{MemHistory, SearchDirection};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper};

use crate::repl::complete::{Candidate, Names, complete, signature};
use crate::repl::lex::words;
use crate::repl::statement::{is_complete, is_continued};
use crate::repl::text::{cut, pad, width};

/// Names that the session renews while the editor reads them.
pub type SharedNames = Arc<RwLock<Names>>;

/// With so many candidates at most, each stands in a line with what it is.
const EXPLAINED: usize = 16;

/// What an empty line says of a statement that goes on in it.
const OPEN: &str = "   … the statement is open: ; ends it, \\p shows it, \\r forgets it";

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    Text(String),
    /// Ctrl-C: the line is forgotten.
    Forgotten,
    /// The window changed its size: what was there is read again.
    Again,
    /// Ctrl-D, or the terminal is gone.
    End,
}

/// Reads statements from a terminal.
pub struct LineEditor {
    editor: Editor<Assistant, MemHistory>,
}

impl LineEditor {
    pub fn new(names: SharedNames, colour: bool) -> io::Result<Self> {
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .completion_prompt_limit(60)
            .history_ignore_space(true)
            .max_history_size(crate::repl::history::KEPT)
            .map_err(failed)?
            .build();
        let history = MemHistory::with_config(&config);
        let mut editor = Editor::with_history(config, history).map_err(failed)?;
        editor.set_helper(Some(Assistant { names, colour, width: Cell::new(80) }));
        Ok(Self { editor })
    }

    /// A statement, which may have many lines, or a command. `open` is the beginning of a statement that is there already.
    pub fn read(&mut self, prompt: &str, open: &str) -> io::Result<Line> {
        let (width, _) = self.size();
        if let Some(helper) = self.editor.helper() {
            helper.width.set(width);
        }
        match self.editor.readline_with_initial(prompt, (open, "")) {
            Ok(text) => Ok(Line::Text(text)),
            Err(ReadlineError::Interrupted) => Ok(Line::Forgotten),
            Err(ReadlineError::Eof) => Ok(Line::End),
            Err(ReadlineError::Signal(_)) => Ok(Line::Again),
            Err(e) => Err(failed(e)),
        }
    }

    /// Adds to what the arrow keys and Ctrl-R find.
    pub fn remember(&mut self, text: &str) {
        // A history that is full or does not want it is no reason to stop.
        let _ = self.editor.add_history_entry(text);
    }

    /// Cells of a line, and lines.
    pub fn size(&mut self) -> (usize, usize) {
        match self.editor.dimensions() {
            Some((columns, rows)) if columns > 0 && rows > 0 => (usize::from(columns), usize::from(rows)),
            _ => (80, 24),
        }
    }
}

fn failed(e: ReadlineError) -> io::Error {
    match e {
        ReadlineError::Io(e) => e,
        other => io::Error::other(other.to_string()),
    }
}

struct Assistant {
    names: SharedNames,
    colour: bool,
    width: Cell<usize>,
}

impl Helper for Assistant {}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let Ok(names) = self.names.read() else {
            return Ok((pos, Vec::new()));
        };
        let completion = complete(line, pos, &*names);
        let typed = line[completion.start..pos].to_lowercase();
        let begins = |candidate: &&Candidate| candidate.text.to_lowercase().starts_with(&typed);
        let mut found: Vec<&Candidate> = completion.candidates.iter().filter(begins).collect();
        if found.is_empty() {
            found = completion.candidates.iter().collect();
        }
        Ok((completion.start, self.list(&found)))
    }
}

impl Assistant {
    fn list(&self, found: &[&Candidate]) -> Vec<Pair> {
        let widest = found.iter().map(|candidate| width(&candidate.label)).max().unwrap_or(0);
        let show = |candidate: &&Candidate| {
            let display = match found.len() <= EXPLAINED && !candidate.detail.is_empty() {
                true => {
                    let line = format!(
                        "{}  {}",
                        pad(&candidate.label, widest, false),
                        candidate.detail.replace('\n', " ")
                    );
                    cut(&line, self.width.get().saturating_sub(1).max(20))
                }
                false => candidate.label.clone(),
            };
            Pair { display, replacement: candidate.text.clone() }
        };
        found.iter().map(show).collect()
    }
}

impl Hinter for Assistant {
    type Hint = Hint;

    /// That the statement is still open; the signature of the call around the cursor; without one, how the history goes on.
    fn hint(&self, line: &str, pos: usize, context: &Context<'_>) -> Option<Hint> {
        if line.is_empty() || pos < line.len() {
            return None;
        }
        // The editor draws no prompt before a further line, so words stand behind the cursor.
        if is_continued(line) {
            let shown = cut(OPEN, self.width.get().saturating_sub(1));
            return Some(Hint { shown, rest: None });
        }
        if let Ok(names) = self.names.read()
            && let Some(function) = signature(line, pos, &*names)
            && !function.syntax.is_empty()
        {
            let last = line.lines().last().unwrap_or_default();
            let room = self.width.get().saturating_sub(width(last) + 14);
            let syntax = function.syntax.lines().next().unwrap_or_default();
            return (room > 10).then(|| Hint { shown: format!("   {}", cut(syntax, room)), rest: None });
        }
        let history = context.history();
        let start = context.history_index().min(history.len()).checked_sub(1)?;
        let found = history.starts_with(line, start, SearchDirection::Reverse).ok()??;
        let rest = found.entry.get(pos..)?.lines().next()?.to_string();
        (!rest.is_empty()).then(|| Hint { shown: rest.clone(), rest: Some(rest) })
    }
}

/// Pale words behind the cursor.
struct Hint {
    shown: String,
    /// What the right arrow takes over.
    rest: Option<String>,
}

impl rustyline::hint::Hint for Hint {
    fn display(&self) -> &str {
        &self.shown
    }

    fn completion(&self) -> Option<&str> {
        self.rest.as_deref()
    }
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_complete(context.input()) {
            ValidationResult::Valid(None)
        } else {
            ValidationResult::Incomplete
        })
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        match self.colour && !line.trim_start().starts_with('\\') {
            true => Cow::Owned(coloured(line)),
            false => Cow::Borrowed(line),
        }
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        if self.colour { Cow::Owned(format!("\u{1b}[1m{prompt}\u{1b}[0m")) } else { Cow::Borrowed(prompt) }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        if self.colour { Cow::Owned(format!("\u{1b}[2m{hint}\u{1b}[0m")) } else { Cow::Borrowed(hint) }
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        self.colour && kind != CmdKind::MoveCursor
    }
}

/// Keywords, texts, numbers and comments in colours that can be read on dark and on light ground.
fn coloured(line: &str) -> String {
    let words = words(line);
    let mut out = String::with_capacity(line.len() * 2);
    let mut at = 0;
    for word in &words.all {
        let colour = match &word.token {
            Token::Word(word) if word.quote_style.is_none() && word.keyword != Keyword::NoKeyword => "1;34",
            Token::SingleQuotedString(_) | Token::DollarQuotedString(_) => "32",
            Token::Number(..) | Token::Placeholder(_) => "35",
            Token::Whitespace(Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_)) => "2",
            _ => "",
        };
        out.push_str(&line[at..word.start]);
        let text = &line[word.start..word.end];
        match colour {
            "" => out.push_str(text),
            colour => out.push_str(&format!("\u{1b}[{colour}m{text}\u{1b}[0m")),
        }
        at = word.end;
    }
    out.push_str(&line[at..]);
    out
}
