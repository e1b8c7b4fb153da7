#!/usr/bin/env bash
# Forecast files say what they hold: CF's coordinates, levels as the data have them, standard names where they are known.
# needs: netcdf
. "$(dirname "${BASH_SOURCE[0]}")/../support/bad_input.bash"
rossby="$ROSSBY_PROGRAM"
expect_success "preprocess" "$rossby" preprocess deck.yml
expect_success "train" "$rossby" train deck.yml --set trainer.epochs=1 --set trainer.batches_per_epoch=1 \
  --set trainer.skip_validation=true
# levels NAME=VALUE…: the attributes of the data's levels from here on
levels() {
  python '
with netCDF4.Dataset("data/tiny/state_2000.nc", "a") as f:
    for name in f["level"].ncattrs():
        f["level"].delncattr(name)
    for pair in sys.argv[1:]:
        f["level"].setncattr(*pair.split("="))' "$@"
}
# forecast NAME PYTHON: a forecast f of which the lines of Python hold
forecast() {
  rm -rf out
  expect_success "$1" "$rossby" forecast deck.yml --set inference.save_forecast=out \
    --set inference.batch_forecast.last_init_date=2000-01-09
  python "
f = netCDF4.Dataset('out/20000109_0000Z/full.nc')
def attributes(name): return {a: f[name].getncattr(a) for a in f[name].ncattrs()}
$2" || complain "$1" "the file says something else: $(ncdump -h out/20000109_0000Z/full.nc)"
}

forecast "a file without much about levels" "
assert f.Conventions.startswith('CF-')
for v in ('u', 'v', 't', 'ps', 't2m', 'rain'):
    named = f[v].coordinates.split()
    assert set(named) == {'lead_time', 'forecast_reference_time'}, named
    assert all(n in f.variables and set(f[n].dimensions) <= set(f[v].dimensions) for n in named)
for axis, name in zip('TZYX', ('time', 'level', 'latitude', 'longitude')):
    assert f[name].axis == axis and f[name].dimensions == (name,), name
    assert f[name].units, name
    assert (np.diff(f[name][:]) > 0).all() or (np.diff(f[name][:]) < 0).all(), name
assert f['time'].calendar and f['time'].standard_name == 'time'
assert f['level'].positive == 'down'
assert all('_FillValue' not in attributes(n) for n in f.dimensions if n in f.variables)"
levels units=hPa standard_name=air_pressure positive=down
forecast "pressure levels" "
assert attributes('level')['units'] == 'hPa' and attributes('level')['standard_name'] == 'air_pressure'
assert attributes('level')['positive'] == 'down'"
levels units=millibars
forecast "pressure levels without a name" "
assert attributes('level')['units'] == 'millibars' and attributes('level')['standard_name'] == 'air_pressure'"
levels units=m positive=up standard_name=height
forecast "heights" "
assert (f['level'].units, f['level'].positive, f['level'].standard_name) == ('m', 'up', 'height')"
python "
with netCDF4.Dataset('data/tiny/state_2000.nc', 'a') as f:
    f['t'].units, f['t'].standard_name = 'K', 'unknown'
    f['u'].units = 'm s**-1'
    f['v'].units = 'furlong'
    for v in 'uv':
        if 'standard_name' in f[v].ncattrs(): f[v].delncattr('standard_name')"
forecast "names" "
assert attributes('t')['standard_name'] == 'air_temperature'
assert attributes('u')['standard_name'] == 'eastward_wind' and f['u'].units == 'm s**-1'
assert 'standard_name' not in attributes('v'), 'a guess'"

# rossby status, before, while and after.
expect_success "status" "$rossby" status runs/tiny
grep -qE "checkpoint.h5 +step 1, end of epoch 1, .*: sound" output.txt || complain "status" "no sound checkpoint"
grep -qE "^loss .*learning rate 0.002" output.txt || complain "status" "no loss"
grep -qE "^last +epoch 1: train_loss" output.txt || complain "status" "no epoch"
"$rossby" train deck.yml --set save_loc=runs/long --set trainer.epochs=500 --set trainer.scheduler.T_max=500 >/dev/null 2>&1 &
running=$!
for _ in $(seq 600); do
  [ -e runs/long/checkpoint.h5 ] && break
  sleep 0.1
done
for _ in 1 2 3; do
  expect_success "status of a run that goes on" "$rossby" status runs/long
done
grep -qE "^at +epoch [0-9]+ of 500" output.txt || complain "status of a run that goes on" "no place"
grep -qE "^time left" output.txt || complain "status of a run that goes on" "no time left"
grep -qE "^last sign of life +0:00:" output.txt || complain "status of a run that goes on" "no sign of life"
kill -0 "$running" || complain "status of a run that goes on" "the run has ended"
kill -TERM "$running"
wait "$running" || true
python "
with h5py.File('runs/tiny/checkpoint.h5', 'a') as f: f['model/up_block4.0.bias'][0] += 1"
expect_failure "status of damage" "checkpoint.h5 +DAMAGED: .*up_block4.0.bias" "$rossby" status runs/tiny
expect_failure "status of nothing" "runs: holds no run" "$rossby" status runs
finish
