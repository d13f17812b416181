#!/usr/bin/env python3
"""200 nasty strings as users, pages, events, scenes, property values, parameters, names of views and files: data stays data.

usage: reports_strings.py --footfall BIN [--count N]
Expected values: counted here. A string is a user, a page, an event or a value like any other: its figures are those of the rows that hold it; it comes
back the same from CSV, JSON and the page, by Python's own readers (csv, json, html.parser); as a parameter it finds its own rows and no others; and the
store is the same afterwards. A page is told from its query at the first `?`, as the mapping says. CSV is not changed for spreadsheets: a cell that
looks like a formula comes back as it is.
needs: pip install -r requirements.txt"""
import argparse
import hashlib
import html.parser
import json
import os
import random
import subprocess
import tempfile
from collections import Counter

from reports import Binary, csv_rows

ap = argparse.ArgumentParser()
ap.add_argument("--footfall", required=True)
ap.add_argument("--count", type=int, default=200)
ap.add_argument("--pack")
args = ap.parse_args()

NASTY = [
    "'", "''", "\"", "\"\"", "`", "\\", "\\'", "\\\"", ";", "--", "/*", "*/", "' or '1'='1", "' or 1=1 --", "'; drop table events; --", "\"; drop table events; --",
    "') or ('a'='a", "1; select 1", "x' union select user_id from events --", "$page", "$1", "${page}", "$$", "$from", ":page", "?", "a?b=c", "a?b?c", "%", "%_", "_",
    "a%' --", "[1]", "{}", "{0}", "{time_zone}", "{zone}", "%s", "%n", "#{1+1}", "{{7*7}}", "<%= 7 %>", "=1+1", "=cmd|' /C calc'!A0", "+1", "-1", "@sum(a1)",
    "=HYPERLINK(\"x\")", "\t=1", ",", "a,b", "a\tb", "a\nb", "a\r\nb", "a\rb", "\n", " ", "  a  ", "\u00a0", "\u3000", "|", "a|b", "a | b", "# a", "* a", "_a_", "[a](b)",
    "![a](b)", "&", "&amp;", "&lt;script&gt;", "<", ">", "<b>", "</td>", "</script>", "<script>alert(1)</script>", "</script><script>alert(1)</script>", "<!--", "-->",
    "<![CDATA[", "]]>", "<img src=x onerror=alert(1)>", "\" onmouseover=\"alert(1)", "' onfocus='alert(1)", "javascript:alert(1)", "</style><script>alert(1)</script>",
    "<svg/onload=alert(1)>", "</title>", "</svg>", "\\u003cscript\\u003e", "\\n", "\\x00", "\\0", "%00", "%27", "%3Cscript%3E", "../..", "../../etc/passwd", "/etc/passwd",
    "file:///etc/passwd", "C:\\", "con", "a/b/c", ".", "..", "~", "null", "NULL", "None", "nil", "true", "false", "NaN", "inf", "-0", "0", "00", "1e309", "0x10", "1_000",
    "undefined", "Infinity", "[object Object]", "__proto__", "constructor", "(exit)", "(entry)", "(none)", "(exit )", "其他", "未知", "中文", "页面/首页", "ａ", "é", "e\u0301",
    "ñ", "ß", "ı", "İ", "ǅ", "ﬁ", "Ω", "Ω", "😀", "👩‍👩‍👧‍👦", "🏳️‍🌈", "\U0001f1e8\U0001f1f3", "\u200b", "\u200d", "\ufeff", "\ufeffa", "\u202e", "\u202eabc", "\u2028", "\u2029",
    "a\u2028b", "\u0007", "\u001b[31mred", "\u001b]0;title\u0007", "\u007f", "\u0085", "\u0001", "\ufffd", "\uffff", "\U0010ffff", "\u0600", "ا", "אב", "हिन्दी", "ไทย", "한국어",
    "a" * 300, "😀" * 100, "'" * 50, "\\" * 21, "select", "from", "page", "user_id", "events", "page_view", "day", "last_day", "first_day", "time_zone", "all", "default",
    "2026-03-02", "page = 'a'", "page is null", "1 = 1", "case when true then 1 end", "in_segment('x')", "event = 'share'", "array[1]", "interval '1 day'", "x'41'", "e'\\n'",
    "U&'\\0041'", "N'a'", "a::int", "cast(1 as int)", "a--b", "a/*b*/c", "/**/", "';--", "\";", "\\\";", "+ADw-script+AD4-", "Ⅷ", "½", "\u0301", "🄰", "a\u0000b".replace("\u0000", "\u2400"),
]


