//! The lines of a header that explain a result: what its columns mean, how it is drawn, what always holds of it.
//!
//! ```sql
//! -- column visit_uv = visitors | 访问人数 : distinct users with a page view on the day | 当日有页面访问的去重用户数
//! -- chart: line x=ref_date y=visit_pv,visit_uv
//! -- check: visit_uv <= visit_pv
//! -- json: object
//! -- days: from-2..to+1
//! -- period: week
//! ```
//! Each is read by a function of its own, whose error says what was found and what is accepted.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use crate::error::did_you_mean;

/// A name or a sentence for people, in English and, where there is one, in Chinese.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Label {
    pub en: String,
    pub zh: Option<String>,
}

/// What a column of the result is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnNote {
    pub name: String,
    pub label: Label,
    /// How it is computed, with its unit and rounding.
    pub definition: Label,
    /// 1-based line of the file.
    pub line: usize,
}

/// How a result is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    pub kind: ChartKind,
    /// Columns by what they are for, `x`, `y`, `series`, …
    roles: BTreeMap<String, Vec<String>>,
    /// 1-based line of the file.
    pub line: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChartKind {
    /// Figures with their changes against earlier days.
    Cards,
    Line,
    Bar,
    Stacked,
    Heat,
    Funnel,
    Sankey,
    Calendar,
    Table,
}

/// What holds of every result: a Boolean expression over its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub expression: String,
    /// 1-based line of the file.
    pub line: usize,
}

/// On the events of which days a result depends, beside the range that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// Days to add to the first day asked for; `None`: all days before matter.
    pub before: Option<Shift>,
    /// Days to add to the last day asked for; `None`: all days after matter.
    pub after: Option<Shift>,
}

/// A number of days from one end of the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shift {
    pub of: Edge,
    pub days: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    From,
    To,
}

/// A stretch of the calendar for which figures are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Period {
    Day,
    /// Monday to Sunday.
    Week,
    Month,
}

impl Label {
    /// `English | 中文`, or one name for both.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        Self::halves(text, "|")
    }

    /// A sentence in the same form; only a bar between blanks parts it, so that it may hold `a || b`.
    pub(super) fn sentence(text: &str) -> Result<Self, String> {
        Self::halves(&format!(" {} ", text.trim()), " | ")
    }

    fn halves(text: &str, bar: &str) -> Result<Self, String> {
        let mut halves = text.split(bar).map(str::trim);
        let (en, zh) = (halves.next().unwrap_or_default(), halves.next());
        if en.is_empty() || zh == Some("") || halves.next().is_some() {
            return Err(format!("'{}' is not `English | 中文`", text.trim()));
        }
        Ok(Self { en: en.to_string(), zh: zh.map(str::to_string) })
    }

    /// In Chinese where that is asked for and known.
    pub fn text(&self, chinese: bool) -> &str {
        self.zh.as_deref().filter(|_| chinese).unwrap_or(&self.en)
    }
}

impl Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.zh {
            Some(zh) => write!(f, "{} ({zh})", self.en),
            None => f.write_str(&self.en),
        }
    }
}

impl ColumnNote {
    /// `name = English | 中文 : definition | 定义`; `None` where the line is prose that happens to begin with the word "column".
    pub(super) fn parse(text: &str, line: usize) -> Result<Option<Self>, String> {
        const FORM: &str = "a column is explained as `-- column name = English | 中文 : definition | 定义`";
        let Some((name, rest)) = text.split_once('=') else { return Ok(None) };
        let name = name.trim();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Ok(None);
        }
        let (label, definition) = match rest.split_once(" :") {
            Some((label, definition)) => (label, definition.trim()),
            None => (rest, ""),
        };
        let wrong = |reason: String| format!("column {name}: {reason}; {FORM}");
        let label = Label::parse(label).map_err(wrong)?;
        if definition.is_empty() {
            return Err(format!("column {name} has no definition; {FORM}"));
        }
        let definition = Label::sentence(definition).map_err(wrong)?;
        Ok(Some(Self { name: name.to_string(), label, definition, line }))
    }
}

impl ChartKind {
    const NAMES: [&'static str; 9] =
        ["cards", "line", "bar", "stacked", "heat", "funnel", "sankey", "calendar", "table"];
    const ALL: [Self; 9] = [
        Self::Cards,
        Self::Line,
        Self::Bar,
        Self::Stacked,
        Self::Heat,
        Self::Funnel,
        Self::Sankey,
        Self::Calendar,
        Self::Table,
    ];

    /// The roles that columns must have, and those that they may have.
    fn roles(self) -> (&'static [&'static str], &'static [&'static str]) {
        match self {
            Self::Cards => (&["figure", "value"], &["change"]),
            Self::Line => (&["x", "y"], &["series", "compare"]),
            Self::Bar | Self::Stacked => (&["x", "y"], &["series"]),
            Self::Heat => (&["x", "y", "value"], &["series"]),
            Self::Funnel => (&["step", "value"], &["series", "label"]),
            Self::Sankey => (&["from", "to", "value"], &["step", "series"]),
            Self::Calendar => (&["x", "value"], &["series"]),
            Self::Table => (&[], &[]),
        }
    }
}

