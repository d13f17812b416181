//! What may stand behind a `\`: the prompt's own commands.

use std::path::PathBuf;
use std::time::Duration;

use crate::error::did_you_mean;
use crate::repl::chart::ChartKind;

/// A command, parsed.
#[derive(Debug, Clone, PartialEq)]
pub enum Meta {
    /// `\d`: the tables; `\d NAME`: its columns.
    Describe(Option<String>),
    /// `\df`: the functions; `\df NAME`: its page.
    Functions(Option<String>),
    Summary(String),
    /// `None` turns it the other way.
    Timing(Option<bool>),
    Watch(Watch),
    Chart {
        kind: Option<ChartKind>,
        columns: Vec<String>,
    },
    Pivot(Vec<String>),
    /// `None` takes back an earlier `\o`.
    Output(Option<PathBuf>),
    /// `None` asks for the form.
    Format(Option<String>),
    /// `None` turns it the other way.
    Expanded(Option<Expanded>),
    Include(PathBuf),
    Edit(Option<PathBuf>),
    /// Name with its type as written, and the value; without a value the parameter is shown, without both all are.
    Set(Option<(String, Option<String>)>),
    Unset(String),
    Last,
    /// The last statement, as it was typed.
    Print,
    /// Forgets a statement that has no end yet.
    Reset,
    Report {
        name: Option<String>,
        parameters: Vec<String>,
    },
    History(Option<usize>),
    Help,
    Quit,
}

/// `\watch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    pub every: Duration,
    pub times: Option<u64>,
    /// Stops once this is true of a row of the answer, which it reads as the table `_`.
    pub until: Option<String>,
}

/// `\x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expanded {
    On,
    Off,
    /// Where the table would not fit.
    Auto,
}

/// Command, arguments, meaning.
pub const COMMANDS: [(&str, &str, &str); 21] = [
    ("d", "[NAME]", "tables and views; columns, types and definition of one"),
    ("df", "[NAME]", "functions; the page of one"),
    (
        "summary",
        "TABLE",
        "type, nulls, distinct values, least, greatest and most frequent value of each column",
    ),
    ("report", "[NAME] [-p NAME=VALUE]…", "reports; the answer of one"),
    (
        "chart",
        "[line|bar|heat|funnel] [X Y… | X Y SERIES]",
        "draws the last result; that of a report as its header says",
    ),
    ("pivot", "[ROWS HEADINGS VALUES]", "turns the last result: values of a column become columns"),
    ("last", "", "the last result again, all of its columns; in SQL it is the table _"),
    ("watch", "SECONDS [TIMES] [until EXPRESSION]", "repeats the last statement and marks what changed"),
    ("o", "[FILE]", "the next result goes into this file, whole or not at all; folders on its way are made"),
    (
        "format",
        "[NAME]",
        "the form of results: table, vertical, csv, tsv, json, ndjson, markdown, agent; of a file of \\o also parquet",
    ),
    ("x", "[on|off|auto]", "a line for each value instead of a row"),
    ("timing", "[on|off]", "says how long a statement took"),
    ("set", "[NAME[:TYPE] [VALUE]]", "gives $NAME a value; without one shows it, alone shows all"),
    ("unset", "NAME", "takes the value of $NAME away"),
    ("i", "FILE", "runs a file of statements and commands"),
    ("e", "[FILE]", "the last statement, or a file, in your editor, then runs it"),
    ("p", "", "the statement that is open, or the last one, as it was typed"),
    ("r", "", "forgets the statement that is open"),
    ("history", "[N]", "what was asked, with time, duration and rows"),
    ("?", "", "this list"),
    ("q", "", "leaves; Ctrl-D does, too"),
];

/// Other names of commands, as people know them from elsewhere.
const ALIASES: [(&str, &str); 9] = [
    ("dt", "d"),
    ("dv", "d"),
    ("d+", "d"),
    ("describe", "d"),
    ("h", "df"),
    ("help", "?"),
    ("quit", "q"),
    ("s", "history"),
    ("crosstabview", "pivot"),
];

