#!/usr/bin/env python3
"""A memory limit holds: every aggregate and window function over many users and one who owns a quarter of all rows, under three limits.

usage: memory.py --footfall BIN [--rows N] [--only TEXT]        4,000,000 rows and 1,000,000 users unless told; TEXT: questions whose name holds it
Expected values: the answer without a limit, or the documented refusal "not enough memory"; peak memory of the process at most the limit and 150 MB.
Answers of users become a count and a sum of hashes, which need no memory: an answer that is wrong for one user shows."""
import argparse
import os
import re
import subprocess
import sys
import tempfile

LIMITS = [64, 128, 256]
MARGIN = 150

TEXT = "cast(a as varchar)"
MAP = "concat_ws(';', cast(map_keys(a) as varchar), cast(map_values(a) as varchar))"
ABC = "e = 'a', e = 'b', e = 'c'"


def fields(*names):
    """A struct as text, field by field."""
    return "concat_ws(';', " + ", ".join(f"coalesce(cast(a['{name}'] as varchar), '-')" for name in names) + ")"


# Per user (GROUP BY u): the call, and what makes a text of its answer `a`.
CALLS = {
    "window_funnel": (f"window_funnel(interval '1 hour', ts, {ABC})", TEXT),
    "window_funnel strict_order": (f"window_funnel(interval '1 hour', 'strict_order', ts, {ABC})", TEXT),
    "window_funnel_events": (f"window_funnel_events(interval '1 hour', ts, {ABC})", TEXT),
    "funnel_match_step": (f"funnel_match_step(interval '1 hour', ts, {ABC})", TEXT),
    "funnel_count_runs": ("funnel_count_runs(interval '1 hour', ts, e = 'a', e = 'b')", fields("entries", "conversions")),
    "funnel_complete_count": (f"funnel_complete_count(interval '1 hour', ts, {ABC})", TEXT),
    "funnel": (f"funnel(ts, [{ABC}], {{window: interval '1 hour', breakdown: p, ids: p}})",
               fields("level", "excluded", "times", "durations_ms", "dwell_after_drop_ms", "breakdown", "ids")),
    "conversion": ("conversion(ts, e = 'a', e = 'b', interval '1 hour')", fields("base", "converted")),
    "retention": (f"retention({ABC})", TEXT),
    "active_bitmap": ("active_bitmap(ts, 'day')", "encode(a, 'hex')"),
    "sequence_match": (f"sequence_match('(?1).*(?2)(?t<=60)(?3)', ts, {ABC})", TEXT),
    "sequence_count": (f"sequence_count('(?1)(?2)', ts, {ABC})", TEXT),
    "sequence_count with gates": (f"sequence_count('(?1)(?t<=60)(?2)', ts, {ABC})", TEXT),
    "sequence_match_events": ("sequence_match_events('(?1).*(?2)', ts, e = 'a', e = 'b')", TEXT),
    "sequence_match_events_all": ("sequence_match_events_all('(?1)(?t<=60)(?2)', ts, e = 'a', e = 'b')", TEXT),
    "sequence_next_node": ("sequence_next_node('forward', 'first_match', ts, p, true, e = 'a')", "coalesce(a, '-')"),
    "attribution": ("attribution(ts, e = 'a', p, e = 'b', v, interval '1 day', 'linear')", MAP),
    "uniq_up_to": ("uniq_up_to(5, p)", TEXT),
    "sum_map": ("sum_map([p], [v])", MAP),
}

# As above, for answers that are lists of structs: one line for each struct.
LISTS = {
    "funnel_slots": ("funnel_slots(ts, [e = 'a', e = 'b'], {slot: interval '1 day', window: interval '1 hour'})", fields("slot", "level")),
    "user_path": ("user_path(ts, p, {gap: interval '30 minutes', max_steps: 5})", fields("nodes", "times")),
}

# Window functions: a line for each row.
ROWS = {
    "sessionize": ("sessionize(ts, interval '30 minutes')", TEXT),
    "session_start": ("session_start(ts, interval '30 minutes')", TEXT),
    "session_key": ("session_key(u, ts, interval '30 minutes')", TEXT),
    "session_info": ("session_info(ts, interval '30 minutes', p)",
                     fields("session", "session_start", "session_end", "visit_no", "is_entry", "is_exit", "is_bounce", "stay_ms", "depth")),
    "next_node": ("next_node(p, ts, interval '30 minutes')", "coalesce(a, '-')"),
    "time_to_next": ("time_to_next(ts, interval '30 minutes')", "coalesce(cast(a as varchar), '-')"),
}

DAYS = "(select u, active_bitmap(ts, 'day') d from {t} group by u)"
VIEWS = "(select p, session_info(ts, interval '30 minutes', p) over (partition by u order by ts) s from {t})"
EVENTS = "interval '1 hour', ts, " + ABC

