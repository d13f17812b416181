//! What our own functions say: `function: what is wrong; what would be right`, and where in the call it is.

use super::explain::Explained;
use super::place::Place;
use super::types::closing;
use crate::engine::own_functions;

/// Takes what would be right out of the message, and looks for the place in the call.
pub(super) fn polish(explained: &mut Explained) {
    if explained.help.is_none()
        && let Some((message, help)) = split_help(&explained.message)
    {
        (explained.message, explained.help) = (message, Some(help));
    }
    for before in ["file '", "unknown time zone '", "does not take '"] {
        explained.places.extend(quoted_behind(&explained.message, before).map(Place::Literal));
    }
    let Some((function, words)) = explained.message.split_once(": ") else {
        return;
    };
    if !own_functions().iter().any(|name| name == function) {
        return;
    }
    let places = places(function, words);
    if explained.help.is_none() {
        explained.help = Some(format!("`footfall functions {function}` explains it"));
    }
    explained.places.extend(places);
}

/// The message and its help: by its first words behind a semicolon, or as an example.
fn split_help(message: &str) -> Option<(String, String)> {
    const FIRST_WORDS: [&str; 10] = [
        "; did you mean ",
        "; accepted are ",
        "; write ",
        "; aggregate in ",
        "; open the store ",
        "; others can be named ",
        "; choose another ",
        "; give the ",
        "; CREATE ",
        "; `footfall land` ",
    ];
    if let Some((before, rest)) = message.split_once(", as in ")
        && let Some(end) = end_of_call(rest)
    {
        return Some((format!("{before}{}", &rest[end..]), format!("as in {}", &rest[..end])));
    }
    let at = FIRST_WORDS.iter().filter_map(|words| message.find(words)).min()?;
    let (before, help) = (&message[..at], &message[at + 2..]);
    // One line: the name that was meant rather than all names.
    let help = help.find("did you mean ").map_or(help, |at| &help[at..]);
    Some((before.to_string(), help.to_string()))
}

/// Where a call ends that a text begins with.
fn end_of_call(text: &str) -> Option<usize> {
    let open = text.find(['(', ')'])?;
    Some(open + closing(&text[open..])? + 1)
}

/// From the exact to the rough.
fn places(function: &str, words: &str) -> Vec<Place> {
    let mut places = Vec::new();
    if let Some((pattern, character)) = pattern_place(words) {
        places.push(Place::Inside(pattern, character));
    }
    for before in [
        "found '",
        " is '",
        "unknown mode '",
        "unknown rule '",
        "unknown unit '",
        "unknown time zone '",
        "table '",
    ] {
        places.extend(quoted_behind(words, before).map(Place::Literal));
    }
    if let Some(name) = quoted_behind(words, "table '") {
        places.push(Place::Name(name));
    }
    if let Some(option) = quoted_behind(words, "option '") {
        places.push(Place::Option(function.to_string(), option));
    }
    if let Some(number) = number_behind(words, "argument ") {
        places.push(Place::Argument(function.to_string(), number));
    }
    places.push(Place::Call(function.to_string()));
    places
}

/// `pattern '(?1', at character 3: …`
fn pattern_place(words: &str) -> Option<(String, u64)> {
    let (pattern, rest) = words.strip_prefix("pattern '")?.split_once("', at character ")?;
    let (character, _) = rest.split_once(':')?;
    Some((pattern.to_string(), character.parse().ok()?))
}

fn quoted_behind(text: &str, before: &str) -> Option<String> {
    let (_, rest) = text.split_once(before)?;
    let (name, _) = rest.split_once('\'')?;
    (!name.is_empty()).then(|| name.to_string())
}

fn number_behind(text: &str, before: &str) -> Option<usize> {
    let (_, rest) = text.split_once(before)?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}
