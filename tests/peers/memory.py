#!/usr/bin/env python3
"""A memory limit holds: every aggregate over millions of rows and one user who owns a quarter of them, under three limits.

Expected: the answer without a limit, or the documented refusal "Resources exhausted"; peak memory of the process at most
the limit and 150 MB (reliability B5 row 7).
usage: memory.py --footfall BINARY [--rows N]      4,000,000 rows and 1,000,000 users unless told
"""
import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

LIMITS = [64, 128, 256]
MARGIN = 150

# Per user; the outer query makes one line of a million answers that shows every one of them.
CALLS = {
    "window_funnel": "window_funnel(interval '1 hour', ts, e = 'a', e = 'b', e = 'c')",
    "window_funnel strict": "window_funnel(interval '1 hour', 'strict_order', ts, e = 'a', e = 'b', e = 'c')",
    "window_funnel_events": "window_funnel_events(interval '1 hour', ts, e = 'a', e = 'b', e = 'c')",
    "funnel": "funnel(ts, [e = 'a', e = 'b', e = 'c'], {window: interval '1 hour'})",
    "funnel_count_runs": "funnel_count_runs(interval '1 hour', ts, e = 'a', e = 'b')",
    "funnel_slots": "funnel_slots(ts, [e = 'a', e = 'b'], {slot: interval '1 day', window: interval '1 hour'})",
    "retention": "retention(e = 'a', e = 'b', e = 'c')",
    "active_bitmap": "active_bitmap(ts, 'day')",
    "sequence_match": "sequence_match('(?1).*(?2)(?t<=60)(?3)', ts, e = 'a', e = 'b', e = 'c')",
    "sequence_count": "sequence_count('(?1)(?2)', ts, e = 'a', e = 'b', e = 'c')",
    "sequence_match_events": "sequence_match_events('(?1).*(?2)', ts, e = 'a', e = 'b')",
    "sequence_next_node": "sequence_next_node('forward', 'first_match', ts, p, true, e = 'a')",
    "user_path": "user_path(ts, p, {gap: interval '30 minutes', max_steps: 5})",
    "attribution": "attribution(ts, e = 'a', p, e = 'b', v, interval '1 day', 'linear')",
    "conversion": "conversion(ts, e = 'a', e = 'b', interval '1 hour')",
    "uniq_up_to": "uniq_up_to(5, p)",
    "sum_map": "sum_map([p], [v])",
}

# Over all users at once.
WHOLE = {
    "funnel_count": "select funnel_count(u, e = 'a', e = 'b') from t",
    "sessions": "select count(*), max(s) from (select sessionize(ts, interval '30 minutes') over (partition by u order by ts) s from t)",
}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--footfall", required=True)
    arguments.add_argument("--rows", type=int, default=4_000_000)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "events.parquet"
        make(options.footfall, table, options.rows)
        questions = {name: per_user(call, table) for name, call in CALLS.items()}
        questions |= {name: sql.replace(" t", f" '{table}'") for name, sql in WHOLE.items()}
        wrong = []
        for name, sql in questions.items():
            wrong += check(options.footfall, name, sql)
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"memory: {len(questions)} questions under {', '.join(map(str, LIMITS))} MB: right or refused, never above")


def make(footfall, table, rows):
    """Three quarters of the rows over users of three rows each, one quarter of one user; times in no order."""
    few = rows * 3 // 4
    users = few // 3
    sql = f"""copy (
      select case when i < {few} then concat('user-', i % {users}) else 'heavy' end u,
             arrow_cast((i * 2654435761) % 2592000 * 1000000 + 1750000000000000, 'Timestamp(Microsecond, Some("UTC"))') ts,
             case (i * 40503) % 5 when 0 then 'a' when 1 then 'b' when 2 then 'c' else 'x' end e,
             concat('page-', (i * 7919) % 40) p, (i % 7) v
      from (select value i from generate_series(0, {rows - 1}))) to '{table}' stored as parquet"""
    subprocess.run([footfall, "sql", sql, "--quiet"], check=True, stdout=subprocess.DEVNULL)


def per_user(call, table):
    # The hash of every user's answer, added up: a wrong answer of one user shows.
    return (
        f"select count(*) users, sum(length(a)) length, sum(ascii(right(md5(concat(u, a)), 1)) * length(a)) hash "
        f"from (select u, cast({call} as varchar) a from '{table}' group by u)"
    )


def check(footfall, name, sql):
    code, answer, error, peak = run(footfall, sql, None)
    if code != 0:
        return [f"{name}: {error}"]
    wrong, said = [], []
    for limit in LIMITS:
        code, found, error, peak = run(footfall, sql, limit)
        if code == 0 and found != answer:
            wrong.append(f"{name} under {limit} MB: {found!r} instead of {answer!r}")
        if code != 0 and "Resources exhausted" not in error:
            wrong.append(f"{name} under {limit} MB: {error}")
        if peak > limit + MARGIN:
            wrong.append(f"{name} under {limit} MB: {peak} MB at the peak")
        said.append(f"{'answer' if code == 0 else 'refused'} at {peak} MB")
    print(f"  {name}: " + ", ".join(f"{limit}: {what}" for limit, what in zip(LIMITS, said)), flush=True)
    return wrong


def run(footfall, sql, limit):
    """Exit code, answer, error and peak memory in MB."""
    command = [footfall, "sql", sql, "--format", "csv", "--quiet", "--threads", "2"]
    if limit:
        command += ["--memory-limit", f"{limit}MB"]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = subprocess.Popen(command, stdout=out, stderr=err)
        _, status, usage = os.wait4(child.pid, 0)
        out.seek(0)
        err.seek(0)
        return os.waitstatus_to_exitcode(status), out.read(), err.read().strip(), usage.ru_maxrss // 1024


main()
