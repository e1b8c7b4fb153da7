#!/usr/bin/env bash
# What `rossby check` says of data, all at once and within a bounded time; and a run in a calendar without leap days from
# data to scores.
# needs: netcdf
. "$(dirname "${BASH_SOURCE[0]}")/../support/bad_input.bash"
rossby="$ROSSBY_PROGRAM"
state=data/tiny/state_2000.nc

expect_success "sound data" "$rossby" check deck.yml
grep -q "grid     32 x 64 cells, 87.1875N to 87.1875S, whole circles from 0E" output.txt || complain "sound data" "no word of the grid"

python "
with netCDF4.Dataset('$state', 'a') as f: f['time'][10:] = f['time'][10:] + 6"
expect_failure "a gap amid the training period" "2000-01-03 12:00:00" "$rossby" check deck.yml
[ "$(grep -c "2000-01-03 12:00" output.txt)" -eq 1 ] || complain "a gap" "it is told more than once"
restore_data

expect_failure "forecasts that begin before the data" "1999-12-31 12:00:00 to 1999-12-31 18:00:00" "$rossby" check deck.yml \
  --set inference.batch_forecast.first_init_date=1999-12-31T12:00

# Several faults of different kinds: each is told, whatever the others.
python "
with netCDF4.Dataset('$state', 'a') as f: f['time'][20:] = f['time'][20:] + 6"
rm data/tiny/static.nc
sed -i 's/type: concat/type: concatenate/' deck.yml
expect_failure "a file, a time, a block and a size at once" "variables.static
no file matches
2000-01-06 00:00:00
concatenate
model.image_width" "$rossby" check deck.yml --set model.image_width=60
sed -i 's/type: concatenate/type: concat/' deck.yml
restore_data

sed "s|state_%Y|state_[z-a]%Y|" deck.yml >set.yml
expect_failure "a set of characters that is none" "data.source.Toy.variables.prognostic
the set of characters in 'data/tiny/state_.z-a.%Y.nc' can't be read" "$rossby" check set.yml

sed "/^  timestep:/d" deck.yml >step.yml
expect_failure "no time step" "data.timestep" "$rossby" check step.yml

# One unset variable is one fault, and no reason to call its neighbours unknown.
sed "s|data/tiny|\$ROSSBY_NO_SUCH_FOLDER/tiny|" deck.yml >unset.yml
expect_failure "a variable of the environment that is not set" "ROSSBY_NO_SUCH_FOLDER
is not set, and is used in data.source.Toy.variables.prognostic.path and 2 other keys
FAIL: 1 error" "$rossby" check unset.yml

# What would take for ever or all memory is refused at once.
at_once() {
  local begin=$SECONDS
  expect_failure "$@"
  [ $((SECONDS - begin)) -le 20 ] || complain "$1" "it took $((SECONDS - begin)) seconds"
}
for value in -1e30 1e30 nan inf; do
  python "
with netCDF4.Dataset('$state', 'a') as f: f['longitude'][5] = float('$value')"
  at_once "longitude $value" "$state, variable longitude" "$rossby" check deck.yml
  restore_data
done
at_once "a far date" "data
mistyped year" "$rossby" check deck.yml --set data.end_datetime=99000-01-01
at_once "no date" "data.end_datetime" "$rossby" check deck.yml --set data.end_datetime=999999999-01-01
at_once "an endless forecast" "data.forecast_len" "$rossby" check deck.yml --set data.forecast_len=2000000000
at_once "an absurd grid" "model.image_height
is out of range" "$rossby" check deck.yml --set model.image_height=2000000000
at_once "a device as data" "/dev/zero
is not an ordinary file" "$rossby" check deck.yml \
  --set data.source.Toy.variables.static.path=/dev/zero
at_once "a device as a table" "/dev/zero
is not a file" "$rossby" check deck.yml --set data.source.Sun.tsi_path=/dev/zero
at_once "a device as a deck" "/dev/zero
is longer than" "$rossby" check /dev/zero
mkdir -p runs/tiny
python "open('runs/tiny/scaler.json', 'w').write('{\"input\": ' * 1000000)"
at_once "deep JSON" "runs/tiny/scaler.json
is no JSON" "$rossby" check deck.yml
rm -rf runs

# A model's calendar: 28 February is followed by 1 March; forecasts and scores keep to it.
python "
with netCDF4.Dataset('$state', 'a') as f:
    f['time'][:] = f['time'][:] / 24 + 365 * 2000 + 31 + 22
    f['time'].units, f['time'].calendar = 'days since 0000-01-01 00:00:00', 'noleap'"
sed -i -e 's/start_datetime: 2000-01-01/start_datetime: 2000-02-23/' -e 's/2000-01-08T18:00/2000-03-02T18:00/' \
  -e 's/start_datetime: 2000-01-09/start_datetime: 2000-03-03/' -e 's/2000-01-10T18:00/2000-03-04T18:00/' \
  -e 's/first_init_date: 2000-01-09/first_init_date: 2000-02-28/' -e 's/last_init_date: 2000-01-09T12:00/last_init_date: 2000-02-28T12:00/' deck.yml
expect_success "noleap: check" "$rossby" check deck.yml
expect_success "noleap: preprocess" "$rossby" preprocess deck.yml
expect_success "noleap: train" "$rossby" train deck.yml --set trainer.epochs=1 --set trainer.batches_per_epoch=2
expect_success "noleap: forecast" "$rossby" forecast deck.yml
expect_success "noleap: verify" "$rossby" verify deck.yml
python "
from netCDF4 import num2date
with netCDF4.Dataset('runs/tiny/forecast/20000228_1200Z/full.nc') as f:
    t = f['time']
    dates = [d.strftime('%m-%d %H') for d in num2date(t[:], t.units, t.calendar)]
    assert (t.calendar, dates) == ('noleap', ['02-28 18', '03-01 00', '03-01 06', '03-01 12']), (t.calendar, dates)" ||
  complain "noleap" "the forecast's times"
finish
