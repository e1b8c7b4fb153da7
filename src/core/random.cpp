#include <rossby/core/random.hpp>

namespace rossby {

std::uint64_t stream_of(std::string const& name)
{
  std::uint64_t hash = 14695981039346656037ull;
  for (unsigned char const c : name)
    hash = (hash ^ c) * 1099511628211ull;
  return hash;
}

} // namespace rossby
