#!/usr/bin/env python3
"""Five questions about the bundled month, asked as a program would that knows Footfall from its own outputs alone.

usage: agent.py --footfall BIN
What it learns comes from `functions --json`, `info --json` and `report --list --json`, what it asks is answered by `--format agent`. The
answers are compared with figures that DuckDB and plain loops work out from the files of data/shop_month; nothing there asks Footfall how
it counts. Since stdout is a pipe here, whatever is no data on it fails the reading.
needs: pip install -r requirements.txt"""
import argparse
import bisect
import collections
import json
import os
import re
import subprocess
import tempfile

import duckdb

ap = argparse.ArgumentParser()
ap.add_argument("--footfall", required=True)
args = ap.parse_args()

TOP = os.path.abspath(f"{os.path.dirname(__file__)}/../..")
MONTH = f"{TOP}/data/shop_month"


def footfall(*arguments, stdin=None):
    done = subprocess.run([args.footfall, *arguments], input=stdin, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(arguments)}: exit code {done.returncode}\n{done.stderr}"
    return done.stdout


def read(text):
    """Names with types, rows, and the last line's figures; every line must be one of those the form has."""
    assert text.endswith("\n"), text
    header, *lines, last = text[:-1].split("\n")
    assert header.startswith("# "), header
    columns = [tuple(cell.rsplit(":", 1)) for cell in header[2:].split(" | ")]
    figures = re.fullmatch(r"# rows=(\d+) shown=(\d+) hash=([0-9a-f]{16})", last)
    assert figures, last
    rows, left = [], 0
    for line in lines:
        omitted = re.fullmatch(r"# (\d+) rows? (?:is|are) left out here", line)
        if omitted:
            left = int(omitted[1])
            continue
        cells = line.split(" | ")
        assert len(cells) == len(columns), line
        rows.append({name: value(cell, kind) for cell, (name, kind) in zip(cells, columns)})
    assert int(figures[1]) == len(rows) + left and int(figures[2]) == len(rows), last
    return rows, int(figures[1]), figures[3]


def value(cell, kind):
    if cell == "NULL":
        return None
    if cell.startswith('"') or kind.startswith(("list", "struct", "map")):
        return json.loads(cell)
    if re.match(r"u?int|float|decimal", kind):
        return float(cell) if "." in cell or "e" in cell else int(cell)
    return cell


class Agent:
    """Knows the store from three outputs."""

    def __init__(self, store):
        self.store = store
        self.info = json.loads(footfall("info", "--store", store, "--json"))
        self.functions = {function["name"]: function for function in json.loads(footfall("functions", "--json"))}
        self.reports = json.loads(footfall("report", "--list", "--json"))
        self.tables = {table["name"]: {column["name"]: column for column in table["columns"]} for table in self.info["tables"]}

    def sql(self, query):
        return read(footfall("sql", "--store", self.store, "--format", "agent", query))

    def report(self, title, *arguments):
        found = [report for report in self.reports if report["title"]["en"] == title]
        assert len(found) == 1, f"{len(found)} reports are called {title}"
        columns = [column["name"] for column in found[0]["columns"]]
        rows, count, _ = read(footfall("report", "--store", self.store, "--only", found[0]["name"], "--format", "agent", *arguments))
        assert rows and list(rows[0]) == columns, f"{title}: {list(rows[0])} are not the columns that the list names"
        return rows, count

    def form(self, name, words):
        """A table form's name, if its signature takes what is to be asked."""
        function = self.functions[name]
        assert function["kind"] == "table form" and function["example"] and function["arguments"], function
        missing = [word for word in words if word not in function["signature"] + json.dumps(function["arguments"])]
        assert not missing, f"{name} does not speak of {missing}"
        return name


class Month:
    """The same month without Footfall: an event that was sent again counts once on a day, days are those of Asia/Shanghai."""

    def __init__(self):
        self.db = duckdb.connect()
        self.db.execute("set timezone = 'UTC'")
        self.db.execute(f"""
            create table events as
            select * exclude (copy) from (
                select user_id, ts, seq, event, page, scene, cast(cast(ts as timestamp) + interval 8 hours as date) as day,
                       row_number() over (partition by event_id, cast(cast(ts as timestamp) + interval 8 hours as date)
                                          order by received_at) as copy
                from '{MONTH}/events.parquet')
            where copy = 1""")

    def one(self, query):
        return self.db.execute(query).fetchone()

    def exits(self, page):
        """Page views, and exits among them, where 30 minutes without a page view end a session."""
        return self.one(f"""
            select count(*), count(*) filter (where next is null or next - ts > interval 30 minutes)
            from (select page, ts, lead(ts) over (partition by user_id order by ts, seq) as next from events where event = 'page_view')
            where page = '{page}'""")

    def reached(self, steps, seconds):
        """How many users reached each step, in this order, within so long after the first one."""
        users = collections.defaultdict(list)
        for user, us, event in self.db.execute(
                "select user_id, epoch_us(ts), event from events order by user_id, ts, seq").fetchall():
            if event in steps:
                users[user].append((us, event))
        reached = [0] * len(steps)
        for rows in users.values():
            times = {step: [us for us, event in rows if event == step] for step in steps}
            best = 0
            for start in times[steps[0]]:
                level, at = 1, start
                while level < len(steps):
                    later = times[steps[level]]
                    place = bisect.bisect_left(later, at + 1)
                    if place == len(later) or later[place] > start + seconds * 1_000_000:
                        break
                    at, level = later[place], level + 1
                best = max(best, level)
            for level in range(best):
                reached[level] += 1
        return reached


