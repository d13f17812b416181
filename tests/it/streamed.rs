//! Where a plan proves order by (user, time), aggregates keep no events; the answers are those of the path that keeps them.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use datafusion::datasource::MemTable;
use datafusion::logical_expr::GroupsAccumulator;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::collect;
use datafusion::prelude::col;
use footfall::Engine;

use crate::calls::CALLS;
use crate::sizes::aggregate;
use crate::support::{Random, ask, ask_sorted, block_on, engine};

/// What keeps nothing but the events of one time.
const CONSTANT: [&str; 9] = [
    "window_funnel(INTERVAL '5 seconds', ts, event = 'a', event = 'b', event IN ('c', 'x'))",
    "window_funnel(INTERVAL '5 seconds', 'strict_order', ts, event = 'a', event = 'b', scene > 2)",
    "window_funnel_events(INTERVAL '5 seconds', ts, event = 'a', event = 'b', event = 'c')",
    "funnel_match_step(INTERVAL '5 seconds', ts, event = 'a', event = 'b', event = 'c')",
    "funnel_complete_count(INTERVAL '5 seconds', ts, event = 'a', event = 'b')",
    "funnel(ts, [event = 'a', event = 'b', event = 'c'], {window: INTERVAL '5 seconds'})",
    "sequence_match('(?1)(?2).*(?3)', ts, event = 'a', event = 'b', scene > 2)",
    "sequence_count('(?1)(?2)', ts, event = 'a', event = 'b')",
    "conversion(ts, event = 'a', event = 'b', INTERVAL '5 seconds')",
];

#[test]
fn streamed_and_kept_answers_are_the_same() {
    // Expected: the path that keeps all events and sorts them; oracles hold that one against the definitions.
    for (_, call) in CALLS {
        // Batches that end inside a user, and users that end inside a batch.
        for (users, rows, batch) in [(1, 300, 7), (37, 1_000, 100), (9, 200, 3), (300, 500, 64)] {
            let engine = engine(1, batch);
            load(&engine, users, rows, batch);
            let questions = [
                format!("SELECT u, {call} FROM t GROUP BY u"),
                format!("SELECT u, {call} FILTER (WHERE seq % 3 > 0) FROM t GROUP BY u"),
                format!("SELECT u, scene, {call}, count(*) FROM t WHERE scene <> 1 GROUP BY u, scene"),
            ];
            for sql in questions {
                ask(&engine, "SET footfall.stream_events = false");
                let kept = ask_sorted(&engine, &sql);
                ask(&engine, "SET footfall.stream_events = true");
                assert_eq!(ask_sorted(&engine, &sql), kept, "{users} users: {sql}");
            }
        }
    }
}

#[test]
fn a_streamed_user_is_not_kept() {
    // Expected: reliability and the functions' own reference: memory for the events of one time, whatever the user's number of events.
    let engine = engine(1, 8192);
    load(&engine, 1, 200_000, 8192);
    // DataFusion's operator shows its functions, so that they can be asked what they hold.
    ask(&engine, "SET footfall.sorted_aggregates = false");
    for call in CONSTANT {
        ask(&engine, "SET footfall.stream_events = false");
        let kept = held(&engine, call);
        ask(&engine, "SET footfall.stream_events = true");
        let streamed = held(&engine, call);
        assert!(kept > 1 << 20, "{call}: {kept} bytes where events are kept");
        assert!(streamed < 100 << 10, "{call}: {streamed} bytes where events are streamed");
    }
}

/// What the accumulator of `call` says it holds after all rows.
fn held(engine: &Engine, call: &str) -> usize {
    block_on(async {
        let sql = format!("SELECT u, {call} FROM t GROUP BY u");
        let frame = engine.sql(&sql).await.expect("a call that plans");
        let plan = frame.create_physical_plan().await.expect("a plan");
        let plan = aggregate(&plan).expect("an aggregation in the plan");
        let node = plan.downcast_ref::<AggregateExec>().expect("an aggregation");
        let batches = collect(Arc::clone(node.input()), engine.context().task_ctx()).await.expect("rows");
        let function = &node.aggr_expr()[0];
        let mut accumulator: Box<dyn GroupsAccumulator> =
            function.create_groups_accumulator().expect("an accumulator of many groups");
        for batch in &batches {
            let values: Vec<ArrayRef> = function
                .expressions()
                .iter()
                .map(|expr| {
                    expr.evaluate(batch).and_then(|v| v.into_array(batch.num_rows())).expect("a value")
                })
                .collect();
            accumulator.update_batch(&values, &vec![0; batch.num_rows()], None, 1).expect("rows are taken");
        }
        accumulator.size()
    })
}

/// A table that says it is in order of (u, ts), and is; many events of one time, some without one.
fn load(engine: &Engine, users: usize, rows: usize, batch: usize) {
    let mut random = Random(rows as u64);
    let mut keys: Vec<(i32, Option<i64>)> = (0..rows)
        .map(|row| {
            let tick = random.below(rows / users + 2) as i64;
            ((row % users) as i32, (tick > 0).then_some(tick * 1_000_000))
        })
        .collect();
    // NULL last, as the order below says.
    keys.sort_by_key(|(user, ts)| (*user, ts.is_none(), *ts));
    let batches = keys.chunks(batch).enumerate().map(|(i, keys)| {
        let mut text = |words: &[Option<&'static str>]| -> ArrayRef {
            let words: StringArray = keys.iter().map(|_| words[random.below(words.len())]).collect();
            Arc::new(words)
        };
        let event = text(&[Some("a"), Some("b"), Some("c"), Some("x"), None]);
        let page = text(&[Some("home"), Some("list"), None]);
        let key = text(&[Some("k1"), Some("k2"), Some("k3")]);
        let users: Int32Array = keys.iter().map(|(user, _)| Some(*user)).collect();
        let ts: TimestampMicrosecondArray = keys.iter().map(|(_, ts)| *ts).collect();
        let seq: Int64Array = (0..keys.len()).map(|row| Some((i * batch + row) as i64)).collect();
        let scene: Int32Array = keys.iter().map(|_| [Some(1), Some(3), None][random.below(3)]).collect();
        let columns: Vec<(&str, ArrayRef, bool)> = vec![
            ("u", Arc::new(users), true),
            ("ts", Arc::new(ts.with_timezone("UTC")), true),
            ("seq", Arc::new(seq), true),
            ("event", event, true),
            ("page", page, true),
            ("scene", Arc::new(scene), true),
            ("key", key, true),
        ];
        RecordBatch::try_from_iter_with_nullable(columns).expect("columns of one length")
    });
    let batches: Vec<RecordBatch> = batches.collect();
    let table = MemTable::try_new(batches[0].schema(), vec![batches])
        .expect("batches of one schema")
        .with_sort_order(vec![vec![col("u").sort(true, false), col("ts").sort(true, false)]]);
    let _ = engine.context().deregister_table("t");
    engine.context().register_table("t", Arc::new(table)).expect("a free name");
}
