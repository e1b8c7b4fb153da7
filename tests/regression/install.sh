#!/usr/bin/env bash
# Installs the build, moves the installed tree, and uses it from there: the program with the decks that came with it,
# and the examples, built against the package. Nothing installed knows the folder that it was built in.
set -euo pipefail
. "$ROSSBY_SOURCE/scripts/env.sh"

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
# Headers: those that programs include, what these include, and no other (tests/style/layering.py sees to it).
for header in rossby.h rossby/session.hpp rossby/data/batch.hpp; do
  [ -e "$scratch/rossby/include/$header" ] || { echo "include/$header is not installed" >&2; exit 1; }
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

# Host programs: trained by an example, stepped by programs in C and Fortran whose own tiles are not the model's, compared
# with what the installed program forecasts.
if [ -x "$scratch/build/06_c_host" ] && "$ROSSBY_PROGRAM" info "$ROSSBY_SOURCE/inputs/tiny.yml" >/dev/null; then
  mkdir "$scratch/run"
  cd "$scratch/run"
  rossby="$scratch/rossby/bin/rossby" deck="$scratch/rossby/share/rossby/inputs/tiny.yml"
  "$ROSSBY_PYTHON" -B "$ROSSBY_SOURCE/tools/make_tiny_data.py" data/tiny >/dev/null
  "$rossby" preprocess "$deck" >/dev/null
  timeout 300 mpirun -np 2 "$scratch/build/03_train" "$deck" trainer.epochs=1 | grep "1 epochs, "
  timeout 300 "$scratch/build/04_own_data" "$deck" trainer.epochs=1 save_loc=runs/own trainer.batches_per_epoch=2 |
    grep "2 steps with a sun of our own"
  "$rossby" forecast "$deck" >/dev/null
  cat >state.py <<'END'
"""state.py write FILE: the state of 2000-01-09; state.py FILE BOUND: compares with the forecast of 18 hours later."""
import glob
import sys
import netCDF4
import numpy as np
NAMES = ["u", "v", "t", "ps", "t2m"]
if sys.argv[1] == "write":
    with netCDF4.Dataset(glob.glob("data/tiny/state_2000.nc")[0]) as f:
        times = netCDF4.num2date(f["time"][:], f["time"].units)
        at = [i for i, t in enumerate(times) if (t.month, t.day, t.hour) == (1, 9, 0)][0]
        fields = [np.asarray(f[n][at], "f4") for n in NAMES]
else:
    with netCDF4.Dataset(glob.glob("runs/tiny/forecast/20000109_0000Z/full.nc")[0]) as f:
        fields = [np.asarray(f[n][2], "f4") for n in NAMES]
flat = np.concatenate([x.reshape(-1) for x in fields])
if sys.argv[1] == "write":
    flat.tofile(sys.argv[2])
else:
    mine = np.fromfile(sys.argv[1], "f4")
    assert mine.size == flat.size, (mine.size, flat.size)
    scale = np.concatenate([np.full(x.size, np.abs(x).max()) for x in fields])
    worst = float(np.max(np.abs(mine - flat) / scale))
    print(f"{sys.argv[1]}: largest deviation {worst:.1e} of a variable's largest value")
    sys.exit(worst > float(sys.argv[2]) or not np.isfinite(mine).all())
END
  "$ROSSBY_PYTHON" -B state.py write state.bin
  tiles="trainer.parallelism={data: none, tensor: 1, domain: 2}"
  timeout 100 "$scratch/build/06_c_host" "$deck" state.bin 2000-01-09T00:00 3 c1.bin
  "$ROSSBY_PYTHON" -B state.py c1.bin 0
  timeout 100 mpirun -np 2 "$scratch/build/06_c_host" "$deck" state.bin 2000-01-09T00:00 3 c2.bin "$tiles"
  "$ROSSBY_PYTHON" -B state.py c2.bin 1e-5
  if [ -x "$scratch/build/07_fortran_host" ]; then
    timeout 100 mpirun -np 1 "$scratch/build/07_fortran_host" "$deck" state.bin 2000-01-09T00:00 3 f1.bin
    "$ROSSBY_PYTHON" -B state.py f1.bin 0
    timeout 100 mpirun -np 4 "$scratch/build/07_fortran_host" "$deck" state.bin 2000-01-09T00:00 3 f2.bin "$tiles"
    "$ROSSBY_PYTHON" -B state.py f2.bin 1e-5
  fi
fi
