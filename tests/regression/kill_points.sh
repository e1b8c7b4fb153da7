#!/usr/bin/env bash
# A run that is killed before any rename, link, unlink or fsync in its folder, and is started again, ends with the files
# of a run that nothing disturbed, byte for byte; a forecast with the same fields. No temporary file stays.
# needs: netcdf
. "$(dirname "${BASH_SOURCE[0]}")/../support/bad_input.bash"
rossby="$ROSSBY_PROGRAM"
watch="$ROSSBY_TEST_PROGRAMS/libkill_points.so"
# The smallest model, two epochs of two steps; a checkpoint after each step, and of each epoch.
train=("$rossby" train deck.yml --set trainer.epochs=2 --set trainer.batches_per_epoch=2 --set trainer.train_batch_size=1
  --set trainer.valid_batches_per_epoch=1 --set data.forecast_len=1 --set validation_data.forecast_len=1
  --set trainer.save_every_epoch=true --set trainer.save_every_steps=1 --set model.use_spectral_norm=false
  --set 'model.dim=[4, 8, 16, 32]' --set model.dim_head=4)
expect_success "preprocess" "$rossby" preprocess deck.yml
mkdir scaler && mv runs/tiny/scaler.json scaler/
sed -i 's|runs/tiny/scaler.json|scaler/scaler.json|' deck.yml
rm -rf runs

# under PLACE AT COMMAND…: the command, killed before its AT-th call below PLACE; 0: not at all. The calls go to calls.txt.
under() {
  local place="$1" at="$2" code=0
  shift 2
  rm -f calls.txt
  { # the shell's own word on it is not wanted
    KILL_UNDER="$place" KILL_AT="$at" KILL_LOG="$scratch/calls.txt" LD_PRELOAD="$watch" "$@" >output.txt 2>&1 || code=$?
  } 2>/dev/null
  return "$code"
}
files_of() { (cd "$1" && find . -type f ! -name .lock ! -name .progress -exec sha256sum {} + | sort -k 2); }

under runs/tiny 0 "${train[@]}" || complain "undisturbed" "it failed"
mv runs/tiny whole
files_of whole >whole.txt
calls="$(wc -l <calls.txt)"
[ "$calls" -ge 40 ] || complain "undisturbed" "there are only $calls calls"
cp calls.txt all_calls.txt
for at in ${KILL_POINTS:-$(seq "$calls")}; do # some of them, for whoever looks for a fault
  what="killed before $(sed -n "${at}p" all_calls.txt)"
  rm -rf runs
  code=0
  under runs/tiny "$at" "${train[@]}" || code=$?
  [ "$code" = 137 ] || complain "$what" "it ended with code $code"
  resume=()
  [ ! -e runs/tiny/model.yml ] || resume=(--resume)
  expect_success "$what" "${train[@]}" "${resume[@]}"
  files_of runs/tiny >now.txt
  if ! cmp -s whole.txt now.txt; then
    diff whole.txt now.txt >output.txt || true
    complain "$what" "other files"
  fi
done
echo "    training: killed before each of $calls calls"

# A forecast of two initial times in two files each.
rm -rf runs && mkdir runs && mv whole runs/tiny
forecast=("$rossby" forecast deck.yml --set inference.save_forecast=out --set inference.output.group_by=day
  --set inference.batch_forecast.last_init_date=2000-01-09T06:00 --set model.use_spectral_norm=false
  --set 'model.dim=[4, 8, 16, 32]' --set model.dim_head=4)
under out 0 "${forecast[@]}" || complain "an undisturbed forecast" "it failed"
cp calls.txt all_calls.txt
calls="$(wc -l <calls.txt)"
[ "$calls" -ge 10 ] || complain "an undisturbed forecast" "there are only $calls calls"
mv out whole
for at in $(seq "$calls"); do
  what="a forecast killed before $(sed -n "${at}p" all_calls.txt)"
  rm -rf out
  code=0
  under out "$at" "${forecast[@]}" || code=$?
  [ "$code" = 137 ] || complain "$what" "it ended with code $code"
  expect_success "$what" "${forecast[@]}"
  [ "$(cd out && find . -type f ! -name .lock | sort)" = "$(cd whole && find . -type f | sort)" ] ||
    complain "$what" "other files: $(find out -type f)"
  python '
import glob
for path in sorted(glob.glob("whole/*/*.nc")):
    with netCDF4.Dataset(path) as a, netCDF4.Dataset(path.replace("whole", "out")) as b:
        assert all(np.array_equal(a[v][:], b[v][:]) for v in a.variables), path' || complain "$what" "other fields"
done
echo "    a forecast: killed before each of $calls calls"

# What is whole is not made again; what is another forecast is.
cp -rp out before
expect_success "again" "${forecast[@]}"
grep -q "2 of 2 forecasts are whole" output.txt || complain "again" "it does not say so"
for file in $(cd before && find . -name '*.nc'); do
  cmp -s "before/$file" "out/$file" || complain "again" "$file was made again"
done
victim="$(find out -name '*.nc' | sort | head -n 1)"
truncate -s 1000 "$victim"
expect_success "after damage" "${forecast[@]}"
grep -q "1 of 2 forecasts are whole" output.txt || complain "after damage" "it does not skip one of two"
ncdump -h "$victim" >/dev/null || complain "after damage" "$victim is damaged still"
expect_success "other weights" "${forecast[@]}" --set inference.weights=raw
! grep -q "forecasts are whole" output.txt || complain "other weights" "forecasts were skipped"

# Temporary names are made anew: a link is not followed, and nobody's file is written over.
echo precious >precious.txt
rm -rf out && mkdir -p out/20000109_0000Z
ln -s "$scratch/precious.txt" out/20000109_0000Z/2000-01-09.nc.tmp
ln -s "$scratch/precious.txt" runs/tiny/checkpoint.h5.tmp
expect_success "a link under a temporary name" "${forecast[@]}"
expect_success "a link under a temporary name in a run folder" "${train[@]}" --resume --set trainer.epochs=3
[ "$(cat precious.txt)" = precious ] || complain "a link under a temporary name" "it was followed"

# One writer at a time.
mkdir -p out/20000109_0000Z
(
  flock -n 9 || exit 1
  expect_failure "two forecasts at once" "out/20000109_0000Z: another program is writing there" "${forecast[@]}" --set inference.weights=ema
  exit "$failures"
) 9>out/20000109_0000Z/.lock || failures=$((failures + 1))
finish