def nasty(count):
    """The strings, all different; beyond the list pieces of it stuck together."""
    chance, found = random.Random(1), list(dict.fromkeys(NASTY))
    while len(found) < count:
        made = "".join(chance.choice(NASTY) for _ in range(chance.randrange(2, 4)))
        if made not in found:
            found.append(made)
    return found[:count]


def page_of(text):
    return text.split("?", maxsplit=1)[0]


checked = 0


def same(what, expected, got):
    global checked
    checked += 1
    assert expected == got, f"{what}: {got!r}, expected {expected!r}"


class Scripts(html.parser.HTMLParser):
    """The elements of a page, its texts, and whatever an attribute would run."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags, self.handlers, self.texts = Counter(), [], []

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.handlers += [(tag, name) for name, value in attrs if name.startswith("on") or (value or "").strip().lower().startswith("javascript:")]
        self.texts += [value for _, value in attrs if value]

    def handle_data(self, data):
        self.texts.append(data)


def parsed(page):
    reader = Scripts()
    reader.feed(page)
    reader.close()
    return reader


def state(folder):
    """Names and bytes of every file of a store."""
    digest = hashlib.sha256()
    for at, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            digest.update(f"{at}/{name}".encode())
            with open(f"{at}/{name}", "rb") as file:
                digest.update(file.read())
    return digest.hexdigest()


BASE = 1_772_416_800_000_000        # 2026-03-02 10:00 in Shanghai
DAYS = {"from": "2026-03-02", "to": "2026-03-02"}


def rows_of(strings):
    """String number i: a user who views the page of that name i % 3 + 1 times, with the string in every other text, shares it, and has the event of that name."""
    for i, text in enumerate(strings):
        more = {name: text for name in ("query", "referrer", "os", "platform", "brand", "model", "network", "app_version", "share_channel", "session_key")}
        for k in range(i % 3 + 1):
            yield {"user_id": text, "ts": BASE + (i * 60 + k) * 1_000_000, "seq": k, "event": "page_view", "page": text, "scene": 5000 + i,
                   "props": {"note": text, text: "1"}, **more}
        yield {"user_id": text, "ts": BASE + (i * 60 + 5) * 1_000_000, "seq": 5, "event": "share", "page": text, **more}
        yield {"user_id": text, "ts": BASE + (i * 60 + 6) * 1_000_000, "seq": 6, "event": f"e{text}", "page": text, "props": {"note": text}, **more}


def columns(binary, store, report, form, **p):
    text = binary.files(store, report, form=form, **DAYS, **p)[report].decode()
    return csv_rows(text) if form == "csv" else json.loads(text)


def counts(rows, name, value):
    """As they were read, numbers of CSV as numbers."""
    found = Counter()
    for row in rows:
        found[row[name] or ""] += int(row[value])
    return dict(found)


def data(binary, store, strings):
    """Every figure of every string, from CSV and from JSON."""
    views, shares, events = Counter(), Counter(), {}
    for i, text in enumerate(strings):
        views[page_of(text)] += i % 3 + 1
        shares[page_of(text)] += 1
        events[text] = i % 3 + 1
    for form in ("json", "csv"):
        for report, key, value, expected, p in (
                ("access/pages", "page_path", "page_visit_pv", views, {}), ("access/pages", "page_path", "page_share_pv", shares, {}),
                ("access/pages_range", "page_path", "page_visit_pv", views, {"limit": 1000}), ("access/page_ratios", "page_path", "visit_pv", views, {"limit": 1000}),
                ("overview/top_pages", "page_path", "times", views, {"limit": 1000}), ("access/shares", "origin", "share_pv", shares, {"by": "page"}),
                ("access/shares", "origin", "share_pv", dict.fromkeys(strings, 1), {"by": "channel"}),
                ("events/analysis", "group1", "value", events, {"group1": "user_id", "grain": "whole", "limit": 1000}),
                ("events/analysis", "group1", "value", events, {"group1": "model", "grain": "whole", "limit": 1000}),
                ("events/analysis", "group1", "value", events, {"group1": "props.note", "grain": "whole", "limit": 1000}),
                ("paths/edges", "from", "value", {named(page): n for page, n in views.items()}, {"limit": 1000}), ("realtime/pages", "page_path", "visit_pv", views, {"limit": 1000, "day": "2026-03-02"}),
                ("funnels/open", "group", "value", {text: n + 1 for text, n in events.items()}, {"by": "user_id", "limit": 1000, "metric": "pv"})):
            if report.startswith("realtime"):
                got = binary.files(store, report, form=form, **p)[report].decode()
                rows = csv_rows(got) if form == "csv" else json.loads(got)
            else:
                rows = columns(binary, store, report, form, **p)
            same(f"{report} as {form} {p}", {k: v for k, v in dict(expected).items() if v}, counts(rows, key, value))
    lists = json.loads(binary.files(store, "datacube/visit_page", **DAYS, limit=0)["datacube/visit_page"])["list"]
    same("datacube/visit_page", dict(views), {item["page_path"]: item["page_visit_pv"] for item in lists})
    lists = json.loads(binary.files(store, "datacube/user_portrait", to="2026-03-02", limit=0)["datacube/user_portrait"])["visit_uv"]["devices"]
    same("datacube/user_portrait", {text: 1 for text in strings}, {item["name"]: item["value"] for item in lists})
    tables = binary.files(store, form="markdown", **DAYS)
    for report in ("access/pages", "access/page_ratios"):
        # A table's row has as many cells as its header, whatever stands in them.
        lines = [line.replace("\\\\", "").replace("\\|", "") for line in tables[report].decode().split("\n") if line.startswith("|")]
        same(f"{report}: cells of a row", {lines[0].count("|")}, {line.count("|") for line in lines})
    return views


def named(page):
    """A page in paths: one that is named like the end of an open stands in quotation marks, and so do those that are written like that."""
    return f'"{page}"' if page.strip('"') == "(exit)" else page


def markers(binary):
    """Pages and provinces that are named as the reports name what is not there."""
    pages = ["a", "(exit)", '"(exit)"', "(none)", None, "(entry)"]
    store = binary.land([{"user_id": "u1", "ts": BASE + k * 1_000_000, "seq": k, "event": "page_view", "page": page} for k, page in enumerate(pages)]
                        + [{"user_id": "u2", "ts": BASE, "seq": 0, "event": "page_view", "page": "a"}])
    got = binary.rows(store, "paths/edges", "paths/flow", depth=9, **DAYS)
    shown = ["a", '"(exit)"', '""(exit)""', "(none)", None, "(entry)", "(exit)"]
    same("moves of pages named like markers", {(a, b, 1) for a, b in zip(shown, shown[1:])} | {("a", "(exit)", 1)},
         {(row["from"], row["to"], row["value"]) for row in got["paths/edges"]})
    shown = ["a", '"(exit)"', '""(exit)""', '"(none)"', "(none)", '"(entry)"', "(exit)"]
    same("paths of pages named like markers", {(k, a, b, 1) for k, (a, b) in enumerate(zip(shown, shown[1:]), start=1)} | {(1, "a", "(exit)", 1)},
         {(row["step"], row["from"], row["to"], row["value"]) for row in got["paths/flow"]})
    got = binary.rows(store, "paths/edges", page="(exit)", **DAYS)["paths/edges"]
    same("moves of the page (exit) alone", {("a", '"(exit)"'), ('"(exit)"', '""(exit)""')}, {(row["from"], row["to"]) for row in got})
    # Nothing is known of u3, and of u4 somebody wrote that nothing is known.
    store = binary.land([{"user_id": user, "ts": BASE, "seq": 0, "event": "page_view", "page": "a", "model": model} for user, model in (("u3", None), ("u4", "未知"))])
    rows = binary.rows(store, "profile/portrait", to="2026-03-02")["profile/portrait"]
    same("未知 of a model", [("未知", 2)], [(row["value"], row["visit_uv"]) for row in rows if row["attribute"] == "model"])


def parameters(binary, store, strings, views):
    """Each string as a parameter: bound as a value, refused as a name, and never part of the query."""
    asked = ["funnels/open", "events/analysis", "paths/edges"]
    for i, text in enumerate(strings):
        at, page = f"string {i}, {text!r}", page_of(text)
        rows = binary.rows(store, *asked, date="2026-03-02", limit=1000, grain="whole", steps="page_view", filter1=f"user_id = {quoted(text)}",
                           event=f"e{text}", page=page)
        same(f"{at}: in a filter", [1], [row["value"] for row in rows["funnels/open"]])
        same(f"{at}: as an event", [1], [row["value"] for row in rows["events/analysis"]])
        # No page is all pages.
        if page != "":
            same(f"{at}: as a page", views[page], sum(row["value"] for row in rows["paths/edges"]))
        for report, name in (("funnels/open", "by"), ("realtime/trend", "zone")) if i % 5 == 0 else ():
            done = subprocess.run([binary.path, "report", "--store", store, "--only", report, "--format", "json", "--quiet", "-p", f"{name}={text}"],
                                  capture_output=True, check=False)
            same(f"{at}: as {name}, answered or refused, no panic", True, done.returncode in (0, 1, 2) and b"panicked" not in done.stderr)


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def names(binary, store, strings):
    """As names of reports, of saved views, of reports' files and of logs: what is no name is refused, what is one works, and nothing else is touched."""
    folder = binary.folder()
    os.makedirs(folder)
    for i, text in enumerate(strings[::8]):
        for what in (["report", "--store", store, "--only", text], ["report", "--store", store, "--segment", text, "--only", "overview/summary"],
                     ["report", "--store", store, "--only", "overview/summary", "-p", text], ["report", "--store", store, "--only", "overview/summary", "--from", text]):
            done = subprocess.run([binary.path, *what], capture_output=True, check=False)
            same(f"{what}: refused or answered, no panic", True, done.returncode in (0, 1, 2) and b"panicked" not in done.stderr)
        done = subprocess.run([binary.path, "sql", "--store", store, f"create view \"{text.replace(chr(34), chr(34) * 2)}\" as select 1 as a"], capture_output=True, check=False)
        same(f"view {text!r}: no panic", True, done.returncode in (0, 1, 2) and b"panicked" not in done.stderr)
        # A log whose name is the string.
        if "/" not in text and text not in (".", "..") and len(text.encode()) < 200 and not any(c in text for c in "*?["):
            file = f"{folder}/{text}.jsonl"
            with open(file, "w", encoding="utf-8") as log:
                log.write(json.dumps({"user_id": text, "ts": 1_772_416_800_000 + i, "event": "page_view"}) + "\n")
            binary.run("land", file, "--store", f"{folder}.named", "--quiet")
            same(f"log {text!r}", [{"n": 1}], json.loads(binary.run(
                "sql", "--store", f"{folder}.named", "--format", "json", "--quiet", f"select count(*) as n from events where user_id = {quoted(text)}")))


