//! `attribution` and `conversion` against the definition: for each conversion all rows are looked at again.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::datasource::MemTable;
use footfall::Engine;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::{ask, engine, random};

/// A row: user, seconds, order within them, two conditions, a text and a number, all but the user and the order may be NULL.
#[derive(Clone, Debug)]
struct Row {
    user: i32,
    ts: Option<i64>,
    seq: i64,
    first: Option<bool>,
    second: Option<bool>,
    text: Option<&'static str>,
    value: Option<i64>,
}

#[derive(Clone, Debug)]
struct Case {
    rows: Vec<Row>,
    partitions: usize,
    batch_size: usize,
    /// Whether ts is an integer or a timestamp of seconds.
    integers: bool,
    window: i64,
    tie: bool,
}

fn cases() -> impl Strategy<Value = Case> {
    let flag = |truth: f64| weighted(0.95, proptest::bool::weighted(truth));
    let row = (
        0i32..3,
        weighted(0.95, -4i64..12),
        0i64..3,
        flag(0.6),
        flag(0.3),
        weighted(0.85, select(&["a", "b", "c"][..])),
        weighted(0.9, -3i64..20),
    );
    let layout = (select(&[1usize, 7][..]), select(&[1usize, 7, 8192][..]), any::<bool>());
    (vec(row, 0..24), layout, select(&[0i64, 1, 3, 8, 1000][..]), any::<bool>()).prop_map(
        |(rows, (partitions, batch_size, integers), window, tie)| Case {
            rows: rows
                .into_iter()
                .map(|(user, ts, seq, first, second, text, value)| Row {
                    user,
                    ts,
                    seq,
                    first,
                    second,
                    text,
                    value,
                })
                .collect(),
            partitions,
            batch_size,
            integers,
            window,
            tie,
        },
    )
}

impl Case {
    /// Table `t (u, ts, seq, a, b, label, value)`.
    fn load(&self) -> Engine {
        let batch = |rows: &[Row]| -> RecordBatch {
            let ts: Int64Array = rows.iter().map(|row| row.ts).collect();
            let ts: ArrayRef = match self.integers {
                true => Arc::new(ts),
                false => cast(&ts, &DataType::Timestamp(TimeUnit::Second, None)).expect("Int64 to a time"),
            };
            RecordBatch::try_from_iter_with_nullable([
                (
                    "u",
                    Arc::new(rows.iter().map(|row| Some(row.user)).collect::<Int32Array>()) as ArrayRef,
                    true,
                ),
                ("ts", ts, true),
                ("seq", Arc::new(rows.iter().map(|row| Some(row.seq)).collect::<Int64Array>()), true),
                ("a", Arc::new(rows.iter().map(|row| row.first).collect::<BooleanArray>()), true),
                ("b", Arc::new(rows.iter().map(|row| row.second).collect::<BooleanArray>()), true),
                ("label", Arc::new(rows.iter().map(|row| row.text).collect::<StringArray>()), true),
                (
                    "value",
                    Arc::new(rows.iter().map(|row| row.value.map(|v| v as f64)).collect::<Float64Array>()),
                    true,
                ),
            ])
            .expect("columns of one length")
        };
        let mut parts = vec![vec![]; self.partitions];
        for (i, chunk) in self.rows.chunks(3).enumerate() {
            parts[i % self.partitions].push(batch(chunk));
        }
        let engine = engine(self.partitions, self.batch_size);
        let table = MemTable::try_new(batch(&[]).schema(), parts).expect("batches of one schema");
        engine.context().register_table("t", Arc::new(table)).expect("a free name");
        engine
    }

    fn span(&self, seconds: i64) -> String {
        match self.integers {
            true => seconds.to_string(),
            false => format!("INTERVAL '{seconds} seconds'"),
        }
    }

    fn users(&self) -> Vec<i32> {
        let users: std::collections::BTreeSet<i32> = self.rows.iter().map(|row| row.user).collect();
        users.into_iter().collect()
    }

