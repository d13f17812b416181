//! A result as the prompt shows, draws and turns it: names, kinds and texts, without Arrow.

/// Rows and columns of a result.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Grid {
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Cell>>,
}

/// One column of a [`Grid`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
}

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Number,
    Bool,
    /// A day, written as YYYY-MM-DD.
    Date,
    /// A time, written as YYYY-MM-DDTHH:MM:SS, with or without a fraction and a zone.
    Time,
    /// Lists, structs, maps, bytes.
    Other,
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    Null,
    Text(String),
    /// A number, and how it is written.
    Number(f64, String),
}

impl Grid {
    pub fn new(columns: &[(&str, Kind)]) -> Self {
        let columns = columns.iter().map(|(name, kind)| Column { name: (*name).to_string(), kind: *kind });
        Self { columns: columns.collect(), rows: Vec::new() }
    }

    /// The place of a column by its name; letters' case matters only where two names differ by it alone.
    pub fn find(&self, name: &str) -> Option<usize> {
        let exact = self.columns.iter().position(|column| column.name == name);
        exact.or_else(|| self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name)))
    }

    /// The columns' names, in order.
    pub fn names(&self) -> Vec<&str> {
        self.columns.iter().map(|column| column.name.as_str()).collect()
    }
}

impl Cell {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub fn number(value: f64) -> Self {
        Self::Number(value, plain_number(value))
    }

    /// A whole number, all of its digits.
    pub fn count(value: u64) -> Self {
        Self::Number(value as f64, value.to_string())
    }

    /// The value as it is shown; `NULL` for none.
    pub fn shown(&self) -> &str {
        match self {
            Self::Null => "NULL",
            Self::Text(text) | Self::Number(_, text) => text,
        }
    }

    /// The number, if it is one that can be drawn.
    pub fn value(&self) -> Option<f64> {
        match self {
            Self::Number(value, _) if value.is_finite() => Some(*value),
            _ => None,
        }
    }
}

/// A number in as few digits as a chart needs: 4 significant ones behind the point, none for whole numbers.
pub fn plain_number(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    let size = value.abs();
    if value == value.trunc() && size < 1e15 {
        return format!("{value:.0}");
    }
    if !(1e-4..1e15).contains(&size) {
        return format!("{value:.3e}");
    }
    let decimals = (3 - size.log10().floor() as i32).clamp(0, 8) as usize;
    let fixed = format!("{value:.decimals$}");
    match fixed.contains('.') {
        true => fixed.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => fixed,
    }
}
