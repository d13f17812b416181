//! What a call of a form says: its arguments by place, its options by name, and which of them are right.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, DataFusionError, Result, plan_err};
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::logical_expr::utils::{find_aggregate_exprs, find_window_exprs};
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, FunctionArg, FunctionArgExpr, FunctionArgOperator, TableAlias, TableFactor, Value,
};

use super::Form;
use crate::error::did_you_mean;
use crate::functions::options::check_names;
use crate::functions::time::TimeType;

/// A call as it is written.
#[derive(Debug)]
pub(super) struct FormCall {
    pub(super) form: Form,
    /// All arguments before the options; the first one is the relation.
    pub(super) args: Vec<SqlExpr>,
    options: Vec<(String, SqlExpr)>,
}

impl FormCall {
    /// The call, and the alias behind it.
    pub(super) fn read(form: Form, relation: TableFactor) -> Result<(Self, Option<TableAlias>)> {
        let name = form.name();
        let TableFactor::Table { args: Some(written), alias, with_ordinality, sample, .. } = relation else {
            return plan_err!("{name}: write {}", form.syntax());
        };
        if written.settings.is_some() || with_ordinality || sample.is_some() {
            return plan_err!("{name}: SETTINGS, WITH ORDINALITY and TABLESAMPLE are not accepted here");
        }
        let mut call = Self { form, args: vec![], options: vec![] };
        for argument in written.args {
            call.take(argument)?;
        }
        if let Some(SqlExpr::Dictionary(_)) = call.args.last()
            && let Some(SqlExpr::Dictionary(fields)) = call.args.pop()
        {
            for field in fields {
                call.take_option(&field.key.value, *field.value)?;
            }
        }
        let (least, most) = form.arguments();
        if !(least..=most).contains(&call.args.len()) {
            let accepted = if least == most { least.to_string() } else { format!("{least} to {most}") };
            return plan_err!(
                "{name}: takes {accepted} arguments before the options, found {}; write {}",
                call.args.len(),
                form.syntax()
            );
        }
        Ok((call, alias))
    }

    fn take(&mut self, argument: FunctionArg) -> Result<()> {
        let (form, place) = (self.form, self.args.len() + 1);
        let (name, operator, value) = match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) if self.options.is_empty() => {
                self.args.push(expr);
                return Ok(());
            }
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => {
                return plan_err!("{}: '{expr}' stands behind a named argument", form.name());
            }
            FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), operator } => {
                (name.value, operator, value)
            }
            FunctionArg::ExprNamed {
                name: SqlExpr::Identifier(name),
                arg: FunctionArgExpr::Expr(value),
                operator,
            } => (name.value, operator, value),
            other => {
                return plan_err!("{}: argument {place} must be an expression, found {other}", form.name());
            }
        };
        match operator {
            FunctionArgOperator::RightArrow | FunctionArgOperator::Assignment => {
                self.take_option(&name, value)
            }
            other => plan_err!("{}: write {name} => {value}, found {name} {other} {value}", form.name()),
        }
    }

    fn take_option(&mut self, name: &str, value: SqlExpr) -> Result<()> {
        let name = name.to_lowercase();
        if self.options.iter().any(|(given, _)| *given == name) {
            return plan_err!("{}: option '{name}' is given twice", self.form.name());
        }
        self.options.push((name, value));
        Ok(())
    }

    pub(super) fn check_options(&self, accepted: &[&str]) -> Result<()> {
        check_names(self.form.name(), self.options.iter().map(|(name, _)| name.as_str()), accepted)
    }

    pub(super) fn options(&self) -> impl Iterator<Item = (&str, &SqlExpr)> {
        self.options.iter().map(|(name, value)| (name.as_str(), value))
    }

    pub(super) fn option(&self, name: &str) -> Option<&SqlExpr> {
        self.options.iter().find(|(given, _)| given == name).map(|(_, value)| value)
    }

    /// An option that is one of a few words.
    pub(super) fn choice(&self, name: &str, accepted: &[&'static str]) -> Result<Option<&'static str>> {
        let Some(value) = self.option(name) else {
            return Ok(None);
        };
        one_of(self.form, &format!("option '{name}'"), value, accepted).map(Some)
    }

    /// An option that is a text literal.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>> {
        let Some(value) = self.option(name) else {
            return Ok(None);
        };
        match literal_text(value) {
            Some(text) => Ok(Some(text)),
            None => plan_err!("{}: option '{name}' must be a text literal, found {value}", self.form.name()),
        }
    }

    /// An option that is `true` or `false`.
    pub(super) fn flag(&self, name: &str) -> Result<bool> {
        match self.option(name) {
            None => Ok(false),
            Some(SqlExpr::Value(value)) if matches!(value.value, Value::Boolean(_)) => {
                Ok(value.value == Value::Boolean(true))
            }
            Some(other) => {
                plan_err!("{}: option '{name}' must be true or false, found {other}", self.form.name())
            }
        }
    }
}