# Over all users at once.
WHOLE = {
    "funnel_count": "select funnel_count(u, e = 'a', e = 'b') a from {t}",
    "funnel_rollup": f"select funnel_rollup(l, 3) a from (select u, window_funnel({EVENTS}) l from {{t}} group by u)",
    "funnel_times": f"select funnel_times(l) a from (select u, window_funnel_events({EVENTS}) l from {{t}} group by u)",
    "retention_rollup": f"select retention_rollup(d) a from {DAYS}",
    "lifecycle_rollup": f"select lifecycle_rollup(d) a from {DAYS}",
    "stickiness_rollup": f"select stickiness_rollup(d) a from {DAYS}",
    "path_rollup": "select path_rollup(w) a from (select u, user_path(ts, p, {gap: interval '30 minutes', max_steps: 5}) w from {t} group by u)",
    "exit_rate, bounce_rate": f"select p, exit_rate(s['is_exit']) x, bounce_rate(s['is_bounce'], s['is_entry']) b from {VIEWS} group by p order by p",
    "one group": f"select window_funnel({EVENTS}) f, sequence_match_events('(?1).*(?2)', ts, e = 'a', e = 'b') s, sum_map([p], [v]) m from {{t}}",
    "states": f"""select sum(f) a from (select u, window_funnel_merge(s) f from (
        select u, date_trunc('day', ts) d, window_funnel_state({EVENTS}) s from {{t}} group by u, d) group by u)""",
}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--footfall", required=True)
    arguments.add_argument("--rows", type=int, default=4_000_000)
    arguments.add_argument("--only", default="")
    options = arguments.parse_args()
    questions = {name: summed(f"select u, {call} a from {{t}} group by u", text) for name, (call, text) in CALLS.items()}
    questions |= {name: summed(f"select u, unnest({call}) a from {{t}} group by u", text) for name, (call, text) in LISTS.items()}
    questions |= {name: summed(f"select u, {call} over (partition by u order by ts) a from {{t}}", text) for name, (call, text) in ROWS.items()}
    questions |= WHOLE
    wrong = not_asked(options.footfall, questions)
    with tempfile.TemporaryDirectory() as folder:
        table = f"{folder}/events.parquet"
        make(options.footfall, table, options.rows)
        chosen = {name: sql for name, sql in questions.items() if options.only in name}
        for name, sql in chosen.items():
            wrong += check(options.footfall, name, sql.replace("{t}", f"'{table}'"))
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"memory: {len(chosen)} questions over {options.rows} rows under {', '.join(map(str, LIMITS))} MB: right or refused, never above")


def summed(answers, text):
    """How many answers there are, and a sum over a hash of each of them."""
    digits = " + ".join(f"{16 ** i} * strpos('123456789abcdef', substr(h, {i + 1}, 1))" for i in range(8))
    return f"select count(*) n, sum({digits}) hash from (select md5(concat(u, ':', {text})) h from ({answers}))"


def not_asked(footfall, questions):
    """Every function of the reference stands in some question; scalar functions keep nothing."""
    reference = subprocess.run([footfall, "functions"], check=True, capture_output=True, text=True).stdout
    names = re.findall(r"^\| \[`(\w+)`\]\(#\w+\) \| (?:aggregate|window) function", reference, re.MULTILINE)
    if not names:
        return [f"{footfall} functions: no table of functions found"]
    asked = " ".join(questions.values())
    return [f"{name}: no question here asks it" for name in names if not re.search(rf"\b{name}\(", asked)]


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


def check(footfall, name, sql):
    code, answer, error, free = run(footfall, sql, None)
    if code != 0:
        return [f"{name}: {error}"]
    wrong, said = [], []
    for limit in LIMITS:
        code, found, error, peak = run(footfall, sql, limit)
        if code == 0 and found != answer:
            wrong.append(f"{name} under {limit} MB: {found!r} instead of {answer!r}")
        if code != 0 and "not enough memory" not in error:
            wrong.append(f"{name} under {limit} MB: exit code {code}: {error}")
        if peak > limit + MARGIN:
            wrong.append(f"{name} under {limit} MB: {peak} MB at the peak")
        said.append(f"{limit} MB: {'answer' if code == 0 else 'refused'} at {peak}")
    print(f"  {name}: " + ", ".join(said) + f", without: {free}", flush=True)
    return wrong


def run(footfall, sql, limit):
    """Exit code, answer, error and peak memory in MB."""
    command = [footfall, "sql", sql, "--format", "ndjson", "--quiet", "--threads", "2"]
    if limit:
        command += ["--memory-limit", f"{limit}MB"]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = subprocess.Popen(command, stdout=out, stderr=err)
        _, status, usage = os.wait4(child.pid, 0)
        out.seek(0)
        err.seek(0)
        return os.waitstatus_to_exitcode(status), out.read(), err.read().strip(), usage.ru_maxrss // 1024


main()
