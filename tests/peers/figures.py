#!/usr/bin/env python3
"""Whole-log figures of the real data sets, by DuckDB, by ClickHouse and by Footfall: one number each, all equal.

usage: figures.py --footfall BIN --data DIR [--more-data DIR]
Expected values: worked out by DuckDB and ClickHouse alone, written down below; Footfall had no part in them. All three must give them again.
Footfall answers twice where a mapping exists: over the plain file, and from the views of a store the file was landed into.
--more-data is a folder with data sets that are not shipped; a set that is not there is named and left out.
needs: pip install -r requirements.txt"""
import argparse
import os
import sys
import tempfile

from engines import Footfall, clickhouse, duckdb_rows

ap = argparse.ArgumentParser()
ap.add_argument("--footfall", required=True)
ap.add_argument("--data", required=True)
ap.add_argument("--more-data")
args = ap.parse_args()

# A page view of the NASA log: status 200, a path ending in .html, .htm or /.
PAGE = "status = 200 and (url like '%.html' or url like '%.htm' or url like '%/')"


def sessions_sql(file, user, where):
    """Sessions at a 30-minute gap by a window and a sum, in words that DuckDB and DataFusion share."""
    return f"""select sum(n), count(distinct u), count(*), sum(case when n = 1 then 1 else 0 end) from (
      select u, sid, count(*) n from (
        select u, sum(new) over (partition by u order by ts rows between unbounded preceding and current row) sid from (
          select "{user}" u, ts, case when ts - lag(ts) over (partition by "{user}" order by ts) <= interval '30' minute then 0 else 1 end new
          from '{file}' where {where}) a) b
      group by u, sid) c"""


def sessions_clickhouse(file, user, where):
    """The same figures by arrays: no window function, so that the peers' answers do not share a method."""
    return f"""select sum(arraySum(x -> length(x), ss)), count(), sum(length(ss)), sum(arrayCount(x -> length(x) = 1, ss)) from (
      select arraySplit((x, b) -> b, tt, arrayMap(d -> d > 1800000, arrayDifference(tt))) ss from (
        select {user} u, arraySort(groupArray(toUnixTimestamp64Milli(ts))) tt from file('{file}', Parquet) where {where} group by u))"""


def sessions_footfall(file, user, where):
    return f"""select count(*), count(distinct u), sum(case when s.is_session_end then 1 else 0 end),
        sum(case when s.is_bounce then 1 else 0 end) from (
      select "{user}" u, session_info(ts, interval '30 minutes', "{user}") over (partition by "{user}" order by ts) s
      from '{file}' where {where}) t"""


FUNNEL = """select count(*) filter (where l = 0), count(*) filter (where l = 1), count(*) filter (where l = 2), count(*) filter (where l = 3) from (%s) t"""


def funnel_duckdb(file):
    """First the first view of page 1, then the first of page 2 after it, then of 12: without a window the greedy chain is the longest one."""
    return FUNNEL % f"""
      select visitor, case when exists_c then 3 when b is not null then 2 when a is not null then 1 else 0 end l from (
        select visitor, min(a) a, min(b) b, count(*) filter (where page = 12 and seq > b) > 0 exists_c from (
          select *, min(case when page = 2 and seq > a then seq end) over (partition by visitor) b from (
            select *, min(case when page = 1 then seq end) over (partition by visitor) a from '{file}'))
        group by visitor)"""


def funnel_clickhouse(file):
    return f"""select countIf(l = 0), countIf(l = 1), countIf(l = 2), countIf(l = 3) from (
      select visitor, windowFunnel(1000000000)(toUInt64(seq), page = 1, page = 2, page = 12) l from file('{file}', Parquet) group by visitor)"""


def funnel_footfall(file):
    return FUNNEL % f"select visitor, window_funnel(1000000000, seq, page = 1, page = 2, page = 12) l from '{file}' group by visitor"


def pairs_duckdb(file):
    """A view of page 2 right after one of page 1, the other pages left out; no two such pairs overlap."""
    return f"""select count(*) from (
      select page, lead(page) over (partition by visitor order by seq) after from '{file}' where page in (1, 2)) t where page = 1 and after = 2"""


def pairs_clickhouse(file):
    return f"""select sum(n) from (
      select sequenceCount('(?1)(?2)')(toUInt64(seq), page = 1, page = 2) n from file('{file}', Parquet) group by visitor)"""


def pairs_footfall(file):
    return f"select sum(n) from (select sequence_count('(?1)(?2)', seq, page = 1, page = 2) n from '{file}' group by visitor) t"


failed = False


def same(what, expected, **answers):
    global failed
    wrong = {name: answer for name, answer in answers.items() if answer != expected}
    print(f"{what}: {expected}" + (f" but {wrong}" if wrong else f" by {', '.join(answers)}"), flush=True)
    failed = failed or bool(wrong)


footfall = Footfall(args.footfall)


def one(rows):
    return [int(x) for x in rows[0]]


nasa = os.path.abspath(f"{args.data}/nasa_ksc_19950801/events.parquet")
wiki = os.path.abspath(f"{args.data}/wikipedia_edits_20150912/events.parquet")

with tempfile.TemporaryDirectory() as scratch:
    store = f"{scratch}/nasa"
    footfall.run("land", nasa, "--store", store, "--map", "nasa", "--tz", "UTC")
    views = footfall.sql(
        "select (select count(*) from visits) views, (select count(distinct user_id) from visits) visitors,"
        " (select count(*) from sessions where views > 0) opens, (select count(*) from sessions where is_bounce) bounces",
        store=store)
    same("NASA page views, visitors, sessions, bounces", [8202, 2184, 2713, 1379],
         duckdb=one(duckdb_rows(sessions_sql(nasa, "visitor", PAGE))),
         clickhouse=one(clickhouse(sessions_clickhouse(nasa, "visitor", PAGE))),
         footfall_file=one(footfall.sql(sessions_footfall(nasa, "visitor", PAGE))),
         footfall_store=one(views))

same("Wikipedia edits, users, sessions, sessions of one edit", [39244, 10531, 16097, 12315],
     duckdb=one(duckdb_rows(sessions_sql(wiki, "user", "true"))),
     clickhouse=one(clickhouse(sessions_clickhouse(wiki, "`user`", "true"))),
     footfall_file=one(footfall.sql(sessions_footfall(wiki, "user", "true"))))

msnbc = os.path.abspath(f"{args.more_data}/msnbc_19990928/events.parquet") if args.more_data else ""
if os.path.exists(msnbc):
    same("MSNBC visitors at level 0, 1, 2, 3 of the pages 1, 2, 12", [676637, 241581, 61457, 10143],
         duckdb=one(duckdb_rows(funnel_duckdb(msnbc))),
         clickhouse=one(clickhouse(funnel_clickhouse(msnbc))),
         footfall_file=one(footfall.sql(funnel_footfall(msnbc))))
    same("MSNBC views of page 1 followed by page 2, over the visits to these two", [93992],
         duckdb=one(duckdb_rows(pairs_duckdb(msnbc))),
         clickhouse=one(clickhouse(pairs_clickhouse(msnbc))),
         footfall_file=one(footfall.sql(pairs_footfall(msnbc))))
else:
    print("MSNBC: left out, its data is not shipped (--more-data names the folder that holds msnbc_19990928)")
sys.exit(1 if failed else 0)