    /// The rows of a user that have a time, each with the instant it belongs to.
    fn rows_of(&self, user: i32) -> Vec<((i64, i64), &Row)> {
        let rows = self.rows.iter().filter(|row| row.user == user);
        rows.filter_map(|row| Some(((row.ts?, if self.tie { row.seq } else { 0 }), row))).collect()
    }
}

#[derive(Clone, Copy, Debug)]
enum Model {
    First,
    Last,
    Linear,
    Position([f64; 3]),
    TimeDecay(i64),
}

fn models() -> impl Strategy<Value = Model> {
    select(
        &[
            Model::First,
            Model::Last,
            Model::Linear,
            Model::Position([40.0, 20.0, 40.0]),
            Model::Position([1.0, 5.0, 2.0]),
            Model::Position([0.0, 1.0, 0.0]),
            Model::TimeDecay(1),
            Model::TimeDecay(4),
        ][..],
    )
}

/// The credits of a user, by channel.
fn credits(case: &Case, model: Model, user: i32) -> BTreeMap<String, f64> {
    let rows = case.rows_of(user);
    let mut instants: Vec<(i64, i64)> =
        rows.iter().filter(|(_, row)| row.second == Some(true)).map(|(instant, _)| *instant).collect();
    instants.sort_unstable();
    instants.dedup();
    let mut credits: BTreeMap<String, f64> = BTreeMap::new();
    for (i, &instant) in instants.iter().enumerate() {
        let value: i64 = rows
            .iter()
            .filter(|(at, row)| *at == instant && row.second == Some(true))
            .map(|(_, row)| row.value.unwrap_or(0))
            .sum();
        let mut touches: Vec<((i64, i64), bool, Option<&str>)> = rows
            .iter()
            .filter(|(at, row)| {
                let is_new = i == 0 || *at > instants[i - 1];
                row.first == Some(true) && is_new && *at <= instant && at.0 >= instant.0 - case.window
            })
            .map(|(at, row)| (*at, row.second == Some(true), row.text))
            .collect();
        touches.sort_unstable();
        let name = |channel: Option<&str>| channel.unwrap_or("nobody").to_string();
        let count = touches.len();
        if count == 0 {
            *credits.entry(name(None)).or_default() += value as f64;
            continue;
        }
        let mut weights: Vec<Option<f64>> = touches
            .iter()
            .enumerate()
            .map(|(place, (at, _, _))| match model {
                Model::First => (place == 0).then_some(1.0),
                Model::Last => (place == count - 1).then_some(1.0),
                Model::Linear => Some(1.0),
                Model::Position(_) if count == 1 => Some(1.0),
                Model::Position([first, _, _]) if place == 0 => Some(first),
                Model::Position([_, _, last]) if place == count - 1 => Some(last),
                Model::Position([_, middle, _]) => Some(middle / (count - 2) as f64),
                Model::TimeDecay(half_life) => {
                    Some(0.5_f64.powf((instant.0 - at.0) as f64 / half_life as f64))
                }
            })
            .collect();
        if weights.iter().flatten().sum::<f64>() == 0.0 {
            weights = vec![Some(1.0); count];
        }
        let total: f64 = weights.iter().flatten().sum();
        for ((_, _, channel), weight) in touches.iter().zip(weights) {
            if let Some(weight) = weight {
                *credits.entry(name(*channel)).or_default() += value as f64 * weight / total;
            }
        }
    }
    credits
}

