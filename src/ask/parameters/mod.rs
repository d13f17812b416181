//! How does a value from the command line get into a statement?
//!
//! As a typed literal in place of `$name` in the *parsed* statement, after the value has been checked against the
//! parameter's type. Text is never pasted into text, so no value can change what a statement does.
//!
//! A report declares its parameters in its header. In other SQL a parameter is text, or what `-p name:type=value` says.

mod bind;
mod filters;
mod segments;
mod value;

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::str::FromStr;

use datafusion::common::{DataFusionError, Result};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;

use crate::ask::errors::{self, Usage};
use crate::ask::script::{Parsed, Source};
use crate::error::did_you_mean;

pub(super) use bind::names;
#[cfg(feature = "store")]
pub(super) use segments::{check as check_segment, users_of};
use value::Value;

/// What a parameter accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterType {
    Text,
    Int,
    Float,
    Bool,
    Date,
    Timestamp,
    Interval,
    /// Several values: in `IN ($name)` they are spelt out, elsewhere they are an array.
    List,
    /// A column of the tables that the statement reads, or `props.name`, one property of an event, declared or not.
    Column,
    /// One Boolean expression over the statement's columns, without subqueries; `in_segment('buyers')` asks whether the user is
    /// in a segment.
    Filter,
    /// A time zone by its name; as a default also `time_zone`, the one in which the store counts days.
    Zone,
}

/// A column whose values are those of a parameter, `events.page`: another value answers nothing, which is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValuesOf {
    pub table: String,
    pub column: String,
}

/// A parameter that a text of SQL declares.
#[derive(Debug, Clone)]
pub struct Parameter {
    pub name: String,
    pub kind: ParameterType,
    /// Where its values come from, if from a column.
    pub values: Option<ValuesOf>,
    /// As written; without one the parameter must be given.
    pub default: Option<String>,
    /// The least value that a number may have.
    pub least: Option<i64>,
    /// The only values it may have; empty: any of its type.
    pub accepted: Vec<String>,
    /// What it means, for people.
    pub meaning: String,
}

impl Parameter {
    /// Whether the value leaves it out: `none` of a column, nothing of a day, where that is the default. The query has NULL in
    /// its place.
    fn is_left_out(&self, text: &str) -> bool {
        let none = match self.kind {
            ParameterType::Column => "none",
            ParameterType::Date => "",
            _ => return false,
        };
        self.default.as_deref() == Some(none) && text.trim().eq_ignore_ascii_case(none)
    }
}

impl Display for ValuesOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.table, self.column)
    }
}

/// One `-p name[:type]=value`.
#[derive(Debug, Clone)]
pub struct Given {
    pub name: String,
    pub kind: Option<ParameterType>,
    pub value: String,
}

/// Checked values by parameter name.
#[derive(Debug, Clone, Default)]
pub struct Arguments(BTreeMap<String, Argument>);

#[derive(Debug, Clone)]
struct Argument {
    value: Value,
    /// The value as it was written.
    text: String,
    /// Nobody said what type it has, so it is text.
    is_untyped: bool,
    /// Somebody gave it, or it is a day: what is not told of an answer is as its report declares it.
    is_told: bool,
}

impl Arguments {
    /// The values of a text that declares `declared`; a given name that it does not declare is left out.
    ///
    /// `resolve` turns the names of values, such as `first_day`, into values.
    pub fn declared(
        declared: &[Parameter],
        given: &[Given],
        resolve: impl Fn(&Parameter, &str) -> Result<String>,
    ) -> Result<Self> {
        let mut arguments = BTreeMap::new();
        for parameter in declared {
            let last = given.iter().rev().find(|given| given.name == parameter.name);
            if let Some(kind) = last.and_then(|given| given.kind).filter(|kind| *kind != parameter.kind) {
                return Err(Usage::error(format!(
                    "parameter {} is declared as {}, but given as {kind}",
                    parameter.name, parameter.kind
                )));
            }
            let Some(text) = last.map(|given| &given.value).or(parameter.default.as_ref()) else {
                return Err(Usage::error(format!(
                    "parameter {} ({}) is missing: give -p {}=…",
                    parameter.name, parameter.kind, parameter.name
                )));
            };
            let text = resolve(parameter, text)?;
            check_accepted(parameter, &text)?;
            let value = match parameter.is_left_out(&text) {
                true => Value::nothing(),
                false => Value::parse(&parameter.name, parameter.kind, &text)?,
            };
            check_least(parameter, &text)?;
            let is_told = last.is_some() || parameter.kind == ParameterType::Date;
            arguments.insert(parameter.name.clone(), Argument { value, text, is_untyped: false, is_told });
        }
        Ok(Self::paged(arguments))
    }

