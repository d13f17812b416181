//! What kind of word stands at the cursor? Decided by the words before it.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::vocabulary::{CLOSING, FOLLOWERS, RESERVED};
use crate::repl::lex::{Lexed, Words, is_word, says_something};

/// Where the cursor stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    pub(super) wants: Wants,
    /// From where on the text is replaced.
    pub(super) start: usize,
    /// What is there already, between `start` and the cursor.
    pub(super) typed: String,
    /// The quote in which the cursor stands.
    pub(super) quote: Option<char>,
    /// How many of the statement's tokens stand before the word at the cursor.
    pub(super) cut: usize,
}

/// What could stand there.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Wants {
    Nothing,
    Statement,
    Relation,
    File,
    Setting,
    Parameter,
    /// A column of the relation that the words before the point name.
    Member(String),
    /// An operand; behind SELECT, also what may follow it.
    Operand {
        after_select: bool,
    },
    /// A value of this column, or any operand.
    Value(String),
    /// A keyword behind an operand or relation.
    Keyword(Clause),
    /// One of these words, or an operand.
    Words(&'static [&'static str]),
    OptionName(String),
    OptionValue {
        function: String,
        option: String,
    },
    /// A text that is an argument of this function.
    ArgumentText(String),
}

/// The part of a query in which the cursor stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clause {
    None,
    With,
    Select,
    From,
    Condition,
    Group,
    Order,
    Limit,
    Window,
}

/// A bracket that is open at the cursor, or the statement itself.
struct Frame {
    opener: Token,
    /// The word before the bracket, if it is a name.
    function: Option<String>,
    clause: Clause,
    /// `column IN (`
    column: Option<String>,
    /// In braces: the option whose value comes next.
    option: Option<String>,
}

impl Frame {
    fn new(opener: Token) -> Self {
        Self { opener, function: None, clause: Clause::None, column: None, option: None }
    }
}

pub(super) fn find(before: &str, words: &Words) -> Place {
    let cursor = before.len();
    let mut tokens: Vec<&Lexed> = words.all.iter().filter(|word| says_something(&word.token)).collect();
    let (start, typed, quote) = match words.open {
        Some(open) => {
            let first = before[open..].chars().next().unwrap_or(' ');
            if !['\'', '"', '`'].contains(&first) {
                // A comment or a dollar quote.
                return nothing(cursor, tokens.len());
            }
            (open, before[open + 1..].to_string(), Some(first))
        }
        None => match tokens.last() {
            Some(last) if last.end == cursor && is_partial(&last.token) => {
                let start = last.start;
                tokens.pop();
                (start, before[start..].to_string(), None)
            }
            _ => (cursor, String::new(), None),
        },
    };
    let cut = tokens.len();
    if let Some((start, typed)) = setting(before, &tokens, cursor)
        && quote.is_none()
    {
        return Place { wants: Wants::Setting, start, typed, quote, cut };
    }
    let wants = if typed.starts_with('$') { Wants::Parameter } else { wants(&tokens, quote) };
    Place { wants, start, typed, quote, cut }
}

/// The function in whose brackets the cursor stands, if it is one.
pub(super) fn enclosing_call(words: &Words) -> Option<String> {
    let tokens: Vec<&Lexed> = words.all.iter().filter(|word| says_something(&word.token)).collect();
    frames(&tokens).into_iter().rev().find_map(|frame| frame.function)
}

fn nothing(cursor: usize, cut: usize) -> Place {
    Place { wants: Wants::Nothing, start: cursor, typed: String::new(), quote: None, cut }
}

fn is_partial(token: &Token) -> bool {
    match token {
        Token::Word(word) => word.quote_style.is_none(),
        Token::Placeholder(_) | Token::Number(..) => true,
        _ => false,
    }
}

/// Behind SET, SHOW and RESET stands one name with points in it.
fn setting(before: &str, tokens: &[&Lexed], cursor: usize) -> Option<(usize, String)> {
    let first = tokens.first()?;
    if !["SET", "SHOW", "RESET"].iter().any(|word| is_word(&first.token, word)) {
        return None;
    }
    let rest = &before[first.end..];
    let start = first.end + (rest.len() - rest.trim_start().len());
    let typed = &before[start..];
    let is_name = typed.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.');
    (is_name && start > first.end && start <= cursor).then(|| (start, typed.to_string()))
}

