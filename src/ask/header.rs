//! What a file of SQL says about itself in the comment lines at its top.
//!
//! ```sql
//! -- title: Visit trend by day | 访问趋势
//! -- question: How many opens and page views did each day have, and how long did the visitors stay?
//! --   | 每天的打开次数和访问次数各是多少，访问用户停留多久？
//! -- param from date = first_day : first local day
//! -- param event text of events.event = page_view : one of the values of a column
//! -- param grain text = day in (day, week, month) : what one row is
//! -- param limit int = 200 from 0 : how many rows
//! -- column visit_uv = visitors | 访问人数 : distinct users with a page view | 有页面访问的去重用户数
//! -- chart: line x=ref_date y=visit_uv
//! -- check: visit_uv >= 0
//! -- json: object
//! -- days: from-2..to+1
//! -- period: day
//! ```
//! A line that is indented further belongs to the line before it. Other comment lines are for the reader of the file.
//! Behind a bar stands the Chinese half, which may be left out; in a question or a definition the bar has blanks around it.
//! `json: object` is for a report whose rows are each a whole answer: one row is one object, not an array of one. `days` says
//! on the events of which days the answer depends, where less than what the query reads; `period` for which stretch of the
//! calendar the report is made.
//!
//! In a text that has a title, a line is refused that is none of these but looks like one: `-- chek: …`, `-- parm a int = 1`.

use datafusion::common::Result;

use crate::ask::errors::Usage;
use crate::ask::header_lines::{Chart, Check, ColumnNote, Label, Period, Reach};
use crate::ask::parameters::{Parameter, ParameterType, ValuesOf};
use crate::ask::script::Source;
use crate::error::{did_you_mean, edit_distance};

/// The header of a text of SQL; all of it may be absent.
#[derive(Debug, Clone, Default)]
pub struct Header {
    pub title: Option<Label>,
    pub question: Option<Label>,
    pub parameters: Vec<Parameter>,
    /// What the result's columns mean, in their order; empty where nobody says.
    pub columns: Vec<ColumnNote>,
    pub charts: Vec<Chart>,
    pub checks: Vec<Check>,
    /// In JSON a row is an answer of its own: one row is an object, not an array of one.
    pub json_object: bool,
    pub days: Option<Reach>,
    pub period: Option<Period>,
}

impl Header {
    /// Reads the comment lines before the first statement.
    pub fn parse(source: &Source) -> Result<Self> {
        let mut header = Self::default();
        let entries = entries(&source.text);
        let wrong = |line: usize, reason: &str| {
            Usage::error(format!("{}:{}: {reason}", source.name, source.line(line as u64)))
        };
        for (line, text) in &entries {
            header.entry(*line, text).map_err(|reason| wrong(*line, &reason))?;
        }
        // Other texts than reports may say what they like.
        if header.title.is_some()
            && let Some((line, reason)) =
                entries.iter().find_map(|(line, text)| mistyped(text).map(|reason| (line, reason)))
        {
            return Err(wrong(*line, &reason));
        }
        header.check_charts().map_err(|(line, reason)| wrong(line, &reason))?;
        Ok(header)
    }

    fn entry(&mut self, line: usize, text: &str) -> std::result::Result<(), String> {
        if let Some(title) = text.strip_prefix("title:") {
            self.title = Some(Label::parse(title).map_err(|reason| format!("title: {reason}"))?);
        } else if let Some(question) = text.strip_prefix("question:") {
            self.question = match question.trim() {
                "" => None,
                question => Some(Label::sentence(question).map_err(|reason| format!("question: {reason}"))?),
            };
        } else if let Some(declaration) = text.strip_prefix("param ") {
            let parameter = parameter(declaration)?;
            if self.parameters.iter().any(|known| known.name == parameter.name) {
                return Err(format!("parameter {} is declared twice", parameter.name));
            }
            self.parameters.push(parameter);
        } else if let Some(note) = text.strip_prefix("column ") {
            if let Some(note) = ColumnNote::parse(note, line)? {
                if self.columns.iter().any(|known| known.name == note.name) {
                    return Err(format!("column {} is explained twice", note.name));
                }
                self.columns.push(note);
            }
        } else if let Some(chart) = text.strip_prefix("chart:") {
            self.charts.push(Chart::parse(chart, line)?);
        } else if let Some(expression) = text.strip_prefix("check:") {
            let expression = expression.trim().to_string();
            if expression.is_empty() {
                return Err("check: without an expression, such as `-- check: sum(share) <= 1`".to_string());
            }
            self.checks.push(Check { expression, line });
        } else if let Some(form) = text.strip_prefix("json:") {
            match form.trim() {
                "object" => self.json_object = true,
                other => {
                    return Err(format!("json: '{other}' is not object, the only form that is declared"));
                }
            }
        } else if let Some(days) = text.strip_prefix("days:") {
            self.days = Some(Reach::parse(days.trim()).map_err(|reason| format!("days: {reason}"))?);
        } else if let Some(period) = text.strip_prefix("period:") {
            self.period = Some(Period::parse(period.trim()).map_err(|reason| format!("period: {reason}"))?);
        }
        Ok(())
    }

