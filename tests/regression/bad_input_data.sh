#!/usr/bin/env bash
# Damaged and unfit data files: each is refused with file, place and reason, and nothing is written.
# needs: netcdf
. "$(dirname "${BASH_SOURCE[0]}")/../support/bad_input.bash"
rossby="$ROSSBY_PROGRAM"
state=data/tiny/state_2000.nc

# refused NAME PATTERN: preprocess reads every field, so it meets whatever is wrong.
refused() {
  expect_failure "$1" "$2" "$rossby" preprocess deck.yml
  [ ! -e runs/tiny/scaler.json ] || complain "$1" "a scaler was written all the same"
  rm -rf runs
  restore_data
}

for file in "$state" data/tiny/static.nc; do
  : >"$file"
  refused "empty $file" "$file"
  echo "this is no netCDF file, but text that goes on and on" >"$file"
  refused "text as $file" "$file"
  truncate -s $(($(stat -c %s "$file") / 2)) "$file"
  refused "half of $file" "$file"
  rm "$file"
  refused "no $file" "$(basename "$file" | sed 's/2000/%Y/')"
done

python "
with netCDF4.Dataset('$state', 'a') as f: f['t'][5, 1, 3, 4:6] = np.nan"
refused "NaN in the state" "state_2000.nc
\bt\b
2000-01-02
2 "

python "
with netCDF4.Dataset('$state', 'a') as f: f['time'][7] = f['time'][6]"
refused "a time twice" "state_2000.nc
2000-01-02 12:00"

python "
with netCDF4.Dataset('$state', 'a') as f: f['time'][7:9] = f['time'][7:9][::-1]"
refused "times out of order" "state_2000.nc"

python "
with netCDF4.Dataset('$state', 'a') as f: f['time'][7:] = f['time'][7:] + 6"
refused "a time missing" "2000-01-02 18:00"

python "
with netCDF4.Dataset('$state', 'a') as f: f.renameVariable('ps', 'pressure')"
refused "a variable missing" "ps
state_2000.nc"

python "
with netCDF4.Dataset('$state', 'a') as f: f['time'].units = 'fortnights since the flood'"
refused "a unit of time that nobody knows" "fortnights
state_2000.nc"

python "
with netCDF4.Dataset('data/tiny/static.nc', 'w') as f:
    for name, n in (('latitude', 16), ('longitude', 32)):
        f.createDimension(name, n)
        f.createVariable(name, 'f8', (name,))[:] = np.linspace(80, -80, n) if name == 'latitude' else np.arange(n) * 11.25
    f.createVariable('height', 'f4', ('latitude', 'longitude'))[:] = 0"
refused "static fields on another grid" "static.nc"

expect_failure "a grid that differs from the deck's" "model.image_height
32" "$rossby" preprocess deck.yml --set model.image_height=64
expect_failure "channels that differ from the deck's" "model.surface_channels" "$rossby" check deck.yml --set model.surface_channels=3
expect_failure "frames that differ from the deck's" "model.frames
history_len" "$rossby" check deck.yml --set model.frames=2

# A scaler that can't be read, and one of other variables.
expect_success "preprocess" "$rossby" preprocess deck.yml
cp runs/tiny/scaler.json good.json
: >runs/tiny/scaler.json
expect_failure "an empty scaler" "runs/tiny/scaler.json" "$rossby" check deck.yml
head -c 200 good.json >runs/tiny/scaler.json
expect_failure "half a scaler" "runs/tiny/scaler.json" "$rossby" check deck.yml
sed 's/t2m/t3m/g' good.json >runs/tiny/scaler.json
expect_failure "a scaler of other variables" "runs/tiny/scaler.json
t2m" "$rossby" check deck.yml
cp good.json runs/tiny/scaler.json

# A second fit keeps the first.
expect_success "preprocess again" "$rossby" preprocess deck.yml
[ "$(ls runs/tiny | wc -l)" -eq 2 ] || complain "preprocess again" "the older scaler is gone: $(ls runs/tiny)"

# Output that can't be written. (Root may write anywhere, so a file stands in the folder's way.)
rm -rf runs && echo >runs
expect_failure "a file where the folder should be" "runs" "$rossby" preprocess deck.yml
finish
