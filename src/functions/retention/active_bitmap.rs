//! `active_bitmap(ts, unit [, zone] [, origin] [, condition] [, {zone, origin, week_start}])`: in which days, weeks or
//! months was this user there?
//!
//! ```text
//! unit 'day'     1 Jan   2 Jan   3 Jan   4 Jan
//! events         • •             •                → periods {0, 2} from origin 1 January
//! ```
//!
//! A Binary value: one byte of version (1), one of kind (1 days, 2 months, 3 microseconds, 4 numbers), the length of a
//! period (varint) and where period 0 begins (zigzag varint), then the set as [`super::bitmap`] describes it. Equal sets of
//! equal periods are equal bytes. [`super::period`] says what a period is.
//!
//! A row without a time or whose condition is not true is ignored. O(1) a row, 32 bytes a user up to two months of days.

use std::sync::{Arc, LazyLock};

use chrono_tz::Tz;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray};
use datafusion::arrow::buffer::{BooleanBuffer, Buffer, OffsetBuffer};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Date64Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt64Type,
};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::Documentation;
use serde::{Deserialize, Serialize};

use super::bitmap::{Bitmap, Blocks};
use super::local::{self, Moment, SECOND};
use super::period::{Periods, Unit, month_of};
use crate::calendar::LocalDays;
use crate::error::did_you_mean;
use crate::functions::call::{self, Arguments};
use crate::functions::conditions::truths;
use crate::functions::folds::{Fold, FoldFunction};
use crate::functions::options::{Options, constant, interval};
use crate::functions::time::{self, TimeType};

const NAME: &str = "active_bitmap";

/// The SQL function.
#[derive(Debug)]
pub(crate) struct ActiveBitmap;

/// What the literals of a call say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Parameters {
    periods: Periods,
    /// Whose days count; UTC where no zone plays a part.
    zone: String,
}

/// The period of each row and whether the row counts.
#[derive(Debug)]
pub(crate) struct Rows {
    periods: Vec<i64>,
    counts: Option<BooleanBuffer>,
}

impl FoldFunction for ActiveBitmap {
    const NAME: &'static str = NAME;

    type Parameters = Parameters;
    type Fold = Bitmap;
    type Rows = Rows;

    fn coerce_types(types: &[DataType]) -> Result<Vec<DataType>> {
        let layout = Layout::of(types)?;
        let mut types = types.to_vec();
        TimeType::new(NAME, "ts", &types[0])?;
        types[1] = match &types[1] {
            unit if is_text(unit) => DataType::Utf8,
            DataType::Interval(_) | DataType::Duration(_) | DataType::Null => types[1].clone(),
            unit if unit.is_integer() => DataType::Int64,
            other => {
                return plan_err!(
                    "{NAME}: argument 2, the unit, must be a text such as 'day', an interval, or an integer in the unit \
                     of an integer ts; found {other}"
                );
            }
        };
        if let Some(zone) = layout.zone {
            types[zone] = DataType::Utf8;
        }
        if let Some(origin) = layout.origin {
            types[origin] = if types[origin].is_integer() { DataType::Int64 } else { DataType::Date32 };
        }
        if let Some(condition) = layout.condition {
            types[condition] = DataType::Boolean;
        }
        Ok(types)
    }

