//! `retention_rollup(first [, return] [, periods] [, {…}])` over the bitmaps of users: how many of each cohort came back?
//!
//! ```text
//!          1 Jan  2 Jan  3 Jan        cohort  offset  users of size
//! ann      ■      ·      ■            1 Jan   0       2 of 2
//! bob      ■      ■      ·       →    1 Jan   1       1 of 2
//! eve      ·      ■      ■            1 Jan   2       1 of 2
//!                                     2 Jan   0       1 of 1
//!                                     2 Jan   1       1 of 1
//! ```
//!
//! A user's cohort is the lowest period of `first`, an offset is the distance of a period of `return` from there: shift
//! and count, O(cohorts of the user × words of the bitmap).

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, Date32Array, Int64Array};
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::Documentation;
use serde::{Deserialize, Serialize};

use super::bitmap::Blocks;
use super::cohorts::{Cell, Cohorts, Mode, Rule, offsets};
use super::local::{self, DAY, Moment, SECOND};
use super::period::{Periods, Unit};
use super::rollup::{self, Bitmaps, Range, Rollup, Tally};
use crate::functions::call::{self, Arguments};
use crate::functions::folds::FoldFunction;
use crate::functions::options::{Options, constant, interval};

const NAME: &str = "retention_rollup";

const OPTIONS: [&str; 11] =
    ["mode", "brackets", "kind", "from", "to", "until", "zone", "rolling", "floor", "cohort", "week_start"];

/// More offsets than anybody reads, and still few enough for one answer.
const MAX_PERIODS: u64 = 1_000_000;

/// The SQL function.
#[derive(Debug)]
pub(crate) struct RetentionRollup;

/// What the literals of a call say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Parameters {
    rule: Rule,
    /// Every period of `first` is a cohort, not the lowest alone.
    #[serde(default)]
    recurring: bool,
    range: Range,
    rolling: Option<Rolling>,
}

/// Offsets are stretches of fixed length from the very moment of the start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Rolling {
    length: i64,
    /// Start and return are cut to a multiple of this; 1 leaves them as they are.
    floor: i64,
    /// The local days, weeks or months by which the starts are put into cohorts.
    cohorts: Periods,
}

/// The bitmaps of one batch.
#[derive(Debug)]
pub(crate) struct Rows {
    first: Bitmaps,
    /// `None`: the same.
    returns: Option<Bitmaps>,
}

impl FoldFunction for RetentionRollup {
    const NAME: &'static str = NAME;

    type Parameters = Parameters;
    type Fold = Rollup<Cohorts>;
    type Rows = Rows;

    fn coerce_types(types: &[DataType]) -> Result<Vec<DataType>> {
        let layout = Layout::of(types)?;
        let mut types = types.to_vec();
        types[0] = rollup::bitmap_type(NAME, 1, &types[0])?;
        if layout.returns {
            types[1] = rollup::bitmap_type(NAME, 2, &types[1])?;
        }
        if let Some(periods) = layout.periods {
            types[periods] = DataType::Int64;
        }
        Ok(types)
    }

    fn return_type(_types: &[DataType]) -> Result<DataType> {
        Ok(rollup::list_type(&FIELDS))
    }

    fn merged_type(_ts: &DataType, _value: &DataType) -> Result<DataType> {
        Ok(rollup::list_type(&FIELDS))
    }

    fn read(call: &Arguments) -> Result<Parameters> {
        let layout = Layout::of(&call.types)?;
        let options = call.options(NAME, &OPTIONS)?;
        let periods = match layout.periods {
            Some(argument) => periods(call, argument)?,
            None => None,
        };
        let mode = mode(&options)?;
        if periods.is_some() && matches!(mode, Mode::Brackets(_)) {
            return plan_err!(
                "{NAME}: the brackets say which offsets to report; leave out the number of periods"
            );
        }
        let range = Range::read(NAME, &options)?;
        let rolling = Rolling::read(&options)?;
        if rolling.is_some() {
            for (name, moment) in [("from", range.from), ("to", range.to), ("until", range.until)] {
                if matches!(moment, Some(Moment::Number(_))) {
                    return plan_err!("{NAME}: option '{name}' must be a date where 'rolling' is given");
                }
            }
        }
        Ok(Parameters {
            rule: Rule { mode, periods },
            recurring: options.choice("kind", &["first", "recurring"])? == Some("recurring"),
            range,
            rolling,
        })
    }

