#!/usr/bin/env bash
# What a distributor would try: a source archive without git, built from a folder that can't be written, by two
# compilers, as a shared and a static library, with and without RPATH; the installed tree moved, and tested from there;
# a Debian package, and its installation into a fresh system. Ends with "N passed, N failed".
#   scripts/check_packaging.sh [--chroot DIR] [gcc-shared] [clang-static-cxx20] [deb]
# Without names, all are tried. --chroot DIR is a fresh Debian 12 for the package (debootstrap makes one). It takes
# some ten minutes on two cores; logs are in build/packaging.
set -euo pipefail

chroot=''
wanted=()
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help)
      sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//p}' "$0"
      exit 0
      ;;
    --chroot)
      chroot="$(realpath "$2")"
      shift
      ;;
    *) wanted+=("$1") ;;
  esac
  shift
done
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/env.sh
scripts/setup.sh package
work="$PWD/build/packaging"
mkdir -p "$work"
passed=0 failed=0
try() {
  local name="$1" log="$work/$1.log" began=$SECONDS status=0
  shift
  set +e # a condition would switch it off inside, too
  (set -e && "$@") >"$log" 2>&1
  status=$?
  set -e
  if [ "$status" -eq 0 ]; then
    passed=$((passed + 1))
    printf 'ok    %-40s %4d s\n' "$name" $((SECONDS - began))
  else
    failed=$((failed + 1))
    printf 'FAIL  %-40s %4d s\n' "$name" $((SECONDS - began))
    tail -n 25 "$log" | sed 's/^/      | /'
  fi
}
chosen() { [ ${#wanted[@]} -eq 0 ] || [[ " ${wanted[*]} " == *" $1 "* ]]; }

archive() {
  cmake -S . -B "$work/archive" -G Ninja -DROSSBY_ENABLE_TESTS=OFF
  cmake --build "$work/archive" --target package_source
  chmod -R u+w "$work/source" 2>/dev/null || true
  rm -rf "$work/source"
  mkdir "$work/source"
  tar -xzf "$work/archive"/rossby-*.tar.gz -C "$work/source" --strip-components 1
  [ ! -e "$work/source/.git" ]
  [ ! -e "$work/source/build" ]
  chmod -R a-w "$work/source"
}
# build NAME OPTION…: from the archive, with warnings as errors.
build() {
  local name="$1"
  shift
  cmake -S "$work/source" -B "$work/$name" -G Ninja -DCMAKE_BUILD_TYPE=Release -DROSSBY_ENABLE_TESTS=OFF \
    -DROSSBY_ENABLE_BENCHMARKS=ON -DROSSBY_WARNINGS_AS_ERRORS=ON -DROSSBY_CCACHE=ON "$@"
  cmake --build "$work/$name" --parallel "$ROSSBY_JOBS"
}
# installed NAME: installs it, moves the tree, and runs its tests.
installed() {
  local tree="$work/$1-moved"
  rm -rf "$tree" "$work/$1-staged" "$work/$1-examples"
  DESTDIR="$work/$1-staged" cmake --install "$work/$1" --prefix /opt/rossby
  mv "$work/$1-staged/opt/rossby" "$tree"
  if grep -rIl "$work" "$tree"; then # names the folder of the build (a "!" would not end the step)
    return 1
  fi
  if grep -q 'CMAKE_SKIP_INSTALL_RPATH:[A-Z]*=ON' "$work/$1/CMakeCache.txt"; then
    if readelf -d "$tree/bin/rossby" | grep -E 'RPATH|RUNPATH'; then
      return 1
    fi
    export LD_LIBRARY_PATH="$(dirname "$(find "$tree" -name 'librossby.so')")"
  fi
  cmake -S "$tree/share/rossby/examples" -B "$work/$1-examples" -G Ninja -DCMAKE_PREFIX_PATH="$tree"
  cmake --build "$work/$1-examples"
  ctest --test-dir "$work/$1-examples" --output-on-failure --no-tests=error
}
deb() {
  (cd "$work/gcc-shared" && cpack -G DEB)
  local package
  package="$(ls "$work/gcc-shared"/rossby_*.deb)"
  dpkg-deb --info "$package" | tee "$work/deb-info"
  dpkg-deb --contents "$package" | tee "$work/deb-contents"
  grep -q './usr/bin/rossby' "$work/deb-contents"
  grep -q 'Depends: .*libhdf5.*libopenmpi' "$work/deb-info"
}
deb_in_chroot() {
  cp "$work/gcc-shared"/rossby_*.deb "$chroot/tmp/rossby.deb"
  chroot "$chroot" sh -c 'apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends /tmp/rossby.deb'
  chroot "$chroot" rossby --version
  chroot "$chroot" rossby info /usr/share/rossby/inputs/tiny.yml
  chroot "$chroot" sh -c '. /usr/share/rossby/scripts/env.sh && mpirun -n 2 rossby info /usr/share/rossby/inputs/tiny.yml'
}

try archive archive
if chosen gcc-shared || chosen deb; then
  try gcc-shared build gcc-shared -DCMAKE_CXX_COMPILER=g++ -DBUILD_SHARED_LIBS=ON -DCMAKE_SKIP_INSTALL_RPATH=ON \
    -DCMAKE_INSTALL_PREFIX=/usr
  try gcc-shared-installed installed gcc-shared
fi
if chosen deb; then
  try deb deb
  [ -z "$chroot" ] || try deb-in-a-fresh-system deb_in_chroot
fi
if chosen clang-static-cxx20; then
  try clang-static-cxx20 build clang-static-cxx20 -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_C_COMPILER=clang \
    -DCMAKE_CXX_STANDARD=20
  try clang-static-cxx20-installed installed clang-static-cxx20
fi

echo
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
