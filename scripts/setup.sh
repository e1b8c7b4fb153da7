#!/usr/bin/env bash
# Installs what Rossby needs from Debian 12 (or a relative of it). Does nothing when nothing is missing.
#   scripts/setup.sh [run|test|package]
# run: what building, running and plotting need; test (also) what the test suite needs; package (beside run) what
# scripts/check_packaging.sh needs.
set -euo pipefail

kind="${1:-run}"
run_packages=(
  g++ cmake ninja-build ccache pkg-config
  libtrilinos-kokkos-dev libtrilinos-kokkos-kernels-dev libopenblas-dev
  libopenmpi-dev openmpi-bin libhdf5-openmpi-dev libnetcdf-mpi-dev libblosc-dev libzstd-dev liblz4-dev zlib1g-dev
  libdnnl-dev libyaml-cpp-dev libfmt-dev nlohmann-json3-dev libcli11-dev
  python3-numpy python3-netcdf4 python3-matplotlib python3-yaml python-cartopy-data
)
test_packages=(gfortran libgtest-dev libgmock-dev hdf5-tools netcdf-bin python3-h5py python3-xarray clang-format black python3-pycodestyle)
package_packages=(clang dpkg-dev file binutils debootstrap)
case "$kind" in
  run) wanted=("${run_packages[@]}") ;;
  test) wanted=("${run_packages[@]}" "${test_packages[@]}") ;;
  package) wanted=("${run_packages[@]}" "${package_packages[@]}") ;;
  *)
    echo "usage: scripts/setup.sh [run|test|package]" >&2
    exit 2
    ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  echo "setup: this is not a Debian system; docs/install.md lists what to install by other means" >&2
  exit 1
fi

installed="$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null | sed -n 's/ installed$//p' || true)"
missing=()
for package in "${wanted[@]}"; do
  grep -qxF "$package" <<<"$installed" || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "setup: all ${#wanted[@]} packages are installed"
  exit 0
fi

if [ "$(id -u)" -eq 0 ]; then
  as_root=(env)
elif command -v sudo >/dev/null; then
  as_root=(sudo)
else
  echo "setup: missing packages, and neither root nor sudo to install them. Ask an administrator for" >&2
  echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 1
fi
apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 \
    -o Dpkg::Use-Pty=0 "$@"
}
echo "setup: installing ${#missing[@]} of ${#wanted[@]} packages: ${missing[*]}"
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
if ! { apt update && apt install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  tail -n 30 "$log" >&2
  echo "setup: apt-get failed (its last lines are above)" >&2
  exit 1
fi
echo "setup: done"
