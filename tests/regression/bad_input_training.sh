#!/usr/bin/env bash
# Training that can't go on, or must not start: clear messages, and what was there stays whole.
# needs: netcdf
. "$(dirname "${BASH_SOURCE[0]}")/../support/bad_input.bash"
rossby="$ROSSBY_PROGRAM"
small=(--set trainer.batches_per_epoch=2 --set trainer.valid_batches_per_epoch=1 --set data.forecast_len=1 --set trainer.scheduler.T_max=9)

expect_failure "training before preprocessing" "runs/tiny/scaler.json
rossby preprocess" "$rossby" train deck.yml
[ ! -e runs/tiny/checkpoint.h5 ] || complain "training before preprocessing" "a checkpoint was made"
expect_success "preprocess" "$rossby" preprocess deck.yml
expect_success "a good run" "$rossby" train deck.yml "${small[@]}" --set trainer.epochs=1
cp -r runs good_runs

# intact NAME: the run's files are byte for byte what they were.
intact() {
  local file
  for file in checkpoint.h5 best_checkpoint.h5 training_log.csv model.yml; do
    cmp -s "runs/tiny/$file" "good_runs/tiny/$file" || complain "$1" "$file has changed"
  done
  ! compgen -G "runs/tiny/*.partial*" >/dev/null || complain "$1" "an unfinished file was left: $(ls runs/tiny)"
}
restore_runs() { rm -rf runs && cp -r good_runs runs; }

expect_failure "a second run into the folder" "runs/tiny: holds a run already
--resume" "$rossby" train deck.yml "${small[@]}"
intact "a second run into the folder"
(
  flock -n 9 || exit 1
  expect_failure "two runs at once" "another run is writing to this folder" "$rossby" train --resume deck.yml "${small[@]}"
  exit "$failures"
) 9>runs/tiny/.lock || failures=$((failures + 1))

# Weights that don't fit, and files that hold none.
fresh=("${small[@]}" --set save_loc=runs/other --set trainer.epochs=1)
for damage in empty text half; do
  case $damage in
    empty) : >bad.h5 ;;
    text) seq 2000 >bad.h5 ;;
    half) head -c $(($(stat -c %s runs/tiny/checkpoint.h5) / 2)) runs/tiny/checkpoint.h5 >bad.h5 ;;
  esac
  expect_failure "$damage weights" "bad.h5" "$rossby" train deck.yml "${fresh[@]}" --weights bad.h5
  cp bad.h5 runs/tiny/checkpoint.h5
  expect_failure "$damage checkpoint" "runs/tiny/checkpoint.h5" "$rossby" train --resume deck.yml "${small[@]}" --set trainer.epochs=2
  expect_failure "forecast from a checkpoint that is $damage" "checkpoint.h5" "$rossby" forecast deck.yml --checkpoint runs/tiny/checkpoint.h5
  restore_runs
done
expect_failure "weights of another model" "layers.0.0.convs.0.1.weight_orig
is \[4, 10, 2, 2\], but the model has \[8, 10, 2, 2\]" "$rossby" train deck.yml "${fresh[@]}" --weights runs/tiny/checkpoint.h5 --set 'model.dim=[16, 32, 64, 128]'
expect_failure "a checkpoint of another deck" "checkpoint.h5
dim" "$rossby" train --resume deck.yml "${small[@]}" --set trainer.epochs=2 --set 'model.dim=[16, 32, 64, 128]'
intact "a checkpoint of another deck"
python "
with h5py.File('runs/tiny/checkpoint.h5', 'a') as f:
    d = f['model/up_block4.0.bias']
    d[0] = d[0] + 1"
before="$(find runs/tiny -type f -exec sha256sum {} + | sort)"
expect_failure "a checkpoint with one number changed" "up_block4.0.bias
checksum|damaged" "$rossby" train --resume deck.yml "${small[@]}" --set trainer.epochs=2
[ "$(find runs/tiny -type f -exec sha256sum {} + | sort)" = "$before" ] || complain "a changed number" "files changed"
restore_runs

# A loss that is not finite: the step and the first bad tensor are named, the last good checkpoint stays.
expect_failure "a loss that explodes" "epoch 2
loss is (-?nan|-?inf)
(parameter|the output of) " \
  "$rossby" train --resume deck.yml "${small[@]}" --set trainer.epochs=3 --set trainer.learning_rate=1e30 \
  --set trainer.update_learning_rate=true --set trainer.use_scheduler=false --allow-changes