    fn return_type(_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Binary)
    }

    fn merged_type(_ts: &DataType, _value: &DataType) -> Result<DataType> {
        Ok(DataType::Binary)
    }

    fn read(call: &Arguments) -> Result<Parameters> {
        let layout = Layout::of(&call.types)?;
        let options = call.options(NAME, &["zone", "origin", "week_start"])?;
        let zone = match literal(call, layout.zone, "the zone")? {
            Some(name) => time::zone(NAME, name.try_as_str().flatten().unwrap_or_default())?,
            None => options.zone()?.unwrap_or(Tz::UTC),
        };
        let origin = match literal(call, layout.origin, "the origin")? {
            Some(origin) => Some(Moment::new(NAME, "the origin", &origin)?),
            None => Moment::of_option(NAME, &options, "origin")?,
        };
        let Some(unit) = literal(call, Some(1), "the unit")? else {
            return plan_err!("{NAME}: argument 2, the unit, is NULL; write a unit such as 'day'");
        };
        let ts = Ts::of(&call.types[0]);
        let periods = Reader { ts, zone, origin, options: &options }.periods(&unit)?;
        let local = ts == Ts::Instant && matches!(periods.unit, Unit::Days | Unit::Months);
        Ok(Parameters { periods, zone: if local { zone } else { Tz::UTC }.name().to_owned() })
    }

    fn rows(parameters: &Parameters, values: &[ArrayRef]) -> Result<Rows> {
        let types: Vec<DataType> = values.iter().map(|array| array.data_type().clone()).collect();
        let layout = Layout::of(&types)?;
        let ts = &values[0];
        let mut counts = ts.logical_nulls().map(|nulls| nulls.into_inner());
        if let Some(condition) = layout.condition {
            let met = match values[condition].as_boolean_opt() {
                Some(condition) => truths(condition),
                None => BooleanBuffer::new_unset(ts.len()),
            };
            counts = Some(match counts {
                Some(counts) => &counts & &met,
                None => met,
            });
        }
        Ok(Rows { periods: parameters.periods_of(ts)?, counts })
    }

    fn update(_parameters: &Parameters, rows: &Rows, row: usize, fold: &mut Bitmap) -> Result<()> {
        if rows.counts.as_ref().is_none_or(|counts| counts.value(row)) {
            fold.insert(rows.periods[row]);
        }
        Ok(())
    }

    fn answers(parameters: &Parameters, folds: &[Bitmap]) -> Result<ArrayRef> {
        let mut head = Vec::new();
        parameters.periods.write(&mut head);
        let mut bytes = Vec::with_capacity(folds.len() * (head.len() + 12));
        let mut ends = Vec::with_capacity(folds.len() + 1);
        ends.push(0);
        for fold in folds {
            bytes.extend_from_slice(&head);
            fold.encode(&mut bytes);
            let Ok(end) = i32::try_from(bytes.len()) else {
                return exec_err!(
                    "{NAME}: more than {} bytes in one column of bitmaps; raise datafusion.execution.target_partitions",
                    i32::MAX
                );
            };
            ends.push(end);
        }
        let ends = OffsetBuffer::new(ends.into());
        Ok(Arc::new(BinaryArray::try_new(ends, Buffer::from_vec(bytes), None)?))
    }

    fn default_value(_data_type: &DataType) -> Result<ScalarValue> {
        Ok(ScalarValue::Binary(None))
    }

    fn documentation() -> &'static Documentation {
        &DOCUMENTATION
    }
}

impl Fold for Bitmap {
    fn merge(&mut self, other: Self) {
        Bitmap::merge(self, &other);
    }

    fn encode(&self, out: &mut Vec<u8>) {
        Bitmap::encode(self, out);
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        match Blocks::read(bytes) {
            Some(blocks) => Ok(Bitmap::from_blocks(blocks)),
            None => exec_err!("{NAME}: the state is damaged"),
        }
    }

    fn heap(&self) -> usize {
        Bitmap::heap(self)
    }
}

