#!/usr/bin/env bash
# A log that grows for an hour: every row once, files bounded, and how soon an event is visible to another process.
# usage: follow.sh [ROWS_PER_SECOND [SECONDS]]        10,000 rows a second for 3,600 seconds unless told
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cargo build --release
python3 -B tests/long/follow.py --footfall "${CARGO_TARGET_DIR:-target}/release/footfall" "${1:-10000}" "${2:-3600}"
