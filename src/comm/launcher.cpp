#include <rossby/comm/runtime.hpp>

#include <cstdlib>

namespace rossby {

bool started_by_launcher()
{
  // What Open MPI, PMIx, PMI (MPICH, Cray MPICH, Intel MPI), PALS, Slurm's srun, MVAPICH, Flux and jsrun leave.
  for (char const* name :
       {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS", "PALS_RANKID", "SLURM_STEP_ID",
        "MV2_COMM_WORLD_SIZE", "FLUX_TASK_RANK", "JSM_NAMESPACE_RANK"})
    if (std::getenv(name))
      return true;
  return false;
}

} // namespace rossby
