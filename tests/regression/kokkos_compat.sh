#!/usr/bin/env bash
# CMake refuses a Kokkos Kernels that would multiply matrices by its own loops on a GPU: made-up packages of each kind.
set -euo pipefail

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch/project" "$scratch/prefix/include" "$scratch/prefix/lib/cmake/Kokkos" "$scratch/prefix/lib/cmake/KokkosKernels"
cat >"$scratch/project/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.22)
project(Compat LANGUAGES NONE)
macro(rossby_find)
  find_package(\${ARGV} REQUIRED)
endmacro()
include("$ROSSBY_SOURCE/cmake/KokkosCompat.cmake")
END
cat >"$scratch/prefix/lib/cmake/Kokkos/KokkosConfigVersion.cmake" <<'END'
set(PACKAGE_VERSION 4.7.04)
set(PACKAGE_VERSION_COMPATIBLE TRUE)
END
echo 'add_library(Kokkos::kokkoskernels INTERFACE IMPORTED)' >"$scratch/prefix/lib/cmake/KokkosKernels/KokkosKernelsConfig.cmake"

# expect NAME DEVICE TPLS PATTERN: with a Kokkos for DEVICE and a Kokkos Kernels with these libraries CMake says PATTERN
# and fails, or where PATTERN begins with "fine" succeeds, saying what follows.
expect() {
  local name="$1" device="$2" tpls="$3" pattern="$4" status=0 tpl output
  echo "set(Kokkos_ENABLE_$device ON)
add_library(Kokkos::kokkos INTERFACE IMPORTED)" >"$scratch/prefix/lib/cmake/Kokkos/KokkosConfig.cmake"
  for tpl in BLAS CUBLAS ROCBLAS; do
    if [[ " $tpls " == *" $tpl "* ]]; then echo "#define KOKKOSKERNELS_ENABLE_TPL_$tpl"; else echo "/* #undef KOKKOSKERNELS_ENABLE_TPL_$tpl */"; fi
  done >"$scratch/prefix/include/KokkosKernels_config.h"
  rm -rf "$scratch/build"
  output="$(cmake -S "$scratch/project" -B "$scratch/build" -DKokkos_ROOT="$scratch/prefix" \
    -DKokkosKernels_ROOT="$scratch/prefix" 2>&1)" || status=$?
  output="$(tr -s ' \n' ' ' <<<"$output")"
  if [[ "$pattern" == fine* ]]; then
    [ "$status" -eq 0 ] && [[ "$output" == *"${pattern#fine}"* ]] && return
  else
    [ "$status" -ne 0 ] && [[ "$output" == *"$pattern"* ]] && return
  fi
  printf '%s: ended with %s and said: %s\n' "$name" "$status" "$output" >&2
  exit 1
}
expect "CUDA without cuBLAS" CUDA "BLAS" "was built without cuBLAS: matrix products would be ten times slower"
expect "CUDA with cuBLAS" CUDA "BLAS CUBLAS" fine
expect "HIP without rocBLAS" HIP "BLAS" "was built without rocBLAS"
expect "HIP with rocBLAS" HIP "ROCBLAS" fine
expect "SYCL" SYCL "BLAS" "fineKokkos Kernels has no vendor's matrix product for SYCL"
expect "a host without BLAS" SERIAL "" "finewas built without a BLAS"
expect "a host with BLAS" SERIAL "BLAS" fine
echo "as expected"
