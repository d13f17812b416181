#!/usr/bin/env bash
# A store read by the deltalake package, pyarrow and DuckDB, with many more rows than the peers' run tries.
# usage: interop.sh [ROWS]        4,000,000 unless told
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cargo build --release
tests/peers/run.sh 1
target=${CARGO_TARGET_DIR:-target}
"$target/peers/bin/python" -B tests/peers/interop.py --footfall "$target/release/footfall" "${1:-4000000}"
