//! What does a call of a session function ask for? Its arguments, read once while the query is planned.
//!
//! The trailing struct literal comes in two forms. As written, it is one argument. But DataFusion takes a struct that
//! occurs twice in a query for a common expression and moves it below the window, where its literals cannot be read any
//! more; so [`flatten`] spreads it over the call early: `f(ts, gap, {restart: c})` becomes `f(ts, gap, 'restart', c)`.

use std::sync::Arc;

use chrono_tz::Tz;
use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::{DataType, FieldRef, TimeUnit};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::expr::{ScalarFunction, WindowFunction};
use datafusion::logical_expr::{Expr, lit};
use datafusion::physical_expr::PhysicalExpr;

use super::SessionFunction;
use super::sessionizer::{Background, Rule};
use super::unit::Unit;
use crate::error::did_you_mean;
use crate::functions::options::{Options, check_names, constant, interval};
use crate::functions::time::{self, TimeType};

/// A call, ready to run.
#[derive(Debug)]
pub(crate) struct SessionSpec {
    pub(crate) function: SessionFunction,
    pub(crate) rule: Rule,
    pub(crate) time: TimeType,
    /// Of `session_key`.
    pub(crate) salt: String,
    inputs: Vec<Arc<dyn PhysicalExpr>>,
    pub(crate) columns: Columns,
}

/// Where each fact of a row stands among [`SessionSpec::inputs`]; `ts` is always the first.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    pub(crate) user: Option<usize>,
    pub(crate) page: Option<usize>,
    pub(crate) is_page: Option<usize>,
    pub(crate) hide: Option<usize>,
    pub(crate) show: Option<usize>,
    pub(crate) restart: Option<usize>,
    pub(crate) close: Option<usize>,
    pub(crate) split_on: Option<usize>,
    pub(crate) event: Option<usize>,
    pub(crate) scene: Option<usize>,
    pub(crate) key: Option<usize>,
}

/// Names of the options that every session function takes.
const OPTIONS: [&str; 11] = [
    "restart",
    "close",
    "gap_open",
    "max_length",
    "split_day",
    "split_on",
    "rule",
    "event",
    "scene",
    "key",
    "day_bound",
];

/// The names of all options of the function.
pub(crate) fn accepted_options(function: SessionFunction) -> Vec<&'static str> {
    let own: &[&str] = match function {
        SessionFunction::Number | SessionFunction::Start | SessionFunction::TimeToNext => &[],
        SessionFunction::Key => &["salt"],
        SessionFunction::Info => &["is_page", "hide", "show"],
        SessionFunction::NextNode => &["is_page"],
    };
    OPTIONS.iter().chain(own).copied().collect()
}

const PRESETS: [&str; 4] = ["30min", "5min", "30s", "strict_show"];

impl SessionSpec {
    /// `exprs` are the arguments of the call, `fields` their types.
    pub(crate) fn parse(
        function: SessionFunction,
        exprs: &[Arc<dyn PhysicalExpr>],
        fields: &[FieldRef],
    ) -> Result<Self> {
        let types: Vec<DataType> = fields.iter().map(|field| field.data_type().clone()).collect();
        check_types(function, &types)?;
        let name = function.name();
        let (ts, gap_arg) = (function.ts_arg(), function.ts_arg() + 1);
        let time = TimeType::new(name, "ts", &types[ts])?;
        let unit = unit(&types[ts]);
        let given = Given::read(function, exprs, &types)?;
        let mut spec = SessionSpec {
            function,
            rule: Rule {
                unit,
                gap: 0,
                max_length: None,
                split_day: given.zone("split_day", unit)?,
                day_bound: given.zone("day_bound", unit)?,
                background: given.background(unit)?,
                marked_rows: false,
            },
            time,
            salt: given.text("salt")?.unwrap_or_default(),
            inputs: vec![Arc::clone(&exprs[ts])],
            columns: Columns::default(),
        };
        let gap_open = given.boolean("gap_open")?.unwrap_or(false);
        let what = format!("argument {} (gap)", gap_arg + 1);
        let Some(gap) = constant(&exprs[gap_arg])? else {
            return plan_err!("{name}: {what} must be a literal, found {}", exprs[gap_arg]);
        };
        spec.rule.gap = exceeded_above(name, &what, &gap, unit, gap_open)?;
        if let Some(max) = given.literal("max_length")? {
            spec.rule.max_length = Some(exceeded_above(name, "option 'max_length'", &max, unit, false)?);
        }
        if let Some(page) = function.page_arg() {
            spec.columns.page = Some(spec.inputs.len());
            spec.inputs.push(Arc::clone(&exprs[page]));
        }
        if let Some(user) = function.user_arg() {
            spec.columns.user = Some(spec.inputs.len());
            spec.inputs.push(Arc::clone(&exprs[user]));
        }
        spec.read_columns(&given)?;
        Ok(spec)
    }