    /// What is drawn must be a column, where the columns are known.
    fn check_charts(&self) -> std::result::Result<(), (usize, String)> {
        if self.columns.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        for chart in &self.charts {
            if let Some(unknown) = chart.unknown(&names) {
                let reason = format!(
                    "chart {}: '{unknown}' is not one of the columns {}{}",
                    chart.kind,
                    names.join(", "),
                    did_you_mean(unknown, &names)
                );
                return Err((chart.line, reason));
            }
        }
        Ok(())
    }
}

/// The words that stand before a colon.
const KEYS: [&str; 7] = ["title", "question", "chart", "check", "json", "days", "period"];

/// What is wrong with a line that looks like one of a header and is none. Prose is not: a key is one word in small letters,
/// and what is taken for a parameter or a column has the form of one.
fn mistyped(text: &str) -> Option<String> {
    let end = text.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    if KEYS.contains(&word) {
        let is_apart = rest.trim_start() != rest && rest.trim_start().starts_with(':');
        return is_apart.then(|| format!("'{word} :' is no line of a header; did you mean '{word}:'?"));
    }
    let (what, known): (String, Vec<&str>) = if rest.starts_with(':') {
        (format!("{word}:"), KEYS.into_iter().chain(["param", "column"]).collect())
    } else {
        let words: Vec<&str> = rest.split_whitespace().take(2).collect();
        let known = match words.as_slice() {
            [_, kind] if ParameterType::NAMES.contains(kind) => "param",
            [_, "="] => "column",
            _ => return None,
        };
        (word.to_string(), if word == known { Vec::new() } else { vec![known] })
    };
    // Only one slip: prose has words of its own.
    let meant = known.into_iter().find(|known| edit_distance(word, known) == 1)?;
    Some(format!("'{what}' is no line of a header; did you mean '{meant}'?"))
}

/// The comment lines with their 1-based numbers, continuations joined to what they continue.
fn entries(text: &str) -> Vec<(usize, String)> {
    let mut entries: Vec<(usize, String)> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        let Some(comment) = line.strip_prefix("--") else {
            if line.is_empty() {
                continue;
            }
            break;
        };
        match entries.last_mut() {
            Some((_, entry)) if comment.starts_with("  ") && !entry.is_empty() => {
                entry.push(' ');
                entry.push_str(comment.trim());
            }
            _ => entries.push((at + 1, comment.trim().to_string())),
        }
    }
    entries
}

/// `name type [of table.column] [= default] [from least] [in (a, b)] [: meaning]`
fn parameter(declaration: &str) -> std::result::Result<Parameter, String> {
    const FORM: &str = "a parameter is declared as `-- param name type = default : meaning`";
    let (head, meaning) = match declaration.split_once(" :") {
        Some((head, meaning)) => (head.trim(), meaning.trim()),
        None => (declaration.trim(), ""),
    };
    let (head, accepted) = match head.split_once(" in (") {
        Some((head, accepted)) => {
            let accepted =
                accepted.trim().strip_suffix(')').ok_or("')' is missing behind the accepted values")?;
            (head.trim(), accepted.split(',').map(|value| unquote(value.trim())).collect())
        }
        None => (head, Vec::new()),
    };
    let (head, least) = match head.rsplit_once(" from ").map(|(head, least)| (head, least.trim().parse())) {
        Some((head, Ok(least))) => (head.trim(), Some(least)),
        _ => (head, None),
    };
    let (head, default) = match head.split_once('=') {
        Some((head, default)) => (head.trim(), Some(unquote(default.trim()))),
        None => (head, None),
    };
    let words: Vec<&str> = head.split_whitespace().collect();
    let (name, kind, column) = match words.as_slice() {
        [name, kind] => (*name, *kind, None),
        [name, kind, "of", column] => (*name, *kind, Some(*column)),
        _ => return Err(format!("'{head}' is not a name and a type; {FORM}")),
    };
    let kind: ParameterType = kind.parse().map_err(|e| crate::ask::errors::plain(&e))?;
    let values = column.map(|column| values_of(name, kind, column)).transpose()?;
    if least.is_some() && !matches!(kind, ParameterType::Int | ParameterType::Float) {
        return Err(format!("parameter {name}: from is for int and float, not for {kind}"));
    }
    Ok(Parameter {
        name: name.to_string(),
        kind,
        values,
        default,
        least,
        accepted,
        meaning: meaning.to_string(),
    })
}

/// `events.page`
fn values_of(name: &str, kind: ParameterType, column: &str) -> std::result::Result<ValuesOf, String> {
    if !matches!(kind, ParameterType::Text | ParameterType::List) {
        return Err(format!("parameter {name}: of is for text and list, not for {kind}"));
    }
    match column.split_once('.') {
        Some((table, column)) if !table.is_empty() && !column.is_empty() && !column.contains('.') => {
            Ok(ValuesOf { table: table.to_string(), column: column.to_string() })
        }
        _ => Err(format!("parameter {name}: '{column}' is not a table and its column, such as events.page")),
    }
}

fn unquote(text: &str) -> String {
    let inner = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    inner.map_or_else(|| text.to_string(), |inner| inner.replace("''", "'"))
}
