//! Rows of text → the answer in the form in which the cases write it down, and when two such answers are the same.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

use super::{Time, items};

/// What the SQL of a case gave, in the form of the case's `expected`.
pub(super) fn answer(
    case: &Value,
    function: &str,
    time: Time,
    rows: &[Vec<String>],
) -> Result<Value, String> {
    let one = || match rows {
        [row] => Ok(row.iter().map(|cell| value(cell)).collect::<Vec<Value>>()),
        _ => Err(format!("one row expected, found {rows:?}")),
    };
    let named = |names: &[&str], row: &[String]| -> Value {
        let fields = names.iter().zip(row).map(|(name, cell)| (name.to_string(), value(cell)));
        Value::Object(fields.collect())
    };
    let one_named = |names: &[&str]| one().map(|_| named(names, &rows[0]));
    // Rows of (name, value).
    let by_name = || Value::Object(rows.iter().map(|row| (row[0].clone(), value(&row[1]))).collect());
    Ok(match function {
        "sessionize" => {
            let ids: Vec<Value> = rows.iter().map(|row| value(&row[0])).collect();
            json!({ "session_ids": ids })
        }
        "session_summary" => {
            let names =
                ["user", "session", "start", "duration", "entry", "exit", "page_views", "depth", "events"];
            Value::Array(rows.iter().map(|row| named(&names, row)).collect())
        }
        "exit_rate" => {
            let names =
                ["views", "visitors", "entries", "exits", "exit_rate", "exit_rate_per_visit", "bounce_rate"];
            Value::Object(rows.iter().map(|row| (row[0].clone(), named(&names, &row[1..]))).collect())
        }
        "bounce_rate" => one_named(&["wechat_bounce_rate", "plausible_bounce_rate", "ga4_engagement_rate"])?,
        "visit_overview" => one_named(&[
            "session_cnt",
            "visit_pv",
            "visit_uv",
            "stay_time_session",
            "stay_time_uv",
            "visit_depth",
        ])?,
        "conversion_rate" => one_named(&["base_count", "conversions", "rate"])?,
        "funnel_totals" => one_named(&["entries", "conversions"])?,
        "funnel_count" => one_named(&["counts"])?,
        "stickiness" => {
            let column = |k: usize| -> Vec<Value> { rows.iter().map(|row| value(&row[k])).collect() };
            json!({ "exact": column(0), "cumulative": column(1) })
        }
        "retention_rolling" => {
            let offsets: Vec<Value> = rows.iter().map(|row| value(&row[0])).collect();
            json!({ "offsets": offsets })
        }
        "retention_matrix" => matrix(rows)?,
        "path_edges" => {
            let edges = rows.iter().map(|row| {
                let step: i64 = row[0].parse().unwrap_or(-1);
                (format!("{step}_{}>{}_{}", row[1], step + 1, row[2]), value(&row[3]))
            });
            Value::Object(edges.collect())
        }
        // A row a path.
        "path_split" => {
            let mut users: BTreeMap<String, Vec<Value>> = BTreeMap::new();
            for row in rows {
                users.entry(row[0].clone()).or_default().push(value(&row[1]));
            }
            json!(users)
        }
        "funnel" => funnel(case, time, &one()?),
        "attribution" => match one()?.as_slice() {
            [keys, values] => pairs(keys, values),
            other => return Err(format!("keys and values expected, found {other:?}")),
        },
        "sum_map" => {
            let sums = rows.iter().map(|row| (row[0].clone(), pairs(&value(&row[1]), &value(&row[2]))));
            Value::Object(sums.collect())
        }
        "sequence_match_events" => {
            let seconds = |times: &Value| -> Value {
                items(times).map(|time_of| json!(time_of.as_i64().map(|t| t / time.scale()))).collect()
            };
            Value::Object(rows.iter().map(|row| (row[0].clone(), seconds(&value(&row[1])))).collect())
        }
        _ => by_name(),
    })
}

/// `funnel`'s level, excluded and times, as the fields that the case asks about.
fn funnel(case: &Value, time: Time, row: &[Value]) -> Value {
    let [level, excluded, times] = row else { return json!(row) };
    let times: Vec<i64> = items(times).filter_map(Value::as_i64).map(|t| t / time.scale()).collect();
    let steps = items(&case["options"]["steps"]).count();
    let step_seconds: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let whole = match times.as_slice() {
        [first, .., last] if times.len() == steps => json!(last - first),
        _ => Value::Null,
    };
    let fields = [
        ("reached", level.clone()),
        ("excluded", json!(excluded == &json!(1))),
        ("step_seconds", json!(step_seconds)),
        ("time_to_convert", whole),
    ];
    let asked = fields.into_iter().filter(|(name, _)| case["expected"].get(name).is_some());
    Value::Object(asked.map(|(name, value)| (name.to_string(), value)).collect())
}

/// Rows of (cohort, offset, users), the cohorts as days: in the cases the first day of the table is day 0.
fn matrix(rows: &[Vec<String>]) -> Result<Value, String> {
    let mut cells: BTreeMap<i64, Map<String, Value>> = BTreeMap::new();
    for row in rows {
        let day: i64 = row[0].parse().map_err(|_| format!("{row:?}: the cohort is no number of days"))?;
        cells.entry(day).or_default().insert(row[1].clone(), value(&row[2]));
    }
    let first = cells.keys().next().copied().unwrap_or(0);
    Ok(Value::Object(
        cells.into_iter().map(|(day, cells)| ((day - first).to_string(), Value::Object(cells))).collect(),
    ))
}

fn pairs(keys: &Value, values: &Value) -> Value {
    let name = |key: &Value| key.as_str().map_or_else(|| key.to_string(), str::to_string);
    Value::Object(items(keys).map(name).zip(items(values).cloned()).collect())
}

/// A cell's text as JSON: numbers, truths as 1 and 0 as in the cases, NULL, lists, else text.
fn value(cell: &str) -> Value {
    match cell {
        "NULL" | "" => return Value::Null,
        "true" => return json!(1),
        "false" => return json!(0),
        _ => {}
    }
    if let Some(inside) = cell.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return split(inside).into_iter().map(value).collect();
    }
    match (cell.parse::<i64>(), cell.parse::<f64>()) {
        (Ok(whole), _) => json!(whole),
        (_, Ok(number)) => json!(number),
        _ => json!(cell),
    }
}

/// The items of a list's text, split at the commas of the list itself.
fn split(inside: &str) -> Vec<&str> {
    let (mut items, mut depth, mut start) = (Vec::new(), 0, 0);
    for (i, c) in inside.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            ',' if depth == 0 => {
                items.push(inside[start..i].trim());
                start = i + 1;
            }
            _ => {}
        }
    }
    if !inside.is_empty() {
        items.push(inside[start..].trim());
    }
    items
}

/// Equal, where fractions may differ in the fifth decimal: the cases round to four.
pub(super) fn same(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Number(a), Value::Number(b)) if a.is_f64() || b.is_f64() => {
            (a.as_f64().unwrap_or(f64::NAN) - b.as_f64().unwrap_or(f64::NAN)).abs() <= 0.000_05
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}
