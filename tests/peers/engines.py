"""The three engines that the scripts here hold against each other: each takes SQL and gives rows of text."""
import csv
import io
import subprocess
import sys

import chdb
import duckdb


def duckdb_rows(sql, **tables):
    """Rows of a query; `tables` are Arrow tables it may name."""
    con = duckdb.connect()
    con.execute("set threads = 2")
    con.execute("set timezone = 'UTC'")
    for name, table in tables.items():
        con.register(name, table)
    return [["" if v is None else v for v in row] for row in con.execute(sql).fetchall()]


def clickhouse(sql):
    return [row for row in csv.reader(io.StringIO(str(chdb.query(sql + " settings max_threads = 2", "CSV"))))]


class Footfall:
    def __init__(self, binary):
        self.binary = binary

    def run(self, *arguments):
        done = subprocess.run([self.binary, *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(arguments)}: exit code {done.returncode}\n{done.stderr}")
        return done.stdout

    def sql(self, text, store=None):
        where = ["--store", store] if store else []
        rows = list(csv.reader(io.StringIO(self.run("sql", *where, "--format", "csv", text))))
        return rows[1:]
