//! What the roll-ups over bitmaps share: reading a column of them, the range of periods to report, lists of structs.

use std::fmt::Debug;
use std::sync::Arc;

use chrono_tz::Tz;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray, ListArray, StructArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, exec_err, plan_err};
use serde::{Deserialize, Serialize};

use super::bitmap::Blocks;
use super::local::{self, Moment};
use super::period::{Periods, Unit};
use crate::functions::folds::Fold;
use crate::functions::options::Options;
use crate::functions::time;

/// What a roll-up counts.
pub(crate) trait Tally: Default + Clone + Debug + Send + Sync + 'static {
    fn merge(&mut self, other: Self);
    fn encode(&self, out: &mut Vec<u8>);
    fn decode(bytes: &mut &[u8]) -> Option<Self>;
    fn heap(&self) -> usize;
}

/// The users of one group: what their periods are, and what is counted of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rollup<T> {
    seen: Seen,
    pub(super) tally: T,
}

/// Bitmaps of one group must have the same periods: day 3 of one and week 3 of the other are nothing to compare.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
enum Seen {
    #[default]
    Nothing,
    One(Periods),
    Two(Periods, Periods),
}

impl Seen {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Seen::Nothing, other) => other,
            (Seen::One(mine), Seen::One(theirs)) if mine != theirs => Seen::Two(mine, theirs),
            (Seen::One(_), two @ Seen::Two(_, _)) => two,
            (mine, _) => mine,
        }
    }
}

impl<T> Rollup<T> {
    /// A bitmap with these periods takes part.
    pub(super) fn see(&mut self, function: &str, periods: Periods) -> Result<()> {
        if self.seen != Seen::One(periods) {
            self.seen = self.seen.and(Seen::One(periods));
        }
        self.periods(function).map(drop)
    }

    /// The periods of all bitmaps; `None` when there was none.
    pub(super) fn periods(&self, function: &str) -> Result<Option<Periods>> {
        match self.seen {
            Seen::Nothing => Ok(None),
            Seen::One(periods) => Ok(Some(periods)),
            Seen::Two(one, other) => exec_err!(
                "{function}: bitmaps of different periods in one group, {one} and {other}; make all of them with the same \
                 unit and origin"
            ),
        }
    }
}

impl<T: Tally> Fold for Rollup<T> {
    fn merge(&mut self, other: Self) {
        self.seen = self.seen.and(other.seen);
        self.tally.merge(other.tally);
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match &self.seen {
            Seen::Nothing => out.push(0),
            Seen::One(periods) => {
                out.push(1);
                periods.write(out);
            }
            Seen::Two(one, other) => {
                out.push(2);
                one.write(out);
                other.write(out);
            }
        }
        self.tally.encode(out);
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        // A state in which no row has gone.
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let read = || {
            let (&kind, rest) = bytes.split_first()?;
            let (seen, mut rest) = match kind {
                0 => (Seen::Nothing, rest),
                1 => Periods::read(rest).map(|(periods, rest)| (Seen::One(periods), rest))?,
                2 => {
                    let (one, rest) = Periods::read(rest)?;
                    let (other, rest) = Periods::read(rest)?;
                    (Seen::Two(one, other), rest)
                }
                _ => return None,
            };
            let tally = T::decode(&mut rest)?;
            rest.is_empty().then_some(Self { seen, tally })
        };
        match read() {
            Some(rollup) => Ok(rollup),
            None => exec_err!("the state of a roll-up is damaged"),
        }
    }

    fn heap(&self) -> usize {
        self.tally.heap()
    }
}

/// The types of a call of `len` arguments, options aside, that must be one bitmap.
pub(super) fn one_bitmap(function: &str, types: &[DataType], len: usize) -> Result<Vec<DataType>> {
    if len != 1 {
        return plan_err!(
            "{function}: takes one bitmap made by active_bitmap(ts, unit), found {len} arguments"
        );
    }
    let mut types = types.to_vec();
    types[0] = bitmap_type(function, 1, &types[0])?;
    Ok(types)
}

/// The type that a bitmap argument is coerced to.
pub(super) fn bitmap_type(function: &str, position: usize, data_type: &DataType) -> Result<DataType> {
    match data_type {
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::Null => {
            Ok(DataType::Binary)
        }
        other => plan_err!(
            "{function}: argument {position} must be a bitmap made by active_bitmap(ts, unit), found {other}"
        ),
    }
}

/// A column of bitmaps.
#[derive(Debug)]
pub(crate) struct Bitmaps {
    array: BinaryArray,
}

impl Bitmaps {
    pub(super) fn new(function: &str, array: &ArrayRef) -> Result<Self> {
        match array.as_binary_opt::<i32>() {
            Some(array) => Ok(Self { array: array.clone() }),
            None if array.data_type().is_null() => Ok(Self { array: BinaryArray::new_null(array.len()) }),
            None => exec_err!("{function}: a bitmap must be Binary, found {}", array.data_type()),
        }
    }

