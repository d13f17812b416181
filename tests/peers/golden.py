#!/usr/bin/env python3
"""The golden files of tests/golden/reports: a few reports of the bundled month for one day, byte for byte, as JSON, CSV and Markdown.

usage: golden.py [--write] [--footfall BIN]
Expected values: worked out by reports_datacube.py and reports_screens.py from the definitions, and the funnel here; the forms are written below from
the rules of RFC 8259, RFC 4180 and GitHub's tables. Footfall has no part in them. Without --write the files must be the same already; with --footfall
its answers must be, too, byte for byte. `cargo test` holds them against the answers without Python.
needs: pip install -r requirements.txt"""
import argparse
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import unicodedata

import reports_datacube as datacube
import reports_screens as screens

ap = argparse.ArgumentParser()
ap.add_argument("--write", action="store_true")
ap.add_argument("--footfall")
args = ap.parse_args()

TOP = os.path.abspath(f"{os.path.dirname(__file__)}/../..")
GOLDEN, MONTH = f"{TOP}/tests/golden/reports", f"{TOP}/data/shop_month"
DAY = dt.date(2026, 3, 10)


# The reports: columns, rows, and which columns are numbers also where they are empty.

def percentile(values, tenths):
    """As SQL's percentile_cont."""
    values = sorted(values)
    place = (len(values) - 1) * tenths / 10
    low = int(place)
    return values[low] + (values[min(low + 1, len(values) - 1)] - values[low]) * (place - low)


def closed(facts):
    """The funnel page_view, share: of a user's ways the one that is done first, and of these the one that began last."""
    came, took = 0, []
    for events in facts.users.values():
        view = None
        came += any(row["event"] == "page_view" and row["day"] == DAY for row in events)
        for row in events:
            if row["day"] == DAY and row["event"] == "page_view":
                view = row["ts"]
            if row["day"] == DAY and row["event"] == "share" and view is not None:
                took.append(row["ts"] - view)
                break
    rate = screens.ratio(len(took), came)
    return [[None, 1, "page_view", came, 1, 1, 0, None, None],
            [None, 2, "share", len(took), rate, rate, came - len(took), *(round(percentile(took, tenths) / 1000, 1) for tenths in (5, 9))]]


SUMMARY = {"session_cnt": "打开次数 opens", "visit_pv": "访问次数 visits", "visit_uv": "访问人数 visitors",
           "visit_uv_new": "新访问用户数 new users", "visit_total": "累计访问用户数 users so far", "share_pv": "分享次数 shares", "share_uv": "分享人数 sharers",
           "stay_time_uv": "人均停留时长，秒 stay per user, s", "stay_time_session": "次均停留时长，秒 stay per open, s", "visit_depth": "平均访问深度，页 depth, pages"}


def reports():
    """Name, columns, rows, numbers among the columns; of the data API the objects."""
    facts = datacube.Facts()
    yield "datacube/daily_visit_trend", datacube.visit_trend(facts, datacube.DAILY, DAY, DAY)
    yield "datacube/daily_retain", datacube.retain(facts, datacube.DAILY, DAY, DAY)
    yield "datacube/visit_page", datacube.visit_page(facts, DAY, DAY, 200)
    yield "datacube/visit_distribution", datacube.visit_distribution(facts, DAY, DAY)
    yield "datacube/user_portrait", datacube.user_portrait(facts, DAY, 1, 20)
    log, day = screens.Log(screens.month_rows(MONTH)[0], 8), screens.day_no(str(DAY))
    rows = [[name, SUMMARY[name], *values] for name, _, *values in screens.summary(log, day, day, {})]
    yield "overview/summary", named(["figure", "meaning", "value", "change_day", "change_week", "change_month"], rows)
    yield "access/sources_wedata", named(["origin", "channel", "sub_channel", "scene", "opens", "opens_share", "users", "users_share", "stay_time_uv",
                                          "stay_time_session"], screens.sources_wedata(log, day, day, {}))
    yield "access/retention_day", named(["ref_date", "kind", "key", "value", "rate", "complete"], screens.REPORTS["access/retention_day"](log, day, day, {}))
    yield "access/pages", named(["ref_date", "page_path", "page_visit_pv", "page_visit_uv", "page_staytime_pv", "entrypage_pv", "exitpage_pv",
                                 "page_share_pv", "page_share_uv", "exit_rate"], screens.pages(log, day, day, {}))
    yield "funnels/closed", named(["group", "step", "event", "users", "conv_prev", "conv_total", "drop", "median_time", "p90_time"], closed(facts))


# Numbers of which a column of this day may have none.
EMPTY_NUMBERS = {"scene", "change_month"}


