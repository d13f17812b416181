#!/usr/bin/env python3
"""Drives the prompt in tmux, as a person at a terminal would, and compares what stands on the screen.

usage: repl.py --footfall BINARY        tmux is installed by apt-get where it is missing

Expected: written down by hand from the rows that are landed here.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import tempfile
import time

WIDTH, HEIGHT = 80, 60


class Terminal:
    """One prompt in a terminal of 80 by 60 cells, with a home folder of its own."""

    def __init__(self, binary, folder, arguments):
        self.socket = f"footfall-{os.getpid()}"
        self.folder = folder
        environment = {"HOME": folder, "PATH": os.environ["PATH"], "TERM": "xterm-256color", "LANG": "C.UTF-8",
                       "NO_COLOR": "1", "PAGER": "cat", "EDITOR": os.path.join(folder, "editor")}
        words = ["env", "-i", *(f"{name}={value}" for name, value in environment.items()), binary, *arguments]
        command = " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)
        self.tmux("new-session", "-d", "-x", str(WIDTH), "-y", str(HEIGHT), "-s", "prompt", "-c", folder, command)
        # The screen stays when the program has ended.
        self.tmux("set-option", "-t", "prompt", "remain-on-exit", "on")

    def tmux(self, *words):
        done = subprocess.run(["tmux", "-L", self.socket, *words], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"tmux {' '.join(words)}: {done.stderr}")
        return done.stdout

    def keys(self, *names):
        self.tmux("send-keys", "-t", "prompt", *names)

    def type(self, text):
        # A semicolon at the end would end tmux's own command.
        text = text[:-1] + "\\;" if text.endswith(";") else text
        self.tmux("send-keys", "-t", "prompt", "-l", text)

    def screen(self):
        lines = self.tmux("capture-pane", "-p", "-t", "prompt").split("\n")
        return "\n".join(line.rstrip() for line in lines).rstrip()

    def wait(self, pattern, seconds=20.0):
        """The screen, once it shows the pattern."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            screen = self.screen()
            if re.search(pattern, screen, re.MULTILINE):
                return screen
            time.sleep(0.02)
        raise AssertionError(f"{pattern!r} did not appear on\n{self.screen()}")

    def wait_for_end(self, seconds=20.0):
        """Until the program has ended; tmux sometimes does not see that when the machine is busy."""
        stat = f"/proc/{self.tmux('display-message', '-p', '-t', 'prompt', '#{pane_pid}').strip()}/stat"
        end = time.monotonic() + seconds
        while os.path.exists(stat) and open(stat).read().rsplit(")", 1)[1].split()[0] != "Z":
            assert time.monotonic() < end, f"the program goes on:\n{self.screen()}"
            time.sleep(0.02)

    def ask(self, text, pattern=r"^footfall>$", seconds=20.0):
        """Clears the screen, types a line, and waits for the answer and the next prompt."""
        self.keys("C-l")
        self.wait(r"\Afootfall>$")
        self.type(text)
        self.keys("Enter")
        return self.wait(pattern + r"(.|\n)*^footfall>\Z" if pattern != r"^footfall>$" else r"\n(.|\n)*^footfall>\Z", seconds)

    def close(self):
        subprocess.run(["tmux", "-L", self.socket, "kill-server"], capture_output=True)


def shows(screen, *texts):
    for text in texts:
        assert text in screen, f"{text!r} is not on\n{screen}"


def aligned(screen):
    """All lines of a table are equally wide; 中文 and emoji take two cells."""
    import unicodedata

    def cells(line):
        return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)

    widths = {cells(line) for line in screen.split("\n") if line.startswith(("|", "+"))}
    assert len(widths) == 1 and max(widths) <= WIDTH, f"widths {widths} on\n{screen}"


def land(binary, folder):
    rows = []
    day = 1772323200000  # 2026-03-01 in UTC
    for at in range(30):
        user = f"用户{at % 7}"
        rows.append({"user_id": user, "ts": day + at * 7200_000, "event": "page_view",
                     "page": ["pages/首页", "pages/item", "pages/cart"][at % 3], "scene": [1001, 1007][at % 2]})
    rows.append({"user_id": "用户0", "ts": day + 1000, "event": "share", "page": "pages/首页", "scene": 1001})
    path = os.path.join(folder, "events.jsonl")
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    subprocess.run([binary, "land", path, "--store", os.path.join(folder, "store"), "--tz", "UTC", "--quiet"], check=True)


