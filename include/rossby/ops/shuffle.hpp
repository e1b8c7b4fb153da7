#pragma once
/// \file
/// Pixel shuffle and sparse stencils: local rearrangements of cells.

#include <rossby/core/array.hpp>

#include <vector>

namespace rossby::ops {

/// y[b, 2i+a, 2j+e, c] = x[b, i, j, 4c + 2a + e]. x: [B, h, w, 4C], y: [B, 2h, 2w, C].
void pixel_shuffle_forward(Exec const&, Array const& x, Out y);
void pixel_shuffle_backward(Exec const&, Array const& dy, Out dx);

/// A sparse linear map from the cells of one array to those of another, the same for every channel: bilinear
/// interpolation, for instance. Holds both itself and its adjoint as row lists, so neither needs atomics.
class Stencil {
public:
  struct Entry {
    index_t target, source;
    double weight;
  };
  Stencil() = default;
  Stencil(Exec const&, index_t targets, index_t sources, std::vector<Entry> const&);

  /// y[b, target, c] = sum of weight x[b, source, c]. x: [B, sources, C], y: [B, targets, C].
  void apply(Exec const&, Array const& x, Out y) const;
  /// dx[b, source, c] = sum of weight dy[b, target, c].
  void adjoint(Exec const&, Array const& dy, Out dx) const;
  index_t targets() const { return targets_; }
  index_t sources() const { return sources_; }

private:
  struct Rows {
    IndexList start, column;
    Array weight; ///< float64
  };
  static Rows rows_of(Exec const&, index_t rows, std::vector<Entry> entries);
  index_t targets_ = 0, sources_ = 0;
  Rows forward_, backward_;
};

} // namespace rossby::ops