    /// The values of a text that declares nothing: each has the type given with it, or is text.
    pub fn undeclared(given: &[Given]) -> Result<Self> {
        let mut arguments = BTreeMap::new();
        for Given { name, kind, value: text } in given {
            let value = Value::parse(name, kind.unwrap_or(ParameterType::Text), text)?;
            let argument = Argument { value, text: text.clone(), is_untyped: kind.is_none(), is_told: true };
            arguments.insert(name.clone(), argument);
        }
        Ok(Self::paged(arguments))
    }

    /// Each expression knows by its lines that it is the first, the second, … of [`Arguments::expressions`].
    fn paged(mut arguments: BTreeMap<String, Argument>) -> Self {
        let filters = arguments.values_mut().filter_map(|argument| match &mut argument.value {
            Value::Filter(filter) => Some(filter),
            _ => None,
        });
        for (page, filter) in (1..).zip(filters) {
            value::put_on_page(filter, page);
        }
        Self(arguments)
    }

    /// The values that are expressions.
    pub(super) fn expressions(&self) -> Vec<errors::Value<'_>> {
        let filters = self.0.iter().filter(|(_, argument)| matches!(argument.value, Value::Filter(_)));
        filters.map(|(name, argument)| errors::Value::new(name, &argument.text)).collect()
    }

    /// The error of a statement with these values that failed while it ran, with its place in `source` or in a value.
    pub fn locate(&self, error: &DataFusionError, source: &Source, statement: &Parsed) -> DataFusionError {
        errors::locate_with(&self.expressions(), error, source, statement)
    }

    /// Fails unless every `$name` of `statements` has a value.
    pub fn cover(&self, source: &Source, statements: &[Parsed]) -> Result<()> {
        for parsed in statements {
            if let Some(missing) = self.missing(parsed) {
                let message = format!("parameter {missing} is missing");
                let types = ParameterType::NAMES.join(", ");
                let help = format!("give -p {missing}=…, or -p {missing}:type=… with a type of {types}");
                return Err(errors::missing_parameter(&missing, message, help, source, parsed));
            }
        }
        Ok(())
    }

    /// A `$name` of a statement that has no value.
    pub fn missing(&self, parsed: &Parsed) -> Option<String> {
        parsed.parameters().into_iter().find(|name| !self.0.contains_key(name))
    }

    /// Puts the values into the statement.
    pub async fn bind(&self, context: &SessionContext, statement: &mut Statement) -> Result<()> {
        bind::bind(self, context, statement).await
    }

    /// Name and value as given, in order of name.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, argument)| (name.as_str(), argument.text.as_str()))
    }

    /// The texts that a value is made of: itself, the elements of a list, the name of a column; none of other types.
    #[cfg(feature = "store")]
    pub(crate) fn words(&self, name: &str) -> Vec<&str> {
        self.0.get(name).map(|argument| argument.value.words()).unwrap_or_default()
    }

    /// As [`Arguments::texts`], of the values that were given and the days.
    pub fn told(&self) -> impl Iterator<Item = (&str, &str)> {
        let told = self.0.iter().filter(|(_, argument)| argument.is_told);
        told.map(|(name, argument)| (name.as_str(), argument.text.as_str()))
    }

    /// A query that fails with a parameter of no stated type may fail because that made it text.
    pub(super) fn hint(&self, error: DataFusionError) -> DataFusionError {
        let better =
            self.0.iter().filter(|(_, argument)| argument.is_untyped).find_map(|(name, argument)| {
                let kinds =
                    [ParameterType::Int, ParameterType::Float, ParameterType::Date, ParameterType::Bool];
                let kind =
                    kinds.into_iter().find(|kind| Value::parse(name, *kind, &argument.text).is_ok())?;
                Some(format!("${name} is text; -p {name}:{kind}={} makes it {kind}", argument.text))
            });
        match (better, error) {
            (Some(help), DataFusionError::External(inner)) => match inner.downcast::<errors::Located>() {
                Ok(located) => DataFusionError::External(Box::new(located.with_help(help))),
                Err(inner) => DataFusionError::External(inner),
            },
            (_, error) => error,
        }
    }
}

