#!/usr/bin/env bash
# Random tables against DuckDB and ClickHouse, and the brute-force oracles with more cases and another seed.
# usage: differential.sh [TABLES [SEED]]        200,000 tables for each function from seed 2 unless told; oracles: 20 times their cases
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tables=${1:-200000} seed=${2:-2}
cargo build --release
tests/peers/run.sh 1
target=${CARGO_TARGET_DIR:-target}
# Five thousand tables a run keep the files small and name a seed that repeats in a minute; every run asks other questions.
for ((done = 0; done < tables; done += 5000, seed += 1)); do
  "$target/peers/bin/python" -B tests/peers/differential.py --footfall "$target/release/footfall" --queries 4 5000 "$seed"
done
FOOTFALL_CASES=20 FOOTFALL_SEED=$seed cargo test --release --test it -- --nocapture oracle
