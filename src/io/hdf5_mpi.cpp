#include "hdf5_access.hpp"

#include <hdf5.h>

namespace rossby::io {

std::int64_t parallel_file_access(Communicator const& ranks, bool together)
{
  hid_t const list = H5Pcreate(H5P_FILE_ACCESS);
  if (!ranks.native_handle()) // one rank: MPI's files are slow for it
    return list;
  H5Pset_fapl_mpio(list, *static_cast<MPI_Comm*>(ranks.native_handle()), MPI_INFO_NULL);
  // Metadata is read by one rank and broadcast, and written in one piece, instead of by every rank on its own.
  H5Pset_all_coll_metadata_ops(list, together);
  H5Pset_coll_metadata_write(list, together);
  return list;
}

std::int64_t collective_transfer(Communicator const& ranks)
{
  hid_t const list = H5Pcreate(H5P_DATASET_XFER);
  if (!ranks.native_handle())
    return list;
  H5Pset_dxpl_mpio(list, H5FD_MPIO_COLLECTIVE);
  return list;
}

} // namespace rossby::io
