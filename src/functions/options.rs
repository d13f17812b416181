//! The trailing struct literal of a call, `f(a, b, {name: value})`: which options were given, and of what type?
//!
//! DataFusion plans the literal as `named_struct('name', value, …)`; when every value is constant the optimizer folds
//! that into one struct value. Both forms are read here, from the physical expression, so that a plan that was sent to
//! another process gives the same options as the one that was planned.

use std::sync::Arc;

use chrono_tz::Tz;
use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::{DataType, IntervalMonthDayNano, Schema};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::expressions::{BinaryExpr, CastExpr, Literal, NegativeExpr};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};

use super::row_value::{RowValue, Step};
use super::time::{self, TimeType, Window};
use crate::error::{did_you_mean, footfall_internal_err};

/// The prefix of a field that stands for an argument: [`super::call`] has moved the option's value out of the struct.
pub(crate) const MOVED: char = '@';

/// The options of one call, in the order in which they were written; names are lower case.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    function: String,
    entries: Vec<Entry>,
    /// Where the struct stands; `None` when nothing of it can be asked for each row.
    place: Option<(usize, Vec<Step>)>,
    /// The type of the struct, where it is known.
    data_type: DataType,
    /// What was moved out of this struct and those inside: its path, the argument and its type.
    moved: Arc<Vec<(String, usize, DataType)>>,
    /// The path of this struct inside the options, ending in a dot; empty for the options themselves.
    path: String,
}

#[derive(Debug, Clone)]
struct Entry {
    name: String,
    expr: Arc<dyn PhysicalExpr>,
}

