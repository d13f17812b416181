//! `bitmap_count(bitmap)`: in how many periods was this user there?

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::Int64Array;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::rollup::{self, Bitmaps};

const NAME: &str = "bitmap_count";

/// The SQL function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct BitmapCount {
    signature: Signature,
}

impl BitmapCount {
    pub(crate) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for BitmapCount {
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
        Ok(DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let bitmaps = Bitmaps::new(NAME, &args.args[0].to_array(args.number_rows)?)?;
        let counts = (0..args.number_rows)
            .map(|row| {
                Ok(bitmaps.get(NAME, row)?.map(|(_, user)| user.count_between(i64::MIN, i64::MAX) as i64))
            })
            .collect::<Result<Int64Array>>()?;
        Ok(ColumnarValue::Array(Arc::new(counts)))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "In how many periods was a user there?\n\n\
         Result: Int64, the number of days, weeks or months in a bitmap of `active_bitmap`; NULL of NULL.\n\n\
         Errors: an argument that is no Binary, while planning; a value that is no bitmap, while running.\n\n\
         Cost: O(words of the bitmap).",
        "bitmap_count(bitmap)",
    )
    .with_argument("bitmap", "The periods of a user, made by active_bitmap(ts, unit).")
    .with_sql_example(
        "SELECT u, bitmap_count(active_bitmap(d, 'month')) AS months\n\
         FROM (VALUES ('ann', DATE '2026-01-01'), ('ann', DATE '2026-01-31'), ('ann', DATE '2026-02-01')) AS t(u, d)\n\
         GROUP BY u;\n\
         -- ann | 2",
    )
    .with_related_udf("active_bitmap")
    .with_related_udf("bitmap_dates")
    .build()
});
