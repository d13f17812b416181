//! From the text of a value to a checked piece of a parsed statement.

use std::ops::ControlFlow;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime};
use chrono_tz::{TZ_VARIANTS, Tz};
use datafusion::arrow::compute::kernels::cast_utils::parse_interval_month_day_nano;
use datafusion::common::{DataFusionError, Result};
use datafusion::sql::parser::DFParser;
use datafusion::sql::sqlparser::ast::{
    DataType, Expr, Interval, ObjectNamePart, Query, TimezoneInfo, TypedString, Value as SqlValue,
    ValueWithSpan, Visit, VisitMut, Visitor, VisitorMut,
};
use datafusion::sql::sqlparser::tokenizer::Span;

use crate::ask::errors::{self, PAGE, Usage, plain};
use crate::ask::guard::check_chains;
use crate::ask::parameters::ParameterType;
use crate::ask::parameters::segments::segment_of;
use crate::ask::script::Source;
use crate::error::nearest;

/// What takes the place of `$name`.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Literal(Expr),
    Interval(Expr),
    List(Vec<Expr>),
    /// Checked against the tables of the statement it goes into.
    Column(String),
    Filter(Expr),
}

impl Value {
    /// What a column that is left out has in every row.
    pub(super) fn nothing() -> Self {
        Self::Literal(literal(SqlValue::Null))
    }

    /// Checks `text` against the type.
    pub(super) fn parse(name: &str, kind: ParameterType, text: &str) -> Result<Self> {
        let parsed = match kind {
            ParameterType::Text => Ok(Self::Literal(string(text))),
            ParameterType::Int => int(text).map(Self::Literal),
            ParameterType::Float => float(text).map(Self::Literal),
            ParameterType::Bool => bool(text).map(Self::Literal),
            ParameterType::Date => date(text).map(Self::Literal),
            ParameterType::Timestamp => timestamp(text).map(Self::Literal),
            ParameterType::Interval => interval(text).map(Self::Interval),
            ParameterType::List => list(text).map(Self::List),
            ParameterType::Column => Ok(Self::Column(text.trim().to_string())),
            ParameterType::Filter => filter(name, text)?.map(Self::Filter),
            ParameterType::Zone => zone(text).map(Self::Literal),
        };
        parsed.map_err(|reason| not_of_its_type(name, kind, text, reason))
    }

    /// The texts that it is made of.
    #[cfg(feature = "store")]
    pub(super) fn words(&self) -> Vec<&str> {
        match self {
            Self::Literal(value) => word(value).into_iter().collect(),
            Self::List(elements) => elements.iter().filter_map(word).collect(),
            Self::Column(name) => vec![name.as_str()],
            Self::Interval(_) | Self::Filter(_) => Vec::new(),
        }
    }
}

#[cfg(feature = "store")]
fn word(value: &Expr) -> Option<&str> {
    match value {
        Expr::Value(ValueWithSpan { value: SqlValue::SingleQuotedString(text), .. }) => Some(text),
        _ => None,
    }
}

/// The error of a value that is not of its parameter's type, and what is wrong with it beyond that.
pub(super) fn not_of_its_type(
    name: &str,
    kind: ParameterType,
    text: &str,
    reason: Option<String>,
) -> DataFusionError {
    let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    Usage::error(format!("parameter {name}: '{text}' is not {}{reason}", described(kind)))
}

fn described(kind: ParameterType) -> String {
    let article = if matches!(kind, ParameterType::Int | ParameterType::Interval) { "an" } else { "a" };
    format!("{article} {kind}: accepted is {}", kind.accepts())
}

/// `Err` carries what is wrong beyond "not of this type", if there is more to say.
type Checked<T> = std::result::Result<T, Option<String>>;
const NOT_OF_THIS_TYPE: Option<String> = None;

pub(super) fn string(text: &str) -> Expr {
    literal(SqlValue::SingleQuotedString(text.to_string()))
}

fn literal(value: SqlValue) -> Expr {
    Expr::Value(value.with_empty_span())
}

fn int(text: &str) -> Checked<Expr> {
    let number: i64 = text.trim().parse().map_err(|_| NOT_OF_THIS_TYPE)?;
    Ok(number_literal(number.to_string()))
}

fn float(text: &str) -> Checked<Expr> {
    let number: f64 = text.trim().parse().map_err(|_| NOT_OF_THIS_TYPE)?;
    if !number.is_finite() {
        return Err(Some("it is not finite".to_string()));
    }
    // The debug form keeps a point or an exponent, without which the planner would read an integer.
    Ok(number_literal(format!("{number:?}")))
}

/// A negative number stands in brackets: `-$x` would become `--5` otherwise.
fn number_literal(number: String) -> Expr {
    let is_negative = number.starts_with('-');
    let number = literal(SqlValue::Number(number, false));
    if is_negative { Expr::Nested(Box::new(number)) } else { number }
}

fn bool(text: &str) -> Checked<Expr> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" => Ok(literal(SqlValue::Boolean(true))),
        "false" => Ok(literal(SqlValue::Boolean(false))),
        _ => Err(NOT_OF_THIS_TYPE),
    }
}

