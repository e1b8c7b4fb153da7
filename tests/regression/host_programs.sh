#!/usr/bin/env bash
# What host programs may rely on, as seen from outside.
# needs: mpi
set -euo pipefail
. "$ROSSBY_SOURCE/scripts/env.sh"

# No launcher, no MPI_Init: groups of one rank make no call of MPI.
[ "$("$ROSSBY_TEST_PROGRAMS/before_mpi")" = right ]