    /// The expressions whose values a run needs for each row.
    pub(crate) fn inputs(&self) -> &[Arc<dyn PhysicalExpr>] {
        &self.inputs
    }

    fn read_columns(&mut self, given: &Given) -> Result<()> {
        let (boolean, text, int) = (Kind::Boolean, Kind::Text, Kind::Int);
        let mut column = |name, kinds: &[Kind]| -> Result<Option<usize>> {
            given.column(name, kinds)?.map_or(Ok(None), |expr| {
                self.inputs.push(expr);
                Ok(Some(self.inputs.len() - 1))
            })
        };
        self.columns.restart = column("restart", &[boolean])?;
        self.columns.close = column("close", &[boolean])?;
        self.columns.split_on = column("split_on", &[text, int])?;
        self.columns.event = column("event", &[text])?;
        self.columns.scene = column("scene", &[int])?;
        self.columns.key = column("key", &[text])?;
        self.columns.is_page = column("is_page", &[boolean])?;
        self.columns.hide = column("hide", &[boolean])?;
        self.columns.show = column("show", &[boolean])?;
        let columns = &self.columns;
        self.rule.marked_rows =
            columns.restart.is_some() || columns.close.is_some() || columns.split_on.is_some();
        self.check_rule()
    }

    /// An option without effect is an error: whoever wrote it expects one.
    fn check_rule(&self) -> Result<()> {
        let name = self.function.name();
        let (columns, is_info) = (&self.columns, self.function == SessionFunction::Info);
        if self.rule.background.is_some() {
            if columns.event.is_none() {
                return plan_err!("{name}: option 'rule' needs option 'event', the column of event names");
            }
            return Ok(());
        }
        for (option, is_given, is_used) in [
            ("event", columns.event.is_some(), is_info),
            ("scene", columns.scene.is_some(), is_info),
            ("key", columns.key.is_some(), false),
        ] {
            if is_given && !is_used {
                return plan_err!(
                    "{name}: option '{option}' has no effect without option 'rule'; accepted rules are {}",
                    PRESETS.join(", ")
                );
            }
        }
        Ok(())
    }
}

/// Whether a call with arguments of these types can run, as far as types tell.
pub(crate) fn check_types(function: SessionFunction, types: &[DataType]) -> Result<()> {
    let (name, fixed) = (function.name(), function.fixed_args());
    let options = types.len().checked_sub(fixed);
    let well_formed = match options {
        Some(0) => true,
        Some(1) => matches!(types[fixed], DataType::Struct(_)),
        Some(more) => more % 2 == 0 && types[fixed..].iter().step_by(2).all(is_text),
        None => false,
    };
    if !well_formed {
        let found: Vec<String> = types.iter().map(ToString::to_string).collect();
        return plan_err!("{name}: write {}; found ({})", function.syntax(), found.join(", "));
    }
    let ts = function.ts_arg();
    TimeType::new(name, &format!("{} (ts)", ts + 1), &types[ts])?;
    match &types[ts + 1] {
        DataType::Interval(_) | DataType::Duration(_) | DataType::Null => {}
        integer if integer.is_integer() => {}
        other => {
            return plan_err!(
                "{name}: argument {} (gap) must be an interval such as INTERVAL '30 minutes', or an integer in the \
                 unit of an integer ts; found {other}",
                ts + 2
            );
        }
    }
    if let Some(user) = function.user_arg()
        && !is_text(&types[user])
        && !types[user].is_integer()
    {
        return plan_err!(
            "{name}: argument {} (user) must be text or an integer, found {}; write CAST(user AS VARCHAR)",
            user + 1,
            types[user]
        );
    }
    if function == SessionFunction::Info && !is_text(&types[2]) {
        return plan_err!("{name}: argument 3 (page) must be text, found {}", types[2]);
    }
    Ok(())
}

