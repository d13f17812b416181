#!/usr/bin/env python3
"""Real time, user portrait, event analysis, funnels, event retention, paths and segments (sql/realtime, profile, events, funnels, retention/event_retention,
paths, segments): every figure over the bundled month worked out again from the definitions, the official worked examples, and small and odd logs.

usage: reports_custom.py --footfall BIN [--pack DIR] [--data DIR]
The expected values come from plain loops over data/shop_month/*.parquet: duplicates by event_id removed, opens by the rule of the views, funnels
by the longest ordered chain of each user. Footfall has no part in them. The header of each report is held against its answer, too: the columns it
names, in their order, and its `check` lines, which DuckDB evaluates.
needs: pip install -r requirements.txt"""
import argparse
import csv
import datetime as dt
import io
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from decimal import Decimal

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

TOP = os.path.abspath(f"{os.path.dirname(__file__)}/../..")
ap = argparse.ArgumentParser()
ap.add_argument("--footfall", required=True)
ap.add_argument("--pack", default=f"{TOP}/sql")
ap.add_argument("--data", default=f"{TOP}/data")
args = ap.parse_args()

AREAS = ["realtime", "profile", "events", "funnels", "retention", "paths", "segments"]
MONTH = f"{args.data}/shop_month"
EPOCH = dt.date(1970, 1, 1)
MS_DAY, T = 86_400_000, 30 * 60_000
agreed = 0
run_reports = set()


def day_no(text):
    return (dt.date.fromisoformat(text) - EPOCH).days


def iso(day):
    return (EPOCH + dt.timedelta(days=day)).isoformat()


def ratio(n, d, decimals=4):
    """n / d, rounded half up; None over nothing."""
    if not d or n is None:
        return None
    scale = 10 ** decimals
    return (n * scale * 2 + d) // (2 * d) / scale


def text_key(text):
    """Text as the reports sort it; a missing one comes last."""
    return (text is None, (text or "").encode())


class About:
    """A number that may be off by so much of itself (and by the last digit that is shown)."""

    def __init__(self, value, share=0.004, digit=0.1):
        self.value, self.share, self.digit = value, share, digit

    def fits(self, got):
        return got is not None and abs(got - self.value) <= abs(self.value) * self.share + self.digit


# The log, read by the definitions.

