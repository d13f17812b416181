//! JSON lines whose fields change their kind: which line, which field?
//!
//! A column has one type. Numbers and words in one field are text together, but an object has parts, and a text has none; the
//! reader finds that out without a word about the file. So where it fails the file is read again, to tell the place.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde_json::Value;

/// Lines that are looked at, and bytes of them.
const LINES: usize = 200_000;
const BYTES: usize = 64 << 20;

/// What a value is; NULL is nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Object,
    List,
    Text,
    Number,
    Truth,
}

/// What takes a file that cannot be a table.
pub(crate) const INSTEAD: &str = "`footfall land` with a mapping (--map) takes such rows";

/// What is wrong first, such as `line 2: field 'p.k' is text, and an object in line 1`; `None` where nothing is, or the file
/// is packed. With a `field` only that is looked at, and text and numbers in it are a fault, too.
pub(crate) fn first_fault(file: &Path, field: Option<&str>) -> Option<String> {
    let mut lines = BufReader::new(File::open(file).ok()?);
    let mut seen = Seen { field, kinds: HashMap::new(), line: 0 };
    let (mut text, mut bytes) = (Vec::new(), 0);
    while seen.line < LINES && bytes < BYTES {
        text.clear();
        let read = lines.read_until(b'\n', &mut text).ok()?;
        if read == 0 {
            return None;
        }
        (seen.line, bytes) = (seen.line + 1, bytes + read);
        if text.trim_ascii().is_empty() {
            continue;
        }
        let fault = match serde_json::from_slice(text.trim_ascii()) {
            Ok(Value::Object(row)) => row.iter().find_map(|(name, value)| seen.fault(name, value)),
            _ if field.is_some() => None,
            Ok(_) => Some("is no JSON object".to_string()),
            // Packed, as its bytes tell.
            Err(_) if seen.line == 1 && std::str::from_utf8(&text).is_err() => return None,
            Err(error) => {
                let told = error.to_string();
                let told = told.split(" at line ").next().unwrap_or_default();
                Some(format!("is no JSON: {told} at character {}", error.column()))
            }
        };
        if let Some(fault) = fault {
            let colon = if fault.starts_with("field ") { ":" } else { "" };
            return Some(format!("line {}{colon} {fault}", seen.line));
        }
    }
    None
}

/// The kinds of the fields so far, and the line that showed each.
struct Seen<'a> {
    field: Option<&'a str>,
    kinds: HashMap<String, (Kind, usize)>,
    line: usize,
}

impl Seen<'_> {
    fn fault(&mut self, path: &str, value: &Value) -> Option<String> {
        let kind = match value {
            Value::Null => return None,
            Value::Object(_) => Kind::Object,
            Value::Array(_) => Kind::List,
            Value::String(_) => Kind::Text,
            Value::Number(_) => Kind::Number,
            Value::Bool(_) => Kind::Truth,
        };
        let (before, line) = *self.kinds.entry(path.to_string()).or_insert((kind, self.line));
        let is_part = |kind: Kind| kind == Kind::Object || (kind == Kind::List && path.ends_with("[]"));
        let counts = match self.field {
            Some(field) => path.replace("[]", "") == field,
            None => is_part(kind) || is_part(before),
        };
        if kind != before && counts {
            let (now, before) = (words(kind), words(before));
            return Some(match line == self.line {
                true => format!("field '{path}' is {now} and {before}"),
                false => format!("field '{path}' is {now}, and {before} in line {line}"),
            });
        }
        match value {
            Value::Object(parts) => {
                parts.iter().find_map(|(name, part)| self.fault(&format!("{path}.{name}"), part))
            }
            Value::Array(elements) => {
                let path = format!("{path}[]");
                elements.iter().find_map(|element| self.fault(&path, element))
            }
            _ => None,
        }
    }
}

fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::Object => "an object",
        Kind::List => "a list",
        Kind::Text => "text",
        Kind::Number => "a number",
        Kind::Truth => "true or false",
    }
}
