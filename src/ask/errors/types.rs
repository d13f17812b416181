//! The engine's names of types and its way to print values, in words.

/// `text` with `Utf8View` as text, `Int64(5)` as 5, `page@4` as page, and so on.
pub(super) fn in_words(text: &str) -> String {
    let text = intervals(text);
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        if c.is_alphabetic() && !is_part(before) {
            let length = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
            let (word, behind) = rest.split_at(length);
            let (said, behind) = said(word, behind);
            out.push_str(&said);
            before = 'x';
            rest = behind;
            continue;
        }
        let behind = &rest[c.len_utf8()..];
        // The place of a column in a plan.
        if c == '@' && is_part(before) && behind.starts_with(|c: char| c.is_ascii_digit()) {
            rest = behind.trim_start_matches(|c: char| c.is_ascii_digit());
            continue;
        }
        out.push(c);
        before = c;
        rest = behind;
    }
    out
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A word, and what is left behind it and the brackets that belong to it.
fn said<'a>(word: &str, behind: &'a str) -> (String, &'a str) {
    let closed = closing(behind).map(|end| (&behind[1..end], &behind[end + 1..]));
    match (word, closed) {
        // A value: Utf8("a"), Int64(5).
        ("Utf8" | "Utf8View" | "LargeUtf8" | "IntervalMonthDayNano", Some((value, rest))) => {
            match value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
                Some(value) if word.contains("Utf8") => (format!("'{value}'"), rest),
                Some(value) => (value.to_string(), rest),
                None => (value.to_string(), rest),
            }
        }
        (
            "Int8" | "Int16" | "Int32" | "Int64" | "UInt8" | "UInt16" | "UInt32" | "UInt64" | "Float32"
            | "Float64" | "Boolean",
            Some((value, rest)),
        ) => (value.to_string(), rest),
        // So many arguments of a kind: String(2).
        ("Numeric" | "String", Some((count, rest))) => {
            let count = count.parse().unwrap_or(1);
            (vec![kind(word); count].join(", "), rest)
        }
        ("Timestamp" | "Interval" | "Duration", Some((_, rest))) => (word.to_lowercase(), rest),
        ("Time32" | "Time64", Some((_, rest))) => ("time".to_string(), rest),
        ("Decimal128" | "Decimal256", Some((_, rest))) => ("number".to_string(), rest),
        ("List" | "LargeList" | "FixedSizeList", Some((_, rest))) => ("list".to_string(), rest),
        ("Struct" | "Map", Some((_, rest))) => (word.to_lowercase(), rest),
        ("Dictionary", Some((inside, rest))) => {
            (if inside.contains("Utf8") { "text" } else { "dictionary" }.to_string(), rest)
        }
        _ => (kind(word).to_string(), behind),
    }
}

/// What kind of value a type holds; any other word stays as it is.
fn kind(word: &str) -> &str {
    match word {
        "Utf8" | "LargeUtf8" | "Utf8View" | "String" => "text",
        "Int8" | "Int16" | "Int32" | "Int64" | "UInt8" | "UInt16" | "UInt32" | "UInt64" | "Integer" => {
            "integer"
        }
        "Float16" | "Float32" | "Float64" | "Decimal" | "Numeric" => "number",
        "Date32" | "Date64" => "date",
        "Timestamp" => "timestamp",
        "Time" => "time",
        "Interval" => "interval",
        "Duration" => "duration",
        "Binary" | "LargeBinary" | "BinaryView" => "binary",
        other => other,
    }
}

/// Where the bracket closes that a text begins with.
pub(super) fn closing(text: &str) -> Option<usize> {
    if !text.starts_with('(') {
        return None;
    }
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// `IntervalMonthDayNano { months: 0, days: 1, nanoseconds: 0 }` as one would write it.
fn intervals(text: &str) -> String {
    const HEAD: &str = "IntervalMonthDayNano { months: ";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(HEAD) {
        let Some(end) = rest[at..].find(" }").map(|end| at + end) else {
            break;
        };
        let numbers: Vec<i64> = rest[at..end]
            .split(": ")
            .skip(1)
            .filter_map(|part| part.split(',').next()?.trim().parse().ok())
            .collect();
        out.push_str(&rest[..at]);
        out.push_str(&interval(&numbers));
        rest = &rest[end + 2..];
    }
    out.push_str(rest);
    out
}

fn interval(numbers: &[i64]) -> String {
    const SECOND: i64 = 1_000_000_000;
    let [months, days, nanoseconds] = *numbers else {
        return "an interval".to_string();
    };
    let rest = if nanoseconds % SECOND == 0 {
        (nanoseconds / SECOND, "seconds")
    } else {
        (nanoseconds, "nanoseconds")
    };
    let parts: Vec<String> = [(months, "months"), (days, "days"), rest]
        .into_iter()
        .filter(|(number, _)| *number != 0)
        .map(|(number, unit)| format!("{number} {unit}"))
        .collect();
    let parts = if parts.is_empty() { "0 seconds".to_string() } else { parts.join(" ") };
    format!("INTERVAL '{parts}'")
}
