#!/usr/bin/env bash
# Formats all C++ files in place.  scripts/format.sh --check only reports, and fails, where something would change.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v clang-format >/dev/null || {
  echo "format: clang-format is missing (scripts/setup.sh test installs it)" >&2
  exit 1
}
mode=(-i)
[ "${1:-}" = --check ] && mode=(--dry-run -Werror)
find include src tests examples benchmarks \( -name '*.hpp' -o -name '*.cpp' \) -print0 2>/dev/null |
  xargs -0 -r clang-format "${mode[@]}"