/// Spreads a trailing struct literal over the arguments of the call; anything else stays as it is.
pub(crate) fn flatten(function: SessionFunction, mut call: WindowFunction) -> Result<Expr> {
    let args = &mut call.params.args;
    if args.len() == function.fixed_args() + 1
        && let Some(last) = args.pop()
    {
        match last {
            Expr::ScalarFunction(ScalarFunction { func, args: pairs })
                if func.name() == "named_struct" && pairs.len() % 2 == 0 && !pairs.is_empty() =>
            {
                args.extend(pairs);
            }
            Expr::Literal(ScalarValue::Struct(value), metadata) if value.len() == 1 => {
                if value.is_valid(0) && value.num_columns() > 0 {
                    for (field, column) in value.fields().iter().zip(value.columns()) {
                        args.push(lit(field.name().as_str()));
                        args.push(Expr::Literal(ScalarValue::try_from_array(column, 0)?, None));
                    }
                } else {
                    args.push(Expr::Literal(ScalarValue::Struct(value), metadata));
                }
            }
            other => args.push(other),
        }
    }
    Ok(Expr::from(call))
}

/// The options of a call in either form, with the types of their values where they are known.
struct Given {
    function: &'static str,
    entries: Vec<(String, Arc<dyn PhysicalExpr>, Option<DataType>)>,
}

impl Given {
    fn read(function: SessionFunction, exprs: &[Arc<dyn PhysicalExpr>], types: &[DataType]) -> Result<Self> {
        let (name, fixed) = (function.name(), function.fixed_args());
        let mut entries: Vec<(String, Arc<dyn PhysicalExpr>, Option<DataType>)> = vec![];
        if let (Some(expr), Some(DataType::Struct(fields)), true) =
            (exprs.get(fixed), types.get(fixed), exprs.len() == fixed + 1)
        {
            let Some(options) = Options::from_expr(name, expr)? else {
                return plan_err!(
                    "{name}: the options must be a struct literal {{name: value}}, found {expr}"
                );
            };
            for option in options.names() {
                let field = fields.iter().find(|field| field.name().eq_ignore_ascii_case(option));
                if let Some(expr) = options.expr(option) {
                    let data_type = field.map(|field| field.data_type().clone());
                    entries.push((option.to_owned(), Arc::clone(expr), data_type));
                }
            }
        } else {
            for (pair, types) in exprs[fixed..].chunks_exact(2).zip(types[fixed..].chunks_exact(2)) {
                let option = constant(&pair[0])?;
                let Some(option) = option.as_ref().and_then(ScalarValue::try_as_str).flatten() else {
                    return plan_err!("{name}: an option's name must be a literal, found {}", pair[0]);
                };
                let option = option.to_lowercase();
                if entries.iter().any(|(earlier, _, _)| *earlier == option) {
                    return plan_err!("{name}: option '{option}' is given twice");
                }
                entries.push((option, Arc::clone(&pair[1]), Some(types[1].clone())));
            }
        }
        check_names(name, entries.iter().map(|(option, _, _)| option.as_str()), &accepted_options(function))?;
        Ok(Self { function: name, entries })
    }

    /// A literal value; `None` where it is absent or NULL.
    fn literal(&self, option: &str) -> Result<Option<ScalarValue>> {
        let Some((_, expr, _)) = self.entries.iter().find(|(name, _, _)| name == option) else {
            return Ok(None);
        };
        match constant(expr)? {
            Some(value) => Ok(Some(value).filter(|value| !value.is_null())),
            None => plan_err!("{}: option '{option}' must be a literal, found {expr}", self.function),
        }
    }

    fn text(&self, option: &str) -> Result<Option<String>> {
        let Some(value) = self.literal(option)? else {
            return Ok(None);
        };
        match value.try_as_str() {
            Some(text) => Ok(text.map(str::to_owned)),
            None => plan_err!(
                "{}: option '{option}' must be a text literal, found {value} of type {}",
                self.function,
                value.data_type()
            ),
        }
    }

    fn boolean(&self, option: &str) -> Result<Option<bool>> {
        match self.literal(option)? {
            None => Ok(None),
            Some(ScalarValue::Boolean(value)) => Ok(value),
            Some(value) => plan_err!(
                "{}: option '{option}' must be true or false, found {value} of type {}",
                self.function,
                value.data_type()
            ),
        }
    }

    fn zone(&self, option: &str, unit: Unit) -> Result<Option<Tz>> {
        let Some(name) = self.text(option)? else {
            return Ok(None);
        };
        self.needs_instants(option, unit)?;
        time::zone(self.function, &name).map(Some)
    }

