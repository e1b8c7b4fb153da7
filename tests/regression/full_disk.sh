#!/usr/bin/env bash
# One rank's disk is full while the ranks of a sample write its forecast: all of them end, with the name of the file, and
# no half-written file stays. A limit on the size of files stands for the full disk; it leaves room for MPI's own.
# needs: mpi netcdf
. "$(dirname "${BASH_SOURCE[0]}")/../support/bad_input.bash"
rossby="$ROSSBY_PROGRAM"
export OMPI_MCA_mpi_yield_when_idle=1 # ranks that wait leave the core to those that work

# The program, with the limit on rank FULL_RANK (as Open MPI or as MPICH and its kin count them).
cat >limited.sh <<'SCRIPT'
#!/bin/bash
trap '' XFSZ
if [ "${OMPI_COMM_WORLD_RANK:-${PMI_RANK:-}}" = "$FULL_RANK" ]; then ulimit -f 16384; fi
exec "$@"
SCRIPT
chmod +x limited.sh

expect_success "preprocess" "$rossby" preprocess deck.yml
expect_success "weights" "$rossby" train deck.yml --set trainer.epochs=1 --set trainer.batches_per_epoch=1 \
  --set trainer.skip_validation=true
# 35 MB
forecast=("$rossby" forecast deck.yml --set trainer.parallelism.data=none --set 'trainer.parallelism.domain=[1, 2]'
  --set inference.save_forecast=out --set inference.batch_forecast.forecast_length=1440h
  --set inference.batch_forecast.last_init_date=2000-01-09)
plain='inference.output.encoding={dtype: float64}'
summed='inference.output.encoding={dtype: float64, fletcher32: true}' # one rank writes for all
while read -r rank encoding; do
  export FULL_RANK="$rank"
  rm -rf out
  expect_failure "a full disk of rank $rank, $encoding" "error: out/.*/full.nc" \
    mpirun -np 2 ./limited.sh "${forecast[@]}" --set "${!encoding}" </dev/null
  [ -d out ] || complain "rank $rank, $encoding" "it failed before it wrote"
  left="$(find out -type f)"
  [ -z "$left" ] || complain "rank $rank, $encoding" "files were left: $left"
done <<'CASES'
0 plain
1 plain
0 summed
CASES
FULL_RANK=1 expect_success "a rank that only hands over its tile" mpirun -np 2 ./limited.sh "${forecast[@]}" \
  --set "$summed"
finish
