//! A field of a JSON file that is text here and a number there: in which file, and in which lines?

use std::path::Path;

use datafusion::sql::sqlparser::tokenizer::Token;

use super::explain::Explained;
use super::place::{Place, Words};
use crate::folder::{INSTEAD, first_fault};

/// The reader names the field and a value; the files are those of the statement.
pub(super) fn told(explained: Explained, words: &Words) -> Explained {
    let Some((field, reason)) = field(&explained.message) else { return explained };
    let files = words.tokens().iter().filter_map(|token| match &token.token {
        Token::SingleQuotedString(file) => Some(file.as_str()),
        Token::Word(word) if word.quote_style.is_some() => Some(word.value.as_str()),
        _ => None,
    });
    for file in files {
        if let Some(fault) = first_fault(Path::new(file), Some(&field)) {
            return Explained::new(format!("file '{file}', {fault}"))
                .with_help(INSTEAD)
                .at(Place::Literal(file.to_string()));
        }
    }
    Explained::new(format!("field '{field}' of a JSON file has values of more than one type: {reason}"))
        .with_help(INSTEAD)
}

/// `p.k` of `broken JSON: whilst decoding field 'p': whilst decoding field 'k': expected string got 1`, and what is behind it.
fn field(message: &str) -> Option<(String, String)> {
    let mut rest = message.strip_prefix("broken JSON: ")?;
    let mut names = Vec::new();
    while let Some((name, behind)) =
        rest.strip_prefix("whilst decoding field '").and_then(|rest| rest.split_once("': "))
    {
        names.push(name);
        rest = behind;
    }
    (!names.is_empty()).then(|| (names.join("."), rest.to_string()))
}