fn wants(tokens: &[&Lexed], quote: Option<char>) -> Wants {
    let mut stack = frames(tokens);
    let Some(top) = stack.pop() else {
        return Wants::Nothing;
    };
    let outer_function = || stack.iter().rev().find_map(|frame| frame.function.clone());
    let Some(previous) = tokens.last().map(|word| &word.token) else {
        return if quote.is_none() { Wants::Statement } else { Wants::Nothing };
    };
    if *previous == Token::Period {
        return Wants::Member(qualifier(tokens));
    }
    let in_relations = wants_relation(tokens, &top);
    if top.opener == Token::LBrace {
        return match (outer_function(), &top.option) {
            (Some(function), Some(option))
                if matches!(previous, Token::Colon | Token::LBracket) || quote.is_some() =>
            {
                Wants::OptionValue { function, option: option.clone() }
            }
            (Some(function), _) if matches!(previous, Token::LBrace | Token::Comma) && quote.is_none() => {
                Wants::OptionName(function)
            }
            _ if quote == Some('\'') => Wants::Nothing,
            _ => operand_or_keyword(tokens, &top),
        };
    }
    if quote == Some('\'') {
        if in_relations || is_word(previous, "LOCATION") || is_word(previous, "TO") {
            return Wants::File;
        }
        if let Some(column) = compared(tokens).or_else(|| top.column.clone()) {
            return Wants::Value(column);
        }
        return match top.function.or_else(outer_function) {
            Some(function) => Wants::ArgumentText(function),
            None => Wants::Nothing,
        };
    }
    if in_relations {
        return Wants::Relation;
    }
    if quote.is_some() {
        return Wants::Operand { after_select: false };
    }
    if let Some(column) = compared(tokens) {
        return Wants::Value(column);
    }
    if matches!(previous, Token::LParen | Token::Comma)
        && let Some(column) = &top.column
    {
        return Wants::Value(column.clone());
    }
    operand_or_keyword(tokens, &top)
}

fn operand_or_keyword(tokens: &[&Lexed], top: &Frame) -> Wants {
    let Some(previous) = tokens.last() else {
        return Wants::Statement;
    };
    let before = tokens.len().checked_sub(2).map(|at| &tokens[at].token);
    if let Token::Word(word) = &previous.token
        && word.quote_style.is_none()
    {
        let upper = word.value.to_ascii_uppercase();
        // `date` and `group` may be columns: behind a point they are.
        let is_member = before == Some(&Token::Period);
        if !is_member && let Some((_, followers)) = FOLLOWERS.iter().find(|(word, _)| *word == upper) {
            return match followers.is_empty() {
                true => Wants::Nothing,
                false => Wants::Words(followers),
            };
        }
        if !is_member && RESERVED.contains(&upper.as_str()) {
            return match upper.as_str() {
                "AS" => match top.clause {
                    Clause::None => Wants::Words(&["SELECT", "WITH", "FROM"]),
                    _ => Wants::Nothing,
                },
                "WITH" | "VIEW" | "OVER" | "SET" | "RECURSIVE" => Wants::Nothing,
                "CASE" => Wants::Words(&["WHEN"]),
                "NOT" => Wants::Words(&["IN", "LIKE", "BETWEEN", "NULL", "EXISTS"]),
                "SELECT" | "DISTINCT" => Wants::Operand { after_select: upper == "SELECT" },
                _ => Wants::Operand { after_select: false },
            };
        }
    }
    if ends_operand(tokens) {
        return Wants::Keyword(top.clause);
    }
    if top.clause == Clause::Window && previous.token == Token::LParen {
        return Wants::Keyword(Clause::Window);
    }
    if previous.token == Token::LParen && top.function.is_none() {
        return Wants::Operand { after_select: false };
    }
    Wants::Operand { after_select: false }
}

/// Whether the last token is the end of a value or of a relation.
fn ends_operand(tokens: &[&Lexed]) -> bool {
    let Some(last) = tokens.last() else {
        return false;
    };
    match &last.token {
        Token::Word(word) => {
            let upper = word.value.to_ascii_uppercase();
            word.quote_style.is_some()
                || CLOSING.contains(&upper.as_str())
                || !RESERVED.contains(&upper.as_str())
        }
        Token::Number(..) | Token::SingleQuotedString(_) | Token::Placeholder(_) => true,
        Token::RParen | Token::RBracket | Token::RBrace => true,
        // A star that multiplies has an operand before it.
        Token::Mul => {
            let before = &tokens[..tokens.len() - 1];
            before.last().is_some_and(|word| {
                matches!(word.token, Token::Comma | Token::LParen | Token::Period)
                    || ["SELECT", "DISTINCT"].iter().any(|keyword| is_word(&word.token, keyword))
            })
        }
        _ => false,
    }
}

/// Whether a table is named next.
fn wants_relation(tokens: &[&Lexed], top: &Frame) -> bool {
    let Some(previous) = tokens.last().map(|word| &word.token) else {
        return false;
    };
    let is = |words: &[&str]| words.iter().any(|word| is_word(previous, word));
    let begins = |words: &[&str]| words.iter().any(|word| is_word(&tokens[0].token, word));
    if is(&["JOIN", "INTO"]) || is(&["FROM"]) && !in_function_of_from(top) {
        return true;
    }
    if is(&["TABLE", "VIEW"]) {
        return begins(&["DROP"]);
    }
    if tokens.len() == 1 && is(&["DESCRIBE", "DESC", "COPY"]) {
        return true;
    }
    let is_form = top.function.as_deref().is_some_and(|name| name.starts_with('\0'));
    if is_form && *previous == Token::LParen {
        return true;
    }
    *previous == Token::Comma && top.clause == Clause::From && top.function.is_none()
}

