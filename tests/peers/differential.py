#!/usr/bin/env python3
"""Random event tables asked of Footfall and of a peer: every row of every answer must be equal.

usage: differential.py --footfall BIN [--only NAME,…] [--queries N] [TABLES] [SEED]        TABLES: 2,000 for each function unless told, SEED: 1
Expected values: ClickHouse for windowFunnel, retention and the sequence functions, once as Footfall answers by default and once with
`footfall.compatibility = 'clickhouse'`; window functions of DuckDB for sessions and pages.
The tables hold ties, duplicates, NULL times, NULL names, NULL conditions, gaps at, below and above the limit, users of one row and of many.
All tables of a function stand in one file, so that thousands of them cost one query an engine; every query asks a dozen questions or more
(modes, windows, patterns). Times are exact seconds for ClickHouse: its functions take whole numbers only.
What differences.py names is left out, and counted, where Footfall answers what definitions.py finds by plain search.
needs: pip install -r requirements.txt"""
import argparse
import collections
import random
import sys
import tempfile
import time

import pyarrow as pa
import pyarrow.parquet as pq

from differences import DIFFERENCES
from engines import ClickHouse, Footfall, GaveUp, duckdb_rows
from families import FAMILIES

ap = argparse.ArgumentParser()
ap.add_argument("--footfall", required=True)
ap.add_argument("--only", help="functions, sessions, pages; all unless told")
ap.add_argument("--modes", default="default,clickhouse")
ap.add_argument("--queries", type=int, default=12, help="queries a function and mode, each of 10 to 24 questions")
ap.add_argument("tables", nargs="?", type=int, default=2000)
ap.add_argument("seed", nargs="?", type=int, default=1)
args = ap.parse_args()
rng = random.Random(args.seed)
footfall = Footfall(args.footfall)
failed = False
START = 1_736_899_200  # 2025-01-15T00:00:00Z
FEW = 24  # rows of a user that ClickHouse sorts in a stable order, and for which it gives up on no pattern
SHOWN = 4  # differences printed of a column
Row = collections.namedtuple("Row", "sec event qty seq")


def table(number, steps):
    """Rows of one table; `steps` are the time differences it is made of, in ms."""
    rows = []
    for user in range(rng.randint(1, 4)):
        at = START * 1000 + rng.randint(0, 86_400) * 1000
        # The sequence functions of ClickHouse sort more rows than FEW of a user in no stable order: longer users have no two rows of one time.
        count = rng.choice([1, 2, 3, 5, 8, 12, 18])
        if rng.random() < 0.02:
            count, ties = 60, False
        else:
            ties = True
        of_user = []
        while len(of_user) < count:
            at += rng.choice(steps) if ties else rng.choice([s for s in steps if s > 0])
            event = rng.choice(["a", "b", "c", "d", "x", None])
            page = rng.choice(["home", "list", "detail", None])
            row = (number, f"u{user}", None if rng.random() < 0.05 else at, event, page, rng.choice([0, 1, None]))
            of_user.extend([row] * (rng.choice([1, 1, 1, 1, 2]) if ties else 1))
        rows.extend(of_user)
    return rows