/// Reads what stands behind the `\`.
pub fn parse(line: &str) -> Result<Meta, String> {
    let line = line.trim().trim_end_matches(';').trim_end();
    let (name, rest) = line.split_at(line.find(char::is_whitespace).unwrap_or(line.len()));
    let rest = rest.trim();
    let known = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, name)| name);
    let words = match known {
        // The rest is one value, or an expression: a quote in it is a part of it.
        "set" | "watch" => Vec::new(),
        _ => split(rest).map_err(|e| format!("\\{name}: {e}"))?,
    };
    let usage = || {
        let (name, arguments, meaning) =
            COMMANDS.into_iter().find(|(command, ..)| *command == known).unwrap_or_default();
        format!("\\{name} {arguments}: {meaning}")
    };
    let optional = || match words.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one.clone())),
        _ => Err(usage()),
    };
    let none = |meta: Meta| if words.is_empty() { Ok(meta) } else { Err(usage()) };
    match known {
        "d" => Ok(Meta::Describe(optional()?)),
        "df" => Ok(Meta::Functions(optional()?)),
        "summary" => optional()?.map(Meta::Summary).ok_or_else(usage),
        "timing" => Ok(Meta::Timing(optional()?.map(|word| switch("timing", &word)).transpose()?)),
        "watch" => watch(rest).map(Meta::Watch).map_err(|e| format!("\\watch: {e}; {}", usage())),
        "chart" => chart(words),
        "pivot" if words.len() <= 3 => Ok(Meta::Pivot(words)),
        "o" => Ok(Meta::Output(optional()?.map(PathBuf::from))),
        "format" => Ok(Meta::Format(optional()?)),
        "x" => Ok(Meta::Expanded(match optional()? {
            Some(word) if word.eq_ignore_ascii_case("auto") => Some(Expanded::Auto),
            Some(word) if switch("x", &word)? => Some(Expanded::On),
            Some(_) => Some(Expanded::Off),
            None => None,
        })),
        "i" => optional()?.map(|file| Meta::Include(PathBuf::from(file))).ok_or_else(usage),
        "e" => Ok(Meta::Edit(optional()?.map(PathBuf::from))),
        "set" => set(rest).ok_or_else(usage),
        "unset" => {
            let name = optional()?.ok_or_else(usage)?;
            Ok(Meta::Unset(name.trim_start_matches('$').split(':').next().unwrap_or_default().to_string()))
        }
        "last" => none(Meta::Last),
        "p" => none(Meta::Print),
        "r" => none(Meta::Reset),
        "report" => report(&words).map_err(|e| format!("\\report: {e}; {}", usage())),
        "history" => match optional()?.map(|word| word.parse()) {
            None => Ok(Meta::History(None)),
            Some(Ok(count)) => Ok(Meta::History(Some(count))),
            Some(Err(_)) => Err(usage()),
        },
        "?" => Ok(Meta::Help),
        "q" => none(Meta::Quit),
        "pivot" => Err(usage()),
        "" => Err("a command follows the \\; \\? lists them".to_string()),
        _ => {
            let names: Vec<&str> = COMMANDS.iter().map(|(name, ..)| *name).collect();
            Err(format!("there is no command \\{name}{}; \\? lists them", did_you_mean(name, &names)))
        }
    }
}

/// What `\?` shows.
pub fn help() -> String {
    let head = |(name, arguments, _): &(&str, &str, &str)| format!("\\{name} {arguments}");
    let widest = COMMANDS.iter().map(|command| head(command).chars().count()).max().unwrap_or(0);
    let mut text = String::from(
        "A statement ends with ; and may have many lines. Tab completes, Ctrl-R searches the history.\n\n",
    );
    for command in &COMMANDS {
        text.push_str(&format!("{:widest$}  {}\n", head(command), command.2));
    }
    text.push_str(
        "\nQuotes around a word, or around what stands behind its =, hold it together; others are a part of it:\n\
         \\report analysis -p filter=in_segment('buyers'), or -p \"filter=event = 'share'\"\n\
         SET alone shows what may be set. Ctrl-C cancels a query.\n",
    );
    text
}

fn switch(command: &str, word: &str) -> Result<bool, String> {
    match word.to_lowercase().as_str() {
        "on" | "true" | "1" | "yes" => Ok(true),
        "off" | "false" | "0" | "no" => Ok(false),
        _ => {
            Err(format!("\\{command}: '{word}' is neither on nor off{}", did_you_mean(word, &["on", "off"])))
        }
    }
}

