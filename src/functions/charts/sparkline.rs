//! `sparkline(values [, low, high])`: a list of numbers as one line of small bars.
//!
//! ```text
//! [1, 3, NULL, 8, 5]  ──▶  ▁▃ █▅        a character for each element, blank for NULL
//! ```
//!
//! The least element is `▁` and the greatest `█`, unless the call says what low and high are. Where all are the same, all
//! are `▄`.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Float64Type};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

const NAME: &str = "sparkline";
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The SQL function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sparkline {
    signature: Signature,
}

impl Sparkline {
    pub(crate) fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Sparkline {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let (list, bounds) = match types {
            [list] => (list, None),
            [list, low, high] => (list, Some((low, high))),
            _ => {
                return plan_err!(
                    "{NAME}: takes a list and, if wanted, low and high, found {} arguments",
                    types.len()
                );
            }
        };
        let element = match list {
            DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
                field.data_type()
            }
            DataType::Null => &DataType::Null,
            other => {
                return plan_err!(
                    "{NAME}: argument 1 must be a list of numbers, such as array_agg(x ORDER BY day), found {other}"
                );
            }
        };
        if !element.is_numeric() && *element != DataType::Null {
            return plan_err!("{NAME}: argument 1 must be a list of numbers, found one of {element}");
        }
        // The elements are brought to numbers when the list is read: the type of a list says what its field is called.
        let list = match list {
            DataType::List(_) => list.clone(),
            DataType::Null => DataType::new_list(DataType::Float64, true),
            _ => DataType::List(Arc::new(Field::new_list_field(element.clone(), true))),
        };
        let mut types = vec![list];
        if let Some((low, high)) = bounds {
            types.extend([super::float(NAME, 2, low)?, super::float(NAME, 3, high)?]);
        }
        Ok(types)
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays =
            args.args.iter().map(|arg| arg.to_array(args.number_rows)).collect::<Result<Vec<ArrayRef>>>()?;
        let lists = arrays[0].as_list::<i32>();
        let values = cast(lists.values(), &DataType::Float64)?;
        let values = values.as_primitive::<Float64Type>();
        let bounds: Vec<_> = arrays[1..].iter().map(|array| array.as_primitive::<Float64Type>()).collect();
        let mut lines = StringBuilder::with_capacity(args.number_rows, args.number_rows * 32);
        for row in 0..args.number_rows {
            if lists.is_null(row) || bounds.iter().any(|bound| bound.is_null(row)) {
                lines.append_null();
                continue;
            }
            let (from, to) = (lists.value_offsets()[row] as usize, lists.value_offsets()[row + 1] as usize);
            let elements: Vec<Option<f64>> = (from..to)
                .map(|at| values.is_valid(at).then(|| values.value(at)).filter(|value| !value.is_nan()))
                .collect();
            let given = match bounds.as_slice() {
                [low, high] => Some((low.value(row), high.value(row))),
                _ => None,
            };
            lines.append_value(sparkline(&elements, given));
        }
        Ok(ColumnarValue::Array(Arc::new(lines.finish())))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOCUMENTATION)
    }
}

fn sparkline(elements: &[Option<f64>], bounds: Option<(f64, f64)>) -> String {
    let finite = || elements.iter().flatten().copied().filter(|value| value.is_finite());
    let (low, high) = bounds.unwrap_or_else(|| {
        (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max))
    });
    let level = |value: f64| {
        let share = (value - low) / (high - low);
        // All the same: in the middle.
        if share.is_nan() { 3 } else { (share.clamp(0.0, 1.0) * 7.0).round() as usize }
    };
    elements.iter().map(|element| element.map_or(' ', |value| LEVELS[level(value)])).collect()
}

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        super::SECTION,
        "How did a figure go, as one line of small bars?\n\n\
         Result: Utf8, a character for each element of the list, of eight heights from ▁ at low to █ at high, rounded to the \
         nearest; a blank for an element that is NULL or NaN. Without low and high they are the least and the greatest element, and \
         equal elements are ▄. Elements beyond low and high are cut there. An empty list is an empty text; NULL where an \
         argument is NULL.\n\n\
         Errors: an argument that is no list of numbers, or a bound that is no number, while planning.\n\n\
         Cost: O(elements).",
        "sparkline(values [, low, high])",
    )
    .with_argument("values", "A list of numbers, such as array_agg(visits ORDER BY day).")
    .with_argument("low", "The value of the lowest bar; it comes with high.")
    .with_argument("high", "The value of the highest bar.")
    .with_sql_example(
        "SELECT page, sparkline(array_agg(visits ORDER BY day)) AS trend\n\
         FROM (VALUES ('home', 1, 1), ('home', 2, 8), ('home', 3, 4), ('item', 1, 5)) AS t(page, day, visits)\n\
         GROUP BY page ORDER BY page;\n\
         -- home | ▁█▄\n\
         -- item | ▄",
    )
    .with_related_udf("bar")
    .build()
});
