//! Groups that are known by the order or by the numbers of their keys are those of DataFusion's own operator.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, StringViewArray};
use datafusion::arrow::compute::{SortColumn, cast, lexsort_to_indices, take_record_batch};
use datafusion::arrow::datatypes::DataType;
use datafusion::datasource::MemTable;
use datafusion::prelude::col;
use footfall::Engine;

use crate::support::{Random, ask, ask_sorted, engine, try_ask};

/// Users whose texts stand in a view, do not, and differ only behind its end.
const USERS: [Option<&str>; 9] = [
    None,
    Some(""),
    Some("a"),
    Some("b"),
    Some("twelve bytes"),
    Some("oVsO64qkF5oBu0tX1234567890Ab"),
    Some("oVsO64qkF5oBu0tX1234567890Ac"),
    Some("oVsO64qkF5oBu0tX"),
    Some("z"),
];

const PAGES: [Option<&str>; 6] =
    [None, Some(""), Some("home"), Some("goods"), Some("pages/detail/one"), Some("pages/detail/two")];

const QUESTIONS: [&str; 14] = [
    "SELECT u, count(*), sum(n), min(n), max(n), avg(n) FROM t GROUP BY u",
    "SELECT u, count(*) FILTER (WHERE n > 2), count(n), count(DISTINCT n) FROM t GROUP BY u",
    "SELECT DISTINCT u FROM t",
    "SELECT count(DISTINCT u) FROM t",
    "SELECT u, k, count(*), sum(n) FROM t GROUP BY u, k",
    "SELECT k, u, bool_or(n > 3), max(k) FROM t GROUP BY k, u",
    "SELECT u, window_funnel(3, n, k = 1, k = 2), retention(k = 1, k = 2), uniq_up_to(2, k) FROM t GROUP BY u",
    "SELECT c, count(*) FROM (SELECT u, count(*) AS c FROM t WHERE n > 1 GROUP BY u) GROUP BY c",
    // Rows come in order of u alone: the other keys are numbered.
    "SELECT u, n, count(*), sum(k) FROM t GROUP BY u, n",
    "SELECT p, u, count(*), max(n) FILTER (WHERE k > 1) FROM t GROUP BY p, u",
    "SELECT n, u, p, count(*), count(DISTINCT k) FROM t GROUP BY n, u, p",
    "SELECT u, n > 3, CAST(CAST(n AS INT) AS DATE), count(*), min(k) FROM t GROUP BY 1, 2, 3",
    "SELECT DISTINCT u, p, n FROM t",
    // Not these: an order inside of a group is asked for.
    "SELECT u, median(n), array_agg(n ORDER BY n) FROM t GROUP BY u",
];

#[test]
fn groups_are_those_of_a_hash_table() {
    // Expected: DataFusion's own operator over the same rows.
    let mut sorted = 0;
    for text in [DataType::Utf8View, DataType::Utf8, DataType::Int32] {
        for (rows, batch) in [(1, 1), (40, 3), (500, 7), (500, 64), (3_000, 512), (9_000, 8_192)] {
            let engine = engine(1, batch);
            load(&engine, rows, batch, &text);
            for question in QUESTIONS {
                ask(&engine, "SET footfall.sorted_aggregates = false");
                let expected = ask_sorted(&engine, question);
                assert!(!is_sorted(&engine, question), "{question}");
                ask(&engine, "SET footfall.sorted_aggregates = true");
                assert_eq!(ask_sorted(&engine, question), expected, "{text} {rows} {batch}: {question}");
                sorted += usize::from(is_sorted(&engine, question));
            }
        }
    }
    // All but the last, which asks for an order inside its groups.
    assert_eq!(sorted, 3 * 6 * (QUESTIONS.len() - 1));
}

/// Visits, with the page after each.
const VISITS: &str = "(SELECT u, k, n, p, info['next_page'] AS q FROM \
                      (SELECT *, session_info(k, 1, p) OVER (PARTITION BY u ORDER BY k NULLS FIRST) AS info FROM t))";

/// All with a text among several keys, so that the first phase numbers them.
const WITHOUT_ORDER: [&str; 6] = [
    "SELECT p, q, count(*), sum(n), min(n), max(n), avg(n) FROM visits GROUP BY p, q",
    "SELECT q, p, count(*) FILTER (WHERE n > 2), count(n), bool_or(k = 1) FROM visits GROUP BY q, p",
    "SELECT p, q, n, count(*), max(k) FROM visits WHERE n > 1 GROUP BY p, q, n",
    "SELECT k, p, n, sum(n) FROM visits GROUP BY k, p, n",
    "SELECT DISTINCT p, q FROM visits",
    "SELECT p, q, sum(n), uniq_up_to(2, k) FROM visits GROUP BY p, q",
];