/// `N [times] [until EXPR]`
fn watch(rest: &str) -> Result<Watch, String> {
    let lower = rest.to_ascii_lowercase();
    let at =
        lower.split_whitespace().any(|word| word == "until").then(|| find_word(&lower, "until")).flatten();
    let (head, until) = match at {
        Some(at) => (&rest[..at], Some(rest[at + "until".len()..].trim().to_string())),
        None => (rest, None),
    };
    if until.as_ref().is_some_and(String::is_empty) {
        return Err("an expression follows until".to_string());
    }
    let mut words = head.split_whitespace();
    let every = match words.next() {
        None => 2.0,
        Some(word) => word
            .trim_end_matches('s')
            .parse()
            .ok()
            .filter(|seconds: &f64| seconds.is_finite() && (0.1..=86_400.0).contains(seconds))
            .ok_or_else(|| format!("'{word}' is not a number of seconds from 0.1 on"))?,
    };
    let times = match words.next() {
        None => None,
        Some(word) => match word.parse() {
            Ok(0) | Err(_) => return Err(format!("'{word}' is not a number of times, from 1 on")),
            Ok(times) => Some(times),
        },
    };
    match words.next() {
        None => Ok(Watch { every: Duration::from_secs_f64(every), times, until }),
        Some(word) => Err(format!(
            "'{word}' is neither seconds, nor times, nor until{}",
            did_you_mean(word, &["until"])
        )),
    }
}

fn find_word(text: &str, word: &str) -> Option<usize> {
    text.match_indices(word).map(|(at, _)| at).find(|at| {
        text[..*at].chars().next_back().is_none_or(char::is_whitespace)
            && text[at + word.len()..].chars().next().is_none_or(char::is_whitespace)
    })
}

/// A first word that is a kind is one, unless it is the only word of a result's column: the kinds win.
fn chart(mut words: Vec<String>) -> Result<Meta, String> {
    let kind = match words.first().map(|word| word.parse::<ChartKind>()) {
        Some(Ok(kind)) => {
            words.remove(0);
            Some(kind)
        }
        // Close to a kind, it was meant as one; anything else is a column.
        Some(Err(message)) if message.contains("did you mean") => return Err(format!("\\chart: {message}")),
        _ => None,
    };
    Ok(Meta::Chart {
        kind,
        columns: words.into_iter().map(|word| word.trim_end_matches(',').to_string()).collect(),
    })
}

fn set(rest: &str) -> Option<Meta> {
    if rest.is_empty() {
        return Some(Meta::Set(None));
    }
    // Both `\set day 2026-03-01` and `\set day=2026-03-01`.
    let end = rest.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(rest.len());
    let (name, value) = rest.split_at(end);
    let value = value.trim_start();
    let value = value.strip_prefix('=').unwrap_or(value).trim();
    let name = name.trim_start_matches('$');
    let plain = name.split(':').next().unwrap_or_default();
    if plain.is_empty() || !plain.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    // A pair of quotes is a value, with nothing in it, too.
    let value = unquoted(value).or_else(|| (!value.is_empty()).then(|| value.to_string()));
    Some(Meta::Set(Some((name.to_string(), value))))
}

/// `NAME -p a=b -pc=d`
fn report(words: &[String]) -> Result<Meta, String> {
    let mut name = None;
    let mut parameters = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "-p" || word == "--parameter" {
            parameters.push(words.next().ok_or("NAME=VALUE follows -p")?.clone());
        } else if let Some(parameter) = word.strip_prefix("-p") {
            parameters.push(parameter.to_string());
        } else if word.contains('=') {
            parameters.push(word.clone());
        } else if name.is_none() {
            name = Some(word.clone());
        } else {
            return Err(format!("'{word}' is neither a report's name nor -p NAME=VALUE"));
        }
    }
    Ok(Meta::Report { name, parameters })
}

/// Words with blanks between; within quotes a blank ends no word.
///
/// Quotes around a word, or around all that stands behind its first `=`, are taken off; any others belong to the word, as those
/// of `filter=in_segment('buyers')` do.
pub(crate) fn split(text: &str) -> Result<Vec<String>, String> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    for c in text.chars() {
        match (quote, c) {
            (None, c) if c.is_whitespace() => {
                words.extend(word.take());
                continue;
            }
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            _ => {}
        }
        word.get_or_insert_default().push(c);
    }
    words.extend(word);
    match quote {
        Some(open) => Err(format!("the quote {open} is not closed")),
        None => Ok(words.iter().map(|word| bare(word)).collect()),
    }
}

/// The word without the quotes around it or around its value.
fn bare(word: &str) -> String {
    if let Some(inner) = unquoted(word) {
        return inner;
    }
    match word.split_once('=').map(|(name, value)| (name, unquoted(value))) {
        Some((name, Some(value))) if !name.contains(['\'', '"']) => format!("{name}={value}"),
        _ => word.to_string(),
    }
}

/// What stands between one pair of quotes; a quote that stands twice is one of the text.
fn unquoted(text: &str) -> Option<String> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
    let twice = [quote, quote].iter().collect::<String>();
    (!inner.replace(&twice, "").contains(quote)).then(|| inner.replace(&twice, &quote.to_string()))
}