    fn rows(_parameters: &Parameters, values: &[ArrayRef]) -> Result<Rows> {
        let types: Vec<DataType> = values.iter().map(|array| array.data_type().clone()).collect();
        let returns = Layout::of(&types)?.returns;
        Ok(Rows {
            first: Bitmaps::new(NAME, &values[0])?,
            returns: if returns { Some(Bitmaps::new(NAME, &values[1])?) } else { None },
        })
    }

    fn update(parameters: &Parameters, rows: &Rows, row: usize, fold: &mut Rollup<Cohorts>) -> Result<()> {
        let first = rows.first.get(NAME, row)?;
        let returns = match &rows.returns {
            Some(returns) => returns.get(NAME, row)?,
            None => first,
        };
        for (periods, user) in [first, returns].into_iter().flatten() {
            fold.see(NAME, periods)?;
            if let Some(last) = user.highest() {
                let last = if parameters.rolling.is_some() { periods.start(last) } else { last };
                fold.tally.see(last);
            }
        }
        let Some((periods, first)) = first else {
            return Ok(());
        };
        let Some(lowest) = first.lowest() else {
            return Ok(());
        };
        let returns = returns.map_or(Blocks::EMPTY, |(_, returns)| returns);
        if let Some(rolling) = &parameters.rolling {
            return rolling.add(parameters, &periods, first, returns, &mut fold.tally);
        }
        let (low, high) = parameters.range.bounds(NAME, &periods)?;
        let mut add = |cohort: i64| {
            if (low..=high).contains(&cohort) {
                fold.tally.add(cohort, offsets(returns, cohort), &parameters.rule);
            }
        };
        match parameters.recurring {
            true => first.periods().for_each(add),
            false => add(lowest),
        }
        Ok(())
    }

    fn answers(parameters: &Parameters, folds: &[Rollup<Cohorts>]) -> Result<ArrayRef> {
        let rule = &parameters.rule;
        let count = folds.iter().map(|fold| fold.tally.count(rule)).fold(0, usize::saturating_add);
        rollup::check_count(NAME, count)?;
        let mut lines = Lines::default();
        let mut lengths = Vec::with_capacity(folds.len());
        for fold in folds {
            let before = lines.users.len();
            if let Some(periods) = fold.periods(NAME)? {
                let calendar = Calendar::new(parameters, &periods, fold.tally.last())?;
                fold.tally.cells(rule, |cell| lines.push(&cell, &calendar));
            }
            lengths.push(lines.users.len() - before);
        }
        rollup::lists(NAME, &FIELDS, lines.columns(), &lengths)
    }

    fn default_value(_data_type: &DataType) -> Result<ScalarValue> {
        ScalarValue::try_from_array(&rollup::lists(NAME, &FIELDS, Lines::default().columns(), &[0])?, 0)
    }

    fn documentation() -> &'static Documentation {
        &DOCUMENTATION
    }
}

impl Tally for Cohorts {
    fn merge(&mut self, other: Self) {
        Cohorts::merge(self, other);
    }

    fn encode(&self, out: &mut Vec<u8>) {
        Cohorts::encode(self, out);
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        Cohorts::decode(bytes)
    }

    fn heap(&self) -> usize {
        Cohorts::heap(self)
    }
}

