#!/usr/bin/env python3
"""What must hold between the reports of the pack whatever the data: totals that are the same in many reports, parts that add up, order that does not show.

usage: reports_invariants.py --footfall BIN [--rounds N] [--seed S] [--pack DIR]
Expected values: visits, visitors, new users and shares are counted here from the rows themselves; the rest are the identities that the definitions
demand (entries = exits = opens, distributions add up to opens, what enters a page leaves it, …). Random logs hold ties, rows sent twice, late events,
missing values, sessions over midnight and days of 23 and 25 hours; odd logs have figures worked out by hand, and every report in every format.
needs: pip install -r requirements.txt"""
import argparse
import datetime as dt
import random
import sys
import tempfile
import zoneinfo
from collections import Counter, defaultdict

from reports import Binary, csv_rows, ratio

ap = argparse.ArgumentParser()
ap.add_argument("--footfall", required=True)
ap.add_argument("--rounds", type=int, default=6)
ap.add_argument("--seed", type=int, default=0, help="the first seed")
ap.add_argument("--pack")
args = ap.parse_args()

DAY = dt.timedelta(days=1)
FORMS = ["json", "csv", "markdown", "html"]
ALL = 10_000_000        # a limit that cuts nothing
held = failed = 0


class Held:
    """Says which invariant of which log is broken: report, day, key, both figures, seed."""

    def __init__(self, log):
        self.log = log

    def same(self, what, day, key, got, wanted):
        self.holds(what, day, key, got, wanted, got == wanted)

    def at_most(self, what, day, key, got, most):
        self.holds(what, day, key, got, f"at most {most}", got <= most)

    def holds(self, what, day, key, got, wanted, is_so):
        global held, failed
        held += 1
        if not is_so:
            failed += 1
            if failed <= 40:
                print(f"{self.log}: {what}: day {day}, {key}: {got}, expected {wanted}", flush=True)


def ymd(day):
    return day.strftime("%Y%m%d")


def total(rows, column):
    return sum(row[column] or 0 for row in rows)


def by(rows, key, column):
    """Sums of a column by another one, or by the values of a function."""
    sums = Counter()
    for row in rows:
        sums[key(row) if callable(key) else row[key]] += row[column] or 0
    return {k: v for k, v in sums.items() if v}


def seconds(row, mean, count):
    """A total of whole seconds out of its mean of 4 decimals."""
    return round((row[mean] or 0) * (row[count] or 0))


# What the rows themselves say.

class Counted:
    def __init__(self, rows, zone, users=()):
        zone = zoneinfo.ZoneInfo(zone)

        def local(us):
            return (dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc) + dt.timedelta(microseconds=us)).astimezone(zone).date()

        known, self.views, self.shares, self.days = set(), [], [], set()
        for row in rows:
            day = local(row["ts"])
            if row.get("event_id") is not None:
                if (row["event_id"], day) in known:
                    continue
                known.add((row["event_id"], day))
            self.days.add(day)
            if row["event"] == "page_view":
                self.views.append((day, row["user_id"], row.get("page")))
            if row["event"] == "share":
                self.shares.append((day, row["user_id"], row.get("page")))
        self.first = {}
        for day, user, _ in self.views:
            self.first[user] = min(day, self.first.get(user, day))
        for user in users:
            if user["user_id"] in self.first and user.get("first_seen"):
                given = dt.datetime.fromisoformat(user["first_seen"]).astimezone(zone).date()
                self.first[user["user_id"]] = min(given, self.first[user["user_id"]])
        self.active = defaultdict(set)
        for day, user, _ in self.views:
            self.active[user].add(day)


def months(first, last):
    """From the first day of a month to the last day of one."""
    return first.replace(day=1), (last.replace(day=28) + 5 * DAY).replace(day=1) - DAY


