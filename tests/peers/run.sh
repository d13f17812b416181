#!/usr/bin/env bash
# Footfall against DuckDB and ClickHouse: the real data's figures, random tables, and the ten bench questions (answers only, no times);
# a store read by deltalake, pyarrow and DuckDB; every report over the bundled month against figures worked out from the definitions, the
# identities between reports on random and odd logs, nasty strings, and the golden files; five questions answered from the outputs for
# programs alone; the prompt in a terminal; and every function under a memory limit.
# usage: run.sh [TABLES]        how many random tables for each function, 2,000 unless told
# The binary is FOOTFALL, or the release build under CARGO_TARGET_DIR. The peers are installed into a venv beside the build and kept for the next run.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$top/target}
footfall=${FOOTFALL:-$target/release/footfall}
tables=${1:-2000}
[ -x "$footfall" ] || { echo "$footfall is not there: build it with cargo build --release, or name one in FOOTFALL" >&2; exit 1; }

venv=$target/peers
if ! cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
  rm -rf "$venv"
  mkdir -p "$target"
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$venv/installed.txt"
fi
python=("$venv/bin/python" -B)

more=()
[ -d "$top/../shared/data" ] && more=(--more-data "$top/../shared/data")
"${python[@]}" "$here/figures.py" --footfall "$footfall" --data "$top/data" "${more[@]}"
"${python[@]}" "$here/differential.py" --footfall "$footfall" "$tables"
"${python[@]}" "$here/interop.py" --footfall "$footfall"
"${python[@]}" "$here/reports_datacube.py" --footfall "$footfall"
"${python[@]}" "$here/reports_screens.py" --footfall "$footfall"
"${python[@]}" "$here/reports_custom.py" --footfall "$footfall"
"${python[@]}" "$here/reports_invariants.py" --footfall "$footfall" --rounds 3
"${python[@]}" "$here/reports_strings.py" --footfall "$footfall"
"${python[@]}" "$here/golden.py" --footfall "$footfall"
"${python[@]}" "$here/repl.py" --footfall "$footfall"
"${python[@]}" "$here/agent.py" --footfall "$footfall"
"${python[@]}" "$here/memory.py" --footfall "$footfall" --rows 100000

# The bench questions on a small input that reaches the day one of them asks for: answers must agree; the time table belongs to a quiet machine.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"${python[@]}" "$top/tests/bench/gen.py" 2e5 20 "$scratch/events"
"$footfall" land "$scratch"/events/*.parquet --store "$scratch/store" --map bench --tz UTC --quiet
"$footfall" compact --store "$scratch/store" --quiet
"${python[@]}" "$top/tests/bench/compare.py" "$scratch/events" --store "$scratch/store" --footfall "$footfall" \
  --questions "$top/tests/bench/questions" --runs 1 --engines duckdb,clickhouse,footfall

# Three of the questions by the table forms: the same answers in at most 120, 160 and 120 characters.
short() {
  local text answer
  text=$(cat "$top/tests/bench/short/$1.sql")
  [ ${#text} -le "$2" ] || { echo "short/$1.sql has ${#text} characters, more than $2" >&2; return 1; }
  answer=$("$footfall" sql --store "$scratch/store" "$text" --format csv --quiet | tail -n 1)
  [ "$answer" = "$("$footfall" sql --store "$scratch/store" -f "$top/tests/bench/questions/$1.sql" --format csv --quiet | tail -n 1)" ] ||
    { echo "short/$1.sql answers $answer, another answer than questions/$1.sql" >&2; return 1; }
  echo "short/$1.sql: ${#text} characters, the same answer"
}
short sessions 120
short funnel 160
short retention 120
