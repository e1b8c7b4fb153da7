#!/usr/bin/env bash
# Every deck in inputs/ parses and passes `rossby check --no-files`, with the geometry that it claims.
set -euo pipefail
cd "$ROSSBY_SOURCE"
export RUNS=/nowhere/runs ERA5_1DEG=/nowhere/era5

count=0
for deck in inputs/*.yml; do
  "$ROSSBY_PROGRAM" check --no-files --strict "$deck" || { echo "$deck does not pass" >&2; exit 1; }
  "$ROSSBY_PROGRAM" info "$deck" >/dev/null
  count=$((count + 1))
done
[ "$count" -ge 3 ] || { echo "only $count decks in inputs/" >&2; exit 1; }

# Models are described without a device, whatever they are made of.
for deck in tests/models/*.yml; do
  "$ROSSBY_PROGRAM" info "$deck" >/dev/null || { echo "$deck can't be described" >&2; exit 1; }
done

# The one-degree deck is the model that everybody's figures refer to.
description="$("$ROSSBY_PROGRAM" info inputs/wxformer_1deg.yml)"
for expected in "padded to 256 x 384" "80 in" "84 out" "parameters    103"; do
  grep -q "$expected" <<<"$description" || { echo "info lacks '$expected':" >&2; echo "$description" >&2; exit 1; }
done
# A mesh is described without its ranks: tiles of whole coarse cells, the last of them with the rows that are left, and
# parameters and moments to a quarter each.
mesh="$("$ROSSBY_PROGRAM" info --mesh inputs/wxformer_1deg.yml -n 4 --set trainer.parallelism.data=fsdp2 \
  --set 'trainer.parallelism.domain=[2, 2]')"
for expected in "data 1 x tensor 1 x domain 2 x 2" "16 x 24 coarse ones" \
  "^0 +0 +0 +0, 0 +0-90 +0-179 +8 x 12 +27[0-9]{5} +515[0-9]{4}$" "^3 +0 +0 +1, 1 +91-180 +180-359 +8 x 12 +27[0-9]{5} +515[0-9]{4}$" "1.000 of the mean, 1.018 / 4"; do
  grep -qE "$expected" <<<"$mesh" || { echo "info --mesh lacks '$expected':" >&2; echo "$mesh" >&2; exit 1; }
done