def invariants(name, store, counted, start, end, days, whole_seconds, binary):
    """All of them over one range of whole months; real time and people on the chosen days."""
    check = Held(name)
    span = {"from": start, "to": end}
    r = binary.rows(store, **span, limit=ALL, day=end)

    answers = binary.asked(store, OVER_RANGE, **span, limit=ALL)

    def ask(report, **p):
        return answers[report, tuple(sorted(p.items()))]

    def ask_day(day, report, **p):
        return of_days[day][report, tuple(sorted(p.items()))]

    of_days = {day: binary.asked(store, OF_A_DAY, **{"from": day, "to": day}, day=day, limit=ALL) for day in days}

    # Every trend says the same of a day, and what the rows say.
    trend = {row["ref_date"]: row for row in r["access/visit_trend_day"]}
    overview = {row["ref_date"]: row for row in r["overview/trend"]}
    views_of, sharers_of = defaultdict(list), defaultdict(list)
    for day, user, _ in counted.views:
        views_of[day].append(user)
    for day, user, _ in counted.shares:
        sharers_of[day].append(user)
    arrived = Counter(counted.first.values())
    so_far = sum(n for day, n in arrived.items() if day < start)
    api = {row["ref_date"]: row for row in r["datacube/daily_visit_trend"][0]["list"]}
    summaries = {row["ref_date"]: row for row in r["datacube/daily_summary"][0]["list"]}
    day = start
    while day <= end:
        at = ymd(day)
        so_far += arrived[day]
        wanted = {"visit_pv": len(views_of[day]), "visit_uv": len(set(views_of[day])), "visit_uv_new": arrived[day]}
        for column, value in wanted.items():
            check.same("access/visit_trend_day", at, column, trend[at][column], value)
        for column in trend[at]:
            check.same("datacube/daily_visit_trend", at, column, api[at][column], trend[at][column] or (0 if column != "ref_date" else None))
            if column != "visit_depth":
                check.same("overview/trend", at, column, overview[at][column], trend[at][column])
        for column, value in {"visit_total": so_far, "share_pv": len(sharers_of[day]), "share_uv": len(set(sharers_of[day]))}.items():
            check.same("overview/trend", at, column, overview[at][column], value)
            check.same("datacube/daily_summary", at, column, summaries[at][column], value)
        day += DAY
    every_day = [ymd(start + i * DAY) for i in range((end - start).days + 1)]
    check.same("access/visit_trend_day", "all", "days", list(trend), every_day)
    opens, visits = total(trend.values(), "session_cnt"), total(trend.values(), "visit_pv")
    stay = sum(seconds(row, "stay_time_session", "session_cnt") for row in trend.values())
    depth = sum(seconds(row, "visit_depth", "session_cnt") for row in trend.values())
    for at, row in trend.items():
        check.same("access/visit_trend_day", at, "stay by users = by opens",
                   *((ratio(seconds(row, "stay_time_session", "session_cnt"), row["visit_uv"]), row["stay_time_uv"]) if row["visit_uv"] else (0, 0)))

    # The key figures of a day, and their changes.
    for last in days:
        figures = {row["figure"]: row for row in ask_day(last, "overview/summary")}
        month = last.replace(day=1) - DAY
        month = month.replace(day=min(last.day, month.day))
        for figure, row in figures.items():
            known = {**trend[ymd(last)], **overview[ymd(last)]}
            check.same("overview/summary", last, figure, row["value"], known[figure])
            for column, then in (("change_day", last - DAY), ("change_week", last - 7 * DAY), ("change_month", month)):
                if then >= start:
                    old = {**trend[ymd(then)], **overview[ymd(then)]}[figure]
                    change = None
                    if old and row["value"] is not None:
                        now, before = round(row["value"] * 10000), round(old * 10000)
                        change = (abs(now - before) * 20000 + before) // (2 * before) / 100 * (-1 if now < before else 1)
                    check.same("overview/summary", last, f"{figure} {column}", row[column], change)

    # Weeks and months: opens, visits, new users, stay and depth add up; people do not.
    for grain, word, of in (("week", "weekly", lambda d: d - d.weekday() * DAY), ("month", "monthly", lambda d: d.replace(day=1))):
        rows = r[f"access/visit_trend_{grain}"]
        shown = {row["ref_date"]: row for row in r[f"datacube/{word}_visit_trend"][0]["list"]}
        inside = defaultdict(list)
        for at, row in trend.items():
            inside[of(dt.date.fromisoformat(f"{at[:4]}-{at[4:6]}-{at[6:]}"))].append(row)
        check.same(f"access/visit_trend_{grain}", "all", "periods", len(rows), len(inside))
        for row, (first, parts) in zip(rows, sorted(inside.items())):
            people = {user for user, seen in counted.active.items() if any(of(d) == first for d in seen)}
            whole = grain == "month" or len(parts) == 7
            check.same(f"access/visit_trend_{grain}", first, "visit_uv", row["visit_uv"], len(people))
            for column in ("session_cnt", "visit_pv", "visit_uv_new") if whole else ():
                check.same(f"access/visit_trend_{grain}", first, column, row[column], total(parts, column))
            for column in ("stay_time_session", "visit_depth") if whole else ():
                check.same(f"access/visit_trend_{grain}", first, column, seconds(row, column, "session_cnt"),
                           sum(seconds(part, column, "session_cnt") for part in parts))
            for column, value in row.items():
                check.same(f"datacube/{word}_visit_trend", first, column, shown[row["ref_date"]][column], 0 if value is None else value)

    # Pages: entries = exits = opens; visits, stay and shares of all pages are those of the day.
    pages = defaultdict(list)
    for row in r["access/pages"]:
        pages[row["ref_date"]].append(row)
    cubes = {row["ref_date"]: row["list"] for row in r["datacube/visit_page"]}
    for at, row in trend.items():
        of_day = pages[at]
        for column, wanted in (("page_visit_pv", row["visit_pv"]), ("entrypage_pv", row["session_cnt"]), ("exitpage_pv", row["session_cnt"]),
                               ("page_share_pv", overview[at]["share_pv"])):
            check.same("access/pages", at, f"sum of {column}", total(of_day, column), wanted)
            check.same("datacube/visit_page", at, f"sum of {column}", total(cubes[at], column), wanted)
            check.same("datacube/visit_page", at, f"{column} of each page", by(cubes[at], "page_path", column),
                       by(of_day, lambda page: page["page_path"] or "", column))
        check.at_most("access/pages", at, "most page_visit_uv", max((p["page_visit_uv"] for p in of_day), default=0), row["visit_uv"])
        if whole_seconds and all(page["page_visit_pv"] for page in of_day):
            check.same("access/pages", at, "sum of stay", sum(seconds(p, "page_staytime_pv", "page_visit_pv") for p in of_day),
                       seconds(row, "stay_time_session", "session_cnt"))
    for of_day in pages.values():
        for page in of_day:
            check.same("access/pages", page["ref_date"], f"exit_rate of {page['page_path']}", page["exit_rate"],
                       ratio(page["exitpage_pv"], page["page_visit_pv"]))
    over_range = r["access/pages_range"]
    for column in ("page_visit_pv", "entrypage_pv", "exitpage_pv", "page_share_pv"):
        check.same("access/pages_range", "all", column, by(over_range, "page_path", column), by(r["access/pages"], "page_path", column))
    check.same("overview/top_pages", "all", "by=visits", by(r["overview/top_pages"], "page_path", "times"), by(over_range, "page_path", "page_visit_pv"))
    check.same("overview/top_pages", "all", "by=entries", by(ask("overview/top_pages", by="entries"), "page_path", "times"),
               by(over_range, "page_path", "entrypage_pv"))
    ratios, glance = r["access/page_ratios"], r["access/page_overview"][0]
    people = len({user for day, user, _ in counted.views if start <= day <= end})
    check.same("access/page_overview", "all", "session_cnt", glance["session_cnt"], opens)
    check.same("access/page_overview", "all", "visit_pv", glance["visit_pv"], total(ratios, "visit_pv"))
    check.same("access/page_overview", "all", "visit_depth", glance["visit_depth"], ratio(depth, opens))
    check.same("access/page_ratios", "all", "entries", by(ratios, "page_path", "entries"), by(over_range, "page_path", "entrypage_pv"))
    check.same("access/page_ratios", "all", "exits", by(ratios, "page_path", "exits"), by(over_range, "page_path", "exitpage_pv"))
    if whole_seconds:
        check.same("access/page_ratios", "all", "stay", sum(seconds(p, "stay_time_session", "session_cnt") for p in ratios), stay)
        check.same("access/page_ratios", "all", "stay by users", sum(seconds(p, "stay_time_uv", "visit_uv") for p in ratios), stay)
    single_views = [row for row in ratios if row["visit_pv"] == row["entries"] == row["exits"]]
    check.at_most("access/page_ratios", "all", "entries of pages that are whole opens", total(single_views, "entries"),
                  round((glance["bounce_rate"] or 0) * opens + 0.5))

    # Distributions add up to opens, to users and to 1.
    for report, column in (("access/stay_distribution", "times"), ("access/depth_distribution", "times")):
        of_users = ask(report, by="users")
        check.same(report, "all", "sum over opens", total(r[report], column), opens)
        check.same(report, "all", "sum over users", total(of_users, column), glance["visit_uv"])
        for row in r[report] + of_users:
            check.same(report, "all", f"share of {row['key']}", row["share"],
                       ratio(row["times"], opens if row in r[report] else glance["visit_uv"]))
    legacy, wedata = r["access/sources_legacy"], r["access/sources_wedata"]
    sub, scene = (ask("access/sources_wedata", level=level) for level in ("sub_channel", "scene"))
    for what, rows in (("legacy", legacy), ("wedata", wedata), ("wedata, sub_channel", sub), ("wedata, scene", scene)):
        report = f"access/sources_{what}"
        check.same(report, "all", "sum of opens", total(rows, "opens"), opens)
        check.at_most(report, "all", "most users", max((row["users"] for row in rows), default=0), glance["visit_uv"])
        check.at_most(report, "all", "all users", glance["visit_uv"], total(rows, "users"))
        for row in rows:
            check.same(report, "all", "opens_share", row["opens_share"], ratio(row["opens"], opens))
            check.same(report, "all", "users_share", row["users_share"], ratio(row["users"], glance["visit_uv"]))
        if what != "legacy":
            check.same(report, "all", "sum of stay", sum(seconds(row, "stay_time_session", "opens") for row in rows), stay)
    for what, rows in (("sub_channel", sub), ("scene", scene)):
        check.same("access/sources_wedata", "all", f"{what} within channels", by(rows, "channel", "opens"), by(wedata, "channel", "opens"))
    cube_sums = defaultdict(Counter)
    for row in r["datacube/visit_distribution"]:
        at, lists = row["ref_date"], {part["index"]: {item["key"]: item["value"] for item in part["item_list"]} for part in row["list"]}
        for index in ("access_source_session_cnt", "access_staytime_info", "access_depth_info"):
            check.same("datacube/visit_distribution", at, index, sum(lists[index].values()), trend[at]["session_cnt"])
            cube_sums[index].update(lists[index])
        check.at_most("datacube/visit_distribution", at, "visitors", trend[at]["visit_uv"], sum(lists["access_source_visit_uv"].values()))
        check.at_most("datacube/visit_distribution", at, "visitors of sources", sum(lists["access_source_visit_uv"].values()), trend[at]["visit_pv"])
    for index, report, column in (("access_source_session_cnt", "access/sources_legacy", "opens"), ("access_staytime_info", "access/stay_distribution", "times"),
                                  ("access_depth_info", "access/depth_distribution", "times")):
        check.same("datacube/visit_distribution", "all", index, dict(cube_sums[index]), by(r[report], "key", column))
    for level in ("channel", "sub_channel", "scene", "source"):
        rows = ask("access/new_user_sources", level=level)
        check.same("access/new_user_sources", "all", level, total(rows, "visit_uv_new"), total(trend.values(), "visit_uv_new"))
    effective = {row["ref_date"]: row for row in r["access/effective_visits"]}
    for at, row in effective.items():
        check.same("access/effective_visits", at, "session_cnt", row["session_cnt"], trend[at]["session_cnt"])
        check.same("access/effective_visits", at, "share", row["effective_opens_share"], ratio(row["effective_opens"], row["session_cnt"]))
    check.same("access/effective_visits", "all", "longer than 10.999 s", total(ask("access/effective_visits", seconds=10.999), "effective_opens"),
               sum(row["times"] for row in r["access/stay_distribution"] if row["key"] > 3))
    of_shares = {what: ask("access/shares", by=what) for what in ("day", "page", "channel")}
    check.same("access/shares", "all", "day", by(of_shares["day"], "origin", "share_pv"), by(overview.values(), "ref_date", "share_pv"))
    check.same("access/shares", "all", "day, sharers", by(of_shares["day"], "origin", "share_uv"), by(overview.values(), "ref_date", "share_uv"))
    check.same("access/shares", "all", "page", by(of_shares["page"], "origin", "share_pv"), by(over_range, "page_path", "page_share_pv"))
    check.same("access/shares", "all", "page, sharers", by(of_shares["page"], "origin", "share_uv"), by(over_range, "page_path", "page_share_uv"))
    check.same("access/shares", "all", "channel", total(of_shares["channel"], "share_pv"), total(overview.values(), "share_pv"))

    # Who came back: key 0 is the cohort, and every report of retention says the same.
    cells = {(row["ref_date"], row["kind"], row["key"]): row for row in r["access/retention_day"]}
    daily = {row["ref_date"]: row for row in r["datacube/daily_retain"]}
    newest = max(counted.days, default=None)
    for (at, kind, key), row in cells.items():
        day = dt.date.fromisoformat(f"{at[:4]}-{at[4:6]}-{at[6:]}")
        cohort = [u for u, first in counted.first.items() if first == day] if kind == "visit_uv_new" else \
            [u for u, seen in counted.active.items() if day in seen]
        begun = newest is not None and day + key * DAY <= newest
        again = len(cohort) if key == 0 else sum(day + key * DAY in counted.active[u] for u in cohort)
        check.same("access/retention_day", at, f"{kind}, key {key}", row["value"], again if begun else None)
        check.same("access/retention_day", at, f"{kind}, key {key}, rate", row["rate"], ratio(again, len(cohort)) if begun else None)
        if key == 0 and begun:
            check.same("access/retention_day", at, f"{kind}, key 0", row["value"], trend[at][kind])
        item = {item["key"]: item["value"] for item in daily[at][kind]}
        check.same("datacube/daily_retain", at, f"{kind}, key {key}", item.get(key), row["value"])
    for grain, word in (("week", "weekly"), ("month", "monthly")):
        known = {row["ref_date"]: row for row in r[f"access/visit_trend_{grain}"]}
        shown = {row["ref_date"]: row for row in r[f"datacube/{word}_retain"]}
        for row in r[f"access/retention_{grain}"]:
            at, kind, key = row["ref_date"], row["kind"], row["key"]
            if key == 0 and row["value"] is not None:
                check.same(f"access/retention_{grain}", at, f"{kind}, key 0", row["value"], known[at][kind])
            if row["complete"]:
                check.same(f"datacube/{word}_retain", at, f"{kind}, key {key}", {i["key"]: i["value"] for i in shown[at][kind]}.get(key), row["value"])
            check.at_most(f"access/retention_{grain}", at, f"{kind}, key {key}", row["value"] or 0, known[at][kind])
    for row in r["access/retention_next_day"]:
        day = dt.date.fromisoformat("-".join((row["ref_date"][:4], row["ref_date"][4:6], row["ref_date"][6:])))
        before = ymd(day - DAY)
        if before in trend and newest is not None and day <= newest:
            for column, kind in (("visit_uv_before", "visit_uv"), ("visit_uv_new_before", "visit_uv_new")):
                check.same("access/retention_next_day", row["ref_date"], column, row[column], trend[before][kind])
            for column, kind in (("retained_uv", "visit_uv"), ("retained_uv_new", "visit_uv_new")):
                check.same("access/retention_next_day", row["ref_date"], column, row[column], cells[before, kind, 1]["value"])
    for row in r["retention/event_retention"]:
        at = row["period"].replace("-", "")
        check.same("retention/event_retention", at, "size", row["size"], trend[at]["visit_uv"])
        check.same("retention/event_retention", at, f"offset {row['offset']}", row["value"], cells[at, "visit_uv", row["offset"]]["value"])
    for grain in ("day", "week", "month"):
        rows, before = ask("access/lifecycle", by=grain), None
        known = {row["ref_date"]: row for row in r[f"access/visit_trend_{grain}"]}
        for row in rows:
            at = row["ref_date"]
            check.same("access/lifecycle", at, "visit_uv", row["visit_uv"], known[at]["visit_uv"])
            check.same("access/lifecycle", at, "its parts", row["visit_uv_new"] + row["retained_uv"] + row["returning_uv"], row["visit_uv"])
            check.at_most("access/lifecycle", at, "visit_uv_new", row["visit_uv_new"], known[at]["visit_uv_new"])
            if before is not None:
                # Of the visitors before, all are retained, lost, or (first seen in this period by the users file, never) new.
                check.same("access/lifecycle", at, "retained + lost", row["retained_uv"] + row["lost_uv"], before)
            before = row["visit_uv"]
    before = None
    for row in r["access/returning_and_lost"]:
        at = row["ref_date"]
        check.same("access/returning_and_lost", at, "visit_uv", row["visit_uv"], trend[at]["visit_uv"])
        check.same("access/returning_and_lost", at, "visit_total", row["visit_total"], overview[at]["visit_total"])
        if before is not None:
            check.same("access/returning_and_lost", at, "lost", row["lost_uv"], before + row["newly_lost_uv"] - row["returning_uv"])
        before = row["lost_uv"]

    # Campaigns without a condition lead in every open.
    led, whole = r["campaigns/campaign"], ask("campaigns/campaign", by="whole")[0]
    for row in led:
        at = row["ref_date"]
        check.same("campaigns/campaign", at, "led_in", row["led_in"], trend[at]["session_cnt"])
        check.same("campaigns/campaign", at, "led_in_uv", row["led_in_uv"], effective[at]["users"])
        check.same("campaigns/campaign", at, "stay", seconds(row, "stay_time_session", "led_in"), seconds(trend[at], "stay_time_session", "session_cnt"))
        check.at_most("campaigns/campaign", at, "share_uv", row["share_uv"], overview[at]["share_uv"])
        check.at_most("campaigns/campaign", at, "led_in_uv_new", row["led_in_uv_new"], trend[at]["visit_uv_new"])
    check.same("campaigns/campaign", "whole", "led_in", whole["led_in"], opens)
    check.same("campaigns/campaign", "whole", "led_in_uv", whole["led_in_uv"], glance["visit_uv"])
    check.same("campaigns/campaign", "whole", "trades", whole["trades"], total(led, "trades"))
    check.same("campaigns/campaign", "whole", "trade_amount", round(whole["trade_amount"] * 100), round(total(led, "trade_amount") * 100))
    check.at_most("campaigns/campaign", "whole", "trade_uv", whole["trade_uv"], total(led, "trade_uv"))

    # Events, funnels, paths.
    events = {(metric, grain): ask("events/analysis", metric=metric, grain=grain) for metric in ("count", "users") for grain in ("hour", "day", "week", "whole")}
    for grain in ("hour", "day", "week", "whole"):
        check.same("events/analysis", "all", f"count by {grain}", total(events["count", grain], "value"), visits)
    check.same("events/analysis", "day", "count", {row["period"].replace("-", ""): row["value"] for row in events["count", "day"]},
               by(trend.values(), "ref_date", "visit_pv"))
    check.same("events/analysis", "day", "count of the hours", by(events["count", "hour"], lambda row: row["period"][:10].replace("-", ""), "value"),
               by(trend.values(), "ref_date", "visit_pv"))
    check.same("events/analysis", "day", "users", {row["period"].replace("-", ""): row["value"] for row in events["users", "day"]},
               by(trend.values(), "ref_date", "visit_uv"))
    check.same("events/analysis", "whole", "users", total(events["users", "whole"], "value"), people)
    for group in ("page", "scene", "model", "province"):
        rows = ask("events/analysis", metric="count", grain="whole", group1=group)
        check.same("events/analysis", "whole", f"count by {group}", total(rows, "value"), visits)
        if group == "page":
            check.same("events/analysis", "whole", "count of each page", {row["group1"]: row["value"] for row in rows},
                       by(over_range, "page_path", "page_visit_pv"))
    for steps in FUNNELS:
        given = {"steps": steps}
        closed, opened, by_day = ask("funnels/closed", **given), ask("funnels/open", **given), ask("funnels/trend", **given)
        first = steps.split(",", maxsplit=1)[0]
        users = ask("events/analysis", event=first, metric="users", grain="whole")
        check.same("funnels/closed", steps, "step 1", closed[0]["users"], total(users, "value"))
        for before, row in zip([None, *closed], closed):
            check.same("funnels/closed", steps, f"step {row['step']}, lost", row["drop"], 0 if before is None else before["users"] - row["users"])
            check.same("funnels/closed", steps, f"step {row['step']}, conv_total", row["conv_total"], ratio(row["users"], closed[0]["users"]))
            check.at_most("funnels/closed", steps, f"step {row['step']}", row["users"], opened[row["step"] - 1]["value"])
            if before is not None:
                check.at_most("funnels/closed", steps, f"step {row['step']}", row["users"], before["users"])
        periods = defaultdict(dict)
        for row in by_day:
            periods[row["period"]][row["step"]] = row["users"]
        of_day = {row["period"]: row["value"] for row in ask("events/analysis", event=first, metric="users", grain="day")}
        check.same("funnels/trend", steps, "step 1 of each day", {day: found[1] for day, found in periods.items()}, of_day)
        for day, found in periods.items():
            for step in range(2, len(found) + 1):
                check.at_most("funnels/trend", day, f"step {step} of {steps}", found[step], found[step - 1])
        for step in range(1, len(closed) + 1):
            # Whoever went so far went from some day on, and every user of a day is one of the range.
            users = [found[step] for found in periods.values()]
            check.at_most("funnels/trend", steps, f"closed step {step}", closed[step - 1]["users"], sum(users))
            check.at_most("funnels/trend", steps, f"most at step {step}", max(users, default=0), closed[step - 1]["users"])
        grouped = ask("funnels/open", metric="pv", by="page", **given)
        plain = ask("funnels/open", metric="pv", **given)
        check.same("funnels/open", steps, "pv by page", by(grouped, "step", "value"), by(plain, "step", "value"))
        grouped = ask("funnels/closed", by="province", **given)
        check.same("funnels/closed", steps, "users by province", by(grouped, "step", "users"), by(closed, "step", "users"))
        for last in days:
            level = {row["step"]: row["users"] for row in ask_day(last, "funnels/trend", **given)}
            check.same("funnels/trend", last, f"one day of {steps}", {k: v for k, v in level.items() if v}, by(ask_day(last, "funnels/closed", **given), "step", "users"))
    edges = r["paths/edges"]
    inside = [row for row in edges if row["to"] != "(exit)"]
    check.same("paths/edges", "all", "moves", total(edges, "value"), glance["visit_pv"])
    check.same("paths/edges", "all", "out of each page", by(edges, "from", "value"), by(ratios, "page_path", "visit_pv"))
    check.same("paths/edges", "all", "exits of each page", by([row for row in edges if row["to"] == "(exit)"], "from", "value"), by(ratios, "page_path", "exits"))
    check.same("paths/edges", "all", "in = out of each page", dict(Counter(by(inside, "to", "value")) + Counter(by(ratios, "page_path", "entries"))),
               by(edges, "from", "value"))
    for side, end_of, begin_of in (("start", "(exit)", 1), ("end", "(entry)", -1)):
        flow = ask("paths/flow", side=side, depth=6)
        near, far = ("from", "to") if side == "start" else ("to", "from")
        check.same("paths/flow", side, "opens", total([row for row in flow if row["step"] == begin_of], "value"), opens)
        places = {abs(row["step"]) for row in flow}
        for step in sorted(places):
            came = by([row for row in flow if abs(row["step"]) == step and row[far] != end_of], far, "value")
            went = by([row for row in flow if abs(row["step"]) == step + 1], near, "value")
            if step + 1 < 6:
                check.same("paths/flow", side, f"in at {step} = out at {step + 1}", went, came)
    sizes = {row["segment"]: row for row in r["segments/size"]}
    for column in ("users", "visit_pv"):
        check.same("segments/size", "all", column, sizes["members"][column] + sizes["others"][column], sizes["all"][column])
    check.same("segments/size", "all", "visit_pv", sizes["all"]["visit_pv"], visits)
    check.same("segments/size", "all", "members", sizes["members"]["users"], len({user for day, user, _ in counted.shares if start <= day <= end}))

    # The days by themselves: real time, and the people of 1, 7 and 30 days.
    for last in days:
        known, before = trend[ymd(last)], trend.get(ymd(last - DAY))
        for every in ("1 minute", "5 minutes", "10 minutes", "30 minutes", "1 hour"):
            rows = ask_day(last, "realtime/trend", every=every)
            for column in ("visit_pv", "session_cnt"):
                check.same("realtime/trend", last, f"{column}, {every}", total(rows, column), known[column])
                if before:
                    check.same("realtime/trend", last, f"against {column}, {every}", total(rows, f"against_{column}"), before[column])
            check.at_most("realtime/trend", last, f"visit_uv, {every}", max((row["visit_uv"] or 0 for row in rows), default=0), known["visit_uv"])
            check.at_most("realtime/trend", last, f"all visit_uv, {every}", known["visit_uv"], total(rows, "visit_uv"))
        far = ask_day(last, "realtime/so_far")
        if last in counted.days or last < max(counted.days, default=start - DAY):
            final = [row for row in far if row["visit_pv"] is not None][-1]
            for column in ("visit_uv", "visit_pv", "session_cnt"):
                check.same("realtime/so_far", last, column, final[column], known[column])
            if before:
                for column in ("visit_uv", "visit_pv", "session_cnt"):
                    check.same("realtime/so_far", last, f"against {column}", far[-1][f"against_{column}"], before[column])
        rows = ask_day(last, "realtime/pages")
        check.same("realtime/pages", last, "visit_pv", by(rows, "page_path", "visit_pv"), by(pages[ymd(last)], "page_path", "page_visit_pv"))
        check.same("realtime/pages", last, "visit_uv", by(rows, "page_path", "visit_uv"), by(pages[ymd(last)], "page_path", "page_visit_uv"))
        check.same("realtime/scenes", last, "session_cnt", total(ask_day(last, "realtime/scenes"), "session_cnt"), known["session_cnt"])
        for length in (1, 7, 30):
            first = last - (length - 1) * DAY
            new = sum(first <= day <= last for day in counted.first.values())
            active = sum(any(first <= day <= last for day in seen) for seen in counted.active.values())
            portrait, cross = (ask_day(last, f"profile/{report}", days=length) for report in ("portrait", "gender_age"))
            cube = ask_day(last, "datacube/user_portrait", days=length)[0]
            names = {"gender": "genders", "age": "ages", "province": "province", "city": "city", "terminal": "platforms", "model": "devices"}
            for column, wanted in (("visit_uv", active), ("visit_uv_new", new)):
                check.same("profile/gender_age", last, f"{column}, {length} days", total(cross, column), wanted)
                for attribute, name in names.items():
                    rows = [row for row in portrait if row["attribute"] == attribute]
                    check.same("profile/portrait", last, f"{column} by {attribute}, {length} days", total(rows, column), wanted)
                    items = cube[column][name]
                    check.same("datacube/user_portrait", last, f"{column}, {name}, {length} days", total(items, "value"), wanted)
                    check.same("datacube/user_portrait", last, f"{column}, each of {name}, {length} days", by(items, "name", "value"), by(rows, "value", column))
                    if attribute in ("gender", "age"):
                        check.same("profile/gender_age", last, f"{column} by {attribute}, {length} days", by(cross, attribute, column), by(rows, "value", column))
            often = Counter(sum(first <= day <= last for day in seen) for seen in counted.active.values())
            check.same("access/active_days", last, f"{length} days", by(ask_day(last, "access/active_days", days=length), "active_days", "users"),
                       {n: users for n, users in often.items() if n and users})
            buckets = [row for row in ask_day(last, "access/opens_per_user") if row["days"] == length]
            inside = [row for at, row in trend.items() if ymd(first) <= at <= ymd(last)]
            if first >= start:
                users = total(buckets, "users")
                check.same("access/opens_per_user", last, f"mean of {length} days", {row["opens_per_user"] for row in buckets},
                           {ratio(total(inside, "session_cnt"), users)})
                exact = sum(row["users"] * int(row["opens"]) for row in buckets if row["opens"].isdigit())
                check.at_most("access/opens_per_user", last, f"opens of {length} days", exact, total(inside, "session_cnt"))
                if length == 1:
                    check.same("access/opens_per_user", last, "users", users, effective[ymd(last)]["users"])
    return r