impl Parameters {
    /// The period of every row; anything where ts is NULL.
    fn periods_of(&self, ts: &ArrayRef) -> Result<Vec<i64>> {
        let periods = &self.periods;
        Ok(match ts.data_type() {
            DataType::Null => vec![0; ts.len()],
            DataType::Date32 => each::<Date32Type>(ts, |day| periods.of_day(i64::from(day))),
            DataType::Date64 => {
                each::<Date64Type>(ts, |millis| periods.of_day(millis.div_euclid(86_400_000)))
            }
            DataType::Timestamp(TimeUnit::Second, _) => {
                self.of_instants::<TimestampSecondType>(ts, |ticks| ticks.saturating_mul(SECOND))?
            }
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                self.of_instants::<TimestampMillisecondType>(ts, |ticks| ticks.saturating_mul(1_000))?
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                self.of_instants::<TimestampMicrosecondType>(ts, |ticks| ticks)?
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                self.of_instants::<TimestampNanosecondType>(ts, |ticks| ticks.div_euclid(1_000))?
            }
            DataType::UInt64 => {
                each::<UInt64Type>(ts, |n| periods.of_number(i64::try_from(n).unwrap_or(i64::MAX)))
            }
            _ => each::<Int64Type>(&cast(ts, &DataType::Int64)?, |number| periods.of_number(number)),
        })
    }

    fn of_instants<T: ArrowPrimitiveType<Native = i64>>(
        &self,
        ts: &ArrayRef,
        micros: impl Fn(i64) -> i64,
    ) -> Result<Vec<i64>> {
        let periods = &self.periods;
        Ok(match periods.unit {
            Unit::Days | Unit::Months => {
                let mut days = LocalDays::new(time::zone(NAME, &self.zone)?);
                each::<T>(ts, |ticks| periods.of_day(i64::from(days.day(micros(ticks)))))
            }
            Unit::Micros | Unit::Numbers => each::<T>(ts, |ticks| periods.of_number(micros(ticks))),
        })
    }
}

fn each<T: ArrowPrimitiveType>(array: &ArrayRef, f: impl FnMut(T::Native) -> i64) -> Vec<i64> {
    array.as_primitive::<T>().values().iter().copied().map(f).collect()
}

/// Where the arguments after the unit stand: each of them may be left out, and its type tells which one it is.
#[derive(Debug)]
struct Layout {
    zone: Option<usize>,
    origin: Option<usize>,
    condition: Option<usize>,
}

impl Layout {
    fn of(types: &[DataType]) -> Result<Self> {
        let len = call::len_without_options(types);
        if len < 2 {
            return plan_err!(
                "{NAME}: needs a time and a unit, as in {NAME}(ts, 'day'); found {len} argument{}",
                if len == 1 { "" } else { "s" }
            );
        }
        let fits = |place: usize, data_type: &DataType| match place {
            0 => is_text(data_type),
            1 => is_text(data_type) || data_type.is_integer() || is_date(data_type),
            _ => data_type == &DataType::Boolean,
        };
        let mut places = [None; 3];
        let mut next = 0;
        for (i, data_type) in types.iter().enumerate().take(len).skip(2) {
            let free = (next..3).find(|&place| data_type.is_null() || fits(place, data_type));
            let Some(place) = free else {
                return plan_err!(
                    "{NAME}: argument {} cannot be {data_type}; after the unit come a zone (text), an origin (DATE) and a \
                     Boolean condition, in this order, each of which may be left out",
                    i + 1
                );
            };
            places[place] = Some(i);
            next = place + 1;
        }
        let [zone, origin, condition] = places;
        Ok(Self { zone, origin, condition })
    }
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => is_text(value),
        other => other.is_string(),
    }
}

fn is_date(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Date64 | DataType::Timestamp(_, _))
}

/// The value of a literal argument; `None` where it is absent or NULL.
fn literal(call: &Arguments, argument: Option<usize>, what: &str) -> Result<Option<ScalarValue>> {
    let Some(argument) = argument else {
        return Ok(None);
    };
    match constant(&call.exprs[argument])? {
        Some(value) => Ok(Some(value).filter(|value| !value.is_null())),
        None => plan_err!(
            "{NAME}: argument {}, {what}, must be a literal, found {}",
            argument + 1,
            call.exprs[argument]
        ),
    }
}

/// What a value of ts says about the calendar.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Ts {
    /// A local day once the zone is known.
    Instant,
    /// A day by itself.
    Date,
    /// Nothing.
    Number,
}

impl Ts {
    fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Date32 | DataType::Date64 => Ts::Date,
            integer if integer.is_integer() => Ts::Number,
            _ => Ts::Instant,
        }
    }
}

/// Makes periods of a unit, an origin and the options.
struct Reader<'a> {
    ts: Ts,
    zone: Tz,
    origin: Option<Moment>,
    options: &'a Options,
}

