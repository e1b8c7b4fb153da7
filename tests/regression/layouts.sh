#!/usr/bin/env bash
# Decks in every layout that CREDIT's runs have: data made up for each, the deck checked, two steps trained, the deck's
# forecasts made; and what convert-deck makes of a first-generation deck trains to the same numbers.
# needs: netcdf
set -euo pipefail
. "$ROSSBY_SOURCE/scripts/env.sh"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
failures=0
log="$scratch/log.txt"

# step NAME COMMAND...: an expected success
step() {
  timeout 300 "${@:2}" >"$log" 2>&1 && return 0
  { echo "FAIL: $1:"; sed 's/^/  | /' "$log"; } >&2
  failures=$((failures + 1))
  return 1
}

# try NAME DECK: data, check, two steps, forecasts
try() {
  step "$1: make-data" "$ROSSBY_PROGRAM" make-data "$2" --records 8 || return 0
  if grep -q bridgescaler "$2"; then
    step "$1: preprocess" "$ROSSBY_PROGRAM" preprocess "$2" || return 0
  fi
  step "$1: check" "$ROSSBY_PROGRAM" check "$2" || return 0
  step "$1: train" "$ROSSBY_PROGRAM" train "$2" || return 0
  local folder
  folder="$(sed -n 's/^save_loc: *//p' "$2" | tr -d '"')"
  if [ "$(wc -l <"$folder/training_steps.csv")" -ne 3 ]; then
    echo "FAIL: $1: not two steps in $folder/training_steps.csv" >&2
    failures=$((failures + 1))
  fi
  if grep -qE '^(inference|predict):' "$2"; then
    step "$1: forecast" "$ROSSBY_PROGRAM" forecast "$2" || return 0
  fi
}

for deck in "$ROSSBY_SOURCE"/tests/decks/*.yml; do
  name="$(basename "$deck" .yml)"
  try "$name" "$deck"
  case "$name" in first_*)
    step "$name: convert-deck" "$ROSSBY_PROGRAM" convert-deck "$deck" -o "$name.yml" || continue
    step "$name: check what was written" "$ROSSBY_PROGRAM" check "$name.yml" || continue
    step "$name: train what was written" "$ROSSBY_PROGRAM" train "$name.yml" --set save_loc="runs/again_$name" || continue
    cmp "runs/$name/training_steps.csv" "runs/again_$name/training_steps.csv" || {
      echo "FAIL: $name: the converted deck trains to other numbers" >&2
      failures=$((failures + 1))
    } ;;
  esac
done
[ "$failures" -eq 0 ] || { echo "$failures failure(s)" >&2; exit 1; }
