// Eight bytes at a time, after Kounavis and Berry, "A systematic approach to building high performance software-based
// CRC generators", ISCC 2005: table k holds what a byte contributes that k more bytes follow.
#include "crc32.hpp"

#include "little_endian.hpp"

#include <array>

namespace rossby::io {

namespace {
using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Tables make_tables()
{
  Tables t{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit)
      c = (c >> 1) ^ (c & 1u ? 0xedb88320u : 0u);
    t[0][i] = c;
  }
  for (std::size_t k = 1; k < 8; ++k)
    for (std::size_t i = 0; i < 256; ++i)
      t[k][i] = (t[k - 1][i] >> 8) ^ t[0][t[k - 1][i] & 0xffu];
  return t;
}
constexpr Tables tables = make_tables();
} // namespace

std::uint32_t crc32(std::uint32_t before, void const* bytes, std::size_t count)
{
  auto const* p = static_cast<unsigned char const*>(bytes);
  std::uint32_t c = ~before;
  for (; count >= 8; count -= 8, p += 8) {
    std::uint32_t const low = c ^ little<std::uint32_t>(p), high = little<std::uint32_t>(p + 4);
    c = tables[7][low & 0xffu] ^ tables[6][(low >> 8) & 0xffu] ^ tables[5][(low >> 16) & 0xffu] ^ tables[4][low >> 24] ^
        tables[3][high & 0xffu] ^ tables[2][(high >> 8) & 0xffu] ^ tables[1][(high >> 16) & 0xffu] ^
        tables[0][high >> 24];
  }
  for (; count > 0; --count, ++p)
    c = (c >> 8) ^ tables[0][(c ^ *p) & 0xffu];
  return ~c;
}

} // namespace rossby::io