def write(path, steps):
    rows = [row for number in range(args.tables) for row in table(number, steps)]
    rng.shuffle(rows)
    t, u, ts, event, page, qty = (list(c) for c in zip(*rows))
    pq.write_table(pa.table({
        "t": pa.array(t, pa.int32()),
        "u": pa.array(u),
        "ts": pa.array(ts, pa.timestamp("ms", "UTC")).cast(pa.timestamp("us", "UTC")),
        "sec": pa.array([None if x is None else x // 1000 for x in ts], pa.int64()),
        "event": pa.array(event),
        "page": pa.array(page),
        "qty": pa.array(qty, pa.int32()),
        "seq": pa.array(range(len(rows)), pa.int64())}), path)
    users = collections.defaultdict(list)
    for seq, (t, u, ts, event, _, qty) in enumerate(rows):
        users[str(t), u].append(Row(None if ts is None else ts // 1000, event, qty, seq))
    return users


def number(value):
    """Two engines' ways to write one value become one."""
    text = str(value)
    text = {"true": "1", "false": "0", "True": "1", "False": "0", "\\N": ""}.get(text, text)
    if text.startswith("["):
        return text.replace("true", "1").replace("false", "0").replace(" ", "").replace('"', "").replace("'", "")
    try:
        return round(float(text), 12)
    except ValueError:
        return text


class Tally:
    """What was compared, left out and found different, of one function in one mode."""

    def __init__(self):
        self.questions = self.answers = self.different = 0
        self.left_out = collections.Counter()

    def print(self, name, rows, seconds):
        out = ", ".join(f"{DIFFERENCES[d].case} {d} {n}" for d, n in sorted(self.left_out.items())) or "nothing"
        print(f"{name}: {args.tables} tables, {rows} rows, {self.questions} questions, {self.answers} answers compared, "
              f"{self.different} differ; left out: {out} ({seconds:.0f} s)", flush=True)


peer = ClickHouse()


def theirs_of(columns, feed, groups):
    """ClickHouse's answers; None where it gives up on a question for the users of many rows."""
    try:
        return asked_of(columns, feed)
    except GaveUp:
        if len(columns) > 1:
            answers = [theirs_of([column], feed, groups) for column in columns]
            return {group: [answer[group][0] for answer in answers] for group in groups}
    few = asked_of(columns, feed, f"where (t, u) in (select t, u from d.e group by t, u having count() <= {FEW})")
    return {group: few.get(group, [None]) for group in groups}


def asked_of(columns, feed, where=""):
    return keyed(peer.rows(f"select t, u, {', '.join(c.theirs for c in columns)} from (select * from d.e {where} order by {feed}) group by t, u"))


def keyed(rows):
    return {(r[0], r[1]): [number(x) for x in r[2:]] for r in rows}


def family(name, mode, file, users):
    """One function in one mode, all tables."""
    global failed
    began, tally = time.time(), Tally()
    clickhouse = mode == "clickhouse"
    first = ["set footfall.compatibility = 'clickhouse'"] if clickhouse else []
    for _ in range(args.queries):
        query = FAMILIES[name](rng, null_is_false=not clickhouse)
        asked = ", ".join(f"{c.ours} as c{i}" for i, c in enumerate(query.columns))
        ours = keyed(footfall.sql(f"select t, u, {asked} from '{file}' group by t, u", first=first))
        theirs = theirs_of(query.columns, query.feed, users)
        if ours.keys() != theirs.keys():
            failed = True
            print(f"DIFFER {name}: other groups, only ours {list(ours.keys() - theirs.keys())[:5]}, only theirs {list(theirs.keys() - ours.keys())[:5]}")
            continue
        for i, column in enumerate(query.columns):
            tally.questions += 1
            shown = 0
            for group, answers in ours.items():
                mine, other = answers[i], theirs[group][i]
                tally.answers += 1
                if mine == other:
                    continue
                defined = number(column.defined(users[group])) if column.defined and not clickhouse else None
                if other is None:
                    why = "gives_up"
                else:
                    why = next((d for d in column.differences if not clickhouse and DIFFERENCES[d].allows(mine, other)), None)
                if why and (clickhouse or mine == defined):
                    tally.left_out[why] += 1
                    continue
                failed = True
                tally.different += 1
                shown += 1
                if shown <= SHOWN:
                    said = "" if defined is None else f", the definition {defined}"
                    print(f"DIFFER {mode} {column.what}\n  table {group[0]}, user {group[1]}: ours {mine}, ClickHouse {other}{said}\n  {shown_rows(users[group])}", flush=True)
    tally.print(f"{name}, {mode}", sum(map(len, users.values())), time.time() - began)


def shown_rows(rows):
    rows = sorted(rows, key=lambda row: (row.sec is None, row.sec or 0, row.seq))
    return " ".join(f"{row.event}@{'NULL' if row.sec is None else row.sec - START}" + ("" if row.qty is None else f"(qty={row.qty})") for row in rows)


def compare(what, ours, theirs):
    global failed
    ours, theirs = (collections.Counter(tuple(number(x) for x in row) for row in rows) for rows in (ours, theirs))
    if ours != theirs:
        failed = True
        print(f"DIFFER {what}: only ours {list((ours - theirs).items())[:5]}, only theirs {list((theirs - ours).items())[:5]}", flush=True)
    print(f"{what}: {args.tables} tables, {sum(theirs.values())} answers compared", flush=True)


GAP = 1800
SESSIONS = f"""with e as (select *, case when epoch_ms(ts) - epoch_ms(lag(ts) over w) <= {GAP * 1000} then 0 else 1 end new from '%s' where ts is not null
    window w as (partition by t, u order by ts, seq)),
  s as (select *, sum(new) over (partition by t, u order by ts, seq rows unbounded preceding) sid from e)"""


def sessions(file):
    ours = footfall.sql(f"select seq, sessionize(ts, interval '{GAP} seconds') over (partition by t, u order by ts, seq) from '{file}'")
    theirs = duckdb_rows(SESSIONS % file + f" select seq, sid from s union all select seq, null from '{file}' where ts is null")
    compare("sessionize", ours, theirs)


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
    compare("pages", ours, theirs)


DUCKDB = {"sessions": sessions, "pages": pages}
chosen = args.only.split(",") if args.only else [*FAMILIES, *DUCKDB]
unknown = [name for name in chosen if name not in FAMILIES and name not in DUCKDB]
if unknown:
    sys.exit(f"--only: {', '.join(unknown)} unknown; accepted are {', '.join([*FAMILIES, *DUCKDB])}")
with tempfile.TemporaryDirectory() as scratch:
    for name in FAMILIES:
        if name not in chosen:
            continue
        file = f"{scratch}/{name}.parquet"
        users = write(file, [0, 0, 1000, 1000, 2000, 5000, 30_000, 3_600_000])
        peer.run(f"create or replace table d.e engine = Memory as select t, u, sec, event, qty, seq from file('{file}', Parquet, "
                 "'t Int32, u String, sec Nullable(Int64), event Nullable(String), qty Nullable(Int32), seq Int64')")
        for mode in args.modes.split(","):
            family(name, mode, file, users)
    if "sessions" in chosen or "pages" in chosen:
        web = f"{scratch}/web.parquet"
        write(web, [0, 1, 999, 60_000, GAP * 1000 - 1, GAP * 1000, GAP * 1000 + 1, 86_400_000])
        for name, question in DUCKDB.items():
            if name in chosen:
                question(web)
print(f"seed {args.seed}: " + ("DIFFERENCES found" if failed else "no difference"), flush=True)
sys.exit(1 if failed else 0)
