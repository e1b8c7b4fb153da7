#!/usr/bin/env bash
# Commands that need no device start none, and no MPI where no launcher started them: they work on login nodes.
# needs: mpi netcdf
. "$(dirname "${BASH_SOURCE[0]}")/../support/bad_input.bash"
watch="$ROSSBY_TEST_PROGRAMS/libstart_watch.so"
# starts NAME WHAT COMMAND…: the command succeeds, and WHAT of MPI and Kokkos it starts.
starts() {
  local name="$1" what="$2"
  shift 2
  rm -f started
  expect_success "$name" env LD_PRELOAD="$watch" KOKKOS_PROFILE_LIBRARY="$watch" KOKKOS_TOOLS_LIBS="$watch" \
    START_WATCH="$scratch/started" "$@"
  touch started
  [ "$(sort -u started | xargs)" = "$what" ] || complain "$name" "it starts '$(sort -u started | xargs)', not '$what'"
}

starts "help" "" "$ROSSBY_PROGRAM" --help
starts "help of a command" "" "$ROSSBY_PROGRAM" train --help
starts "version" "" "$ROSSBY_PROGRAM" --version
starts "info" "" "$ROSSBY_PROGRAM" info deck.yml
starts "info of parameters" "" "$ROSSBY_PROGRAM" info --parameters deck.yml
starts "info of a mesh" "" "$ROSSBY_PROGRAM" info --mesh deck.yml -n 4
starts "preprocess" "" "$ROSSBY_PROGRAM" preprocess deck.yml
starts "check" "" "$ROSSBY_PROGRAM" check deck.yml
starts "check on two ranks" "MPI" mpirun -np 2 "$ROSSBY_PROGRAM" check deck.yml
starts "preprocess on two ranks" "MPI" mpirun -np 2 "$ROSSBY_PROGRAM" preprocess deck.yml
starts "train" "Kokkos MPI" "$ROSSBY_PROGRAM" train deck.yml --set trainer.num_epoch=1
starts "status" "" "$ROSSBY_PROGRAM" status runs/tiny
starts "Kokkos' own arguments" "" "$ROSSBY_PROGRAM" --kokkos-print-configuration info deck.yml
# Under a launcher one rank speaks for all.
[ "$(mpirun -np 2 "$ROSSBY_PROGRAM" --help | grep -c "Trains and runs")" = 1 ] || complain "help on two ranks" "twice"
finish