/// `extract(year from ts)`, `trim(both from x)`, `substring(x from 2)`
fn in_function_of_from(top: &Frame) -> bool {
    top.clause == Clause::None
        && top.function.as_deref().is_some_and(|name| {
            ["extract", "trim", "substring", "overlay"].iter().any(|known| name.eq_ignore_ascii_case(known))
        })
}

/// The column of `column =`, `column <> `, `column LIKE` at the end of the tokens.
fn compared(tokens: &[&Lexed]) -> Option<String> {
    let (last, before) = tokens.split_last()?;
    let is_comparison = matches!(last.token, Token::Eq | Token::DoubleEq | Token::Neq)
        || is_word(&last.token, "LIKE")
        || is_word(&last.token, "ILIKE");
    let before = match before.split_last() {
        Some((not, rest)) if is_word(&not.token, "NOT") => rest,
        _ => before,
    };
    is_comparison.then(|| column_name(before)).flatten()
}

fn column_name(tokens: &[&Lexed]) -> Option<String> {
    match &tokens.last()?.token {
        Token::Word(word) => Some(word.value.clone()),
        _ => None,
    }
}

/// The words before the last point: `e` of `e.`, `s.e` of `s.e.`
fn qualifier(tokens: &[&Lexed]) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let mut at = tokens.len();
    while at >= 2 {
        let (Token::Word(word), Token::Period) = (&tokens[at - 2].token, &tokens[at - 1].token) else {
            break;
        };
        parts.push(&word.value);
        at -= 2;
    }
    parts.reverse();
    parts.join(".")
}

/// The statement and the brackets that are open behind the last token, outermost first.
fn frames(tokens: &[&Lexed]) -> Vec<Frame> {
    let mut stack = vec![Frame::new(Token::EOF)];
    for (at, word) in tokens.iter().enumerate() {
        let before = &tokens[..at];
        match &word.token {
            Token::LParen | Token::LBrace | Token::LBracket => {
                let frame = open(&word.token, before, &stack);
                stack.push(frame);
            }
            Token::RParen | Token::RBrace | Token::RBracket => {
                if stack.len() > 1 {
                    stack.pop();
                }
            }
            token => {
                if let Some(top) = stack.last_mut() {
                    step(top, token, before);
                }
            }
        }
    }
    stack
}

fn open(opener: &Token, before: &[&Lexed], stack: &[Frame]) -> Frame {
    let mut frame = Frame::new(opener.clone());
    let outer = stack.last();
    if *opener == Token::LBracket {
        // `order: ['a', |` is still the option's.
        frame.option = outer.and_then(|outer| outer.option.clone());
        return frame;
    }
    if *opener != Token::LParen {
        return frame;
    }
    if let Some((last, rest)) = before.split_last()
        && let Token::Word(word) = &last.token
    {
        let upper = word.value.to_ascii_uppercase();
        if upper == "IN" {
            let rest = match rest.split_last() {
                Some((not, rest)) if is_word(&not.token, "NOT") => rest,
                _ => rest,
            };
            frame.column = column_name(rest);
        } else if upper == "OVER" {
            frame.clause = Clause::Window;
        } else if !RESERVED.contains(&upper.as_str()) || word.quote_style.is_some() {
            // In FROM a call is a relation; its first argument is one, too.
            let is_form = outer.is_some_and(|outer| outer.clause == Clause::From) && follows_from(rest);
            frame.function = Some(if is_form { format!("\0{}", word.value) } else { word.value.clone() });
        }
    }
    frame
}

/// Whether the name behind these tokens is one of a relation.
fn follows_from(before: &[&Lexed]) -> bool {
    before.last().is_some_and(|word| {
        word.token == Token::Comma
            || ["FROM", "JOIN", "LATERAL"].iter().any(|keyword| is_word(&word.token, keyword))
    })
}

/// What a token says about the part in which the following ones stand.
fn step(top: &mut Frame, token: &Token, before: &[&Lexed]) {
    if top.opener == Token::LBrace {
        match token {
            Token::Colon => top.option = column_name(before),
            Token::Comma => top.option = None,
            _ => {}
        }
        return;
    }
    let Token::Word(word) = token else {
        return;
    };
    if word.quote_style.is_some() || before.last().is_some_and(|word| word.token == Token::Period) {
        return;
    }
    let is_call = top.function.is_some();
    top.clause = match word.value.to_ascii_uppercase().as_str() {
        "WITH" if before.is_empty() => Clause::With,
        "SELECT" => Clause::Select,
        "FROM" if !(is_call && top.clause == Clause::None) => Clause::From,
        "JOIN" => Clause::From,
        "WHERE" | "HAVING" | "QUALIFY" | "ON" if !matches!(top.clause, Clause::None | Clause::With) => {
            Clause::Condition
        }
        "WHERE" => Clause::Condition,
        "GROUP" if !before.last().is_some_and(|word| is_word(&word.token, "WITHIN")) => Clause::Group,
        "ORDER" if top.clause == Clause::Window => Clause::Window,
        "ORDER" => Clause::Order,
        "LIMIT" | "OFFSET" => Clause::Limit,
        _ => return,
    };
}
