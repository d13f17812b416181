//! `stickiness_rollup(bitmap [, {from, to, zone}])` over the bitmaps of users: how many were there in exactly one period,
//! in two, in three?
//!
//! ```text
//!        1 Jan  2 Jan  3 Jan          periods  users  cumulative
//! ann    ■      ■      ■              1        1      3
//! bob    ■      ·      ·         →    2        1      2
//! eve    ·      ■      ■              3        1      1
//! ```
//!
//! A count of bits a user.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, Int64Array};
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Documentation;

use super::counts::Counts;
use super::period::Unit;
use super::rollup::{self, Bitmaps, Range, Rollup, Tally};
use crate::functions::call::{self, Arguments};
use crate::functions::folds::FoldFunction;

const NAME: &str = "stickiness_rollup";

/// The SQL function.
#[derive(Debug)]
pub(crate) struct StickinessRollup;

impl FoldFunction for StickinessRollup {
    const NAME: &'static str = NAME;

    type Parameters = Range;
    type Fold = Rollup<Counts>;
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
        Range::read(NAME, &call.options(NAME, &["from", "to", "zone"])?)
    }

    fn rows(_range: &Range, values: &[ArrayRef]) -> Result<Bitmaps> {
        Bitmaps::new(NAME, &values[0])
    }

    fn update(range: &Range, rows: &Bitmaps, row: usize, fold: &mut Rollup<Counts>) -> Result<()> {
        if let Some((periods, user)) = rows.get(NAME, row)? {
            fold.see(NAME, periods)?;
            let (low, high) = range.bounds(NAME, &periods)?;
            let there = user.count_between(low, high);
            if there > 0 {
                fold.tally.add(there as i64, 1);
            }
        }
        Ok(())
    }

    fn answers(range: &Range, folds: &[Rollup<Counts>]) -> Result<ArrayRef> {
        let (mut periods, mut users, mut cumulative) = (vec![], vec![], vec![]);
        let mut lengths = Vec::with_capacity(folds.len());
        for fold in folds {
            let mut last = fold.tally.highest().unwrap_or(0);
            // A range whose ends are both named has as many lines as periods.
            if let Some(calendar) = fold.periods(NAME)?
                && matches!(calendar.unit, Unit::Days | Unit::Months)
                && range.from.is_some()
                && range.to.is_some()
            {
                let (low, high) = range.bounds(NAME, &calendar)?;
                last = high.saturating_sub(low).saturating_add(1);
            }
            let lines = usize::try_from(last).unwrap_or(0);
            rollup::check_count(NAME, periods.len().saturating_add(lines))?;
            let mut rest: u64 = fold.tally.iter().map(|(_, users)| users).sum();
            for number in 1..=last {
                let here = fold.tally.get(number);
                periods.push(number);
                users.push(here as i64);
                cumulative.push(rest as i64);
                rest -= here;
            }
            lengths.push(lines);
        }
        rollup::lists(NAME, &FIELDS, columns(periods, users, cumulative), &lengths)
    }

    fn default_value(_data_type: &DataType) -> Result<ScalarValue> {
        let none = columns(vec![], vec![], vec![]);
        ScalarValue::try_from_array(&rollup::lists(NAME, &FIELDS, none, &[0])?, 0)
    }

    fn documentation() -> &'static Documentation {
        &DOCUMENTATION
    }
}

impl Tally for Counts {
    fn merge(&mut self, other: Self) {
        Counts::merge(self, &other);
    }

    fn encode(&self, out: &mut Vec<u8>) {
        Counts::encode(self, out);
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        Counts::decode(bytes)
    }

    fn heap(&self) -> usize {
        Counts::heap(self)
    }
}

fn columns(periods: Vec<i64>, users: Vec<i64>, cumulative: Vec<i64>) -> Vec<ArrayRef> {
    vec![
        Arc::new(Int64Array::from(periods)),
        Arc::new(Int64Array::from(users)),
        Arc::new(Int64Array::from(cumulative)),
    ]
}

static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    let names = ["periods", "users", "cumulative"];
    Fields::from(names.map(|name| Field::new(name, DataType::Int64, true)).to_vec())
});

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "In how many periods were users there: how many in exactly one, in two, in three? Over one row a user, with \
         bitmaps made by `active_bitmap`.\n\n\
         Result: List(Struct{periods Int64, users Int64, cumulative Int64}), one line for each number of periods from 1 to \
         the highest that a user has; between `from` and `to`, both given, to the number of days, weeks or months from \
         the one to the other. `users` were there in exactly so many periods, `cumulative` in at least so many. Several \
         events of one period count once. A user who was never there is not counted; a NULL bitmap is ignored; no users: \
         an empty list.\n\n\
         ```text\n\
         \x20      1 Jan  2 Jan  3 Jan          periods  users  cumulative\n\
         ann    ■      ■      ■              1        1      3\n\
         bob    ■      ·      ·         →    2        1      2\n\
         eve    ·      ■      ■              3        1      1\n\
         ```\n\n\
         Errors while planning: an unknown option, from after to, DISTINCT. While running: a value that is no bitmap, \
         bitmaps of different periods in one group.\n\n\
         Cost: one pass over users, O(words of the bitmap) for each; 8 bytes a line.\n\n\
         Definition: PostHog's stickiness, exact and cumulative.",
        "stickiness_rollup(bitmap [, {from: DATE, to: DATE, zone: 'name'}])",
    )
    .with_argument("bitmap", "The periods of a user, made by active_bitmap(ts, unit).")
    .with_argument("from", "Option: the first period that counts, by a DATE in it or its number.")
    .with_argument("to", "Option: the last period that counts.")
    .with_argument("zone", "Option: the IANA zone of dates over hours; else footfall.time_zone.")
    .with_sql_example(
        "SELECT s['periods'] AS days, s['users'] AS users, s['cumulative'] AS at_least\n\
         FROM (SELECT unnest(stickiness_rollup(days)) AS s\n\
         \x20     FROM (SELECT u, active_bitmap(d, 'day') AS days\n\
         \x20           FROM (VALUES ('ann', DATE '2026-01-01'), ('ann', DATE '2026-01-02'), ('bob', DATE '2026-01-01')) AS t(u, d)\n\
         \x20           GROUP BY u))\n\
         ORDER BY days;\n\
         -- 1 | 1 | 2\n\
         -- 2 | 1 | 1",
    )
    .with_related_udf("active_bitmap")
    .with_related_udf("bitmap_count")
    .with_related_udf("retention_rollup")
    .with_related_udf("lifecycle_rollup")
    .build()
});
