//! Texts as they are shown: escaping, grouped and short numbers, and how wide a text will be.

use super::input::{Cell, Kind, Language};
use super::period::Period;

/// A text inside an element or a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Control characters are no part of HTML; SQL and page names may hold them.
            c if c.is_control() && c != '\n' && c != '\t' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A name as a part of an id.
pub(super) fn slug(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '-' }).collect()
}

/// `访问次数 visits` in one of its languages; a text of another form as it is.
pub(super) fn half(text: &str, language: Language) -> &str {
    match (text.split_once(' '), language) {
        (Some((zh, en)), Language::Zh) if !zh.is_ascii() && en.is_ascii() => zh,
        (Some((zh, en)), Language::En) if !zh.is_ascii() && en.is_ascii() => en,
        _ => text,
    }
}

/// `1234567.25` as `1,234,567.25`.
pub(super) fn grouped(plain: &str) -> String {
    let (sign, rest) = plain.strip_prefix('-').map_or(("", plain), |rest| ("−", rest));
    let (whole, fraction) = rest.split_once('.').map_or((rest, ""), |(whole, fraction)| (whole, fraction));
    let mut grouped = String::from(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if !fraction.is_empty() {
        grouped.push('.');
        grouped.push_str(fraction);
    }
    grouped
}

/// A number with at most so many decimals, rounded half away from zero, without trailing zeros.
pub(super) fn decimals(value: f64, most: usize) -> String {
    let scale = 10f64.powi(most as i32);
    // The nudge rounds 0.285 × 100 = 28.499999999999996 as people do.
    let rounded = ((value * scale).abs() + 1e-9).round() / scale * value.signum();
    let text = format!("{rounded:.most$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_string() } else { text.to_string() }
}

/// A value of a column, as a person reads it.
pub(super) fn shown(cell: &Cell, kind: Kind, language: Language) -> String {
    match (cell, kind) {
        (Cell::Null, _) => "–".to_string(),
        (Cell::Text(text), Kind::Day) => {
            Period::parse(text).map_or_else(|| text.clone(), |period| period.long(language))
        }
        (Cell::Text(text), _) => text.clone(),
        (cell, kind) if kind.is_number() => match cell.number() {
            Some(value) => figure(value, kind),
            None => "–".to_string(),
        },
        (cell, _) => cell.plain(),
    }
}

/// A number of a kind, grouped and with its sign of percent.
pub(super) fn figure(value: f64, kind: Kind) -> String {
    match kind {
        Kind::Percent => format!("{}%", grouped(&decimals(value, 2))),
        Kind::Share => format!("{}%", grouped(&decimals(value * 100.0, 2))),
        _ => grouped(&decimals(value, 4)),
    }
}

/// A figure on a card: a time in minutes and seconds.
pub(super) fn large(value: f64, kind: Kind, language: Language) -> String {
    if kind != Kind::Seconds || value < 60.0 {
        let places = if value.abs() >= 100.0 { 1 } else { 2 };
        return match (kind, language) {
            (Kind::Percent | Kind::Share, _) => figure(value, kind),
            (Kind::Seconds, Language::Zh) => format!("{} 秒", decimals(value, 1)),
            (Kind::Seconds, Language::En) => format!("{} s", decimals(value, 1)),
            _ => grouped(&decimals(value, places)),
        };
    }
    let seconds = value.round() as i64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, language) {
        (0, Language::Zh) => format!("{minutes} 分 {seconds} 秒"),
        (0, Language::En) => format!("{minutes}m {seconds:02}s"),
        (_, Language::Zh) => format!("{} 小时 {minutes} 分", grouped(&hours.to_string())),
        (_, Language::En) => format!("{}h {minutes:02}m", grouped(&hours.to_string())),
    }
}

/// A number on an axis: `1.2k` or `1.2万`.
pub(super) fn short(value: f64, kind: Kind, language: Language) -> String {
    match kind {
        Kind::Percent => return format!("{}%", decimals(value, 2)),
        Kind::Share => return format!("{}%", decimals(value * 100.0, 2)),
        _ => {}
    }
    let units: &[(f64, &str)] = match language {
        Language::En => &[(1e9, "bn"), (1e6, "m"), (1e4, "k")],
        Language::Zh => &[(1e8, "亿"), (1e4, "万")],
    };
    match units.iter().find(|(from, _)| value.abs() >= *from) {
        Some((1e4, "k")) => format!("{}k", grouped(&decimals(value / 1e3, 1))),
        Some((unit, word)) => format!("{}{word}", grouped(&decimals(value / unit, 2))),
        None => grouped(&decimals(value, 4)),
    }
}

/// How wide a text is, in its own font size: 1 for Chinese, a bit more than half for Latin.
pub(super) fn width(text: &str) -> f64 {
    text.chars()
        .map(|c| match c {
            'i' | 'l' | 'j' | '.' | ',' | ':' | '/' | ' ' | '|' | '\'' => 0.34,
            'm' | 'w' | 'M' | 'W' | '%' => 0.95,
            'A'..='Z' => 0.7,
            '0'..='9' => 0.64,
            c if (c as u32) < 0x2e80 => 0.6,
            _ => 1.0,
        })
        .sum()
}

/// A text that is at most so wide. Of a path the end is kept, which tells pages apart; of other texts the beginning.
pub(super) fn fitted(text: &str, most: f64) -> String {
    if width(text) <= most {
        return text.to_string();
    }
    let keeps_end = text.contains('/');
    let mut kept: Vec<char> = Vec::new();
    let mut room = most - 0.8;
    let chars: Box<dyn Iterator<Item = char>> =
        if keeps_end { Box::new(text.chars().rev()) } else { Box::new(text.chars()) };
    for c in chars {
        room -= width(c.encode_utf8(&mut [0; 4]));
        if room < 0.0 {
            break;
        }
        kept.push(c);
    }
    if keeps_end {
        kept.reverse();
        format!("…{}", kept.into_iter().collect::<String>())
    } else {
        format!("{}…", kept.into_iter().collect::<String>())
    }
}
