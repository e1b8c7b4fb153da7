#pragma once
/// \file
/// Chains of elementwise steps (data/transform.hpp) on the device, with their derivative.

#include "data/transform.hpp"
#include <rossby/autograd/tape.hpp>
#include <rossby/dist/tiling.hpp>

#include <vector>

namespace rossby {

/// One chain for each channel of fields [samples, rows, columns, C] on a tile.
class DeviceChains {
public:
  /// `width`: columns of the global grid, by which steps with a value for each cell are indexed.
  DeviceChains(std::vector<TransformChain> const& by_channel, Box const& tile, index_t width);

  index_t channels() const { return start_.size() - 1; }
  /// True when every chain is empty.
  bool identity() const { return records_.size() == 0; }
  /// y = chain(x); may be the same array.
  void apply(Exec const&, Array const& x, Array const& y) const;
  /// dx = dy * chain'(x). Clamps pass a gradient inside their bounds, ends included; replaced values pass none.
  void backward(Exec const&, Array const& x, Array const& dy, Array const& dx) const;
  /// apply() as an operation on the tape; hands `x` through when there is nothing to do.
  Var operator()(Context&, Var const& x) const;

private:
  IndexList start_;   ///< first record of each channel; one more at the end
  Array records_;     ///< float64 [n, 4]: what, then its numbers
  Array cell_values_; ///< float64 [m, 2, cells]: scale and offset of affine steps that differ by cell
};

} // namespace rossby
