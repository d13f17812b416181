#!/usr/bin/env python3
"""A store read by others: the deltalake package, pyarrow through it, and DuckDB over the files that the log lists.

usage: interop.py --footfall BIN [ROWS]        ROWS: 40,000 unless told
Expected values: DuckDB over the JSON lines that were landed; they never went through Footfall. Four landings with late rows, text beyond ASCII,
declared properties (columns p_…, declared before the second landing) and undeclared ones (props); read as landed, compacted, and vacuumed.
needs: pip install -r requirements.txt"""
import argparse
import datetime
import json
import os
import random
import sys
import tempfile

import deltalake
import pyarrow as pa
import pyarrow.compute as pc

from engines import Footfall, duckdb_rows

ap = argparse.ArgumentParser()
ap.add_argument("--footfall", required=True)
ap.add_argument("rows", nargs="?", type=int, default=40_000)
args = ap.parse_args()
footfall = Footfall(args.footfall)
failed = False

START = 1_740_931_200_000  # 2025-03-03 in Shanghai is from 2025-03-02T16:00:00Z
DAY = 86_400_000
CATALOGUE = """[events.add_to_cart.properties]
price = { type = "float" }
count = { type = "int" }
gift = { type = "bool" }
"""
PAGES = ["pages/index/index", "pages/商品/详情", "pages/cart", "pages/支付", None]


