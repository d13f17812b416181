//! Which options does a function take, and which texts do they accept? Its documentation says it, so there is no second list.

use super::{Catalogue, Function};

/// An option and the texts that its description puts in quotes, the default first.
pub fn options<'a>(
    function: &'a Function,
    catalogue: &'a dyn Catalogue,
) -> Vec<(&'a str, &'a str, Vec<&'a str>)> {
    let mut options: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for (name, meaning) in &function.arguments {
        if meaning.starts_with("Option") {
            options.push((name, meaning, texts(meaning)));
        }
    }
    // "Those of `sessionize`", "As in `sessions`": the other function's, too.
    for (_, meaning) in &function.arguments {
        for opening in ["Those of `", "As in `"] {
            let Some(other) = meaning.strip_prefix(opening).and_then(|rest| rest.split('`').next()) else {
                continue;
            };
            let Some(other) =
                catalogue.functions().iter().find(|f| f.name == other && f.name != function.name)
            else {
                continue;
            };
            for (name, meaning) in &other.arguments {
                if meaning.starts_with("Option") && !options.iter().any(|(known, ..)| known == name) {
                    options.push((name, meaning, texts(meaning)));
                }
            }
        }
    }
    options
}

/// The words in single quotes, and those of a list that follows "Accepted are".
pub fn texts(meaning: &str) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    let is_word = |text: &str| {
        !text.is_empty()
            && text.len() <= 40
            && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
    };
    let mut rest = meaning;
    let mut behind = "";
    while let Some(open) = rest.find('\'') {
        let inner = &rest[open + 1..];
        let Some(close) = inner.find('\'') else {
            break;
        };
        let before = format!("{behind}{}", &rest[..open]);
        let before = before.trim_end();
        let text = &inner[..close];
        // `event = 'app_hide'` is an example of a condition, no text that the option takes.
        if is_word(text) && !before.ends_with('=') && !before.ends_with("INTERVAL") && !found.contains(&text)
        {
            found.push(text);
        }
        behind = "";
        rest = &inner[close + 1..];
    }
    if let Some((_, list)) = meaning.split_once("Accepted are ") {
        let list = list.split('.').next().unwrap_or_default();
        for item in list.split([',', '(', ')']).flat_map(|part| part.split(" and ")) {
            let item = item.trim().trim_start_matches("and ");
            if is_word(item) && !found.contains(&item) {
                found.push(item);
            }
        }
    }
    found
}
