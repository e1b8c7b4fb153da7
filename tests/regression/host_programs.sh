#!/usr/bin/env bash
# What host programs may rely on, as seen from outside.
# needs: mpi netcdf
. "$(dirname "${BASH_SOURCE[0]}")/../support/bad_input.bash"

# No launcher, no MPI_Init: groups of one rank make no call of MPI.
[ "$("$ROSSBY_TEST_PROGRAMS/before_mpi")" = right ] || complain "a group of one" "not right"

# Training through the C interface: on one rank, and on two tiles with the same losses to round-off.
train="$ROSSBY_TEST_PROGRAMS/train_from_c"
expect_success "preprocess" "$ROSSBY_PROGRAM" preprocess deck.yml
expect_success "training from C" "$train" deck.yml one.h5 save_loc=runs/one
tail -n 1 output.txt >one
expect_success "training from C on two tiles" mpirun -np 2 "$train" deck.yml two.h5 save_loc=runs/two \
  trainer.parallelism.data=none trainer.parallelism.domain=2
grep -E '^[0-9.]+ [0-9.]+ [0-9.]+$' output.txt >two || complain "two tiles" "no losses"
paste -d' ' one two | awk '{ for (i = 1; i <= 3; ++i) { d = ($i - $(i + 3)) / $i; if (d < 0) d = -d; if (!(d < 1e-4)) bad = 1 } }
  END { exit bad || NR != 1 }' || complain "two tiles" "other losses than on one rank: $(cat one) and $(cat two)"

# Two training sessions in one process.
expect_success "two sessions" "$ROSSBY_TEST_PROGRAMS/two_sessions" deck.yml
grep -qx right output.txt || complain "two sessions" "they disturb each other"
finish
