# For scripts that start ranks. Sourced, with ROSSBY_PROGRAM set.

has_mpi() { command -v mpirun >/dev/null && "$ROSSBY_PROGRAM" --version | grep -q MPI; }

# on_ranks N ARGUMENTS...: the program on N ranks; on one where it was built without MPI.
on_ranks() {
  local ranks="$1"
  shift
  if has_mpi; then
    mpirun -np "$ranks" "$ROSSBY_PROGRAM" "$@"
  else
    "$ROSSBY_PROGRAM" "$@"
  fi
}