    fn background(&self, unit: Unit) -> Result<Option<Background>> {
        let Some(preset) = self.text("rule")? else {
            return Ok(None);
        };
        self.needs_instants("rule", unit)?;
        let seconds = match preset.as_str() {
            "30min" => 1_800,
            "5min" => 300,
            "30s" => 30,
            "strict_show" => return Ok(Some(Background::Any)),
            _ => {
                return plan_err!(
                    "{}: unknown rule '{preset}'; accepted are {}{}",
                    self.function,
                    PRESETS.join(", "),
                    did_you_mean(&preset, &PRESETS)
                );
            }
        };
        let limit = match unit {
            Unit::Nanos(nanos) => seconds * 1_000_000_000 / nanos,
            Unit::Number | Unit::UnsignedNumber => seconds,
        };
        Ok(Some(Background::LongerThan(limit)))
    }

    fn needs_instants(&self, option: &str, unit: Unit) -> Result<()> {
        if unit.is_instant() {
            return Ok(());
        }
        plan_err!(
            "{}: option '{option}' needs a ts that is a timestamp or a date, not an integer",
            self.function
        )
    }

    /// The expression of an option that is read for each row.
    fn column(&self, option: &str, kinds: &[Kind]) -> Result<Option<Arc<dyn PhysicalExpr>>> {
        let Some((_, expr, data_type)) = self.entries.iter().find(|(name, _, _)| name == option) else {
            return Ok(None);
        };
        if let Some(data_type) = data_type
            && !kinds.iter().any(|kind| kind.accepts(data_type))
        {
            let accepted: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
            return plan_err!(
                "{}: option '{option}' must be {}, found {expr} of type {data_type}",
                self.function,
                accepted.join(" or ")
            );
        }
        Ok(Some(Arc::clone(expr)))
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Boolean,
    Text,
    Int,
}

impl Kind {
    fn accepts(self, data_type: &DataType) -> bool {
        match self {
            _ if *data_type == DataType::Null => true,
            Kind::Boolean => *data_type == DataType::Boolean,
            Kind::Text => is_text(data_type),
            Kind::Int => data_type.is_integer(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Boolean => "Boolean",
            Kind::Text => "text",
            Kind::Int => "an integer",
        }
    }
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => is_text(value),
        DataType::Null => true,
        other => other.is_string(),
    }
}

fn unit(ts: &DataType) -> Unit {
    match ts {
        DataType::Timestamp(TimeUnit::Second, _) => Unit::Nanos(1_000_000_000),
        DataType::Timestamp(TimeUnit::Millisecond, _) | DataType::Date64 => Unit::Nanos(1_000_000),
        DataType::Timestamp(TimeUnit::Microsecond, _) => Unit::Nanos(1_000),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => Unit::Nanos(1),
        DataType::Date32 => Unit::Nanos(86_400_000_000_000),
        DataType::UInt64 => Unit::UnsignedNumber,
        _ => Unit::Number,
    }
}

/// The most ticks that two rows may lie apart: `limit` itself, or less than it with `open`. Never negative, for rows of
/// the same time stay together whatever the limit.
fn exceeded_above(function: &str, what: &str, limit: &ScalarValue, unit: Unit, open: bool) -> Result<i64> {
    let (length, tick) = match (interval(limit), unit) {
        (Some(interval), Unit::Nanos(nanos)) => {
            if interval.months != 0 {
                return plan_err!(
                    "{function}: {what} must not hold months, whose length varies; found {limit}"
                );
            }
            let days = i128::from(interval.days) * 86_400_000_000_000;
            (days + i128::from(interval.nanoseconds), i128::from(nanos))
        }
        (Some(_), _) => {
            return plan_err!(
                "{function}: {what} is an interval, but ts is an integer whose unit is unknown; write {what} as an \
                 integer in that unit"
            );
        }
        (None, _) if limit.is_null() || !limit.data_type().is_integer() => {
            return plan_err!(
                "{function}: {what} must be an interval such as INTERVAL '30 minutes', found {limit} of type {}",
                limit.data_type()
            );
        }
        (None, Unit::Nanos(_)) => {
            return plan_err!(
                "{function}: {what} has no unit; write an interval such as INTERVAL '{limit} seconds'"
            );
        }
        (None, _) => match limit.cast_to(&DataType::Int64) {
            Ok(ScalarValue::Int64(Some(length))) => (i128::from(length), 1),
            _ => return plan_err!("{function}: {what} {limit} is out of range"),
        },
    };
    if length < 0 {
        return plan_err!("{function}: {what} must not be negative, found {limit}");
    }
    // To reach a limit is to exceed the last whole tick before it.
    let ticks = if open { (length + tick - 1) / tick - 1 } else { length / tick };
    Ok(i64::try_from(ticks.max(0)).unwrap_or(i64::MAX))
}