# The questions beside those of the pack as it is.

FUNNELS = ["page_view,share", "page_view,page_view,pay_success", "app_launch,page_view,share,page_view"]
OVER_RANGE = [
    ("overview/top_pages", {"by": "entries"}), ("access/stay_distribution", {"by": "users"}), ("access/depth_distribution", {"by": "users"}),
    *(("access/sources_wedata", {"level": level}) for level in ("sub_channel", "scene")),
    *(("access/new_user_sources", {"level": level}) for level in ("channel", "sub_channel", "scene", "source")),
    ("access/effective_visits", {"seconds": 10.999}), *(("access/shares", {"by": by}) for by in ("day", "page", "channel")),
    *(("access/lifecycle", {"by": by}) for by in ("day", "week", "month")), ("campaigns/campaign", {"by": "whole"}),
    *(("events/analysis", {"metric": metric, "grain": grain}) for metric in ("count", "users") for grain in ("hour", "day", "week", "whole")),
    *(("events/analysis", {"metric": "count", "grain": "whole", "group1": group}) for group in ("page", "scene", "model", "province")),
    *(("events/analysis", {"metric": "users", "event": event, "grain": grain}) for event in ("page_view", "app_launch") for grain in ("day", "whole")),
    *((f"funnels/{funnel}", {"steps": steps}) for steps in FUNNELS for funnel in ("closed", "open", "trend")),
    *(("funnels/open", {"steps": steps, "metric": "pv"}) for steps in FUNNELS),
    *(("funnels/open", {"steps": steps, "metric": "pv", "by": "page"}) for steps in FUNNELS),
    *(("funnels/closed", {"steps": steps, "by": "province"}) for steps in FUNNELS),
    *(("paths/flow", {"side": side, "depth": 6}) for side in ("start", "end"))]
