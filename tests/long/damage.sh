#!/usr/bin/env bash
# A broken Parquet file is an error that names it, or lands: never a crash or a hang; rot in a store is found. Many more damages than the tests try.
# usage: damage.sh [DAMAGES [SEED]]        1,000,000 damages of seed 2 unless told, and one more in a store for every twenty
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
FOOTFALL_DAMAGES=${1:-1000000} FOOTFALL_SEED=${2:-2} cargo test --release --test it -- --nocapture damage
