//! What a type is called in a word or two, whichever of Arrow's layouts holds the values.

use datafusion::arrow::datatypes::{DataType, FieldRef};

/// `text`, `int64`, `timestamp(UTC)`, `list<text>`, `struct<step int32, ms int64>`.
pub fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Null => "null".to_string(),
        DataType::Boolean => "bool".to_string(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".to_string(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            "binary".to_string()
        }
        DataType::Date32 | DataType::Date64 => "date".to_string(),
        DataType::Time32(_) | DataType::Time64(_) => "time".to_string(),
        DataType::Timestamp(_, None) => "timestamp".to_string(),
        DataType::Timestamp(_, Some(zone)) => format!("timestamp({zone})"),
        DataType::Duration(_) => "duration".to_string(),
        DataType::Interval(_) => "interval".to_string(),
        DataType::Decimal32(digits, scale)
        | DataType::Decimal64(digits, scale)
        | DataType::Decimal128(digits, scale)
        | DataType::Decimal256(digits, scale) => format!("decimal({digits},{scale})"),
        DataType::List(element)
        | DataType::LargeList(element)
        | DataType::ListView(element)
        | DataType::LargeListView(element)
        | DataType::FixedSizeList(element, _) => format!("list<{}>", type_name(element.data_type())),
        DataType::Struct(fields) => {
            let fields: Vec<String> = fields.iter().map(named).collect();
            format!("struct<{}>", fields.join(", "))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) => {
                let pair: Vec<String> = pair.iter().map(|field| type_name(field.data_type())).collect();
                format!("map<{}>", pair.join(", "))
            }
            other => type_name(other),
        },
        DataType::Dictionary(_, values) => type_name(values),
        DataType::RunEndEncoded(_, values) => type_name(values.data_type()),
        other => other.to_string().to_lowercase(),
    }
}

fn named(field: &FieldRef) -> String {
    format!("{} {}", field.name(), type_name(field.data_type()))
}
