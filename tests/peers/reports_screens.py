#!/usr/bin/env python3
"""The console screens of WeChat Mini Program analytics (sql/overview, sql/access, sql/campaigns): every figure over the bundled month, worked out
again from the definitions, the official worked examples, and small logs with gaps, profiles and missing values.

usage: reports_screens.py --footfall BIN [--pack DIR] [--data DIR]
The expected values come from plain Python over data/shop_month/*.parquet: duplicates by event_id removed, sessions by the rule of the views, one row
after the other. Footfall has no part in them. The header of each report is held against its answer, too: the columns it names, in their order, and
its `check` lines, which DuckDB evaluates.
needs: pip install -r requirements.txt"""
import argparse
import csv
import datetime as dt
import io
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict

import duckdb

TOP = os.path.abspath(f"{os.path.dirname(__file__)}/../..")
ap = argparse.ArgumentParser()
ap.add_argument("--footfall", required=True)
ap.add_argument("--pack", default=f"{TOP}/sql")
ap.add_argument("--data", default=f"{TOP}/data")
args = ap.parse_args(None if __name__ == "__main__" else ["--footfall", ""])      # golden.py takes the definitions only

AREAS = ["overview", "access", "campaigns"]
EPOCH = dt.date(1970, 1, 1)
agreed = 0
run_reports = set()


def day_no(text):
    return (dt.date.fromisoformat(text) - EPOCH).days


def date_of(day):
    return EPOCH + dt.timedelta(days=day)


def ymd(day):
    return date_of(day).strftime("%Y%m%d")


def ratio(n, d, decimals=4):
    """n / d, rounded half up; None over nothing."""
    if not d or n is None:
        return None
    scale = 10 ** decimals
    return (n * scale * 2 + d) // (2 * d) / scale


def single(n, d):
    """n / d in single precision, 6 decimals."""
    return round(struct.unpack("f", struct.pack("f", n / d))[0], 6) if d else None


# The log, read by the definitions.

