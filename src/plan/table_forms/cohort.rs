//! `cohort(relation, user, ts [, 'day' | 'week' | 'month'] [, {options}])`: of the users who came first in a period, how
//! many came back so many periods later?
//!
//! ```text
//! ann   1 Jan   3 Jan        cohort  offset  users  rate  complete
//! bob   1 Jan                1 Jan   0       2      1     true
//! eve   2 Jan   3 Jan        1 Jan   2       1      0.5   false      3 Jan is the newest day: it may not be over
//!                            2 Jan   0       1      1     true
//!                            2 Jan   1       1      1     false
//! ```
//!
//! `cohort` is the first day of the period, `rate` the users over all users of the cohort. A cell without users has no
//! row. Days are those of the zone of the session (`footfall.time_zone`) or of option `zone`; a date is a day already, and
//! an integer counts the periods itself. `complete` is false for the newest period that any user of the answer was seen
//! in; with `until`, the last day that is over, for all later ones.
//!
//! Options: `zone`; `week_start: 'sunday'`; `start` and `return`, conditions that say which rows begin a cohort and which
//! are a return (all rows without them); `kind: 'recurring'`, where every period of a user with a start begins a cohort,
//! not the first alone; `until`; `unit`, the same as the fourth argument.
//!
//! A user's periods are gathered while his rows pass by: one group a user, no join. `recurring` looks at every pair of a
//! user's periods.

use chrono_tz::Tz;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{DFSchema, Result, plan_err};
use datafusion::logical_expr::planner::RelationPlannerContext;
use datafusion::sql::sqlparser::ast::Query;

use super::call::{Checker, FormCall, one_of};
use super::template::Holes;
use crate::config::FootfallOptions;
use crate::functions::time;

const UNITS: [&str; 3] = ["day", "week", "month"];
const OPTIONS: [&str; 7] = ["unit", "zone", "week_start", "start", "return", "kind", "until"];

pub(super) fn query(
    call: &FormCall,
    input: &str,
    schema: &DFSchema,
    context: &mut dyn RelationPlannerContext,
) -> Result<Box<Query>> {
    let zone = zone(call, context)?;
    let mut checker = Checker { form: call.form, schema, context };
    checker.argument(call, 2, "user")?;
    let ts = checker.time(call, 3)?;
    call.check_options(&OPTIONS)?;
    for name in ["start", "return"] {
        if let Some(condition) = call.option(name) {
            checker.condition(&format!("option '{name}'"), condition)?;
        }
    }
    let calendar = Calendar::new(call, &ts, zone)?;
    let mut holes = Holes::default().with("__user", &call.args[1]).with("__ts", &call.args[2]);
    for name in ["start", "return", "until"] {
        if let Some(value) = call.option(name) {
            holes = holes.with(format!("__{name}"), value);
        }
    }
    let over = match checker.option(call, "until")? {
        None => "period < max(last_period) OVER ()".to_owned(),
        Some(until) => calendar.is_over(call, &until)?,
    };
    let is_first = call.choice("kind", &["first", "recurring"])? != Some("recurring");
    let has_conditions = call.option("start").is_some() || call.option("return").is_some();
    let cells = if is_first && !has_conditions {
        plain_cells(&calendar, input)
    } else {
        cells(call, &calendar, is_first, input)
    };
    holes.fill(&format!(
        "SELECT cohort, \"offset\", users, CAST(users AS DOUBLE) / size AS rate, complete \
         FROM (SELECT first_period AS cohort, {} AS \"offset\", users, size, {over} AS complete FROM ({cells}))",
        calendar.distance()
    ))
}

/// Every user comes back in the first period, so the size of a cohort is its cell at offset 0.
fn plain_cells(calendar: &Calendar, input: &str) -> String {
    format!(
        "SELECT first_period, period, users, last_period, \
             max(CASE WHEN period = first_period THEN users END) OVER (PARTITION BY first_period) AS size \
         FROM ( \
             SELECT first_period, period, count(*) AS users, max(last_period) AS last_period \
             FROM ( \
                 SELECT first_period, last_period, unnest(periods) AS period \
                 FROM ( \
                     SELECT min(period) AS first_period, max(period) AS last_period, \
                         array_agg(DISTINCT period) AS periods \
                     FROM (SELECT __user AS user_id, {} AS period FROM {input}) \
                     WHERE period IS NOT NULL \
                     GROUP BY user_id \
                 ) \
             ) \
             GROUP BY first_period, period \
         )",
        calendar.period()
    )
}

/// Starts and returns apart: users of a cohort are counted before their returns are looked at.
fn cells(call: &FormCall, calendar: &Calendar, is_first: bool, input: &str) -> String {
    let condition = |name: &str| match call.option(name) {
        // A NULL that has no type is false, too.
        Some(_) => format!("CAST(__{name} AS BOOLEAN)"),
        None => "true".to_owned(),
    };
    let (starts, each) = if is_first {
        ("min(period)", "starts AS first_period")
    } else {
        ("array_agg(DISTINCT period)", "unnest(starts) AS first_period")
    };
    format!(
        "SELECT first_period, period, size, count(*) AS users, max(last_period) AS last_period \
         FROM ( \
             SELECT first_period, size, last_period, unnest(periods) AS period \
             FROM ( \
                 SELECT first_period, last_period, periods, count(*) OVER (PARTITION BY first_period) AS size \
                 FROM ( \
                     SELECT {each}, last_period, periods \
                     FROM ( \
                         SELECT {starts} FILTER (WHERE is_start) AS starts, \
                             array_agg(DISTINCT period) FILTER (WHERE is_return) AS periods, \
                             max(period) AS last_period \
                         FROM ( \
                             SELECT __user AS user_id, {} AS period, {} AS is_start, {} AS is_return FROM {input} \
                         ) \
                         WHERE period IS NOT NULL \
                         GROUP BY user_id \
                     ) \
                     WHERE starts IS NOT NULL \
                 ) \
             ) \
         ) \
         WHERE period >= first_period \
         GROUP BY first_period, period, size",
        calendar.period(),
        condition("start"),
        condition("return")
    )
}

