#include "netcdf_parallel.hpp"

#include <netcdf.h>
#include <netcdf_par.h>

namespace rossby::io {

int create_netcdf_together(std::string const& path, Communicator const& ranks, int& id)
{
  MPI_Comm const group = *static_cast<MPI_Comm*>(ranks.native_handle());
  return nc_create_par(path.c_str(), NC_NETCDF4 | NC_CLOBBER, group, MPI_INFO_NULL, &id);
}

int open_netcdf_together(std::string const& path, Communicator const& ranks, int& id)
{
  MPI_Comm const group = *static_cast<MPI_Comm*>(ranks.native_handle());
  return nc_open_par(path.c_str(), NC_NOWRITE, group, MPI_INFO_NULL, &id);
}

int write_variable_together(int file, int variable) { return nc_var_par_access(file, variable, NC_COLLECTIVE); }

} // namespace rossby::io
