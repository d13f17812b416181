//! The page of a function as a terminal shows it: no marks of Markdown, arguments in a column, lines that fit.

use crate::repl::text::{pad, width, wrap};

/// Longer lines are hard to read.
const WIDEST: usize = 100;

/// What is known of a function, some of it in Markdown.
#[derive(Debug, Default)]
pub(crate) struct Manual<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: &'a str,
    /// Ways to call it.
    pub(crate) calls: Vec<&'a str>,
    pub(crate) description: &'a str,
    /// Name and meaning.
    pub(crate) arguments: &'a [(String, String)],
    pub(crate) example: Option<&'a str>,
    pub(crate) related: Vec<&'a str>,
}

impl Manual<'_> {
    /// The lines of the page, for a terminal of so many cells.
    pub(crate) fn lines(&self, cells: usize) -> Vec<String> {
        let cells = cells.min(WIDEST);
        let title = if self.kind.is_empty() {
            self.name.to_string()
        } else {
            format!("{}, {}", self.name, self.kind)
        };
        let mut lines = vec![title, String::new()];
        for call in &self.calls {
            lines.extend(hanging("  ", "      ", &bare(call), cells));
        }
        lines.push(String::new());
        lines.extend(prose(self.description, cells));
        if !self.arguments.is_empty() {
            lines.extend([String::new(), "arguments".to_string()]);
            let widest =
                self.arguments.iter().map(|(name, _)| width(&bare(name))).max().unwrap_or(0).min(cells / 3);
            for (name, meaning) in self.arguments {
                let first = format!("  {}  ", pad(&bare(name), widest, false));
                lines.extend(hanging(&first, &" ".repeat(widest + 4), &bare(meaning), cells));
            }
        }
        if let Some(example) = self.example {
            lines.extend([String::new(), "example".to_string()]);
            let code = example.trim_end().lines().filter(|line| !line.trim_start().starts_with("```"));
            lines.extend(code.map(|line| format!("  {line}")));
        }
        if !self.related.is_empty() {
            lines.push(String::new());
            lines.extend(hanging("see also ", "         ", &self.related.join(", "), cells));
        }
        lines
    }
}

/// Paragraphs and lists in lines that fit; what stands between fences stays as it is drawn.
fn prose(markdown: &str, cells: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut paragraph = String::new();
    let mut is_drawing = false;
    for line in markdown.trim().lines() {
        let text = line.trim();
        let is_fence = text.starts_with("```");
        let is_item = item(text).is_some();
        if is_drawing && !is_fence {
            lines.push(format!("  {line}"));
            continue;
        }
        if is_fence || is_item || text.is_empty() {
            finish(&mut paragraph, &mut lines, cells);
        }
        if is_fence {
            is_drawing = !is_drawing;
        } else if text.is_empty() {
            lines.push(String::new());
        } else {
            paragraph.push_str(text);
            paragraph.push(' ');
        }
    }
    finish(&mut paragraph, &mut lines, cells);
    lines
}

fn finish(paragraph: &mut String, lines: &mut Vec<String>, cells: usize) {
    let text = std::mem::take(paragraph);
    match item(&text) {
        Some((mark, words)) => lines.extend(hanging(mark, &" ".repeat(width(mark)), &bare(words), cells)),
        None => lines.extend(wrap(&bare(&text), cells)),
    }
}

/// The mark and the words of an item of a list: `- `, `* `, `1. `.
fn item(text: &str) -> Option<(&str, &str)> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let is_mark = text[digits..].starts_with(if digits == 0 { "- " } else { ". " });
    let is_mark = is_mark || digits == 0 && text.starts_with("* ");
    is_mark.then(|| text.split_at(digits + 2))
}

/// Lines of which the first begins with one text and the others with another one.
fn hanging(first: &str, others: &str, text: &str, cells: usize) -> Vec<String> {
    let room = cells.saturating_sub(width(others)).max(20);
    let wrapped = wrap(text, room).into_iter().enumerate();
    wrapped.map(|(at, line)| format!("{}{line}", if at == 0 { first } else { others })).collect()
}

/// The text without marks: code, bold, and links, of which the words stay.
fn bare(markdown: &str) -> String {
    let text = markdown.replace("**", "").replace('`', "");
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((open, middle, close)) = link(rest) {
        out.push_str(&rest[..open]);
        out.push_str(&rest[open + 1..middle]);
        rest = &rest[close + 1..];
    }
    out + rest
}

/// Where the first `[words](address)` opens, parts and closes.
fn link(text: &str) -> Option<(usize, usize, usize)> {
    let middle = text.match_indices("](").map(|(at, _)| at).find(|at| {
        let address = &text[at + 2..];
        address.starts_with('#') || address.starts_with("http")
    })?;
    let open = text[..middle].rfind('[')?;
    let close = middle + text[middle..].find(')')?;
    Some((open, middle, close))
}
