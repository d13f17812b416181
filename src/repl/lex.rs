//! The words of a text with their places, by the tokenizer of the planner's own parser.

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer, Whitespace};

/// A token and the bytes that it takes.
#[derive(Debug, Clone)]
pub(crate) struct Lexed {
    pub(crate) token: Token,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// The tokens of a text up to the first thing that is none, such as a quote that is not closed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words {
    pub(crate) all: Vec<Lexed>,
    /// Where the text goes on that is no token; `None` where all of it was read.
    pub(crate) open: Option<usize>,
}

/// Takes `text` apart.
pub(crate) fn words(text: &str) -> Words {
    let mut buffer: Vec<TokenWithSpan> = Vec::new();
    let whole = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location_into_buf(&mut buffer);
    let mut place = Place { text, byte: 0, line: 1, column: 1 };
    let mut all = Vec::with_capacity(buffer.len());
    for TokenWithSpan { token, span } in buffer {
        if token == Token::EOF {
            continue;
        }
        let start = place.advance(span.start);
        let end = place.advance(span.end);
        all.push(Lexed { token, start, end });
    }
    let open = whole.is_err().then(|| all.last().map_or(0, |last| last.end));
    Words { all, open }
}

/// Walks along the text once, from one location to the next.
struct Place<'a> {
    text: &'a str,
    byte: usize,
    line: u64,
    column: u64,
}

impl Place<'_> {
    fn advance(&mut self, to: Location) -> usize {
        while (self.line, self.column) < (to.line, to.column) {
            let Some(c) = self.text[self.byte..].chars().next() else {
                break;
            };
            self.byte += c.len_utf8();
            if c == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.byte
    }
}

/// Whether the token is neither a blank nor a comment.
pub(crate) fn says_something(token: &Token) -> bool {
    !matches!(token, Token::Whitespace(_))
}

/// Whether the token is a comment that reaches to the end of its line.
pub(crate) fn is_line_comment(token: &Token) -> bool {
    matches!(token, Token::Whitespace(Whitespace::SingleLineComment { .. }))
}

/// Whether the token is this word, not in quotes, in any case.
pub(crate) fn is_word(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(found) if found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word))
}