OF_A_DAY = [
    ("overview/summary", {}), *((f"funnels/{funnel}", {"steps": steps}) for steps in FUNNELS for funnel in ("closed", "trend")),
    *(("realtime/trend", {"every": every}) for every in ("1 minute", "5 minutes", "10 minutes", "30 minutes", "1 hour")),
    ("realtime/so_far", {}), ("realtime/pages", {}), ("realtime/scenes", {}), ("access/opens_per_user", {}),
    *((report, {"days": days}) for report in ("profile/portrait", "profile/gender_age", "datacube/user_portrait", "access/active_days")
      for days in (1, 7, 30))]


# Random logs.

# A zone and a day on which its clocks change, or none does; Havana and São Paulo skip midnight itself, Apia a whole day.
ZONES = [("America/New_York", dt.date(2026, 3, 8)), ("Asia/Shanghai", dt.date(1991, 4, 14)), ("America/New_York", dt.date(2025, 11, 2)),
         ("America/Havana", dt.date(2026, 3, 8)), ("Asia/Shanghai", dt.date(2026, 3, 1)), ("Australia/Lord_Howe", dt.date(2026, 4, 5)),
         ("America/Sao_Paulo", dt.date(2018, 11, 4)), ("Asia/Kathmandu", dt.date(2026, 5, 31)), ("Asia/Shanghai", dt.date(1991, 9, 15)),
         ("Pacific/Apia", dt.date(2011, 12, 30)), ("UTC", dt.date(2024, 2, 29))]
