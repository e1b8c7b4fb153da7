#pragma once
/// \file
/// Private to src/io: what a netCDF file's first bytes say. The netCDF library reads zeros beyond the end of a classic
/// file that was cut short, so that has to be found here.

#include <string>

namespace rossby::io {

/// \throws Error when the file is missing, empty, not netCDF at all, or classic netCDF and shorter than its header
/// promises.
void expect_whole_netcdf_file(std::string const& file);

} // namespace rossby::io
