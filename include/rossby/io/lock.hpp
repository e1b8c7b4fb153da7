#pragma once
/// \file
/// The one lock around HDF5 and netCDF.

#include <mutex>

namespace rossby::io {

/// Held during every HDF5 or netCDF call of the process: neither library promises to be thread-safe, and netCDF-4
/// files are HDF5 files.
std::unique_lock<std::recursive_mutex> library_lock();

} // namespace rossby::io