class Log:
    """Events of a store in a zone without summer time. Rows: user, us, seq, event, page, query, scene, key, share_channel, amount."""

    def __init__(self, rows, hours, first_seen=None):
        self.shift = hours * 3_600_000_000
        self.opens, self.visits, self.shares, self.trades = [], [], [], []
        self.newest = None
        users = defaultdict(list)
        for row in rows:
            users[row["user"]].append(row)
            day = self.day(row["us"])
            self.newest = day if self.newest is None else max(self.newest, day)
        for user in sorted(users):
            self.read(user, sorted(users[user], key=lambda r: (r["us"], r["seq"])))
        self.first_day = {}
        for v in self.visits:
            self.first_day[v["user"]] = min(v["dt"], self.first_day.get(v["user"], v["dt"]))
        for user, us in (first_seen or {}).items():
            if user in self.first_day:
                self.first_day[user] = min(self.first_day[user], self.day(us))

    def day(self, us):
        return (us + self.shift) // 86_400_000_000

    def starts(self, rows):
        """Which rows begin an open: the client's key where it is known, else launch, show after 30 minutes in the background, show with another
        scene but not right after a share, any gap over 30 minutes. What is remembered lasts to the end of the next day; a session is cut at
        midnight when the whole day before held no boundary of its own."""
        limit = 1_800_000_000
        answer, natural_days = [], set()
        key = scene = hidden = launched = None          # each with the day on which it was written down
        before = None
        for row in rows:
            today = self.day(row["us"])

            def known(fact):
                return fact[0] if fact is not None and today - fact[1] <= 1 else None

            if before is None:
                natural = True
            else:
                gap = row["us"] - before["us"]
                old = known(key)
                if row["key"] is not None and old is not None:
                    natural = row["key"] != old
                elif old is not None and gap <= limit:
                    natural = False
                elif gap > limit or row["event"] == "app_launch":
                    natural = True
                elif row["event"] == "app_show" and known(launched) is None:
                    away = known(hidden)
                    other = row["scene"] is not None and known(scene) is not None and row["scene"] != known(scene)
                    natural = (away is not None and row["us"] - away > limit) or (other and before["event"] != "share")
                else:
                    natural = False
            cut = before is not None and today != self.day(before["us"]) and today - 1 not in natural_days
            answer.append(natural or cut)
            if natural:
                natural_days.add(today)
                key = None
            if row["key"] is not None:
                key = (row["key"], today)
            if row["event"] in ("app_launch", "app_show"):
                hidden = None
                if row["scene"] is not None:
                    scene = (row["scene"], today)
            if row["event"] == "app_launch":
                launched = (True, today)
            if row["event"] == "app_hide":
                launched, hidden = None, (row["us"], today)
            before = row
        return answer

    def read(self, user, rows):
        opens = []
        for row, starts in zip(rows, self.starts(rows)):
            if starts:
                opens.append([])
            opens[-1].append(row)
        for number, events in enumerate(opens):
            day = self.day(events[0]["us"])
            views, since = [], None
            scene = next((e["scene"] for e in events if e["scene"] is not None), None)
            for e in events:
                if e["event"] == "page_view":
                    if since is not None:
                        views[-1]["stay"] += e["us"] - since
                    views.append({"user": user, "open": (user, number), "page": e["page"], "query": e["query"], "us": e["us"], "seq": e["seq"],
                                  "dt": self.day(e["us"]), "session_dt": day, "stay": 0, "scene": scene})
                    since = e["us"]
                elif e["event"] == "app_hide":
                    if since is not None:
                        views[-1]["stay"] += e["us"] - since
                    since = None
                elif e["event"] == "app_show" and views and since is None:
                    since = e["us"]
            if since is not None:
                views[-1]["stay"] += events[-1]["us"] - since
            for i, v in enumerate(views):
                v["stay_ms"] = 0 if v["stay"] > 86_400_000_000 else v["stay"] // 1000
                v["is_entry"], v["is_exit"] = i == 0, i + 1 == len(views)
            if views:
                self.opens.append({"user": user, "open": (user, number), "day": day, "us": events[0]["us"], "scene": scene, "views": len(views),
                                   "depth": len({v["page"] for v in views if v["page"] is not None}), "entry": views[0], "last": views[-1],
                                   "stay_ms": sum(v["stay_ms"] for v in views), "stay_s": sum(v["stay_ms"] for v in views) // 1000})
            self.visits += views
        for e in rows:
            if e["event"] == "share":
                self.shares.append({"user": user, "dt": self.day(e["us"]), "page": e["page"], "channel": e["share_channel"]})
            if e["event"] == "pay_success":
                self.trades.append({"user": user, "us": e["us"], "amount": e["amount"]})

    def opens_of(self, a, b):
        return [o for o in self.opens if a <= o["day"] <= b]

    def visits_of(self, a, b):
        return [v for v in self.visits if a <= v["dt"] <= b]

    def visits_of_opens(self, a, b):
        return [v for v in self.visits if a <= v["session_dt"] <= b]

    def shares_of(self, a, b):
        return [s for s in self.shares if a <= s["dt"] <= b]

    def new_of(self, a, b):
        return {u for u, d in self.first_day.items() if a <= d <= b}


def users_of(rows):
    return len({r["user"] for r in rows})


def bytes_of(text):
    """Text as the reports sort it; a missing one comes last."""
    return (text is None, (text or "").encode())


# The two tables of scenes.

def scenes(name):
    with open(f"{args.data}/scenes/{name}.csv", encoding="utf-8", newline="") as file:
        return {int(r["scene"]): r for r in csv.DictReader(file) if r["scene"]}


SOURCES, TREE = scenes("source_keys"), scenes("scene_tree")
TESTS = {1017, 1030, 1059, 1101, 1129, 1203}


def source(scene):
    row = SOURCES.get(scene)
    return (int(row["key"]), row["source"]) if row else (10, "其他")


def channel(scene):
    row = TREE.get(scene)
    return (row["channel"], row["sub_channel"]) if row else ("其他", "其他")


# Each report, as rows in their order. `a` and `b` are days, `p` the other parameters.

def trend_figures(log, a, b):
    opens, visits = log.opens_of(a, b), log.visits_of(a, b)
    stay, visitors = sum(o["stay_s"] for o in opens), users_of(visits)
    return [len(opens), len(visits), visitors, len(log.new_of(a, b)), ratio(stay, visitors), ratio(stay, len(opens)),
            ratio(sum(o["depth"] for o in opens), len(opens))]


def periods(a, b, by):
    """First and last day of each period that the range touches, and its name."""
    found = []
    for day in range(a, b + 1):
        date = date_of(day)
        if by == "day":
            first, last, name = day, day, ymd(day)
        elif by == "week":
            first = day - date.weekday()
            last, name = first + 6, f"{ymd(first)}-{ymd(first + 6)}"
        else:
            first = day - date.day + 1
            last = (date.replace(day=1) + dt.timedelta(days=31)).replace(day=1).toordinal() - EPOCH.toordinal() - 1
            name = date.strftime("%Y%m")
        if (first, last, name) not in found:
            found.append((first, last, name))
    return found


def visit_trend(by):
    return lambda log, a, b, p: [[name, *trend_figures(log, first, last)] for first, last, name in periods(a, b, by)]


def summary(log, a, b, p):
    date = date_of(b)
    last_month = date.replace(day=1) - dt.timedelta(days=1)
    month = last_month.replace(day=min(date.day, last_month.day)).toordinal() - EPOCH.toordinal()

    def figures(day):
        opens, visits, visitors, new, stay_uv, stay_open, depth = trend_figures(log, day, day)
        shares = log.shares_of(day, day)
        total = sum(first <= day for first in log.first_day.values())
        return [opens, visits, visitors, new, total, len(shares), users_of(shares), stay_uv, stay_open, depth]

    def change(now, then):
        if now is None or not then:
            return None
        now, then = round(now * 10000), round(then * 10000)
        size = (abs(now - then) * 20000 + then) // (2 * then) / 100
        return -size if now < then else size

    names = ["session_cnt", "visit_pv", "visit_uv", "visit_uv_new", "visit_total", "share_pv", "share_uv", "stay_time_uv", "stay_time_session",
             "visit_depth"]
    now, *others = [figures(day) for day in (b, b - 1, b - 7, month)]
    return [[name, ..., value, *(change(value, other[i]) for other in others)] for i, (name, value) in enumerate(zip(names, now))]


def trend(log, a, b, p):
    rows, back = [], int(p.get("compare_days", 0))
    for ref in range(a, b + 1):
        for period, day in [("chosen", ref)] + ([("earlier", ref - back)] if back > 0 else []):
            opens, visits, visitors, new, stay_uv, stay_open, _ = trend_figures(log, day, day)
            shares = log.shares_of(day, day)
            total = sum(first <= day for first in log.first_day.values())
            rows.append([ymd(ref), period, ymd(day), total, opens, visits, visitors, new, len(shares), users_of(shares), stay_uv, stay_open])
    return rows


def top_pages(log, a, b, p):
    if p.get("by", "visits") == "visits":
        times = Counter(v["page"] for v in log.visits_of(a, b))
    else:
        times = Counter(v["page"] for v in log.visits_of_opens(a, b) if v["is_entry"])
    of_all = sum(times.values())
    rows = sorted(times.items(), key=lambda item: (-item[1], bytes_of(item[0])))[:int(p.get("limit", 10))]
    return [[page, n, ratio(n, of_all)] for page, n in rows]


def grouped_sources(log, a, b, p, name):
    opens = [o for o in log.opens_of(a, b) if p.get("leave_out_tests") != "true" or o["scene"] not in TESTS]
    groups = defaultdict(list)
    for o in opens:
        groups[name(o["scene"])].append(o)
    return groups, len(opens), users_of(opens)


def sources_legacy(log, a, b, p):
    groups, opens, users = grouped_sources(log, a, b, p, source)
    rows = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return [[key, name, len(g), ratio(len(g), opens), users_of(g), ratio(users_of(g), users)] for (key, name), g in rows]


def sources_wedata(log, a, b, p):
    level = p.get("level", "channel")

    def name(scene):
        first, second = channel(scene)
        return (first, second if level != "channel" else None, scene if level == "scene" else None)

    groups, opens, users = grouped_sources(log, a, b, p, name)
    rows = sorted(groups.items(), key=lambda item: (-len(item[1]), bytes_of(item[0][0]), bytes_of(item[0][1]), (item[0][2] is None, item[0][2])))
    return [[" / ".join(str(part) for part in n if part is not None), *n, len(g), ratio(len(g), opens), users_of(g), ratio(users_of(g), users),
             ratio(sum(o["stay_s"] for o in g), users_of(g)), ratio(sum(o["stay_s"] for o in g), len(g))] for n, g in rows]


def new_user_sources(log, a, b, p):
    level = p.get("level", "channel")
    first = {}
    for v in sorted(log.visits_of(a, b), key=lambda v: (v["us"], v["seq"])):
        first.setdefault(v["user"], v["scene"])
    names = {"channel": lambda s: channel(s)[0], "sub_channel": lambda s: " / ".join(channel(s)),
             "scene": lambda s: "其他" if s is None else str(s), "source": lambda s: source(s)[1]}
    groups = Counter(names[level](first.get(user)) for user in log.new_of(a, b))
    of_all = sum(groups.values())
    return [[name, n, ratio(n, of_all)] for name, n in sorted(groups.items(), key=lambda item: (-item[1], bytes_of(item[0])))]


def distribution(names, bound, value):
    def rows(log, a, b, p):
        opens = log.opens_of(a, b)
        values = [value(o) for o in opens]
        if p.get("by") == "users":
            sums = Counter()
            for o in opens:
                sums[o["user"]] += value(o)
            values = list(sums.values())
        buckets = Counter(next((i for i, top in enumerate(bound) if v <= top), len(bound)) for v in values)
        return [[i + 1, name, buckets[i], ratio(buckets[i], len(values))] for i, name in enumerate(names)]
    return rows


stay_distribution = distribution(["0-2", "3-5", "6-10", "11-20", "21-30", "31-50", "51-100", ">100"], [2, 5, 10, 20, 30, 50, 100],
                                 lambda o: o["stay_s"])
depth_distribution = distribution(["1", "2", "3", "4", "5", "6-10", ">10"], [1, 2, 3, 4, 5, 10], lambda o: o["depth"])


def opens_per_user(log, a, b, p):
    rows = []
    for days in (1, 7, 30):
        opens = Counter(o["user"] for o in log.opens_of(b - days + 1, b))
        tops = [1, 2, 3, 4, 5, 10, 20, 50]
        buckets = Counter(next((i for i, top in enumerate(tops) if n <= top), 8) for n in opens.values())
        for i, name in enumerate(["1", "2", "3", "4", "5", "6-10", "11-20", "21-50", ">50"]):
            rows.append([days, ratio(sum(opens.values()), len(opens)), i + 1, name, buckets[i], ratio(buckets[i], len(opens))])
    return rows


def active_days(log, a, b, p):
    days = int(p.get("days", 30))
    of = defaultdict(set)
    for v in log.visits_of(b - days + 1, b):
        of[v["user"]].add(v["dt"])
    counts = Counter(len(s) for s in of.values())
    return [[n, counts[n], ratio(counts[n], len(of))] for n in range(1, days + 1)]


def effective_visits(log, a, b, p):
    rows = []
    for day in range(a, b + 1):
        opens = log.opens_of(day, day)
        good = [o for o in opens if o["stay_ms"] > float(p.get("seconds", 3)) * 1000]
        rows.append([ymd(day), len(opens), len(good), ratio(len(good), len(opens)), users_of(opens), users_of(good),
                     ratio(users_of(good), users_of(opens))])
    return rows


def returning_and_lost(log, a, b, p):
    days = defaultdict(set)
    for v in log.visits:
        days[v["user"]].add(v["dt"])
    for user, first in log.first_day.items():
        days[user].add(first)

    def away(user, day):
        """No visit on the 90 days that end with the day."""
        return not any(day - 89 <= d <= day for d in days[user])

    rows = []
    for day in range(a, b + 1):
        visitors = {v["user"] for v in log.visits if v["dt"] == day}
        known = [u for u, first in log.first_day.items() if first <= day]
        back = [u for u in visitors if log.first_day[u] < day and away(u, day - 1)]
        lost = [u for u in known if away(u, day)]
        newly = [u for u in lost if not away(u, day - 1)]
        rows.append([ymd(day), len(visitors), len(back), ratio(len(back), len(visitors)), len(known), len(lost), ratio(len(lost), len(known)),
                     len(newly)])
    return rows


def lifecycle(log, a, b, p):
    rows, by = [], p.get("by", "day")
    for first, last, name in periods(a, b, by):
        earlier = periods(first - 1, first - 1, by)[0]
        now = {v["user"] for v in log.visits_of(first, last)}
        then = {v["user"] for v in log.visits_of(earlier[0], earlier[1])}
        new = {u for u in now if log.first_day[u] >= first}
        kept = (now & then) - new
        rows.append([name, len(now), len(new), len(kept), len(now) - len(new) - len(kept), len(then - now),
                     None if log.newest is None else log.newest >= last])
    return rows


def retention(by, keys):
    def rows(log, a, b, p):
        found = []
        for first, last, name in periods(a, b, by):
            for kind in ("visit_uv_new", "visit_uv"):
                cohort = log.new_of(first, last) if kind == "visit_uv_new" else {v["user"] for v in log.visits_of(first, last)}
                for key in keys:
                    start, end = first, last
                    for _ in range(key):
                        start, end, _ = periods(end + 1, end + 1, by)[0]
                    begun = log.newest is not None and log.newest >= start
                    again = cohort if key == 0 else cohort & {v["user"] for v in log.visits_of(start, end)}
                    value = len(again) if begun else None
                    found.append([name, kind, key, value, ratio(value, len(cohort)) if begun else None,
                                  None if log.newest is None else log.newest >= end])
        return found
    return rows


def retention_next_day(log, a, b, p):
    rows = []
    for day in range(a, b + 1):
        now = {v["user"] for v in log.visits_of(day, day)}
        then = {v["user"] for v in log.visits_of(day - 1, day - 1)}
        new = log.new_of(day - 1, day - 1)
        rows.append([ymd(day), len(then), len(then & now), ratio(len(then & now), len(then)), len(new), len(new & now),
                     ratio(len(new & now), len(new)), None if log.newest is None else log.newest >= day])
    return rows


def page_figures(log, a, b):
    """Of each page: visits, visitors, stay per visit, stay per open, entries, exits, shares, sharers, exit rate."""
    visits, of_opens, shares = defaultdict(list), defaultdict(list), defaultdict(list)
    for v in log.visits_of(a, b):
        visits[v["page"]].append(v)
    for v in log.visits_of_opens(a, b):
        of_opens[v["page"]].append(v)
    for s in log.shares_of(a, b):
        shares[s["page"]].append(s)
    for page in {*visits, *of_opens, *shares}:
        n, inside = len(visits[page]), of_opens[page]
        stay = sum(v["stay_ms"] for v in inside) // 1000
        exits = sum(v["is_exit"] for v in inside)
        yield page, [n, users_of(visits[page]), single(stay, n), ratio(stay, len({v["open"] for v in inside})), sum(v["is_entry"] for v in inside),
                     exits, len(shares[page]), users_of(shares[page]), ratio(exits, n)]


def pages(log, a, b, p):
    rows = []
    for day in range(a, b + 1):
        of_day = sorted(page_figures(log, day, day), key=lambda item: (-item[1][0], bytes_of(item[0])))
        rows += [[ymd(day), page, *f[:3], *f[4:]] for page, f in of_day]
    return rows


PAGE_COLUMNS = ["page_visit_pv", "page_visit_uv", "page_staytime_pv", "page_staytime_session", "entrypage_pv", "exitpage_pv", "page_share_pv",
                "page_share_uv", "exit_rate"]


def pages_range(log, a, b, p):
    rows = sorted(page_figures(log, a, b), key=lambda item: bytes_of(item[0]))
    sort, descending = p.get("sort", "page_visit_pv"), p.get("order", "desc") == "desc"
    if sort == "page_path":
        rows.sort(key=lambda item: item[0].encode() if item[0] is not None else b"", reverse=descending)
        rows.sort(key=lambda item: item[0] is None)
    else:
        column = PAGE_COLUMNS.index(sort)
        rows.sort(key=lambda item: (item[1][column] is None, (item[1][column] or 0) * (-1 if descending else 1)))
    return [[page, *f] for page, f in rows][:int(p.get("limit", 200))]


def page_ratios(log, a, b, p):
    of = defaultdict(list)
    for v in log.visits_of_opens(a, b):
        of[v["page"]].append(v)
    rows = []
    for page, views in of.items():
        n, users, opens = len(views), users_of(views), len({v["open"] for v in views})
        stay, entries = sum(v["stay_ms"] for v in views) // 1000, sum(v["is_entry"] for v in views)
        left = [v for v in views if v["is_exit"]]
        rows.append([page, users, opens, n, ratio(stay, users), ratio(stay, opens), entries, ratio(entries, n), len(left), ratio(len(left), n),
                     ratio(users_of(left), users), ratio(len(left), opens)])
    return sorted(rows, key=lambda row: (-row[3], bytes_of(row[0])))[:int(p.get("limit", 200))]


def page_overview(log, a, b, p):
    opens = log.opens_of(a, b)
    views = Counter()
    for o in opens:
        views[o["user"]] += o["views"]
    depth = sum(o["depth"] for o in opens)
    return [[sum(views.values()), len(views), len(opens), ratio(depth, len(views)), ratio(depth, len(opens)),
             ratio(sum(n == 1 for n in views.values()), len(views)), ratio(sum(o["views"] == 1 for o in opens), len(opens))]]


def shares(log, a, b, p):
    by = p.get("by", "day")
    groups = defaultdict(list)
    for s in log.shares_of(a, b):
        groups[{"day": ymd(s["dt"]), "page": s["page"], "channel": s["channel"]}[by]].append(s)
    of_all = sum(map(len, groups.values()))
    order = sorted(groups.items(), key=lambda item: (0 if by == "day" else -len(item[1]), bytes_of(item[0])))
    return [[name, len(g), users_of(g), ratio(len(g), of_all), ratio(len(g), users_of(g))] for name, g in order]


def campaign(log, a, b, p):
    wanted = [p[name] for name in ("p1", "p2", "p3") if p.get(name)]
    scenes_wanted = [int(s) for s in re.findall(r"\d+", p.get("where", ""))]

    def is_led_in(o):
        parameters = (o["entry"]["query"] or "").split("&")
        return ((not p.get("page") or o["entry"]["page"] == p["page"]) and all(w in parameters for w in wanted)
                and (not scenes_wanted or o["scene"] in scenes_wanted))

    led_all = [o for o in log.opens_of(a, b) if is_led_in(o)]
    credit, limit = [], int(p.get("attribution_days", 7)) * 86_400_000_000
    for t in log.trades:
        before = [o for o in led_all if o["user"] == t["user"] and o["us"] <= t["us"]]
        last = max(before, key=lambda o: o["us"], default=None)
        if last and t["us"] - last["us"] <= limit:
            credit.append((last["day"], t))
    rows = []
    for first, last, name in ([(a, b, f"{ymd(a)}-{ymd(b)}")] if p.get("by") == "whole" else [(d, d, ymd(d)) for d in range(a, b + 1)]):
        led = [o for o in led_all if first <= o["day"] <= last]
        users, new = {o["user"] for o in led}, log.new_of(first, last)
        trades = [t for day, t in credit if first <= day <= last]
        cents = sum(int(t["amount"] * 100 + 0.5) for t in trades)
        rows.append([name, len(led), len(users), ratio(len(users), users_of(log.visits_of(first, last))), len(users & new),
                     ratio(len(users & new), len(new)), ratio(sum(o["stay_s"] for o in led), len(led)),
                     ratio(users_of([o for o in led if o["views"] == 1]), len(users)),
                     len(users & {s["user"] for s in log.shares_of(first, last)}), len(trades), users_of(trades), cents / 100])
    return rows


REPORTS = {
    "overview/summary": summary, "overview/trend": trend, "overview/top_pages": top_pages,
    "access/visit_trend_day": visit_trend("day"), "access/visit_trend_week": visit_trend("week"), "access/visit_trend_month": visit_trend("month"),
    "access/sources_legacy": sources_legacy, "access/sources_wedata": sources_wedata, "access/new_user_sources": new_user_sources,
    "access/stay_distribution": stay_distribution, "access/depth_distribution": depth_distribution, "access/opens_per_user": opens_per_user,
    "access/active_days": active_days, "access/effective_visits": effective_visits, "access/returning_and_lost": returning_and_lost,
    "access/lifecycle": lifecycle, "access/retention_day": retention("day", [0, 1, 2, 3, 4, 5, 6, 7, 14, 30]),
    "access/retention_week": retention("week", [0, 1, 2, 3, 4]), "access/retention_month": retention("month", [0, 1]),
    "access/retention_next_day": retention_next_day, "access/pages": pages, "access/pages_range": pages_range, "access/page_ratios": page_ratios,
    "access/page_overview": page_overview, "access/shares": shares, "campaigns/campaign": campaign,
}


# Footfall's answers, and the comparison.

def footfall(*arguments, text=None):
    done = subprocess.run([args.footfall, *arguments], capture_output=True, text=True, input=text)
    assert done.returncode == 0, f"{' '.join(arguments)}: exit code {done.returncode}\n{done.stderr}"
    return done.stdout


def header(report):
    """Columns and checks of the header, continuation lines joined; question and definitions are in both languages."""
    entries = []
    with open(f"{args.pack}/{report}.sql", encoding="utf-8") as file:
        for line in file:
            if not line.startswith("--"):
                break
            text = line[2:].rstrip()
            if text.startswith("  ") and entries:
                entries[-1] += " " + text.strip()
            else:
                entries.append(text.strip())
    columns = [re.fullmatch(r"column (\w+) = [^|]+ \| [^|:]+ : [^|]+ \| [^|]+", e) for e in entries if e.startswith("column ")]
    assert all(columns), f"{report}: a column line is not `column name = en | zh : definition | 定义`"
    questions = [e for e in entries if re.fullmatch(r"question: [^|]+\? \| [^|]+？", e)]
    assert len(questions) == 1, f"{report}: no line is `question: English? | 中文？`"
    return [c.group(1) for c in columns], [e.removeprefix("check:").strip() for e in entries if e.startswith("check:")]


def same(text, value):
    if value is ...:
        return True
    if value is None:
        return text == ""
    if isinstance(value, bool):
        return text == str(value).lower()
    if isinstance(value, (int, float)):
        return text != "" and float(text) == value
    return text == value


def type_of(texts):
    """The SQL type of a column of CSV."""
    texts = {text for text in texts if text}
    if texts and texts <= {"true", "false"}:
        return "BOOLEAN"
    return "DOUBLE" if all(re.fullmatch(r"-?[0-9.]+(e[-+]?[0-9]+)?", text) for text in texts) else "VARCHAR"


def ask(store, report, first, last, **p):
    """Header and rows of a report, its header and its checks held against them."""
    takes_from = "param from " in open(f"{args.pack}/{report}.sql", encoding="utf-8").read()
    days = ["--from", first, "--to", last] if takes_from else ["-p", f"to={last}"]
    given = [part for name, value in p.items() for part in ("-p", f"{name}={value}")]
    text = footfall("report", "--store", store, "--pack", args.pack, "--only", report, "--format", "csv", "--quiet", *days, *given)
    names, *rows = csv.reader(io.StringIO(text))
    columns, checks = header(report)
    assert names == columns, f"{report}: the header names {columns}, the answer has {names}"
    con = duckdb.connect()
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        file.write(text)
        file.flush()
        types = ", ".join(f"'{name}': '{type_of([row[i] for row in rows])}'" for i, name in enumerate(names))
        con.execute(f"create table answer as select * from read_csv('{file.name}', header = true, columns = {{{types}}})")
    for check in checks:
        held = con.execute(f"select {check} from answer").fetchone()[0]
        assert held or (held is None and not rows), f"{report} {p} {first} {last}: check does not hold: {check}\n{text[:2000]}"
    return names, rows


def compare(log, store, report, first, last, **p):
    """Every cell of the answer against the expected one."""
    global agreed
    names, rows = ask(store, report, first, last, **p)
    expected = REPORTS[report](log, day_no(first), day_no(last), p)
    run_reports.add(report)
    for number, (row, wanted) in enumerate(zip(rows, expected), 1):
        assert len(row) == len(wanted), f"{report}: {len(row)} columns, {len(wanted)} expected"
        for name, text, value in zip(names, row, wanted):
            assert same(text, value), f"{report} {p} {first} to {last}, row {number}, {name}: {text!r}, expected {value!r}\n{row}\n{wanted}"
            agreed += value is not ...
    assert len(rows) == len(expected), f"{report} {p} {first} to {last}: {len(rows)} rows, {len(expected)} expected"


def land(scratch, name, rows, zone="Asia/Shanghai", users=None):
    """A store of rows given as (user, time, event, page and more)."""
    store = f"{scratch}/{name}"
    lines = "\n".join(json.dumps({k: v for k, v in row.items() if v is not None}) for row in rows)
    footfall("land", "-", "--format", "jsonl", "--store", store, "--tz", zone, "--quiet", text=lines + "\n")
    if users:
        footfall("land", "-", "--format", "jsonl", "--store", store, "--table", "users", "--quiet",
                 text="\n".join(json.dumps(u) for u in users) + "\n")
    return store


def log_of(rows, hours, first_seen=None):
    def us(text):
        return int(dt.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()) * 1_000_000
    plain = [{"user": r["user_id"], "us": us(r["ts"]), "seq": i, "event": r["event"], "page": r.get("page"), "query": r.get("query"),
              "scene": r.get("scene"), "key": r.get("session_key"), "share_channel": r.get("share_channel"), "amount": 0.0}
             for i, r in enumerate(rows)]
    return Log(plain, hours, {u: us(t) for u, t in (first_seen or {}).items()})


def views(user, day, opens, scenes=None):
    """Opens of a day, each a text of pages, an hour apart; a view lasts ten seconds."""
    rows = []
    for i, text in enumerate(opens):
        for k, page in enumerate(text):
            rows.append({"user_id": user, "ts": f"{day}T{1 + i:02}:00:{10 * k:02}Z", "event": "page_view", "page": page,
                         "scene": scenes[i] if scenes else None})
    return rows


def cells(store, report, first, last, key, *wanted, **p):
    """The named cells of the one row whose first column is `key`."""
    global agreed
    names, rows = ask(store, report, first, last, **p)
    row = next(dict(zip(names, r)) for r in rows if r[0] == key)
    for name, value in wanted:
        assert same(row[name], value), f"{report} {key} {name}: {row[name]!r}, expected {value!r}"
        agreed += 1


def official_examples(scratch):
    day = "2026-03-02"
    # 甲 opens twice, A B D B and C A; 乙 once, B C B C B. Page B: 2 visitors, 2 opens, 5 visits.
    rows = views("甲", day, ["ABDB", "CA"]) + views("乙", day, ["BCBCB"])
    store = land(scratch, "example_b", rows)
    cells(store, "access/page_ratios", day, day, "B", ("visit_uv", 2), ("session_cnt", 2), ("visit_pv", 5))
    cells(store, "access/pages_range", day, day, "B", ("page_visit_uv", 2), ("page_visit_pv", 5))
    # 甲 opens 5 times, each with X, 15 views of it, and leaves there twice; 乙 opens 3 times, once with X, 5 views, and never leaves there:
    # 2 exits, 2/20 of the visits, 2/6 of the opens, 1/2 of the users.
    rows = views("甲", day, ["XXXY", "XXXY", "XXXY", "XXX", "XXX"]) + views("乙", day, ["XXXXXY", "YZ", "YZ"])
    store = land(scratch, "example_x", rows)
    cells(store, "access/page_ratios", day, day, "X", ("visit_pv", 20), ("session_cnt", 6), ("visit_uv", 2), ("exits", 2), ("exit_share", 0.1),
          ("exit_rate_opens", 0.3333), ("exit_rate_users", 0.5))
    cells(store, "access/pages_range", day, day, "X", ("exitpage_pv", 2), ("exit_rate", 0.1))
    # Bounces: of the opens of 甲 (AB, A) and 乙 (A) two of three saw one page; of the users only 乙 did.
    store = land(scratch, "example_bounce", views("甲", day, ["AB", "A"]) + views("乙", day, ["A"]))
    cells(store, "access/page_overview", day, day, "4", ("bounce_rate", 0.6667), ("bounce_rate_uv", 0.5))
    # detail?id=1 and detail?id=2 are one page; a user's opens of 3 and 2 pages are 5.
    rows = views("甲", day, ["ABC", "AB"])
    rows += [{**r, "user_id": "乙", "page": "detail", "query": f"id={i}"} for i, r in enumerate(views("乙", day, ["DD"]))]
    store = land(scratch, "example_depth", rows)
    cells(store, "access/depth_distribution", day, day, "5", ("times", 1), by="users")
    cells(store, "access/depth_distribution", day, day, "1", ("times", 1), ("share", 0.5), by="users")
    cells(store, "access/depth_distribution", day, day, "1", ("times", 1), ("share", 0.3333))
    # A new user came by an ad (1045), then by search (1005), then by the task bar (1089): of the new users' sources 1, of the sources 1, 1 and 1, and
    # each of them is all of the users.
    store = land(scratch, "example_source", views("甲", day, ["A", "A", "A"], [1045, 1005, 1089]))
    _, rows = ask(store, "access/new_user_sources", day, day)
    assert rows == [["广告", "1", "1"]], rows
    for name in ("广告", "搜索", "固定场景"):
        cells(store, "access/sources_wedata", day, day, name, ("opens", 1), ("opens_share", 0.3333), ("users", 1), ("users_share", 1))
    for key in ("33", "2", "29"):
        cells(store, "access/sources_legacy", day, day, key, ("opens", 1), ("users", 1), ("users_share", 1))
    # One scene, two names: 1052 is 24 卡券适用门店列表 and 卡包, 1150 is 4 扫一扫二维码 and 其他功能; 9999 and none are 其他.
    store = land(scratch, "example_scenes", views("甲", day, ["A", "A", "A", "A"], [1052, 1150, 9999, None]))
    for key, name, opens in (("24", "卡券适用门店列表", 1), ("4", "扫一扫二维码", 1), ("10", "其他", 2)):
        cells(store, "access/sources_legacy", day, day, key, ("source", name), ("opens", opens))
    for name, opens in (("固定场景 / 卡包", 1), ("微信功能 / 其他功能", 1), ("其他 / 其他", 2)):
        cells(store, "access/sources_wedata", day, day, name, ("opens", opens), level="sub_channel")


def every_report(log, store, first, last, leave_out=()):
    for report in REPORTS:
        if report not in leave_out:
            compare(log, store, report, first, last)
    compare(log, store, "overview/trend", first, last, compare_days=7)
    compare(log, store, "overview/trend", first, last, compare_days=1)
    compare(log, store, "overview/top_pages", first, last, by="entries", limit=3)
    compare(log, store, "access/sources_legacy", first, last, leave_out_tests="true")
    for level in ("sub_channel", "scene", "source"):
        compare(log, store, "access/new_user_sources", first, last, level=level)
        if level != "source":
            compare(log, store, "access/sources_wedata", first, last, level=level, leave_out_tests="true")
    compare(log, store, "access/stay_distribution", first, last, by="users")
    compare(log, store, "access/depth_distribution", first, last, by="users")
    compare(log, store, "access/active_days", first, last, days=7)
    compare(log, store, "access/effective_visits", first, last, seconds=10.5)
    for by in ("week", "month"):
        compare(log, store, "access/lifecycle", first, last, by=by)
    for column in ["page_path", *PAGE_COLUMNS]:
        compare(log, store, "access/pages_range", first, last, sort=column, order="asc")
        compare(log, store, "access/pages_range", first, last, sort=column, limit=5)
    compare(log, store, "access/page_ratios", first, last, limit=3)
    for by in ("page", "channel"):
        compare(log, store, "access/shares", first, last, by=by)
    compare(log, store, "campaigns/campaign", first, last, by="whole")


def month_rows(folder):
    """The events of the month, and how many rows there are."""
    # The same event_id on the same local day is one event: the row that was received first.
    rows = duckdb.sql(f"""
        select user_id, epoch_us(ts), seq, event, page, "query", scene, session_key, share_channel, props['amount'], event_id, epoch_us(received_at)
        from '{folder}/events.parquet'""").fetchall()
    seen, kept = set(), []
    for row in sorted(rows, key=lambda row: row[11]):
        identity = (row[10], (row[1] + 28_800_000_000) // 86_400_000_000)
        if row[10] is None or identity not in seen:
            seen.add(identity)
            amount = float(row[9]) if row[9] is not None else 0.0
            kept.append(dict(zip(["user", "us", "seq", "event", "page", "query", "scene", "key", "share_channel"], row[:9]), amount=amount))
    return kept, len(rows)


def bundled_month(scratch):
    folder = f"{args.data}/shop_month"
    store = f"{scratch}/shop"
    footfall("land", f"{folder}/events.parquet", "--store", store, "--catalogue", f"{folder}/events.toml", "--quiet")
    footfall("land", f"{folder}/users.parquet", "--store", store, "--table", "users", "--quiet")
    kept, rows = month_rows(folder)
    log = Log(kept, 8)
    print(f"the month: {len(kept)} events of {rows} rows, {len(log.opens)} opens, {len(log.visits)} visits, {len(log.first_day)} visitors",
          flush=True)
    every_report(log, store, "2026-03-01", "2026-03-31")
    every_report(log, store, "2026-03-20", "2026-03-20")
    every_report(log, store, "2026-03-29", "2026-04-02")
    every_report(log, store, "2026-02-27", "2026-03-02")
    compare(log, store, "access/returning_and_lost", "2026-05-25", "2026-07-05")
    for first, last in (("2026-03-01", "2026-03-31"), ("2026-03-10", "2026-03-12")):
        # A declared property by its column and by its name.
        for by, amount in (("day", "p_amount"), ("whole", "props.amount")):
            for p in ({"p1": "utm_source=moments"}, {"page": "pages/activity", "p1": "utm_campaign=spring_new", "p2": "utm_source=moments"},
                      {"p1": "utm_source=article", "where": "scene in (1058, 1091)", "attribution_days": 1}, {"p1": "utm_source=moment"}):
                compare(log, store, "campaigns/campaign", first, last, by=by, amount=amount, **p)


def gaps_and_profiles(scratch):
    """Users who come at random days over more than a year; profiles give some of them a first visit, older than the log or younger than theirs."""
    chance = random.Random(5)
    begin, rows, profiles = dt.date(2025, 1, 1), [], []
    for i in range(60):
        user, day = f"u{i:02}", chance.randrange(200)
        for _ in range(chance.randrange(1, 7)):
            date = begin + dt.timedelta(days=day)
            rows += [{"user_id": user, "ts": f"{date}T{chance.randrange(24):02}:{chance.randrange(60):02}:00Z", "event": "page_view",
                      "page": chance.choice(["A", "B", None]), "scene": chance.choice([1001, 1005, 1089, 4242, None])} for _ in range(2)]
            if chance.random() < 0.3:
                rows.append({"user_id": user, "ts": f"{date}T12:00:00Z", "event": "share", "page": chance.choice(["A", None]),
                             "share_channel": chance.choice(["friend", None])})
            day += chance.choice([1, 2, 7, 30, 88, 89, 90, 91, 92, 180])
        if chance.random() < 0.4:
            profiles.append((user, begin + dt.timedelta(days=chance.randrange(-400, 150))))
    profiles.append(("never came", begin))
    store = land(scratch, "gaps", rows, "UTC", [{"user_id": u, "first_seen": f"{d}T00:00:00Z"} for u, d in profiles])
    log = log_of(rows, 0, {u: f"{d}T00:00:00Z" for u, d in profiles})
    compare(log, store, "access/returning_and_lost", "2023-10-01", "2026-12-31")
    every_report(log, store, "2025-02-20", "2025-06-20")
    every_report(log, store, "2025-12-01", "2026-01-31")


def small_logs(scratch):
    day = "2026-03-02"
    store = f"{scratch}/empty"
    open(f"{scratch}/one.toml", "w", encoding="utf-8").write('[events.pay_success]\nname = "支付"\n')
    footfall("land", "--store", store, "--catalogue", f"{scratch}/one.toml", "--quiet")
    every_report(Log([], 8), store, day, "2026-03-04")
    for name, rows in {
        "one": [{"user_id": "u", "ts": f"{day}T01:00:00Z", "event": "page_view", "page": "A"}],
        "no_page": [{"user_id": "u", "ts": f"{day}T01:00:00Z", "event": "page_view"}],
        "no_view": [{"user_id": "u", "ts": f"{day}T01:00:00Z", "event": "app_launch", "scene": 1001}],
        # An open that begins before midnight in Shanghai and reaches its page after it; another that goes on into the next day.
        "midnight": [{"user_id": "u", "ts": "2026-03-02T15:59:50Z", "event": "app_launch", "scene": 1001},
                     {"user_id": "u", "ts": "2026-03-02T16:00:10Z", "event": "page_view", "page": "A", "scene": 1001},
                     {"user_id": "u", "ts": "2026-03-02T16:00:13Z", "event": "app_hide"},
                     {"user_id": "v", "ts": "2026-03-02T15:50:00Z", "event": "page_view", "page": "A"},
                     {"user_id": "v", "ts": "2026-03-02T16:10:00Z", "event": "page_view", "page": "B"},
                     {"user_id": "v", "ts": "2026-03-02T16:10:05Z", "event": "share", "page": "B", "share_channel": "friend"}],
        "year": views("u", "2024-02-29", ["AB", "A"]) + views("u", day, ["BA"]),
        # 10,000 pages, one view each: the limits hold, and pages with as many views stand in order of their path.
        "many_pages": [{"user_id": f"u{i % 7}", "ts": f"{day}T{i // 3600 + 1:02}:{i // 60 % 60:02}:{i % 60:02}Z", "event": "page_view",
                        "page": f"p/{i}"} for i in range(10_000)],
    }.items():
        log = log_of(rows, 8)
        every_report(log, land(scratch, name, rows), day, "2026-03-04")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        official_examples(scratch)
        print(f"official examples: {agreed} figures", flush=True)
        small_logs(scratch)
        print(f"and small logs: {agreed} figures", flush=True)
        gaps_and_profiles(scratch)
        print(f"and gaps and profiles: {agreed} figures", flush=True)
        bundled_month(scratch)
    here = {f"{area}/{name.removesuffix('.sql')}" for area in AREAS if os.path.isdir(f"{args.pack}/{area}")
            for name in os.listdir(f"{args.pack}/{area}") if name.endswith(".sql")}
    if left := sorted(here - run_reports):
        sys.exit(f"not compared: {', '.join(left)}")
    print(f"{agreed} figures of {len(run_reports)} reports agree")
