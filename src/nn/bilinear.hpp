#pragma once
/// \file
/// Bilinear resizes without aligned corners (PyTorch's convention), as stencils between boxes of two grids.

#include <rossby/dist/tiling.hpp>
#include <rossby/ops/shuffle.hpp>

namespace rossby {

/// The two sources of a target along one axis.
struct Tap {
  index_t low, high;
  double weight_high;
};
Tap tap_of(index_t target, index_t in, index_t out);

/// Adds a target with taps `r` and `c` whose sources lie in the box `source`.
void add_bilinear(std::vector<ops::Stencil::Entry>& entries, index_t target, Tap const& r, Tap const& c,
                  Box const& source);

} // namespace rossby
