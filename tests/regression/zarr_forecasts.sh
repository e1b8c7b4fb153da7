#!/usr/bin/env bash
# needs: netcdf
# Forecasts written as Zarr stores hold the numbers of those written as netCDF, by one rank or several, and are verified to
# the same scores; data of a store train, and what a store and a netCDF file say of the same values is the same.
set -euo pipefail
. "$ROSSBY_SOURCE/scripts/env.sh"
. "$ROSSBY_SOURCE/tests/support/ranks.bash"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
"$ROSSBY_PYTHON" -B "$ROSSBY_SOURCE/tools/make_tiny_data.py" data/tiny >made.txt
cp "$ROSSBY_SOURCE/inputs/tiny.yml" deck.yml
"$ROSSBY_PROGRAM" preprocess deck.yml >preprocess.txt
"$ROSSBY_PROGRAM" train deck.yml --set trainer.epochs=1 --set trainer.batches_per_epoch=2 >train.txt

zarr=(--set inference.output.format=zarr --set inference.save_forecast=stores)
files=(--set inference.save_forecast=files)
"$ROSSBY_PROGRAM" forecast deck.yml "${files[@]}" >forecast.txt
"$ROSSBY_PROGRAM" verify deck.yml "${files[@]}" --output scores_netcdf >verify.txt
on_ranks 2 forecast deck.yml "${zarr[@]}" --set trainer.parallelism.domain=2 >forecast.txt
[ -e stores/20000109_0000Z/full.zarr/.zmetadata ]
[ ! -e stores/20000109_0000Z/full.zarr.tmp ]
"$ROSSBY_PROGRAM" verify deck.yml "${zarr[@]}" --output scores_zarr >verify.txt
"$ROSSBY_PYTHON" -B - <<'END'
import csv
a, b = (list(csv.DictReader(open(f"scores_{kind}/scores.csv"))) for kind in ("netcdf", "zarr"))
assert len(a) == len(b) > 100
for x, y in zip(a, b):
    assert {k: x[k] for k in ("variable", "level", "lead_hours", "method")} == {k: y[k] for k in ("variable", "level", "lead_hours", "method")}
    for k in ("rmse", "mae", "bias"):  # two tiles give one rank's numbers to the last bits of float32
        assert abs(float(x[k]) - float(y[k])) <= 1e-4 * (1 + abs(float(x[k]))), (x, y)
END

# What verify reads of one rank's forecast is the same to the last digit, whichever file it was.
rm -r stores # a whole forecast would not be made again
"$ROSSBY_PROGRAM" forecast deck.yml "${zarr[@]}" >forecast.txt
"$ROSSBY_PROGRAM" verify deck.yml "${zarr[@]}" --output scores_zarr >verify.txt
cmp scores_netcdf/scores.csv scores_zarr/scores.csv

# A forecast is data like others: its states train, from either file, with the same losses.
for kind in nc zarr; do
  folder=files
  [ $kind = nc ] || folder=stores
  sed -e "s#path: data/tiny/state_%Y.nc#path: $folder/20000109_0000Z/full.$kind#" -e "s#runs/tiny#runs/$kind#" \
    -e 's#2000-01-01$#2000-01-09T06:00#; s#2000-01-08T18:00#2000-01-10T00:00#' \
    -e 's#2000-01-09$#2000-01-09T06:00#; s#2000-01-10T18:00#2000-01-10T00:00#' -e '/^inference:/,$d' deck.yml >$kind.yml
  "$ROSSBY_PROGRAM" preprocess $kind.yml >preprocess.txt
  "$ROSSBY_PROGRAM" check $kind.yml >check.txt || { cat check.txt >&2; exit 1; }
  "$ROSSBY_PROGRAM" train $kind.yml --set trainer.epochs=1 --set trainer.train_batch_size=1 --set trainer.valid_batch_size=1 \
    >train.txt || { cat train.txt >&2; exit 1; }
done
cmp runs/nc/training_steps.csv runs/zarr/training_steps.csv

# What a store does not have is refused.
if "$ROSSBY_PROGRAM" check deck.yml --no-files --set inference.output.format=zarr \
  --set inference.output.encoding='{fletcher32: true}' >refused.txt; then
  echo "fletcher32 in a store was not refused" >&2
  exit 1
fi
grep -q "inference.output.encoding" refused.txt