impl Options {
    /// No option at all.
    pub(crate) fn none(function: &str) -> Self {
        Self {
            function: function.to_owned(),
            entries: vec![],
            place: None,
            data_type: DataType::Null,
            moved: Arc::new(vec![]),
            path: String::new(),
        }
    }

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
                entries.push(Entry { name: field.name().to_lowercase(), expr: Arc::new(value) });
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
                entries.push(Entry { name: name.to_lowercase(), expr: Arc::clone(&pair[1]) });
            }
            entries
        } else {
            return Ok(None);
        };
        for (i, entry) in entries.iter().enumerate() {
            if entries[..i].iter().any(|earlier| earlier.name == entry.name) {
                return plan_err!(
                    "{function}: option '{}' is given twice",
                    entry.name.trim_start_matches(MOVED)
                );
            }
        }
        Ok(Some(Options { entries, ..Self::none(function) }))
    }

    /// As [`Self::from_expr`] for the last of a call's arguments, so that values of each row can be asked for.
    pub(crate) fn of_call(
        function: &str,
        exprs: &[Arc<dyn PhysicalExpr>],
        types: &[DataType],
    ) -> Result<Option<Options>> {
        let Some((last, place)) = exprs.last().zip(exprs.len().checked_sub(1)) else {
            return Ok(None);
        };
        let Some(mut options) = Self::from_expr(function, last)? else {
            return Ok(None);
        };
        let names: Vec<String> = options
            .entries
            .extract_if(.., |entry| entry.name.starts_with(MOVED))
            .map(|entry| entry.name)
            .collect();
        let Some(first) = place.checked_sub(names.len()) else {
            return footfall_internal_err!("{function}: more options were moved than there are arguments");
        };
        let moved = names.iter().enumerate().map(|(i, name)| {
            (name.trim_start_matches(MOVED).to_owned(), first + i, types[first + i].clone())
        });
        options.moved = Arc::new(moved.collect());
        options.place = Some((place, vec![]));
        options.data_type = types[place].clone();
        Ok(Some(options))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let moved = self
            .moved
            .iter()
            .filter_map(|(path, _, _)| path.strip_prefix(&self.path).filter(|name| !name.contains('.')));
        self.entries.iter().map(|entry| entry.name.as_str()).chain(moved)
    }

    pub(crate) fn expr(&self, name: &str) -> Option<&Arc<dyn PhysicalExpr>> {
        self.entries.iter().find(|entry| entry.name == name).map(|entry| &entry.expr)
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

    /// `true` or `false`; `None` when the option is absent or NULL.
    pub(crate) fn bool(&self, name: &str) -> Result<Option<bool>> {
        match self.value(name, "true or false")? {
            None => Ok(None),
            Some(ScalarValue::Boolean(value)) => Ok(value),
            Some(other) => self.wrong_type(name, &other, "true or false"),
        }
    }

    /// A literal integer; `None` when the option is absent or NULL.
    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>> {
        let Some(value) = self.value(name, "a literal integer")? else {
            return Ok(None);
        };
        match value.data_type().is_integer().then(|| value.cast_to(&DataType::Int64)) {
            Some(Ok(ScalarValue::Int64(value))) => Ok(value),
            _ => self.wrong_type(name, &value, "a literal integer"),
        }
    }

    /// One of the words in `accepted`, in any case; `None` when the option is absent or NULL.
    pub(crate) fn choice(&self, name: &str, accepted: &[&'static str]) -> Result<Option<&'static str>> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        match accepted.iter().find(|word| word.eq_ignore_ascii_case(text.trim())) {
            Some(word) => Ok(Some(word)),
            None => plan_err!(
                "{}: option '{name}' is '{text}'; accepted are {}{}",
                self.function,
                accepted.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", "),
                did_you_mean(&text, accepted)
            ),
        }
    }

    /// The option `zone`: the planner inserts `footfall.time_zone` where a call does not name one.
    pub(crate) fn zone(&self) -> Result<Option<Tz>> {
        self.text("zone")?.map(|name| time::zone(&self.function, &name)).transpose()
    }

    /// A stretch of time: an interval, or an integer in the unit of `time`.
    pub(crate) fn window(&self, name: &str, time: &TimeType) -> Result<Option<Window>> {
        let Some(value) = self.value(name, "a literal interval")? else {
            return Ok(None);
        };
        Window::new(&self.function, &value, time, self.zone()?).map(Some)
    }

    /// Whether the call answers as ClickHouse does where we differ on purpose.
    pub(crate) fn clickhouse(&self) -> Result<bool> {
        Ok(self.choice("compatibility", &["none", "clickhouse"])? == Some("clickhouse"))
    }

    /// The column that orders events of the same time.
    pub(crate) fn tie(&self) -> Result<Option<RowValue>> {
        match self.row_value("tie")? {
            None => Ok(None),
            Some((value, data_type))
                if data_type.is_integer() || matches!(data_type, DataType::Timestamp(_, _)) =>
            {
                Ok(Some(value))
            }
            Some((_, other)) => plan_err!(
                "{}: option 'tie' must be an integer or a timestamp that orders events of the same time, found {other}",
                self.function
            ),
        }
    }

    /// The literal value of any type; `None` when the option is absent or NULL.
    pub(crate) fn value(&self, name: &str, accepted: &str) -> Result<Option<ScalarValue>> {
        if self.moved(name).is_some() {
            return plan_err!("{}: option '{name}' must be {accepted}, found an expression", self.function);
        }
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

    /// The items of an array literal; `None` when the option is absent or NULL.
    pub(crate) fn list(&self, name: &str) -> Result<Option<Vec<Arc<dyn PhysicalExpr>>>> {
        match self.expr(name) {
            None if self.moved(name).is_none() => Ok(None),
            Some(expr) => self.items(name, expr),
            None => self.no_array(name, "an expression"),
        }
    }

    /// The items of an array of struct literals, each read like options; `None` when the option is absent or NULL.
    pub(crate) fn structs(&self, name: &str) -> Result<Option<Vec<Options>>> {
        let Some(items) = self.list(name)? else {
            return Ok(None);
        };
        let mut structs = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            let Some(mut options) = Self::from_expr(&self.function, item)? else {
                return plan_err!(
                    "{}: item {} of option '{name}' must be a struct literal {{name: value}}, found {item}",
                    self.function,
                    i + 1
                );
            };
            options.moved = Arc::clone(&self.moved);
            options.path = format!("{}{name}.{i}.", self.path);
            options.place = self.place.as_ref().map(|(argument, steps)| {
                let mut steps = steps.clone();
                steps.extend([Step::Field(name.to_owned()), Step::Item(i)]);
                (*argument, steps)
            });
            options.data_type = match self.field_type(name) {
                DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                    item.data_type().clone()
                }
                _ => DataType::Null,
            };
            // A struct out of which everything was moved keeps one field without a name.
            options.entries.retain(|entry| !entry.name.starts_with(MOVED));
            structs.push(options);
        }
        Ok(Some(structs))
    }

    /// Where the option's value stands for each row, and its type; `None` when the option is absent or NULL.
    pub(crate) fn row_value(&self, name: &str) -> Result<Option<(RowValue, DataType)>> {
        if let Some((argument, data_type)) = self.moved(name) {
            return Ok(Some((RowValue::Argument(argument), data_type)));
        }
        let Some(expr) = self.expr(name) else {
            return Ok(None);
        };
        let value = constant(expr)?;
        if value.as_ref().is_some_and(ScalarValue::is_null) {
            return Ok(None);
        }
        let data_type = value.map_or_else(|| self.field_type(name), |value| value.data_type());
        let Some((argument, steps)) = &self.place else {
            return plan_err!("{}: option '{name}' must be a column, found {expr}", self.function);
        };
        let mut steps = steps.clone();
        steps.push(Step::Field(name.to_owned()));
        Ok(Some((RowValue::Inside(*argument, steps), data_type)))
    }

    fn field_type(&self, name: &str) -> DataType {
        let DataType::Struct(fields) = &self.data_type else {
            return DataType::Null;
        };
        let field = fields.iter().find(|field| field.name().eq_ignore_ascii_case(name));
        field.map_or(DataType::Null, |field| field.data_type().clone())
    }

    fn moved(&self, name: &str) -> Option<(usize, DataType)> {
        let mut moved = self.moved.iter();
        let (_, argument, data_type) =
            moved.find(|(path, _, _)| path.strip_prefix(&self.path) == Some(name))?;
        Some((*argument, data_type.clone()))
    }

    fn items(&self, name: &str, expr: &Arc<dyn PhysicalExpr>) -> Result<Option<Vec<Arc<dyn PhysicalExpr>>>> {
        if let Some(cast) = expr.downcast_ref::<CastExpr>() {
            return self.items(name, cast.expr());
        }
        if let Some(call) = expr.downcast_ref::<ScalarFunctionExpr>()
            && call.name() == "make_array"
        {
            return Ok(Some(call.args().to_vec()));
        }
        match constant(expr)? {
            Some(value) if value.is_null() => Ok(None),
            Some(ScalarValue::List(list)) => {
                let items = list.value(0);
                let items = (0..items.len()).map(|i| -> Result<Arc<dyn PhysicalExpr>> {
                    Ok(Arc::new(Literal::new(ScalarValue::try_from_array(&items, i)?)))
                });
                Ok(Some(items.collect::<Result<_>>()?))
            }
            _ => self.no_array(name, &expr.to_string()),
        }
    }

    fn no_array<T>(&self, name: &str, found: &str) -> Result<T> {
        plan_err!("{}: option '{name}' must be an array literal [a, b], found {found}", self.function)
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
