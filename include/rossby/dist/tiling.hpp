#pragma once
/// \file
/// How a global grid is cut into tiles, one per rank of a group.

#include <rossby/core/box.hpp>

#include <vector>

namespace rossby {

/// A grid of height x width cells and the box that each rank owns. Boxes don't overlap and cover the grid; some may be
/// empty.
class Tiling {
public:
  Tiling() = default;
  Tiling(index_t height, index_t width, std::vector<Box> boxes);
  /// The whole grid on one rank.
  static Tiling whole(index_t height, index_t width);

  index_t height() const { return height_; }
  index_t width() const { return width_; }
  int ranks() const { return static_cast<int>(boxes_.size()); }
  Box const& box(int rank) const { return boxes_[static_cast<std::size_t>(rank)]; }
  /// The rank that owns a cell.
  int owner(index_t row, index_t col) const;
  /// Position of a cell in its owner's tile, row-major.
  index_t local(int rank, index_t row, index_t col) const
  {
    Box const& b = box(rank);
    return (row - b.row0) * b.cols() + (col - b.col0);
  }

private:
  index_t height_ = 0, width_ = 0;
  std::vector<Box> boxes_;
  std::vector<index_t> row_cuts_, col_cuts_; // every edge of every box: between two cuts the owner is constant
  std::vector<int> owner_;
};

} // namespace rossby