    /// The bitmap of a row; `None` where it is NULL.
    pub(super) fn get(&self, function: &str, row: usize) -> Result<Option<(Periods, Blocks<'_>)>> {
        if self.array.is_null(row) {
            return Ok(None);
        }
        let read = Periods::read(self.array.value(row))
            .and_then(|(periods, set)| Some((periods, Blocks::read(set)?)));
        match read {
            Some(bitmap) => Ok(Some(bitmap)),
            None => exec_err!("{function}: a value is no bitmap made by active_bitmap"),
        }
    }
}

/// Which periods to report, and which of them are over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Range {
    pub(super) from: Option<Moment>,
    pub(super) to: Option<Moment>,
    pub(super) until: Option<Moment>,
    zone: String,
}

impl Range {
    /// The options that make a range; those that a function does not accept are absent.
    pub(super) fn read(function: &str, options: &Options) -> Result<Self> {
        let range = Self {
            from: Moment::of_option(function, options, "from")?,
            to: Moment::of_option(function, options, "to")?,
            until: Moment::of_option(function, options, "until")?,
            zone: options.zone()?.unwrap_or(Tz::UTC).name().to_owned(),
        };
        let backwards = match (range.from, range.to) {
            (Some(Moment::Day(from)), Some(Moment::Day(to)))
            | (Some(Moment::Number(from)), Some(Moment::Number(to))) => from > to,
            _ => false,
        };
        if backwards {
            return plan_err!("{function}: option 'from' is after option 'to'");
        }
        Ok(range)
    }

    pub(super) fn zone(&self, function: &str) -> Result<Tz> {
        time::zone(function, &self.zone)
    }

    /// The first and the last period to report.
    pub(super) fn bounds(&self, function: &str, periods: &Periods) -> Result<(i64, i64)> {
        let low = match self.from {
            None => i64::MIN,
            Some(from) => self.period(function, "from", from, periods)?,
        };
        let high = match self.to {
            None => i64::MAX,
            // The period that holds the end of the day.
            Some(Moment::Day(day)) => self.before(function, "to", day, periods, 1)?,
            Some(to) => self.period(function, "to", to, periods)?,
        };
        Ok((low, high))
    }

    /// The last period that is over: of those seen all but the last, unless the call says it.
    pub(super) fn complete(&self, function: &str, periods: &Periods, last: Option<i64>) -> Result<i64> {
        match self.until {
            None => Ok(last.map_or(i64::MIN, |last| last.saturating_sub(1))),
            Some(Moment::Number(number)) => Ok(number),
            Some(Moment::Day(day)) => Ok(self
                .period(function, "until", Moment::Day(day.saturating_add(1)), periods)?
                .saturating_sub(1)),
        }
    }

    fn period(&self, function: &str, option: &str, moment: Moment, periods: &Periods) -> Result<i64> {
        match moment {
            Moment::Number(number) => Ok(number),
            Moment::Day(day) => self.before(function, option, day, periods, 0),
        }
    }

    /// The period of the first instant of `day`, or with `whole` 1 that of its last one.
    fn before(&self, function: &str, option: &str, day: i64, periods: &Periods, whole: i64) -> Result<i64> {
        match periods.unit {
            Unit::Days | Unit::Months => Ok(periods.of_day(day)),
            Unit::Micros => {
                let zone = self.zone(function)?;
                Ok(periods.of_number(local::midnight(day.saturating_add(whole), zone).saturating_sub(whole)))
            }
            Unit::Numbers => exec_err!(
                "{function}: option '{option}' is a date, but the periods of the bitmaps are numbers; write the number of a \
                 period"
            ),
        }
    }
}

/// The local day on which a period begins; `None` where the periods are numbers or beyond the calendar.
pub(super) fn date(periods: &Periods, period: i64, zone: Tz) -> Option<i32> {
    let day = match periods.unit {
        Unit::Days | Unit::Months => periods.first_day(period),
        Unit::Micros => local::day(periods.start(period), zone),
        Unit::Numbers => return None,
    };
    i32::try_from(day).ok()
}

/// The type of a list of structs.
pub(super) fn list_type(fields: &Fields) -> DataType {
    DataType::List(Arc::new(list_field(fields)))
}

fn list_field(fields: &Fields) -> Field {
    Field::new_list_field(DataType::Struct(fields.clone()), true)
}

/// Lists of structs out of their columns; the next `lengths[i]` rows are the i-th list.
pub(super) fn lists(
    function: &str,
    fields: &Fields,
    columns: Vec<ArrayRef>,
    lengths: &[usize],
) -> Result<ArrayRef> {
    check_count(function, lengths.iter().sum())?;
    let structs = StructArray::try_new(fields.clone(), columns, None)?;
    let offsets = OffsetBuffer::from_lengths(lengths.iter().copied());
    Ok(Arc::new(ListArray::try_new(Arc::new(list_field(fields)), offsets, Arc::new(structs), None)?))
}

/// An error where the lists of one column cannot hold so many values.
pub(super) fn check_count(function: &str, count: usize) -> Result<()> {
    if i32::try_from(count).is_err() {
        return exec_err!("{function}: {count} lines in one answer, at most {} are possible", i32::MAX);
    }
    Ok(())
}
