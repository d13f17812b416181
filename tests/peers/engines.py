"""The three engines that the scripts here hold against each other: each takes SQL and gives rows of text."""
import csv
import io
import subprocess
import sys

import chdb
import duckdb
from chdb import session


def duckdb_rows(sql, **tables):
    """Rows of a query; `tables` are Arrow tables it may name."""
    con = duckdb.connect()
    con.execute("set threads = 2")
    con.execute("set timezone = 'UTC'")
    for name, table in tables.items():
        con.register(name, table)
    return [["" if v is None else v for v in row] for row in con.execute(sql).fetchall()]


def clickhouse(sql):
    return rows_of(str(chdb.query(sql + " settings max_threads = 2", "CSV")))


class GaveUp(Exception):
    """ClickHouse refused a pattern that takes it too many steps."""


class ClickHouse:
    """Tables in memory. One thread, and no sort taken away: rows reach an aggregate in the order of the subquery that it reads."""
    SETTINGS = "max_threads = 1, query_plan_remove_redundant_sorting = 0, optimize_duplicate_order_by_and_distinct = 0, allow_experimental_funnel_functions = 1"

    def __init__(self):
        self.session = session.Session()
        self.session.query("create database if not exists d")

    def run(self, sql):
        self.session.query(sql)

    def rows(self, sql):
        try:
            return rows_of(str(self.session.query(f"{sql} settings {self.SETTINGS}", "CSV")))
        except Exception as error:
            if "TOO_SLOW" in str(error):
                raise GaveUp from error
            raise


class Footfall:
    def __init__(self, binary):
        self.binary = binary

    def run(self, *arguments):
        done = subprocess.run([self.binary, *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(arguments)}: exit code {done.returncode}\n{done.stderr}")
        return done.stdout

    def sql(self, text, store=None, first=()):
        """Rows of the last statement; those in `first` give none."""
        where = ["--store", store] if store else []
        return rows_of(self.run("sql", *where, "--format", "csv", *first, text))[1:]


def rows_of(text):
    return list(csv.reader(io.StringIO(text)))
