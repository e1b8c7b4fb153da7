#!/usr/bin/env bash
# Builds everything and runs the whole test suite. Exit code 0 only when all passed.
#   scripts/test.sh [ctest options, for instance -R unit]
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh
scripts/setup.sh test

build=build/test
echo "== configure"
cmake --preset test >"$(mkdir -p "$build" && echo "$build/configure.log")" 2>&1 || {
  cat "$build/configure.log"
  echo "0 passed, 1 failed (configure)"
  exit 1
}

passed=0 failed=0
# Runs ctest with the given options and adds up what it reports.
run_tests() {
  local report="$PWD/$build/$1.xml" status=0
  shift
  rm -f "$report"
  ctest --test-dir "$build" --output-on-failure --no-tests=ignore --output-junit "$report" "$@" || status=$?
  if [ ! -s "$report" ]; then
    failed=$((failed + (status != 0)))
    return 0
  fi
  local tests failures
  tests="$(sed -n 's/^[[:space:]]*tests="\([0-9]*\)".*/\1/p' "$report" | head -n 1)"
  failures="$(sed -n 's/^[[:space:]]*failures="\([0-9]*\)".*/\1/p' "$report" | head -n 1)"
  passed=$((passed + tests - failures))
  failed=$((failed + failures))
}

echo "== style"
run_tests style -j "$ROSSBY_JOBS" -R '^style\.' "$@"
echo "== build (log in $build/build.log)"
if ! cmake --build --preset test --parallel "$ROSSBY_JOBS" >"$build/build.log" 2>&1; then
  grep -nE -A5 'error:|FAILED:' "$build/build.log" | head -n 60
  echo "$passed passed, $((failed + 1)) failed (build)"
  exit 1
fi
echo "== tests"
run_tests tests -j "$ROSSBY_JOBS" -E '^style\.' "$@"

echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
