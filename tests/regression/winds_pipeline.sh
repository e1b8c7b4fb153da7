#!/usr/bin/env bash
# The winds example from end to end on made-up data of the same form: every command, on two ranks, and the pictures.
# needs: netcdf
set -euo pipefail

. "$ROSSBY_SOURCE/scripts/env.sh"
. "$ROSSBY_SOURCE/tests/support/ranks.bash"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
mkdir -p data/winds
"$ROSSBY_PYTHON" -B "$ROSSBY_SOURCE/tests/support/made_up_winds.py" data/winds
"$ROSSBY_PYTHON" -B "$ROSSBY_SOURCE/tools/prepare_winds.py" --winds data/winds/monthly_navy_winds.cdf \
  --relief data/winds/etopo20.cdf --output data/winds/static.nc

deck="$ROSSBY_SOURCE/inputs/winds.yml"
# The same deck with a model small enough for a test.
smaller=(--set "model.dim=[8,16,32,64]" --set model.dim_head=8 --set "model.depth=[1,1,1,1]"
  --set data.source.Sun.num_integration_steps=24 --set trainer.epochs=2 --set trainer.batches_per_epoch=3
  --set inference.batch_forecast.last_init_date=1990-02-16T06:30)
rossby() { on_ranks "$@" "$deck" "${smaller[@]}"; }

rossby 2 preprocess
rossby 1 check
rossby 2 train
rossby 2 train --resume
rossby 2 forecast
rossby 2 verify | tee scores.txt

grep -q UWND scores.txt
for file in checkpoint.h5 training_log.csv; do
  [ -s "runs/winds/$file" ] || { echo "no $file"; exit 1; }
done
forecasts="$(find runs/winds/forecast -name '*.nc' | wc -l)"
[ "$forecasts" -eq 3 ] || { echo "$forecasts forecasts, not 3"; exit 1; }
header="$(ncdump -h runs/winds/forecast/19900116_2000Z/full.nc)"
for expected in 'Conventions = "CF-' 'UWND(time, latitude, longitude)' 'time = 3 ;'; do
  grep -qF "$expected" <<<"$header" || { echo "the forecast's header lacks $expected"; exit 1; }
done
"$ROSSBY_PYTHON" -B "$ROSSBY_SOURCE/tools/plot.py" "$deck"
for picture in training scores; do
  [ -s "runs/winds/plots/$picture.png" ] || { echo "no picture $picture.png"; exit 1; }
done
[ "$(find runs/winds/plots -name '[UV]WND_*.png' | wc -l)" -eq 2 ]