#[test]
fn texts_without_an_order_are_numbered() {
    // Expected: DataFusion's own operator over the same rows; also where there are so many groups that rows pass ungrouped.
    let mut numbered = 0;
    for (rows, batch, probe) in
        [(1, 1, 0), (40, 3, 20), (500, 7, 100_000), (3_000, 512, 600), (9_000, 8_192, 1)]
    {
        for most in ["0.8", "0.01"] {
            let engine = engine(2, batch);
            load_visits(&engine, rows, batch);
            ask(
                &engine,
                &format!("SET datafusion.execution.skip_partial_aggregation_probe_rows_threshold = {probe}"),
            );
            ask(
                &engine,
                &format!("SET datafusion.execution.skip_partial_aggregation_probe_ratio_threshold = {most}"),
            );
            for question in WITHOUT_ORDER.map(|question| question.replace("visits", VISITS)) {
                let question = question.as_str();
                ask(&engine, "SET footfall.numbered_aggregates = false");
                let expected = ask_sorted(&engine, question);
                ask(&engine, "SET footfall.numbered_aggregates = true");
                assert_eq!(
                    ask_sorted(&engine, question),
                    expected,
                    "{rows} {batch} {probe} {most}: {question}"
                );
                let plan = ask(&engine, &format!("EXPLAIN {question}")).concat().concat();
                numbered += usize::from(plan.contains("NumberedAggregateExec: mode=Partial"));
            }
        }
    }
    // A table of one row is grouped in one phase.
    assert!(numbered >= 40, "{numbered} plans have the operator");
}

#[test]
fn states_are_given_out_early_where_memory_does_not_suffice() {
    // Expected: every text once, counted as often as it is there: 40,000 texts, four rows each, under a limit that holds a part of them.
    let options = footfall::EngineOptions {
        target_partitions: Some(2),
        memory_limit: Some(12_000_000),
        batch_size: Some(4_096),
        ..Default::default()
    };
    let engine = Engine::new(&options).expect("an engine");
    let users: Int32Array = (0..160_000).map(|row| Some(row / 10)).collect();
    // Each is a session of its own, with no page after it.
    let times: Int64Array = (0..160_000).map(|row| Some(row * 10)).collect();
    let texts = (0..160_000).map(|row| format!("pages/of-some-length/{}", row * 7 % 40_000));
    let texts: ArrayRef = Arc::new(StringViewArray::from_iter_values(texts));
    let columns: Vec<(&str, ArrayRef)> = vec![("u", Arc::new(users)), ("k", Arc::new(times)), ("p", texts)];
    register(&engine, vec![RecordBatch::try_from_iter(columns).expect("columns of one length")], &["u", "k"]);
    let visits = VISITS.replace(" n,", "");
    let question = format!(
        "SELECT count(*), min(n), max(n), sum(n) FROM (SELECT p, q, count(*) AS n FROM {visits} GROUP BY p, q)"
    );
    let plan = ask(&engine, &format!("EXPLAIN {question}")).concat().concat();
    assert!(plan.contains("NumberedAggregateExec: mode=Partial"), "{plan}");
    assert_eq!(ask(&engine, &question), [["40000", "4", "4", "160000"]]);
}

#[test]
fn keys_of_which_equal_ones_differ_are_left_to_the_engine() {
    // Expected: two zeros are one group, as in any GROUP BY; a constant is no order in which anything would be complete.
    let engine = engine(1, 8_192);
    let zeros = "SELECT x, count(*) FROM (SELECT x FROM (VALUES (0.0::DOUBLE), ('-0.0'::DOUBLE), (1.0)) AS t(x) \
                 ORDER BY x LIMIT 100) GROUP BY x";
    assert!(!is_sorted(&engine, zeros), "{zeros}");
    assert_eq!(ask_sorted(&engine, zeros), [["0.0", "2"], ["1.0", "1"]]);
    load(&engine, 500, 64, &DataType::Utf8View);
    assert!(!is_sorted(&engine, "SELECT u, n, count(*) FROM t WHERE u = 'a' GROUP BY u, n"));
    assert!(is_sorted(&engine, "SELECT u, n, count(*) FROM t WHERE u > 'a' GROUP BY u, n"));
}

