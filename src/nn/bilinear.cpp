#include "bilinear.hpp"

#include <algorithm>
#include <cmath>

namespace rossby {

Tap tap_of(index_t target, index_t in, index_t out)
{
  double const x =
      std::max(0.0, (static_cast<double>(target) + 0.5) * static_cast<double>(in) / static_cast<double>(out) - 0.5);
  index_t const low = std::min(static_cast<index_t>(std::floor(x)), in - 1);
  return {low, std::min(low + 1, in - 1), x - static_cast<double>(low)};
}

void add_bilinear(std::vector<ops::Stencil::Entry>& entries, index_t target, Tap const& r, Tap const& c,
                  Box const& source)
{
  auto const add = [&](index_t row, index_t col, double weight) {
    if (weight != 0)
      entries.push_back({target, (row - source.row0) * source.cols() + (col - source.col0), weight});
  };
  add(r.low, c.low, (1 - r.weight_high) * (1 - c.weight_high));
  add(r.low, c.high, (1 - r.weight_high) * c.weight_high);
  add(r.high, c.low, r.weight_high * (1 - c.weight_high));
  add(r.high, c.high, r.weight_high * c.weight_high);
}

} // namespace rossby
