# Settings for running Rossby, to be sourced: . scripts/env.sh
# The other scripts do so by themselves; what is already set is kept.

# OpenMPI: allow root (containers) and more ranks than cores (tests), and leave ranks unpinned, so that two ranks of
# two programs don't end on one core.
export OMPI_ALLOW_RUN_AS_ROOT="${OMPI_ALLOW_RUN_AS_ROOT:-1}"
export OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="${OMPI_ALLOW_RUN_AS_ROOT_CONFIRM:-1}"
export OMPI_MCA_rmaps_base_oversubscribe="${OMPI_MCA_rmaps_base_oversubscribe:-1}"
export OMPI_MCA_hwloc_base_binding_policy="${OMPI_MCA_hwloc_base_binding_policy:-none}"
# Containers often forbid one process to read another's memory; OpenMPI then complains at each start.
export OMPI_MCA_btl_vader_single_copy_mechanism="${OMPI_MCA_btl_vader_single_copy_mechanism:-none}"
# One thread per rank: the ranks are the parallelism.
export OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-1}"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
export OMP_PROC_BIND="${OMP_PROC_BIND:-false}"
# The Python that Debian's packages belong to (another one may come first in PATH). Only tools and tests use it.
if [ -z "${ROSSBY_PYTHON:-}" ]; then
  ROSSBY_PYTHON=python3
  [ -x /usr/bin/python3 ] && ROSSBY_PYTHON=/usr/bin/python3
fi
export ROSSBY_PYTHON
# How many compilers and tests run at a time. (nproc alone would obey OMP_NUM_THREADS.)
export ROSSBY_JOBS="${ROSSBY_JOBS:-$(env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc)}"
