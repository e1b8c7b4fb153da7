#pragma once
/// \file
/// Private to src/io: the part of the HDF5 wrapper that depends on message passing.

#include <rossby/comm/communicator.hpp>

#include <cstdint>

namespace rossby::io {

/// A file access list for all ranks of the group together. With `together` they also look into the file together.
std::int64_t parallel_file_access(Communicator const&, bool together);
/// A transfer list under which all ranks take part in each read and write.
std::int64_t collective_transfer(Communicator const&);

} // namespace rossby::io
