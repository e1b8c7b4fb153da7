#pragma once
/// \file
/// Private to src/io: opening netCDF files by all ranks of a group together.

#include <rossby/comm/communicator.hpp>

#include <string>

namespace rossby::io {

/// netCDF status; on success `id` is the open file.
int create_netcdf_together(std::string const& path, Communicator const&, int& id);
int open_netcdf_together(std::string const& path, Communicator const&, int& id);
/// From now on every write of the variable is made by all ranks at once (compressed variables need that).
int write_variable_together(int file, int variable);

} // namespace rossby::io
