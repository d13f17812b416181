//! `lifecycle_rollup(bitmap [, {from, to, until, zone}])` over the bitmaps of users: who is new, who stays, who comes back
//! and who has gone, period by period?
//!
//! [`super::lifecycle`] has the definition and its drawing. O(words of the bitmap) a user.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, BooleanArray, Date32Array, Int64Array};
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Documentation;

use super::lifecycle::Lifecycle;
use super::period::{Periods, Unit};
use super::rollup::{self, Bitmaps, Range, Rollup, Tally};
use crate::functions::call::{self, Arguments};
use crate::functions::folds::FoldFunction;

const NAME: &str = "lifecycle_rollup";

/// The SQL function.
#[derive(Debug)]
pub(crate) struct LifecycleRollup;

impl FoldFunction for LifecycleRollup {
    const NAME: &'static str = NAME;

    type Parameters = Range;
    type Fold = Rollup<Lifecycle>;
    type Rows = Bitmaps;

    fn coerce_types(types: &[DataType]) -> Result<Vec<DataType>> {
        rollup::one_bitmap(NAME, types, call::len_without_options(types))
    }

    fn return_type(_types: &[DataType]) -> Result<DataType> {
        Ok(rollup::list_type(&FIELDS))
    }

    fn merged_type(_ts: &DataType, _value: &DataType) -> Result<DataType> {
        Ok(rollup::list_type(&FIELDS))
    }

    fn read(call: &Arguments) -> Result<Range> {
        Range::read(NAME, &call.options(NAME, &["from", "to", "until", "zone"])?)
    }

    fn rows(_range: &Range, values: &[ArrayRef]) -> Result<Bitmaps> {
        Bitmaps::new(NAME, &values[0])
    }

    fn update(_range: &Range, rows: &Bitmaps, row: usize, fold: &mut Rollup<Lifecycle>) -> Result<()> {
        if let Some((periods, user)) = rows.get(NAME, row)? {
            fold.see(NAME, periods)?;
            fold.tally.add(user);
        }
        Ok(())
    }

    fn answers(range: &Range, folds: &[Rollup<Lifecycle>]) -> Result<ArrayRef> {
        let mut lines = Lines::default();
        let mut lengths = Vec::with_capacity(folds.len());
        for fold in folds {
            let before = lines.number.len();
            if let Some(periods) = fold.periods(NAME)? {
                lines.push(range, &periods, &fold.tally)?;
            }
            lengths.push(lines.number.len() - before);
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

impl Tally for Lifecycle {
    fn merge(&mut self, other: Self) {
        Lifecycle::merge(self, &other);
    }

    fn encode(&self, out: &mut Vec<u8>) {
        Lifecycle::encode(self, out);
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        Lifecycle::decode(bytes)
    }

    fn heap(&self) -> usize {
        Lifecycle::heap(self)
    }
}

static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    let mut fields = vec![Field::new("period", DataType::Date32, true)];
    fields.extend(
        ["number", "new", "returning", "resurrecting", "dormant"]
            .map(|name| Field::new(name, DataType::Int64, true)),
    );
    fields.push(Field::new("complete", DataType::Boolean, true));
    Fields::from(fields)
});

/// The lines of the answer as columns.
#[derive(Default)]
struct Lines {
    period: Vec<Option<i32>>,
    number: Vec<i64>,
    /// New, returning, resurrecting, dormant.
    users: [Vec<i64>; 4],
    complete: Vec<bool>,
}

impl Lines {
    fn push(&mut self, range: &Range, periods: &Periods, counts: &Lifecycle) -> Result<()> {
        let (low, high) = range.bounds(NAME, periods)?;
        let complete = range.complete(NAME, periods, counts.last())?;
        let zone = range.zone(NAME)?;
        let calendar = matches!(periods.unit, Unit::Days | Unit::Months);
        let numbers: Vec<i64> = if range.from.is_some() && range.to.is_some() && calendar {
            // Both ends are named: quiet periods have their line, too.
            rollup::check_count(NAME, usize::try_from(high.saturating_sub(low)).unwrap_or(0))?;
            (low..=high).collect()
        } else {
            // Nobody can have stayed away from a period that has not come.
            let last = counts.last().map_or(complete, |last| last.max(complete));
            let last = if range.to.is_some() { high } else { last };
            counts.periods().into_iter().filter(|period| (low..=last).contains(period)).collect()
        };
        for number in numbers {
            self.period.push(rollup::date(periods, number, zone));
            self.number.push(number);
            let kinds = [&counts.new, &counts.returning, &counts.resurrecting, &counts.dormant];
            for (column, kind) in self.users.iter_mut().zip(kinds) {
                column.push(kind.get(number) as i64);
            }
            self.complete.push(number <= complete);
        }
        Ok(())
    }

