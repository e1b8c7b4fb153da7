#!/usr/bin/env bash
# Builds Kokkos and Kokkos Kernels for one kind of machine, from source trees or archives that you have, into
# build/deps/BACKEND, where the preset of the same name looks for them. Nothing is downloaded.
#   scripts/setup_kokkos.sh BACKEND ARCH --kokkos PATH --kernels PATH [--any-version]
# BACKEND  cuda, hip, sycl, openmp or serial
# ARCH     what to compile for: 80, 90, 100 … (cuda), gfx90a, gfx942 … (hip), pvc … (sycl), native (openmp, serial),
#          or the name that Kokkos gives it (HOPPER90)
# PATH     an unpacked source tree, or a .tar.gz or .zip of the release below
# Only the BLAS of Kokkos Kernels is built: it is all that Rossby uses, together with the vendor's own.
# Another version than the one below is built with --any-version only.
set -euo pipefail

version=4.7.04
kokkos_sum=4213b248c39e112299fa94ee08817e51126fc02996ed6e2ab56aec4cdb80ee1f
kernels_sum=dc357de6f57c42ad6dd45228d38da65dc835788f66309aaed6feeb65cae62210

die() {
  printf 'setup_kokkos: %s\n' "$@" >&2
  exit 2
}
usage() {
  sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//p}' "$0"
  exit "$1"
}

backend='' arch='' kokkos='' kernels='' any=0
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) usage 0 ;;
    --kokkos | --kernels)
      [ $# -ge 2 ] || die "$1 needs a path"
      [ -e "$2" ] || die "$1: there is no $2"
      if [ "$1" = --kokkos ]; then kokkos="$(realpath "$2")"; else kernels="$(realpath "$2")"; fi
      shift
      ;;
    --any-version) any=1 ;;
    -*) die "there is no option $1; --help lists them" ;;
    *) if [ -z "$backend" ]; then backend="$1"; elif [ -z "$arch" ]; then arch="$1"; else die "what is '$1'?"; fi ;;
  esac
  shift
done
[ -n "$backend" ] && [ -n "$arch" ] && [ -n "$kokkos" ] && [ -n "$kernels" ] || usage 2 >&2

cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh
prefix="$PWD/build/deps/$backend"
work="$prefix/work"
mkdir -p "$work"

# source_tree PATH NAME SUM: prints the folder with the sources of NAME in PATH, unpacked where PATH is an archive.
source_tree() {
  local path="$1" name="$2" sum="$3" folder="$work/$2-source" found
  if [ -d "$path" ]; then
    echo "$path"
    return
  fi
  if [ "$any" = 0 ] && ! echo "$sum  $path" | sha256sum --check --status; then
    die "$path is not the release archive of $name $version (its checksum differs)" \
      "give the release, an unpacked tree, or --any-version"
  fi
  rm -rf "$folder"
  mkdir -p "$folder"
  case "$path" in
    *.zip) (cd "$folder" && cmake -E tar xf "$path") ;;
    *.tar.gz | *.tgz | *.tar.xz | *.tar) tar -xf "$path" -C "$folder" ;;
    *) die "$path is neither a folder nor a .tar.gz or .zip" ;;
  esac
  found="$(find "$folder" -maxdepth 2 -name CMakeLists.txt -print -quit)"
  [ -n "$found" ] || die "$path holds no CMakeLists.txt"
  dirname "$found"
}

# version_of TREE NAME: the version that a source tree says it is.
version_of() {
  local part number result=''
  for part in MAJOR MINOR PATCH; do
    number="$(sed -n "s/^ *set *($2_VERSION_$part \([0-9]*\)).*/\1/Ip" "$1/CMakeLists.txt" | head -n 1)"
    [ -n "$number" ] || die "$1 is not a source tree of $2"
    [ "$part" = PATCH ] && number="$(printf %02d "$((10#$number))")"
    result="$result${result:+.}$number"
  done
  echo "$result"
}

kokkos_tree="$(source_tree "$kokkos" kokkos "$kokkos_sum")"
kernels_tree="$(source_tree "$kernels" kokkos-kernels "$kernels_sum")"
for tree in "Kokkos $kokkos_tree" "KokkosKernels $kernels_tree"; do
  found="$(version_of "${tree#* }" "${tree%% *}")"
  [ "$found" = "$version" ] || [ "$any" = 1 ] ||
    die "${tree#* } is version $found, and $version is what Rossby is tried with" "--any-version builds it all the same"
  echo "setup_kokkos: ${tree%% *} $found from ${tree#* }"
done

devices=(-DKokkos_ENABLE_SERIAL=ON)
blas=(-DKokkosKernels_ENABLE_TPL_BLAS=ON)
case "$arch" in
  70 | 72) name="VOLTA$arch" ;;
  75) name=TURING75 ;;
  80 | 86 | 87) name="AMPERE$arch" ;;
  89) name=ADA89 ;;
  90) name=HOPPER90 ;;
  100 | 103 | 120 | 121) name="BLACKWELL$arch" ;;
  gfx9* | gfx1*) name="AMD_${arch^^}" ;;
  pvc) name=INTEL_PVC ;;
  *) name="${arch^^}" ;;
