#!/usr/bin/env bash
# From data to scores with the tiny deck: what two ranks train is what one rank trains, an interrupted run ends as an
# uninterrupted one, forecasts are CF files, and the scores are what Python makes of the same files.
# needs: netcdf
. "$(dirname "${BASH_SOURCE[0]}")/../support/bad_input.bash"
rossby="$ROSSBY_PROGRAM"
export OMPI_MCA_mpi_yield_when_idle=1 # ranks that wait leave the core to those that work
expect_success "preprocess" "$rossby" preprocess deck.yml
expect_success "train" "$rossby" train deck.yml

# A run in three jobs.
jobs=(--set save_loc=runs/jobs --set trainer.num_epoch=1)
for job in 1 2 3; do
  resume=()
  [ "$job" = 1 ] || resume=(--resume)
  expect_success "job $job" "$rossby" train "${resume[@]}" deck.yml "${jobs[@]}"
done
for file in training_steps.csv training_log.csv; do
  cmp -s "runs/tiny/$file" "runs/jobs/$file" || complain "a run in three jobs" "$file differs"
done

# Ranks: losses to round-off in float32.
if has_mpi; then
  expect_success "two ranks" mpirun -np 2 "$rossby" train deck.yml --set trainer.num_epoch=1 --set save_loc=runs/ranks --set trainer.train_batch_size=1
  # Where the host reaches the device's memory, both ways of MPI are one.
  expect_success "two tiles" env ROSSBY_DEVICE_MESSAGES=gpu-mpi mpirun -np 2 "$rossby" train deck.yml --report --set trainer.num_epoch=1 --set save_loc=runs/tiles --set trainer.parallelism.domain=2
  grep -qE "exchange +[1-9][0-9]* +[1-9]" output.txt || complain "two tiles" "--report shows no exchanges"
  for run in ranks tiles; do
    head -n 16 runs/tiny/training_steps.csv | paste -d, - runs/$run/training_steps.csv | awk -F, 'NR > 1 {
      d = ($4 - $10) / $4; if (d < 0) d = -d; if (d > 1e-4 || $1 != $7) bad = 1 } END { exit bad || NR != 16 }' ||
      complain "$run" "another training than on one rank"
  done
fi

expect_success "forecast" "$rossby" forecast deck.yml
grep -q "averaged weights of" output.txt || complain "forecast" "not with the weights that were validated"
expect_success "verify" "$rossby" verify deck.yml
expect_success "daily files" "$rossby" forecast deck.yml --set inference.output.group_by=day \
  --set inference.save_forecast=runs/daily --set 'inference.output.variables=[u, {name: t, levels: [850]}]' \
  --set 'inference.output.encoding={zlib: true, fletcher32: true, u: {chunksizes: [9, 1, 8, 99], shuffle: false}}'
expect_failure "chunks of another rank" "chunksizes
has 3 lengths, but u has 4 dimensions" "$rossby" forecast deck.yml --set inference.save_forecast=runs/never \
  --set 'inference.output.encoding={chunksizes: [1, 8, 8]}'
"$ROSSBY_PYTHON" "$ROSSBY_SOURCE/tests/support/recompute_scores.py" . >output.txt 2>&1 ||
  complain "scores" "Python gets other numbers"

# Correlations about a climatology from a file: a mean of two times, levels turned round.
python '
data, mean = netCDF4.Dataset("data/tiny/state_2000.nc"), netCDF4.Dataset("mean.nc", "w")
for name, v in data.variables.items():
    if name == "time": continue
    for d in v.dimensions:
        if d != "time" and d not in mean.dimensions: mean.createDimension(d, data.dimensions[d].size)
    fields = v.dimensions[0] == "time"
    new = mean.createVariable(name, "f8", v.dimensions[1:] if fields else v.dimensions)
    values = (2 * v[3] + v[8]) / 3 if fields else v[:]
    new[:] = values[::-1] if new.dimensions[0] == "level" else values
'
about=(--set metrics.args.metrics.acc.climatology_path=mean.nc)
expect_success "check with a climatology" "$rossby" check deck.yml "${about[@]}"
two=()
has_mpi && two=(mpirun -np 2)
expect_success "verify about a climatology" "${two[@]}" "$rossby" verify deck.yml "${about[@]}"
"$ROSSBY_PYTHON" "$ROSSBY_SOURCE/tests/support/recompute_scores.py" . mean.nc >output.txt 2>&1 ||
  complain "scores about a climatology" "Python gets other numbers"
for ranks in 1 2; do
  has_mpi || [ "$ranks" -eq 1 ] || continue
  launch=()
  [ "$ranks" -eq 1 ] || launch=(mpirun -np "$ranks")
  expect_success "training with acc on $ranks" "${launch[@]}" "$rossby" train deck.yml "${about[@]}" --set trainer.epochs=1 \
    --set trainer.batches_per_epoch=2 --set trainer.parallelism.domain="$ranks" --set save_loc=runs/acc$ranks
done
if has_mpi; then # the same on two tiles
  "$ROSSBY_PYTHON" -c '
import csv
a, b = (next(csv.DictReader(open(f"runs/acc{n}/training_log.csv"))) for n in (1, 2))
assert all(abs(float(a[k]) - float(b[k])) < 1e-4 for k in ("train_acc", "valid_acc")), (a, b)' >output.txt 2>&1 ||
    complain "acc on two tiles" "another correlation"
fi
expect_failure "no climatology" $'acc.climatology_path\nnowhere.nc does not exist' "$rossby" check deck.yml \
  --set metrics.args.metrics.acc.climatology_path=nowhere.nc
finish