def conversation(binary, folder):
    terminal = Terminal(binary, folder, ["repl", "--store", os.path.join(folder, "store"), "--memory-limit", "1GB"])
    try:
        steps(terminal, binary, folder)
    finally:
        terminal.close()


def steps(terminal, binary, folder):
    screen = terminal.wait(r"^footfall>\Z")
    shows(screen.replace("\n", ""), "31 events from 2026-03-01 to 2026-03-03, days in UTC", "\\? lists the commands")

    # Tables, columns, functions.
    shows(terminal.ask("\\d"), "| events          | table |", "| visits          | view  |")
    shows(terminal.ask("\\d events"), "| user_id", "| page")
    shows(terminal.ask("\\df bar"), "bar(value, low, high [, width])")
    shows(terminal.ask("\\d evnts"), "there is no table 'evnts'; did you mean 'events'?")

    # A statement of several lines; an answer with 中文.
    terminal.keys("C-l")
    terminal.type("select page, count(*) as views")
    terminal.keys("Enter")
    terminal.type("from events where event = 'page_view' group by page order by views desc, page;")
    terminal.keys("Enter")
    screen = terminal.wait(r"3 rows in")
    shows(screen, "| pages/首页 |    10 |")
    aligned(screen)
    shows(terminal.ask("\\chart"), "pages/首页 ██████")
    shows(terminal.ask("select sum(views) as all_views from _;"), "|        30 |")

    # Completion by position: a table, a value of a column, an option of a function.
    terminal.wait(r"^footfall>\Z")
    time.sleep(0.5)
    terminal.keys("C-l")
    terminal.type("select pag")
    terminal.keys("Tab")
    terminal.type(" from vis")
    terminal.keys("Tab")
    terminal.type(" where page = 'pages/i")
    terminal.keys("Tab")
    shows(terminal.wait("item"), "select page from visits where page = 'pages/item'")
    terminal.keys("C-c")
    terminal.wait(r"^footfall>\Z")
    terminal.keys("C-l")
    terminal.type("select funnel(ts, [true], {ord")
    terminal.keys("Tab")
    terminal.wait(r"\{order:")
    terminal.keys("C-c")
    terminal.wait(r"^footfall>\Z")

    # Columns that do not fit are named; \last shows them all.
    screen = terminal.ask("select * from events order by ts limit 2;", "2 rows in")
    shows(screen, "not shown: ")
    aligned(screen)
    shows(terminal.ask("\\x"), "a line for each value")
    shows(terminal.ask("\\last"), "row 1", "  user_id: 用户0")
    terminal.ask("\\x off")

    # Turned and shaded.
    counts = "select dt, scene, count(*) as n from events group by dt, scene order by dt, scene;"
    terminal.ask(counts, "rows in")
    shows(terminal.ask("\\pivot"), "| dt         | 1001 | 1007 |", "| 2026-03-01 |    7 |    6 |")
    shows(terminal.ask("\\chart"), "* 1001  o 1007", "2026-03-01", "2026-03-03")
    shows(terminal.ask("\\chart heat"), "dt          1001  1007", "2026-03-01    7█    6█", "2026-03-03    3▒    3▒")
    terminal.ask(counts, "rows in")
    shows(terminal.ask("\\pivot dt scen n"), "did you mean 'scene'?")

    # Parameters.
    terminal.ask("\\set day:date 2026-03-02")
    shows(terminal.ask("select count(*) as n from events where dt = $day;", "1 row in"), "| 12 |")
    shows(terminal.ask("select $missing;"), "$missing has no value", "\\set missing VALUE")
    shows(terminal.ask("\\set day:date soon"), "'soon' is not a date")

    # Errors point.
    shows(terminal.ask("select usr_id from events;"), "usr_id", "^^^^^^")
    shows(terminal.ask("\\sumary events"), "there is no command \\sumary; did you mean 'summary'?")
    shows(terminal.ask("\\summary events", "rows"), "| scene", "1001 52 %")

    # Settings.
    shows(terminal.ask("set;", "rows"), "datafusion.")
    terminal.ask("set footfall.compatibility = 'clickhouse';")
    shows(terminal.ask("show footfall.compatibility;", "1 row"), "clickhouse")

    # A file, whole or not at all, then the terminal again.
    path = os.path.join(folder, "pages.csv")
    terminal.ask(f"\\o {path}")
    terminal.ask("select page, count(*) as n from events group by page order by n desc, page;", "wrote ")
    with open(path, encoding="utf-8") as file:
        assert file.read() == "page,n\npages/首页,11\npages/cart,10\npages/item,10\n", "pages.csv"
    shows(terminal.ask("select 1 as one;", "1 row in"), "| one |")
    terminal.ask("\\format csv")
    shows(terminal.ask("select 1 as one, 'x' as x;"), "one,x\n1,x")
    terminal.ask("\\format table")

    # Statements from a file and from an editor.
    with open(os.path.join(folder, "two.sql"), "w", encoding="utf-8") as file:
        file.write("-- two statements\nselect 11 as eleven;\nselect 12 as twelve;\n")
    shows(terminal.ask(f"\\i {folder}/two.sql", "twelve"), "eleven", "twelve")
    with open(os.path.join(folder, "editor"), "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\necho 'select 42 as edited;' > \"$1\"\n")
    os.chmod(os.path.join(folder, "editor"), 0o755)
    shows(terminal.ask("\\e", "1 row in"), "edited", "42")

    # Reports.
    shows(terminal.ask("\\report"), "access/pages")
    shows(terminal.ask("\\report access/no_such"), "there is no report")
    shows(terminal.ask("\\report visit_trend_day -p from=2026-03-01 -p to=2026-03-03", "3 rows"), "20260301")

    # Repeated: what changed is marked, and rows that land in between are seen.
    terminal.ask("select event, count(*) as n from events group by event order by event;", "2 rows in")
    terminal.keys("C-l")
    terminal.wait(r"\Afootfall>$")
    terminal.type("\\watch 0.5 40 until n > 30")
    terminal.keys("Enter")
    terminal.wait(r"2 rows, \d\d:\d\d:\d\d")
    row = {"user_id": "x", "ts": 1772500000000, "event": "page_view", "page": "pages/item"}
    more = os.path.join(folder, "more.jsonl")
    with open(more, "w", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    subprocess.run([binary, "land", more, "--store", os.path.join(folder, "store"), "--quiet"], check=True)
    screen = terminal.wait(r"n > 30 is true")
    shows(screen, "*31 |")

    # Ctrl-C ends the query within 200 ms, not the program; the next one runs.
    endless = "select sum(a.value * b.value) from generate_series(1, 10000000) a, generate_series(1, 1000000) b;"
    terminal.keys("C-l")
    terminal.type(endless)
    terminal.keys("Enter")
    terminal.wait("Ctrl-C cancels")
    started = time.monotonic()
    terminal.keys("C-c")
    terminal.wait(r"^cancelled\nfootfall>\Z")
    took = time.monotonic() - started
    # What tmux takes to deliver the key and the screen is part of it.
    assert took < 0.35, f"Ctrl-C took {took:.3f} s"
    shows(terminal.ask("select 7 as again;", "1 row in"), "| again |")

    # History.
    shows(terminal.ask("\\history 6"), "cancelled", "select 7 as again;", "\\watch 0.5 40")
    terminal.keys("Up")
    terminal.wait(r"footfall> \\history 6\Z")
    terminal.keys("C-c")
    terminal.wait(r"^footfall>\Z")
    history = os.path.join(folder, ".local/state/footfall/history")
    assert os.stat(history).st_mode & 0o777 == 0o600, "only the owner reads the history"
    terminal.type("\\q")
    terminal.keys("Enter")
    terminal.wait_for_end()


def piped(binary, folder):
    """Without a terminal, stdout holds nothing but data, and the first error ends it."""
    def run(text, *arguments):
        done = subprocess.run([binary, *arguments], input=text, capture_output=True, text=True, cwd=folder,
                              env={"HOME": folder, "PATH": os.environ["PATH"]})
        return done.returncode, done.stdout, done.stderr

    code, out, _ = run("select 1 as a, 'x' as b;", "repl", "--format", "csv")
    assert (code, out) == (0, "a,b\n1,x\n"), (code, out)
    code, out, _ = run("select 1 as a;")
    assert (code, out) == (0, "+---+\n| a |\n+---+\n| 1 |\n+---+\n"), (code, out)
    code, out, error = run("\\format csv\nselect 2 as a;\nselect nothing;\nselect 3;", "repl")
    assert (code, out) == (1, "a\n2\n") and "nothing" in error, (code, out, error)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--footfall", required=True)
    binary = os.path.abspath(parser.parse_args().footfall)
    if not shutil.which("tmux"):
        subprocess.run(["apt-get", "install", "-y", "-qq", "tmux"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        land(binary, folder)
        conversation(binary, folder)
        piped(binary, folder)
    print("the prompt behaves")


if __name__ == "__main__":
    main()