impl Rolling {
    fn read(options: &Options) -> Result<Option<Self>> {
        let Some(length) = options.value("rolling", "an interval such as INTERVAL '24 hours'")? else {
            for name in ["floor", "cohort", "week_start"] {
                if options.expr(name).is_some() {
                    return plan_err!("{NAME}: option '{name}' goes with option 'rolling'");
                }
            }
            return Ok(None);
        };
        let micros = interval(&length).filter(|length| length.months == 0).map(|length| {
            (i128::from(length.days) * 86_400_000_000_000 + i128::from(length.nanoseconds)) / 1_000
        });
        let Some(length) = micros.and_then(|micros| i64::try_from(micros).ok()).filter(|length| *length > 0)
        else {
            return plan_err!(
                "{NAME}: option 'rolling' must be a positive interval of fixed length, such as INTERVAL '24 hours' or \
                 INTERVAL '30 days'; found {length}"
            );
        };
        let floor = match options.choice("floor", &["second", "minute", "hour", "day"])? {
            Some("second") => SECOND,
            Some("minute") => 60 * SECOND,
            Some("hour") => 3_600 * SECOND,
            Some(_) => DAY,
            None => 1,
        };
        let week = options.choice("week_start", &["monday", "sunday"])?;
        let cohorts = match options.choice("cohort", &["day", "week", "month"])? {
            Some("week") => {
                let first = if week == Some("sunday") { -4 } else { -3 };
                Periods { unit: Unit::Days, length: 7, first }
            }
            _ if week.is_some() => {
                return plan_err!("{NAME}: option 'week_start' goes with cohort: 'week'");
            }
            Some("month") => Periods { unit: Unit::Months, length: 1, first: 0 },
            _ => Periods::DAY,
        };
        Ok(Some(Self { length, floor, cohorts }))
    }

    /// Each cohort of the user begins at his first start in that day, week or month.
    fn add(
        &self,
        parameters: &Parameters,
        periods: &Periods,
        first: Blocks,
        returns: Blocks,
        cohorts: &mut Cohorts,
    ) -> Result<()> {
        if periods.unit != Unit::Micros {
            return exec_err!(
                "{NAME}: option 'rolling' needs the hour or second of each event, found bitmaps of {periods}; make them \
                 with active_bitmap(ts, 'hour') or active_bitmap(ts, 'second')"
            );
        }
        let zone = parameters.range.zone(NAME)?;
        let (low, high) = parameters.range.bounds(NAME, &self.cohorts)?;
        let mut previous = None;
        for start in first.periods() {
            let start = periods.start(start);
            let cohort = self.cohorts.of_day(local::day(start, zone));
            if previous.replace(cohort) == Some(cohort) {
                continue;
            }
            if (low..=high).contains(&cohort) {
                let shift = local::offset(start, zone);
                let floor =
                    |moment: i64| moment.saturating_sub(moment.saturating_add(shift).rem_euclid(self.floor));
                let from = floor(start);
                let mut last = None;
                let offsets = returns.periods().filter_map(|period| {
                    let moment = periods.start(period);
                    let offset = floor(moment).saturating_sub(from).div_euclid(self.length) as u64;
                    (moment >= start && last.replace(offset) != Some(offset)).then_some((offset, 1))
                });
                cohorts.add(cohort, offsets, &parameters.rule);
            }
            if !parameters.recurring {
                break;
            }
        }
        Ok(())
    }
}

/// Where the arguments stand: the first bitmap, that of the returns, the number of periods.
struct Layout {
    returns: bool,
    periods: Option<usize>,
}

impl Layout {
    fn of(types: &[DataType]) -> Result<Self> {
        let len = call::len_without_options(types);
        let returns = len > 1 && !types[1].is_integer();
        let periods = 1 + usize::from(returns);
        let periods_given = len > periods;
        if len == 0
            || len > periods + 1
            || (periods_given && !types[periods].is_integer() && !types[periods].is_null())
        {
            return plan_err!(
                "{NAME}: takes a bitmap of first activity, a bitmap of returns unless it is the same, and the number of \
                 periods if wanted, as in {NAME}(first, return, 7); found {}",
                types.iter().take(len).map(ToString::to_string).collect::<Vec<_>>().join(", ")
            );
        }
        Ok(Self { returns, periods: periods_given.then_some(periods) })
    }
}

fn periods(call: &Arguments, argument: usize) -> Result<Option<u64>> {
    let expr = &call.exprs[argument];
    let value = match constant(expr)? {
        None => return plan_err!("{NAME}: the number of periods must be a literal, found {expr}"),
        Some(value) if value.is_null() => return Ok(None),
        Some(value) => value,
    };
    match value.cast_to(&DataType::UInt64) {
        Ok(ScalarValue::UInt64(Some(periods))) if periods <= MAX_PERIODS => Ok(Some(periods)),
        _ => plan_err!("{NAME}: the number of periods must be from 0 to {MAX_PERIODS}, found {value}"),
    }
}

