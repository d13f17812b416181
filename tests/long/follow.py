"""A log that grows, followed: every row lands once, files stay few, and events are visible soon.

usage: follow.py [--footfall BINARY] [--ids] [--keep DIR] ROWS_PER_SECOND SECONDS

One process appends made events with the time of the clock, `footfall land --follow` lands them, and another process asks the
store every second for the newest time that it sees. Holds: the number of rows, the sum of their numbers, the number of files.
Prints: delays, files, memory of the follower, and the time of a question about the day before and after `footfall compact`.
"""

import argparse
import datetime
import json
import multiprocessing
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

USERS = 200_000
PAGES = ["home", "list", "detail", "cart", "pay", "me", "search", "share"]
# Eight files of a tier wait for the ninth at most; three tiers, what is larger, and as much again for late rows and a midnight.
TIER_FILES = 8
TIER_ROWS = [64 << 10, 512 << 10, 4 << 20]


def user(number):
    """28 characters, as an openid has."""
    return f"o{(number * 2654435761) % 2**32:08x}{number:019d}"


def write(log, rate, seconds, ids, written):
    """Appends `rate` rows a second in steps of 50 ms; rows are numbered in `page`."""
    started, row = time.time(), 0
    with open(log, "a", buffering=1 << 20) as out:
        while time.time() - started < seconds:
            due = int((time.time() - started) * rate)
            ts = int(time.time() * 1000)
            lines = []
            while row < due:
                number = (row * 7919) % USERS
                event = {
                    "user_id": user(number), "ts": ts, "event": "page_view", "page": f"{PAGES[row % 8]}/{row}",
                    "scene": 1000 + row % 90, "os": "ios" if number % 2 else "android", "model": f"m{number % 300}",
                }
                if ids:
                    event["event_id"] = f"e{row:015d}"
                lines.append(json.dumps(event, separators=(",", ":")))
                row += 1
            if lines:
                out.write("\n".join(lines) + "\n")
                out.flush()
            time.sleep(0.05)
    written.value = row


def ask(footfall, store, sql):
    done = subprocess.run([footfall, "sql", "--store", store, "--format", "csv", sql], capture_output=True, text=True)
    if done.returncode != 0:
        return None
    rows = done.stdout.splitlines()[1:]
    return rows[0].split(",") if rows else None


def peak_memory(process):
    try:
        for line in pathlib.Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


def files_of(footfall, store):
    done = subprocess.run([footfall, "info", "--store", store], capture_output=True, text=True)
    for line in done.stdout.splitlines():
        if line.startswith("files"):
            return int(line.split()[1])
    return 0


def timed(footfall, store, sql):
    times = []
    for _ in range(5):
        began = time.time()
        answer = ask(footfall, store, sql)
        times.append(time.time() - began)
    return statistics.median(times), answer


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--footfall", default="target/release/footfall")
    arguments.add_argument("--ids", action="store_true", help="every event has an id, to be compared with all others")
    arguments.add_argument("--keep", help="folder to work in and to leave behind")
    arguments.add_argument("rate", type=int, metavar="ROWS_PER_SECOND")
    arguments.add_argument("seconds", type=int, metavar="SECONDS")
    given = arguments.parse_args()
    scratch = None if given.keep else tempfile.TemporaryDirectory()
    folder = pathlib.Path(given.keep or scratch.name)
    folder.mkdir(parents=True, exist_ok=True)
    log, store, footfall = folder / "app.jsonl", str(folder / "store"), given.footfall
    log.touch()

    follower = subprocess.Popen(
        [footfall, "land", "--follow", str(log), "--store", store, "--tz", "UTC", "--idle-exit", "20s"],
        stdout=subprocess.PIPE, text=True,
    )
    written = multiprocessing.Value("q", 0)
    writer = multiprocessing.Process(target=write, args=(str(log), given.rate, given.seconds, given.ids, written))
    writer.start()

    delays, files, memory, counts = [], 0, 0.0, 0
    looked = 0
    while writer.is_alive():
        time.sleep(1)
        newest = ask(footfall, store, "SELECT CAST(max(ts) AS BIGINT), count(*) FROM events")
        # The answer is of the moment in which the question ended at the latest: a delay is never measured too short.
        if newest and newest[0]:
            now = time.time()
            assert int(newest[1]) >= counts, f"rows went away: {counts}, then {newest[1]}"
            counts = int(newest[1])
            if writer.is_alive():
                delays.append(now - int(newest[0]) / 1e6)
        files = max(files, files_of(footfall, store))
        memory = max(memory, peak_memory(follower.pid))
        looked += 1
        if looked % 60 == 0 and delays:
            print(f"{looked} looks: {counts} rows, at most {files} files, {max(delays):.2f} s behind, {memory:.0f} MB", flush=True)
    writer.join()
    told, _ = follower.communicate(timeout=600)
    print(told.strip())
    assert follower.returncode == 0, f"the follower ended with {follower.returncode}"

    rows = written.value
    found = ask(footfall, store, "SELECT count(*), count(DISTINCT page), sum(CAST(split_part(page, '/', 2) AS BIGINT)) FROM events")
    assert [int(value) for value in found] == [rows, rows, rows * (rows - 1) // 2], f"{rows} rows written, found {found}"

    # A day has two midnights at most; rows of a day may also come late.
    finished = rows // (TIER_ROWS[-1] // TIER_FILES) + 1
    bound = TIER_FILES * len(TIER_ROWS) * 2 + finished
    assert files <= bound, f"{files} files, at most {bound} are expected"

    day = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    question = f"SELECT count(*), count(DISTINCT user_id), bounce_rate(is_bounce) FROM sessions WHERE session_dt = '{day}'"
    before, answer = timed(footfall, store, question)
    began = time.time()
    subprocess.run([footfall, "compact", "--store", store, "--quiet"], check=True)
    compacted = time.time() - began
    after, again = timed(footfall, store, question)
    assert answer == again, f"compaction changed an answer: {answer}, then {again}"

    delays.sort()
    print(f"rows           {rows} ({given.rate} a second for {given.seconds} s), each once")
    if delays:
        print(f"visible after  {delays[len(delays) // 2]:.2f} s median, {delays[int(len(delays) * 0.99)]:.2f} s p99, {delays[-1]:.2f} s at most")
    print(f"files          {files} at most")
    print(f"memory         {memory:.0f} MB at most, of the follower")
    print(f"a day's query  {before:.3f} s before compaction ({compacted:.1f} s), {after:.3f} s after: {before / after:.2f} times")
    return 0


if __name__ == "__main__":
    sys.exit(main())
