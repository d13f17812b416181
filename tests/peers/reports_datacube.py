#!/usr/bin/env python3
"""The ten reports in the shapes of WeChat's data API: over the bundled month against figures worked out here, and against the official samples.

usage: reports_datacube.py --footfall BIN [--pack DIR]
--pack is the folder of reports to run; without it those that are built in.
Nothing here asks Footfall how it counts. Opens, stays, pages, cohorts and portraits come from plain loops over the files of data/shop_month,
written from the definitions: the views' default rule of an open, stay by visits, days in Asia/Shanghai. Then small logs are made that have
the totals of real answers and of the official samples, whose numbers must come out digit by digit.
needs: pip install -r requirements.txt"""
import argparse
import collections
import csv
import datetime
import decimal
import json
import os
import struct
import subprocess
import tempfile
import zoneinfo

import pyarrow as pa
import pyarrow.parquet as pq

ap = argparse.ArgumentParser()
ap.add_argument("--footfall", required=True)
ap.add_argument("--pack")
args = ap.parse_args() if __name__ == "__main__" else None      # golden.py takes the definitions only

TOP = os.path.abspath(f"{os.path.dirname(__file__)}/../..")
MONTH = f"{TOP}/data/shop_month"
ZONE = zoneinfo.ZoneInfo("Asia/Shanghai")
MINUTE, DAY_MS = 60_000, 86_400_000
T = 30 * MINUTE
DAY = datetime.timedelta(days=1)
agreed = 0