esac
compiler="${CXX:-}"
case "$backend" in
  cuda)
    command -v nvcc >/dev/null || die "nvcc is not on the PATH: load the CUDA toolkit"
    # The wrapper's own default has to be an architecture that this nvcc knows, or CMake's first test fails.
    compiler="$work/nvcc_wrapper"
    sed "s/^default_arch=.*/default_arch=\"sm_${name##*[A-Z]}\"/" "$kokkos_tree/bin/nvcc_wrapper" >"$compiler"
    chmod +x "$compiler"
    devices+=(-DKokkos_ENABLE_CUDA=ON -DKokkos_ENABLE_CUDA_LAMBDA=ON -DKokkos_ENABLE_IMPL_CUDA_MALLOC_ASYNC=OFF)
    blas+=(-DKokkosKernels_ENABLE_TPL_CUBLAS=ON)
    ;;
  hip)
    compiler="${CXX:-hipcc}"
    devices+=(-DKokkos_ENABLE_HIP=ON)
    blas+=(-DKokkosKernels_ENABLE_TPL_ROCBLAS=ON)
    ;;
  sycl)
    compiler="${CXX:-icpx}"
    devices+=(-DKokkos_ENABLE_SYCL=ON)
    ;;
  openmp) devices+=(-DKokkos_ENABLE_OPENMP=ON) ;;
  serial) ;;
  *) die "'$backend' is not a backend; use cuda, hip, sycl, openmp or serial" ;;
esac
[ -z "$compiler" ] || command -v "$compiler" >/dev/null || die "the compiler $compiler was not found"
[ -z "$compiler" ] || devices+=("-DCMAKE_CXX_COMPILER=$compiler")

# build NAME TREE OPTION...: configures, builds and installs; shows the end of its log when that fails.
build() {
  local name="$1" tree="$2" log="$work/$1.log"
  shift 2
  echo "setup_kokkos: building $name (log in ${log#"$PWD"/})"
  if ! {
    cmake -S "$tree" -B "$work/$name" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$prefix" \
      -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DBUILD_SHARED_LIBS=OFF "$@" &&
      cmake --build "$work/$name" --parallel "$ROSSBY_JOBS" --target install
  } >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    die "building $name failed"
  fi
}
build kokkos "$kokkos_tree" "-DKokkos_ARCH_$name=ON" -DKokkos_ENABLE_TESTS=OFF -DKokkos_ENABLE_EXAMPLES=OFF "${devices[@]}"
if [ "$backend" = cuda ]; then
  cp "$compiler" "$prefix/bin/nvcc_wrapper"
fi
build kokkos-kernels "$kernels_tree" -DKokkos_ROOT="$prefix" ${compiler:+"-DCMAKE_CXX_COMPILER=$compiler"} \
  -DKokkosKernels_ENABLE_TESTS=OFF -DKokkosKernels_ENABLE_EXAMPLES=OFF -DKokkosKernels_ENABLE_PERFTESTS=OFF \
  -DKokkosKernels_ENABLE_ALL_COMPONENTS=OFF -DKokkosKernels_ENABLE_COMPONENT_BLAS=ON \
  -DKokkosKernels_ADD_DEFAULT_ETI=OFF "${blas[@]}"
rm -rf "$work/kokkos-source" "$work/kokkos-kernels-source" "$work/kokkos" "$work/kokkos-kernels"
echo "setup_kokkos: done. Next:  cmake --preset $backend && cmake --build --preset $backend"