EVENTS = ["page_view"] * 12 + ["app_launch", "app_launch", "app_show", "app_hide", "app_hide", "share", "share", "pay_success", "page_leave", "search"]


def random_log(seed):
    chance = random.Random(seed)
    zone, day = ZONES[seed % len(ZONES)]
    step = chance.choice([60_000_000, 1_000_000, 1_000])        # ties are frequent at whole minutes
    noon = dt.datetime.combine(day, dt.time(12), zoneinfo.ZoneInfo(zone))
    base = int(noon.timestamp()) * 1_000_000
    pages = [None, "", "pages/home", "pages/list", "pages/详情", "a b", "(exit)ed"]
    rows = []
    for user in range(chance.choice([1, 25, 60])):
        days = chance.choice([1, 3, 20])
        at, seq = base + (chance.randrange(-days * 24, days * 24) * 3600 - chance.choice([0, 43_200])) * 1_000_000, 0
        keys = chance.random() < 0.3
        for _ in range(1 if chance.random() < 0.2 else chance.randrange(2, 60)):
            at += chance.choice([0, 0, 1_000_000, 7_000_000, 59_000_000, 600_000_000, 1_800_000_000, 1_800_001_000, 4_000_000_000, 30_000_000_000,
                                 86_400_000_000, 200_000_000_000])
            row = {"user_id": f"u{user}", "ts": at // step * step, "seq": seq, "event": chance.choice(EVENTS), "page": chance.choice(pages),
                   "scene": chance.choice([None, None, 1001, 1045, 1089, 1007, 4242]), "model": chance.choice([None, "", "A1", "B2"]),
                   "os": chance.choice([None, "iOS 18", "Android 15", "Windows"]), "share_channel": chance.choice([None, "friend", "group"]),
                   "session_key": chance.choice([None, "k1", "k2"]) if keys else None, "event_id": chance.choice([None, f"{user}-{seq}"]),
                   "query": chance.choice([None, "from=ad", "from=ad&x=1"])}
            if row["event"] == "pay_success":
                row["props"] = {"amount": chance.choice(["0.1", "19.99", "none", "-3"])}
            row["received_at"] = row["ts"] + chance.choice([0, 0, 5_000_000, 86_400_000_000 * 3])
            rows.append(row)
            if row["event_id"] and chance.random() < 0.2:
                rows.append(dict(row))                        # sent again
            seq += 1
    users = []
    for user in range(0, 60, 2):
        first = noon + dt.timedelta(days=chance.randrange(-25, 25), hours=chance.randrange(24)) if chance.random() < 0.4 else None
        users.append({"user_id": f"u{user}", **({"first_seen": first.astimezone(dt.timezone.utc).isoformat()} if first else {}),
                      **{k: v for k, v in (("gender", chance.choice([None, "男", "女", "F", "x"])), ("birth_year", chance.choice([None, 1980, 2005, 2015, 1901])),
                                           ("province", chance.choice([None, "广东", "浙江"])), ("city", chance.choice([None, "深圳"]))) if v is not None}})
    return zone, rows, users if seed % 2 else [], step >= 1_000_000


