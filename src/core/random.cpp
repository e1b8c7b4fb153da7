#include <rossby/core/random.hpp>

#include "core/hash.hpp"

namespace rossby {

std::uint64_t stream_of(std::string const& name) { return hash_of(name); }

} // namespace rossby
