#!/usr/bin/env bash
# Many writers at once lose nothing and all finish, beside a compaction and readers: more of them, and for longer, than in the tests.
# usage: writers.sh [WRITERS [APPENDS]]        16 writers of 500 inputs each unless told
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
FOOTFALL_WRITERS=${1:-16} FOOTFALL_APPENDS=${2:-500} cargo test --release --test it -- --nocapture writers
