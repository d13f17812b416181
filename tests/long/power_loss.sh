#!/usr/bin/env bash
# An acknowledged landing survives a power loss at any moment: many more random states of the disk than the tests look at.
# usage: power_loss.sh [TIMES [SEED]]        100 times their random states of every moment, of seed 2, unless told
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
FOOTFALL_POWER_LOSS=${1:-100} FOOTFALL_SEED=${2:-2} cargo test --release --test it -- --nocapture power_loss