#[test]
fn groups_come_in_order_and_soon() {
    // Expected: the table's own order; 64 groups are in the first batch, so a LIMIT does not read the whole table.
    let engine = engine(1, 8_192);
    load(&engine, 9_000, 100, &DataType::Int32);
    let rows = ask(&engine, "SELECT u, count(*) FROM t GROUP BY u ORDER BY u NULLS FIRST");
    let users: Vec<i32> = rows.iter().skip(1).map(|row| row[0].parse().expect("a number")).collect();
    assert!(users.is_sorted() && users.len() > 1_000, "{} users", users.len());
    let plan = ask(&engine, "EXPLAIN ANALYZE SELECT u, count(*) FROM t GROUP BY u LIMIT 3");
    let plan = plan.concat().concat();
    let operator = plan.lines().find(|line| line.contains("SortedAggregateExec")).expect("the operator");
    let given = operator.split("output_rows=").nth(1).and_then(|rest| rest.split(',').next()).expect("rows");
    // More than a thousand would be written as `1.20 K`.
    assert!(given.parse::<u32>().is_ok_and(|given| given < 500), "{operator}");
}

#[test]
fn memory_that_does_not_suffice_is_an_error() {
    // Expected: an error that names the operator: one group cannot be given out in parts.
    let options = footfall::EngineOptions {
        target_partitions: Some(1),
        memory_limit: Some(100_000),
        ..Default::default()
    };
    let engine = Engine::new(&options).expect("an engine");
    let numbers: Int64Array = (0..200_000).collect();
    let users: Int32Array = (0..200_000).map(|_| Some(1)).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![("u", Arc::new(users)), ("n", Arc::new(numbers))];
    let batch = RecordBatch::try_from_iter(columns).expect("columns of one length");
    register(&engine, vec![batch], &["u"]);
    let error = try_ask(&engine, "SELECT u, array_agg(n) FROM t GROUP BY u").expect_err("too little memory");
    let error = error.to_string();
    assert!(error.contains("Resources exhausted") && error.contains("SortedAggregateExec"), "{error}");
}

fn is_sorted(engine: &Engine, question: &str) -> bool {
    ask(engine, &format!("EXPLAIN {question}")).concat().concat().contains("SortedAggregateExec")
}

/// A table in order of (u, k), NULL first.
fn load(engine: &Engine, rows: usize, batch: usize, users: &DataType) {
    let all = table(rows, batch, users);
    let order: Vec<SortColumn> =
        (0..2).map(|column| SortColumn { values: Arc::clone(all.column(column)), options: None }).collect();
    let all = take_record_batch(&all, &lexsort_to_indices(&order, None).expect("an order")).expect("rows");
    let batches = (0..rows).step_by(batch).map(|start| all.slice(start, batch.min(rows - start))).collect();
    register(engine, batches, &["u", "k"]);
}

/// The same in order of the user, each row at a time of its own: which page comes next does not hang on how rows are spread.
fn load_visits(engine: &Engine, rows: usize, batch: usize) {
    let all = table(rows, batch, &DataType::Utf8View);
    let order = [SortColumn { values: Arc::clone(all.column(0)), options: None }];
    let all = take_record_batch(&all, &lexsort_to_indices(&order, None).expect("an order")).expect("rows");
    let times: Int32Array = (0..rows as i32).map(Some).collect();
    let mut columns = all.columns().to_vec();
    columns[1] = Arc::new(times);
    let all = RecordBatch::try_new(all.schema(), columns).expect("columns of one length");
    let batches = (0..rows).step_by(batch).map(|start| all.slice(start, batch.min(rows - start))).collect();
    register(engine, batches, &["u", "k"]);
}

fn table(rows: usize, batch: usize, users: &DataType) -> RecordBatch {
    let mut random = Random((rows * 31 + batch) as u64);
    let user: ArrayRef = if *users == DataType::Int32 {
        let users: Int32Array =
            (0..rows).map(|_| Some(random.below(rows / 2 + 1) as i32).filter(|user| *user > 0)).collect();
        Arc::new(users)
    } else {
        let texts: StringArray = (0..rows).map(|_| USERS[random.below(USERS.len())]).collect();
        cast(&texts, users).expect("texts")
    };
    let pages: StringArray = (0..rows).map(|_| PAGES[random.below(PAGES.len())]).collect();
    let pages = cast(&pages, &DataType::Utf8View).expect("texts");
    let k: Int32Array = (0..rows).map(|_| Some(random.below(4) as i32).filter(|k| *k > 0)).collect();
    let n: Int64Array = (0..rows).map(|_| Some(random.below(6) as i64).filter(|n| *n > 0)).collect();
    let columns: Vec<(&str, ArrayRef, bool)> =
        vec![("u", user, true), ("k", Arc::new(k), true), ("n", Arc::new(n), true), ("p", pages, true)];
    RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length")
}

fn register(engine: &Engine, batches: Vec<RecordBatch>, order: &[&str]) {
    let order = order.iter().map(|column| col(*column).sort(true, true)).collect();
    let table = MemTable::try_new(batches[0].schema(), vec![batches])
        .expect("batches of one schema")
        .with_sort_order(vec![order]);
    let _ = engine.context().deregister_table("t");
    engine.context().register_table("t", Arc::new(table)).expect("a free name");
}