/// The one of `accepted` that a text literal is.
pub(super) fn one_of(
    form: Form,
    what: &str,
    value: &SqlExpr,
    accepted: &[&'static str],
) -> Result<&'static str> {
    let word = literal_text(value);
    if let Some(word) = word
        && let Some(known) = accepted.iter().find(|known| known.eq_ignore_ascii_case(word))
    {
        return Ok(*known);
    }
    let names: Vec<String> = accepted.iter().map(|name| format!("'{name}'")).collect();
    plan_err!(
        "{}: {what} must be one of {}, found {value}{}",
        form.name(),
        names.join(", "),
        word.map(|word| did_you_mean(word, accepted)).unwrap_or_default()
    )
}

fn literal_text(value: &SqlExpr) -> Option<&str> {
    match value {
        SqlExpr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// Looks at the arguments with the columns of the relation in hand.
pub(super) struct Checker<'a> {
    pub(super) form: Form,
    pub(super) schema: &'a DFSchema,
    pub(super) context: &'a mut dyn RelationPlannerContext,
}

impl Checker<'_> {
    /// The type of the argument at `place`, counted from 1.
    pub(super) fn argument(&mut self, call: &FormCall, place: usize, name: &str) -> Result<DataType> {
        self.type_of(&format!("argument {place} ({name})"), &call.args[place - 1])
    }

    /// The type of an option's value, if it is given.
    pub(super) fn option(&mut self, call: &FormCall, name: &str) -> Result<Option<DataType>> {
        call.option(name).map(|value| self.type_of(&format!("option '{name}'"), value)).transpose()
    }

    pub(super) fn type_of(&mut self, what: &str, expr: &SqlExpr) -> Result<DataType> {
        let form = self.form.name();
        let located = |error: DataFusionError| error.context(format!("{form}: {what}"));
        let planned = self.context.sql_to_expr(expr.clone(), self.schema).map_err(located)?;
        if holds_calls_over_rows(&planned) {
            return plan_err!(
                "{form}: {what} must be an expression over the columns of one row, found {expr}; aggregate in a \
                 subquery and make that the relation"
            );
        }
        planned.get_type(self.schema).map_err(located)
    }

    /// As [`Self::argument`], of an argument that is a time.
    pub(super) fn time(&mut self, call: &FormCall, place: usize) -> Result<DataType> {
        let data_type = self.argument(call, place, "ts")?;
        TimeType::new(self.form.name(), &format!("{place} (ts)"), &data_type)?;
        Ok(data_type)
    }

    /// The length of time at `place` must fit the type of `ts`.
    pub(super) fn length(&mut self, call: &FormCall, place: usize, name: &str, ts: &DataType) -> Result<()> {
        let found = self.argument(call, place, name)?;
        let written = &call.args[place - 1];
        let interval = matches!(found, DataType::Interval(_) | DataType::Duration(_));
        if ts.is_integer() && interval {
            let what = format!(
                "is an interval, but ts is of type {ts}, whose unit is unknown; write an integer in that unit, found \
                 {written}"
            );
            return super::wrong(self.form, place, name, &what);
        }
        if interval || found.is_null() || (found.is_integer() && !matches!(ts, DataType::Timestamp(_, _))) {
            return Ok(());
        }
        let what = format!(
            "must be an interval such as INTERVAL '30 minutes', or an integer in the unit of an integer ts; found \
             {written} of type {found}, and ts is of type {ts}"
        );
        super::wrong(self.form, place, name, &what)
    }

    /// A condition: Boolean, or NULL.
    pub(super) fn condition(&mut self, what: &str, expr: &SqlExpr) -> Result<()> {
        match self.type_of(what, expr)? {
            DataType::Boolean | DataType::Null => Ok(()),
            other => {
                plan_err!("{}: {what} must be Boolean, found {expr} of type {other}", self.form.name())
            }
        }
    }
}

fn holds_calls_over_rows(expr: &Expr) -> bool {
    !find_aggregate_exprs([expr]).is_empty() || !find_window_exprs([expr]).is_empty()
}
