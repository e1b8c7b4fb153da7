#!/usr/bin/env bash
# Installs the build, moves the installed tree, and uses it from there: the program with the decks that came with it,
# and the examples, built against the package. Nothing installed knows the folder that it was built in.
set -euo pipefail

build="$(dirname "$ROSSBY_PROGRAM")"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

cmake --install "$build" --prefix "$scratch/installed" >/dev/null
mv "$scratch/installed" "$scratch/rossby"
found="$(grep -rIlE "$(realpath "$ROSSBY_SOURCE")|$(realpath "$build")|$scratch/installed" "$scratch/rossby" || true)"
[ -z "$found" ] || { echo "these name the folder of the build: $found" >&2; exit 1; }
"$scratch/rossby/bin/rossby" --version
for part in inputs/tiny.yml docs/install.md tools/plot.py scripts/env.sh scripts/hpc/job.sh examples/CMakeLists.txt; do
  [ -e "$scratch/rossby/share/rossby/$part" ] || { echo "share/rossby/$part is not installed" >&2; exit 1; }
done
cmake -S "$scratch/rossby/share/rossby/examples" -B "$scratch/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_PREFIX_PATH="$scratch/rossby" >"$scratch/log" 2>&1 || { cat "$scratch/log"; exit 1; }
cmake --build "$scratch/build" || exit 1
ctest --test-dir "$scratch/build" --output-on-failure --no-tests=error
# Where something that Rossby was built with is missing, a project that can do without Rossby goes on without it.
mkdir "$scratch/optional"
cat >"$scratch/optional/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.22)
project(Optional LANGUAGES C CXX)
find_package(Rossby QUIET)
if(Rossby_FOUND OR TARGET Rossby::rossby)
  message(FATAL_ERROR "found")
endif()
message(STATUS "${Rossby_NOT_FOUND_MESSAGE}")
END
cmake -S "$scratch/optional" -B "$scratch/optional/build" -G Ninja -DCMAKE_PREFIX_PATH="$scratch/rossby" \
  -DCMAKE_DISABLE_FIND_PACKAGE_yaml-cpp=ON >"$scratch/log" 2>&1 || { cat "$scratch/log"; exit 1; }
grep -q "yaml-cpp" "$scratch/log"
# On a mesh the example prints the numbers of one rank.
if command -v mpirun >/dev/null && "$ROSSBY_PROGRAM" --version | grep -q MPI; then
  one="$("$scratch/build/02_on_a_mesh" | sed 's/^1 ranks, //')"
  for mesh in "2 1 2 1" "2 2 1 1" "4 2 1 2"; do
    read -r ranks arguments <<<"$mesh"
    # shellcheck disable=SC2086
    many="$(timeout 100 mpirun -np "$ranks" "$scratch/build/02_on_a_mesh" $arguments)"
    echo "$many"
    [ "$many" = "$ranks ranks, $one" ] || { echo "on the mesh $mesh: '$many', not '$one'" >&2; exit 1; }
  done
fi
