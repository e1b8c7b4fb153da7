#!/usr/bin/env bash
# Tries the recipe with a real Spack: style, audit, concretisation for every kind of machine, an installation from this
# checkout's committed state, and the recipe's own tests. Ends with "N passed, N failed".
#   scripts/check_spack.sh SPACK_ROOT [--packages REPO] [--kokkos PREFIX] [--mirror DIR] [--only STEP]
# SPACK_ROOT         an unpacked Spack 1.0 or later. Its settings are not used, and nothing is written into it but its
#                    own caches: configuration, stages and what is installed go to build/spack.
# --packages REPO    Spack's package repository (…/repos/spack_repo/builtin), where Spack can't clone it by itself
# --kokkos PREFIX    an installed Kokkos and Kokkos Kernels with OpenMP, taken as they are instead of being built
#                    (scripts/setup_kokkos.sh openmp native … leaves one in build/deps/openmp)
# --mirror DIR       a mirror of Spack's with sources that it can't download here
# --only STEP        style, audit, concretise, refuse, install or test
# Debian's packages serve as externals where they are installed, so that a machine without a network can install.
# Concretising takes half a minute a machine, and a refusal some minutes, in which Spack looks for its reasons.
# Spack needs the Python module clingo: give it a Python that has it by SPACK_PYTHON. Style needs ruff.
set -euo pipefail

die() {
  printf 'check_spack: %s\n' "$@" >&2
  exit 2
}
root='' packages='' kokkos='' mirror='' only=''
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help)
      sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//p}' "$0"
      exit 0
      ;;
    --packages | --kokkos | --mirror | --only)
      [ $# -ge 2 ] || die "$1 needs a value"
      case "$1" in
        --packages) packages="$(realpath "$2")" ;;
        --kokkos) kokkos="$(realpath "$2")" ;;
        --mirror) mirror="$(realpath "$2")" ;;
        --only) only="$2" ;;
      esac
      shift
      ;;
    -*) die "there is no option $1; --help lists them" ;;
    *) root="$1" ;;
  esac
  shift
done
[ -x "$root/bin/spack" ] || die "'$root' is not an unpacked Spack (it has no bin/spack)"
root="$(realpath "$root")"

cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh
recipe=spack/spack_repo/rossby/packages/rossby/package.py
work="$PWD/build/spack"
scope="$work/scope"
mkdir -p "$scope" "$work/log"
export SPACK_DISABLE_LOCAL_CONFIG=1 SPACK_USER_CACHE_PATH="$work/cache"
spack() { "$root/bin/spack" -C "$scope" "$@"; }

cat >"$scope/config.yaml" <<END
config:
  install_tree: {root: $work/store}
  build_stage: [$work/stage]
  test_stage: $work/tests
  source_cache: $work/cache/sources
  build_jobs: $ROSSBY_JOBS
END
cat >"$scope/repos.yaml" <<END
repos:
  rossby: $PWD/spack/spack_repo/rossby
${packages:+  builtin: $packages}
END
[ -z "$mirror" ] || printf 'mirrors:\n  here: file://%s\n' "$mirror" >"$scope/mirrors.yaml"
# external PACKAGE SPEC DEBIAN-PACKAGE: an external of Spack where that package of Debian is installed.
external() {
  local package="$1" spec="$2" version
  command -v dpkg-query >/dev/null || return 0
  version="$(dpkg-query -W -f '${db:Status-Status} ${Version}\n' "$3" 2>/dev/null | sed -n 's/^installed \([0-9]*:\)\{0,1\}\([0-9.]*\).*/\2/p')"
  [ -n "$version" ] || return 0
  printf '  %s:\n    externals: [{spec: "%s", prefix: /usr}]\n' "$package" "${spec/VERSION/${version%.}}"
}
{
  echo "packages:"
  gcc="$(gcc -dumpfullversion)"
  # Concretising asks for a Fortran compiler (of BLAS); it has to be known, and is not called here.
  printf '  gcc:\n    externals:\n    - spec: "gcc@%s languages='"'c,c++,fortran'"'"\n      prefix: /usr\n' "$gcc"
  printf '      extra_attributes: {compilers: {c: %s, cxx: %s, fortran: %s}}\n' "$(command -v gcc)" "$(command -v g++)" \
    "$(command -v gfortran || echo /usr/bin/gfortran)"
} >"$scope/packages.yaml"
mkdir -p "$work/install-scope"
{
  echo "packages:"
  external cmake cmake@VERSION cmake
  external ninja ninja@VERSION ninja-build
  external pkgconf pkgconf@VERSION pkgconf
  external openmpi openmpi@VERSION libopenmpi-dev
  external hdf5 "hdf5@VERSION+mpi+hl" libhdf5-openmpi-dev
  external netcdf-c "netcdf-c@VERSION+mpi" libnetcdf-mpi-dev
  external c-blosc c-blosc@VERSION libblosc-dev
  external zstd zstd@VERSION libzstd-dev
  external lz4 lz4@VERSION liblz4-dev
  external zlib zlib@VERSION zlib1g-dev
  external yaml-cpp yaml-cpp@VERSION libyaml-cpp-dev
  external fmt fmt@VERSION libfmt-dev
  external nlohmann-json nlohmann-json@VERSION nlohmann-json3-dev
  external cli11 cli11@VERSION libcli11-dev
  external googletest googletest@VERSION+gmock libgtest-dev
  external openblas openblas@VERSION libopenblas-dev
  if [ -n "$kokkos" ]; then
    version="$(sed -n 's/^ *set *(PACKAGE_VERSION "\([0-9.]*\)").*/\1/Ip' "$kokkos"/lib*/cmake/Kokkos/KokkosConfigVersion.cmake | head -n 1)"
    printf '  kokkos:\n    buildable: false\n    externals: [{spec: "kokkos@%s+openmp+serial+pic", prefix: %s}]\n' "$version" "$kokkos"
    printf '  kokkos-kernels:\n    buildable: false\n    externals: [{spec: "kokkos-kernels@%s+blas scalars=float,double layouts=right", prefix: %s}]\n' \
      "$version" "$kokkos"
  fi
  printf '  all: {providers: {mpi: [openmpi], blas: [openblas], pkgconfig: [pkgconf]}}\n'
} >"$work/install-scope/packages.yaml"

