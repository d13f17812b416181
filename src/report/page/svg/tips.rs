//! What the marks of a picture say, in one attribute: marks say much the same, so only what differs is written out.
//!
//! A mark is a line, its lines are parted by tabs, and each begins with how many letters it has in common with that line
//! of the mark before, as one digit to the base 36:
//!
//! ```text
//! 2026-03-01 Sun ⏎ opens: 120      02026-03-01 Sun ⇥ 0opens: 120
//! 2026-03-02 Mon ⏎ opens: 131   ▶  92 Mon ⇥ 831
//! ```

/// The most letters that one digit tells.
const MOST: usize = 35;

/// The lines of all marks; the page's script has the way back.
pub(super) fn packed(tips: &[String]) -> String {
    let mut packed = String::new();
    let mut before: Vec<&str> = Vec::new();
    for (mark, tip) in tips.iter().enumerate() {
        if mark > 0 {
            packed.push('\n');
        }
        let lines: Vec<&str> = tip.split('\n').collect();
        for (at, line) in lines.iter().enumerate() {
            if at > 0 {
                packed.push('\t');
            }
            let (digit, same) = common(before.get(at).copied().unwrap_or_default(), line);
            packed.push(digit);
            // A name with a tab in it must not become two lines.
            packed.extend(line[same..].chars().map(|c| if c == '\t' { ' ' } else { c }));
        }
        before = lines;
    }
    packed
}

/// How much two lines have in common from their beginning: the digit counts as browsers do, in UTF-16; then in bytes.
fn common(before: &str, line: &str) -> (char, usize) {
    let (mut letters, mut bytes) = (0, 0);
    for (a, b) in before.chars().zip(line.chars()) {
        if a != b || letters + a.len_utf16() > MOST {
            break;
        }
        letters += a.len_utf16();
        bytes += a.len_utf8();
    }
    (char::from_digit(letters as u32, 36).unwrap_or('0'), bytes)
}