def page(binary, store, strings):
    """The page of these strings has the elements of the page of plain ones, and no more scripts."""
    plain = binary.land([{**row, **{name: f"s{sorted(strings).index(text)}" for name, text in row.items() if text in strings}, "props": None}
                         for row in rows_of(strings)])
    for language in ("zh", "en"):
        pages = [binary.run("report", "--store", at, "--format", "html", "--lang", language, "--quiet", "--date", "2026-03-02") for at in (store, plain)]
        mine, theirs = map(parsed, pages)
        same(f"{language}: scripts", theirs.tags["script"], mine.tags["script"])
        same(f"{language}: handlers", theirs.handlers, mine.handlers)
        same(f"{language}: elements", set(theirs.tags), set(mine.tags))
        for risky in ("img", "iframe", "object", "embed", "link", "base", "form"):
            same(f"{language}: {risky}", theirs.tags[risky], mine.tags[risky])
        shown = "\n".join(mine.texts)
        for text in ("<script>alert(1)</script>", "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "&lt;script&gt;"):
            if text in strings:
                same(f"{language}: {text} is shown", True, text in shown or json.dumps(text)[1:-1].replace("<", "\\u003c") in shown)


with tempfile.TemporaryDirectory() as scratch:
    footfall = Binary(args.footfall, scratch, args.pack)
    STRINGS = nasty(args.count)
    store = footfall.land(list(rows_of(STRINGS)))
    before = state(store)
    views = data(footfall, store, STRINGS)
    print(f"{len(STRINGS)} strings as data: {checked} comparisons", flush=True)
    markers(footfall)
    page(footfall, store, STRINGS)
    print(f"and on the page: {checked}", flush=True)
    parameters(footfall, store, STRINGS, views)
    same("the store afterwards", before, state(store))
    print(f"and as parameters: {checked}", flush=True)
    names(footfall, store, STRINGS)
print(f"nasty strings: {checked} comparisons hold")
