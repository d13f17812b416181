//! A property is text, and was compared with a number: which one, and what to write.
//!
//! The engine says only which value is no number. It comes from the rows, so it does not stand in the statement; what does, is
//! the comparison.

use datafusion::sql::sqlparser::tokenizer::Token;

use super::Value;
use super::explain::Explained;
use super::place::{Found, Words};
use crate::ask::script::Source;

/// A comparison of a property with a number, in the statement or in the value of a parameter.
pub(super) struct Compared<'a> {
    pub(super) parameter: Option<&'a str>,
    pub(super) source: &'a Source,
    pub(super) found: Found,
    property: String,
}

/// The only property that is compared with a number, where `explained` is about a text that is none.
pub(super) fn compared<'a>(
    explained: &Explained,
    source: &'a Source,
    words: &Words,
    values: &'a [Value<'a>],
) -> Option<Compared<'a>> {
    if !explained.message.ends_with("' is not a whole number")
        && !explained.message.ends_with("' is not a number")
    {
        return None;
    }
    let mut all = Vec::new();
    for (property, found) in properties(words) {
        all.push(Compared { parameter: None, source, found, property });
    }
    for (page, value) in (1_u64..).zip(values) {
        for (property, found) in properties(&Words::of_value(&value.source, page)) {
            all.push(Compared { parameter: Some(value.parameter), source: &value.source, found, property });
        }
    }
    let first = all.first()?;
    let is_only = all.iter().all(|other| other.property == first.property);
    if is_only { all.into_iter().next() } else { None }
}

impl Compared<'_> {
    pub(super) fn told(&self, explained: Explained) -> Explained {
        let (property, before) = (&self.property, self.parameter);
        let before = before.map_or_else(String::new, |parameter| format!("parameter {parameter}: "));
        Explained {
            message: format!("{before}{}, and props['{property}'] is text", explained.message),
            help: Some(format!(
                "CAST(props['{property}'] AS DOUBLE) makes numbers of it, TRY_CAST(…) NULL of what is none"
            )),
            ..explained
        }
    }
}

fn properties(words: &Words) -> Vec<(String, Found)> {
    let tokens = words.tokens();
    let compares = |at: Option<usize>| {
        let token = at.and_then(|at| tokens.get(at)).map(|token| &token.token);
        matches!(token, Some(Token::Eq | Token::Neq | Token::Lt | Token::LtEq | Token::Gt | Token::GtEq))
    };
    let is_number = |at: Option<usize>| {
        let token = at.and_then(|at| tokens.get(at)).map(|token| &token.token);
        matches!(token, Some(Token::Number(_, _)))
    };
    let mut found = Vec::new();
    for first in 0..tokens.len() {
        let Some((property, last)) = property(words, first) else { continue };
        let sign = usize::from(words.is_sign(last + 2, &Token::Minus));
        let behind = compares(Some(last + 1)) && is_number(Some(last + 2 + sign));
        let ahead = compares(first.checked_sub(1)) && is_number(first.checked_sub(2));
        if behind || ahead {
            found.push((property, words.stretch(first, last)));
        }
    }
    found
}

/// `props.price` or `props['price']` from a word on: the property, and where the last word of it stands.
fn property(words: &Words, first: usize) -> Option<(String, usize)> {
    let token = |at: usize| words.tokens().get(at).map(|token| &token.token);
    if !words.is_word(first, "props") {
        return None;
    }
    match (token(first + 1)?, token(first + 2)?) {
        (Token::Period, Token::Word(property)) => Some((property.value.clone(), first + 2)),
        (Token::LBracket, Token::SingleQuotedString(property))
            if words.is_sign(first + 3, &Token::RBracket) =>
        {
            Some((property.clone(), first + 3))
        }
        _ => None,
    }
}