/// Fails if one of `given` is used by no text; `used` are the names that some text declares or needs.
pub fn check_known(given: &[Given], used: &[&str]) -> Result<()> {
    match given.iter().find(|given| !used.contains(&given.name.as_str())) {
        None => Ok(()),
        Some(Given { name, .. }) => Err(Usage::error(match used {
            [] => format!("parameter {name} is given, but nothing here has parameters"),
            _ => format!(
                "parameter {name} is given, but the parameters are {}{}",
                used.join(", "),
                did_you_mean(name, used)
            ),
        })),
    }
}

fn check_accepted(parameter: &Parameter, text: &str) -> Result<()> {
    if parameter.accepted.is_empty() || parameter.accepted.iter().any(|accepted| accepted == text) {
        return Ok(());
    }
    let accepted: Vec<&str> = parameter.accepted.iter().map(String::as_str).collect();
    Err(Usage::error(format!(
        "parameter {}: '{text}' is not one of {}{}",
        parameter.name,
        accepted.join(", "),
        did_you_mean(text, &accepted)
    )))
}

fn check_least(parameter: &Parameter, text: &str) -> Result<()> {
    match (parameter.least, text.trim().parse::<f64>()) {
        (Some(least), Ok(value)) if value < least as f64 => Err(Usage::error(format!(
            "parameter {}: {} is less than {least}, the least that is accepted",
            parameter.name,
            text.trim()
        ))),
        _ => Ok(()),
    }
}

impl FromStr for Given {
    type Err = DataFusionError;

    fn from_str(text: &str) -> Result<Self> {
        let Some((name, value)) = text.split_once('=') else {
            return Err(Usage::error(format!("'{text}' is not name=value or name:type=value")));
        };
        let (name, kind) = match name.split_once(':') {
            Some((name, kind)) => (name, Some(kind.trim().parse()?)),
            None => (name, None),
        };
        let name = name.trim().trim_start_matches('$');
        if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
            return Err(Usage::error(format!(
                "'{name}' is not a parameter's name: letters, digits and underscores"
            )));
        }
        Ok(Self { name: name.to_string(), kind, value: value.to_string() })
    }
}

impl ParameterType {
    pub const NAMES: [&'static str; 11] =
        ["text", "int", "float", "bool", "date", "timestamp", "interval", "list", "column", "filter", "zone"];
    const ALL: [Self; 11] = [
        Self::Text,
        Self::Int,
        Self::Float,
        Self::Bool,
        Self::Date,
        Self::Timestamp,
        Self::Interval,
        Self::List,
        Self::Column,
        Self::Filter,
        Self::Zone,
    ];

    /// How a value of this type is written.
    pub fn accepts(self) -> &'static str {
        match self {
            Self::Text => "any text",
            Self::Int => "a whole number such as 42",
            Self::Float => "a number such as 0.5",
            Self::Bool => "true or false",
            Self::Date => "a day as YYYY-MM-DD",
            Self::Timestamp => "a time as YYYY-MM-DD HH:MM:SS, in UTC unless a zone follows, such as +08:00",
            Self::Interval => "a duration such as '30 minutes' or '1 day 2 hours'",
            Self::List => "values with commas between, or a JSON array",
            Self::Column => "a column's name, or props.name for a property",
            Self::Filter => {
                "a Boolean expression such as platform = 'ios' or in_segment('buyers'), without subqueries"
            }
            Self::Zone => "a time zone's name such as Asia/Shanghai or UTC",
        }
    }
}

impl Display for ParameterType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES[*self as usize])
    }
}

impl FromStr for ParameterType {
    type Err = DataFusionError;

    fn from_str(text: &str) -> Result<Self> {
        match Self::NAMES.iter().position(|name| *name == text) {
            Some(at) => Ok(Self::ALL[at]),
            None => Err(Usage::error(format!(
                "'{text}' is not a parameter type: {}{}",
                Self::NAMES.join(", "),
                did_you_mean(text, &Self::NAMES)
            ))),
        }
    }
}
