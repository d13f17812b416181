//! How many cells of a terminal does a text take, and how is it cut and filled to a width?
//!
//! 中文 and emoji take two cells, combining marks none. A character that would move the cursor is written out, so that no
//! value can change what else is on the screen.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What stands for the part of a text that was cut off.
pub const CUT: char = '…';

/// Cells that `text` takes; it holds no line breaks.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text in one line of visible characters: controls are written out, as `\n` or `\u{1b}`.
pub fn one_line(text: &str) -> String {
    let is_harmless = |c: char| !c.is_control() && !is_invisible(c);
    if text.chars().all(is_harmless) {
        return text.to_string();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if is_harmless(c) => out.push(c),
            c => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
        }
    }
    out
}

/// Marks that turn the direction of writing or separate lines: terminals differ in what they do with them.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// The text, or its beginning and `…`, in at most `cells` cells.
pub fn cut(text: &str, cells: usize) -> String {
    if width(text) <= cells {
        return text.to_string();
    }
    if cells == 0 {
        return String::new();
    }
    let mut end = 0;
    let mut joined = false;
    for (at, c) in text.char_indices() {
        // What belongs to the character before is not parted from it.
        let belongs = joined || c.width() == Some(0) || ('\u{1f3fb}'..='\u{1f3ff}').contains(&c);
        joined = c == '\u{200d}';
        if !belongs && width(&text[..at]) < cells {
            end = at;
        }
        // A mark takes no cell, so a text may be much longer than it is wide.
        if width(&text[..at]) >= cells {
            break;
        }
    }
    let cut = format!("{}{CUT}", &text[..end]);
    // A mark at the seam may have changed its neighbour's width.
    if width(&cut) <= cells { cut } else { CUT.to_string() }
}

/// The text with blanks up to `cells`.
pub fn pad(text: &str, cells: usize, to_the_right: bool) -> String {
    let blanks = " ".repeat(cells.saturating_sub(width(text)));
    if to_the_right { format!("{blanks}{text}") } else { format!("{text}{blanks}") }
}

/// Cut and filled to exactly `cells`.
pub fn fitted(text: &str, cells: usize, to_the_right: bool) -> String {
    pad(&cut(text, cells), cells, to_the_right)
}

/// Words in lines of at most `cells`.
pub fn wrap(text: &str, cells: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= cells => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(cut(word, cells)),
        }
    }
    lines
}

/// 1234567 as 1,234,567.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// 2,470,000 as "2.47 million"; nothing below a million, where the digits are easily read.
pub fn in_words(number: u64) -> Option<String> {
    let (unit, name) = match number {
        0..=999_999 => return None,
        1_000_000..=999_999_999 => (1e6, "million"),
        _ => (1e9, "billion"),
    };
    Some(format!("{:.2} {name}", number as f64 / unit))
}

/// A number of bytes as people say it, of 1024s.
pub fn bytes(number: u64) -> String {
    let mut value = number as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{number} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TB")
}
