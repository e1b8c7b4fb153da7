#pragma once
/// \file
/// Private to src/train: the seal of Rossby's own HDF5 files. The dataset /contents lists every group and every dataset
/// with its checksum, and has a checksum itself; it is the last thing that is written. A file with a seal is whole:
/// what it lists is there, with these checksums, and nothing else is. Damage to names, links or attributes can
/// therefore not make a part of a file look absent.

#include "io/hdf5.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace rossby {

/// By path of each dataset its checksum; groups have none.
using SealedContents = std::map<std::string, std::optional<std::int64_t>>;

/// Closes a file whose datasets have their checksums.
void seal(io::Hdf5File const&);
/// What the seal says; nothing for a file that has none. \throws Error for a seal that is damaged or gone.
std::optional<SealedContents> read_seal(io::Hdf5File const&);
/// \throws Error that names the first path that is listed and not there, or the other way round, or whose checksum is
/// another.
void expect_contents(io::Hdf5File const&, SealedContents const&);
/// True for files that Rossby has written whole, whose datasets all have checksums.
bool is_own(io::Hdf5File const&);

/// \throws Error: what is at `path` in the file is not what was written.
[[noreturn]] void damaged(std::string const& file, std::string const& path, std::string const& what);

/// Reads all of a file and compares every checksum, a piece at a time. \throws Error for the first damage.
void verify_file(std::string const& path);

} // namespace rossby
