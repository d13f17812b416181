//! An error for programs: `--errors json`.
//!
//! ```json
//! {"code":1,"message":"column 'usr' not found","file":"trend.sql","line":3,"column":8,"help":"did you mean 'user_id'?"}
//! ```

use datafusion::common::DataFusionError;
use serde_json::{Value, json};

use crate::ask::errors::{Located, plain};

/// One object; `code` is the exit code. What is not known is null.
pub fn error_json(error: &DataFusionError, code: u8) -> Value {
    match located(error) {
        Some(found) => {
            let column = (found.column > 0).then_some(found.column);
            object(code, &found.message, Some(&found.source_name), Some(found.line), column)
        }
        None => message_json(&plain(error), code),
    }
}

/// As [`error_json`], of a text; a place at its beginning, `file:line:` or `file:line:column:`, is taken out.
pub fn message_json(message: &str, code: u8) -> Value {
    let (place, rest) = match message.split_once(": ") {
        Some((place, rest)) => (place, rest),
        None => return object(code, message, None, None, None),
    };
    let mut parts: Vec<&str> = place.rsplitn(3, ':').collect();
    parts.reverse();
    let number = |text: &str| text.parse::<u64>().ok();
    match parts.as_slice() {
        [file, line, column] if number(line).is_some() && number(column).is_some() => {
            object(code, rest, Some(file), number(line), number(column))
        }
        [first, second, line] if number(line).is_some() => {
            object(code, rest, Some(&format!("{first}:{second}")), number(line), None)
        }
        [file, line] if number(line).is_some() => object(code, rest, Some(file), number(line), None),
        _ => object(code, message, None, None, None),
    }
}

fn object(code: u8, message: &str, file: Option<&str>, line: Option<u64>, column: Option<u64>) -> Value {
    // What would be right stands behind what is wrong.
    let at = message
        .find("; did you mean ")
        .map(|at| (at, 2))
        .or_else(|| message.find("\n  note: ").map(|at| (at, 3)));
    let (message, help) = match at {
        Some((at, gap)) => (&message[..at], Some(&message[at + gap..])),
        None => (message, None),
    };
    json!({ "code": code, "message": message, "file": file, "line": line, "column": column, "help": help })
}

fn located(error: &DataFusionError) -> Option<&Located> {
    match error {
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => located(inner),
        DataFusionError::Shared(inner) => located(inner),
        DataFusionError::External(inner) => inner.downcast_ref::<Located>(),
        _ => None,
    }
}