fn mode(options: &Options) -> Result<Mode> {
    let mode = options.choice("mode", &["n_day", "unbounded", "bracket"])?;
    match (mode, options.list("brackets")?) {
        (Some("bracket") | None, Some(items)) => {
            let values = items.iter().map(|item| match constant(item)? {
                Some(value) => Ok(value),
                None => plan_err!("{NAME}: a bracket must be a literal, found {item}"),
            });
            Ok(Mode::Brackets(brackets(&values.collect::<Result<Vec<_>>>()?)?))
        }
        (Some("bracket"), None) => {
            plan_err!(
                "{NAME}: mode 'bracket' needs option 'brackets', as in {{brackets: [[0, 0], [1, 7], [8, 14]]}}"
            )
        }
        (Some(mode), Some(_)) => {
            plan_err!("{NAME}: option 'brackets' goes with mode 'bracket', found mode '{mode}'")
        }
        (Some("unbounded"), None) => Ok(Mode::Unbounded),
        _ => Ok(Mode::NDay),
    }
}

/// Pairs [from, to], or the lengths of brackets that follow offset 0 without a gap.
fn brackets(values: &[ScalarValue]) -> Result<Vec<(u64, u64)>> {
    let mut brackets: Vec<(u64, u64)> = Vec::with_capacity(values.len() + 1);
    for value in values {
        let bracket = match value {
            ScalarValue::List(pair) => {
                let pair = pair.value(0);
                let ends = (0..pair.len())
                    .map(|i| whole(&ScalarValue::try_from_array(&pair, i)?))
                    .collect::<Result<Vec<_>>>()?;
                let &[from, to] = ends.as_slice() else {
                    return plan_err!("{NAME}: a bracket must be a pair [from, to], found {value}");
                };
                (from, to)
            }
            length => {
                if brackets.is_empty() {
                    brackets.push((0, 0));
                }
                let from = brackets.last().map_or(0, |(_, to)| to.saturating_add(1));
                match whole(length)? {
                    0 => return plan_err!("{NAME}: the length of a bracket must be at least 1, found 0"),
                    length => (from, from.saturating_add(length - 1)),
                }
            }
        };
        let after = brackets.last().is_none_or(|(_, to)| *to < bracket.0);
        if bracket.0 > bracket.1 || bracket.1 > i64::MAX as u64 || !after {
            return plan_err!(
                "{NAME}: brackets must ascend and not overlap, found [{}, {}]",
                bracket.0,
                bracket.1
            );
        }
        brackets.push(bracket);
    }
    if brackets.is_empty() {
        return plan_err!("{NAME}: option 'brackets' is empty; write pairs such as [[0, 0], [1, 7]]");
    }
    Ok(brackets)
}

fn whole(value: &ScalarValue) -> Result<u64> {
    match value.data_type().is_integer().then(|| value.cast_to(&DataType::UInt64)) {
        Some(Ok(ScalarValue::UInt64(Some(whole)))) => Ok(whole),
        _ => plan_err!(
            "{NAME}: brackets must be pairs [from, to] of offsets or a list of lengths, found {value} of type {}",
            value.data_type()
        ),
    }
}

/// What dates the cohorts of one group have, and which of their offsets are over.
struct Calendar<'a> {
    parameters: &'a Parameters,
    /// The periods that cohorts are numbered by.
    cohorts: Periods,
    zone: chrono_tz::Tz,
    /// The last period that is over; rolling: the moment up to which everything is known.
    complete: i64,
}

impl<'a> Calendar<'a> {
    fn new(parameters: &'a Parameters, periods: &Periods, last: Option<i64>) -> Result<Self> {
        let range = &parameters.range;
        let zone = range.zone(NAME)?;
        let (cohorts, complete) = match &parameters.rolling {
            None => (*periods, range.complete(NAME, periods, last)?),
            Some(rolling) => {
                let complete = match range.until {
                    Some(Moment::Day(day)) => local::midnight(day.saturating_add(1), zone),
                    _ => last.unwrap_or(i64::MIN),
                };
                (rolling.cohorts, complete)
            }
        };
        Ok(Self { parameters, cohorts, zone, complete })
    }

