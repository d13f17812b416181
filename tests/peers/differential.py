#!/usr/bin/env python3
"""Random event tables asked of Footfall and of a peer: every row of every answer must be equal.

usage: differential.py --footfall BIN [TABLES] [SEED]        TABLES: 200 unless told, SEED: 1
Expected values: windowFunnel and retention of ClickHouse; window functions of DuckDB for sessions and pages.
The tables hold ties, duplicates, NULL times and NULL names, gaps at, below and above the limit, users of one row and of many. All tables stand
in one file, so that a thousand of them cost one query an engine. ClickHouse's windowFunnel takes whole numbers only: times are exact seconds there.
needs: pip install -r requirements.txt"""
import argparse
import collections
import os
import random
import sys
import tempfile

import pyarrow as pa
import pyarrow.parquet as pq

from engines import Footfall, clickhouse, duckdb_rows

ap = argparse.ArgumentParser()
ap.add_argument("--footfall", required=True)
ap.add_argument("tables", nargs="?", type=int, default=200)
ap.add_argument("seed", nargs="?", type=int, default=1)
args = ap.parse_args()
rng = random.Random(args.seed)
footfall = Footfall(args.footfall)
failed = False
START = 1_736_899_200  # 2025-01-15T00:00:00Z


def table(number, steps):
    """Rows of one table; `steps` are the time differences it is made of, in ms."""
    rows = []
    for user in range(rng.randint(1, 5)):
        at = START * 1000 + rng.randint(0, 86_400) * 1000
        for _ in range(rng.choice([1, 2, 5, 12, 30])):
            at += rng.choice(steps)
            event = rng.choice(["a", "b", "c", "d", "x", None])
            page = rng.choice(["home", "list", "detail", None])
            row = (number, f"u{user}", None if rng.random() < 0.05 else at, event, page)
            rows.extend([row] * rng.choice([1, 1, 1, 1, 2]))
    rng.shuffle(rows)
    return rows


def write(path, steps):
    rows = [row for number in range(args.tables) for row in table(number, steps)]
    rng.shuffle(rows)
    columns = [list(c) for c in zip(*rows)]
    pq.write_table(pa.table({
        "t": pa.array(columns[0], pa.int32()),
        "u": pa.array(columns[1]),
        "ts": pa.array(columns[2], pa.timestamp("ms", "UTC")),
        "event": pa.array(columns[3]),
        "page": pa.array(columns[4]),
        "seq": pa.array(range(len(rows)), pa.int64())}), path)
    return len(rows)


def number(text):
    text = {"true": "1", "false": "0", True: "1", False: "0"}.get(text, str(text))
    try:
        return round(float(text), 12)
    except ValueError:
        return text


def compare(what, ours, theirs):
    global failed
    ours, theirs = (collections.Counter(tuple(number(x) for x in row) for row in rows) for rows in (ours, theirs))
    if ours != theirs:
        failed = True
        print(f"DIFFER {what}: only ours {list((ours - theirs).items())[:5]}, only theirs {list((theirs - ours).items())[:5]}", flush=True)
    return sum(theirs.values())


def funnels(file):
    """Default mode; names in several steps, the same step twice, windows from 0 up."""
    rows = 0
    for _ in range(12):
        names = [rng.sample("abcdx", rng.randint(1, 2)) for _ in range(rng.randint(1, 5))]
        window = rng.choice([0, 1, 2, 5, 10, 60, 3600])
        steps = ", ".join("event in (" + ", ".join(f"'{n}'" for n in step) + ")" for step in names)
        ours = footfall.sql(f"select t, u, window_funnel(interval '{window} seconds', ts, {steps}) from '{file}' group by t, u")
        theirs = clickhouse(
            # ClickHouse answers NULL for a group of which it drops every row; a level is never NULL here.
            f"select t, u, ifNull(windowFunnel({window * 1000})(toUInt64(toUnixTimestamp64Milli(ts)), {steps}), 0) "
            f"from file('{file}', Parquet, 't Int32, u String, ts Nullable(DateTime64(3)), event Nullable(String)') where ts is not null group by t, u "
            f"union all select t, u, 0 from file('{file}', Parquet, 't Int32, u String, ts Nullable(DateTime64(3))') group by t, u having count(ts) = 0")
        rows += compare(f"window_funnel({window} s, {steps})", ours, theirs)
    return rows


