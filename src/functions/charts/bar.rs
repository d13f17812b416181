//! `bar(value, low, high [, width])`: a band as long as the value is large.
//!
//! ```text
//! low 0, high 20, width 10        5 ──▶ ██▌       25 ──▶ ██████████       -1, 0 ──▶ nothing
//! ```
//!
//! Widths are rounded down to an eighth of a character, and cut at nothing and at `width`.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, AsArray, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

const NAME: &str = "bar";
const WIDTH: f64 = 80.0;
const WIDEST: f64 = 1000.0;
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// The SQL function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Bar {
    signature: Signature,
}

impl Bar {
    pub(crate) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Bar {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        if !(3..=4).contains(&types.len()) {
            return plan_err!(
                "{NAME}: takes value, low, high and, if wanted, a width, found {} arguments",
                types.len()
            );
        }
        types.iter().enumerate().map(|(at, found)| super::float(NAME, at + 1, found)).collect()
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays =
            args.args.iter().map(|arg| arg.to_array(args.number_rows)).collect::<Result<Vec<_>>>()?;
        let numbers: Vec<_> = arrays.iter().map(|array| array.as_primitive::<Float64Type>()).collect();
        let mut bars = StringBuilder::with_capacity(args.number_rows, args.number_rows * 16);
        for row in 0..args.number_rows {
            let is_null = numbers.iter().any(|number| number.is_null(row));
            let width = numbers.get(3).filter(|_| !is_null).map_or(WIDTH, |width| width.value(row));
            if !(1.0..=WIDEST).contains(&width) {
                return exec_err!("{NAME}: the width must be from 1 to {WIDEST}, found {width}");
            }
            let [value, low, high] = [0, 1, 2].map(|at| numbers[at].value(row));
            match eighths(value, low, high, width).filter(|_| !is_null) {
                Some(eighths) => bars.append_value(bar(eighths)),
                None => bars.append_null(),
            }
        }
        Ok(ColumnarValue::Array(Arc::new(bars.finish())))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}

/// How many eighths of a character are filled; `None` where a number is none or there is nothing between low and high.
fn eighths(value: f64, low: f64, high: f64, width: f64) -> Option<usize> {
    let share = (value - low) / (high - low);
    if share.is_nan() || !low.is_finite() || !high.is_finite() || high <= low {
        return None;
    }
    Some((share.clamp(0.0, 1.0) * width * 8.0).floor() as usize)
}

fn bar(eighths: usize) -> String {
    let mut bar = "█".repeat(eighths / 8);
    bar.push_str(EIGHTHS[eighths % 8]);
    bar
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "How large is this value, as a band of characters?\n\n\
         Result: Utf8. The band is `width` characters long where value is high or more, and empty where it is low or less; \
         in between it is rounded down to an eighth of a character. No blanks follow it. NULL where an argument is NULL or \
         value is NaN, and where high is not above low.\n\n\
         Errors: an argument that is no number, while planning; a width that is not from 1 to 1000, while running.\n\n\
         Cost: O(length of the band).",
        "bar(value, low, high [, width])",
    )
    .with_argument("value", "A number.")
    .with_argument("low", "The value of an empty band.")
    .with_argument("high", "The value of a full band, such as max(value) OVER ().")
    .with_argument("width", "Characters of a full band, 80 without it; a fraction is possible.")
    .with_sql_example(
        "SELECT page, visits, bar(visits, 0, 20, 10) AS picture\n\
         FROM (VALUES ('home', 20), ('item', 5)) AS t(page, visits)\n\
         ORDER BY visits DESC;\n\
         -- home | 20 | ██████████\n\
         -- item | 5 | ██▌",
    )
    .with_related_udf("sparkline")
    .build()
});