    fn is_complete(&self, cell: &Cell) -> bool {
        match &self.parameters.rolling {
            None => cell.cohort.saturating_add_unsigned(cell.until) <= self.complete,
            Some(rolling) => {
                let next = self.cohorts.first_day(cell.cohort.saturating_add(1));
                let stretches = i64::try_from(cell.until).unwrap_or(i64::MAX).saturating_add(1);
                let end =
                    local::midnight(next, self.zone).saturating_add(stretches.saturating_mul(rolling.length));
                end <= self.complete
            }
        }
    }
}

static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    Fields::from(vec![
        Field::new("cohort", DataType::Date32, true),
        Field::new("number", DataType::Int64, true),
        Field::new("size", DataType::Int64, true),
        Field::new("offset", DataType::Int64, true),
        Field::new("users", DataType::Int64, true),
        Field::new("complete", DataType::Boolean, true),
    ])
});

/// The lines of the answer as columns.
#[derive(Default)]
struct Lines {
    cohort: Vec<Option<i32>>,
    number: Vec<i64>,
    size: Vec<i64>,
    offset: Vec<i64>,
    users: Vec<i64>,
    complete: Vec<bool>,
}

impl Lines {
    fn push(&mut self, cell: &Cell, calendar: &Calendar) {
        let date = rollup::date(&calendar.cohorts, cell.cohort, calendar.zone);
        self.cohort.push(date);
        self.number.push(cell.cohort);
        self.size.push(cell.size as i64);
        self.offset.push(cell.offset as i64);
        self.users.push(cell.users as i64);
        self.complete.push(calendar.is_complete(cell));
    }

