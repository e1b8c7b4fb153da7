#!/usr/bin/env bash
# Installs the build into an empty folder and builds and runs the examples against what was installed.
set -euo pipefail

build="$(dirname "$ROSSBY_PROGRAM")"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

cmake --install "$build" --prefix "$scratch/rossby" >/dev/null
"$scratch/rossby/bin/rossby" --version
# The tree must not be needed any more: build from a copy of the examples.
cp -r "$ROSSBY_SOURCE/examples" "$scratch/examples"
cmake -S "$scratch/examples" -B "$scratch/build" -G Ninja -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_PREFIX_PATH="$scratch/rossby" >"$scratch/log" 2>&1 || { cat "$scratch/log"; exit 1; }
cmake --build "$scratch/build" || exit 1
ctest --test-dir "$scratch/build" --output-on-failure --no-tests=error
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
