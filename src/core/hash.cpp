#include "core/hash.hpp"

namespace rossby {

std::uint64_t hash_of(std::string const& text)
{
  std::uint64_t hash = 14695981039346656037ull;
  for (unsigned char const c : text)
    hash = (hash ^ c) * 1099511628211ull;
  return hash;
}

} // namespace rossby