class Log:
    """Events of one store, whose zone is `hours` east of Greenwich all year."""

    def __init__(self, rows, hours, profiles=None):
        self.shift = round(hours * 3_600_000)
        self.profiles = profiles or {}
        self.users = defaultdict(list)
        known = set()
        for row in sorted(rows, key=lambda row: row.get("received_at") or 0):
            row = dict(row, dt=(row["ts"] + self.shift) // MS_DAY)
            if row.get("event_id") is not None:
                if (row["event_id"], row["dt"]) in known:
                    continue
                known.add((row["event_id"], row["dt"]))
            self.users[row["user_id"]].append(row)
        self.visits = []
        for user, events in self.users.items():
            events.sort(key=lambda row: (row["ts"], row["seq"]))
            self.read(user, events)
        self.events = [e for events in self.users.values() for e in events]
        self.first = {}
        for e in self.events:
            if e["event"] == "page_view":
                self.first[e["user_id"]] = min(e["dt"], self.first.get(e["user_id"], e["dt"]))
        self.days = sorted({e["dt"] for e in self.events})

    def local(self, ts):
        return ts + self.shift

    def starts(self, events):
        """Which rows begin an open: the client's key where it is known; else a gap over 30 minutes, a launch, a show after 30 minutes in the
        background or with another scene but not right after a share; a show with no hide since the launch begins nothing. Facts are remembered to the end of the next day; an open is cut at midnight
        when the day before had no beginning of its own."""
        key = scene = opened = before = None
        natural_day = None
        for e in events:
            def recent(fact):
                return fact[0] if fact is not None and e["dt"] - fact[1] <= 1 else None

            if before is None:
                natural = True
            else:
                gap, old = e["ts"] - before["ts"] > T, recent(key)
                if old is not None and e["session_key"] is not None:
                    natural = e["session_key"] != old
                elif old is not None and not gap:
                    natural = False
                elif gap or e["event"] == "app_launch":
                    natural = True
                elif e["event"] == "app_show" and recent(opened) != "launched":
                    hidden = recent(opened)
                    natural = hidden is not None and e["ts"] - hidden > T
                    natural = natural or (before["event"] != "share" and e["scene"] is not None and recent(scene) not in (None, e["scene"]))
                else:
                    natural = False
            yield natural or (before is not None and e["dt"] > before["dt"] and natural_day != e["dt"] - 1)
            if natural:
                natural_day, key = e["dt"], None
            if e["session_key"] is not None:
                key = (e["session_key"], e["dt"])
            if e["event"] in ("app_launch", "app_show") and e["scene"] is not None:
                scene = (e["scene"], e["dt"])
            if e["event"] == "app_launch":
                opened = ("launched", e["dt"])
            elif e["event"] == "app_hide":
                opened = (e["ts"], e["dt"])
            elif e["event"] == "app_show" and opened is not None and opened[0] != "launched":
                opened = None
            before = e

    def read(self, user, events):
        opens = []
        for e, starts in zip(events, self.starts(events)):
            if starts:
                opens.append([])
            opens[-1].append(e)
        for number, rows in enumerate(opens):
            scene = next((e["scene"] for e in rows if e["scene"] is not None), None)
            views, since = [], None
            for e in rows:
                if e["event"] == "page_view":
                    if since is not None:
                        views[-1]["stay_ms"] += e["ts"] - since
                    views.append({"user": user, "open": (user, number), "page": e["page"], "ts": e["ts"], "dt": e["dt"], "start": rows[0]["ts"],
                                  "session_dt": rows[0]["dt"], "scene": scene, "stay_ms": 0, "row": e})
                    since = e["ts"]
                elif e["event"] == "app_hide":
                    if since is not None:
                        views[-1]["stay_ms"] += e["ts"] - since
                    since = None
                elif e["event"] == "app_show" and views and since is None:
                    since = e["ts"]
            if since is not None:
                views[-1]["stay_ms"] += rows[-1]["ts"] - since
            for i, v in enumerate(views):
                v["stay_ms"] = v["stay_ms"] if v["stay_ms"] <= MS_DAY else 0
                v["is_entry"], v["is_exit"] = i == 0, i + 1 == len(views)
                v["next"] = None if i + 1 == len(views) else views[i + 1]["page"]
            self.visits += views


def value_of(log, e, column):
    """A column of an event or of its user."""
    if column in ("gender", "province", "city", "member_level"):
        return log.profiles.get(e["user_id"], {}).get(column)
    if column.startswith("p_"):
        return e["props"].get(column[2:])
    if column.startswith("props."):
        return None if f"p_{column[6:]}" in DECLARED else e["props"].get(column[6:])
    if column == "first_dt":
        return iso(log.first[e["user_id"]]) if e["user_id"] in log.first else None
    return e[column]


DECLARED = {f"p_{name}" for name in ["amount", "category", "coupon", "currency", "keyword", "order_time", "price", "product_id", "quantity", "results"]}


# Real time.

def clock_of(log, p):
    day = day_no(p["day"]) if "day" in p else log.days[-1]
    against = day_no(p["against"]) if p.get("against") else day - 1
    until = p.get("until_ms", 1 << 60)
    if log.days[-1] > day:
        known = (day + 1) * MS_DAY
    else:
        known = max((log.local(e["ts"]) for e in log.events if e["dt"] == day), default=None)
        known = None if known is None else known + 0.001
    # None: nothing is known of the day.
    cut = None if known is None else min(known, log.local(until))
    return day, against, until, cut


def realtime_trend(log, p):
    day, against, until, cut = clock_of(log, p)
    minutes = {"1 minute": 1, "5 minutes": 5, "10 minutes": 10, "30 minutes": 30, "1 hour": 60}[p.get("every", "5 minutes")]
    page = p.get("page", "")
    views, users, opens = Counter(), defaultdict(set), Counter()
    for v in log.visits:
        if page and v["page"] != page:
            continue
        if v["dt"] in (day, against) and not (v["dt"] == day and v["ts"] >= until):
            place = (v["dt"], (log.local(v["ts"]) - v["dt"] * MS_DAY) // (minutes * 60_000))
            views[place] += 1
            users[place].add(v["user"])
        if v["is_entry"] and v["session_dt"] in (day, against) and not (v["session_dt"] == day and v["ts"] >= until):
            opens[v["session_dt"], (log.local(v["start"]) - v["session_dt"] * MS_DAY) // (minutes * 60_000)] += 1
    rows = []
    for at in range(1440 // minutes):
        begun = cut is not None and day * MS_DAY + at * minutes * 60_000 < cut
        here, there = (day, at), (against, at)
        rows.append([f"{at * minutes // 60:02}:{at * minutes % 60:02}",
                     *([views[here], len(users[here]), opens[here]] if begun else [None] * 3), views[there], len(users[there]), opens[there]])
    return rows


def so_far(log, p):
    day, against, until, cut = clock_of(log, p)

    def figures(d, end):
        """Of day `d` up to `end`, in milliseconds of its own local clock."""
        seen = [v for v in log.visits if v["dt"] == d and log.local(v["ts"]) - d * MS_DAY < end and not (d == day and v["ts"] >= until)]
        opens = [v for v in log.visits if v["is_entry"] and v["session_dt"] == d and log.local(v["start"]) - d * MS_DAY < end
                 and not (d == day and v["ts"] >= until)]
        return [len({v["user"] for v in seen}), len(opens), len(seen)]

    rows = []
    for hour in range(24):
        begins, end = hour * 3_600_000, (hour + 1) * 3_600_000
        begun = cut is not None and day * MS_DAY + begins < cut
        time = f"{hour + 1:02}:00"
        if begun and cut < day * MS_DAY + end:
            end = cut - day * MS_DAY
            time = f"{hour:02}:{int(end - begins) // 60_000:02}"
        rows.append([time, *(figures(day, end) if begun else [None] * 3), *figures(against, end)])
    return rows


def realtime_pages(log, p):
    day, against, _, cut = clock_of(log, p)
    since = log.local(p.get("since_ms", 0))
    now, users, then = Counter(), defaultdict(set), Counter()
    for v in log.visits:
        if v["dt"] in (day, against):
            at = log.local(v["ts"]) + (day - v["dt"]) * MS_DAY
            if cut is not None and since <= at < cut:
                if v["dt"] == day:
                    now[v["page"]] += 1
                    users[v["page"]].add(v["user"])
                else:
                    then[v["page"]] += 1
    rows = [[page, now[page], len(users[page]), ratio(now[page], sum(now.values())), then[page], ratio(then[page], sum(then.values()))]
            for page in set(now) | set(then)]
    return sorted(rows, key=lambda r: (-r[1], -r[4], text_key(r[0])))[:int(p.get("limit", 200))]


def realtime_scenes(log, p):
    day, against, _, cut = clock_of(log, p)
    if log.days[-1] > day and "until_ms" not in p:
        cut = 1 << 61
    now, users, views, then = Counter(), defaultdict(set), Counter(), Counter()
    for v in log.visits:
        if v["session_dt"] in (day, against) and cut is not None and log.local(v["ts"]) + (day - v["session_dt"]) * MS_DAY < cut:
            if v["session_dt"] == day:
                now[v["scene"]] += v["is_entry"]
                views[v["scene"]] += 1
                users[v["scene"]].add(v["user"])
            else:
                then[v["scene"]] += v["is_entry"]
    rows = [[s, now[s], len(users[s]), views[s], ratio(now[s], sum(now.values())), then[s], ratio(then[s], sum(then.values()))]
            for s in set(now) | set(then)]
    return sorted(rows, key=lambda r: (-r[1], -r[5], r[0] is None, r[0] or 0))[:int(p.get("limit", 200))]


# User portrait.

BANDS = [(17, "17岁以下"), (24, "18-24岁"), (29, "25-29岁"), (39, "30-39岁"), (49, "40-49岁"), (120, "50岁以上")]


def people(log, p):
    to, days = day_no(p["to"]) if "to" in p else log.days[-1], int(p.get("days", 1))
    found = []
    for user, events in log.users.items():
        rows = [e for e in events if to - days < e["dt"] <= to]
        if not any(e["event"] == "page_view" for e in rows):
            continue
        profile = log.profiles.get(user, {})
        born = profile.get("birth_year")
        age = None if born is None else (EPOCH + dt.timedelta(days=to)).year - born
        terminals = []
        for e in rows:
            os_name, platform = (e["os"] or "").lower(), (e["platform"] or "").lower()
            if os_name.startswith(("ios", "ip")) or platform in ("ios", "iphone", "ipad"):
                terminals.append("iPhone")
            elif os_name.startswith("android") or platform == "android":
                terminals.append("android")
            elif os_name or platform:
                terminals.append("其他")
        named = [t for t in terminals if t != "其他"]
        models = [e["model"] for e in rows if e["model"]]
        found.append({
            "new": to - days < log.first[user] <= to,
            "gender": {"男": "男", "male": "男", "m": "男", "1": "男", "女": "女", "female": "女", "f": "女", "2": "女"}.get(
                (profile.get("gender") or "").lower(), "未知"),
            "age": "未知" if age is None or not 0 <= age <= 120 else next(name for last, name in BANDS if age <= last),
            "province": profile.get("province") or "未知",
            "city": profile.get("city") or "未知",
            "terminal": named[-1] if named else "其他" if terminals else "未知",
            "model": models[-1] if models else "未知"})
    return found


def portrait(log, p):
    found, rows = people(log, p), []
    new = sum(f["new"] for f in found)
    for attribute in ("gender", "age", "province", "city", "terminal", "model"):
        if p.get("attribute", "all") not in ("all", attribute):
            continue
        groups = defaultdict(lambda: [0, 0])
        for f in found:
            counts = groups[f[attribute], f["province"] if attribute == "city" else None]
            counts[0] += f["new"]
            counts[1] += 1
        if attribute == "model":
            ranked = sorted((m for m, _ in groups if m != "未知"), key=lambda m: (-groups[m, None][1], m.encode()))
            for model in ranked[int(p.get("limit", 20)):]:
                counts = groups.pop((model, None))
                groups["其他", None][0] += counts[0]
                groups["其他", None][1] += counts[1]
        part = [[attribute, value, province, n, a, ratio(n, new), ratio(a, len(found))] for (value, province), (n, a) in groups.items()]
        rows += sorted(part, key=lambda r: (r[1] == "未知", r[1] == "其他", r[1].encode() if attribute in ("gender", "age") else b"", -r[4],
                                            r[1].encode(), text_key(r[2])))
    return rows


def gender_age(log, p):
    found = people(log, p)
    new = sum(f["new"] for f in found)
    rows = []
    for gender in ("男", "女", "未知"):
        for age in [name for _, name in BANDS] + ["未知"]:
            cell = [f for f in found if (f["gender"], f["age"]) == (gender, age)]
            n = sum(f["new"] for f in cell)
            rows.append([gender, age, n, len(cell), ratio(n, new), ratio(len(cell), len(found))])
    return rows


# Event analysis.

def in_range(log, e, p):
    return (day_no(p["from"]) if "from" in p else log.days[0]) <= e["dt"] <= (day_no(p["to"]) if "to" in p else log.days[-1])


def as_text(value):
    return None if value is None else {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def monday(day):
    return day - (EPOCH + dt.timedelta(days=day)).weekday()


def number_of(value):
    try:
        return None if value is None else Decimal(str(value))
    except ArithmeticError:
        return None


def half_up(value):
    return None if value is None else float(Decimal(repr(float(value))).quantize(Decimal("0.0001"), "ROUND_HALF_UP"))


def analysis(log, p, keep):
    groups = defaultdict(list)
    names = [p.get(f"group{i}") for i in range(1, 6)]
    grain, first = p.get("grain", "day"), day_no(p["from"]) if "from" in p else log.days[0]
    for e in log.events:
        if e["event"] == p.get("event", "page_view") and in_range(log, e, p) and keep(e):
            period = {"hour": log.local(e["ts"]) // 3_600_000, "day": e["dt"], "week": monday(e["dt"]), "whole": first}[grain]
            groups[period, tuple(None if n is None else as_text(value_of(log, e, n)) for n in names)].append(e)
    size = Counter()
    for (_, group), events in groups.items():
        size[group] += len(events)
    ranked = sorted(size, key=lambda g: (-size[g], [text_key(v) for v in g]))[:int(p.get("limit", 50))]
    rows = []
    for group in ranked:
        for period in sorted(at for at, g in groups if g == group):
            events = groups[period, group]
            users = len({e["user_id"] for e in events})
            values = [value_of(log, e, p["property"]) for e in events] if "property" in p else []
            numbers = [n for n in map(number_of, values) if n is not None]
            metric = p.get("metric", "count")
            value = {
                "count": lambda: len(events), "users": lambda: users, "per_user": lambda: ratio(len(events), users),
                "sum": lambda: half_up(sum(numbers)) if numbers else None,
                "avg": lambda: half_up(float(sum(numbers)) / len(numbers)) if numbers else None,
                "min": lambda: float(min(numbers)) if numbers else None, "max": lambda: float(max(numbers)) if numbers else None,
                "median": lambda: half_up(statistics.median(map(float, numbers))) if numbers else None,
                "distinct": lambda: len({as_text(v) for v in values if v is not None}),
                "per_user_sum": lambda: half_up(float(sum(numbers)) / users) if numbers else None}[metric]()
            label = f"{iso(period // 24)} {period % 24:02}:00" if grain == "hour" else iso(period)
            rows.append([label, *group, value])
    return rows


# Funnels.

def step_flags(log, p, keep, filters):
    """Per user the events of the range that satisfy a step: (ts, seq, the steps, the event)."""
    steps = p["steps"].split(",")[:10]
    for user, events in log.users.items():
        marked = []
        for e in events:
            if in_range(log, e, p) and keep(e):
                taken = {i + 1 for i, name in enumerate(steps) if e["event"] == name and filters.get(i + 1, lambda e: True)(e)}
                if taken:
                    marked.append((e["ts"], e["seq"], taken, e))
        yield user, steps, marked


def best_way(marked, steps, window, entry_ok=lambda ts: True):
    """The way that gets furthest, then there first, then began last, then takes each step as early as possible; its times."""
    best = None
    for begin, (start, _, taken, _) in enumerate(marked):
        if 1 not in taken or not entry_ok(start):
            continue
        # Greedy from a given beginning: each step at the first event after the one before. Every event fills one step.
        times, at = [start], begin
        for step in range(2, steps + 1):
            at = next((i for i in range(at + 1, len(marked)) if step in marked[i][2]), None)
            if at is None or marked[at][0] - start > window:
                break
            times.append(marked[at][0])
        rank = (len(times), -times[-1], begin)
        if best is None or rank > best[0]:
            best = (rank, times)
    return best[1] if best else []


def percentile(values, share):
    values = sorted(values)
    at = share * (len(values) - 1)
    low = int(at)
    return values[low] + (values[min(low + 1, len(values) - 1)] - values[low]) * (at - low)


def closed(log, p, keep, filters):
    window = p.get("window_ms", 1 << 60)
    ways, count = defaultdict(list), len(p["steps"].split(",")[:10])
    for user, steps, marked in step_flags(log, p, keep, filters):
        times = best_way(marked, count, window)
        if times:
            values = [as_text(value_of(log, e, p["by"])) for _, _, _, e in marked] if "by" in p else []
            ways[next((v for v in values if v is not None), None)].append(times)
    if not ways:
        ways[None] = []
    names = p["steps"].split(",")
    rows = []
    for group in sorted(ways, key=lambda g: (-len(ways[g]), text_key(g)))[:int(p.get("limit", 50))]:
        users = [sum(len(times) >= step for times in ways[group]) for step in range(1, count + 1)]
        for i, n in enumerate(users):
            took = [(times[i] - times[i - 1]) / 1000 for times in ways[group] if i and len(times) > i]
            before = users[i - 1] if i else n
            rows.append([group, i + 1, names[i], n, ratio(n, before), ratio(n, users[0]), before - n,
                         About(percentile(took, 0.5)) if took else None, About(percentile(took, 0.9)) if took else None])
    return rows


def open_funnel(log, p, keep, filters):
    names = p["steps"].split(",")[:10]
    groups = defaultdict(lambda: [[] for _ in names])
    for user, steps, marked in step_flags(log, p, keep, filters):
        for _, _, taken, e in marked:
            for step in taken:
                groups[as_text(value_of(log, e, p["by"])) if "by" in p else None][step - 1].append(user)
    if not groups:
        groups[None]
    numbers = {g: [len(u) if p.get("metric") == "pv" else len(set(u)) for u in lists] for g, lists in groups.items()}
    rows = []
    for group in sorted(numbers, key=lambda g: (-numbers[g][0], -max(numbers[g]), text_key(g)))[:int(p.get("limit", 50))]:
        n = numbers[group]
        rows += [[group, i + 1, names[i], n[i], ratio(n[i], n[max(i - 1, 0)]), ratio(n[i], n[0])] for i in range(len(names))]
    return rows


def funnel_trend(log, p, keep, filters):
    names, grain, window = p["steps"].split(",")[:10], p.get("grain", "day"), p.get("window_ms", 1 << 60)

    def period(ts):
        day = log.local(ts) // MS_DAY
        date = EPOCH + dt.timedelta(days=day)
        return {"hour": log.local(ts) // 3_600_000, "day": day, "week": monday(day), "month": day - date.day + 1}[grain]

    levels = defaultdict(list)
    for user, steps, marked in step_flags(log, p, keep, filters):
        for slot in {period(ts) for ts, _, taken, _ in marked if 1 in taken}:
            levels[slot].append(len(best_way(marked, len(names), window, lambda ts: period(ts) == slot)))
    rows = []
    for slot in sorted(levels):
        users = [sum(level >= step for level in levels[slot]) for step in range(1, len(names) + 1)]
        label = f"{iso(slot // 24)} {slot % 24:02}:00" if grain == "hour" else iso(slot)
        rows += [[label, i + 1, names[i], n, ratio(n, users[i - 1] if i else n), ratio(n, users[0])] for i, n in enumerate(users)]
    return rows


# Event retention.

def month_number(day):
    date = EPOCH + dt.timedelta(days=day)
    return 12 * date.year + date.month - 1


def event_retention(log, p, keep, keep_follow):
    grain, count = p.get("grain", "day"), int(p.get("periods", 7))
    number = {"day": lambda d: d, "week": lambda d: monday(d) // 7, "month": month_number}[grain]

    def first_day(n):
        """monday(d) // 7 counts weeks whose Monday is 7 n + 4: 5 January 1970 was a Monday."""
        return {"day": lambda: n, "week": lambda: 7 * n + 4, "month": lambda: (dt.date(n // 12, n % 12 + 1, 1) - EPOCH).days}[grain]()

    low = number(day_no(p["from"]) if "from" in p else log.days[0])
    high = number(day_no(p["to"]) if "to" in p else log.days[-1])
    cohorts, follows = defaultdict(set), defaultdict(set)
    for e in log.events:
        at = number(e["dt"])
        if e["event"] == p.get("event", "page_view") and low <= at <= high and keep(e):
            cohorts[as_text(value_of(log, e, p["by"])) if "by" in p else None, at].add(e["user_id"])
        if e["event"] == p.get("follow", "page_view") and keep_follow(e):
            follows[at].add(e["user_id"])
    size = Counter()
    for (group, _), users in cohorts.items():
        size[group] += len(users)
    ranked = sorted(size, key=lambda g: (-size[g], text_key(g)))[:int(p.get("limit", 50))]
    rows = []
    for group in ranked:
        for at in sorted(a for g, a in cohorts if g == group):
            users = cohorts[group, at]
            for later in range(count + 1):
                begun = first_day(at + later) <= log.days[-1]
                value = len(users & follows[at + later]) if begun else None
                rows.append([iso(first_day(at)), group, len(users), later, value, ratio(value, len(users)), first_day(at + later + 1) <= log.days[-1] + 1])
    return rows


# Paths.

def opens_in(log, p, keep):
    opens = defaultdict(list)
    for v in log.visits:
        if (day_no(p["from"]) if "from" in p else log.days[0]) <= v["session_dt"] <= (day_no(p["to"]) if "to" in p else log.days[-1]) and keep(v["row"]):
            opens[v["open"]].append(v)
    return opens


def flow(log, p, keep):
    side, page, depth = p.get("side", "start"), p.get("page", ""), int(p.get("depth", 5))
    edges = defaultdict(list)
    for views in opens_in(log, p, keep).values():
        # Repeats are one step, which is the wanted page or the last one if any of its views is.
        path = []
        for v in views:
            wanted = ((v["is_entry"] if side == "start" else v["is_exit"]) if not page else v["page"] == page)
            node = v["page"] if v["page"] is not None else "(none)"
            if path and path[-1][0] == node:
                path[-1][2] = path[-1][2] or wanted
            else:
                path.append([node, v["ts"], wanted])
        at = next((i for i, step in enumerate(path) if step[2]), None)
        if at is None:
            continue
        path = path[at:] if side == "start" else path[:at + 1][::-1]
        for i, (a, b) in enumerate(zip(path[:depth], path[1:depth])):
            edges[i + 1, a[0], b[0]].append(abs(b[1] - a[1]))
        if len(path) < depth:
            edges[len(path), path[-1][0], "(exit)" if side == "start" else "(entry)"].append(None)
    of_step = Counter()
    for (step, _, _), times in edges.items():
        of_step[step] += len(times)
    rows = []
    for step in sorted(of_step):
        part = sorted((e for e in edges if e[0] == step), key=lambda e: (-len(edges[e]), e[1].encode(), e[2].encode()))[:int(p.get("limit", 20))]
        shown = []
        for e in part:
            times = edges[e]
            near, far = (e[1], e[2]) if side == "start" else (e[2], e[1])
            mean = None if times[0] is None else About(sum(times) / len(times) / 1000, 0, 0.0501)
            shown.append([step if side == "start" else -step, near, far, len(times), ratio(len(times), of_step[step]), mean])
        rows += sorted(shown, key=lambda r: (-r[3], r[1].encode(), r[2].encode()))
    return rows


def moves(log, p, keep):
    edges = defaultdict(list)
    views = Counter()
    for opened in opens_in(log, p, keep).values():
        for v in opened:
            edges[v["page"], "(exit)" if v["is_exit"] else v["next"]].append(v)
            views[v["page"]] += 1
    rows = [[a, b, len(vs), len({v["user"] for v in vs}), ratio(len(vs), views[a]), ratio(sum(v["stay_ms"] for v in vs) // 1000, len(vs))]
            for (a, b), vs in edges.items() if p.get("page", "") in ("", a, b)]
    return sorted(rows, key=lambda r: (-r[2], text_key(r[0]), text_key(r[1])))[:int(p.get("limit", 200))]


def segment_size(log, p, member):
    people = {}
    for e in log.events:
        if in_range(log, e, p):
            hits, views, days = people.setdefault(e["user_id"], [0, 0, set()])
            people[e["user_id"]][0] += member(e)
            if e["event"] == "page_view":
                people[e["user_id"]][1] += 1
                days.add(e["dt"])
    rows = []
    for segment in ("members", "others", "all"):
        part = [v for v in people.values() if segment == "all" or (v[0] >= int(p.get("times", 1))) == (segment == "members")]
        views, days = sum(v[1] for v in part), sum(len(v[2]) for v in part)
        rows.append([segment, len(part), ratio(len(part), len(people)), views, ratio(views, len(part)), ratio(days, len(part))])
    return rows


# Asking Footfall, and holding both against each other.

def footfall(*arguments):
    done = subprocess.run([args.footfall, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(arguments)}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout


def header(name):
    """The lines of a report's header, continuations joined."""
    lines = []
    for line in open(f"{args.pack}/{name}.sql", encoding="utf-8"):
        if not line.startswith("--"):
            break
        body = line[2:].rstrip("\n")
        if body.startswith("   ") and lines:
            lines[-1] += " " + body.strip()
        else:
            lines.append(body.strip())
    return lines


def parsed(text):
    if text == "":
        return None
    if text in ("true", "false"):
        return text == "true"
    return float(text) if re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", text) else text


def report(store, name, **p):
    run_reports.add(name)
    arguments = [f"-p{key}={value}" for key, value in p.items()]
    out = footfall("report", "--pack", packs[name.split("/")[0]], "--store", store, "--only", name.split("/")[1], "--format", "csv", "--quiet", *arguments)
    rows = list(csv.reader(io.StringIO(out)))
    names, rows = rows[0], [[parsed(cell) for cell in row] for row in rows[1:]]
    lines = header(name)
    described = [line.split()[1] for line in lines if line.startswith("column ")]
    assert names == described, f"{name}: the header describes {described}, the answer has {names}"
    both = [line for line in lines if re.fullmatch(r"question: [^|]+\? \| [^|]+？|column \w+ = [^|]+ \| [^|:]+ : [^|]+ \| [^|]+", line)]
    assert len(both) == 1 + len(names), f"{name}: question and definitions are not all in both languages"
    columns = [pa.array([r[i] for r in rows]) if len({type(r[i]) for r in rows if r[i] is not None}) <= 1
               else pa.array([None if r[i] is None else str(r[i]) for r in rows]) for i in range(len(names))]
    con = duckdb.connect()
    con.register("result", pa.table([c.cast(pa.float64()) if pa.types.is_null(c.type) else c for c in columns], names=names))
    for line in lines:
        if line.startswith("check: "):
            held = con.execute(f"select {line[7:]} from result").fetchall()
            assert held == [(True,)], f"{name} {p}: check {line[7:]} gives {held}"
    return rows


def same(what, expected, got):
    global agreed
    assert len(expected) == len(got), f"{what}: {len(expected)} rows expected, got {len(got)}: {expected[:3]} … {got[:3]}"
    for number, (e_row, g_row) in enumerate(zip(expected, got)):
        for e, g in zip(e_row, g_row, strict=True):
            if isinstance(e, str) and isinstance(g, (float, bool)):
                e = parsed(e)
            fits = e.fits(g) if isinstance(e, About) else e == g
            assert fits, f"{what}: row {number + 1}: expected {[getattr(v, 'value', v) for v in e_row]}, got {g_row}"
            agreed += 1


def land(folder, name, rows, zone="Asia/Shanghai"):
    path, store = f"{folder}/{name}.jsonl", f"{folder}/{name}"
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    footfall("land", path, "--store", store, "--tz", zone, "--quiet")
    return store


def column_values(rows, at):
    return [row[at] for row in rows]


work = tempfile.TemporaryDirectory()
packs = {}
for area in AREAS:
    packs[area] = f"{work.name}/pack/{area}"
    os.makedirs(packs[area])
    for name in os.listdir(f"{args.pack}/{area}"):
        if area != "retention" or name == "event_retention.sql":
            os.symlink(os.path.abspath(f"{args.pack}/{area}/{name}"), f"{packs[area]}/{name}")


# 1. The bundled month, in its own zone and in one that is half an hour off.

def month(hours):
    table = pq.read_table(f"{MONTH}/events.parquet")
    for name in ("ts", "received_at"):
        table = table.set_column(table.column_names.index(name), name, table[name].cast(pa.timestamp("ms", "UTC")).cast(pa.int64()))
    rows = table.select(["user_id", "ts", "seq", "event", "page", "scene", "session_key", "os", "platform", "model", "props", "event_id",
                         "received_at"]).to_pylist()
    for row in rows:
        row["props"] = dict(row["props"] or ())
    profiles = {row["user_id"]: row for row in pq.read_table(f"{MONTH}/users.parquet").to_pylist()}
    return Log(rows, hours, profiles)


def always(e):
    return True


def ms(text):
    return int(dt.datetime.fromisoformat(text).timestamp() * 1000)


store = f"{work.name}/shop"
footfall("land", f"{MONTH}/events.parquet", "--store", store, "--catalogue", f"{MONTH}/events.toml", "--quiet")
footfall("land", f"{MONTH}/users.parquet", "--store", store, "--table", "users", "--quiet")
india = f"{work.name}/india"
footfall("land", f"{MONTH}/events.parquet", "--store", india, "--tz", "Asia/Kolkata", "--quiet")

for at, hours, zone in ((store, 8, "Asia/Shanghai"), (india, 5.5, "Asia/Kolkata")):
    log = month(hours)
    half_past = {"until": "2026-03-20T15:30:00+08:00", "until_ms": ms("2026-03-20T15:30:00+08:00")}
    for p in ({}, {"day": "2026-03-15"}, {"day": "2026-03-01"}, {"day": "2026-03-20", "against": "2026-03-13", **half_past},
              {"day": "2026-04-02", "against": "2026-03-30"}):
        asked = {k: v for k, v in p.items() if not k.endswith("_ms")}
        for every in ("1 minute", "5 minutes", "10 minutes", "30 minutes", "1 hour"):
            q = dict(p, every=every)
            same(f"trend {q}", realtime_trend(log, q), report(at, "realtime/trend", zone=zone, every=every, **asked))
        for page in ("pages/home", "nowhere"):
            q = dict(p, every="1 hour", page=page)
            same(f"trend {q}", realtime_trend(log, q), report(at, "realtime/trend", zone=zone, every="1 hour", page=page, **asked))
        same(f"so_far {p}", so_far(log, p), report(at, "realtime/so_far", zone=zone, **asked))
        same(f"pages {p}", realtime_pages(log, p), report(at, "realtime/pages", zone=zone, **asked))
        same(f"scenes {p}", realtime_scenes(log, p), report(at, "realtime/scenes", zone=zone, **asked))
    p = {"day": "2026-03-20", "since": "2026-03-20T12:00:00+08:00", "since_ms": ms("2026-03-20T12:00:00+08:00"), "limit": "3", **half_past}
    same("pages at noon", realtime_pages(log, p), report(at, "realtime/pages", zone=zone, **{k: v for k, v in p.items() if not k.endswith("_ms")}))

log = month(8)
visitors = len({v["user"] for v in log.visits if v["dt"] == day_no("2026-03-31")})
trend_rows = report(store, "realtime/trend", zone="Asia/Shanghai", every="1 hour")
assert sum(column_values(trend_rows, 1)) == sum(v["dt"] == day_no("2026-03-31") for v in log.visits)
assert report(store, "realtime/so_far", zone="Asia/Shanghai")[-1][1] == visitors

for days in ("1", "7", "30"):
    for p in ({"days": days}, {"days": days, "to": "2026-03-08"}, {"days": days, "to": "2026-03-20", "attribute": "model", "limit": "3"}):
        rows = report(store, "profile/portrait", **p)
        same(f"portrait {p}", portrait(log, p), rows)
        found = people(log, p)
        for attribute in {row[0] for row in rows}:
            assert sum(row[4] for row in rows if row[0] == attribute) == len(found), f"portrait {p}: {attribute} does not add up"
            assert sum(row[3] for row in rows if row[0] == attribute) == sum(f["new"] for f in found)
    for p in ({"days": days}, {"days": days, "to": "2026-03-08"}):
        same(f"gender_age {p}", gender_age(log, p), report(store, "profile/gender_age", **p))

PAY = {"event": "pay_success", "property": "p_amount"}
FILTERS = {"true": always, "gender = '女' AND p_coupon IS NOT NULL": lambda e: value_of(log, e, "gender") == "女" and "coupon" in e["props"],
           "p_coupon IS NULL": lambda e: "coupon" not in e["props"],
           "p_category <> '' AND p_price > 50": lambda e: e["props"].get("category", "") != "" and float(e["props"].get("price", 0)) > 50,
           "p_category = '' OR page = ''": lambda e: e["props"].get("category") == "" or e["page"] == "",
           "first_dt = dt": lambda e: log.first.get(e["user_id"]) == e["dt"]}
for metric in ("count", "users", "per_user", "sum", "avg", "min", "max", "median", "distinct", "per_user_sum"):
    for grain in ("hour", "day", "week", "whole"):
        p = dict(PAY, metric=metric, grain=grain)
        same(f"analysis {p}", analysis(log, p, always), report(store, "events/analysis", zone="Asia/Shanghai", **p))
    for text, keep in FILTERS.items():
        p = dict(PAY, metric=metric, grain="whole")
        same(f"analysis {p} {text}", analysis(log, p, keep), report(store, "events/analysis", zone="Asia/Shanghai", filter=text, **p))
    p = dict(PAY, metric=metric, grain="week", group1="p_category", group2="gender", group3="platform", group4="scene", group5="p_coupon", limit="30",
             **{"from": "2026-03-05", "to": "2026-03-25"})
    same(f"analysis {p}", analysis(log, p, always), report(store, "events/analysis", zone="Asia/Shanghai", **p))
for p in ({}, {"grain": "hour"}, {"group1": "page", "metric": "users"}, {"event": "search", "metric": "distinct", "property": "p_keyword", "grain": "whole"},
          {"event": "search", "metric": "avg", "property": "p_results", "group1": "p_keyword", "limit": "5"},
          {"event": "search", "metric": "sum", "property": "p_keyword"}, {"event": "no_such_event"}, {"event": "share", "group1": "first_dt", "grain": "whole"},
          {"event": "pay_success", "metric": "sum", "property": "props.nothing", "group1": "props.nothing"}):
    same(f"analysis {p}", analysis(log, p, always), report(store, "events/analysis", zone="Asia/Shanghai", **p))

SHOP = "product_view,add_to_cart,order_submit,pay_success"
HOUR = {"window": "1 hour", "window_ms": 3_600_000}
DAY = {"window": "1 day", "window_ms": MS_DAY}
DEAR = ({"filter2": "p_price > 100"}, {2: lambda e: float(e["props"].get("price", 0)) > 100})
TEN = ",".join(["page_view"] * 9 + ["share"])
for p, (asked, filters) in [({"steps": SHOP}, ({}, {})), ({"steps": SHOP, **HOUR}, ({}, {})), ({"steps": SHOP, **DAY, "by": "gender"}, DEAR),
                            ({"steps": SHOP, "by": "platform", "limit": "2"}, ({}, {})), ({"steps": "search,product_view,search"}, ({}, {})),
                            ({"steps": TEN, **HOUR}, ({}, {})), ({"steps": SHOP, **DAY, "from": "2026-03-10", "to": "2026-03-11"}, DEAR),
                            ({"steps": "page_view,page_view"}, ({"filter1": "page = 'pages/home'", "filter2": "page = 'pages/search'"},
                                                                {1: lambda e: e["page"] == "pages/home", 2: lambda e: e["page"] == "pages/search"})),
                            ({"steps": "nothing,share"}, ({}, {})), ({"steps": "share"}, ({}, {}))]:
    given = {k: v for k, v in p.items() if not k.endswith("_ms")}
    for text in ("true", "gender = '男'"):
        keep = always if text == "true" else lambda e: value_of(log, e, "gender") == "男"
        same(f"closed {p} {text}", closed(log, p, keep, filters), report(store, "funnels/closed", filter=text, **given, **asked))
        for metric in ("uv", "pv"):
            q = {k: v for k, v in dict(p, metric=metric).items() if not k.startswith("window")}
            same(f"open {q} {text}", open_funnel(log, q, keep, filters), report(store, "funnels/open", filter=text, **q, **asked))
        for grain in ("hour", "day", "week", "month"):
            q = {k: v for k, v in dict(p, grain=grain).items() if k not in ("by", "limit")}
            ask = {k: v for k, v in q.items() if not k.endswith("_ms")}
            same(f"trend {q} {text}", funnel_trend(log, q, keep, filters), report(store, "funnels/trend", zone="Asia/Shanghai", filter=text, **ask, **asked))

for p, asked, keep, keep_follow in [
        ({}, {}, always, always),
        ({"grain": "week", "periods": "4"}, {}, always, always),
        ({"grain": "month", "periods": "2"}, {}, always, always),
        ({"from": "2026-03-10", "to": "2026-03-20", "periods": "30"}, {"filter": "first_dt = dt"}, lambda e: log.first.get(e["user_id"]) == e["dt"], always),
        ({"event": "add_to_cart", "follow": "pay_success", "by": "p_category", "grain": "week", "periods": "3"}, {}, always, always),
        ({"event": "add_to_cart", "follow": "pay_success", "by": "gender", "limit": "2"}, {"filter": "p_price > 100", "follow_filter": "p_coupon"},
         lambda e: float(e["props"].get("price", 0)) > 100, lambda e: e["props"].get("coupon") == "true"),
        ({"event": "no_such_event"}, {}, always, always), ({"follow": "no_such_event", "periods": "0"}, {}, always, always)]:
    same(f"retention {p}", event_retention(log, p, keep, keep_follow), report(store, "retention/event_retention", **p, **asked))

for p in ({}, {"side": "end"}, {"page": "pages/home", "depth": "3"}, {"page": "pages/checkout", "side": "end", "depth": "8", "limit": "1000"},
          {"from": "2026-03-10", "to": "2026-03-10", "limit": "1000", "depth": "20"}, {"depth": "2"}, {"page": "nowhere"}):
    rows = report(store, "paths/flow", **p)
    same(f"flow {p}", flow(log, p, always), rows)
    if p.get("limit") == "1000" and "side" not in p:
        # As many leave a page at a step, onwards or for good, as came to it.
        came, went = Counter(), Counter()
        for step, a, b, n, *_ in rows:
            went[step, a] += n
            came[step + 1, b] += n if b != "(exit)" else 0
        assert all(went[place] == n for place, n in came.items() if place[0] < 20)
        assert sum(row[3] for row in rows if row[0] == 1) == sum(v["is_entry"] for v in log.visits if v["session_dt"] == day_no("2026-03-10"))
same("flow on a Mac", flow(log, {}, lambda e: e["platform"] == "mac"), report(store, "paths/flow", filter="platform = 'mac'"))
for p in ({}, {"page": "pages/cart"}, {"limit": "5", "from": "2026-03-31"}):
    rows = report(store, "paths/edges", **p)
    same(f"edges {p}", moves(log, p, always), rows)
assert sum(row[2] for row in report(store, "paths/edges", limit=100000)) == len(log.visits)

for p, asked, member in [({}, {}, lambda e: e["event"] == "share"), ({"times": "3"}, {"member": "event = 'pay_success' AND gender = '女'"},
                         lambda e: e["event"] == "pay_success" and value_of(log, e, "gender") == "女"),
                         ({"from": "2026-03-05", "to": "2026-03-06"}, {"member": "false"}, lambda e: False)]:
    same(f"size {p}", segment_size(log, p, member), report(store, "segments/size", **p, **asked))
of_month = agreed


# 2. The official examples.

START = ms("2024-03-04T10:00:00+08:00")


def row(user, second, event, page=None, **more):
    moment = dt.datetime.fromtimestamp(START / 1000 + second, dt.timezone.utc)
    return {"user_id": user, "ts": moment.isoformat(timespec="milliseconds"), "event": event, **({"page": page} if page else {}), **more}


# The tutorial's funnel: 985 users, of whom 93.50, 84.04, 74.68 and 65.92 % took each next step.
chain = [985, 921, 774, 578, 381]
rows = [row(f"u{user}", step * 10, "abcde"[step]) for user in range(985) for step in range(5) if user < chain[step]]
tutorial = land(work.name, "tutorial", rows)
got = report(tutorial, "funnels/closed", steps="a,b,c,d,e")
assert column_values(got, 3) == chain and column_values(got, 4) == [1, 0.9350, 0.8404, 0.7468, 0.6592], got
agreed += 10
assert column_values(report(tutorial, "funnels/trend", steps="a,b,c,d,e", zone="Asia/Shanghai"), 4) == [1, 0.9350, 0.8404, 0.7468, 0.6592]
agreed += 5

# A user's events one after the other; steps; users at each step if closed; events at each step if open.
for number, (events, steps, of_closed, of_open) in enumerate([
        ("BACBC", "a,b,c", [1, 1, 1], [1, 2, 2]), ("AB", "a,a,b", [1, 0, 0], [1, 1, 1]), ("ACAB", "a,a,b", [1, 1, 1], [2, 2, 1]),
        ("ABA", "a,a,b", [1, 1, 0], [2, 2, 1]), ("AABB", "a,a,b,b", [1, 1, 1, 1], [2, 2, 2, 2]), ("ACB", "a,b", [1, 1], [1, 1]),
        ("ADBBC", "a,b,c", [1, 1, 1], [1, 2, 1])]):
    for spread, name in ((10, "later"), (0, "same")):
        small = land(work.name, f"example{number}{name}", [row("u", i * spread, e.lower(), seq=i) for i, e in enumerate(events)])
        assert column_values(report(small, "funnels/closed", steps=steps), 3) == of_closed, (events, steps, name)
        assert column_values(report(small, "funnels/open", steps=steps, metric="pv"), 3) == of_open, (events, steps)
        agreed += 2 * len(of_closed)
got = report(f"{work.name}/example0later", "funnels/open", steps="a,b,c", metric="pv")
assert column_values(got, 4) == [1, 2, 1], got      # 200 %, 100 %
agreed += 3

# Retention: of 100 users 10 come two days later, of 1000 300: 10.0 and 30.0 %.
for size, back in ((100, 10), (1000, 300)):
    rows = [row(f"u{u}", 0, "page_view", "a") for u in range(size)] + [row(f"u{u}", 2 * 86_400, "page_view", "a") for u in range(back)]
    got = report(land(work.name, f"back{size}", rows), "retention/event_retention", periods=2)
    assert got[2][3:] == [2, back, back / size, True] and got[1][3:] == [1, 0, 0, True], got
    agreed += 8


# 3. Odd logs: every report on no event, one event, nothing but NULLs, gaps of a year, 10,000 pages.

EVERY = [("realtime/trend", {"zone": "Asia/Shanghai"}), ("realtime/so_far", {"zone": "Asia/Shanghai"}), ("realtime/pages", {"zone": "Asia/Shanghai"}),
         ("realtime/scenes", {"zone": "Asia/Shanghai"}), ("profile/portrait", {}), ("profile/gender_age", {}),
         ("events/analysis", {"zone": "Asia/Shanghai", "group1": "page"}), ("funnels/closed", {}), ("funnels/open", {}),
         ("funnels/trend", {"zone": "Asia/Shanghai"}), ("retention/event_retention", {}), ("paths/flow", {}), ("paths/edges", {}), ("segments/size", {})]
DEFAULT_STEPS = {"steps": "page_view,share"}
EXPECTED = {"realtime/trend": realtime_trend, "realtime/so_far": so_far, "realtime/pages": realtime_pages, "realtime/scenes": realtime_scenes,
            "profile/portrait": portrait, "profile/gender_age": gender_age,
            "events/analysis": lambda log, p: analysis(log, dict(p, group1="page"), always),
            "funnels/closed": lambda log, p: closed(log, dict(p, **DEFAULT_STEPS), always, {}),
            "funnels/open": lambda log, p: open_funnel(log, dict(p, **DEFAULT_STEPS), always, {}),
            "funnels/trend": lambda log, p: funnel_trend(log, dict(p, **DEFAULT_STEPS), always, {}),
            "retention/event_retention": lambda log, p: event_retention(log, p, always, always),
            "paths/flow": lambda log, p: flow(log, p, always), "paths/edges": lambda log, p: moves(log, p, always),
            "segments/size": lambda log, p: segment_size(log, p, lambda e: e["event"] == "share")}


def log_of(rows):
    plain = [{"page": None, "scene": None, "session_key": None, "os": None, "platform": None, "model": None, "props": {}, "seq": i, **r,
              "ts": int(dt.datetime.fromisoformat(r["ts"]).timestamp() * 1000)} for i, r in enumerate(rows)]
    return Log(plain, 8)


YEAR = 365 * 86_400
ODD = {
    "one_view": [row("u", 0, "page_view", "a")],
    "one_launch": [row("u", 0, "app_launch", scene=1001)],
    "nulls": [row(u, s, "page_view") for u in ("u", "v") for s in (0, 5, 4000)] + [row("u", 6, "share")],
    "year": [row(u, s + i * 9, e, "a" if e == "page_view" else None, scene=1000 + i) for s in (-2 * YEAR, -YEAR, 0)
             for i, u in enumerate(("u", "v", "w")) for e in ("app_launch", "page_view", "share")],
    "pages": [row(f"u{i % 7}", i * 3, "page_view", f"page/{i}", scene=1001) for i in range(10_000)],
    "midnight": [row("u", 14 * 3600 - 1, "app_launch", scene=1001), row("u", 14 * 3600 + 1, "page_view", "a", scene=1001),
                 row("v", 14 * 3600 + 5, "page_view", "b"), row("v", 14 * 3600 + 3600, "page_view", "b")],
}
for name, rows in ODD.items():
    at, small = land(work.name, name, rows), log_of(rows)
    for which, p in EVERY:
        same(f"{which} over {name}", EXPECTED[which](small, {}), report(at, which, **p))

empty = f"{work.name}/empty"
footfall("land", "--catalogue", f"{MONTH}/events.toml", "--store", empty, "--quiet")
for which, p in EVERY:
    days = {"day": "2026-03-02"} if which.startswith("realtime") else {"to": "2026-03-02"} if which.startswith("profile") else {
        "from": "2026-03-01", "to": "2026-03-02"}
    got = report(empty, which, **p, **days)
    counts = {"realtime/trend": 288, "realtime/so_far": 24, "profile/gender_age": 21, "funnels/closed": 2, "funnels/open": 2, "segments/size": 3}
    assert len(got) == counts.get(which, 0), f"{which} over no events: {got}"
    agreed += 1

everything = {f"{area}/{name[:-4]}" for area in AREAS for name in os.listdir(packs[area])}
assert everything == run_reports, f"not run: {everything - run_reports}"
print(f"reports_custom: {agreed:,} figures of {len(run_reports)} reports agreed, {of_month:,} of them over the bundled month")
