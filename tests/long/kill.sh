#!/usr/bin/env bash
# An acknowledged landing survives kill -9 at any moment, many more times than the tests try; so do users files, compactions and vacuums.
# usage: kill.sh [KILLS [SEED]]        2,000 of seed 2 unless told, and one more while keeping house for every four
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
FOOTFALL_KILLS=${1:-2000} FOOTFALL_SEED=${2:-2} cargo test --release --test it -- --nocapture durability