cmp -s runs/tiny/model_until_step_2.yml good_runs/tiny/model.yml ||
  complain "a loss that explodes" "the deck of before is not kept: $(ls runs/tiny)"
cp good_runs/tiny/model.yml runs/tiny/ # which tells of the job that failed
intact "a loss that explodes"

# No room for the checkpoint of 5 MB. (A limit on file sizes stands for a full disk: writing fails in the same way.
# MPI's own files need 4 MB.)
restore_runs
expect_failure "a full disk" "checkpoint.h5" bash -c "trap '' XFSZ; ulimit -f 4500; exec '$rossby' train --resume deck.yml ${small[*]} --set trainer.epochs=2"
cmp -s runs/tiny/checkpoint.h5 good_runs/tiny/checkpoint.h5 || complain "a full disk" "the last good checkpoint is gone"
echo >wall
expect_failure "a file where the run folder should be" "wall" "$rossby" train deck.yml "${small[@]}" --set save_loc=wall

# SIGTERM: a checkpoint, then the end; the run goes on from there. Launchers pass SIGUSR1 on, which means the same.
# interrupted NAME SIGNAL COMMAND...
interrupted() {
  local name="$1" signal="$2" running code=0 steps
  shift 2
  rm -rf runs/long
  "$@" train deck.yml --set save_loc=runs/long --set trainer.epochs=500 >output.txt 2>&1 &
  running=$!
  for _ in $(seq 600); do
    [ "$(wc -l 2>/dev/null <runs/long/training_steps.csv || echo 0)" -gt 2 ] && break
    sleep 0.1
  done
  kill "-$signal" "$running"
  wait "$running" || code=$?
  [ "$code" -eq 3 ] || complain "$name" "the exit code is $code, not 3"
  grep -q -- "--resume" output.txt || complain "$name" "it does not say how to go on"
  expect_success "the checkpoint after $name" "$rossby" info runs/long/checkpoint.h5
  steps="$(wc -l <runs/long/training_steps.csv)"
  expect_success "the run after $name" "$@" train --resume deck.yml --set save_loc=runs/long --set trainer.epochs=500 \
    --set trainer.num_epoch=1
  [ "$(wc -l <runs/long/training_steps.csv)" -gt "$steps" ] || complain "the run after $name" "it did not go on"
}
restore_runs
interrupted SIGTERM TERM "$rossby"
if has_mpi; then
  interrupted "SIGUSR1 to two ranks" USR1 mpirun -np 2 "$rossby"
fi

# Forecasts and scores of what is not there.
restore_runs
expect_failure "a forecast without a run" "runs/none" "$rossby" forecast deck.yml --set save_loc=runs/none
expect_failure "a forecast from outside the data" "2001-01-01" "$rossby" forecast deck.yml \
  --set inference.batch_forecast.first_init_date=2001-01-01 --set inference.batch_forecast.last_init_date=2001-01-01
expect_failure "a forecast into a file" "wall" "$rossby" forecast deck.yml --set inference.save_forecast=wall
expect_failure "scores without forecasts" "runs/tiny/forecast" "$rossby" verify deck.yml
expect_failure "a full disk under a forecast" "full.nc
space" bash -c "trap '' XFSZ; ulimit -f 4500; exec '$rossby' forecast deck.yml --set inference.batch_forecast.forecast_length=10d --set inference.output.encoding.dtype=float64"
[ -z "$(find runs/tiny/forecast -name '*.nc*')" ] || complain "a full disk under a forecast" "it left $(find runs/tiny/forecast -name '*.nc*')"
rm -rf runs/tiny/forecast
expect_success "a forecast" "$rossby" forecast deck.yml
if has_mpi; then # what one rank alone meets ends all of them, in its words
  python "
with netCDF4.Dataset('data/tiny/state_2000.nc', 'a') as f: f['t'][5, 1, 3, 4:6] = np.nan"
  for tiles in 1 2; do
    expect_failure "NaN that one of two ranks reads, $tiles tile(s)" "state_2000.nc, variable t: 2 of .* at 2000-01-02 06:00:00" \
      mpirun -np 2 "$rossby" train deck.yml --set save_loc=runs/nan$tiles --set trainer.parallelism.domain=$tiles
  done
  restore_data
fi
victim="$(find runs/tiny/forecast -name '*.nc' | sort | head -n 1)"
truncate -s 1000 "$victim"
expect_failure "scores of a damaged forecast" "$victim" "$rossby" verify deck.yml
finish