const UNITS: [&str; 8] = ["second", "minute", "hour", "day", "week", "month", "quarter", "year"];

impl Reader<'_> {
    fn periods(&self, unit: &ScalarValue) -> Result<Periods> {
        let week_start = self.options.choice("week_start", &["monday", "sunday"])?;
        let text = unit.try_as_str().flatten();
        if week_start.is_some() && !text.is_some_and(|unit| unit.eq_ignore_ascii_case("week")) {
            return plan_err!("{NAME}: option 'week_start' goes with the unit 'week', found {unit}");
        }
        if let Some(text) = text {
            return self.named(text, week_start == Some("sunday"));
        }
        if let Some(span) = interval(unit) {
            return match (span.months, span.days, span.nanoseconds) {
                (months @ 1.., 0, 0) => self.months(i64::from(months), 1),
                (0, days @ 1.., 0) => self.days(i64::from(days), 1, 0),
                (0, 0, nanos @ 1_000..) if nanos % 1_000 == 0 => self.micros(nanos / 1_000),
                _ => plan_err!(
                    "{NAME}: the unit {unit} must be positive and made of months, of days or of microseconds alone"
                ),
            };
        }
        let Ok(ScalarValue::Int64(Some(length @ 1..))) = unit.cast_to(&DataType::Int64) else {
            return plan_err!("{NAME}: the unit must be positive, found {unit}");
        };
        match self.ts {
            Ts::Date => self.days(length, 1, 0),
            Ts::Number => {
                let first = match self.origin {
                    None => 0,
                    Some(Moment::Number(number)) => number,
                    Some(Moment::Day(_)) => {
                        return plan_err!(
                            "{NAME}: the origin must be an integer, because ts is one; found a date"
                        );
                    }
                };
                Ok(Periods { unit: Unit::Numbers, length, first })
            }
            Ts::Instant => plan_err!(
                "{NAME}: the unit {length} has no meaning for a timestamp; write a unit such as 'day', or an interval"
            ),
        }
    }

    fn named(&self, name: &str, sunday: bool) -> Result<Periods> {
        match name.trim().to_lowercase().as_str() {
            "second" => self.micros(SECOND),
            "minute" => self.micros(60 * SECOND),
            "hour" => self.micros(3_600 * SECOND),
            "day" => self.days(1, 1, 0),
            // Of 1970's first week the Monday is day -3, the Sunday before it day -4.
            "week" => self.days(7, 7, if sunday { -4 } else { -3 }),
            "month" => self.months(1, 1),
            "quarter" => self.months(3, 3),
            "year" => self.months(12, 12),
            _ => plan_err!(
                "{NAME}: unknown unit '{name}'; accepted are {}{}",
                UNITS.map(|unit| format!("'{unit}'")).join(", "),
                did_you_mean(name, &UNITS)
            ),
        }
    }

    /// `length` days from the origin on, or from the last day before it that is `start` plus a multiple of `align`.
    fn days(&self, length: i64, align: i64, start: i64) -> Result<Periods> {
        let origin = self.origin_day()?;
        let first = origin - (origin - start).rem_euclid(align);
        Ok(Periods { unit: Unit::Days, length, first })
    }

    fn months(&self, length: i64, align: i64) -> Result<Periods> {
        let origin = month_of(self.origin_day()?);
        Ok(Periods { unit: Unit::Months, length, first: origin - origin.rem_euclid(align) })
    }

    fn micros(&self, length: i64) -> Result<Periods> {
        let origin = self.origin_day()?;
        match self.ts {
            Ts::Date if length % local::DAY == 0 => self.days(length / local::DAY, 1, 0),
            Ts::Date => plan_err!("{NAME}: the unit must be days or longer, because ts is a date"),
            _ => {
                let first = if self.origin.is_some() { local::midnight(origin, self.zone) } else { 0 };
                Ok(Periods { unit: Unit::Micros, length, first })
            }
        }
    }

    /// The day of the origin, once the calendar is known to be in play.
    fn origin_day(&self) -> Result<i64> {
        match (self.ts, self.origin) {
            (Ts::Number, _) => plan_err!(
                "{NAME}: ts is an integer, which has no calendar; write the length of a period as an integer in the same \
                 unit, or make a timestamp of it, as in {NAME}(to_timestamp_seconds(ts), 'day')"
            ),
            (_, None) => Ok(0),
            (_, Some(Moment::Day(day))) => Ok(day),
            (_, Some(Moment::Number(number))) => {
                plan_err!("{NAME}: the origin must be a date such as DATE '2026-01-01', found {number}")
            }
        }
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "In which days, weeks or months was a user there? One bit a period, for `retention_rollup`, \
         `lifecycle_rollup`, `stickiness_rollup`, `bitmap_dates` and `bitmap_count`: one scan, many reports.\n\n\
         Result: Binary, the periods that hold a row of the user; for a group without such a row the empty set, over an \
         empty window frame NULL. Ties and duplicates make no difference. A row whose ts is NULL or whose condition is \
         false or NULL is ignored.\n\n\
         ```text\n\
         unit 'day'     1 Jan   2 Jan   3 Jan   4 Jan\n\
         events         • •             •                → periods {0, 2} from origin 1 January\n\
         ```\n\n\
         Days, weeks and months are those of the local calendar in `zone`, so that a day has 23 or 25 hours where clocks \
         change; each period includes its first instant and not its end. A DATE is a day by itself, whatever the zone. \
         Periods before the origin have negative numbers, nothing is cut off: the first period ever needs all of the \
         history.\n\n\
         The bytes: 1; a byte for what a period is made of (1 days, 2 months, 3 microseconds, 4 numbers); how many of \
         these (varint) and where period 0 begins (zigzag varint; days and months since 1970); then, unless the set is \
         empty, its lowest period (zigzag varint), and for each 64 periods from there of which one is in the set the number \
         of empty 64s skipped (varint) and 8 bytes, little endian, bit i for period i. The same set is always the same \
         bytes, about 16 for two months of days.\n\n\
         Errors while planning: an unknown unit, zone or option; a calendar unit over an integer ts; a plain number as the \
         unit of a timestamp; DISTINCT.\n\n\
         Cost: one pass, O(1) a row; 32 bytes a user, and 16 for each further 64 periods in which he was there.\n\n\
         Definition: ByteHouse's `genArray`, with calendar, zone and no fixed length.",
        "active_bitmap(ts, unit [, zone] [, origin] [, condition] [, {zone: 'name', origin: DATE '...', week_start: 'sunday'}])",
    )
    .with_argument("ts", "When the event happened: a timestamp of any unit and zone, a date or an integer.")
    .with_argument(
        "unit",
        "A literal: 'day', 'week', 'month', 'quarter', 'year'; 'hour', 'minute' or 'second' (for rolling retention); an \
         interval, such as INTERVAL '30 days' (local days, counted from the origin) or INTERVAL '6 hours'; of an integer ts \
         the length of a period as an integer.",
    )
    .with_argument("zone", "A text literal, or an option: the IANA zone of the days; else footfall.time_zone, UTC without it.")
    .with_argument(
        "origin",
        "A DATE literal, or an option: the day in period 0, by default 1970-01-01; an integer where ts is one. Weeks, \
         quarters and years begin where the calendar says.",
    )
    .with_argument("condition", "Boolean: which rows count; all of them without it.")
    .with_argument("week_start", "Option: 'monday' (default) or 'sunday'.")
    .with_sql_example(
        "SELECT u, bitmap_dates(active_bitmap(ts, 'day', 'Asia/Shanghai')) AS days\n\
         FROM (VALUES ('ann', TIMESTAMP '2026-01-01 15:59:59'),\n\
         \x20            ('ann', TIMESTAMP '2026-01-01 16:00:00')) AS t(u, ts)\n\
         GROUP BY u;\n\
         -- ann | [2026-01-01, 2026-01-02]",
    )
    .with_related_udf("retention_rollup")
    .with_related_udf("lifecycle_rollup")
    .with_related_udf("stickiness_rollup")
    .with_related_udf("bitmap_dates")
    .build()
});