def footfall(*arguments):
    done = subprocess.run([args.footfall, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(arguments)}: exit code {done.returncode}\n{done.stderr}"
    return done.stdout


def report(store, name, *arguments):
    """The report's objects; a number with a point as its text, so that digits are compared and not values."""
    pack = ["--pack", args.pack] if args.pack else []
    text = footfall("report", "--store", store, *pack, "--only", f"datacube/{name}", "--format", "json", "--quiet", *arguments)
    answer = json.loads(text, parse_float=str)
    return answer if isinstance(answer, list) else [answer]


def leaves(value):
    if isinstance(value, dict):
        return sum(leaves(v) for v in value.values())
    return sum(leaves(v) for v in value) if isinstance(value, list) else 1


def difference(expected, got, path=""):
    """The first place where two answers differ; names of an object must stand in the same order."""
    if isinstance(expected, dict) and isinstance(got, dict):
        if list(expected) != list(got):
            return f"{path}: names {list(expected)}, got {list(got)}"
        return next((d for d in (difference(v, got[k], f"{path}.{k}") for k, v in expected.items()) if d), None)
    if isinstance(expected, list) and isinstance(got, list):
        if len(expected) != len(got):
            return f"{path}: {len(expected)} items, got {len(got)}"
        return next((d for d in (difference(e, g, f"{path}[{i}]") for i, (e, g) in enumerate(zip(expected, got))) if d), None)
    same = type(expected) is type(got) and expected == got
    return None if same else f"{path}: expected {expected!r}, got {got!r}"


def same(what, expected, got):
    global agreed
    wrong = difference(expected, got)
    assert wrong is None, f"{what}{wrong}"
    agreed += leaves(expected)


def number(text):
    """As JSON is read above: a whole number as one, another as its text."""
    short = text.rstrip("0").rstrip(".") if "." in text else text
    return short if "." in short else int(short)


def ratio(numerator, denominator):
    """4 decimals, half up; nothing over nothing is 0."""
    value = decimal.Decimal(numerator) / denominator if denominator else decimal.Decimal(0)
    return number(str(value.quantize(decimal.Decimal("0.0001"), decimal.ROUND_HALF_UP)))


def single(numerator, denominator):
    """A 32-bit float with 6 decimals."""
    return number(f"{struct.unpack('f', struct.pack('f', numerator / denominator if denominator else 0))[0]:.6f}")


def yyyymmdd(day):
    return day.strftime("%Y%m%d")


def local_day(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, ZONE).date()


def events_of_month():
    """Each user's events in order. Sent again is what has the id of another event of the local day: the first that the server got stays."""
    table = pq.read_table(f"{MONTH}/events.parquet").select(
        ["user_id", "ts", "seq", "event", "page", "scene", "session_key", "os", "platform", "model", "event_id", "received_at"])
    for name in ("ts", "received_at"):
        table = table.set_column(table.column_names.index(name), name, table[name].cast(pa.timestamp("ms", "UTC")).cast(pa.int64()))
    rows = sorted(table.to_pylist(), key=lambda row: row["received_at"])
    known, users = set(), collections.defaultdict(list)
    for row in rows:
        row["day"] = local_day(row["ts"])
        if (row["event_id"], row["day"]) not in known:
            known.add((row["event_id"], row["day"]))
            users[row["user_id"]].append(row)
    for events in users.values():
        events.sort(key=lambda row: (row["ts"], row["seq"]))
    return users


def opens_of(events):
    """The user's events cut into opens.

    The client's key decides where it is known, and a NULL key inherits it within the gap. Else an open begins at app_launch, at app_show after
    more than T in the background, at app_show with another scene unless the event before is a share, and after any gap over T; a show that
    belongs to a launch begins nothing. What is remembered of key, scene and background lasts to the end of the next local day. An open is
    also cut at a midnight when the whole day before it held no beginning of its own."""
    opens, before = [], None
    key = scene = background = None     # each with the day on which it was last seen
    natural_day = None
    for row in events:
        def recent(memory):
            return memory[0] if memory and row["day"] - memory[1] <= DAY else None

        begins = cut = False
        if before is None:
            begins = True
        else:
            gap = row["ts"] - before["ts"] > T
            if recent(key) is not None and (row["session_key"] is not None or not gap):
                begins = row["session_key"] is not None and row["session_key"] != recent(key)
            elif gap or row["event"] == "app_launch":
                begins = True
            elif row["event"] == "app_show" and recent(background) != "launched":
                hidden_at = recent(background)
                begins = hidden_at is not None and row["ts"] - hidden_at > T
                begins = begins or (before["event"] != "share" and row["scene"] is not None and recent(scene) not in (None, row["scene"]))
            cut = not begins and row["day"] > before["day"] and natural_day != row["day"] - DAY
        if begins:
            natural_day, key = row["day"], None
        if begins or cut:
            opens.append([])
        opens[-1].append(row)
        if row["session_key"] is not None:
            key = (row["session_key"], row["day"])
        elif key is not None:
            key = (key[0], row["day"]) if recent(key) is not None else None
        if row["event"] in ("app_launch", "app_show") and row["scene"] is not None:
            scene = (row["scene"], row["day"])
        if row["event"] == "app_launch":
            background = ("launched", row["day"])
        elif row["event"] == "app_hide":
            background = (row["ts"], row["day"])
        elif row["event"] == "app_show" and background is not None and background[0] != "launched":
            background = None
        before = row
    return opens


def visits_of(opened):
    """Page views of an open with their stay in ms: to the next view, hide or the open's last event, and on from a show without a new view."""
    visits, running = [], None
    for row in opened:
        if row["event"] == "page_view":
            if visits and running is not None:
                visits[-1]["stay"] += row["ts"] - running
            visits.append({"page": row["page"], "day": row["day"], "stay": 0})
            running = row["ts"]
        elif row["event"] == "app_hide" and running is not None:
            visits[-1]["stay"] += row["ts"] - running
            running = None
        elif row["event"] == "app_show" and visits and running is None:
            running = row["ts"]
    if running is not None:
        visits[-1]["stay"] += opened[-1]["ts"] - running
    for visit in visits:
        visit["stay"] = visit["stay"] if 0 <= visit["stay"] <= DAY_MS else 0
    return visits


def monday(day):
    return day - day.weekday() * DAY


def next_month(first):
    return (first.replace(day=28) + 4 * DAY).replace(day=1)


class Periods:
    """Days, weeks or months: of a day its first day, the next one's first day, and how the API writes it."""

    def __init__(self, word, keys, first, after, ref):
        self.word, self.keys, self.first, self.after, self.ref = word, keys, first, after, ref

    def touched(self, start, end):
        period, periods = self.first(start), []
        while period <= end:
            periods.append(period)
            period = self.after(period)
        return periods


DAILY = Periods("daily", [0, 1, 2, 3, 4, 5, 6, 7, 14, 30], lambda d: d, lambda d: d + DAY, yyyymmdd)
WEEKLY = Periods("weekly", [0, 1, 2, 3, 4], monday, lambda d: d + 7 * DAY, lambda d: f"{yyyymmdd(d)}-{yyyymmdd(d + 6 * DAY)}")
MONTHLY = Periods("monthly", [0, 1], lambda d: d.replace(day=1), next_month, lambda d: d.strftime("%Y%m"))


class Facts:
    """What happened, open by open and view by view, and who the users are."""

    def __init__(self):
        self.users = events_of_month()
        self.opens, self.views, self.shares = [], [], []
        self.active = collections.defaultdict(set)
        self.first_day = {}
        for user, events in self.users.items():
            for opened in opens_of(events):
                visits = visits_of(opened)
                scene = next((row["scene"] for row in opened if row["scene"] is not None), None)
                for visit in visits:
                    self.views.append({"user": user, "scene": scene, "open_day": opened[0]["day"], **visit})
                    self.active[user].add(visit["day"])
                if visits:
                    self.opens.append({"day": opened[0]["day"], "scene": scene, "stay": sum(v["stay"] for v in visits),
                                       "depth": len({v["page"] for v in visits} - {None}), "entry": visits[0]["page"], "exit": visits[-1]["page"]})
            self.shares += [{"user": user, "day": row["day"], "page": row["page"]} for row in events if row["event"] == "share"]
            if self.active[user]:
                self.first_day[user] = min(self.active[user])
        self.profiles = {row["user_id"]: row for row in pq.read_table(f"{MONTH}/users.parquet").to_pylist()}
        days = [row["day"] for events in self.users.values() for row in events]
        self.start, self.end = min(days), max(days)


def daily_summary(facts, start, end):
    items = []
    for day in DAILY.touched(start, end):
        sharers = [s["user"] for s in facts.shares if s["day"] == day]
        items.append({"ref_date": yyyymmdd(day), "visit_total": sum(first <= day for first in facts.first_day.values()),
                      "share_pv": len(sharers), "share_uv": len(set(sharers))})
    return [{"list": items}]


def visit_trend(facts, periods, start, end):
    items = []
    for period in periods.touched(start, end):
        opens = [o for o in facts.opens if periods.first(o["day"]) == period]
        visitors = [v["user"] for v in facts.views if periods.first(v["day"]) == period]
        stay, people = sum(o["stay"] // 1000 for o in opens), len(set(visitors))
        items.append({"ref_date": periods.ref(period), "session_cnt": len(opens), "visit_pv": len(visitors), "visit_uv": people,
                      "visit_uv_new": sum(periods.first(first) == period for first in facts.first_day.values()),
                      "stay_time_uv": ratio(stay, people), "stay_time_session": ratio(stay, len(opens)),
                      "visit_depth": ratio(sum(o["depth"] for o in opens), len(opens))})
    return [{"list": items}]


def retain(facts, periods, start, end):
    seen = {user: {periods.first(day) for day in days} for user, days in facts.active.items()}
    rows = []
    for period in periods.touched(start, end):
        new = [u for u, first in facts.first_day.items() if periods.first(first) == period]
        active = [u for u, seen_in in seen.items() if period in seen_in]
        row = {"ref_date": periods.ref(period), "visit_uv_new": [], "visit_uv": []}
        later = period
        for key in range(max(periods.keys) + 1):
            if key in periods.keys and periods.after(later) <= facts.end + DAY:
                for name, cohort in (("visit_uv_new", new), ("visit_uv", active)):
                    row[name].append({"key": key, "value": sum(later in seen[u] for u in cohort)})
            later = periods.after(later)
        rows.append(row)
    return rows


def visit_page(facts, start, end, limit):
    rows = []
    for day in DAILY.touched(start, end):
        views = [v for v in facts.views if v["day"] == day]
        of_opens = [v for v in facts.views if v["open_day"] == day]
        opens = [o for o in facts.opens if o["day"] == day]
        shares = [s for s in facts.shares if s["day"] == day]
        items = []
        for page in {v["page"] for v in views + of_opens} | {s["page"] for s in shares}:
            seen = [v for v in views if v["page"] == page]
            stay = sum(v["stay"] for v in of_opens if v["page"] == page) // 1000
            shared = [s["user"] for s in shares if s["page"] == page]
            items.append({"page_path": page or "", "page_visit_pv": len(seen), "page_visit_uv": len({v["user"] for v in seen}),
                          "page_staytime_pv": single(stay, len(seen)),
                          "entrypage_pv": sum(o["entry"] == page for o in opens), "exitpage_pv": sum(o["exit"] == page for o in opens),
                          "page_share_pv": len(shared), "page_share_uv": len(set(shared))})
        items.sort(key=lambda item: (-item["page_visit_pv"], item["page_path"].encode()))
        rows.append({"ref_date": yyyymmdd(day), "list": items[:limit] if limit else items})
    return rows


with open(f"{TOP}/data/scenes/source_keys.csv", encoding="utf-8", newline="") as lines:
    SOURCES = {int(row["scene"]): int(row["key"]) for row in csv.DictReader(lines) if row["scene"]}
STAY_ENDS = [2, 5, 10, 20, 30, 50, 100]
DEPTH_ENDS = [1, 2, 3, 4, 5, 10]


def bucket(ends, value):
    return 1 + sum(value > end for end in ends)


def index(name, counts):
    return {"index": name, "item_list": [{"key": key, "value": counts[key]} for key in sorted(counts, reverse=True)]}


def visit_distribution(facts, start, end):
    rows = []
    for day in DAILY.touched(start, end):
        opens = [o for o in facts.opens if o["day"] == day]
        people = {(SOURCES.get(v["scene"], 10), v["user"]) for v in facts.views if v["day"] == day}
        rows.append({"ref_date": yyyymmdd(day), "list": [
            index("access_source_session_cnt", collections.Counter(SOURCES.get(o["scene"], 10) for o in opens)),
            index("access_staytime_info", collections.Counter(bucket(STAY_ENDS, o["stay"] // 1000) for o in opens)),
            index("access_depth_info", collections.Counter(bucket(DEPTH_ENDS, o["depth"]) for o in opens)),
            index("access_source_visit_uv", collections.Counter(source for source, _ in people))]})
    return rows


AGES = ["未知", "17岁以下", "18-24岁", "25-29岁", "30-39岁", "40-49岁", "50岁以上"]


def user_portrait(facts, end, days, limit):
    start = end - (days - 1) * DAY

    def terminal(events):
        named = [row["os"] or "" for row in events] + [row["platform"] or "" for row in events]
        latest = None
        for row in events:
            os_name, platform = (row["os"] or "").lower(), (row["platform"] or "").lower()
            if os_name.startswith(("ios", "ip")) or platform in ("ios", "iphone", "ipad"):
                latest = (1, "iPhone")
            elif os_name.startswith("android") or platform == "android":
                latest = (2, "android")
        return latest or ((3, "其他") if any(named) else (0, "未知"))

    def facts_of(user):
        events = [row for row in facts.users[user] if start <= row["day"] <= end]
        profile = facts.profiles.get(user, {})
        age = end.year - profile["birth_year"] if profile.get("birth_year") is not None else None
        band = 0 if age is None or not 0 <= age <= 120 else bucket([17, 24, 29, 39, 49], age)
        gender = {"男": 1, "女": 2}.get(profile.get("gender"), 0)
        return {"province": (0, profile.get("province") or "未知"), "city": (0, profile.get("city") or "未知"),
                "genders": (gender, ["未知", "男", "女"][gender]), "platforms": terminal(events),
                "devices": (0, next((row["model"] for row in reversed(events) if row["model"]), "未知")), "ages": (band, AGES[band])}

    def portrait(users):
        known = [facts_of(user) for user in users]
        lists = {}
        for name in ("province", "city", "genders", "platforms", "devices", "ages"):
            counts = collections.Counter(person[name] for person in known).items()
            by_id = name in ("genders", "platforms", "ages")
            counts = sorted(counts, key=lambda c: c[0][0] if by_id else (-c[1], c[0][1].encode()))
            lists[name] = [{"id": i, "name": n, "value": value} for (i, n), value in counts]
        lists["devices"] = [{"name": item["name"], "value": item["value"]} for item in lists["devices"]][:limit or None]
        return lists

    return [{"ref_date": yyyymmdd(end) if days == 1 else f"{yyyymmdd(start)}-{yyyymmdd(end)}",
             "visit_uv_new": portrait([u for u, first in facts.first_day.items() if start <= first <= end]),
             "visit_uv": portrait([u for u, seen in facts.active.items() if any(start <= day <= end for day in seen)])}]


def month(store):
    facts = Facts()
    opens, views = len(facts.opens), len(facts.views)
    print(f"the month, worked out here: {opens} opens, {views} views, {len(facts.first_day)} users, {len(facts.shares)} shares")
    some = (datetime.date(2026, 3, 6), datetime.date(2026, 3, 17))
    wide = (facts.start - 40 * DAY, facts.end + 9 * DAY)
    for start, end in ((facts.start, facts.end), some, wide):
        span = ["--from", str(start), "--to", str(end)]
        same("daily_summary", daily_summary(facts, start, end), report(store, "daily_summary", *span))
        for periods in (DAILY, WEEKLY, MONTHLY):
            word = periods.word
            same(f"{word}_visit_trend", visit_trend(facts, periods, start, end), report(store, f"{word}_visit_trend", *span))
            same(f"{word}_retain", retain(facts, periods, start, end), report(store, f"{word}_retain", *span))
        same("visit_distribution", visit_distribution(facts, start, end), report(store, "visit_distribution", *span))
        for limit in (200, 5, 0):
            got = report(store, "visit_page", *span, *([] if limit == 200 else ["-p", f"limit={limit}"]))
            same(f"visit_page, limit {limit}", visit_page(facts, start, end, limit), got)
    for end in (facts.end, some[0], some[1], wide[1]):
        for days in (1, 7, 30):
            for limit in (20, 0):
                given = ["--to", str(end), "-p", f"days={days}", *([] if limit == 20 else ["-p", "limit=0"])]
                same(f"user_portrait, {days} days to {end}", user_portrait(facts, end, days, limit), report(store, "user_portrait", *given))


def land(folder, name, rows):
    """A store of made-up events: user, ms since the day's begin in UTC+8, event, page, scene."""
    users, ts, events, pages, scenes = zip(*rows)
    base = int(datetime.datetime(2017, 3, 13, tzinfo=ZONE).timestamp() * 1000)
    table = pa.table({"user_id": users, "ts": pa.array([base + t for t in ts], pa.timestamp("ms", "UTC")),
                      "seq": pa.array(range(len(rows)), pa.int64()), "event": events, "page": pa.array(pages, pa.string()),
                      "scene": pa.array(scenes, pa.int32())})
    pq.write_table(table, f"{folder}/{name}.parquet")
    footfall("land", f"{folder}/{name}.parquet", "--store", f"{folder}/{name}", "--tz", "Asia/Shanghai", "--quiet")
    return f"{folder}/{name}"


def spread(total, parts):
    return [total // parts + (i < total % parts) for i in range(parts)]


# Real days of a mini program: ref_date, opens, views, visitors, seconds in all, distinct pages in all; the three averages as WeChat gave them.
REAL_DAYS = [("20170412", 8, 49, 4, 295, 26, "73.75", "36.875", "3.25"), ("20170414", 17, 58, 10, 1873, 42, "187.3", "110.1765", "2.4706"),
             ("20170419", 32, 197, 18, 1633, 113, "90.7222", "51.0313", "3.5313"),
             ("20170508", 117, 900, 44, 13710, 427, "311.5909", "117.1795", "3.6496"),
             ("20170510", 109, 786, 52, 13757, 376, "264.5577", "126.211", "3.4495")]


def real_days(folder):
    """A log with those totals: the averages must come out as WeChat wrote them."""
    rows, expected = [], []
    for name, opens, views, visitors, seconds, depth, by_user, by_open, deep in REAL_DAYS:
        day = (datetime.datetime.strptime(name, "%Y%m%d") - datetime.datetime(2017, 3, 13)).days * DAY_MS
        for i, (pages, seen, stay) in enumerate(zip(spread(depth, opens), spread(views, opens), spread(seconds, opens))):
            # An hour lies between the opens of a user.
            at = day + i // visitors * 60 * MINUTE
            rows += [(f"u{i % visitors}", at + 1000 * view // seen, "page_view", f"p{view % pages}", 1089) for view in range(seen)]
            rows.append((f"u{i % visitors}", at + stay * 1000, "app_hide", None, None))
        expected.append((name, opens, views, visitors, number(by_user), number(by_open), number(deep)))
    store = land(folder, "real_days", rows)
    given = report(store, "daily_visit_trend", "--from", "2017-04-12", "--to", "2017-05-10")[0]["list"]
    names = ["ref_date", "session_cnt", "visit_pv", "visit_uv", "stay_time_uv", "stay_time_session", "visit_depth"]
    got = [[item[name] for name in names] for item in given if item["session_cnt"]]
    same("real days", [list(e) for e in expected], got)


# The official sample of getVisitPage: seconds in all, views, the stay it prints.
SAMPLE_PAGES = [(1737141, 213429, "8.139198"), (5497735, 155030, "35.462395"), (447902, 65011, "6.889634"),
                (226400, 29953, "7.558508"), (82375, 8928, "9.22659")]


def sample_pages(folder):
    rows = []
    for page, (seconds, views, _) in enumerate(SAMPLE_PAGES):
        for i, stay in enumerate(spread(seconds, views)):
            rows += [(f"{page}-{i}", 0, "page_view", f"pages/{page}.html", 1089), (f"{page}-{i}", stay * 1000, "app_hide", None, None)]
    got = report(land(folder, "sample_pages", rows), "visit_page", "--date", "2017-03-13")[0]["list"]
    same("sample of getVisitPage", [[f"pages/{page}.html", views, number(stay)] for page, (_, views, stay) in enumerate(SAMPLE_PAGES)],
         [[item["page_path"], item["page_visit_pv"], item["page_staytime_pv"]] for item in got])


# The official sample of getVisitDistribution.
SAMPLE_SOURCES = {10: 5, 8: 687, 7: 10740, 6: 1961, 5: 677, 4: 653, 3: 1120, 2: 10243, 1: 116578}
SAMPLE_STAYS = {8: 16329, 7: 19322, 6: 21832, 5: 19539, 4: 29670, 3: 19667, 2: 11794, 1: 4511}
SAMPLE_DEPTHS = {5: 217, 4: 3259, 3: 32445, 2: 63542, 1: 43201}


def sample_distribution(folder):
    """As many opens as the sample has, at both edges of each bucket in turn; each by a user of its own, so that people are opens."""
    scenes = {key: scene for scene, key in sorted(SOURCES.items(), reverse=True)} | {10: 9999}
    edges = [(1, 2), (3, 5), (6, 10), (11, 20), (21, 30), (31, 50), (51, 100), (101, 1700)]
    sources = [scenes[key] for key, opens in SAMPLE_SOURCES.items() for _ in range(opens)]
    stays = [edges[key - 1][i % 2] * 1000 + i % 3 * 400 for key, opens in SAMPLE_STAYS.items() for i in range(opens)]
    depths = [key for key, opens in SAMPLE_DEPTHS.items() for _ in range(opens)]
    rows = []
    for i, (scene, stay, depth) in enumerate(zip(sources, stays, depths, strict=True)):
        rows += [(f"u{i}", 0, "page_view", f"p{page}", scene) for page in range(depth)]
        rows.append((f"u{i}", stay, "app_hide", None, None))
    got = report(land(folder, "sample_distribution", rows), "visit_distribution", "--date", "2017-03-13")
    same("sample of getVisitDistribution", [{"ref_date": "20170313", "list": [
        index("access_source_session_cnt", SAMPLE_SOURCES), index("access_staytime_info", SAMPLE_STAYS),
        index("access_depth_info", SAMPLE_DEPTHS), index("access_source_visit_uv", SAMPLE_SOURCES)]}], got)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        footfall("land", f"{MONTH}/events.parquet", "--store", f"{scratch}/month", "--quiet")
        footfall("land", f"{MONTH}/users.parquet", "--store", f"{scratch}/month", "--table", "users", "--quiet")
        month(f"{scratch}/month")
        print(f"the ten reports over the month: {agreed} figures agree")
        before = agreed
        real_days(scratch)
        sample_pages(scratch)
        sample_distribution(scratch)
        print(f"real days and official samples: {agreed - before} figures agree")
