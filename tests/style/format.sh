#!/usr/bin/env bash
# Every C++ file is as clang-format leaves it (scripts/format.sh mends it).
set -euo pipefail
exec "${ROSSBY_SOURCE:-$(dirname "${BASH_SOURCE[0]}")/../..}/scripts/format.sh" --check
