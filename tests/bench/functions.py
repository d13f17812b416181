#!/usr/bin/env python3
"""Every function once, end to end in SQL, beside ClickHouse's function of the same name over the same events, in one run.

usage: functions.py DATA_DIR [--store DIR --footfall BIN] [--runs 3] [--only a,b] [--paths ordered,buffered] [--threads 2] [--list]
  DATA_DIR   Parquet files made by gen.py (or of the same columns), in time order, users shuffled
  --store    a Footfall store into which exactly these files were landed (and compacted)
Two paths of each function, each engine over the same layout:
  ordered    Footfall over its store; ClickHouse over MergeTree ordered by (user_id, ts) with optimize_aggregation_in_order: its best layout
  buffered   both over the Parquet files, where no order by user helps
Engines take turns run by run. Footfall is timed as a whole process, start-up included; ClickHouse inside this one, warm: to Footfall's
disadvantage. Prints medians of wall time and of processor time, ClickHouse / Footfall of both, whether the answers agree, and which functions miss
their aim by wall time: never slower, ordered at least twice as fast. A function that ClickHouse does not have is timed alone. On a machine that others
use too, only the processor times mean something. Exit status 1 if an answer differs or an engine fails.
needs: pip install chdb"""
import argparse
import os
import re
import resource
import statistics
import subprocess
import tempfile
import time

ap = argparse.ArgumentParser()
ap.add_argument("data")
ap.add_argument("--store")
ap.add_argument("--footfall", default="target/release/footfall")
ap.add_argument("--runs", type=int, default=3)
ap.add_argument("--only")
ap.add_argument("--paths", default="ordered,buffered")
ap.add_argument("--threads", type=int, default=2)
ap.add_argument("--list", action="store_true", help="only check that every name of `footfall functions` has a question")
args = ap.parse_args()
glob = os.path.abspath(args.data) + "/*.parquet"
AIM = {"ordered": 2.0, "buffered": 1.0}
STRICT = "SET footfall.compatibility = 'clickhouse'"  # where our default answers otherwise on purpose

# Every question returns one row of whole numbers. `per_user` asks for one value a user and folds it. ev: the events; ms: ts in whole milliseconds.
STEPS = "event = 'page_view', event = 'product_view', event = 'add_to_cart', event = 'purchase'"
THREE = "event = 'product_view', event = 'add_to_cart', event = 'purchase'"
LEVELS = ("count(*) FILTER (WHERE x = 0), count(*) FILTER (WHERE x = 2), count(*) FILTER (WHERE x = 4), sum(x)",
          "countIf(x = 0), countIf(x = 2), countIf(x = 4), sum(x)")
GAP = "INTERVAL '30 minutes'"
OVER = "OVER (PARTITION BY user_id ORDER BY ts)"
MS = "toUInt64(toUnixTimestamp64Milli(ts))"


def per_user(fold, call):
    return f"select {fold} from (select {call} as x from ev group by user_id) as q"


def both(ours, theirs, fold, their_fold=None, first=None):
    return dict(footfall=per_user(fold, ours), clickhouse=per_user(their_fold or fold, theirs), first=first)


def alone(fold, call):
    return dict(footfall=per_user(fold, call))


def funnel(modes, first=None):
    ours = "".join(f", '{m}'" for m in modes)
    return both(f"window_funnel(INTERVAL '1 day'{ours}, ts, {STEPS})", f"windowFunnel(86400000{ours})({MS}, {STEPS})", *LEVELS, first)


def flags(n):
    return (", ".join(f"count(*) FILTER (WHERE x[{k}])" for k in range(1, n + 1)), ", ".join(f"countIf(x[{k}] = 1)" for k in range(1, n + 1)))


