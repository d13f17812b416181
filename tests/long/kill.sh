#!/usr/bin/env bash
# An acknowledged landing survives kill -9 at any moment, many more times than the tests try.
# usage: kill.sh [KILLS]        2,000 unless told
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
FOOTFALL_KILLS=${1:-2000} cargo test --release --test it -- --nocapture durability