#[test]
fn attribution_shares_each_conversion() {
    // Expected: for each time with a conversion, all touches after the time of the conversion before it and not too old, weighed by the model.
    random(400, &(cases(), models()), |(case, model)| {
        let mut expected = Vec::new();
        for user in case.users() {
            for (channel, credit) in credits(&case, model, user) {
                expected.push((user.to_string(), channel, credit));
            }
        }
        let (name, mut options) = match model {
            Model::First => ("first", vec![]),
            Model::Last => ("last", vec![]),
            Model::Linear => ("linear", vec![]),
            Model::Position([first, middle, last]) => {
                ("position", vec![format!("weights: [{first}, {middle}, {last}]")])
            }
            Model::TimeDecay(half_life) => {
                ("time_decay", vec![format!("half_life: {}", case.span(half_life))])
            }
        };
        options.push("none: 'nobody'".to_string());
        if case.tie {
            options.push("tie: seq".to_string());
        }
        let sql = format!(
            "SELECT u, unnest(map_keys(m)), unnest(map_values(m)) FROM (SELECT u, \
             attribution(ts, a, label, b, value, {}, '{name}', {{{}}}) AS m FROM t GROUP BY u) ORDER BY 1, 2",
            case.span(case.window),
            options.join(", ")
        );
        let found: Vec<(String, String, f64)> = ask(&case.load(), &sql)
            .into_iter()
            .map(|row| (row[0].clone(), row[1].clone(), row[2].parse().expect("a number")))
            .collect();
        let is_same = found.len() == expected.len()
            && found
                .iter()
                .zip(&expected)
                .all(|(f, e)| (&f.0, &f.1) == (&e.0, &e.1) && (f.2 - e.2).abs() < 1e-9);
        assert!(is_same, "{sql}\n  found {found:?}\n  expected {expected:?}");
    });
}

#[test]
fn attribution_has_the_same_digits_in_any_layout() {
    // Expected: the credits are sums in time order, so that neither the order of the rows nor partitions can show in the last digit.
    random(100, &(cases(), models()), |(case, model)| {
        let (name, options) = match model {
            Model::Position([first, middle, last]) => {
                ("position", format!(", {{weights: [{first}, {middle}, {last}]}}"))
            }
            Model::TimeDecay(half_life) => {
                ("time_decay", format!(", {{half_life: {}}}", case.span(half_life)))
            }
            Model::First => ("first", String::new()),
            Model::Last => ("last", String::new()),
            Model::Linear => ("linear", String::new()),
        };
        let sql = format!(
            "SELECT u, attribution(ts, a, label, b, value / 10, {}, '{name}'{options}) FROM t GROUP BY u ORDER BY u",
            case.span(case.window)
        );
        let answer = ask(&case.load(), &sql);
        let mut other = case.clone();
        other.rows.reverse();
        (other.partitions, other.batch_size) = (3, 2);
        assert_eq!(ask(&other.load(), &sql), answer, "{sql}");
    });
}

#[test]
fn conversion_joins_the_nearest_base() {
    // Expected: a conversion counts where any other row is a base, no later and at most the window before it; with a constant, of the same text.
    random(400, &(cases(), any::<bool>()), |(case, constant)| {
        let expected: Vec<Vec<String>> = case
            .users()
            .into_iter()
            .map(|user| {
                let rows = case.rows_of(user);
                let bases = rows.iter().filter(|(_, row)| row.first == Some(true)).count();
                let converts = |conversion: usize| {
                    let (at, row) = &rows[conversion];
                    let is_base_of = |base: usize| {
                        let (earlier, base_row) = &rows[base];
                        base != conversion
                            && base_row.first == Some(true)
                            && earlier <= at
                            && at.0 - earlier.0 <= case.window
                            && (!constant || (base_row.text.is_some() && base_row.text == row.text))
                    };
                    row.second == Some(true) && (0..rows.len()).any(is_base_of)
                };
                let converted = (0..rows.len()).filter(|row| converts(*row)).count();
                vec![user.to_string(), bases.to_string(), converted.to_string()]
            })
            .collect();
        let mut options = Vec::new();
        if constant {
            options.push("constant: label");
        }
        if case.tie {
            options.push("tie: seq");
        }
        let options = match options.is_empty() {
            true => String::new(),
            false => format!(", {{{}}}", options.join(", ")),
        };
        let sql = format!(
            "SELECT u, c['base'], c['converted'] FROM (SELECT u, \
             conversion(ts, a, b, {}{options}) AS c FROM t GROUP BY u) ORDER BY u",
            case.span(case.window)
        );
        assert_eq!(ask(&case.load(), &sql), expected, "{sql}");
    });
}
