//! The trailing struct literal of a call, `f(a, b, {name: value})`: which options were given, and of what type?
//!
//! DataFusion plans the literal as `named_struct('name', value, …)`; when every value is constant the optimizer folds
//! that into one struct value. Both forms are read here, from the physical expression, so that a plan that was sent to
//! another process gives the same options as the one that was planned.

use std::sync::Arc;

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::{DataType, IntervalMonthDayNano, Schema};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::expressions::{BinaryExpr, CastExpr, Literal, NegativeExpr};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};

use crate::error::did_you_mean;

type Entry = (String, Arc<dyn PhysicalExpr>);

/// The options of one call, in the order in which they were written; names are lower case.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    function: String,
    entries: Vec<Entry>,
}

impl Options {
    /// Takes `expr` apart; `None` when it is not a struct (a bare column cannot be recognised as one and is `None` too).
    pub(crate) fn from_expr(function: &str, expr: &Arc<dyn PhysicalExpr>) -> Result<Option<Options>> {
        if let Some(cast) = expr.downcast_ref::<CastExpr>() {
            return match cast.cast_type() {
                DataType::Struct(_) => Self::from_expr(function, cast.expr()),
                _ => Ok(None),
            };
        }
        let entries = if let Some(literal) = expr.downcast_ref::<Literal>() {
            let ScalarValue::Struct(value) = literal.value() else {
                return Ok(None);
            };
            if value.is_null(0) {
                return plan_err!("{function}: the options are NULL, write {{name: value}}");
            }
            let mut entries: Vec<Entry> = Vec::with_capacity(value.num_columns());
            for (field, column) in value.fields().iter().zip(value.columns()) {
                let value = Literal::new(ScalarValue::try_from_array(column, 0)?);
                entries.push((field.name().to_lowercase(), Arc::new(value)));
            }
            entries
        } else if let Some(call) = expr.downcast_ref::<ScalarFunctionExpr>() {
            if !matches!(call.return_type(), DataType::Struct(_)) {
                return Ok(None);
            }
            if call.name() != "named_struct" {
                return plan_err!(
                    "{function}: the options must be a struct literal {{name: value}}, found {expr}"
                );
            }
            let mut entries: Vec<Entry> = Vec::with_capacity(call.args().len() / 2);
            for pair in call.args().chunks_exact(2) {
                let name = constant(&pair[0])?;
                let Some(Some(name)) = name.as_ref().map(ScalarValue::try_as_str).map(Option::flatten) else {
                    return plan_err!("{function}: an option's name must be a literal, found {}", pair[0]);
                };
                entries.push((name.to_lowercase(), Arc::clone(&pair[1])));
            }
            entries
        } else {
            return Ok(None);
        };
        for (i, (name, _)) in entries.iter().enumerate() {
            if entries[..i].iter().any(|(earlier, _)| earlier == name) {
                return plan_err!("{function}: option '{name}' is given twice");
            }
        }
        Ok(Some(Options { function: function.to_owned(), entries }))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    pub(crate) fn expr(&self, name: &str) -> Option<&Arc<dyn PhysicalExpr>> {
        self.entries.iter().find(|(entry, _)| entry == name).map(|(_, expr)| expr)
    }

    /// A literal text; `None` when the option is absent or NULL.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>> {
        let Some(value) = self.value(name, "a text literal")? else {
            return Ok(None);
        };
        match value.try_as_str() {
            Some(text) => Ok(text.map(str::to_owned)),
            None => self.wrong_type(name, &value, "a text literal"),
        }
    }

    /// The literal value of any type; `None` when the option is absent or NULL.
    pub(crate) fn value(&self, name: &str, accepted: &str) -> Result<Option<ScalarValue>> {
        let Some(expr) = self.expr(name) else {
            return Ok(None);
        };
        match constant(expr)? {
            Some(value) if value.is_null() => Ok(None),
            Some(value) => Ok(Some(value)),
            None => plan_err!(
                "{}: option '{name}' must be {accepted}, found the expression {expr}",
                self.function
            ),
        }
    }

    fn wrong_type<T>(&self, name: &str, found: &ScalarValue, accepted: &str) -> Result<T> {
        plan_err!(
            "{}: option '{name}' must be {accepted}, found {found} of type {}",
            self.function,
            found.data_type()
        )
    }
}

/// An error naming the first of `names` that is not in `accepted`.
pub(crate) fn check_names<'a>(
    function: &str,
    names: impl IntoIterator<Item = &'a str>,
    accepted: &[&str],
) -> Result<()> {
    for name in names {
        if !accepted.contains(&name) {
            return plan_err!(
                "{function}: unknown option '{name}'; accepted are {}{}",
                accepted.join(", "),
                did_you_mean(name, accepted)
            );
        }
    }
    Ok(())
}

/// The value of an expression that reads no column, `None` for any other.
///
/// Literals are usually folded before they get here; casts that coercion put around them, a minus sign and pure
/// functions of literals are evaluated, so that the answer does not depend on which optimizer rules ran.
pub(crate) fn constant(expr: &Arc<dyn PhysicalExpr>) -> Result<Option<ScalarValue>> {
    if let Some(literal) = expr.downcast_ref::<Literal>() {
        return Ok(Some(literal.value().clone()));
    }
    if !is_constant(expr) {
        return Ok(None);
    }
    let one_row = RecordBatch::try_new_with_options(
        Arc::new(Schema::empty()),
        vec![],
        &RecordBatchOptions::new().with_row_count(Some(1)),
    )?;
    match expr.evaluate(&one_row)? {
        ColumnarValue::Scalar(value) => Ok(Some(value)),
        ColumnarValue::Array(array) => Ok(Some(ScalarValue::try_from_array(&array, 0)?)),
    }
}

/// Any kind of interval or duration as one type.
pub(crate) fn interval(value: &ScalarValue) -> Option<IntervalMonthDayNano> {
    let nanos = |value: i64, factor: i64| {
        let nanos = value.checked_mul(factor)?;
        Some(IntervalMonthDayNano::new(0, 0, nanos))
    };
    match value {
        ScalarValue::IntervalMonthDayNano(Some(value)) => Some(*value),
        ScalarValue::IntervalYearMonth(Some(months)) => Some(IntervalMonthDayNano::new(*months, 0, 0)),
        ScalarValue::IntervalDayTime(Some(value)) => {
            Some(IntervalMonthDayNano::new(0, value.days, i64::from(value.milliseconds) * 1_000_000))
        }
        ScalarValue::DurationSecond(Some(value)) => nanos(*value, 1_000_000_000),
        ScalarValue::DurationMillisecond(Some(value)) => nanos(*value, 1_000_000),
        ScalarValue::DurationMicrosecond(Some(value)) => nanos(*value, 1_000),
        ScalarValue::DurationNanosecond(Some(value)) => nanos(*value, 1),
        _ => None,
    }
}

fn is_constant(expr: &Arc<dyn PhysicalExpr>) -> bool {
    expr.is::<Literal>()
        || ((expr.is::<CastExpr>()
            || expr.is::<NegativeExpr>()
            || expr.is::<BinaryExpr>()
            || expr.is::<ScalarFunctionExpr>())
            && !expr.is_volatile_node()
            && expr.children().into_iter().all(is_constant))
}