def landings(rows):
    """Four lists of rows: each landing has its own five days and, from the second on, late rows of any day before."""
    rng = random.Random(1)
    users = ["o" + "".join(rng.choices("ABCDEFGHabcdefgh0123456789_-", k=27)) for _ in range(rows // 20)]
    made = []
    for landing in range(4):
        for _ in range(rows // 4):
            day = rng.randrange(landing * 5) if landing and rng.random() < 0.05 else landing * 5 + rng.randrange(5)
            event = rng.choice(["page_view", "app_show", "share", "add_to_cart"])
            row = {"user_id": rng.choice(users), "ts": START + day * DAY + rng.randrange(DAY), "seq": len(made), "event": event,
                   "event_id": f"e{len(made)}", "page": rng.choice(PAGES), "scene": rng.choice([1001, 1007, 1089, None])}
            if event == "add_to_cart":
                # Quarters add up exactly, in any order.
                row |= {"price": rng.randrange(4000) / 4, "count": rng.randrange(1, 9), "gift": rng.random() < 0.1}
            if rng.random() < 0.2:
                row["colour"] = rng.choice(["red", "蓝", ""])
            made.append(row)
    quarter = rows // 4
    return [made[k * quarter:(k + 1) * quarter] for k in range(4)]


TOTALS = ("select count(*), count(distinct user_id), count(distinct event_id), sum(seq), min({us}), max({us}), sum(scene), count(distinct page), "
          "sum(length(page)), sum({price}), sum({count}), sum(case when {gift} then 1 else 0 end) from {t}")
DAYS = "select {day}, count(*), sum(seq) from {t} group by 1"
GROUPS = "select event, {colour}, count(*), sum({price}) from {t} group by 1, 2"
QUESTIONS = {"totals": TOTALS, "days": DAYS, "groups": GROUPS}


def asked(terms):
    return {name: question.format(**terms) for name, question in QUESTIONS.items()}


def stored(t, us, colour):
    """A row from before the declaration has its properties in `props` until it is compacted."""
    prop = colour.replace("colour", "{}").format
    return dict(t=t, us=us, day="cast(dt as varchar)", colour=colour, price=f"coalesce(p_price, try_cast({prop('price')} as double))",
                count=f"coalesce(p_count, try_cast({prop('count')} as bigint))", gift=f"coalesce(p_gift, {prop('gift')} = 'true')")


def plain(value):
    if value in (None, ""):
        return ""
    try:
        return repr(round(float(value), 6))
    except ValueError:
        return str(value)


def canonical(rows):
    return sorted(tuple(plain(value) for value in row) for row in rows)


def compare(what, found, expected):
    global failed
    found, expected = canonical(found), canonical(expected)
    if found != expected:
        failed = True
        print(f"DIFFER {what}: found {[r for r in found if r not in expected][:3]}, expected {[r for r in expected if r not in found][:3]}", flush=True)
    return len(expected)


def read_by_all(stage, store, expected, versions):
    """Answers of every reader of the store as it is now; the number of rows compared."""
    compared = 0
    for name, question in asked(dict(t="events", us="cast(ts as bigint)", day="cast(dt as varchar)", colour="props['colour']", price="p_price",
                                     count="p_count", gift="p_gift")).items():
        compared += compare(f"{stage}: footfall: {name}", footfall.sql(question, store), expected[name])

    table = deltalake.DeltaTable(os.path.join(store, "events"))
    files = ", ".join(f"'{uri}'" for uri in table.file_uris())
    for name, question in asked(stored(f"read_parquet([{files}], union_by_name = true)", "epoch_us(ts)", "map_extract(props, 'colour')[1]")).items():
        compared += compare(f"{stage}: DuckDB: {name}", duckdb_rows(question), expected[name])

    for name, question in asked(stored("events", "cast(ts as bigint)", "props['colour']")).items():
        answer = pa.table(deltalake.QueryBuilder().register("events", table).execute(question).read_all())
        compared += compare(f"{stage}: deltalake: {name}", [row.values() for row in answer.to_pylist()], expected[name])

    # Filters on a day and on a time of day go by the statistics that the log holds.
    dataset = table.to_pyarrow_dataset()
    for day, rows, seqs in expected["days"]:
        found = dataset.to_table(columns=["seq"], filter=pc.field("dt") == datetime.date.fromisoformat(day))
        compared += compare(f"{stage}: pyarrow: {day}", [(found.num_rows, pc.sum(found["seq"]).as_py())], [(rows, seqs)])
    first, last = (pa.scalar(int(us), pa.timestamp("us", "UTC")) for us in expected["totals"][0][4:6])
    inside = dataset.count_rows(filter=(pc.field("ts") >= first) & (pc.field("ts") <= last))
    compared += compare(f"{stage}: pyarrow: ts between its bounds", [(inside,)], [expected["totals"][0][:1]])

    # What a reader finds in the log besides its files.
    names = [field.name for field in table.schema().fields]
    for needed in ["user_id", "ts", "seq", "event", "dt", "props", "p_price", "p_count", "p_gift"]:
        assert needed in names, f"{stage}: no column {needed} in {names}"
    assert len(table.history()) == table.version() + 1, f"{stage}: a version without history"
    assert pa.table(table.get_add_actions(flatten=True)).num_rows == len(table.file_uris())
    lost = set(table.vacuum(retention_hours=0, dry_run=True, enforce_retention_duration=False, full=True))
    assert not lost & {os.path.basename(uri) for uri in table.file_uris()}, f"{stage}: a vacuum of deltalake would take files of the table"
    for version, rows in versions.items():
        then = deltalake.DeltaTable(os.path.join(store, "events"), version=version).to_pyarrow_dataset().count_rows()
        compared += compare(f"{stage}: version {version}", [(then,)], [(rows,)])
    return compared


def version_of(store):
    return deltalake.DeltaTable(os.path.join(store, "events")).version()


with tempfile.TemporaryDirectory() as scratch:
    store, catalogue = f"{scratch}/store", f"{scratch}/events.toml"
    with open(catalogue, "w") as file:
        file.write(CATALOGUE)
    inputs, versions, landed = [], {}, 0
    for number, rows in enumerate(landings(args.rows)):
        inputs.append(f"{scratch}/{number}.jsonl")
        with open(inputs[-1], "w", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        declared = ["--catalogue", catalogue] if number == 1 else []
        footfall.run("land", inputs[-1], "--store", store, "--tz", "Asia/Shanghai", "--quiet", *declared)
        landed += len(rows)
        versions[version_of(store)] = landed
    columns = ("{user_id: 'varchar', ts: 'bigint', seq: 'bigint', event: 'varchar', event_id: 'varchar', page: 'varchar', scene: 'integer', "
               "price: 'double', count: 'bigint', gift: 'boolean', colour: 'varchar'}")
    lines = ", ".join(f"'{name}'" for name in inputs)
    expected = {name: duckdb_rows(question) for name, question in asked(dict(
        t=f"read_json([{lines}], format = 'newline_delimited', columns = {columns})", us="ts * 1000", colour="colour", price="price", count="\"count\"",
        gift="gift", day=f"cast(date '1970-01-01' + cast((ts + 28800000) // {DAY} as integer) as varchar)")).items()}
    compared = read_by_all("as landed", store, expected, versions)
    footfall.run("compact", "--store", store, "--quiet")
    compared += read_by_all("compacted", store, expected, versions)
    footfall.run("vacuum", "--store", store, "--retain", "0s", "--force", "--quiet")
    # The versions before the compaction went with their files.
    compared += read_by_all("vacuumed", store, expected, {version_of(store): landed})
    footfall.run("verify", "--store", store, "--quiet")
    print(f"a store read by deltalake {deltalake.__version__}, pyarrow and DuckDB: {landed} rows in 4 landings, {compared} answer rows compared", flush=True)
sys.exit(1 if failed else 0)