impl Display for ChartKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES[*self as usize])
    }
}

impl Chart {
    /// `kind role=column role=column,column …`
    pub(super) fn parse(text: &str, line: usize) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let name = words.next().unwrap_or_default();
        let Some(at) = ChartKind::NAMES.iter().position(|known| *known == name) else {
            return Err(format!(
                "'{name}' is not a kind of chart: {}{}",
                ChartKind::NAMES.join(", "),
                did_you_mean(name, &ChartKind::NAMES)
            ));
        };
        let kind = ChartKind::ALL[at];
        let (needed, possible) = kind.roles();
        let accepted: Vec<&str> = needed.iter().chain(possible).copied().collect();
        let mut roles: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for word in words {
            let Some((role, columns)) = word.split_once('=') else {
                return Err(format!("chart {name}: '{word}' is not role=column"));
            };
            if !accepted.contains(&role) {
                return Err(format!(
                    "chart {name} has no '{role}': it has {}{}",
                    if accepted.is_empty() { "no roles".to_string() } else { accepted.join(", ") },
                    did_you_mean(role, &accepted)
                ));
            }
            let columns: Vec<String> = columns.split(',').map(str::to_string).collect();
            if columns.iter().any(String::is_empty) {
                return Err(format!("chart {name}: '{word}' names no column"));
            }
            if columns.len() > 1 && !["y", "change"].contains(&role) {
                return Err(format!("chart {name}: {role} takes one column, found {}", columns.join(",")));
            }
            if roles.insert(role.to_string(), columns).is_some() {
                return Err(format!("chart {name}: {role} is given twice"));
            }
        }
        if let Some(missing) = needed.iter().find(|role| !roles.contains_key(**role)) {
            return Err(format!("chart {name} needs {missing}=column"));
        }
        Ok(Self { kind, roles, line })
    }

    /// All roles with their columns, in order of their names.
    pub fn roles(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.roles.iter().map(|(role, columns)| (role.as_str(), columns.as_slice()))
    }

    /// The columns that have this role.
    pub fn columns(&self, role: &str) -> &[String] {
        self.roles.get(role).map_or(&[], Vec::as_slice)
    }

    /// The one column that has this role.
    pub fn column(&self, role: &str) -> Option<&str> {
        self.columns(role).first().map(String::as_str)
    }

    /// The first column it draws that is not among `known`.
    pub(super) fn unknown<'a>(&'a self, known: &[&str]) -> Option<&'a str> {
        self.roles.values().flatten().map(String::as_str).find(|column| !known.contains(column))
    }
}

impl Reach {
    /// `from-2..to+1`; a side that is left out has no end.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "'{text}' is not a range of days such as from-2..to+1; ..to for all days up to the last one asked for"
            )
        };
        let (before, after) = text.split_once("..").ok_or_else(wrong)?;
        let side = |side: &str| match side.trim() {
            "" => Ok(None),
            side => Shift::parse(side).map(Some).ok_or_else(wrong),
        };
        Ok(Self { before: side(before)?, after: side(after)? })
    }

    /// The first and the last day that matter for the range `from` to `to`, days since 1970-01-01.
    pub fn around(&self, from: i32, to: i32) -> (Option<i32>, Option<i32>) {
        let day = |shift: Shift| {
            let edge = match shift.of {
                Edge::From => from,
                Edge::To => to,
            };
            edge.saturating_add(shift.days)
        };
        (self.before.map(day), self.after.map(day))
    }
}

impl Shift {
    fn parse(text: &str) -> Option<Self> {
        let (of, rest) = match text.strip_prefix("from") {
            Some(rest) => (Edge::From, rest),
            None => (Edge::To, text.strip_prefix("to")?),
        };
        let rest = rest.trim();
        let days = match rest.strip_prefix(['+', '-']).map(str::trim_start) {
            None if rest.is_empty() => 0,
            Some(number) if number.starts_with(|c: char| c.is_ascii_digit()) => {
                let days: i32 = number.parse().ok()?;
                if rest.starts_with('-') { -days } else { days }
            }
            _ => return None,
        };
        Some(Self { of, days })
    }
}

impl Period {
    pub const NAMES: [&'static str; 3] = ["day", "week", "month"];
    const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    /// By its name.
    pub fn parse(text: &str) -> Result<Self, String> {
        match Self::NAMES.iter().position(|name| *name == text) {
            Some(at) => Ok(Self::ALL[at]),
            None => Err(format!(
                "'{text}' is not a period: {}{}",
                Self::NAMES.join(", "),
                did_you_mean(text, &Self::NAMES)
            )),
        }
    }
}

impl Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES[*self as usize])
    }
}