fn zone(call: &FormCall, context: &dyn RelationPlannerContext) -> Result<Tz> {
    let name = match call.text("zone")? {
        Some(name) => name.to_owned(),
        None => {
            let options = context.context_provider().options().extensions.get::<FootfallOptions>();
            options.map_or_else(|| FootfallOptions::default().time_zone, |options| options.time_zone.clone())
        }
    };
    time::zone(call.form.name(), &name)
}

/// Periods of time as SQL over `__ts`.
struct Calendar {
    /// The local day of a row; the number of its period where `is_number`.
    day: String,
    is_number: bool,
    unit: &'static str,
    sunday: bool,
}

impl Calendar {
    fn new(call: &FormCall, ts: &DataType, zone: Tz) -> Result<Self> {
        let form = call.form.name();
        let unit = match call.args.get(3) {
            Some(_) if call.option("unit").is_some() => {
                return plan_err!(
                    "{form}: argument 4 (unit) and option 'unit' say the same; write one of them"
                );
            }
            Some(unit) => Some(one_of(call.form, "argument 4 (unit)", unit, &UNITS)?),
            None => call.choice("unit", &UNITS)?,
        };
        let sunday = call.choice("week_start", &["monday", "sunday"])?;
        if sunday.is_some() && unit != Some("week") {
            return plan_err!("{form}: option 'week_start' goes with the unit 'week'");
        }
        let is_number = ts.is_integer();
        if is_number && unit.is_some_and(|unit| unit != "day") {
            return plan_err!(
                "{form}: argument 3 (ts) is of type {ts} and counts the periods itself; leave the unit out, or give a \
                 timestamp or a date"
            );
        }
        if call.option("zone").is_some() && !matches!(ts, DataType::Timestamp(_, _)) {
            return plan_err!("{form}: option 'zone' needs a ts that is a timestamp, found {ts}");
        }
        let day = match ts {
            DataType::Timestamp(unit, own) => local_day(*unit, own.as_deref(), zone),
            _ if is_number => "CAST(__ts AS BIGINT)".to_owned(),
            DataType::Date32 => "__ts".to_owned(),
            _ => "CAST(__ts AS DATE)".to_owned(),
        };
        Ok(Self { day, is_number, unit: unit.unwrap_or("day"), sunday: sunday == Some("sunday") })
    }

    fn period(&self) -> String {
        self.period_of(&self.day)
    }

    /// The first day of the period of a day.
    fn period_of(&self, day: &str) -> String {
        let unit = self.unit;
        if self.is_number || unit == "day" {
            return day.to_owned();
        }
        let midnight = format!("CAST({day} AS TIMESTAMP(0))");
        if self.sunday {
            // Monday of the next day's week, one day earlier.
            return format!(
                "CAST(date_trunc('week', {midnight} + INTERVAL '1 day') - INTERVAL '1 day' AS DATE)"
            );
        }
        format!("CAST(date_trunc('{unit}', {midnight}) AS DATE)")
    }

    /// How many periods lie between the first period and a later one.
    fn distance(&self) -> &'static str {
        match self.unit {
            "week" => "CAST((period - first_period) / 7 AS BIGINT)",
            "month" => {
                "CAST((date_part('year', period) - date_part('year', first_period)) * 12 \
                 + date_part('month', period) - date_part('month', first_period) AS BIGINT)"
            }
            _ => "CAST(period - first_period AS BIGINT)",
        }
    }

    /// Whether a period is over where `__until` is the last day, or number, that is.
    fn is_over(&self, call: &FormCall, until: &DataType) -> Result<String> {
        if self.is_number && until.is_integer() {
            return Ok("period <= __until".to_owned());
        }
        let is_day = until.is_string()
            || matches!(until, DataType::Date32 | DataType::Date64 | DataType::Timestamp(_, _));
        if self.is_number || !is_day {
            let wanted =
                if self.is_number { "an integer, as ts is" } else { "a day such as DATE '2026-03-31'" };
            return plan_err!("{}: option 'until' must be {wanted}, found {until}", call.form.name());
        }
        let next = "CAST(CAST(CAST(__until AS DATE) AS TIMESTAMP(0)) + INTERVAL '1 day' AS DATE)";
        Ok(format!("period < {}", self.period_of(next)))
    }
}

/// The day of an instant in a zone; an instant without a zone is UTC.
fn local_day(unit: TimeUnit, own: Option<&str>, zone: Tz) -> String {
    let unit = match unit {
        TimeUnit::Second => "Second",
        TimeUnit::Millisecond => "Millisecond",
        TimeUnit::Microsecond => "Microsecond",
        TimeUnit::Nanosecond => "Nanosecond",
    };
    let cast = |ts: &str, zone: &str| format!("arrow_cast({ts}, 'Timestamp({unit}, {zone})')");
    let local = match (own, zone) {
        (None, Tz::UTC) => "__ts".to_owned(),
        // Without its zone it is the same number, and a day of it a division.
        (Some(_), Tz::UTC) => cast("__ts", "None"),
        (own, zone) => {
            let zone = format!("Some(\"{}\")", zone.name());
            match own {
                None => cast(&cast("__ts", "Some(\"UTC\")"), &zone),
                Some(_) => cast("__ts", &zone),
            }
        }
    };
    format!("CAST({local} AS DATE)")
}
