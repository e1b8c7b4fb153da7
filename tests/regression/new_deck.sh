#!/usr/bin/env bash
# needs: netcdf zarr
# `rossby new` makes decks of netCDF files and Zarr stores that pass `check` and train two steps, with the kinds of
# variables by their rule, dates split, and a mesh for the ranks; and says why where it can't.
set -euo pipefail
. "$ROSSBY_SOURCE/scripts/env.sh"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

"$ROSSBY_PYTHON" -B "$ROSSBY_SOURCE/tools/make_tiny_data.py" tiny >made.txt

# trains DECK [OPTION…]: fits, checks, and takes two steps.
trains() {
  "$ROSSBY_PROGRAM" preprocess "$@" >preprocess.txt
  "$ROSSBY_PROGRAM" check --strict "$@" >check.txt || { cat "$1" check.txt >&2; exit 1; }
  "$ROSSBY_PROGRAM" train "$@" --set trainer.epochs=1 --set trainer.batches_per_epoch=2 >train.txt || { cat train.txt >&2; exit 1; }
}
holds() {
  local text
  for text in "${@:2}"; do
    grep -qF -- "$text" "$1" || { echo "$1 lacks '$text':" >&2; cat "$1" >&2; exit 1; }
  done
}

"$ROSSBY_PROGRAM" new tiny -o tiny.yml --save-loc runs/tiny --diagnostic rain -n 2 >notes.txt
holds tiny.yml 'vars_3D: ["u", "v", "t"]' 'levels: [500, 850]' 'vars_2D: ["rain"]' 'path: "tiny/static.nc"' \
  'timestep: 6h' 'end_datetime: 2000-01-09 12:00:00' 'start_datetime: 2000-01-09 18:00:00' \
  'data x domain for 2 ranks: 2 x 1, 1 x 2' 'domain: 1}'
holds notes.txt 'a variable without a time axis is static' 'diagnostic       2-D rain                 as asked'
trains tiny.yml

# Stores of both versions, on a regional grid of odd size; fields with gaps are left out, and that is said.
for store in v2_blosc_lz4_shuffle v3_sharded; do
  "$ROSSBY_PROGRAM" new "$ROSSBY_ZARR_FIXTURES/$store.zarr" -o $store.yml --save-loc runs/$store >notes.txt
  holds notes.txt 'left out             gap' 'left out             packed' 'static           2-D mask'
  trains $store.yml
done

# Files by month become a template; a gap cuts the dates into ranges; four ranks share samples where there are few.
"$ROSSBY_PYTHON" -B - <<'END'
import netCDF4, numpy as np
for month, days in ((1, [*range(1, 15), *range(16, 32)]), (2, range(3, 11))):
    with netCDF4.Dataset(f"by_{month}.nc", "w") as f:
        for name, values in (("time", [24 * (d - 1 + 31 * (month - 1)) for d in days]), ("lat", np.linspace(80, -80, 17)),
                             ("lon", np.arange(0, 360, 11.25))):
            f.createDimension(name, len(values))
            f.createVariable(name, "f8", (name,))[:] = values
        f["time"].units, f["lat"].units, f["lon"].units = "hours since 2001-01-01", "degrees_north", "degrees_east"
        u = f.createVariable("u", "f4", ("time", "lat", "lon"))
        u[:] = np.random.default_rng(month).normal(size=u.shape)
        f.createVariable("member_u", "f4", ("time", "lat", "lon"))[:] = 1
END
mkdir months
mv by_1.nc months/wind_2001-01.nc
mv by_2.nc months/wind_2001-02.nc
"$ROSSBY_PROGRAM" new months -o months.yml --save-loc runs/months -n 8 >notes.txt
holds months.yml 'path: "months/wind_%Y-%m.nc"' 'date_ranges:' '["2001-01-01 00:00:00", "2001-01-14 00:00:00"]' \
  'start_datetime: 2001-02-03 00:00:00' 'domain: 2}' \
  'padding_conf: # to 32 x 32'
holds notes.txt 'member_u             does not vary'
"$ROSSBY_PROGRAM" preprocess months.yml >preprocess.txt
"$ROSSBY_PROGRAM" check --strict -n 8 months.yml >check.txt
trains months.yml --set trainer.parallelism.domain=1

refused() { # refused TEXT ARGUMENT…
  local text="$1"
  shift
  if "$ROSSBY_PROGRAM" new "$@" >refused.txt 2>&1; then
    echo "rossby new $* was not refused" >&2
    exit 1
  fi
  holds refused.txt "$text"
}
refused 'is there already' tiny -o tiny.yml
refused 'there is no such file' nowhere -o other.yml
refused 'holds no field with a time axis' tiny/static.nc -o other.yml
refused 'ranks are too many' tiny -o other.yml -n 64
mkdir same
cp tiny/state_2000.nc same/a.nc
cp tiny/state_2000.nc same/b.nc
refused 'no template of their names' same -o other.yml
[ ! -e other.yml ]