def check(question, got, expected):
    assert got == expected, f"{question}: {got}, expected {expected}"
    print(f"{question}: {got}")


def ask(agent, month):
    assert agent.info["time_zone"] == "Asia/Shanghai" and agent.info["days"] == {"first": "2026-03-01", "last": "2026-03-31"}
    assert agent.info["rows"] == month.one("select count(*) from events")[0]
    assert "milliseconds" in agent.tables["visits"]["stay_ms"]["comment"]
    assert all(column["comment"] for columns in agent.tables.values() for column in columns.values())

    rows, _ = agent.report("Visit trend by day", "--date", "2026-03-15")
    check("visitors of 15 March", rows[0]["visit_uv"],
          month.one("select count(distinct user_id) from events where event = 'page_view' and day = '2026-03-15'")[0])

    form = agent.form("page_stats", ["user", "ts", "gap", "page"])
    rows, _, _ = agent.sql(f"""
        select exit_rate from {form}((select * from events where event = 'page_view'),
                                         user_id, ts, interval '30 minutes', page, {{tie: seq}})
        where page = 'pages/detail'""")
    views, exits = month.exits("pages/detail")
    check("exit rate of pages/detail", round(rows[0]["exit_rate"], 6), round(exits / views, 6))

    rows, count = agent.report("Retention by day", "--date", "2026-03-05")
    week = [row for row in rows if row["kind"] == "visit_uv_new" and row["key"] == 7]
    cohort, back = month.one("""
        with first as (select user_id, min(day) as day from events where event = 'page_view' group by user_id having min(day) = '2026-03-05')
        select count(*), count(*) filter (where exists (
            select 1 from events e where e.user_id = first.user_id and e.event = 'page_view' and e.day = '2026-03-12'))
        from first""")
    check("new users of 5 March who came back on the 7th day", (week[0]["value"], week[0]["rate"]), (back, round(back / cohort + 1e-9, 4)))
    assert count == 20, count

    steps = ["page_view", "product_view", "add_to_cart", "pay_success"]
    form = agent.form("funnel_report", ["window", "levels"])
    conditions = ", ".join(f"event = '{step}'" for step in steps)
    rows, _, _ = agent.sql(f"select * from {form}(events, user_id, ts, interval '1 day', {conditions}, {{levels: true}})")
    levels = list(rows[0].values())
    reached = [sum(levels[level:]) for level in range(1, len(levels))]
    best = lambda users: max(range(1, len(users)), key=lambda step: users[step] / users[step - 1])
    expected = month.reached(steps, 86_400)
    check("users at the steps of the funnel", reached, expected)
    check("best step", steps[best(reached)], steps[best(expected)])

    assert agent.tables["source_keys"].keys() >= {"source", "scene"} and "scene" in agent.tables["events"]
    query = """select source, count(*) as launches from events join source_keys using (scene)
               where event = 'app_launch' group by source order by launches {}, source"""
    rows, count, hashed = agent.sql(query.format("desc"))
    top = month.one(f"""
        select source, count(*) from events join read_csv('{TOP}/data/scenes/source_keys.csv') k using (scene)
        where event = 'app_launch' group by source order by count(*) desc, source limit 1""")
    check("top source of launches", (rows[0]["source"], rows[0]["launches"]), top)
    assert agent.sql(query.format("asc"))[1:] == (count, hashed), "the hash shows the order of the rows"
    assert agent.sql(query.format("desc") + " limit 3")[2] != hashed, "the hash does not see rows that are missing"

    # The same whatever asks: the report twice, and the prompt behind a pipe.
    trend = ["report", "--store", agent.store, "--only", "access/visit_trend_day", "--format", "agent"]
    assert footfall(*trend) == footfall(*trend)
    one = footfall("repl", "--store", agent.store, "--format", "agent", stdin="select 1 as n, 'NULL' as s, null as x;\n")
    assert read(one)[0] == [{"n": 1, "s": "NULL", "x": None}], one
    lines = footfall("sql", "--store", agent.store, "--format", "ndjson", "select dt, count(*) as n from events group by dt")
    assert len([json.loads(line) for line in lines.splitlines()]) == 31


with tempfile.TemporaryDirectory() as folder:
    store = f"{folder}/shop"
    footfall("land", f"{MONTH}/events.parquet", "--store", store, "--catalogue", f"{MONTH}/events.toml", "--quiet")
    ask(Agent(store), Month())
print("agent: five questions answered")
