#include "hdf5_access.hpp"

#include <hdf5.h>

namespace rossby::io {

std::int64_t parallel_file_access(Communicator const&, bool) { return H5Pcreate(H5P_FILE_ACCESS); }

std::int64_t collective_transfer(Communicator const&) { return H5Pcreate(H5P_DATASET_XFER); }

} // namespace rossby::io
