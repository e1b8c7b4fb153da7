#!/usr/bin/env bash
# Compiles and links the whole program for an NVIDIA GPU, which need not be there, and tries what a login node asks of
# it: it starts without the driver's library, understands a deck, and says what is missing when a device is needed.
#   scripts/test_cuda.sh [CMake options, for instance -DCMAKE_CXX_STANDARD=20 or -DROSSBY_ENABLE_NCCL=ON]
# It wants nvcc on the PATH and the Kokkos of scripts/setup_kokkos.sh cuda; some ten minutes on two cores.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh
command -v nvcc >/dev/null || {
  echo "test_cuda: nvcc is not on the PATH" >&2
  exit 1
}
[ -x build/deps/cuda/bin/nvcc_wrapper ] || {
  echo "test_cuda: build/deps/cuda holds no Kokkos; scripts/setup_kokkos.sh cuda 90 builds one" >&2
  exit 1
}
log=build/cuda.log
# Warnings are not errors: g++ also warns of what nvcc makes of the code.
if ! { cmake --preset cuda -DROSSBY_WARNINGS_AS_ERRORS=OFF "$@" && cmake --build --preset cuda --parallel "$ROSSBY_JOBS"; } >"$log" 2>&1; then
  grep -nE -A5 'error|FAILED:' "$log" | head -n 40
  echo "0 passed, 1 failed (build; log in $log)"
  exit 1
fi
rossby=build/cuda/rossby
passed=1 failed=0
check() {
  local name="$1"
  shift
  if "$@" >build/cuda-check.log 2>&1; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAIL: $name"
    sed 's/^/  | /' build/cuda-check.log
  fi
}
needs_no_driver() { ! readelf -d "$rossby" | grep -q 'NEEDED.*libcuda\.so'; }
# Without a driver in sight, a command that computes says so.
says_what_is_missing() {
  local output
  ldconfig -p | grep -q 'libcuda\.so\.1' && return 0
  ! output="$("$rossby" train inputs/tiny.yml 2>&1)" && printf '%s\n' "$output" && grep -q "no driver of a GPU" <<<"$output"
}
check "the program does not ask for libcuda" needs_no_driver
check "--version" "$rossby" --version
check "info" "$rossby" info inputs/tiny.yml
check "check" "$rossby" check --no-files inputs/tiny.yml
check "a message without a driver" says_what_is_missing
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
