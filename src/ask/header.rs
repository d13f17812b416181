//! What a file of SQL says about itself in the comment lines at its top.
//!
//! ```sql
//! -- title: Visit trend by day
//! -- question: How many opens and page views did each day have,
//! --   and how long did the visitors stay?
//! -- param from date = first_day : first local day
//! -- param grain text = day in (day, week, month) : what one row is
//! ```
//! A line that is indented further belongs to the line before it. Other comment lines are for the reader of the file.

use datafusion::common::Result;

use crate::ask::errors::Usage;
use crate::ask::parameters::Parameter;
use crate::ask::script::Source;

/// The header of a text of SQL; all of it may be absent.
#[derive(Debug, Clone, Default)]
pub struct Header {
    pub title: Option<String>,
    pub question: Option<String>,
    pub parameters: Vec<Parameter>,
}

impl Header {
    /// Reads the comment lines before the first statement.
    pub fn parse(source: &Source) -> Result<Self> {
        let mut header = Self::default();
        for (line, text) in entries(&source.text) {
            if let Some(title) = text.strip_prefix("title:") {
                header.title = Some(title.trim().to_string());
            } else if let Some(question) = text.strip_prefix("question:") {
                header.question = Some(question.trim().to_string());
            } else if let Some(declaration) = text.strip_prefix("param ") {
                let parameter = parameter(declaration)
                    .map_err(|reason| Usage::error(format!("{}:{line}: {reason}", source.name)))?;
                if header.parameters.iter().any(|known| known.name == parameter.name) {
                    let message =
                        format!("{}:{line}: parameter {} is declared twice", source.name, parameter.name);
                    return Err(Usage::error(message));
                }
                header.parameters.push(parameter);
            }
        }
        Ok(header)
    }
}

/// The comment lines with their 1-based numbers, continuations joined to what they continue.
fn entries(text: &str) -> Vec<(usize, String)> {
    let mut entries: Vec<(usize, String)> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        let Some(comment) = line.strip_prefix("--") else {
            if line.is_empty() {
                continue;
            }
            break;
        };
        match entries.last_mut() {
            Some((_, entry)) if comment.starts_with("  ") && !entry.is_empty() => {
                entry.push(' ');
                entry.push_str(comment.trim());
            }
            _ => entries.push((at + 1, comment.trim().to_string())),
        }
    }
    entries
}

/// `name type [= default] [in (a, b)] [: meaning]`
fn parameter(declaration: &str) -> std::result::Result<Parameter, String> {
    const FORM: &str = "a parameter is declared as `-- param name type = default : meaning`";
    let (head, meaning) = match declaration.split_once(" :") {
        Some((head, meaning)) => (head.trim(), meaning.trim()),
        None => (declaration.trim(), ""),
    };
    let (head, accepted) = match head.split_once(" in (") {
        Some((head, accepted)) => {
            let accepted =
                accepted.trim().strip_suffix(')').ok_or("')' is missing behind the accepted values")?;
            (head.trim(), accepted.split(',').map(|value| unquote(value.trim())).collect())
        }
        None => (head, Vec::new()),
    };
    let (head, default) = match head.split_once('=') {
        Some((head, default)) => (head.trim(), Some(unquote(default.trim()))),
        None => (head, None),
    };
    let mut words = head.split_whitespace();
    let (Some(name), Some(kind), None) = (words.next(), words.next(), words.next()) else {
        return Err(format!("'{head}' is not a name and a type; {FORM}"));
    };
    let kind = kind.parse().map_err(|e| crate::ask::errors::plain(&e))?;
    Ok(Parameter { name: name.to_string(), kind, default, accepted, meaning: meaning.to_string() })
}

fn unquote(text: &str) -> String {
    let inner = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    inner.map_or_else(|| text.to_string(), |inner| inner.replace("''", "'"))
}
