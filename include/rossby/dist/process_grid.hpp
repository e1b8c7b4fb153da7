#pragma once
/// \file
/// How the ranks of one sample are arranged over the globe.

#include <rossby/core/box.hpp>

#include <set>
#include <vector>

namespace rossby {

/// Row-major over (tensor, row, column).
struct ProcessGrid {
  int rows = 1, columns = 1;    ///< of domain tiles
  int tensor = 1;               ///< ranks that share a domain tile, each with a part of it ...
  std::set<int> tensor_whole{}; ///< ... and with a part of every layer, except in these stages of the model
  int domains() const { return rows * columns; }
};

/// Each rank's box of a grid whose cells are not cut. A tensor group cuts its domain tile once more, along its longer
/// side. \throws Error when a rank would get no cell, naming a process grid that fits.
std::vector<Box> cut_cells(index_t height, index_t width, ProcessGrid const&);

} // namespace rossby