def split(rows, chance, parts):
    """The rows in another order, in so many files. Rows that were sent again are the same, so that it does not matter which one lands."""
    rows = rows[:]
    chance.shuffle(rows)
    cuts = sorted(chance.randrange(len(rows) + 1) for _ in range(parts - 1))
    return [rows[a:b] for a, b in zip([0, *cuts], [*cuts, len(rows)])]


def random_logs(binary, rounds):
    for seed in range(args.seed, args.seed + rounds):
        zone, rows, users, whole_seconds = random_log(seed)
        counted = Counted(rows, zone, users)
        first, last = min(counted.days), max(counted.days)
        chance = random.Random(-seed)
        days = sorted({last, chance.choice(sorted(counted.days)), ZONES[seed % len(ZONES)][1]} & {first + i * DAY for i in range((last - first).days + 1)})
        store = binary.land(rows, zone, users)
        name = f"seed {seed}, {zone}"
        invariants(name, store, counted, *months(first, last), days, whole_seconds, binary)
        span = {"from": first, "to": last}
        answers = binary.files(store, **span)
        for parts in (2, 5):
            again = None
            for part in split(rows, chance, parts):
                again = binary.land(part, zone, store=again) if part else again
            if users:
                binary.land([], zone, chance.sample(users, len(users)), again)
            other = binary.files(again, **span)
            for report, text in answers.items():
                Held(name).same(report, "all", f"bytes of {parts} files in another order", other[report][:300], text[:300])
                Held(name).same(report, "all", f"length of {parts} files in another order", len(other[report]), len(text))
                Held(name).holds(report, "all", f"all bytes of {parts} files in another order", "others", "the same", other[report] == text)
        print(f"{name}: {len(rows)} rows, {held} invariants so far", flush=True)


