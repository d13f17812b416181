//! Is what was typed complete, and what does a longer text hold: statements and `\` commands?

use datafusion::sql::sqlparser::tokenizer::Token;

use crate::repl::lex::{Lexed, says_something, words};

/// A piece of a text that is run by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A statement, with its `;` where it has one.
    Sql(String),
    /// A line that begins with `\`, without it.
    Command(String),
    /// `\p` while a statement is open: the statement so far.
    Open(String),
}

/// Whether Enter runs the text: a command is a line, a statement ends with `;` outside quotes, comments and dollar quotes.
pub fn is_complete(text: &str) -> bool {
    let trimmed = text.trim();
    if trimmed.is_empty() || trimmed.starts_with('\\') || is_goodbye(trimmed) {
        return true;
    }
    let mut pieces = Pieces::new(text);
    while pieces.next().is_some() {}
    !pieces.is_open || pieces.ends_with_command
}

/// Whether a new line of a statement that has no end yet is empty so far: nothing else says that it is still open.
pub fn is_continued(text: &str) -> bool {
    let last = text.rsplit_once('\n').map(|(_, last)| last);
    last.is_some_and(|last| last.trim().is_empty()) && !is_complete(text)
}

/// The words by which people leave other prompts.
pub fn is_goodbye(text: &str) -> bool {
    ["quit", "exit", "quit;", "exit;"].iter().any(|word| text.trim().eq_ignore_ascii_case(word))
}

/// What Enter has ended: the pieces that are run, and the statement that is open still, where a command stands in it.
pub fn typed(text: &str) -> (Vec<Input>, Option<String>) {
    let mut pieces = Pieces::new(text);
    let mut all: Vec<Input> = pieces.by_ref().map(|(_, input)| input).collect();
    if pieces.is_open
        && pieces.ends_with_command
        && let Some(Input::Sql(open)) = all.pop()
    {
        return (all, Some(open));
    }
    (all, None)
}

/// The statements and commands of a text, in order. A command is a line, outside quotes and comments; so are, where a statement
/// could begin, the words by which people leave other prompts. A command in the middle of a statement runs before it: the
/// statement goes on in the next line, after `\r` there is none.
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
    /// Where the tokenizer has found that a piece ends or is interrupted from `at` on, the last place first.
    stops: Vec<Stop>,
    is_read: bool,
    /// A statement that a command has interrupted: where it begins, and what it is so far.
    interrupted: Option<(usize, String)>,
    /// The last statement has no end.
    is_open: bool,
    /// Behind the last command inside a statement there is nothing.
    ends_with_command: bool,
}

enum Stop {
    /// Behind a semicolon.
    End(usize),
    /// At the `\` of a command.
    Command(usize),
}

impl Stop {
    fn place(&self) -> usize {
        match self {
            Self::End(place) | Self::Command(place) => *place,
        }
    }
}

impl<'a> Pieces<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            stops: Vec::new(),
            is_read: false,
            interrupted: None,
            is_open: false,
            ends_with_command: false,
        }
    }

    fn read(&mut self) {
        let words = words(&self.text[self.at..]);
        let stop = |word: &Lexed| match word.token {
            Token::SemiColon => Some(Stop::End(self.at + word.end)),
            Token::Backslash => {
                let place = self.at + word.start;
                let line = self.text[..place].rsplit('\n').next().unwrap_or_default();
                line.trim().is_empty().then_some(Stop::Command(place))
            }
            _ => None,
        };
        self.stops = words.all.iter().rev().filter_map(stop).collect();
        self.is_read = true;
    }

    /// The line of the command at `place`, without its `\`; the next piece begins behind it.
    fn command(&mut self, place: usize) -> String {
        let line = self.text[place + 1..].lines().next().unwrap_or_default();
        self.at = place + 1 + line.len();
        // What stands in a command's line means nothing for what follows it.
        self.is_read = false;
        line.trim().to_string()
    }

    /// The statement that ends at `end`, with what was interrupted of it; where it begins.
    fn statement(&mut self, start: usize, end: usize) -> (usize, String) {
        let (begin, mut statement) = self.interrupted.take().unwrap_or((start, String::new()));
        statement.push_str(&self.text[start..end]);
        (begin, statement)
    }
}

impl Iterator for Pieces<'_> {
    type Item = (usize, Input);

    fn next(&mut self) -> Option<Self::Item> {
        let mut start = self.at;
        if self.interrupted.is_none() {
            start += skip(&self.text[start..]);
            let rest = &self.text[start..];
            if rest.starts_with('\\') {
                return Some((start, Input::Command(self.command(start))));
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
        }
        if !self.is_read {
            self.read();
        }
        while self.stops.last().is_some_and(|stop| stop.place() <= start) {
            self.stops.pop();
        }
        match self.stops.pop() {
            Some(Stop::End(end)) => {
                self.at = end;
                let (begin, statement) = self.statement(start, end);
                match statement.trim() {
                    ";" => self.next(),
                    _ => Some((begin, Input::Sql(statement))),
                }
            }
            Some(Stop::Command(place)) => {
                let (begin, so_far) = self.statement(start, place);
                let command = self.command(place);
                self.ends_with_command = self.text[self.at..].trim().is_empty();
                let input = match command.trim_end_matches(';').trim_end() {
                    "r" => return Some((place, Input::Command(command))),
                    "p" => Input::Open(so_far.trim_end().to_string()),
                    _ => Input::Command(command),
                };
                self.interrupted = Some((begin, so_far));
                Some((place, input))
            }
            None => {
                self.at = self.text.len();
                let (begin, statement) = self.statement(start, self.at);
                let says = words(&statement);
                let is_empty =
                    says.open.is_none() && !says.all.iter().any(|word| says_something(&word.token));
                self.is_open = !is_empty;
                (!is_empty).then(|| (begin, Input::Sql(statement.trim_end().to_string())))
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
