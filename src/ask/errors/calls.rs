//! Calls whose arguments do not fit: the engine says what it tried, type by type; here is said what was given and what is taken.
//!
//! ```text
//! … No function matches the given name and argument types 'sum(Utf8View)'. You might need to add explicit type casts.
//!     Candidate functions:
//!     sum(Decimal)
//!     sum(UInt64)
//! ```

use super::explain::Explained;
use super::place::Place;
use super::types::in_words;

/// The engine gives a text and no variant.
pub(super) fn explain(text: &str) -> Option<Explained> {
    // What a function says of its own arguments needs no list of candidates.
    if let Some((_, words)) = text.split_once("user-defined coercion failed with: Error during planning: ") {
        let words = words.split(". No function matches the given name").next().unwrap_or_default();
        return Some(Explained::new(in_words(words)));
    }
    let (_, rest) = text.split_once("No function matches the given name and argument types '")?;
    let (call, candidates) = rest.split_once("'. You might need to add explicit type casts.")?;
    let (name, types) = call.split_once('(')?;
    let types = in_words(types.strip_suffix(')')?);
    let message = match types.as_str() {
        "" => format!("{name} cannot be called without arguments"),
        types => format!("{name} cannot be called with ({types})"),
    };
    let explained = Explained::new(message).at(Place::Call(name.to_string()));
    let accepted = accepted(candidates);
    Some(if accepted.is_empty() {
        explained
    } else {
        explained.with_help(format!("accepted are {}", accepted.join(", ")))
    })
}

/// The candidates in words, each once.
fn accepted(candidates: &str) -> Vec<String> {
    const MOST: usize = 4;
    let mut accepted: Vec<String> = Vec::new();
    for line in candidates.lines().map(str::trim).filter(|line| line.ends_with(')')) {
        let line = in_words(line);
        if !accepted.contains(&line) {
            accepted.push(line);
        }
    }
    if accepted.len() > MOST {
        accepted.truncate(MOST);
        accepted.push("…".to_string());
    }
    accepted
}