    fn columns(self) -> Vec<ArrayRef> {
        vec![
            Arc::new(Date32Array::from(self.cohort)),
            Arc::new(Int64Array::from(self.number)),
            Arc::new(Int64Array::from(self.size)),
            Arc::new(Int64Array::from(self.offset)),
            Arc::new(Int64Array::from(self.users)),
            Arc::new(BooleanArray::from(self.complete)),
        ]
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "How many users of each cohort came back, and how much later? Over one row a user, with bitmaps made by \
         `active_bitmap`.\n\n\
         Result: List(Struct{cohort Date, number Int64, size Int64, offset Int64, users Int64, complete Boolean}), by cohort \
         and offset. `cohort` is the first day of the period in which the users started and `number` the period's number; \
         the date is NULL where periods are numbers. `size` is the number of users of the cohort, `users` those of them \
         who came back `offset` periods later. With `periods` each offset from 0 to it has a line; without, offset 0 and \
         those at which somebody came back (n_day) or all up to the last of these (unbounded). No users: an empty list.\n\n\
         ```text\n\
         \x20        1 Jan  2 Jan  3 Jan        cohort  offset  users of size\n\
         ann      ■      ·      ■            1 Jan   0       2 of 2\n\
         bob      ■      ■      ·       →    1 Jan   1       1 of 2\n\
         eve      ·      ■      ■            1 Jan   2       1 of 2\n\
         \x20                                    2 Jan   0       1 of 1\n\
         \x20                                    2 Jan   1       1 of 1\n\
         ```\n\n\
         A NULL bitmap is an empty one; a user without a start is in no cohort. Within a period the order of start and \
         return plays no part. `kind: 'first'` is first ever if the bitmaps hold all of the history: choose what to report \
         with `from`, not with WHERE. `complete` is true if the period of the line (of a bracket its last one) is over; \
         later rows can still raise the others. Without `until` the last period in which anybody of the group was seen \
         counts as open.\n\n\
         Rolling retention counts stretches of fixed length from each user's own start, not calendar days: a return \
         23 h 59 min after the start is day 0. It needs to know when things happened: make the bitmaps with the unit \
         'second', or 'hour' to cut both to the hour, which makes 23 h 01 min later day 1. A return before the start does \
         not count. Cohorts are local days of `zone`, with `cohort: 'week'` or `'month'` those; a line is complete \
         if the stretch has ended for whoever started last in the cohort.\n\n\
         Errors while planning: an unknown option, mode or kind; brackets that overlap or descend; DISTINCT. While running: \
         a value that is no bitmap, bitmaps of different periods in one group, rolling over bitmaps of days.\n\n\
         Cost: one pass over users, O(1 + words of the bitmap) for each, with `kind: 'recurring'` for each period of his; \
         512 bytes for each 64 offsets of a cohort.\n\n\
         Definition: retention analysis of Amplitude (n-day, unbounded, brackets, rolling 24 hours floored to the hour) \
         and PostHog (first time and recurring, custom brackets); ByteHouse's `retention2` is the n_day matrix.",
        "retention_rollup(first [, return] [, periods] [, {mode: 'n_day' | 'unbounded' | 'bracket', brackets: [[0, 0], [1, 7]], \
         kind: 'first' | 'recurring', from: DATE, to: DATE, until: DATE, rolling: INTERVAL, floor: 'hour', cohort: 'day', \
         week_start: 'sunday', zone: 'name'}])",
    )
    .with_argument("first", "The bitmap of starts, such as active_bitmap(ts, 'day', event = 'signup').")
    .with_argument("return", "The bitmap of returns, with the same periods; without it the first one.")
    .with_argument("periods", "A literal from 0 to 1000000: report each offset up to this one.")
    .with_argument(
        "mode",
        "Option: 'n_day' (default): back in the period at the offset; 'unbounded': then or later; 'bracket': at least once \
         in a stretch of offsets.",
    )
    .with_argument(
        "brackets",
        "Option: pairs [from, to], both included (Amplitude), or lengths of brackets that follow offset 0 (PostHog): \
         [3, 4] is [[0, 0], [1, 3], [4, 7]]. The line's offset is the bracket's first.",
    )
    .with_argument("kind", "Option: 'first' (default): a user starts once, at his lowest period; 'recurring': in each of them.")
    .with_argument("from", "Option: the first cohort to report, by a DATE in it or its number.")
    .with_argument("to", "Option: the last cohort to report.")
    .with_argument("until", "Option: the last day that is over, or the number of the last period that is.")
    .with_argument("rolling", "Option: the length of a stretch, such as INTERVAL '24 hours'.")
    .with_argument("floor", "Option: cut start and return to the 'second', 'minute', 'hour' or 'day' of `zone`.")
    .with_argument("cohort", "Option: what rolling cohorts are, 'day' (default), 'week' or 'month'.")
    .with_argument("week_start", "Option: 'monday' (default) or 'sunday', of rolling cohorts by week.")
    .with_argument("zone", "Option: the IANA zone of rolling cohorts and of dates over hours; else footfall.time_zone.")
    .with_sql_example(
        "SELECT r['cohort'] AS cohort, r['offset'] AS later, r['users'] AS users, r['size'] AS size, r['complete'] AS complete\n\
         FROM (SELECT unnest(retention_rollup(days)) AS r\n\
         \x20     FROM (SELECT u, active_bitmap(d, 'day') AS days\n\
         \x20           FROM (VALUES ('ann', DATE '2026-01-01'), ('ann', DATE '2026-01-03'), ('bob', DATE '2026-01-01'),\n\
         \x20                        ('bob', DATE '2026-01-02'), ('eve', DATE '2026-01-02'), ('eve', DATE '2026-01-03')) AS t(u, d)\n\
         \x20           GROUP BY u))\n\
         ORDER BY cohort, later;\n\
         -- 2026-01-01 | 0 | 2 | 2 | true\n\
         -- 2026-01-01 | 1 | 1 | 2 | true\n\
         -- 2026-01-01 | 2 | 1 | 2 | false\n\
         -- 2026-01-02 | 0 | 1 | 1 | true\n\
         -- 2026-01-02 | 1 | 1 | 1 | false",
    )
    .with_related_udf("active_bitmap")
    .with_related_udf("lifecycle_rollup")
    .with_related_udf("stickiness_rollup")
    .with_related_udf("retention")
    .build()
});
