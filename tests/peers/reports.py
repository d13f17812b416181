"""How the scripts about reports run the binary: land rows, ask reports, read their answers."""
import csv
import io
import json
import os
import re
import shutil
import subprocess

import pyarrow as pa
import pyarrow.parquet as pq

TEXTS = ["user_id", "event", "page", "query", "referrer", "session_key", "share_channel", "os", "platform", "brand", "model", "network",
         "app_version", "event_id"]
TYPES = {**{name: pa.string() for name in TEXTS}, "ts": pa.timestamp("us", "UTC"), "received_at": pa.timestamp("us", "UTC"), "seq": pa.int64(),
         "scene": pa.int32(), "duration_ms": pa.int64(), "props": pa.map_(pa.string(), pa.string())}


class Binary:
    def __init__(self, path, scratch, pack=None):
        self.path, self.scratch, self.folders = path, scratch, 0
        self.pack = ["--pack", pack] if pack else []

        self.every = {report["name"]: report for report in json.loads(self.run("report", *self.pack, "--list", "--json"))}
        self.packs = {}

    def asked(self, store, asks, **p):
        """Many questions in one run: of each (report, {parameter: value}) the rows. A pack is made of them, whose files have these values as defaults."""
        asks = [(report, tuple(sorted(given.items()))) for report, given in asks]
        if tuple(asks) not in self.packs:
            folder = self.packs[tuple(asks)] = self.folder()
            os.makedirs(f"{folder}/q")
            for number, (report, given) in enumerate(asks):
                sql = self.every[report]["sql"]
                for name, value in given:
                    text = f"'{value}'" if " " in str(value) else str(value)
                    sql, changed = re.subn(rf"(?m)^(-- param {name} \w+(?: of [\w.]+)? = ).*?((?: in \([^)]*\))?(?: from [-\d.]+)? :(?: |$))",
                                           lambda found, text=text: found[1] + text + found[2], sql)
                    assert changed == 1, f"{report} has no parameter {name} on one line"
                with open(f"{folder}/q/{number}.sql", "w", encoding="utf-8") as file:
                    file.write(sql)
        answers = self.rows(store, pack=self.packs[tuple(asks)], **p)
        return {ask: answers[f"q/{number}"] for number, ask in enumerate(asks)}

    def run(self, *arguments, text=None, codes=(0,)):
        done = subprocess.run([self.path, *map(str, arguments)], capture_output=True, input=None if text is None else text.encode(), check=False)
        assert done.returncode in codes, f"{' '.join(map(str, arguments))}: exit code {done.returncode}\n{done.stderr.decode()[-2000:]}"
        return done.stdout.decode()

    def folder(self):
        """A folder that is not there yet."""
        self.folders += 1
        return f"{self.scratch}/{self.folders}"

    def land(self, rows, zone="Asia/Shanghai", users=(), store=None, more=()):
        """A store of rows, dicts with `ts` in microseconds; of users, if there are any."""
        store = store or self.folder()
        names = sorted({"user_id", "ts", "event", "seq"}.union(*map(set, rows)) & set(TYPES)) if rows else ["event", "seq", "ts", "user_id"]
        table = pa.table({name: pa.array([list(row[name].items()) if name == "props" and row.get(name) else row.get(name) for row in rows],
                                         TYPES[name]) for name in names})
        file = f"{self.folder()}.parquet"
        pq.write_table(table, file)
        self.run("land", file, "--store", store, "--tz", zone, "--quiet", *more)
        os.remove(file)
        if users:
            lines = "".join(json.dumps(user) + "\n" for user in users)
            self.run("land", "-", "--format", "jsonl", "--store", store, "--table", "users", "--quiet", text=lines)
        return store

    def files(self, store, *only, form="json", pack=None, **p):
        """The reports of the pack, or those named, as the bytes of their files; dates as from=, to= and date=."""
        folder = self.folder()
        days = [part for name in ("from", "to", "date") if name in p for part in (f"--{name}", str(p.pop(name)))]
        given = [part for name, value in p.items() for part in ("-p", f"{name}={value}")]
        self.run("report", "--store", store, *(["--pack", pack] if pack else self.pack), *(["--only", ",".join(only)] if only else []), "--format", form, "-o", folder, "--quiet", *days, *given)
        found = {}
        for at, _, names in os.walk(folder):
            for name in names:
                if name != "run.json":
                    with open(f"{at}/{name}", "rb") as file:
                        found[os.path.relpath(f"{at}/{name}", folder).rsplit(".", 1)[0]] = file.read()
        shutil.rmtree(folder, ignore_errors=True)
        return found

    def rows(self, store, *only, **p):
        """The same as rows: name of the report to its objects."""
        answers = {name: json.loads(text) for name, text in self.files(store, *only, **p).items()}
        return {name: [answer] if isinstance(answer, dict) else answer for name, answer in answers.items()}


def csv_rows(text):
    names, *rows = csv.reader(io.StringIO(text, newline=""))
    return [dict(zip(names, row, strict=True)) for row in rows]


def ratio(n, d):
    """n / d with 4 decimals, rounded half up; None over nothing."""
    return None if not d or n is None else (n * 20000 + d) // (2 * d) / 10000
