//! Every aggregate, called over the columns of [`Row`](crate::support::Row)'s table: what laws, memory and cancellation are
//! tested with. A new function needs a line here.

use std::collections::BTreeSet;

use footfall::functions::{Function, all};

pub(crate) const CALLS: &[(&str, &str)] = &[
    (
        "window_funnel",
        "window_funnel(INTERVAL '5 seconds', ts, event = 'a', event = 'b', event IN ('c', 'x'))",
    ),
    (
        "window_funnel",
        "window_funnel(INTERVAL '5 seconds', 'strict_order', ts, event = 'a', event = 'b', scene > 2)",
    ),
    (
        "window_funnel",
        "window_funnel(INTERVAL '5 seconds', 'strict_deduplication, strict_increase, strict_once', ts, \
         event = 'a', event IN ('a', 'b'), scene > 2, {tie: seq})",
    ),
    (
        "window_funnel",
        "window_funnel(INTERVAL '5 seconds', 'strict_once', 'clickhouse', ts, event = 'a', event = 'b', scene > 2)",
    ),
    (
        "window_funnel_events",
        "window_funnel_events(INTERVAL '5 seconds', ts, event = 'a', event = 'b', event IN ('c', 'x'))",
    ),
    (
        "funnel_match_step",
        "funnel_match_step(INTERVAL '5 seconds', ts, event = 'a', event = 'b', event = 'c')",
    ),
    ("funnel_count_runs", "funnel_count_runs(INTERVAL '5 seconds', ts, event = 'a', event = 'b')"),
    ("funnel_complete_count", "funnel_complete_count(INTERVAL '5 seconds', ts, event = 'a', event = 'b')"),
    ("funnel", "funnel(ts, [event = 'a', event = 'b', event = 'c'], {window: INTERVAL '5 seconds'})"),
    ("funnel", "funnel(ts, [event = 'a', event = 'b'])"),
    (
        "funnel",
        "funnel(ts, [event = 'a', event = 'b', scene > 2], {window: INTERVAL '9 seconds', order: 'strict', hold: page, \
         ids: key, tie: seq})",
    ),
    (
        "funnel",
        "funnel(ts, [event = 'a', event = 'b', scene > 2], {window: INTERVAL '9 seconds', breakdown: page, \
         attribution: 'all', exclude: [{when: event = 'x', from: 1, to: 2}]})",
    ),
    (
        "funnel",
        "funnel(ts, [event = 'a', event = 'b', scene > 2], {window: INTERVAL '9 seconds', order: 'any'})",
    ),
    (
        "funnel_slots",
        "funnel_slots(ts, [event = 'a', event = 'b'], {slot: INTERVAL '7 seconds', window: INTERVAL '5 seconds'})",
    ),
    ("funnel_rollup", "funnel_rollup(scene, 4)"),
    ("funnel_times", "funnel_times([ts, ts + INTERVAL '3 seconds'])"),
    ("funnel_count", "funnel_count(key, event = 'a', scene > 2)"),
    ("conversion", "conversion(ts, event = 'a', event = 'b', INTERVAL '5 seconds')"),
    (
        "conversion",
        "conversion(ts, event = 'a', event = 'b', INTERVAL '5 seconds', {constant: page, tie: seq})",
    ),
    ("retention", "retention(event = 'a', scene > 2, page = 'home')"),
    ("active_bitmap", "active_bitmap(ts, 'second', event = 'a')"),
    (
        "retention_rollup",
        // Days 1, 2 and 5 of January 2026, or 2 and 3 of it, as active_bitmap writes them.
        "retention_rollup(CASE WHEN scene > 2 THEN X'01010100ccbf02001300000000000000' \
         WHEN page = 'home' THEN X'01010100cebf02000300000000000000' END)",
    ),
    (
        "lifecycle_rollup",
        // Days 1, 2 and 5 of January 2026, or 2 and 3 of it, as active_bitmap writes them.
        "lifecycle_rollup(CASE WHEN scene > 2 THEN X'01010100ccbf02001300000000000000' \
         WHEN page = 'home' THEN X'01010100cebf02000300000000000000' END)",
    ),
    (
        "stickiness_rollup",
        // Days 1, 2 and 5 of January 2026, or 2 and 3 of it, as active_bitmap writes them.
        "stickiness_rollup(CASE WHEN scene > 2 THEN X'01010100ccbf02001300000000000000' \
         WHEN page = 'home' THEN X'01010100cebf02000300000000000000' END)",
    ),
    ("sequence_match", "sequence_match('(?1)(?2).*(?3)', ts, event = 'a', event = 'b', scene > 2)"),
    ("sequence_match", "sequence_match('(?1)(?t<=4)(?2|3)', ts, event = 'a', event = 'b', scene > 2)"),
    ("sequence_count", "sequence_count('(?1).*(?t>2)(?2)', ts, event = 'a', event = 'b', scene > 2)"),
    (
        "sequence_match_events",
        "sequence_match_events('(?1).*(?2)(?!3)', ts, event = 'a', event = 'b', scene > 2)",
    ),
    ("sequence_match_events_all", "sequence_match_events_all('(?1)(?2)', ts, event = 'a', event = 'b')"),
    (
        "sequence_next_node",
        "sequence_next_node('forward', 'first_match', ts, page, event IS NOT NULL, event = 'a')",
    ),
    ("sequence_next_node", "sequence_next_node('backward', 'tail', ts, scene, true, {tie: seq})"),
    ("user_path", "user_path(ts, page, {gap: INTERVAL '4 seconds', max_steps: 3})"),
    ("path_rollup", "path_rollup([page, event, key])"),
    ("attribution", "attribution(ts, event = 'a', page, event = 'b', scene, INTERVAL '9 seconds', 'linear')"),
    ("uniq_up_to", "uniq_up_to(3, page, scene)"),
    ("sum_map", "sum_map([page, event], [scene, scene])"),
    ("exit_rate", "exit_rate(event = 'a')"),
    ("exit_rate", "exit_rate(event = 'a', {basis: 'visits', visit_key: page})"),
    ("bounce_rate", "bounce_rate(event = 'a')"),
    ("bounce_rate", "bounce_rate(event = 'a', event IN ('a', 'b'))"),
];

#[test]
fn every_aggregate_is_called() {
    // Expected: the list of functions and the list of calls above name the same aggregates.
    let listed: BTreeSet<String> = CALLS.iter().map(|(name, _)| name.to_string()).collect();
    let built: BTreeSet<String> = all()
        .iter()
        // What is made of states is tested where states are.
        .filter(|function| matches!(function, Function::Aggregate(_)) && function.states_of().is_none())
        .map(|function| function.name().to_string())
        .collect();
    assert_eq!(listed, built);
}