passed=0 failed=0
# try NAME COMMAND…: one line for one thing tried; the end of its output where it failed.
try() {
  local name="$1" log="$work/log/$((passed + failed)).log" began=$SECONDS
  shift
  if "$@" >"$log" 2>&1; then
    passed=$((passed + 1))
    printf 'ok    %-62s %4d s\n' "$name" $((SECONDS - began))
  else
    failed=$((failed + 1))
    printf 'FAIL  %-62s %4d s\n' "$name" $((SECONDS - began))
    tail -n 25 "$log" | sed 's/^/      | /'
  fi
}
wanted() { [ -z "$only" ] || [ "$only" = "$1" ]; }
# Succeeds when Spack refuses the spec, and in doing so says TEXT.
refused() {
  local text="$1" output
  shift
  if output="$(spack spec "$@" 2>&1)"; then
    echo "$* was accepted"
    return 1
  fi
  printf '%s\n' "$output"
  grep -qF "$text" <<<"$output"
}

echo "Spack $("$root/bin/spack" --version), $(cat spack/spack_repo/rossby/repo.yaml | tr -s ' \n' ' ')"
if wanted style; then
  command -v ruff >/dev/null || die "style needs ruff on the PATH (PyPI has it)"
  try "style: ruff check" ruff check --no-cache --config spack/ruff.toml "$recipe"
  try "style: ruff format" ruff format --no-cache --check --config spack/ruff.toml "$recipe"
fi
if wanted audit; then
  try "audit packages" spack audit packages rossby
fi
machines=(
  ""
  "~mpi"
  "~netcdf"
  "~zarr"
  "~mpi ~nccl"
  "+openmp"
  "+cuda cuda_arch=90 +nccl"
  "+cuda cuda_arch=80"
  "+cuda cuda_arch=90 +nccl +gpu_aware_mpi ^openmpi"
  "+rocm amdgpu_target=gfx90a"
  "+sycl %cxx=oneapi"
)
if wanted concretise; then
  # A compiler that only has to be known, not to run.
  printf '  intel-oneapi-compilers:\n    externals:\n    - spec: intel-oneapi-compilers@2025.3.1\n      prefix: /opt/intel\n      extra_attributes: {compilers: {c: /opt/intel/bin/icx, cxx: /opt/intel/bin/icpx, fortran: /opt/intel/bin/ifx}}\n' \
    >>"$scope/packages.yaml"
  for machine in "${machines[@]}"; do
    for version in 4.7 5; do
      # shellcheck disable=SC2086
      try "concretise: rossby $machine ^kokkos@$version" spack spec rossby $machine "^kokkos@$version"
    done
  done
  for environment in spack/envs/*.yaml; do
    name="$(basename "$environment" .yaml)"
    rm -rf "$work/env-$name"
    mkdir -p "$work/env-$name"
    cp "$environment" "$work/env-$name/spack.yaml"
    try "concretise: environment $name" spack -D "$work/env-$name" concretize --force
  done
fi
if wanted refuse; then
  try "refuse: +cuda without a GPU" refused "name the GPU" rossby +cuda
  try "refuse: +nccl without CUDA" refused "+cuda" rossby +nccl ~cuda
  try "refuse: +sycl with gcc" refused "oneAPI" rossby +sycl %cxx=gcc
  try "refuse: +gpu_aware_mpi without a GPU" refused "+cuda and +rocm" rossby +gpu_aware_mpi ~cuda ~rocm
fi
on_this_machine() { "$root/bin/spack" -C "$scope" -C "$work/install-scope" "$@"; }
if wanted install; then
  try "install: rossby +openmp, this commit" on_this_machine install --fail-fast --no-cache "rossby@main commit=$(git rev-parse HEAD) +openmp"
  run_two() { mpirun -n 2 "$(on_this_machine location -i rossby)/bin/rossby" info --mesh inputs/tiny.yml -n 2; }
  try "install: two ranks" run_two
fi
if wanted test; then
  try "spack test run" on_this_machine test run rossby
fi

echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