# Odd logs, with figures worked out by hand, and every report of each in every format.

MONDAY = dt.date(2026, 3, 2)
MIDNIGHT = int(dt.datetime(2026, 3, 2, tzinfo=zoneinfo.ZoneInfo("Asia/Shanghai")).timestamp()) * 1_000_000


def view(user, second, page, **more):
    return {"user_id": user, "ts": MIDNIGHT + round(second * 1_000_000), "event": "page_view", "page": page, **more}


def row_of(rows, **wanted):
    found = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    return found[0] if len(found) == 1 else {}


def hand(name, rows, wanted, **where):
    """The figures of one row of a report."""
    row = row_of(rows, **where)
    for column, value in wanted.items():
        Held(name).same(where.pop("report", "by hand"), where, column, row.get(column, "no such row"), value)


def all_formats(name, binary, store, first, last):
    for form in FORMS:
        found = binary.files(store, form=form, **{"from": first, "to": last, "day": last})
        Held(name).holds(form, "all", "reports", len(found), "every report", len(found) == (1 if form == "html" else len(binary.every)))
        if form == "csv":
            for text in found.values():
                csv_rows(text.decode())


def odd(name, binary, rows, first, last, days):
    store = binary.land(rows)
    all_formats(name, binary, store, first, last)
    return store, invariants(name, store, Counted(rows, "Asia/Shanghai"), *months(first, last), days, True, binary)


def retained(r, at, kind, key):
    return row_of(r["access/retention_day"], ref_date=at, kind=kind, key=key).get("value", "no such row")