Q = {
 # ClickHouse has a function of this name
 "window_funnel": funnel([]),
 "window_funnel strict_order": funnel(["strict_order"], STRICT),
 "window_funnel strict_deduplication": funnel(["strict_deduplication"], STRICT),
 "window_funnel strict_increase": funnel(["strict_increase"], STRICT),
 "window_funnel strict_once": funnel(["strict_once"], STRICT),
 "window_funnel_merge": dict(
  footfall=f"select {LEVELS[0]} from (select window_funnel_merge(s) as x from (select user_id, window_funnel_state(INTERVAL '1 day', ts, {STEPS}) as s from ev group by user_id, DAY) as d group by user_id) as q",
  clickhouse=f"select {LEVELS[1]} from (select windowFunnelMerge(86400000)(s) as x from (select user_id, windowFunnelState(86400000)({MS}, {STEPS}) as s from ev group by user_id, toDate(ts)) as d group by user_id) as q"),
 "retention": both(f"retention({STEPS}, scene = 1001, scene = 1005, scene = 1007)", f"retention({STEPS}, scene = 1001, scene = 1005, scene = 1007)", *flags(7)),
 "sequence_match": both(f"sequence_match('(?1).*(?2)(?t<=3600)(?3)', ts, {THREE})", f"sequenceMatch('(?1).*(?2)(?t<=3600000)(?3)')({MS}, {THREE})",
  "count(*) FILTER (WHERE x)", "countIf(x = 1)"),
 "sequence_count": both(f"sequence_count('(?1)(?2)', ts, {THREE})", f"sequenceCount('(?1)(?2)')({MS}, {THREE})", "sum(x), max(x)"),
 "sequence_match_events": both(f"sequence_match_events('(?1)(?t<=3600)(?2)(?3)', ts, {THREE})", f"sequenceMatchEvents('(?1)(?t<=3600000)(?2)(?3)')({MS}, {THREE})",
  "sum(cardinality(x)), count(*) FILTER (WHERE cardinality(x) = 3)", "sum(length(x)), countIf(length(x) = 3)"),
 "sequence_match_events_all": alone("sum(cardinality(x))", f"sequence_match_events_all('(?1)(?2)', ts, {THREE})"),
 "sequence_next_node": both("sequence_next_node('forward', 'first_match', ts, page, event = 'product_view', event = 'product_view', event = 'add_to_cart')",
  f"sequenceNextNode('forward', 'first_match')({MS}, page, event = 'product_view', event = 'product_view', event = 'add_to_cart')", "count(x), count(distinct x)"),
 "uniq_up_to": both("uniq_up_to(10, page)", "uniqUpTo(10)(page)", "sum(x), max(x)"),
 "sum_map": both("sum_map([event], [1])", "sumMap(map(event, toUInt64(1)))", "sum(cardinality(x))", "sum(length(x))"),
 # ClickHouse has the parts
 "sessionize": dict(
  footfall=f"select count(*), sum(x) from (select max(s) as x from (select user_id, sessionize(ts, {GAP}) {OVER} as s from ev) as w group by user_id) as q",
  clickhouse=f"select count(), sum(x) from (select sum(b) as x from (select user_id, ({MS} - toUInt64(toUnixTimestamp64Milli(lagInFrame(ts, 1, toDateTime64(0, 3)) over (partition by user_id order by ts rows between 1 preceding and current row)))) > 1800000 b from ev) group by user_id) as q"),
 "next_node": dict(
  footfall=f"select count(x), count(distinct x) from (select next_node(page, ts, {GAP}) {OVER} as x from ev) as q",
  clickhouse=f"select countIf(d <= 1800000 and n > 0), uniqExactIf(x, d <= 1800000 and n > 0) from (select leadInFrame(page, 1) over w as x, toUnixTimestamp64Milli(leadInFrame(ts, 1, toDateTime64(0, 3)) over w) as n, n - toUnixTimestamp64Milli(ts) as d from ev window w as (partition by user_id order by ts rows between current row and 1 following)) as q"),
 "active_bitmap": dict(
  footfall="select count(*), sum(r['users']) from (select unnest(retention_rollup(x, x)) as r from (select active_bitmap(ts, 'day') as x from ev group by user_id) as b) as q where r['users'] > 0",
  clickhouse="select count(), sum(n) from (select f, d - f k, count() n from (select user_id, groupUniqArray(toDate(ts)) ds, arrayMin(ds) f, arrayJoin(ds) d from ev group by user_id) group by f, k) as q"),
 "funnel_count": dict(
  footfall=f"select x[1], x[2], x[3] from (select funnel_count(user_id, {THREE}) as x from ev) as q",
  clickhouse="select countIf(bitAnd(x, 1) = 1), countIf(bitAnd(x, 3) = 3), countIf(x = 7) from (select groupBitOr(toUInt8(event = 'product_view') + 2 * (event = 'add_to_cart') + 4 * (event = 'purchase')) as x from ev group by user_id) as q"),
 # ClickHouse has nothing like it
 "session_info": dict(footfall=f"select sum(x['stay_ms']), count(*) FILTER (WHERE x['is_exit']) from (select session_info(ts, {GAP}, page) {OVER} as x from ev) as q"),
 "session_start": dict(footfall=f"select count(distinct x) from (select session_start(ts, {GAP}) {OVER} as x from ev) as q"),
 "session_key": dict(footfall=f"select count(distinct x) from (select session_key(user_id, ts, {GAP}) {OVER} as x from ev) as q"),
 "time_to_next": dict(footfall=f"select sum(x), count(x) from (select time_to_next(ts, {GAP}) {OVER} as x from ev) as q"),
 "window_funnel_events": alone("sum(cardinality(x))", f"window_funnel_events(INTERVAL '1 day', ts, {STEPS})"),
 "funnel": alone("sum(x['level'])", f"funnel(ts, [{STEPS}], {{window: INTERVAL '1 day'}})"),
 "funnel breakdown": alone("sum(x['level']), count(distinct x['breakdown'])", f"funnel(ts, [{STEPS}], {{window: INTERVAL '1 day', breakdown: page, attribution: 'first'}})"),
 "funnel exclude": alone("sum(x['level'])", f"funnel(ts, [{STEPS}], {{window: INTERVAL '1 day', exclude: [{{when: event = 'share', from: 1, to: 2}}]}})"),
 "funnel any order": alone("sum(x['level'])", f"funnel(ts, [{STEPS}], {{window: INTERVAL '1 day', order: 'any'}})"),
 "funnel_match_step": alone("count(*) FILTER (WHERE x[3])", f"funnel_match_step(INTERVAL '1 day', ts, {STEPS})"),
 "funnel_count_runs": alone("sum(x['entries']), sum(x['conversions'])", f"funnel_count_runs(INTERVAL '1 day', ts, {STEPS})"),
 "funnel_complete_count": alone("sum(x)", f"funnel_complete_count(INTERVAL '1 day', ts, {STEPS})"),
 "funnel_slots": alone("sum(cardinality(x))", f"funnel_slots(ts, [{THREE}], {{slot: INTERVAL '1 day', window: INTERVAL '1 hour'}})"),
 "conversion": alone("sum(x['base']), sum(x['converted'])", "conversion(ts, event = 'product_view', event = 'purchase', INTERVAL '1 hour')"),
 "user_path": alone("sum(cardinality(x))", f"user_path(ts, page, {{gap: {GAP}}})"),
 "path_rollup": dict(footfall=f"select count(*) from (select unnest(path_rollup(x)) as e from (select user_path(ts, page, {{gap: {GAP}, max_steps: 4}}) as x from ev group by user_id) as p) as q"),
 "attribution": alone("sum(cardinality(x))", "attribution(ts, event = 'page_view', page, event = 'purchase', scene, INTERVAL '1 day', 'linear')"),
 "lifecycle_rollup": dict(footfall="select count(*) from (select unnest(lifecycle_rollup(x)) as r from (select active_bitmap(ts, 'day') as x from ev group by user_id) as b) as q"),
 "stickiness_rollup": dict(footfall="select count(*) from (select unnest(stickiness_rollup(x)) as r from (select active_bitmap(ts, 'day') as x from ev group by user_id) as b) as q"),
 "sessions": dict(footfall=f"select count(*), sum(views), sum(depth), sum(stay_ms) from sessions((select * from ev), user_id, ts, {GAP}, page)"),
 "page_stats": dict(footfall=f"select count(*), sum(views), sum(entries), sum(exits) from page_stats((select * from ev), user_id, ts, {GAP}, page)"),
 "cohort": dict(footfall="select count(*), sum(users) from cohort((select * from ev), user_id, ts)"),
 "funnel_report": dict(footfall=f"select sum(users), sum(\"drop\") from funnel_report((select * from ev), user_id, ts, INTERVAL '1 day', {STEPS})"),
}
# Functions that are part of another question, or as cheap as a count.
PART_OF_OTHERS = {"window_funnel_state", "retention_rollup", "exit_rate", "bounce_rate", "funnel_rollup", "funnel_times", "bitmap_dates", "bitmap_count"}


