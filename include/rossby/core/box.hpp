#pragma once
/// \file
/// Rectangles of cells.

#include <rossby/core/kokkos_compat.hpp>

#include <vector>

namespace rossby {

/// Rows [row0, row1) and columns [col0, col1) of a grid; row 0 of a global grid is the northernmost.
struct Box {
  index_t row0 = 0, row1 = 0, col0 = 0, col1 = 0;
  index_t rows() const { return row1 - row0; }
  index_t cols() const { return col1 - col0; }
  index_t cells() const { return rows() * cols(); }
  bool empty() const { return cells() == 0; }
  bool operator==(Box const& o) const { return row0 == o.row0 && row1 == o.row1 && col0 == o.col0 && col1 == o.col1; }
};

Box intersect(Box const&, Box const&);
/// The numbers of a box's cells, row by row, on a grid of `width` columns.
std::vector<index_t> cells_of(Box const&, index_t width);
/// What is left of `whole` without `inner`, which lies in it: boxes that don't overlap, none of them empty.
std::vector<Box> frame(Box const& whole, Box const& inner);
/// A box of most cells whose flags (row by row, `width` to a row) are all set.
Box largest_box(std::vector<bool> const& flags, index_t width);

} // namespace rossby