def odd_logs(binary):
    at = ymd(MONDAY)
    # One event: one open of one view, a bounce, a new user, seen on his own day.
    name = "one event"
    _, r = odd(name, binary, [view("u", 36_000, "a")], MONDAY, MONDAY, [MONDAY])
    hand(name, r["access/visit_trend_day"], {"session_cnt": 1, "visit_pv": 1, "visit_uv": 1, "visit_uv_new": 1, "stay_time_uv": 0,
                                             "stay_time_session": 0, "visit_depth": 1}, ref_date=at)
    hand(name, r["access/page_overview"], {"visit_pv": 1, "visit_uv": 1, "session_cnt": 1, "depth_uv": 1, "bounce_rate_uv": 1, "bounce_rate": 1})
    hand(name, r["access/pages_range"], {"entrypage_pv": 1, "exitpage_pv": 1, "exit_rate": 1, "page_share_pv": 0}, page_path="a")
    hand(name, r["access/stay_distribution"], {"times": 1, "share": 1}, key=1)
    hand(name, r["access/depth_distribution"], {"times": 1, "share": 1}, key=1)
    hand(name, r["access/sources_legacy"], {"source": "其他", "opens": 1, "users_share": 1}, key=10)
    hand(name, r["paths/edges"], {"to": "(exit)", "value": 1, "share": 1, "stay_time": 0}, **{"from": "a"})
    hand(name, r["funnels/closed"], {"users": 1, "conv_total": 1}, step=1)
    hand(name, r["funnels/closed"], {"users": 0, "conv_total": 0, "drop": 1, "median_time": None}, step=2)
    hand(name, r["segments/size"], {"users": 1, "share": 1, "visit_pv": 1}, segment="others")
    for kind in ("visit_uv_new", "visit_uv"):
        Held(name).same("access/retention_day", at, f"{kind}, key 0", retained(r, at, kind, 0), 1)
        Held(name).same("access/retention_day", at, f"{kind}, key 1", retained(r, at, kind, 1), None)

    # One user, 100 views of two pages in turn, a minute apart: one open of 99 minutes and two pages. 58.8 in single precision is 58.799999.
    name = "one user"
    _, r = odd(name, binary, [view("u", 36_000 + 60 * i, "ab"[i % 2]) for i in range(100)], MONDAY, MONDAY, [MONDAY])
    hand(name, r["access/visit_trend_day"], {"session_cnt": 1, "visit_pv": 100, "visit_uv": 1, "stay_time_uv": 5940, "stay_time_session": 5940,
                                             "visit_depth": 2}, ref_date=at)
    hand(name, r["access/page_overview"], {"bounce_rate": 0, "bounce_rate_uv": 0, "depth_uv": 2})
    hand(name, r["access/pages_range"], {"page_visit_pv": 50, "page_staytime_pv": 60, "entrypage_pv": 1, "exitpage_pv": 0}, page_path="a")
    hand(name, r["access/pages_range"], {"page_visit_pv": 50, "page_staytime_pv": 58.799999, "entrypage_pv": 0, "exitpage_pv": 1}, page_path="b")
    hand(name, r["paths/edges"], {"value": 50, "visit_uv": 1, "share": 1, "stay_time": 60}, **{"from": "a", "to": "b"})
    hand(name, r["paths/edges"], {"value": 49, "share": 0.98}, **{"from": "b", "to": "a"})

    # A gap of 400 days: new once, lost 90 days later, back on the last day.
    name = "a gap of 400 days"
    begin, gap = MONDAY - 400 * DAY, -400 * 86_400
    _, r = odd(name, binary, [view("u", gap + 36_000, "a"), view("u", gap + 36_005, "b"), view("u", 36_000, "a")], begin, MONDAY, [begin, MONDAY])
    hand(name, r["access/visit_trend_day"], {"session_cnt": 1, "visit_uv_new": 1, "stay_time_session": 5, "visit_depth": 2}, ref_date=ymd(begin))
    hand(name, r["access/visit_trend_day"], {"session_cnt": 1, "visit_pv": 1, "visit_uv_new": 0, "stay_time_session": 0}, ref_date=at)
    hand(name, r["access/returning_and_lost"], {"lost_uv": 0, "newly_lost_uv": 0, "visit_total": 1}, ref_date=ymd(begin + 89 * DAY))
    hand(name, r["access/returning_and_lost"], {"lost_uv": 1, "newly_lost_uv": 1, "lost_share": 1}, ref_date=ymd(begin + 90 * DAY))
    hand(name, r["access/returning_and_lost"], {"lost_uv": 1, "newly_lost_uv": 0}, ref_date=ymd(begin + 91 * DAY))
    hand(name, r["access/returning_and_lost"], {"lost_uv": 0, "returning_uv": 1, "returning_share": 1}, ref_date=at)
    for key, value in ((0, 1), (1, 0), (30, 0)):
        Held(name).same("access/retention_day", ymd(begin), f"visit_uv_new, key {key}", retained(r, ymd(begin), "visit_uv_new", key), value)

    # 10,000 pages, each viewed once, a second apart, by one user after the other: ten users, ten opens of 1,000 pages.
    name = "10,000 pages"
    store, r = odd(name, binary, [view(f"u{i // 1000}", 3600 + i, f"page/{i}") for i in range(10_000)], MONDAY, MONDAY, [MONDAY])
    hand(name, r["access/visit_trend_day"], {"session_cnt": 10, "visit_pv": 10_000, "visit_uv": 10, "stay_time_session": 999, "visit_depth": 1000}, ref_date=at)
    hand(name, r["access/depth_distribution"], {"times": 10, "share": 1}, key=7)
    hand(name, r["access/stay_distribution"], {"times": 10, "share": 1}, key=8)
    Held(name).same("access/pages_range", "all", "pages", len(r["access/pages_range"]), 10_000)
    Held(name).same("access/pages", "all", "pages", len(r["access/pages"]), 10_000)
    Held(name).same("datacube/visit_page", at, "pages unless told", len(binary.rows(store, "datacube/visit_page", date=MONDAY)["datacube/visit_page"][0]["list"]), 200)
    Held(name).same("paths/edges", "all", "moves", len(r["paths/edges"]), 10_000)

    # Nothing but user, time and event: 3 users with 2 views 4 s apart.
    name = "no optional column"
    _, r = odd(name, binary, [{"user_id": f"u{i}", "ts": MIDNIGHT + (36_000 + k * 4) * 1_000_000, "event": "page_view"} for i in range(3) for k in range(2)],
               MONDAY, MONDAY, [MONDAY])
    hand(name, r["access/visit_trend_day"], {"session_cnt": 3, "visit_pv": 6, "visit_uv": 3, "stay_time_session": 4}, ref_date=at)
    hand(name, r["access/pages_range"], {"page_visit_pv": 6, "entrypage_pv": 3, "exitpage_pv": 3, "page_staytime_pv": 2}, page_path=None)
    hand(name, r["access/depth_distribution"], {"times": 3}, key=1)
    hand(name, r["access/sources_wedata"], {"opens": 3, "users": 3}, channel="其他")
    hand(name, row_of(r["datacube/visit_page"], ref_date=at)["list"], {"page_visit_pv": 6, "page_visit_uv": 3}, page_path="")

    # One user, a view every 20 seconds, 200,000 of them: 46 whole days and part of one more. No gap ends an open, so midnights do: not the first,
    # since the day before it has a beginning of its own, and every later one. Each cut loses the 20 seconds across it.
    name = "200,000 events of one user"
    last = MONDAY + 46 * DAY
    _, r = odd(name, binary, [view("u", 20 * i, f"p{i % 3}") for i in range(200_000)], MONDAY, last, [last])
    hand(name, r["access/visit_trend_day"], {"session_cnt": 1, "visit_pv": 4320, "visit_uv_new": 1, "stay_time_session": 2 * 86_400 - 20}, ref_date=at)
    hand(name, r["access/visit_trend_day"], {"session_cnt": 0, "visit_pv": 4320, "stay_time_session": None}, ref_date=ymd(MONDAY + DAY))
    hand(name, r["access/visit_trend_day"], {"session_cnt": 1, "visit_pv": 4320, "stay_time_session": 86_400 - 20, "visit_depth": 3},
         ref_date=ymd(MONDAY + 2 * DAY))
    hand(name, r["access/visit_trend_day"], {"session_cnt": 1, "visit_pv": 200_000 - 46 * 4320}, ref_date=ymd(last))
    hand(name, r["access/page_overview"], {"session_cnt": 46, "visit_pv": 200_000, "visit_uv": 1})

    # No events: a file without rows, and a log of which no row was good. Asked for days, every report answers; asked for all days, there is nothing to do.
    bad = binary.folder()
    binary.run("land", "-", "--format", "jsonl", "--store", bad, "--quiet", text='{"ts": 1, "event": "page_view"}\n{"user_id": "u", "ts": "soon", "event": "x"}\n')
    for name, store in (("an empty file", binary.land([])), ("no good row", bad)):
        all_formats(name, binary, store, MONDAY, MONDAY + DAY)
        r = invariants(name, store, Counted([], "Asia/Shanghai"), *months(MONDAY, MONDAY), [MONDAY], True, binary)
        hand(name, r["access/visit_trend_day"], {"session_cnt": 0, "visit_pv": 0, "visit_uv": 0, "stay_time_uv": None, "visit_depth": None}, ref_date=at)
        hand(name, r["access/page_overview"], {"visit_pv": 0, "visit_uv": 0, "session_cnt": 0, "bounce_rate": None})
        Held(name).same("all days", "all", "files", {form: binary.files(store, form=form) for form in FORMS},
                        dict.fromkeys(FORMS, {}))
    print(f"odd logs: {held} invariants so far", flush=True)


with tempfile.TemporaryDirectory() as scratch:
    footfall = Binary(args.footfall, scratch, args.pack)
    random_logs(footfall, args.rounds)
    odd_logs(footfall)
print(f"{held} invariants" + (f", {failed} of them broken" if failed else " hold"))
sys.exit(1 if failed else 0)
