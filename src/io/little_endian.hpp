#pragma once
/// \file
/// Private to src/io: numbers of file formats that fix their byte order, on machines of any.

#include <cstddef>
#include <string>
#include <type_traits>

namespace rossby::io {

/// The unsigned number in `sizeof(U)` bytes, lowest first.
template <class U> U little(void const* bytes)
{
  static_assert(std::is_unsigned_v<U>);
  auto const* const p = static_cast<unsigned char const*>(bytes);
  U value = 0;
  for (std::size_t i = 0; i < sizeof(U); ++i)
    value = static_cast<U>(value | static_cast<U>(static_cast<U>(p[i]) << (8 * i)));
  return value;
}

template <class U> void put_little(std::string& to, U value)
{
  static_assert(std::is_unsigned_v<U>);
  for (std::size_t i = 0; i < sizeof(U); ++i)
    to.push_back(static_cast<char>((value >> (8 * i)) & 0xffu));
}

} // namespace rossby::io