def retention(file):
    """ClickHouse drops a row with a NULL condition, Footfall reads it as false: the conditions here are never NULL."""
    rows = 0
    for _ in range(6):
        conditions = ["coalesce(event, '') in (" + ", ".join(f"'{n}'" for n in rng.sample("abcdx", rng.randint(1, 2))) + ")"
                      for _ in range(rng.randint(2, 6))]
        flags = ", ".join(f"r[{k + 1}]" for k in range(len(conditions)))
        question = f"select t, u, {flags} from (select t, u, retention({', '.join(conditions)}) r from %s group by t, u) x"
        rows += compare(f"retention{conditions}", footfall.sql(question % f"'{file}'"), clickhouse(question % f"file('{file}', Parquet)"))
    return rows


GAP = 1800
SESSIONS = f"""with e as (select *, case when epoch_ms(ts) - epoch_ms(lag(ts) over w) <= {GAP * 1000} then 0 else 1 end new from '%s' where ts is not null
    window w as (partition by t, u order by ts, seq)),
  s as (select *, sum(new) over (partition by t, u order by ts, seq rows unbounded preceding) sid from e)"""


def sessions(file):
    ours = footfall.sql(f"select seq, sessionize(ts, interval '{GAP} seconds') over (partition by t, u order by ts, seq) from '{file}'")
    theirs = duckdb_rows(SESSIONS % file + f" select seq, sid from s union all select seq, null from '{file}' where ts is null")
    return compare("sessionize", ours, theirs)


def pages(file):
    info = f"session_info(ts, interval '{GAP} seconds', page) over (partition by t, u order by ts, seq)"
    ours = footfall.sql(f"""select t, page, count(*), count(distinct u), sum(case when s.is_entry then 1 else 0 end), sum(case when s.is_exit then 1 else 0 end),
        sum(case when s.is_bounce then 1 else 0 end), sum(s.stay_ms), sum(s.depth), exit_rate(s.is_exit), bounce_rate(s.is_bounce, s.is_entry)
      from (select t, u, page, {info} s from '{file}') x where page is not null and s.visit_no is not null group by t, page""")
    theirs = duckdb_rows(SESSIONS % file + """,
      d as (select t, u, sid, max(ts) last, count(distinct page) depth from s group by t, u, sid),
      v as (select s.*, last, depth, row_number() over w n, count(*) over (partition by t, u, sid) c, lead(ts) over w nx
        from s join d using (t, u, sid) where page is not null window w as (partition by t, u, sid order by ts, seq)),
      f as (select *, epoch_ms(coalesce(nx, last)) - epoch_ms(ts) stay from v)
      select t, page, count(*), count(distinct u), count(*) filter (where n = 1), count(*) filter (where n = c), count(*) filter (where c = 1),
        sum(case when stay > 86400000 then 0 else stay end), sum(depth), count(*) filter (where n = c) / count(*),
        count(*) filter (where c = 1) / nullif(count(*) filter (where n = 1), 0)
      from f group by t, page""")
    return compare("pages", ours, theirs)


with tempfile.TemporaryDirectory() as scratch:
    seconds, web = f"{scratch}/seconds.parquet", f"{scratch}/web.parquet"
    rows = write(seconds, [0, 0, 1000, 1000, 2000, 5000, 30_000, 3_600_000])
    rows += write(web, [0, 1, 999, 60_000, GAP * 1000 - 1, GAP * 1000, GAP * 1000 + 1, 86_400_000])
    compared = funnels(seconds) + retention(seconds) + sessions(web) + pages(web)
    print(f"{args.tables} random tables, {rows} rows, seed {args.seed}: {compared} answer rows compared", flush=True)
sys.exit(1 if failed else 0)
