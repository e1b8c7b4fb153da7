#!/usr/bin/env bash
# From data to scores with the tiny deck: what two ranks train is what one rank trains, an interrupted run ends as an
# uninterrupted one, forecasts are CF files, and the scores are what Python makes of the same files.
. "$(dirname "${BASH_SOURCE[0]}")/../support/bad_input.bash"
rossby="$ROSSBY_PROGRAM"
export OMPI_MCA_mpi_yield_when_idle=1 # ranks that wait leave the core to those that work
expect_success "preprocess" "$rossby" preprocess deck.yml
expect_success "train" "$rossby" train deck.yml

# A run in three jobs.
jobs=(--set save_loc=runs/jobs --set trainer.num_epoch=1)
for job in 1 2 3; do
  expect_success "job $job" "$rossby" train --resume deck.yml "${jobs[@]}"
done
for file in training_steps.csv training_log.csv; do
  cmp -s "runs/tiny/$file" "runs/jobs/$file" || complain "a run in three jobs" "$file differs"
done

# Ranks: losses to round-off in float32.
if command -v mpirun >/dev/null; then
  expect_success "two ranks" mpirun -np 2 "$rossby" train deck.yml --set trainer.num_epoch=1 --set save_loc=runs/ranks --set trainer.train_batch_size=1
  expect_success "two tiles" mpirun -np 2 "$rossby" train deck.yml --set trainer.num_epoch=1 --set save_loc=runs/tiles --set trainer.parallelism.domain=2
  for run in ranks tiles; do
    head -n 16 runs/tiny/training_steps.csv | paste -d, - runs/$run/training_steps.csv | awk -F, 'NR > 1 {
      d = ($4 - $10) / $4; if (d < 0) d = -d; if (d > 1e-4 || $1 != $7) bad = 1 } END { exit bad || NR != 16 }' ||
      complain "$run" "another training than on one rank"
  done
fi

expect_success "forecast" "$rossby" forecast deck.yml
expect_success "verify" "$rossby" verify deck.yml
expect_success "daily files" "$rossby" forecast deck.yml --set inference.output.group_by=day \
  --set inference.save_forecast=runs/daily --set 'inference.output.variables=[u, {name: t, levels: [850]}]'
"$ROSSBY_PYTHON" "$ROSSBY_SOURCE/tests/support/recompute_scores.py" . >output.txt 2>&1 ||
  complain "scores" "Python gets other numbers"
finish
