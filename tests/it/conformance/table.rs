//! The table `t` of a case's events: `u`, `ts`, `seq` (the order given), `flag_0` and on, and every other field under its name.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, Int64Builder, ListBuilder, RecordBatch, StringArray,
    StringBuilder,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::datasource::MemTable;
use footfall::Engine;
use serde_json::Value;

use super::{Time, items};
use crate::support::Random;

/// The order in which the rows come.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    Given,
    Backwards,
    Shuffled(u64),
}

/// Registers `t`, dealt in batches to partitions.
pub(super) fn load(
    engine: &Engine,
    case: &Value,
    time: Time,
    order: Order,
    (partitions, batch_size): (usize, usize),
) {
    let mut events: Vec<(i64, &Value)> = (0..).zip(items(&case["events"])).collect();
    match order {
        Order::Given => {}
        Order::Backwards => events.reverse(),
        Order::Shuffled(seed) => {
            let mut random = Random(seed);
            for i in (1..events.len()).rev() {
                events.swap(i, random.below(i + 1));
            }
        }
    }
    let all = batch(&events, time);
    let mut dealt = vec![vec![]; partitions];
    for (i, start) in (0..all.num_rows()).step_by(batch_size).enumerate() {
        dealt[i % partitions].push(all.slice(start, batch_size.min(all.num_rows() - start)));
    }
    let table = MemTable::try_new(all.schema(), dealt).expect("batches of one schema");
    engine.context().deregister_table("t").expect("a table or none");
    engine.context().register_table("t", Arc::new(table)).expect("a free name");
}

fn batch(events: &[(i64, &Value)], time: Time) -> RecordBatch {
    let numbers = |field: &str| -> Int64Array { events.iter().map(|(_, e)| e[field].as_i64()).collect() };
    let ts = match time {
        Time::Integer => Arc::new(numbers("ts")) as ArrayRef,
        Time::Timestamp => {
            let seconds = cast(&numbers("ts"), &DataType::Timestamp(TimeUnit::Second, None));
            let micros = seconds.and_then(|s| cast(&s, &DataType::Timestamp(TimeUnit::Microsecond, None)));
            micros.expect("whole seconds")
        }
    };
    let seq: Int64Array = events.iter().map(|(seq, _)| Some(*seq)).collect();
    let mut columns = BTreeMap::from([
        ("u".to_string(), Arc::new(numbers("user")) as ArrayRef),
        ("ts".to_string(), ts),
        ("seq".to_string(), Arc::new(seq)),
    ]);
    let flags = events.iter().map(|(_, e)| items(&e["flags"]).count()).max().unwrap_or(0);
    for k in 0..flags {
        let values: BooleanArray =
            events.iter().map(|(_, e)| e["flags"][k].as_i64().map(|flag| flag == 1)).collect();
        columns.insert(format!("flag_{k}"), Arc::new(values));
    }
    let given = events.iter().flat_map(|(_, e)| e.as_object().into_iter().flat_map(|fields| fields.keys()));
    for field in given.map(String::as_str).chain(["name", "page", "source"]) {
        if !["user", "ts", "flags"].contains(&field) && !columns.contains_key(field) {
            columns.insert(field.to_string(), column(events, field));
        }
    }
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length")
}

/// Whole numbers, numbers, lists or text, as the values of the field are.
fn column(events: &[(i64, &Value)], field: &str) -> ArrayRef {
    let values: Vec<&Value> = events.iter().map(|(_, e)| &e[field]).collect();
    let every = |kind: fn(&Value) -> bool| {
        values.iter().any(|v| !v.is_null()) && values.iter().all(|v| v.is_null() || kind(v))
    };
    if every(Value::is_i64) {
        let numbers: Int64Array = values.iter().map(|v| v.as_i64()).collect();
        return Arc::new(numbers);
    }
    if every(Value::is_number) {
        let numbers: Float64Array = values.iter().map(|v| v.as_f64()).collect();
        return Arc::new(numbers);
    }
    if every(|v| items(v).any(Value::is_i64)) {
        let mut lists = ListBuilder::new(Int64Builder::new());
        for value in values {
            items(value).for_each(|item| lists.values().append_option(item.as_i64()));
            lists.append(!value.is_null());
        }
        return Arc::new(lists.finish());
    }
    if every(Value::is_array) {
        let mut lists = ListBuilder::new(StringBuilder::new());
        for value in values {
            items(value).for_each(|item| lists.values().append_option(item.as_str()));
            lists.append(!value.is_null());
        }
        return Arc::new(lists.finish());
    }
    let texts: StringArray = values.iter().map(|v| v.as_str()).collect();
    Arc::new(texts)
}
