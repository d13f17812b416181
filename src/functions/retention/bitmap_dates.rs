//! `bitmap_dates(bitmap)`: on which days, in which weeks or months was this user there?

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Date32Builder, ListBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::period::Unit;
use super::rollup::{self, Bitmaps};

const NAME: &str = "bitmap_dates";

/// The SQL function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct BitmapDates {
    signature: Signature,
}

impl BitmapDates {
    pub(crate) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for BitmapDates {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        rollup::one_bitmap(NAME, types, types.len())
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::new_list(DataType::Date32, true))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let bitmaps = Bitmaps::new(NAME, &args.args[0].to_array(args.number_rows)?)?;
        let mut dates = ListBuilder::new(Date32Builder::new());
        for row in 0..args.number_rows {
            let Some((periods, user)) = bitmaps.get(NAME, row)? else {
                dates.append_null();
                continue;
            };
            if matches!(periods.unit, Unit::Micros | Unit::Numbers) {
                return exec_err!("{NAME}: needs a bitmap of days, weeks or months, found one of {periods}");
            }
            for period in user.periods() {
                dates.values().append_option(i32::try_from(periods.first_day(period)).ok());
            }
            dates.append(true);
        }
        Ok(ColumnarValue::Array(Arc::new(dates.finish())))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "On which days, in which weeks or months was a user there? Unnested and counted it gives the active users of each \
         day, from the same bitmaps as retention.\n\n\
         Result: List(Date), ascending: the first day of each period in a bitmap of `active_bitmap`; NULL of NULL.\n\n\
         Errors: an argument that is no Binary, while planning; a value that is no bitmap, or one of hours or numbers, while \
         running.\n\n\
         Cost: O(periods of the user).",
        "bitmap_dates(bitmap)",
    )
    .with_argument("bitmap", "The periods of a user, made by active_bitmap(ts, unit).")
    .with_sql_example(
        "SELECT day, count(*) AS users\n\
         FROM (SELECT unnest(bitmap_dates(days)) AS day\n\
         \x20     FROM (SELECT u, active_bitmap(d, 'day') AS days\n\
         \x20           FROM (VALUES ('ann', DATE '2026-01-01'), ('ann', DATE '2026-01-02'), ('bob', DATE '2026-01-02')) AS t(u, d)\n\
         \x20           GROUP BY u))\n\
         GROUP BY day ORDER BY day;\n\
         -- 2026-01-01 | 1\n\
         -- 2026-01-02 | 2",
    )
    .with_related_udf("active_bitmap")
    .with_related_udf("bitmap_count")
    .build()
});
