#!/usr/bin/env bash
# Late, duplicate and shuffled events give the answers of the same events in order, over many more logs than the tests try.
# usage: shuffled.sh [LOGS [SEED]]        2,000 logs from seed 1,000 on unless told
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
FOOTFALL_SHUFFLES=${1:-2000} FOOTFALL_SEED=${2:-1000} cargo test --release --test it -- --nocapture shuffled
