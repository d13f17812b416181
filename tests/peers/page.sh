#!/usr/bin/env bash
# The page of the bundled month in a headless browser, in both languages: everything on it is used, at 390×844 and 1440×900.
# usage: page.sh        The binary is FOOTFALL, or the release build under CARGO_TARGET_DIR. Installs a Chromium where there is none.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
target=${CARGO_TARGET_DIR:-$top/target}
footfall=${FOOTFALL:-$target/release/footfall}
if ! command -v chromium >/dev/null; then
  sudo=()
  [ "$(id -u)" -eq 0 ] || sudo=(sudo)
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$footfall" land "$top/data/shop_month/events.parquet" --store "$scratch/shop" --catalogue "$top/data/shop_month/events.toml" --quiet
"$footfall" land "$top/data/shop_month/users.parquet" --store "$scratch/shop" --table users --quiet
steps=steps=product_view,add_to_cart,order_submit,pay_success
"$footfall" report --store "$scratch/shop" --format csv -o "$scratch/csv" --quiet -p "$steps"
for language in zh en; do
  "$footfall" report --store "$scratch/shop" --format html --lang $language -o "$scratch/$language" --quiet -p "$steps"
  # A shared machine's first paint says nothing, so only what is there is asserted.
  "$target/peers/bin/python" -B "$here/page.py" "$scratch/$language/index.html" --csv "$scratch/csv" --slow-paint 60
done
