#pragma once
/// \file
/// How the grids of a WXFormer are cut into tiles.

#include <rossby/dist/tiling.hpp>
#include <rossby/models/pyramid/config.hpp>

#include <array>
#include <set>

namespace rossby {

/// How the ranks of one sample are arranged: row-major over (tensor, row, column).
struct ProcessGrid {
  int rows = 1, columns = 1;    ///< of domain tiles
  int tensor = 1;               ///< ranks that share a domain tile, each with a part of it ...
  std::set<int> tensor_whole{}; ///< ... and with a part of every layer, except in these encoder stages
  int domains() const { return rows * columns; }
};

/// Tiles are cut on the coarsest encoder grid and scaled up, so that no stride straddles a cut; a tensor group cuts its
/// domain tile once more, along its longer side.
struct GridTiles {
  Tiling image;                ///< physical; a tile that is all padding is empty
  Tiling padded;               ///< the image with its padding
  std::array<Tiling, 4> stage; ///< of the encoder
  std::array<Tiling, 5> level; ///< of the decoder: level k has 2^k cells of stage 3 along each axis
};

/// \throws Error when a rank would get no coarse cell, naming a process grid that fits.
GridTiles cut_tiles(PyramidConfig const&, ProcessGrid const&);

} // namespace rossby
