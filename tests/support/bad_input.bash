# For the scripts tests/regression/bad_input_*.sh: a folder of its own with the tiny deck and its data, and a check that
# a command fails as it should. Sourced, with ROSSBY_PROGRAM and ROSSBY_SOURCE set.
set -euo pipefail
. "$ROSSBY_SOURCE/scripts/env.sh"
. "$ROSSBY_SOURCE/tests/support/ranks.bash"

scratch="$(mktemp -d)"
trap 'chmod -R u+w "$scratch"; rm -rf "$scratch"' EXIT
cd "$scratch"
cp "$ROSSBY_SOURCE/inputs/tiny.yml" deck.yml
"$ROSSBY_PYTHON" "$ROSSBY_SOURCE/tools/make_tiny_data.py" data/tiny >/dev/null
cp -r data good_data
failures=0

restore_data() { rm -rf data && cp -r good_data data; }

# Runs Python with netCDF4, h5py and numpy (as np) imported.
python() { "$ROSSBY_PYTHON" -c "import h5py, netCDF4, numpy as np, sys
$1" "${@:2}"; }

# expect_failure NAME PATTERN COMMAND...: the command must end with a small exit code and a message that matches each
# line of PATTERN (extended regular expressions), and without a crash.
expect_failure() {
  local name="$1" patterns="$2" code=0 pattern
  shift 2
  timeout 120 "$@" >output.txt 2>&1 || code=$?
  if [ "$code" -eq 0 ]; then
    complain "$name" "it went through"
  elif [ "$code" -eq 124 ]; then
    complain "$name" "it hung"
  elif [ "$code" -ge 128 ] || grep -qE "terminate called|Segmentation fault|Signal: |contract|precondition" output.txt; then
    complain "$name" "it crashed with code $code"
  fi
  while IFS= read -r pattern; do
    grep -qE -- "$pattern" output.txt || complain "$name" "no line matches '$pattern'"
  done <<<"$patterns"
}

# expect_success NAME COMMAND...
expect_success() {
  local name="$1"
  shift
  timeout 300 "$@" >output.txt 2>&1 || complain "$name" "it failed with code $?"
}

complain() {
  echo "FAIL: $1: $2; the output was:" >&2
  sed 's/^/  | /' output.txt >&2
  failures=$((failures + 1))
}

finish() {
  [ "$failures" -eq 0 ] || { echo "$failures failure(s)" >&2; exit 1; }
}

