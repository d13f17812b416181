//! An error for programs: `--errors json`.
//!
//! ```json
//! {"code":1,"message":"column 'usr_id' not found","file":"trend.sql","line":3,"column":8,"help":"did you mean 'user_id'?"}
//! ```

use datafusion::common::DataFusionError;
use serde_json::{Value, json};

use crate::ask::errors::{Located, plain};

/// One object; `code` is the exit code. What is not known is null.
pub fn error_json(error: &DataFusionError, code: u8) -> Value {
    match Located::of(error) {
        Some(found) => {
            // What the error is about, such as the day and the report.
            let text = plain(error);
            let about = text.find(&found.message).map_or("", |at| &text[..at]);
            let message = format!("{about}{}", found.message);
            let column = (found.column > 0).then_some(found.column);
            let place = (Some(found.source_name.as_str()), Some(found.line), column);
            object(code, &message, place, found.help.as_deref())
        }
        None => message_json(&plain(error), code),
    }
}

/// As [`error_json`], of a text; a place, `file:line:` or `file:line:column:`, is taken out: at its beginning, or behind
/// what the error is about if the file is one of SQL.
pub fn message_json(message: &str, code: u8) -> Value {
    let mut begin = 0;
    while let Some(length) = message[begin..].find(": ") {
        let end = begin + length;
        if let Some((file, line, column)) = place(&message[begin..end])
            && (begin == 0 || file.ends_with(".sql"))
        {
            let text = format!("{}{}", &message[..begin], &message[end + 2..]);
            return without_help(code, &text, (Some(file), Some(line), column));
        }
        begin = end + 2;
    }
    without_help(code, message, (None, None, None))
}

/// File, line and, where it is said, column.
fn place(text: &str) -> Option<(&str, u64, Option<u64>)> {
    let (rest, last) = text.rsplit_once(':')?;
    let last = last.parse().ok()?;
    match rest.rsplit_once(':').map(|(file, line)| (file, line.parse())) {
        Some((file, Ok(line))) => Some((file, line, Some(last))),
        _ => Some((rest, last, None)),
    }
}

/// File, line and column, as far as they are known.
type At<'a> = (Option<&'a str>, Option<u64>, Option<u64>);

/// What would be right stands behind what is wrong.
fn without_help(code: u8, message: &str, at: At<'_>) -> Value {
    match message.find("; did you mean ") {
        Some(end) => object(code, &message[..end], at, Some(&message[end + 2..])),
        None => object(code, message, at, None),
    }
}

fn object(code: u8, message: &str, (file, line, column): At<'_>, help: Option<&str>) -> Value {
    json!({ "code": code, "message": message, "file": file, "line": line, "column": column, "help": help })
}