def named(names, rows):
    return [dict(zip(names, row, strict=True)) for row in rows]


# The forms.

def number(value):
    """The shortest text that reads back as the same number, without a point where it is whole."""
    text = repr(value)
    return text.removesuffix(".0")


def is_number(value):
    """The data API's figures come as the text of a number with a point, so that digits are compared."""
    return (isinstance(value, (int, float)) and not isinstance(value, bool)) or (
        isinstance(value, str) and value.count(".") == 1 and value.replace(".", "").isdigit())


def in_json(value):
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{in_json(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(in_json, value)) + "]"
    if is_number(value):
        return value if isinstance(value, str) else number(value)
    return json.dumps(value, ensure_ascii=False)


def text(value):
    if value is None:
        return ""
    return value if isinstance(value, str) else in_json(value)


def as_json(name, rows):
    lines = map(in_json, rows)
    if name.startswith("datacube/"):
        return "".join(f"{line}\n" for line in lines)
    return "[\n" + ",\n".join(lines) + "\n]\n"


def as_csv(rows):
    def cell(value):
        value = text(value)
        return '"' + value.replace('"', '""') + '"' if any(c in value for c in ',"\r\n') else value

    return "".join(",".join(map(cell, line)) + "\n" for line in [list(rows[0]), *(list(row.values()) for row in rows)])


def width(value):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in value)


def as_markdown(name, rows):
    """Title and question as the report's file has them, the days in order of their names, and a table aligned by display width."""
    given, found = {"from": str(DAY), "to": str(DAY)}, {}
    with open(f"{TOP}/sql/{name}.sql", encoding="utf-8") as file:
        for line in file:
            for word in ("title", "question"):
                if line.startswith(f"-- {word}: "):
                    found[word] = line.removeprefix(f"-- {word}: ").strip()
            if line.startswith("-- param "):
                found.setdefault("parameters", []).append(line.split()[2])
    english, _, chinese = found["title"].partition(" | ")
    heading = f"## {english} ({chinese})\n\n{found['question'].partition(' | ')[0]}\n\n"
    asked = [f"{parameter} {given[parameter]}" for parameter in sorted(found["parameters"]) if parameter in given]
    heading += " · ".join([*asked, "days in Asia/Shanghai"]) + "\n\n"
    names = list(rows[0])
    right = [column in EMPTY_NUMBERS or any(is_number(row[column]) for row in rows) for column in names]
    cells = [[text(row[column]).replace("\\", "\\\\").replace("|", "\\|") for column in names] for row in rows]
    widths = [max(3, *(width(line[i]) for line in [names, *cells])) for i in range(len(names))]

    def line(values):
        padded = (" " * (w - width(v)) + v if r else v + " " * (w - width(v)) for v, w, r in zip(values, widths, right))
        return "| " + " | ".join(padded) + " |\n"

    rule = "| " + " | ".join("-" * (w - 1) + ":" if r else "-" * w for w, r in zip(widths, right)) + " |\n"
    return heading + line(names) + rule + "".join(map(line, cells))


wrong = 0


def same(what, expected, got):
    global wrong
    if expected != got:
        wrong += 1
        at = next((i for i, (a, b) in enumerate(zip(expected, got)) if a != b), min(len(expected), len(got)))
        print(f"{what} differs at byte {at}: {got[max(0, at - 60):at + 60]!r}, expected {expected[max(0, at - 60):at + 60]!r}")


def footfall(*arguments):
    done = subprocess.run([args.footfall, *arguments], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


with tempfile.TemporaryDirectory() as scratch:
    if args.footfall:
        for more in (["events.parquet", "--catalogue", f"{MONTH}/events.toml"], ["users.parquet", "--table", "users"]):
            footfall("land", f"{MONTH}/{more[0]}", *more[1:], "--store", f"{scratch}/shop", "--quiet")
    count = 0
    for name, rows in reports():
        for form, ending, made in (("json", "json", as_json(name, rows)), ("csv", "csv", as_csv(rows)), ("markdown", "md", as_markdown(name, rows))):
            count += 1
            path, made = f"{GOLDEN}/{name}.{ending}", made.encode()
            if args.write:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as file:
                    file.write(made)
            with open(path, "rb") as file:
                same(f"tests/golden/reports/{name}.{ending}", made, file.read())
            if args.footfall:
                days = ["--date", str(DAY)]
                same(f"{name} as {form}", made,
                     footfall("report", "--store", f"{scratch}/shop", "--only", name, "--format", form, "--quiet", *days))
print(f"golden files: {count}" + (f", {wrong} differences" if wrong else ", all the same"))
sys.exit(1 if wrong else 0)
