//! Is what was typed complete, and what does a longer text hold: statements and `\` commands?

use datafusion::sql::sqlparser::tokenizer::Token;

use crate::repl::lex::{says_something, words};

/// A piece of a text that is run by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A statement, with its `;` where it has one.
    Sql(String),
    /// A line that begins with `\`, without it.
    Command(String),
}

/// Whether Enter runs the text: a command is a line, a statement ends with `;` outside quotes, comments and dollar quotes.
pub fn is_complete(text: &str) -> bool {
    let trimmed = text.trim();
    if trimmed.is_empty() || trimmed.starts_with('\\') || is_goodbye(trimmed) {
        return true;
    }
    let mut pieces = Pieces::new(text);
    while pieces.next().is_some() {}
    !pieces.is_open
}

/// The words by which people leave other prompts.
pub fn is_goodbye(text: &str) -> bool {
    ["quit", "exit", "quit;", "exit;"].iter().any(|word| text.trim().eq_ignore_ascii_case(word))
}

/// The statements and commands of a text, in order. A command begins where a statement could, and ends with its line; so do
/// the words by which people leave other prompts.
pub fn inputs(text: &str) -> Vec<Input> {
    inputs_with_places(text).map(|(_, input)| input).collect()
}

/// As [`inputs`], each with the byte of the text at which it begins.
pub(crate) fn inputs_with_places(text: &str) -> impl Iterator<Item = (usize, Input)> {
    Pieces::new(text)
}

struct Pieces<'a> {
    text: &'a str,
    at: usize,
    /// Ends of the statements that the tokenizer has found from `at` on, the last one first.
    ends: Vec<usize>,
    is_read: bool,
    /// The last statement has no end.
    is_open: bool,
}

impl<'a> Pieces<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0, ends: Vec::new(), is_read: false, is_open: false }
    }

    fn read(&mut self) {
        let words = words(&self.text[self.at..]);
        self.ends = words
            .all
            .iter()
            .filter(|word| word.token == Token::SemiColon)
            .map(|word| self.at + word.end)
            .rev()
            .collect();
        self.is_read = true;
    }
}

impl Iterator for Pieces<'_> {
    type Item = (usize, Input);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.text[self.at..];
        let start = self.at + skip(rest);
        let rest = &self.text[start..];
        if let Some(command) = rest.strip_prefix('\\') {
            let line = command.lines().next().unwrap_or_default();
            self.at = start + 1 + line.len();
            // What stands in a command's line means nothing for what follows it.
            self.is_read = false;
            return Some((start, Input::Command(line.trim().to_string())));
        }
        // As a line of its own such a word is no statement.
        let line = rest.lines().next().unwrap_or_default();
        if is_goodbye(line) {
            self.at = start + line.len();
            self.is_read = false;
            return Some((start, Input::Command("q".to_string())));
        }
        if rest.is_empty() {
            return None;
        }
        self.at = start;
        if !self.is_read {
            self.read();
        }
        while self.ends.last().is_some_and(|end| *end <= start) {
            self.ends.pop();
        }
        match self.ends.pop() {
            Some(end) => {
                self.at = end;
                let statement = &self.text[start..end];
                if statement == ";" {
                    return self.next();
                }
                Some((start, Input::Sql(statement.to_string())))
            }
            None => {
                self.at = self.text.len();
                let says = words(rest);
                let is_empty =
                    says.open.is_none() && !says.all.iter().any(|word| says_something(&word.token));
                self.is_open = !is_empty;
                (!is_empty).then(|| (start, Input::Sql(rest.trim_end().to_string())))
            }
        }
    }
}

/// Bytes of blanks, and of comments that nothing but a command follows: a statement keeps its own.
fn skip(text: &str) -> usize {
    let blanks = text.len() - text.trim_start().len();
    let mut at = blanks;
    while text[at..].starts_with("--") {
        let line = text[at..].find('\n').map_or(text.len(), |end| at + end + 1);
        let next = line + (text[line..].len() - text[line..].trim_start().len());
        if text[next..].starts_with('\\') || is_goodbye(text[next..].lines().next().unwrap_or_default()) {
            return next;
        }
        at = next;
    }
    blanks
}