fn date(text: &str) -> Checked<Expr> {
    let day = NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d").map_err(|_| NOT_OF_THIS_TYPE)?;
    Ok(typed(DataType::Date, day.format("%Y-%m-%d").to_string()))
}

fn timestamp(text: &str) -> Checked<Expr> {
    let text = text.trim();
    let utc = match DateTime::parse_from_rfc3339(&text.replacen(' ', "T", 1)) {
        Ok(zoned) => Some(zoned.naive_utc()),
        Err(_) => ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
            .or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0)),
    };
    let utc = utc.ok_or(NOT_OF_THIS_TYPE)?;
    let kind = DataType::Timestamp(None, TimezoneInfo::None);
    Ok(typed(kind, utc.format("%Y-%m-%d %H:%M:%S%.6f").to_string()))
}

/// A name of the IANA database, or an offset, which is a zone to the engine, too.
fn zone(text: &str) -> Checked<Expr> {
    let text = text.trim();
    if text.parse::<Tz>().is_ok() || text.parse::<FixedOffset>().is_ok() {
        return Ok(string(text));
    }
    let names: Vec<&str> = TZ_VARIANTS.iter().map(|zone| zone.name()).collect();
    Err(nearest(text, &names).map(|meant| format!("did you mean '{meant}'?")))
}

fn typed(data_type: DataType, text: String) -> Expr {
    let value = SqlValue::SingleQuotedString(text).with_empty_span();
    Expr::TypedString(TypedString { data_type, value, uses_odbc_syntax: false })
}

fn interval(text: &str) -> Checked<Expr> {
    parse_interval_month_day_nano(text.trim()).map_err(|_| NOT_OF_THIS_TYPE)?;
    Ok(Expr::Interval(Interval {
        value: Box::new(string(text.trim())),
        leading_field: None,
        leading_precision: None,
        last_field: None,
        fractional_seconds_precision: None,
    }))
}

/// A JSON array keeps its numbers and its commas; without brackets every element is text.
fn list(text: &str) -> Checked<Vec<Expr>> {
    let text = text.trim();
    if text.is_empty() || text == "[]" {
        return Err(Some("it holds no value".to_string()));
    }
    if !text.starts_with('[') {
        return Ok(text.split(',').map(|element| string(element.trim())).collect());
    }
    let elements: Vec<serde_json::Value> = serde_json::from_str(text).map_err(|e| Some(e.to_string()))?;
    elements
        .into_iter()
        .map(|element| match element {
            serde_json::Value::String(text) => Ok(string(&text)),
            serde_json::Value::Number(number) => Ok(literal(SqlValue::Number(number.to_string(), false))),
            serde_json::Value::Bool(value) => Ok(literal(SqlValue::Boolean(value))),
            other => Err(Some(format!("{other} is neither text nor number nor Boolean"))),
        })
        .collect()
}

/// One expression and nothing behind it; whether it is Boolean shows when the statement is planned.
fn filter(name: &str, text: &str) -> Result<Checked<Expr>> {
    if let Err(e) = check_chains(&Source::new("the value", text)) {
        return Ok(Err(Some(plain(&e))));
    }
    let parsed = DFParser::parse_sql_into_expr(text).map_err(|e| {
        errors::syntax_of(&errors::Value::new(name, text), &e, ParameterType::Filter.accepts())
    })?;
    if let Some(alias) = parsed.alias {
        return Ok(Err(Some(format!("'{alias}' behind the expression"))));
    }
    Ok(match Visit::visit(&parsed.expr, &mut NoQuery) {
        ControlFlow::Continue(()) => Ok(Expr::Nested(Box::new(parsed.expr))),
        ControlFlow::Break(reason) => Err(Some(reason.to_string())),
    })
}

/// Counts the lines of an expression from where those of its page begin.
pub(super) fn put_on_page(expr: &mut Expr, page: u64) {
    let _ = VisitMut::visit(expr, &mut OnPage(page));
}

struct OnPage(u64);

impl OnPage {
    fn put(&self, span: &mut Span) {
        for place in [&mut span.start, &mut span.end] {
            // Line 0 is no place.
            if place.line > 0 {
                place.line += self.0 * PAGE;
            }
        }
    }
}

impl VisitorMut for OnPage {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(name) => self.put(&mut name.span),
            Expr::CompoundIdentifier(names) => names.iter_mut().for_each(|name| self.put(&mut name.span)),
            Expr::Function(call) => {
                for part in &mut call.name.0 {
                    if let ObjectNamePart::Identifier(name) = part {
                        self.put(&mut name.span);
                    }
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<()> {
        self.put(&mut value.span);
        ControlFlow::Continue(())
    }
}

/// Stops at a subquery, a placeholder, or a segment without a name.
struct NoQuery;

impl Visitor for NoQuery {
    type Break = &'static str;

    fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<Self::Break> {
        ControlFlow::Break("it holds a subquery")
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Self::Break> {
        match segment_of(expr) {
            Some(Err(reason)) => ControlFlow::Break(reason),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<Self::Break> {
        match value.value {
            SqlValue::Placeholder(_) => ControlFlow::Break("it holds a parameter"),
            _ => ControlFlow::Continue(()),
        }
    }
}
