#pragma once
/// \file
/// Rows beyond the poles and columns beyond the date line.

#include <rossby/core/kokkos_compat.hpp>

namespace rossby {

/// Padding of a global grid (CREDIT's boundary_padding.py): 'earth' reverses the rows beyond a pole, the first of them
/// repeating the edge row, and rolls them by half the width; 'mirror' reflects rows without repeating the edge.
/// Longitude wraps.
struct SpherePadding {
  bool active = false;
  enum class Mode { earth, mirror } mode = Mode::earth;
  int top = 0, bottom = 0, left = 0, right = 0;
};

/// Row and column in an image of `height` x `width` cells of a cell of the padded image.
struct PaddedCell {
  index_t row, col;
};
PaddedCell padding_source(SpherePadding const&, index_t height, index_t width, index_t row, index_t col);

} // namespace rossby