    fn columns(self) -> Vec<ArrayRef> {
        let mut columns: Vec<ArrayRef> =
            vec![Arc::new(Date32Array::from(self.period)), Arc::new(Int64Array::from(self.number))];
        for users in self.users {
            columns.push(Arc::new(Int64Array::from(users)));
        }
        columns.push(Arc::new(BooleanArray::from(self.complete)));
        columns
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "How many users are new, stay, come back or have gone, period by period? Over one row a user, with bitmaps made \
         by `active_bitmap`.\n\n\
         Result: List(Struct{period Date, number Int64, new Int64, returning Int64, resurrecting Int64, dormant Int64, \
         complete Boolean}), by period. `period` is its first day and `number` its number; the date is NULL where periods \
         are numbers. All counts are positive, `dormant`, too.\n\n\
         ```text\n\
         period         0    1          2        3             4\n\
         there          ■    ■          ·        ■             ·\n\
         counted as     new  returning  dormant  resurrecting  dormant\n\
         ```\n\n\
         new: the first period ever; returning: there, and in the period before; resurrecting: there, not in the period \
         before, but earlier; dormant: not there, but in the period before (once, not again in the periods after). So the \
         active users of a period are new + returning + resurrecting. `new` needs all of the history: choose what to \
         report with `from`, not with WHERE.\n\n\
         Lines are the periods with a count up to the last in which anybody of the group was there (or `until`, if later); \
         between `from` and `to`, both given, every day, week or month. `complete` is true if the period is over; without \
         `until` the last one in which anybody was there counts as open. A NULL bitmap is ignored; no users: an empty list.\n\n\
         Errors while planning: an unknown option, from after to, DISTINCT. While running: a value that is no bitmap, \
         bitmaps of different periods in one group.\n\n\
         Cost: one pass over users, O(words of the bitmap) for each; 2 KiB for each 64 periods.\n\n\
         Definition: PostHog's and Amplitude's lifecycle; PostHog draws dormant as a negative number.",
        "lifecycle_rollup(bitmap [, {from: DATE, to: DATE, until: DATE, zone: 'name'}])",
    )
    .with_argument("bitmap", "The periods of a user, made by active_bitmap(ts, unit).")
    .with_argument("from", "Option: the first period to report, by a DATE in it or its number.")
    .with_argument("to", "Option: the last period to report.")
    .with_argument("until", "Option: the last day that is over, or the number of the last period that is.")
    .with_argument("zone", "Option: the IANA zone of dates over hours; else footfall.time_zone.")
    .with_sql_example(
        "SELECT l['period'] AS day, l['new'] AS new, l['returning'] AS returning,\n\
         \x20      l['resurrecting'] AS resurrecting, l['dormant'] AS dormant\n\
         FROM (SELECT unnest(lifecycle_rollup(days)) AS l\n\
         \x20     FROM (SELECT u, active_bitmap(d, 'day') AS days\n\
         \x20           FROM (VALUES ('ann', DATE '2026-01-01'), ('ann', DATE '2026-01-03'),\n\
         \x20                        ('bob', DATE '2026-01-01'), ('bob', DATE '2026-01-02')) AS t(u, d)\n\
         \x20           GROUP BY u))\n\
         ORDER BY day;\n\
         -- 2026-01-01 | 2 | 0 | 0 | 0\n\
         -- 2026-01-02 | 0 | 1 | 0 | 1\n\
         -- 2026-01-03 | 0 | 0 | 1 | 1",
    )
    .with_related_udf("active_bitmap")
    .with_related_udf("retention_rollup")
    .with_related_udf("stickiness_rollup")
    .build()
});
