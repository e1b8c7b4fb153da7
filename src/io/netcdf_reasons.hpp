#pragma once
/// \file
/// Private to src/io: what stands behind the netCDF library's "HDF error" and "filter error".

#include <string>

namespace rossby::io {

struct Reason {
  std::string what, fix; ///< empty `what`: not known better than the library
};

/// Why a file could not be opened: locked by who writes it, not closed by who wrote it.
Reason why_not_opened(std::string const& file);
/// Why a variable of an open file could not be read: filters that are not installed.
Reason why_not_read(int file_id, int variable_id);

} // namespace rossby::io
