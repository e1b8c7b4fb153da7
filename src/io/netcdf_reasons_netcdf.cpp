#include "netcdf_reasons.hpp"

#include <fmt/format.h>
#include <netcdf.h>
#include <netcdf_filter.h>

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <vector>

namespace rossby::io {

namespace {

/// Filters that The HDF Group's list of registered ones names and that files of this field use.
char const* name_of_filter(unsigned id)
{
  switch (id) {
  case 4:
    return "szip";
  case 307:
    return "bzip2";
  case 32001:
    return "blosc";
  case 32004:
    return "lz4";
  case 32008:
    return "bitshuffle";
  case 32013:
    return "zfp";
  case 32015:
    return "zstandard";
  default:
    return "unknown to Rossby";
  }
}

} // namespace

Reason why_not_opened(std::string const& file)
{
  int const handle = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (handle < 0)
    return {};
  bool const locked = ::flock(handle, LOCK_SH | LOCK_NB) != 0;
  int const why = errno;
  ::close(handle);
  if (locked && why == EWOULDBLOCK)
    return {"is locked: another program has it open for writing",
            "wait until that program has closed it, or give a copy of the file"};
  if (locked)
    return {"can't be locked: its file system knows no locks, which HDF5 asks for",
            "set HDF5_USE_FILE_LOCKING=FALSE in the environment"};
  return {"can't be opened by HDF5",
          "it may be damaged or cut short: copy or make it again; if the program that wrote it was "
          "killed before it closed the file, h5clear -s FILE may help"};
}

Reason why_not_read(int file_id, int variable_id)
{
  std::size_t count = 0;
  if (nc_inq_var_filter_ids(file_id, variable_id, &count, nullptr) != NC_NOERR || count == 0)
    return {};
  std::vector<unsigned> ids(count);
  nc_inq_var_filter_ids(file_id, variable_id, &count, ids.data());
  std::string absent;
  for (unsigned const id : ids)
    if (nc_inq_filter_avail(file_id, id) != NC_NOERR)
      absent += fmt::format("{}{} ({})", absent.empty() ? "" : ", ", id, name_of_filter(id));
  if (absent.empty())
    return {};
  return {fmt::format("is stored with HDF5 filter {}, which is not installed here", absent),
          "install the plugin and name its folder in HDF5_PLUGIN_PATH, or write the file anew with zlib where the "
          "plugin is: "
          "nccopy -F '*,none' IN PLAIN, then nccopy -d 4 PLAIN OUT"};
}

} // namespace rossby::io
