#pragma once
/// \file
/// Private to src/io: the table of contents of a ZIP archive whose members are stored as they are, ZIP64 included.

#include "input_file.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace rossby::io {

struct ZipMember {
  std::string name;
  std::uint64_t offset = 0, size = 0; ///< of the data, in the file
  std::uint32_t crc = 0;              ///< 0: not stated
};

/// All members, in the order of the archive's directory. \throws Error for a file that is cut or contradicts itself,
/// and for compressed or encrypted members, by name.
std::vector<ZipMember> read_zip_directory(InputFile const&);

/// Compares a member's bytes with its checksum, if it has one. \throws Error naming the member.
void verify_member(InputFile const&, ZipMember const&);

} // namespace rossby::io