def footfall(question, path):
    text = question["footfall"]
    where = ["--store", args.store] if path == "ordered" else []
    source, day = ("events", "dt") if path == "ordered" else (f"'{glob}'", "cast(ts as date)")
    sql = ([question["first"]] if question.get("first") else []) + [text.replace("from ev", f"from {source}").replace("DAY", day)]
    cmd = [args.footfall, "sql", *where, "--threads", str(args.threads), "--format", "csv", *sql]
    done = subprocess.run(cmd, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return done.stdout.strip().split("\n")[-1].split(",")


class ClickHouse:
    """As in compare.py: its own table sorted by user and time, or the files, of columns that are never NULL."""
    COLUMNS = "user_id String, ts DateTime64(3), event LowCardinality(String), page LowCardinality(String), scene Int32"

    def __init__(self):
        from chdb import session
        self.session = session.Session(tempfile.mkdtemp())
        if "ordered" in args.paths.split(","):
            began = time.perf_counter()
            self.session.query("create database if not exists d")
            self.session.query(f"create table d.ev engine = MergeTree order by (user_id, ts) as select * from file('{glob}', Parquet, '{self.COLUMNS}')")
            self.session.query("optimize table d.ev final")
            print(f"ClickHouse: own table loaded in {time.perf_counter() - began:.1f} s", flush=True)

    def __call__(self, question, path):
        source = "d.ev" if path == "ordered" else f"file('{glob}', Parquet, '{self.COLUMNS}')"
        settings = f" settings max_threads = {args.threads}, use_query_condition_cache = 0, allow_experimental_funnel_functions = 1" \
            + (", optimize_aggregation_in_order = 1" if path == "ordered" else "")
        text = question["clickhouse"].replace("from ev", f"from {source}")
        return str(self.session.query(text + settings, "CSV")).strip().split(",")


def check_names():
    """Every function that the binary has is asked about above."""
    out = subprocess.run([args.footfall, "functions"], check=True, capture_output=True, text=True).stdout
    names = re.findall(r"^\| \[`(\w+)`\]", out, re.M)
    asked = {name.split()[0] for name in Q} | PART_OF_OTHERS
    families = ("_state", "_merge")
    missing = sorted(n for n in names if n not in asked and not n.endswith(families))
    print("functions without a question: " + (", ".join(missing) or "none"), flush=True)
    return not missing


def seconds(run, *question):
    """The answer, wall time, and processor time of this process and of those it started."""
    def now():
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return time.perf_counter(), sum(u.ru_utime + u.ru_stime for u in used)
    wall, cpu = now()
    answer = run(*question)
    return answer, *(after - before for after, before in zip(now(), (wall, cpu)))


fine = check_names()
if args.list:
    raise SystemExit(0 if fine else 1)
chosen = [q for q in Q if not args.only or q in args.only.split(",")]
paths = [p for p in args.paths.split(",") if p == "buffered" or args.store]
clickhouse = ClickHouse() if any("clickhouse" in Q[q] for q in chosen) else None
failed, missed, met = False, [], 0
print(f"{'':47}{'wall time, s':^30} {'processor time, s':^30}\n{'function':36}{'path':10}" + f"{'ClickHouse':>11}{'Footfall':>11}{'ratio':>9}" * 2 + "   answers", flush=True)
for name in chosen:
    question = Q[name]
    for path in paths:
        walls, cpus, answers = {}, {}, {}
        for _ in range(args.runs):
            for engine, run in (("clickhouse", clickhouse), ("footfall", footfall)):
                if engine not in question or (engine in answers and answers[engine] is None):
                    continue
                try:
                    answer, wall, cpu = seconds(run, question, path)
                    walls.setdefault(engine, []).append(wall)
                    cpus.setdefault(engine, []).append(cpu)
                    answers[engine] = tuple(int(x or 0) for x in answer)
                except Exception as e:
                    failed = True
                    answers[engine] = None
                    print(f"{name} {path} {engine}: {(str(e) or repr(e)).splitlines()[0][:300]}", flush=True)
        shown, ratio = "", None
        for times in (cpus, walls):  # the ratio that counts is of wall time
            median = {engine: statistics.median(t) for engine, t in times.items()}
            ratio = median["clickhouse"] / median["footfall"] if len(median) == 2 else None
            cells = [f"{median[e]:11.3f}" if e in median else f"{'-':>11}" for e in ("clickhouse", "footfall")]
            shown = "".join(cells) + (f"{ratio:8.2f}x" if ratio is not None else f"{'-':>9}") + shown
        same = None not in answers.values() and len(set(answers.values())) == 1
        failed = failed or not same
        if ratio is not None and ratio < AIM[path]:
            missed.append(f"{name} {path} {ratio:.2f}x")
        elif ratio is not None:
            met += 1
        verdict = "agree" if same and len(answers) == 2 else "alone" if same else f"DIFFER {answers}"
        print(f"{name:36}{path:10}{shown}   {verdict}", flush=True)
print(f"aims (ordered at least {AIM['ordered']:g} times as fast, buffered never slower): {met} met, {len(missed)} missed" + (": " + ", ".join(missed) if missed else ""))
print(f"Footfall, peak memory of one process: {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f} MB")
raise SystemExit(1 if failed else 0)
