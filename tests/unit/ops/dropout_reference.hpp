#pragma once
/// \file
/// Which entries dropout drops, said once more and plainly: 32 random bits an entry, four entries a block.

#include <rossby/ops/elementwise.hpp>

namespace rossby::ops {

inline bool is_dropped(DropoutKey key, double p, index_t row, index_t width, index_t entry)
{
  index_t const blocks = width / 4 + (width % 4 != 0 ? 1 : 0);
  auto const bits = Philox::draws(key.seed, key.stream, static_cast<std::uint64_t>(row * blocks + entry / 4));
  return static_cast<double>(bits.w[entry % 4]) < std::floor(p * 4294967296.0);
}

} // namespace rossby::ops
