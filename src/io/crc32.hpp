#pragma once
/// \file
/// Private to src/io: the CRC-32 of ZIP archives (polynomial 0x04C11DB7, bits reflected).

#include <cstddef>
#include <cstdint>

namespace rossby::io {

/// Of the bytes so far, given the value for those before them; 0 for none.
std::uint32_t crc32(std::uint32_t before, void const* bytes, std::size_t count);

} // namespace rossby::io
