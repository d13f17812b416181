//! Long answers go through a pager, without being asked.

/// The program that shows `lines` lines of at most `widest` cells page by page; `None` where the terminal has room for them.
///
/// `PAGER` names it, `less` is it otherwise; an empty one or `cat` is none. `-S` keeps the lines of wide tables whole: the
/// arrow keys move along them.
pub fn pager(
    lines: usize,
    widest: usize,
    terminal: (usize, usize),
    variable: impl Fn(&str) -> Option<String>,
) -> Option<Vec<String>> {
    let (width, height) = terminal;
    // The prompt wants a line.
    if lines < height && widest <= width {
        return None;
    }
    let chosen = variable("FOOTFALL_PAGER").or_else(|| variable("PAGER"));
    let words: Vec<String> = match &chosen {
        Some(text) => text.split_whitespace().map(str::to_string).collect(),
        None => vec!["less".to_string()],
    };
    match words.first().map(String::as_str) {
        None | Some("cat") => None,
        Some("less") if words.len() == 1 => {
            Some(["less", "-F", "-R", "-S", "-X"].map(str::to_string).to_vec())
        }
        Some(_) => Some(words),
    }
}
